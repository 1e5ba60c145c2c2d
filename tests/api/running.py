"""The real application on a real loopback socket, over a zone text; nothing in it is replaced."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from spfcheck.api.keys import Scope, new_key
from spfcheck.api.observe.logs import configure
from spfcheck.resolver.types import Answer, Lookup, Question
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.serve import server
from spfcheck.serve.app import create_app
from spfcheck.settings import Settings

ZONE = """
_spf.mail.example    TXT  "v=spf1 ip4:192.0.2.0/25 ip6:2001:db8:25::/48 -all"
fine.example         TXT  "v=spf1 include:_spf.mail.example -all"
broken.example       TXT  "v=spf1 include:_spf.mail.example ~al"
other.example        TXT  "v=spf1 ip4:198.51.100.7 ~all"
bare.example         MX   10 mx.bare.example
mx.bare.example      A    198.51.100.9
slow.example         TXT  TIMEOUT
"""


def settings_of(**values: Any) -> Settings:
    return Settings(**{"sender_include": "_spf.mail.example", **values})


def zone_lookup(text: str = ZONE) -> ZoneLookup:
    return ZoneLookup(Zone.parse(text))


class SlowLookup:
    """A zone that is asked over a line which takes its time, or waits until it is let go; counts what it is asked."""

    def __init__(self, zone: str = ZONE, delay: float = 0.0) -> None:
        self._zone = zone_lookup(zone)
        self._delay = delay
        self.asked: list[Question] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def cached(self, question: Question) -> Answer | None:
        return None

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if question.name != "_spf.mail.example":
            await asyncio.sleep(self._delay)
            await self.gate.wait()
        return self._zone.cached(question)


@dataclass(frozen=True, slots=True)
class Keys:
    check: str
    support: str
    admin: str
    lines: tuple[str, ...]


def make_keys() -> Keys:
    made = [new_key([scope], os.urandom) for scope in (Scope.CHECK, Scope.SUPPORT, Scope.ADMIN)]
    return Keys(*(text for text, _ in made), lines=tuple(key.line() for _, key in made))


class Client:
    """An HTTP client of one running application."""

    def __init__(self, url: str, session: aiohttp.ClientSession, app: web.Application, runner: web.AppRunner) -> None:
        self.app = app
        self.url = url
        self.session = session
        self.runner = runner

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))

    def request(self, method: str, path: str, **options: Any) -> Any:
        from yarl import URL

        options.setdefault("allow_redirects", False)
        return self.session.request(method, URL(self.url + path, encoded=True), **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        return self.request("POST", path, **options)


@asynccontextmanager
async def running(
    settings: Settings | None = None, lookup: Lookup | None = None, **options: Any
) -> AsyncIterator[Client]:
    configure("json")
    app = create_app(settings or settings_of(), lookup or zone_lookup(), **options)
    sock = server.listen("127.0.0.1", 0)
    runner = server.runner_of(app)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            yield Client(server.url_of(sock), session, app, runner)
    finally:
        await runner.cleanup()


@contextmanager
def in_a_thread(make: Callable[[], web.Application]) -> Iterator[str]:
    """The application in a thread with a loop of its own, for clients that block; its address comes back."""
    configure("json")
    sock = server.listen("127.0.0.1", 0)
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        runner = server.runner_of(make())
        await runner.setup()
        await web.SockSite(runner, sock).start()
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield server.url_of(sock)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()
        sock.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for what nothing tells of."""
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - it is for what has no event
            await asyncio.sleep(0.005)
