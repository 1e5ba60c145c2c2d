"""Answers whose bytes are ready: the report at hand, which nearly everybody gets, and the refusal of whoever floods us.

aiohttp's own `Response` gathers headers, asks the application for more and writes them out each time, which takes as
long as reading the request did. Here the head is one formatted text, and one write sends it with the body.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
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
    """True for what usual clients send: HTTP/1.1, and the answer has its body."""
    return request.version == HttpVersion11 and request.method != "HEAD"


class Sealed(web.StreamResponse):
    """An answer of *status* with *body* and the header *fields*, each ended by CRLF, to what `may_be_sealed`.

    Nothing that a stranger wrote may stand in *fields*. `on_response_prepare` is not asked, so what it adds to other
    answers has to be among them.
    """

    def __init__(self, status: int, fields: str, body: bytes) -> None:
        # What the base class makes here is for headers that are still to be gathered.
        self._status = status
        self._fields = fields
        self._content = body

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter:
        """Send everything."""
        self._payload_writer = writer = request.writer
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        head = (
            f"{_STATUS_LINES[self._status]}{self._fields}Content-Length: {len(self._content)}\r\n{_date()}"
            f"{'' if self._keep_alive else CLOSE}X-Request-Id: {request[REQUEST_ID]}\r\n\r\n"
        )
        await writer.write(head.encode("ascii") + self._content)
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Wait for a client that reads slowly; there is no more to send."""
        assert self._payload_writer is not None
        assert not data
        await self._payload_writer.drain()


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
CLOSE = "Connection: close\r\n"
