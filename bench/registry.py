"""The tables of the benchmark: each module of this folder registers what it measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["HEADLINES", "TABLES", "Table", "part", "time_per_call"]


@dataclass(frozen=True, slots=True)
class Table:
    """What one part measured: rows for people, and the ratios by name for programs.

    A ratio above 1 means that we are that many times faster than what we are compared with, or within a bound.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    ratios: dict[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()
    data: dict[str, Any] = field(default_factory=dict)
    """The figures behind the rows, for `latest.json` and the plots."""


TABLES: dict[str, Callable[[bool], Table]] = {}
"""The parts by name, in the order in which they run. Each is called with whether to be quick."""


HEADLINES = {
    "audits_per_s_vs_pyspf": "audits.vs_pyspf",
    "audits_per_s_vs_checkdmarc": "audits.vs_checkdmarc",
    "audits_per_s_vs_spftrace": "audits.vs_spftrace",
    "audits_per_s_vs_go": "audits.vs_go",
    "audits_per_s_vs_dnsperf_limit": "audits.vs_dnsperf_limit",
    "check_host_memory_vs_pyspf": "check_host.typical_vs_pyspf",
    "check_host_memory_vs_go": "check_host_go.typical_vs_go",
    "cold_latency_vs_best_peer": "latency.vs_best_peer",
    "cold_latency_vs_limit": "latency.vs_limit",
    "http_cached_vs_bare_aiohttp": "http.cached_vs_bare_aiohttp",
    "dns_queries_vs_dnspython": "dns.vs_dnspython",
}
"""The ratios that every run names, null where they were not measured, and which part's they are."""


def part(name: str) -> Callable[[Callable[[bool], Table]], Callable[[bool], Table]]:
    """Register a function as the part *name*; it is given *quick* and returns its `Table`."""

    def register(measure: Callable[[bool], Table]) -> Callable[[bool], Table]:
        TABLES[name] = measure
        return measure

    return register


def time_per_call(call: Callable[[], object], *, seconds: float, rounds: int = 10) -> float:
    """The least over *rounds* of the seconds that one *call* takes; all rounds together take about *seconds*.

    The garbage collector stays on. CPU time counts, and the quietest round: other load on the machine shares its caches
    and its clock, and can only make a round slower.
    """
    call()
    started = time.process_time()
    count = 0
    while time.process_time() - started < seconds / rounds / 4:
        call()
        count += 1
    count = max(1, count * 4)
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(count):
            call()
        taken.append((time.process_time() - started) / count)
    return min(taken)
