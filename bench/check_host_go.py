"""One check_host() with the DNS in memory, beside the Go engine over the same records."""

from __future__ import annotations

import statistics

from bench.check_host import CLIENT, SHAPES, fixture, ours
from bench.engines import ENGINES, go_in_memory, missing
from bench.registry import Table, part, time_per_call

COLUMNS = ("one address that nothing matches, us", "spfcheck", "Go", "times")


@part("check_host_go")
def measure(quick: bool) -> Table:
    """Ours and Go's in turn; a record is read for each check there, and kept from earlier ones here."""
    title = "check_host(), DNS in memory, beside blitiri spf (Go)"
    why = missing(next(engine for engine in ENGINES if engine.by == "go"))
    if why:
        return Table(title, COLUMNS, (), notes=(f"Not measured: {why}.",))
    rounds = 3 if quick else 5
    rows, ratios, version = [], {}, ""
    for name, (includes, networks, *_) in SHAPES.items():
        case = fixture(name, includes, networks)
        texts = {question.name: answer.records[0][0].decode() for question, answer in case.ours.items()}
        mine, theirs = [], []
        for _ in range(rounds):
            mine.append(time_per_call(ours(case), seconds=0.2, rounds=4))
            go = go_in_memory(texts, CLIENT, case.domain, 20)
            assert go.results == ("fail",), go.results
            theirs.append(min(go.times))
            version = go.version
        us, their_us = statistics.median(mine) * 1e6, statistics.median(theirs) * 1e6
        told = f"{name} ({includes} includes, {networks} networks)"
        rows.append([told, f"{us:.1f}", f"{their_us:.1f}", f"{their_us / us:.2f}"])
        ratios[f"{name}_vs_go"] = their_us / us
    return Table(title, COLUMNS, rows, ratios, [f"{version}. Medians of {rounds} rounds in turn, CPU time."])
