"""Questions a second against a local Unbound, beside other clients in the same run; and what cached answers weigh."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import dns.asyncresolver

from bench.registry import Table, part
from bench.servers import client_cpus, pinned, program, stack
from spfcheck.resolver.answer_cache import AnswerCache
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.types import Outcome, Question, Rtype
from tests.made.answers import name_of, ordinary_answer

IN_FLIGHT = 200
ANSWERS = 1_000_000
ANSWERS_BOUND_MB = 600
FLOOD_BOUND_MB = 128
LEAST_RATE = 40_000
LEAST_RATIO = 15


def zone_text(count: int) -> str:
    rng = random.Random(1)
    lines = []
    for number in range(count):
        networks = " ".join(f"ip4:198.51.{rng.randrange(256)}.{rng.randrange(256)}" for _ in range(rng.randrange(3)))
        lines.append(f'{name_of(number)}. 86400 TXT "v=spf1 {networks} include:_spf.mail.example -all"')
    return "\n".join([*lines, ""])


# -- the clients -------------------------------------------------------------------------------------------------------


async def in_flight(
    ask: Callable[[str], Awaitable[Any]], is_answer: Callable[[Any], bool], count: int
) -> tuple[float, float]:
    """Questions a second and CPU microseconds a question, `IN_FLIGHT` at a time; every answer is looked at."""
    names = iter([name_of(number) for number in range(count)])

    async def worker() -> None:
        for name in names:
            if not is_answer(await ask(name)):
                raise SystemExit(f"no answer for {name}")

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6


async def ours(server: tuple[str, int], count: int) -> tuple[float, float]:
    async with Resolver([server], zone_rate=1e6, zone_burst=10**6) as resolver:
        return await in_flight(
            lambda name: resolver.ask(Question(name, Rtype.TXT)),
            lambda answer: answer.outcome is Outcome.OK and bool(answer.records),
            count,
        )


async def dnspython(server: tuple[str, int], count: int) -> tuple[float, float]:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [server[0]]
    resolver.port = server[1]
    resolver.use_edns(0, 0, 1232)
    return await in_flight(
        lambda name: resolver.resolve(name, "TXT", search=False), lambda answer: bool(answer.rrset), count
    )


async def aiodns(server: tuple[str, int], count: int) -> tuple[float, float]:
    library = importlib.import_module("aiodns")  # measured only where somebody installed it
    resolver = library.DNSResolver(nameservers=[f"{server[0]}:{server[1]}"])
    try:
        return await in_flight(lambda name: resolver.query_dns(name, "TXT"), bool, count)
    finally:
        await resolver.close()


def dnsperf(server: tuple[str, int], count: int) -> tuple[float, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as questions:
        questions.writelines(f"{name_of(number)} TXT\n" for number in range(count))
        questions.flush()
        command = [
            "dnsperf",
            "-s",
            server[0],
            "-p",
            str(server[1]),
            "-d",
            questions.name,
            "-q",
            str(IN_FLIGHT),
            "-n",
            "1",
        ]
        before = os.times()
        out = subprocess.run(
            command, capture_output=True, text=True, check=True, preexec_fn=pinned(client_cpus())
        ).stdout
        after = os.times()
    rate = next(float(line.split()[-1]) for line in out.splitlines() if "Queries per second" in line)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return rate, cpu / count * 1e6


CLIENTS: dict[str, Callable[..., Any]] = {"ours": ours, "dnspython": dnspython, "aiodns": aiodns}


def run_client(client: str, loop: str, host: str, port: int, count: int) -> None:
    """A process of its own: one measurement, as JSON on standard output."""
    measurement = CLIENTS[client]((host, port), count)
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - the other half of the table runs without it

        result = uvloop.run(measurement)
    else:
        result = asyncio.run(measurement)
    print(json.dumps(result))


def measure(client: str, loop: str, server: tuple[str, int], count: int) -> tuple[float, float]:
    """One run, in a process of its own on the client's core."""
    if client == "dnsperf":
        return dnsperf(server, count)
    code = f"from bench.dns import run_client; run_client({client!r}, {loop!r}, {server[0]!r}, {server[1]}, {count})"
    out = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        preexec_fn=pinned(client_cpus()),
    )
    rate, cpu = json.loads(out.stdout.splitlines()[-1])
    return rate, cpu


