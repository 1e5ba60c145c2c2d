"""Connections: no more than there is room for, none that stands still for long, and an answer to what is no HTTP.

aiohttp ends a connection on which no request comes. Here are the other ways to hold one: a client that does not read
what it asked for, and so many connections that nobody else gets one. Whoever has waited longest without a request
gives way to the next.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from spfcheck.api.context import SERVICE, Service
from spfcheck.api.frame import new_id
from spfcheck.api.problems import ProblemError, ProblemKind, content, headers

READER_SECONDS = 20.0
"""How long a client may not read what waits for it: 64 KB and more, at whatever speed a phone still has."""

SWEEP_SECONDS = 1.0
"""How often connections are looked at."""

KEPT_FREE = 48
"""Descriptors that are no connection's: the database, the resolvers, the log, the processes beside this one."""

FEWEST = 8
"""Connections that are taken however few descriptors there are."""

SCARCE = 4
"""With so few descriptors left the log says so."""

LINGERING_SECONDS = 2.0
"""How long the rest of a body is read that nobody wants any more, so that its sender sees the answer."""


class Connection(RequestHandler):
    """One connection, which knows since when its client has not read."""

    __slots__ = ("paused_at",)

    def __init__(self, server: BoundedServer, *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(server, loop=loop, **options)
        self.paused_at: float | None = None

    @property
    def waits(self) -> bool:
        """True while no request has come whole that is not answered; a batch, answered as it comes, does not wait."""
        request = self._current_request
        if request is not None and self._request_in_progress:
            return not request.content.is_eof() and not request.writer.output_size
        return not self._request_in_progress and not self._messages

    @property
    def waits_until(self) -> tuple[bool, float]:
        """Who gives way first: one without any request, and of those the one that is closed first if nothing comes."""
        return (self._request_in_progress, self._next_keepalive_close_time)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, or turn it away."""
        server = self._manager
        assert isinstance(server, BoundedServer)
        if server.makes_room():
            super().connection_made(transport)
            return
        # uvloop's transports do what asyncio's do, and are none.
        turned_away = cast("asyncio.Transport", transport)
        turned_away.write(server.refusal())
        turned_away.close()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self.paused_at = self._loop.time()

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self.paused_at = None

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is no HTTP; neither answer nor log repeat what was sent, which may be a key."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("An answer has begun already.")
        assert isinstance(self._manager, BoundedServer)
        return self._manager.fault(status, exc)


class BoundedServer(web.Server):
    """aiohttp's server for *service*, with at most *most* connections."""

    def __init__(self, inner: web.Server, service: Service, most: int, options: dict[str, Any]) -> None:
        super().__init__(inner.request_handler, request_factory=inner.request_factory, **options)
        self._options = options
        self._service = service
        self.most = most
        self._sweeping = asyncio.ensure_future(self._sweep())

    def __call__(self) -> Connection:
        """A new connection."""
        options = {name: value for name, value in self._options.items() if name != "handler_cancellation"}
        return Connection(self, loop=self._loop, **options)

    def makes_room(self) -> bool:
        """True where one more connection may be taken; one that waits for nothing but a request gives way."""
        if len(self._connections) < self.most:
            return True
        service = self._service
        waiting = [one for one in self._connections if isinstance(one, Connection) and one.waits and one.transport]
        service.seldom.warning("connections are full", most=self.most, waiting=len(waiting))
        if not waiting:
            service.metrics.closed["refused"] += 1
            return False
        service.metrics.closed["gave-way"] += 1
        oldest = min(waiting, key=lambda one: one.waits_until)
        del self._connections[oldest]
        oldest.force_close()
        return True

    def refusal(self) -> bytes:
        """The answer to a connection for which there is no room."""
        sentence = "There are as many connections as the service takes."
        problem = ProblemError(ProblemKind.BUSY, sentence, headers={"Retry-After": "1"})
        body = content(problem, new_id())
        told = {**self._service.protection, **headers(problem), "Content-Length": str(len(body)), "Connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"HTTP/1.1 503 Service Unavailable\r\n{lines}\r\n".encode() + body

    def fault(self, status: int, error: BaseException | None) -> web.Response:
        """The answer to a request that could not be read, or that aiohttp itself stumbled over."""
        kind = ProblemKind.BAD_REQUEST if status < 500 else ProblemKind.INTERNAL
        problem = ProblemError(kind, kind.value.explanation)
        request_id, service = new_id(), self._service
        if kind is ProblemKind.INTERNAL:
            service.log.error("failed", id=request_id, exc_info=error)
        else:
            service.metrics.refusals[kind.slug] += 1
            service.seldom.warning("malformed request", id=request_id, why=type(error).__name__)
        told = {**service.protection, **headers(problem), "X-Request-Id": request_id}
        answer = web.Response(status=kind.value.status, body=content(problem, request_id), headers=told)
        answer.force_close()
        return answer

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()

    def sweep(self) -> None:
        """End the connections of clients that do not read, and tell when descriptors run out."""
        before = self._loop.time() - READER_SECONDS
        for one in [c for c in self._connections if isinstance(c, Connection) and c.paused_at is not None]:
            if one.paused_at is not None and one.paused_at < before and one.transport is not None:
                self._service.metrics.closed["does-not-read"] += 1
                self._service.seldom.warning("a client does not read", seconds=READER_SECONDS)
                one.transport.abort()
        used, limit = descriptors()
        if used > limit - SCARCE:
            self._service.seldom.warning("descriptors run out", used=used, limit=limit)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - it is aiohttp's
        """End."""
        self._sweeping.cancel()
        await super().shutdown(timeout)


class BoundedRunner(web.AppRunner):
    """aiohttp's runner with a `BoundedServer`."""

    async def _make_server(self) -> BoundedServer:
        inner = await super()._make_server()
        service = self._app[SERVICE]
        return BoundedServer(inner, service, most_connections(service.settings.max_connections), dict(self._kwargs))


def most_connections(wanted: int, limits: Callable[[], tuple[int, int]] | None = None) -> int:
    """How many connections are taken where *wanted* are allowed, and the system allows so many descriptors."""
    _, limit = (limits or descriptors)()
    return max(FEWEST, min(wanted, limit - KEPT_FREE))


def descriptors() -> tuple[int, int]:
    """How many descriptors this process has, and how many it may have; nothing and very many where no one says."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return 0, 1 << 20
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limit = limit if limit > 0 else 1 << 20
    try:
        return len(os.listdir("/proc/self/fd")), limit  # noqa: PTH208 - names are not wanted
    except OSError as error:
        # To count them takes one.
        return limit if error.errno == errno.EMFILE else 0, limit
