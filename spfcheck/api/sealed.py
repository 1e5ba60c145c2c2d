"""An answer whose bytes are ready: the report at hand, which nearly everybody gets.

aiohttp's own `Response` gathers headers, asks the application for more and writes them out each time, which takes as
long as reading the request did. Here the head is one formatted text, and one write sends it with the body.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web

from spfcheck.api.context import REQUEST_ID

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_request import BaseRequest


class _Date:
    """The Date field (RFC 9110 6.6.1), which changes once a second."""

    second = 0
    line = ""


def _date() -> str:
    now = int(time.time())
    if now != _Date.second:
        _Date.second, _Date.line = now, f"Date: {formatdate(now, usegmt=True)}\r\n"
    return _Date.line


def fields(headers: Mapping[str, str]) -> str:
    """*headers* as they are sent."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def may_be_sealed(request: web.Request) -> bool:
    """True for what usual clients send: a GET of HTTP/1.1 over a connection that stays open."""
    return request.method == "GET" and request.version == HttpVersion11 and request.keep_alive


class Sealed(web.StreamResponse):
    """A 200 with *body* and the header *fields*, each ended by CRLF; for a request that `may_be_sealed`.

    Nothing that a stranger wrote may stand in *fields*. `on_response_prepare` is not asked, so what it adds to other
    answers has to be among them.
    """

    _status, _reason, _keep_alive = 200, "OK", True

    def __init__(self, fields: str, body: bytes) -> None:
        # What the base class makes here is for headers that are still to be gathered.
        self._fields = fields
        self._content = body

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter:
        """Send everything."""
        self._payload_writer = writer = request.writer
        head = (
            f"HTTP/1.1 200 OK\r\n{self._fields}Content-Length: {len(self._content)}\r\n{_date()}"
            f"X-Request-Id: {request[REQUEST_ID]}\r\n\r\n"
        )
        await writer.write(head.encode("ascii") + self._content)
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Wait for a client that reads slowly; there is no more to send."""
        assert self._payload_writer is not None
        assert not data
        await self._payload_writer.drain()