@part("dns")
def dns_clients(quick: bool) -> Table:
    """TXT questions, all different, `IN_FLIGHT` at a time, to an Unbound that has the answers."""
    columns = ("client", "questions/s", "CPU us/question")
    if program("unbound") is None:
        return Table("DNS client", columns, (), notes=("Unbound is not installed: nothing was measured.",))
    count, rounds = (10_000, 3) if quick else (40_000, 5)
    rows: list[tuple[str, str, str]] = []
    rates: dict[str, float] = {}
    cpu: dict[str, float] = {}
    notes = [f"Medians of {rounds} runs in turn; Unbound has every answer."]
    with stack(zone_text(count)) as servers:
        server = servers.address
        measure("ours", "asyncio", server, count)  # fills Unbound's cache
        plan = [
            ("spfcheck, uvloop", "ours", "uvloop", count),
            ("spfcheck, asyncio", "ours", "asyncio", count),
            ("dnspython, asyncio", "dnspython", "asyncio", count // 10),
            ("dnspython, uvloop", "dnspython", "uvloop", count // 10),
        ]
        if _has("aiodns"):
            plan.append(("aiodns, uvloop", "aiodns", "uvloop", count))
        else:
            notes.append("aiodns is not installed: not measured.")
        if program("dnsperf"):
            plan.append(("dnsperf (C)", "dnsperf", "", count))
        else:
            notes.append("dnsperf is not installed: not measured.")
        runs: dict[str, list[tuple[float, float]]] = {title: [] for title, *_ in plan}
        for _ in range(rounds):
            for title, client, loop, size in plan:
                runs[title].append(measure(client, loop, server, size))
    for title, found in runs.items():
        rates[title] = statistics.median(rate for rate, _ in found)
        cpu[title] = statistics.median(used for _, used in found)
        rows.append((title, f"{rates[title]:,.0f}", f"{cpu[title]:.1f}"))
    fastest = max(rates["dnspython, asyncio"], rates["dnspython, uvloop"])
    best = rates["spfcheck, uvloop"]
    least = min(cpu["dnspython, asyncio"], cpu["dnspython, uvloop"])
    ratios = {"vs_dnspython": best / fastest, "rate_vs_bar": best / LEAST_RATE}
    ratios["cpu_vs_dnspython"] = least / cpu["spfcheck, uvloop"]
    notes.append(f"{ratios['vs_dnspython']:.1f} times dnspython (at least {LEAST_RATIO}); bar {LEAST_RATE:,} a second.")
    return Table(f"DNS client, TXT, {IN_FLIGHT} in flight, one core, Unbound on another", columns, rows, ratios, notes)


def _has(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


# -- the cache ---------------------------------------------------------------------------------------------------------


def resident() -> float:
    """This process's memory in MB, as the system sees it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def fill_cache(count: int, limit_mb: int) -> None:
    """A process of its own: *count* answers into a cache of *limit_mb*; figures as JSON on standard output."""
    rng = random.Random(7)
    cache = AnswerCache(limit_mb * 2**20, time.monotonic)
    before = resident()
    most = 0.0
    began = time.process_time()
    for number in range(count):
        cache.put(ordinary_answer(number, rng))
        if number % 20_000 == 0:
            most = max(most, resident() - before)
    taken = time.process_time() - began
    most = max(most, resident() - before)
    first = cache.fresh(Question(name_of(0), Rtype.TXT)) is not None
    print(json.dumps([len(cache), cache.size / 2**20, most, taken / count * 1e6, first]))


@part("cache")
def cached_answers(quick: bool) -> Table:
    """What a million answers of ordinary customers weigh, and whether a flood stays within the bound."""
    count = ANSWERS // 10 if quick else ANSWERS
    rows = []
    ratios = {}
    plan = (("ordinary customers", ANSWERS_BOUND_MB, "answers"), ("the same as a flood", FLOOD_BOUND_MB, "flood"))
    for title, limit, key in plan:
        code = f"from bench.dns import fill_cache; fill_cache({count}, {limit})"
        out = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True).stdout
        kept, estimate, most, _, first = json.loads(out)
        rows.append(
            (title, f"{count:,}", f"{limit}", f"{kept:,}", "yes" if first else "no", f"{estimate:.0f}", f"{most:.0f}")
        )
        ratios[f"{key}_within_bound"] = limit / most
    columns = (
        "cache",
        "answers put in",
        "CACHE_MB",
        "kept",
        "the first still there",
        "estimated MB",
        "measured MB at most",
    )
    return Table("What cached answers weigh", columns, rows, ratios)
