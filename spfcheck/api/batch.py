"""`POST /v1/check/batch`: a domain a line in, an answer a line out, as they finish.

Nothing is gathered: at most as many lines as the lane has places are in memory, the client's lines are read only when
a place is free, and answers are written only as fast as the client reads. When the client goes away the work stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from spfcheck.api.context import CALLER, NOTES, Service, service_of
from spfcheck.api.entries import to_bytes
from spfcheck.api.params import StrictBody, choice, query, sentence
from spfcheck.api.problems import Kind, Problem
from spfcheck.audit.names import NotADomainName, domain_name

MAX_LINE = 2_048
"""Bytes of a line: a name and its braces need a tenth of it."""

NDJSON = "application/x-ndjson"


class BatchLine(StrictBody):
    """One line of the body; a bare JSON string is the domain as well."""

    domain: str


_TEXT = TypeAdapter(str)


async def batch(request: web.Request) -> web.StreamResponse:
    """Answer each line of the body in the order in which the checks end; `line` says which it was."""
    service = service_of(request)
    view = choice(query(request, frozenset({"view"})), "view", ("summary", "full"))
    if request.content_type not in (NDJSON, "application/json", "text/plain"):
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, f"The body has to be sent as {NDJSON}, one JSON value a line.")
    answer = web.StreamResponse(headers={"Content-Type": NDJSON, "X-Accel-Buffering": "no"})
    await answer.prepare(request)
    stream = _Stream(request, answer, service, view)
    try:
        await stream.run()
        await answer.write_eof()
    except* ConnectionError:
        request[NOTES]["gone"] = True
    finally:
        request[NOTES]["lines"] = stream.done
    return answer


class _Stream:
    """One batch: a reader, the checks under way, and writes in turn."""

    def __init__(self, request: web.Request, answer: web.StreamResponse, service: Service, view: str) -> None:
        self._request = request
        self._answer = answer
        self._service = service
        self._view = view
        self._places = service.batch_places
        caller = request[CALLER]
        self._leases = service.leases if caller.key is not None else None
        self._caller = caller.name
        self._writing = asyncio.Lock()
        self.done = 0

    async def run(self) -> None:
        """Answer all lines. Raises a group with `ConnectionError` when the client has gone; the checks end then."""
        async with asyncio.TaskGroup() as checks:
            async for number, raw in lines(self._request):
                ready = self._at_once(number, raw)
                if isinstance(ready, bytes):
                    await self._write(ready)
                    continue
                if self._leases is not None:
                    await self._leases.take(self._caller)
                await self._places.acquire()
                checks.create_task(self._check(number, ready))

    def _at_once(self, number: int, raw: bytes | None) -> bytes | str:
        """The answer to a line that needs no check, else the domain to be checked."""
        if raw is None:
            return _refusal(number, f"The line is longer than {MAX_LINE} bytes.")
        try:
            domain = domain_name(_domain_of(raw))
        except NotADomainName as error:
            return _refusal(number, error.sentence, error.likely)
        except ValidationError as error:
            return _refusal(
                number, "The line is not valid. " + " ".join(sentence(fault) for fault in error.errors()[:2])
            )
        entry = self._service.checks.at_hand(domain, opinion=False)
        return self._line(number, entry.summary if self._view == "summary" else entry.full) if entry else domain

    async def _check(self, number: int, domain: str) -> None:
        try:
            await self._write(await self._checked(number, domain))
        finally:
            self._places.release()

    async def _checked(self, number: int, domain: str) -> bytes:
        try:
            entry = await self._service.checks.bulk(domain)
        except Exception as error:
            self._service.log.error("failed", exc_info=error)
            return _refusal(number, "Something went wrong on our side; it has been logged.", problem=Kind.INTERNAL)
        return self._line(number, entry.summary if self._view == "summary" else entry.full)

    @staticmethod
    def _line(number: int, report: bytes) -> bytes:
        # The report is a JSON object already: its opening brace gives way to the line's number.
        return b'{"line":%d,%s\n' % (number, report[1:])

    async def _write(self, line: bytes) -> None:
        async with self._writing:
            await self._answer.write(line)
            self.done += 1


def _domain_of(raw: bytes) -> str:
    if raw[:1] == b"{":
        return BatchLine.model_validate_json(raw).domain
    if raw[:1] == b'"':
        return _TEXT.validate_json(raw)
    return raw.decode("utf-8", "replace")


def _refusal(number: int, detail: str, likely: str | None = None, problem: Kind = Kind.INVALID_BODY) -> bytes:
    document: dict[str, Any] = {"line": number, "problem": {"type": f"/problems/{problem.slug}", "detail": detail}}
    if likely is not None:
        document["problem"]["likely"] = likely
    return to_bytes(document) + b"\n"


async def lines(request: web.Request) -> AsyncIterator[tuple[int, bytes | None]]:
    """The body's lines with their numbers, blank ones left out; None for one that is too long, which is skipped."""
    number = 1
    kept = b""
    skipping = False
    async for chunk in request.content.iter_any():
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            if len(line) > MAX_LINE and not skipping:
                yield number, None
            elif line.strip() and not skipping:
                yield number, line.strip()
            skipping = False
            number += 1
        if len(kept) > MAX_LINE:
            if not skipping:
                yield number, None
            skipping, kept = True, b""
    if kept.strip() and not skipping:
        yield number, kept.strip()
