"""The service in a process of its own, and a client that asks it over loopback: what the HTTP figures are made with.

The server runs on the first core with uvloop, as `spfcheck serve` does, with keys, metrics and the request line on; its
speed is answers for a second of its own processor time, which other load on the machine changes little. The client
speaks HTTP/1.1 over kept connections, in bytes that are ready made: it must not be what is measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import uvloop
from aiohttp import web

from bench.servers import client_cpus
from spfcheck.api.observe.logs import configure
from spfcheck.serve import server
from spfcheck.serve.collector import freeze

__all__ = ["WINDOW", "Measured", "Server", "batch", "get", "single"]

LANES = 8
"""Connections that ask at once."""

WINDOW = 128
"""Lines of a batch that its client has sent and not seen answered."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: answers, the seconds that it took, the server's processor seconds, and those that each answer took."""

    answers: int
    seconds: float
    cpu: float
    times: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Answers for a second of the server's processor time."""
        return self.answers / self.cpu

    def at(self, share: float) -> float:
        """A quantile of the times, in milliseconds."""
        ordered = sorted(self.times)
        return ordered[int(len(ordered) * share)] * 1e3


def serve(make: Callable[..., web.Application], arguments: tuple[str, ...], pipe: Connection) -> None:
    """A server's process: it tells its port, and its processor time whenever it is asked."""
    os.sched_setaffinity(0, client_cpus())
    with Path(os.devnull).open("w") as log:
        os.dup2(log.fileno(), 2)
    configure("json")

    async def run() -> None:
        sock = server.listen("127.0.0.1", 0)
        runner = server.runner_of(make(*arguments))
        await runner.setup()
        await web.SockSite(runner, sock).start()
        freeze()
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def asked() -> None:
            if pipe.recv() == "end":
                over.set()
                return
            used = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send(used.ru_utime + used.ru_stime)

        loop.add_reader(pipe.fileno(), asked)
        pipe.send(sock.getsockname()[1])
        await over.wait()
        await runner.cleanup()

    uvloop.run(run())


class Server:
    """A server's process as the benchmark sees it."""

    def __init__(self, make: Callable[..., web.Application], *arguments: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(make, arguments, theirs), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send("end")
        self._process.join()

    def cpu(self) -> float:
        """The processor seconds that it has used."""
        self._pipe.send("cpu")
        used: float = self._pipe.recv()
        return used


def get(domain: str, key: str, view: str = "summary") -> bytes:
    """The main app's request, or one of another *view*."""
    return (
        f"GET /v1/check/{domain}?view={view} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
    ).encode()


async def lane(port: int, requests: list[bytes], times: list[float]) -> None:
    """One connection that asks one thing after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        at = head.lower().index(b"content-length:") + 15
        await reader.readexactly(int(head[at : head.index(b"\r", at)]))
        times.append(time.perf_counter() - began)
    writer.close()


async def lines(port: int, key: str, domains: list[str], times: list[float]) -> None:
    """One batch of *domains* over one connection: a line is sent for each that was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = [f'"{domain}"\n'.encode() for domain in domains]
    head = (
        f"POST /v1/check/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {sum(map(len, body))}\r\n\r\n"
    )
    writer.write(head.encode() + b"".join(body[:WINDOW]))
    sent = [time.perf_counter()] * min(WINDOW, len(body))
    kept = b""
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200"), answer
    while len(times) < len(body):
        *whole, kept = (kept + await reader.read(1 << 18)).split(b"\n")
        now = time.perf_counter()
        told = [line for line in whole if line.startswith(b'{"line":')]  # the others frame the chunks
        for line in told:
            assert b'"report_id":' in line, line
            times.append(now - sent[int(line[8 : line.index(b",")]) - 1])
        writer.write(b"".join(body[len(sent) : len(sent) + len(told)]))
        sent += [now] * min(len(told), len(body) - len(sent))
    writer.close()


def measure(served: Server, ask: Callable[[list[float]], object]) -> Measured:
    """What the server does for *ask*, which says how long each answer took."""
    times: list[float] = []
    before, began = served.cpu(), time.perf_counter()
    ask(times)
    seconds = time.perf_counter() - began
    return Measured(len(times), seconds, served.cpu() - before, tuple(times))


def single(served: Server, requests: list[bytes]) -> Measured:
    """All *requests*, spread over the lanes."""

    async def run(times: list[float]) -> None:
        await asyncio.gather(*(lane(served.port, requests[start::LANES], times) for start in range(LANES)))

    return measure(served, lambda times: uvloop.run(run(times)))


def batch(served: Server, key: str, domains: list[str]) -> Measured:
    """One batch of *domains*."""
    return measure(served, lambda times: uvloop.run(lines(served.port, key, domains, times)))
