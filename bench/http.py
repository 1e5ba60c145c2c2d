"""The service over HTTP on loopback: cached checks beside a handler that answers a constant, cold checks, batches.

Each server runs on the first core in a process of its own with uvloop, as `spfcheck serve` does, with keys, metrics and
the request line on; its speed is answers for a second of its own processor time, which other load on the machine
changes little. The client speaks HTTP/1.1 over kept connections, in bytes that are ready made, from the second core.
Batches are asked over a real Unbound, which has every answer, by a service that has none.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import uvloop
from aiohttp import web

from bench.customers import INCLUDE, customers
from bench.registry import Table, part
from bench.servers import client_cpus, server_cpus, stack
from spfcheck.api import server
from spfcheck.api.app import create_app
from spfcheck.api.keys import Scope, new_key
from spfcheck.api.logs import configure
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.settings import load

LANES = 8
"""Connections that ask at once."""

WINDOW = 128
"""Lines of a batch that its client has sent and not seen answered."""

DOMAINS = 2_000
"""Domains of the cold checks: none is asked twice."""

CACHED_BAR, BATCH_BAR = 0.6, 6_000.0
"""Of what a constant answer gets, the share that a cached check has to get; domains a second of a batch on one core."""


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


def zone(count: int) -> Zone:
    """Our include, and customers of which one in ten lacks it."""
    lines = ['_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"']
    for number in range(count):
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
    """The service with one key, over a zone in memory."""
    settings = load(sender_include=INCLUDE, api_keys=[line], cold_per_minute=1_000_000)
    return create_app(settings, ZoneLookup(zone(DOMAINS)))


def over_dns(line: str, port: str) -> web.Application:
    """The service with one key, over the resolver on *port*."""
    settings = load(sender_include=INCLUDE, api_keys=[line])
    resolver = Resolver([("127.0.0.1", int(port))], cache_mb=settings.cache_mb, zone_rate=settings.zone_rate)
    app = create_app(settings, resolver)

    async def close(_: web.Application) -> None:
        await resolver.close()

    app.on_cleanup.append(close)
    return app


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


def middle(runs: list[Measured]) -> Measured:
    """The run of the median speed."""
    return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]


def batches(line: str, key: str, count: int, rounds: int) -> tuple[list[Measured], str]:
    """Batches of *count* customers by fresh services over an Unbound that has the answers, and what that is."""
    made = customers(count)
    domains = list(made.domains)
    runs: list[Measured] = []
    with stack(made.zone) as behind:
        for _ in range(1 + rounds):
            with Server(over_dns, line, str(behind.address[1])) as served:
                runs.append(batch(served, key, domains))
    return runs[1:], f"{behind.what}; {made.source}"


@part("http")
def http(quick: bool) -> Table:
    """The figures of the service; ratios are medians of rounds in turn, as the machine's clock wanders."""
    rounds, count, lines_count = (3, 3_000, 5_000) if quick else (9, 10_000, 20_000)
    os.sched_setaffinity(0, server_cpus())
    key, made = new_key([Scope.CHECK], os.urandom)
    with Server(constant) as plain, Server(ours, made.line()) as served:
        cold = single(served, [get(f"c{number}.example", key) for number in range(DOMAINS)])
        cached = [get(f"c{number % 1_000}.example", key) for number in range(count)]
        pairs = [(single(plain, cached), single(served, cached)) for _ in range(rounds)]
    whole, behind = batches(made.line(), key, lines_count, 3 if quick else 5)
    rows = [
        ("a constant by aiohttp alone", middle([first for first, _ in pairs])),
        ("cached check, summary", middle([second for _, second in pairs])),
        ("cold check, summary, both engines", cold),
        ("batch line, summary, over Unbound", middle(whole)),
    ]
    ratio = statistics.median(second.rate / first.rate for first, second in pairs)
    lines_rate = rows[-1][1].rate
    return Table(
        title="HTTP",
        columns=("what", "answers/s", "a second of CPU", "CPU us", "p50 ms", "p99 ms"),
        rows=[
            (
                name, f"{run.answers / run.seconds:,.0f}", f"{run.rate:,.0f}", f"{1e6 / run.rate:.1f}",
                f"{run.at(0.5):.2f}", f"{run.at(0.99):.2f}",
            )
            for name, run in rows
        ],
        ratios={"cached_vs_bare_aiohttp": ratio, "batch_vs_bar": lines_rate / BATCH_BAR},
        notes=[
            f"A cached check gets {ratio:.2f} of the constant (median of {rounds} pairs; at least {CACHED_BAR}).",
            f"A batch: {lines_rate:,.0f} domains for a second of one core (at least {BATCH_BAR:,.0f}).",
            f"{WINDOW} lines in flight, {lines_count:,} different domains, {len(whole)} services with empty caches.",
            f"Behind the batch: {behind}.",
            "Keys, metrics and the request line are on. Single checks are answered from a zone in memory.",
        ],
    )  # fmt: skip
