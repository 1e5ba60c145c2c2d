"""Domains a second through a local resolver, ours and every peer's, in turn on one core; and who judges them right."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from bench.engines import ENGINES, Engine, Measured, missing, run
from bench.registry import Table, part
from bench.servers import Stack, client_cpus, pinned, program, stack
from bench.verdicts import against, against_each_other
from tests.made.customers import CLIENT, OUR_CLIENT, Customers, customers

DOMAINS = 20_000
QUICK_DOMAINS = 2_000
ROUNDS = 3
COMPARED = ("pyspf", "pyspf_cached", "checkdmarc", "spftrace", "go", "go_cached", "libspf2", "libspf2_cached")
"""The engines to which our audit has a ratio."""
QUICK_ENGINES = ("audit", "check_host", "pyspf", "checkdmarc", "spftrace", "go", "go_cached")
COLD_ENGINES = ("audit", "check_host", "pyspf", "go")
JUDGES = ("check_host", "audit", "pyspf", "spftrace", "go", "libspf2")
"""Whose results for an address of ours are compared with each other."""
COLUMNS = ("engine", "domains/s", "lowest and highest", "CPU s per 1,000", "wrong")

Runs = Mapping[str, Sequence[Measured]]


def rounds_of(
    engines: Sequence[Engine], servers: Stack, domains: Sequence[str], rounds: int, *, cold: bool = False
) -> dict[str, list[Measured]]:
    """Each engine in turn, *rounds* times over: what disturbs the machine disturbs them alike.

    An audit of ours is about our senders whatever the address, which is the same work.
    """
    runs: dict[str, list[Measured]] = {engine.key: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            if cold:
                servers.forget()
            runs[engine.key].append(run(engine, "rate", servers.address, CLIENT, engine.share_of(domains)))
    return runs


def rate_of(runs: Sequence[Measured]) -> float:
    return statistics.median(one.rate for one in runs)


def cpu_of(runs: Sequence[Measured]) -> float:
    return statistics.median(one.cpu_per_thousand for one in runs)


def rows_of(engines: Sequence[Engine], runs: Runs, wrong: Mapping[str, str], suffix: str = "") -> list[list[str]]:
    rows = []
    for engine in engines:
        rates = [one.rate for one in runs[engine.key]]
        spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
        cells = [f"{rate_of(runs[engine.key]):,.0f}", spread, f"{cpu_of(runs[engine.key]):.3f}"]
        rows.append([engine.title + suffix, *cells, wrong.get(engine.key, "")])
    return rows


# -- the limit of the line ---------------------------------------------------------------------------------------------


def dnsperf_rate(servers: Stack, domains: Sequence[str]) -> float | None:
    """Questions a second that dnsperf gets answered on the client's core; None where it is not installed."""
    binary = program("dnsperf")
    if binary is None:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{domain} TXT\nmail.{domain} A\n" for domain in domains))
        file.flush()
        host, port = servers.address
        command = [binary, "-s", host, "-p", str(port), "-d", file.name, "-q", "200", "-l", "3"]
        # The first pass fills Unbound's cache.
        for _ in range(2):
            done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=pinned(client_cpus()))
    return next(float(line.split()[-1]) for line in done.stdout.splitlines() if "Queries per second" in line)


# -- verdicts ----------------------------------------------------------------------------------------------------------


def judged(engines: Sequence[Engine], runs: Runs, made: Customers) -> tuple[dict[str, str], list[str]]:
    """For each engine how many of its results are wrong, and notes with the first examples."""
    wrong, notes = {}, []
    for engine in engines:
        if engine.by == "bench.engine" and engine.variant != "check_host":
            continue  # an audit judges our senders, not this address
        found = against(made, runs[engine.key][0].results)
        wrong[engine.key] = found.short()
        if found.wrong:
            kinds = ", ".join(f"{kind} {count}" for kind, count in found.by_kind.items())
            notes.append(f"{engine.title} is wrong about: {kinds}. For example " + "; ".join(found.examples) + ".")
    return wrong, notes


