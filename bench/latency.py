"""How soon one cold check is over, where each DNS question takes 20 ms: ours, every peer's, and what is possible.

What is possible is the depth of a domain's tree in round trips: a name can be asked for as soon as the record that
names it is there, and no sooner. Every cache but the resolver's own is emptied before each check.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from bench.engines import ENGINES, Engine, missing, run
from bench.registry import Table, part
from bench.servers import slow_line, stack
from spfcheck.audit.fetch import questions_of
from spfcheck.resolver.types import Answer, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.record import parse, spf_texts
from tests.made.customers import CLIENT, OUR_CLIENT, Customers, customers

DELAY = 0.020
"""Seconds that a question takes: a resolver next door that has to ask someone."""
ROUNDS = 3
DOMAINS, QUICK_DOMAINS = 40, 10
"""Domains of one round; each round takes others."""
MEASURED = ("audit", "opinion", "check_host", "pyspf", "checkdmarc", "spftrace", "spftrace_prefetch", "go", "libspf2")
PEERS = ("pyspf", "checkdmarc", "spftrace", "spftrace_prefetch", "go", "libspf2")
"""All but the one that asks ahead ask one question after the other."""
QUICK_MEASURED = ("audit", "pyspf", "spftrace", "spftrace_prefetch", "go")


LARGE = 8
"""Questions from which on a tree is called large: a quarter or so of the customers."""


def depth(domain: str, zone: ZoneLookup) -> tuple[int, int]:
    """The round trips that the tree of *domain* takes, everything asked for as soon as it is known; and its questions.

    Hosts are asked for the addresses of one family, as for one client.
    """
    level = [Question(domain, Rtype.TXT)]
    seen: set[Question] = set()
    trips = 0
    while level := [question for question in dict.fromkeys(level) if question not in seen]:
        trips += 1
        seen.update(level)
        level = [one for question in level for one in _following(zone.cached(question), domain)]
    return trips, sum(question.rtype is not Rtype.AAAA for question in seen)


def _following(answer: Answer, root: str) -> Iterator[Question]:
    name, rtype = answer.question
    if rtype is Rtype.TXT:
        for text in spf_texts(answer):
            yield from questions_of(parse(text), name, root)
    elif rtype is Rtype.MX:
        for _, host in answer.records:
            yield Question(host, Rtype.A)


def at(times: Sequence[float], share: float) -> float:
    """A quantile of *times*, in milliseconds."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1e3


def measure(engines: Sequence[Engine], made: Customers, rounds: int) -> tuple[dict[str, list[float]], str]:
    """The times of each engine, in turn, a round on other domains than the one before; and who served."""
    times: dict[str, list[float]] = {engine.key: [] for engine in engines}
    count = len(made.domains) // rounds
    with stack(made.zone) as servers:
        # Fills the resolver's cache, which is not what is measured.
        run(next(one for one in ENGINES if one.key == "audit"), "rate", servers.address, OUR_CLIENT, made.domains)
        with slow_line(servers.address, DELAY) as address:
            for turn in range(rounds):
                some = made.domains[turn * count : (turn + 1) * count]
                for engine in engines:
                    times[engine.key] += run(engine, "latency", address, CLIENT, some).times
        return times, servers.what


@part("latency")
def latency(quick: bool) -> Table:
    """The table of cold checks."""
    rounds = ROUNDS
    made = customers(rounds * (QUICK_DOMAINS if quick else DOMAINS), seed=20)
    wanted = QUICK_MEASURED if quick else MEASURED
    engines = [engine for engine in ENGINES if engine.key in wanted and not missing(engine)]
    times, what = measure(engines, made, rounds)
    zone = ZoneLookup(Zone.parse(made.zone))
    trees = [depth(domain, zone) for domain in made.domains]
    limit = [trips * DELAY for trips, _ in trees]
    large = [place for place, (_, questions) in enumerate(trees) if questions >= LARGE]
    rows = [["what the depth of the tree allows", *cells_of(limit, large), "1.0"]]
    for engine in engines:
        each = statistics.median(took / least for took, least in zip(times[engine.key], limit, strict=True))
        rows.append(
            [engine.title.partition(",")[0] + _kind(engine), *cells_of(times[engine.key], large), f"{each:.1f}"]
        )
    return Table(
        title=f"One cold check, {DELAY * 1e3:.0f} ms a question: {len(made.domains)} customers, one after the other",
        columns=("engine", "p50 ms", "p99 ms", "p50 of large trees", "times the limit"),
        rows=rows,
        ratios=ratios_of(times, limit, large),
        notes=[
            f"Served by {what} and a delaying proxy. {rounds} rounds in turn, caches empty before each check.",
            f"{len(large)} trees are large: {LARGE} questions or more.",
            "vs_limit is ours over the limit (1.0 is perfect); the other ratios are a peer's time over ours.",
        ],
        data={
            "limit_p50_ms": at(limit, 0.5),
            "engines": {
                one.key: {
                    "title": one.title.partition(",")[0] + _kind(one),
                    "p50_ms": at(times[one.key], 0.5),
                    "p99_ms": at(times[one.key], 0.99),
                    "ours": one.ours,
                }
                for one in engines
            },
        },
    )


def _kind(engine: Engine) -> str:
    return {
        "audit": ", whole audit",
        "opinion": ", with pyspf's second opinion",
        "check_host": ", check_host() only",
    }.get(engine.key, "")


def cells_of(times: Sequence[float], large: Sequence[int]) -> list[str]:
    some = [times[place] for place in large]
    return [f"{at(times, 0.5):.0f}", f"{at(times, 0.99):.0f}", f"{at(some, 0.5):.0f}" if some else ""]


def ratios_of(times: Mapping[str, Sequence[float]], limit: Sequence[float], large: Sequence[int]) -> dict[str, float]:
    """At the median, at the 99th percentile, at the median of large trees; `limit_` is what the limit would reach."""
    ratios = {}
    for share, prefix in ((0.5, ""), (0.99, "p99_"), (0.5, "large_")):
        places = large if prefix == "large_" else range(len(limit))
        some = {key: [taken[place] for place in places] for key, taken in times.items()}
        if not places:
            continue
        ours, least = at(some["audit"], share), at([limit[place] for place in places], share)
        peers = {key: at(taken, share) for key, taken in some.items() if key in PEERS}
        ratios[f"{prefix}vs_limit"] = ours / least
        ratios |= {f"{prefix}vs_{key}": taken / ours for key, taken in peers.items()}
        sequential = [taken for key, taken in peers.items() if key != "spftrace_prefetch"]
        if sequential:
            ratios[f"{prefix}vs_best_peer"] = min(peers.values()) / ours
            ratios[f"{prefix}vs_best_sequential_peer"] = min(sequential) / ours
            ratios[f"{prefix}limit_vs_best_sequential_peer"] = min(sequential) / least
    return ratios
