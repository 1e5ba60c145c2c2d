"""`POST /v1/check/batch`: a domain a line in, an answer a line out, as they finish.

Nothing is gathered: the client's lines are read only when a worker is free, there are at most as many workers as the
lane has places, and they wait when the client does not read. When the client goes away the work stops.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from spfcheck.api.context import CALLER, NOTES, Service, service_of
from spfcheck.api.params import StrictBody, choice, query, sentence
from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.audit.report.serialise import json_bytes
from spfcheck.names import NotADomainName, domain_name

MAX_LINE = 2_048
"""Bytes of a line: a name and its braces need a tenth of it."""

MANY_READY = 256
"""Answers that may wait to be written before the workers wait too; each batch has a few at a time as a rule."""

READY_BYTES = 1024 * 1024
"""Bytes of them that may wait. An answer that is under way counts as the largest so far."""

WRITTEN_AT_ONCE = 64 * 1024
"""Bytes that are put together for one write: the next ones wait until the client has read."""

LINE_SECONDS = 30.0
"""How long the next line of the body may take."""

TURN_SECONDS = 0.001
"""How long a batch works on without asking whether somebody else has something to do."""

NDJSON = "application/x-ndjson"

Line = tuple[int, bytes | None]
"""The number of a line of the body, and its text; None for one that is too long."""


class BatchLine(StrictBody):
    """One line of the body; a bare JSON string is the domain as well."""

    domain: str


_TEXT = TypeAdapter(str)


async def batch(request: web.Request) -> web.StreamResponse:
    """Answer each line of the body in the order in which the checks end; `line` says which it was."""
    service = service_of(request)
    view = choice(query(request, frozenset({"view"})), "view", ("summary", "full"))
    # Without keys a page of another site could send a plain text, for which a browser asks nobody.
    plain = ("text/plain",) if service.keys_required else ()
    if request.content_type not in (NDJSON, "application/json", *plain):
        raise ProblemError(
            ProblemKind.UNSUPPORTED_MEDIA_TYPE, f"The body has to be sent as {NDJSON}, one JSON value a line."
        )
    caller, most = request[CALLER].name, service.settings.batches_per_key
    if service.batches[caller] >= most:
        raise ProblemError(
            ProblemKind.TOO_MANY_BATCHES,
            f"There are {most} batches under way for {caller} already.",
            headers={"Retry-After": "5"},
        )
    service.batches[caller] += 1
    try:
        return await _answered(request, service, view)
    finally:
        service.batches[caller] -= 1
        if not service.batches[caller]:
            del service.batches[caller]


async def _answered(request: web.Request, service: Service, view: str) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": NDJSON, "X-Accel-Buffering": "no"})
    await answer.prepare(request)
    stream = _Stream(request, answer, service, view)
    task = asyncio.current_task()
    assert task is not None
    service.checks.batches.add(task)
    try:
        await stream.run()
        await answer.write_eof()
    except* ConnectionError:
        request[NOTES]["gone"] = True
    finally:
        service.checks.batches.discard(task)
        request[NOTES]["lines"] = stream.done
    return answer


class _Stream:
    """One batch: workers, each with a line at a time, and one writer for what they have ready."""

    def __init__(self, request: web.Request, answer: web.StreamResponse, service: Service, view: str) -> None:
        self._answer = answer
        self._service = service
        self._checks = service.checks
        self._places = service.batch_places
        self._most = service.settings.batch_lane
        self._full = view == "full"
        caller = request[CALLER]
        self._leases = service.leases if caller.key is not None else None
        self._caller = caller.name
        self._chunks = chunks(request)
        self._todo: deque[Line] = deque()
        self._ended = False
        self._reading = asyncio.Lock()
        self._workers = self._idle = 0
        self._ready: list[bytes] = []
        self._held = 0
        """Bytes that wait to be written, and that are expected of the checks under way."""
        self._largest = 1_024
        self._last = 0
        self._late = False
        self._some, self._room = asyncio.Event(), asyncio.Event()
        self._over = False
        self._turn = time.perf_counter()
        self.done = 0

    async def run(self) -> None:
        """Answer all lines. Raises a group with `ConnectionError` when the client has gone; the checks end then."""
        async with asyncio.TaskGroup() as writing:
            writing.create_task(self._write())
            async with asyncio.TaskGroup() as workers:
                self._employ(workers)
            if self._late:
                sentence = f"The next line did not come within {LINE_SECONDS:g} s, so the batch ended."
                self._ready.append(_refusal(self._last + 1, sentence, problem=ProblemKind.REQUEST_TIMEOUT))
            self._over = True
            self._some.set()

    def _employ(self, workers: asyncio.TaskGroup) -> None:
        self._workers += 1
        workers.create_task(self._work(workers))

    async def _work(self, workers: asyncio.TaskGroup) -> None:
        while True:
            if not self._todo and not await self._read():
                return
            number, raw = self._todo.popleft()
            if self._todo and not self._idle and self._workers < self._most:
                self._employ(workers)
            while self._held + self._largest > READY_BYTES and self._held:
                self._room.clear()
                await self._room.wait()
            expected = self._largest
            self._held += expected
            answer = self._at_once(number, raw)
            if isinstance(answer, str):
                answer = await self._check(number, answer)
            self._held += len(answer) - expected
            self._largest = max(self._largest, len(answer))
            self._ready.append(answer)
            self._some.set()
            if len(self._ready) >= MANY_READY:
                self._room.clear()
                await self._room.wait()
            elif time.perf_counter() - self._turn > TURN_SECONDS:
                await asyncio.sleep(0)
                self._turn = time.perf_counter()

    async def _read(self) -> bool:
        """True once there is a line to do; False when there are no more. One reads, the others wait."""
        self._idle += 1
        async with self._reading:
            try:
                async with asyncio.timeout(LINE_SECONDS):
                    while not self._todo and not self._ended:
                        self._todo.extend(await anext(self._chunks))
            except StopAsyncIteration:
                self._ended = True
            except TimeoutError:
                self._ended = self._late = True
            if self._todo:
                self._last = self._todo[-1][0]
        self._idle -= 1
        return bool(self._todo)

    async def _write(self) -> None:
        while self._ready or not self._over:
            await self._some.wait()
            self._some.clear()
            ready, self._ready = self._ready, []
            for some in _together(ready):
                await self._answer.write(b"".join(some))
                self.done += len(some)
                self._held -= sum(map(len, some))
                self._room.set()
            self._room.set()

    def _at_once(self, number: int, raw: bytes | None) -> bytes | str:
        """The answer to a line that needs no check, else the domain to be checked."""
        if raw is None:
            return _refusal(number, f"The line is longer than {MAX_LINE} bytes.")
        try:
            domain = domain_name(_domain_of(raw))
        except NotADomainName as error:
            return _refusal(number, error.sentence, error.likely)
        except ValidationError as error:
            faults = " ".join(sentence(fault) for fault in error.errors()[:2])
            return _refusal(number, f"The line is not valid. {faults}")
        report = self._checks.bulk_at_hand(domain, full=self._full)
        return domain if report is None else _line(number, report)

    async def _check(self, number: int, domain: str) -> bytes:
        if self._leases is not None:
            await self._leases.take(self._caller)
        await self._places.acquire()
        try:
            return _line(number, await self._checks.bulk(domain, full=self._full))
        except Exception as error:
            self._service.log.error("failed", exc_info=error)
            return _refusal(
                number, "Something went wrong on our side; it has been logged.", problem=ProblemKind.INTERNAL
            )
        finally:
            self._places.release()


def _together(ready: list[bytes]) -> Iterator[list[bytes]]:
    """*ready* in parts of about `WRITTEN_AT_ONCE` bytes."""
    part: list[bytes] = []
    size = 0
    for one in ready:
        if part and size + len(one) > WRITTEN_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(one)
        size += len(one)
    if part:
        yield part


def _line(number: int, report: bytes) -> bytes:
    # The report is a JSON object already: its opening brace gives way to the line's number.
    return b'{"line":%d,%s\n' % (number, report[1:])


def _domain_of(raw: bytes) -> str:
    if raw[:1] == b"{":
        return BatchLine.model_validate_json(raw).domain
    if raw[:1] == b'"':
        return _TEXT.validate_json(raw)
    return raw.decode("utf-8", "replace")


def _refusal(
    number: int, detail: str, likely: str | None = None, problem: ProblemKind = ProblemKind.INVALID_BODY
) -> bytes:
    document: dict[str, Any] = {"line": number, "problem": {"type": f"/problems/{problem.slug}", "detail": detail}}
    if likely is not None:
        document["problem"]["likely"] = likely
    return json_bytes(document) + b"\n"


async def chunks(request: web.Request) -> AsyncIterator[list[Line]]:
    """The body's lines as they come, several at a time, blank ones left out; one that is too long is skipped."""
    number = 1
    kept = b""
    skipping = False
    async for chunk in request.content.iter_any():
        found: list[Line] = []
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            if not skipping and len(line) > MAX_LINE:
                found.append((number, None))
            elif not skipping and (text := line.strip()):
                found.append((number, text))
            skipping = False
            number += 1
        if len(kept) > MAX_LINE:
            if not skipping:
                found.append((number, None))
            skipping, kept = True, b""
        yield found
    if not skipping and (text := kept.strip()):
        yield [(number, text)]