def disagreements(engines: Sequence[Engine], servers: Stack, made: Customers, count: int) -> list[str]:
    """What the engines say of an address of ours, where they do not agree: notes."""
    judges = [engine for engine in engines if engine.key in JUDGES]
    results = {
        engine.key: run(engine, "rate", servers.address, OUR_CLIENT, made.domains[:count]).results for engine in judges
    }
    notes = []
    for key, said in results.items():
        lines = against_each_other(made, {"check_host": results["check_host"], key: said})
        if key != "check_host":
            told = f", for example {'; '.join(lines[:2])}" if lines else ""
            notes.append(f"An address of ours, {count:,} domains: {key} differs from ours in {len(lines)}{told}.")
    return notes


# -- the table ---------------------------------------------------------------------------------------------------------


@part("audits")
def audits(quick: bool) -> Table:
    """The comparison over DNS."""
    made = customers(QUICK_DOMAINS if quick else DOMAINS)
    absent = {engine.title: missing(engine) for engine in ENGINES if missing(engine)}
    engines = [one for one in ENGINES if one.title not in absent and (not quick or one.key in QUICK_ENGINES)]
    with stack(made.zone) as servers:
        run(_engine("audit"), "rate", servers.address, CLIENT, made.domains)
        limit = dnsperf_rate(servers, made.domains)
        runs = rounds_of(engines, servers, made.domains, ROUNDS)
        wrong, notes = judged(engines, runs, made)
        rows = rows_of(engines, runs, wrong)
        if not quick:
            notes += disagreements(engines, servers, made, DOMAINS // 10)
            cold = [engine for engine in engines if engine.key in COLD_ENGINES]
            cold_runs = rounds_of(cold, servers, made.domains[: DOMAINS // 2], ROUNDS, cold=True)
            rows += rows_of(cold, cold_runs, {}, ", Unbound cold")
        what = servers.what
    ratios = ratios_of(runs, limit)
    versions = {engine.key: runs[engine.key][0].version for engine in engines}
    return Table(
        title=f"Whole checks over DNS: {len(made.domains):,} customers, one core, the name servers on another",
        columns=COLUMNS,
        rows=rows,
        ratios=ratios,
        notes=[*told(made, what, limit, runs["audit"]), *notes, *(f"{name}: {why}." for name, why in absent.items())],
        data={
            "versions": versions,
            "servers": what,
            "engines": {engine.key: figures(engine, runs[engine.key]) for engine in engines},
            "dnsperf": limit,
        },
    )


def _engine(key: str) -> Engine:
    return next(engine for engine in ENGINES if engine.key == key)


def figures(engine: Engine, runs: Sequence[Measured]) -> dict[str, Any]:
    """What a plot needs."""
    return {"title": engine.title, "rate": rate_of(runs), "cpu_s_per_1000": cpu_of(runs), "ours": engine.ours}


def ratios_of(runs: Runs, limit: float | None) -> dict[str, float]:
    """Our whole audit to each peer, and for peers that judge an address our check_host() to them."""
    ours, alone = rate_of(runs["audit"]), rate_of(runs["check_host"])
    ratios = {"per_s": ours, "check_host_per_s": alone, "cpu_s_per_1000": cpu_of(runs["audit"])}
    for key in COMPARED:
        if key in runs:
            ratios[f"vs_{key}"] = ours / rate_of(runs[key])
            ratios[f"check_host_vs_{key}"] = alone / rate_of(runs[key])
            ratios[f"cpu_vs_{key}"] = cpu_of(runs[key]) / cpu_of(runs["audit"])
    if limit is not None:
        ratios["vs_dnsperf_limit"] = ours / (limit / questions_each(runs["audit"]))
    return ratios


def questions_each(runs: Sequence[Measured]) -> float:
    return runs[0].queries / len(runs[0].results)


def told(made: Customers, what: str, limit: float | None, audit: Sequence[Measured]) -> list[str]:
    """What the figures rest on."""
    notes = [
        f"Served by {what}; providers: {made.source}; {made.terms:.1f} querying terms a record on average.",
        f"Medians of {ROUNDS} interleaved runs, each a new process with empty caches; the resolver has every answer.",
        "Slow engines get the first of the same domains, at least 200.",
        "The peers judge one address that no record holds, so that they read all of it: that is our check_host().",
        "Our audit judges all addresses of two networks, looks for every fault, proves a repair and makes the JSON.",
    ]
    if limit is not None:
        each = questions_each(audit)
        notes.append(
            f"dnsperf gets {limit:,.0f} answers a second; at {each:.2f} questions an audit the line's limit is "
            f"{limit / each:,.0f} audits a second."
        )
    return notes
