"""The service over HTTP on loopback: cached checks beside a handler that answers a constant, cold checks, batches.

Each server runs in a process of its own with uvloop, as `spfcheck serve` does, with keys, metrics and the request line
on; its speed is requests for a second of its own processor time, which other load on the machine changes little. The
client speaks HTTP/1.1 over kept connections, in bytes that are ready made: it must not be what is measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from aiohttp import web

from bench.registry import Table, part
from spfcheck.api import server
from spfcheck.api.app import create_app
from spfcheck.api.keys import Scope, new_key
from spfcheck.api.logs import configure
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.settings import load

LANES = 8
"""Connections that ask at once."""

DOMAINS = 5_000
"""Domains of the cold checks and of a batch: none is asked twice."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: answers, the server's processor seconds, and the seconds that each answer took."""

    answers: int
    cpu: float
    times: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Answers for a second of the server's processor time."""
        return self.answers / self.cpu

    def at(self, share: float) -> str:
        """A quantile of the times, in milliseconds."""
        ordered = sorted(self.times)
        return f"{ordered[int(len(ordered) * share)] * 1e3:.2f}" if ordered else "-"


def zone() -> Zone:
    """Our include, and customers of which one in ten lacks it."""
    lines = ['_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"']
    for number in range(2 * DOMAINS):
        record = "v=spf1 ip4:198.51.100.7 -all" if number % 10 == 0 else "v=spf1 include:_spf.mail.example -all"
        lines += [f'c{number}.example TXT "{record}"', f"c{number}.example MX 10 mx.c{number}.example"]
    return Zone.parse("\n".join(lines))


def constant() -> web.Application:
    """What aiohttp alone can do: one route, one answer of the size of a summary."""
    body = b'{"domain":"c1.example","status":"ok"}'.ljust(420)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/v1/check/{domain}", answer)
    return app


def ours(line: str) -> web.Application:
    """The service with one key."""
    settings = load(sender_include="_spf.mail.example", api_keys=[line], cold_per_minute=1_000_000)
    return create_app(settings, ZoneLookup(zone()))


def serve(make: Callable[..., web.Application], arguments: tuple[str, ...], pipe: Connection) -> None:
    """A server's process: it tells its port, and its processor time whenever it is asked."""
    with Path(os.devnull).open("w") as log:
        os.dup2(log.fileno(), 2)
    configure("json")

    async def run() -> None:
        sock = server.listen("127.0.0.1", 0)
        runner = server.runner_of(make(*arguments))
        await runner.setup()
        await web.SockSite(runner, sock).start()
        server.freeze()
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

    def cpu(self) -> float:
        """The processor seconds that it has used."""
        self._pipe.send("cpu")
        used: float = self._pipe.recv()
        return used

    def stop(self) -> None:
        """End it."""
        self._pipe.send("end")
        self._process.join()


def get(domain: str, key: str) -> bytes:
    """The main app's request."""
    return (
        f"GET /v1/check/{domain}?view=summary HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
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


def ask(served: Server, requests: list[bytes]) -> Measured:
    """All *requests*, spread over the lanes."""
    times: list[float] = []

    async def run() -> None:
        await asyncio.gather(*(lane(served.port, requests[start::LANES], times) for start in range(LANES)))

    before = served.cpu()
    uvloop.run(run())
    return Measured(len(requests), served.cpu() - before, tuple(times))


def batch(served: Server, key: str, domains: list[str]) -> Measured:
    """One batch of *domains*."""
    body = "".join(f'"{domain}"\n' for domain in domains).encode()
    head = (
        f"POST /v1/check/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    before = served.cpu()
    with socket.create_connection(("127.0.0.1", served.port)) as sock:
        sock.sendall(head + body)
        received = bytearray()
        while chunk := sock.recv(1 << 18):
            received += chunk
    answers = received.count(b'"report_id"')
    assert answers == len(domains), (answers, bytes(received[:500]))
    return Measured(answers, served.cpu() - before)


@part("http")
def http(quick: bool) -> Table:
    """The figures of the service; ratios are medians of rounds in turn, as the machine's clock wanders."""
    rounds, count = (3, 3_000) if quick else (7, 10_000)
    key, made = new_key([Scope.CHECK], os.urandom)
    line = made.line()
    plain, served = Server(constant), Server(ours, line)
    try:
        cold = ask(served, [get(f"c{number}.example", key) for number in range(DOMAINS)])
        cached = [get(f"c{number % 1_000}.example", key) for number in range(count)]
        pairs = [(ask(plain, cached), ask(served, cached)) for _ in range(rounds)]
        batches = [Server(ours, line) for _ in range(3)]
        try:
            names = [f"c{number}.example" for number in range(2 * DOMAINS)]
            whole = sorted((batch(each, key, names) for each in batches), key=lambda run: run.rate)[1]
        finally:
            for each in batches:
                each.stop()
    finally:
        plain.stop()
        served.stop()

    def middle(runs: list[Measured]) -> Measured:
        return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]

    rows: list[tuple[str, Measured]] = [
        ("a constant by aiohttp alone", middle([first for first, _ in pairs])),
        ("cached check, summary", middle([second for _, second in pairs])),
        ("cold check, summary, both engines", cold),
        ("batch line, summary", whole),
    ]
    ratio = statistics.median(second.rate / first.rate for first, second in pairs)
    return Table(
        title="HTTP",
        columns=("what", "a second of CPU", "p50 ms", "p99 ms"),
        rows=[(name, f"{run.rate:,.0f}", run.at(0.5), run.at(0.99)) for name, run in rows],
        ratios={"cached_to_constant": ratio, "batch_per_second": whole.rate, "cold_per_second": cold.rate},
        notes=[
            f"cached to constant: {ratio:.2f} (median of {rounds} pairs; the bar is 0.6).",
            "Keys, metrics and the request line are on. DNS answers come from a zone in memory.",
            "The bar of a batch is 6,000 domains a second over a local Unbound.",
        ],
    )
