"""What the Python peers have in common: their command line, the runs, and the JSON line in which they answer.

`python PEER.py MODE HOST PORT CLIENT FILE IN_FLIGHT VARIANT`: judge the domains of FILE, one a line, for the address
CLIENT, through the resolver at HOST and PORT. MODE is `rate` (IN_FLIGHT at a time) or `latency` (one after the other,
every cache emptied before each). The standard library only: this runs in the peers' own environment.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """What is to be done."""

    mode: str
    host: str
    port: int
    client: str
    domains: list[str]
    in_flight: int
    variant: str


@dataclass
class Run:
    """What came of it: a result for each domain, the seconds, and in `latency` those of each domain."""

    version: str
    results: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    queries: int = 0
    """Questions that went out, where that is known."""
    rss_mb: float = 0.0
    """The most memory that the process had, where that is told."""

    def print(self) -> None:
        """As a line of JSON."""
        print(json.dumps(self.__dict__))


def job() -> Job:
    """The command line."""
    mode, host, port, client, file, in_flight, variant = sys.argv[1:8]
    domains = Path(file).read_text(encoding="ascii").split()
    return Job(mode, host, int(port), client, domains, int(in_flight), variant)


def cpu() -> float:
    """Processor seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def by_lanes(work: Job, run: Run, judge: Callable[[str], Awaitable[str]]) -> None:
    """Run *work* by a coroutine, as many at a time as are to be in flight; what came of it goes to *run*."""
    run.results = [""] * len(work.domains)
    todo = iter(enumerate(work.domains))

    async def lane() -> None:
        for place, domain in todo:
            run.results[place] = await judge(domain)

    began, before = time.perf_counter(), cpu()
    await asyncio.gather(*(lane() for _ in range(work.in_flight)))
    run.seconds, run.cpu = time.perf_counter() - began, cpu() - before


def by_threads(work: Job, version: str, judge: Callable[[str], str], forget: Callable[[], None]) -> Run:
    """Run *work* by a function that blocks, in as many threads as are to be in flight."""
    run = Run(version)
    if work.mode == "latency":
        for domain in work.domains:
            forget()
            began = time.perf_counter()
            run.results.append(judge(domain))
            run.times.append(time.perf_counter() - began)
        return run
    with ThreadPoolExecutor(work.in_flight) as pool:
        began, before = time.perf_counter(), cpu()
        run.results = list(pool.map(judge, work.domains))
        run.seconds, run.cpu = time.perf_counter() - began, cpu() - before
    return run
