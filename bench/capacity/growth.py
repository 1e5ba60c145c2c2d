"""What grows with the work and what must not: more domains at one rate and in bounded memory, larger trees in line.

A tree of many includes is cut short by our own ceiling of questions, as it must be; with the ceiling lifted the same
walk shows what an include costs however many there are.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import time
from collections.abc import Callable, Coroutine
from typing import Any

from bench.capacity.hostile import EXPONENT, MOST_S, by_hostility
from bench.engines import ENGINES, run
from bench.registry import Table, part
from bench.servers import stack
from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import Witness, fetch
from spfcheck.audit.judgement.tree import survey
from spfcheck.audit.prepare import prepare
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.types import Outcome
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS
from spfcheck.rfc7208.record import parse
from tests.made.customers import INCLUDE, OUR_CLIENT, OURS, customers

DOMAINS = (1_000, 10_000, 100_000)
QUICK_DOMAINS = (1_000, 5_000)
INCLUDES = (10, 100, 1_000, 10_000)
TURNS = 5
A_RECORD = 100
"""Includes of one record: about 2.5 KB of text, which a DNS answer still carries."""
RATE_BOUND = 1.25
"""How much more CPU a domain of the most may cost than one of the fewest."""
MEMORY_BOUND_MB = 400
"""What a process may take whatever it is asked: 128 MB of answers by their estimate, the program, what Python adds."""
LINE_BOUND = 1.5
"""How much more an include of the largest tree may cost than one of a hundred."""
COLUMNS = ("what", "count", "CPU s", "each, us", "domains/s", "questions", "memory MB", "result")


# -- domains -----------------------------------------------------------------------------------------------------------


def by_domains(counts: tuple[int, ...]) -> tuple[list[list[str]], list[tuple[int, float, float, float]]]:
    """Rows, and for each count the CPU microseconds a domain, domains a second and megabytes."""
    engine = next(one for one in ENGINES if one.key == "audit")
    made = customers(max(counts))
    rows, figures = [], []
    with stack(made.zone) as servers:
        for count in counts:
            servers.forget()
            done = run(engine, "rate", servers.address, OUR_CLIENT, made.domains[:count])
            each = done.cpu / count * 1e6
            figures.append((count, each, done.rate, done.rss_mb))
            cells = [f"{done.cpu:.1f}", f"{each:.0f}", f"{done.rate:,.0f}", f"{done.queries:,}", f"{done.rss_mb:.0f}"]
            rows.append(["audits, Unbound cold", f"{count:,}", *cells, ""])
    return rows, figures


# -- includes ----------------------------------------------------------------------------------------------------------


def tree(count: int, turn: int) -> ZoneLookup:
    """A domain whose record has *count* includes below it, at most `A_RECORD` in one text; other texts each *turn*."""
    lines = [f'{INCLUDE}. TXT "{OURS}"']
    names = [f"n{number}.big.example" for number in range(count)]
    held = ["big.example", *names]
    inner = range(0, count, A_RECORD)
    for place, start in enumerate(inner):
        includes = " ".join(f"include:{name}" for name in names[start : start + A_RECORD])
        text = f"v=spf1 ip4:81.{turn}.{place}.1 {includes} -all"
        strings = " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
        lines.append(f"{held[place]}. TXT {strings}")
    for number, name in enumerate(held[len(inner) :]):
        lines.append(f'{name}. TXT "v=spf1 ip4:82.{turn}.{number // 250}.{number % 250} -all"')
    return ZoneLookup(Zone.parse("\n".join(lines)))


async def walk_all(lookup: ZoneLookup, ceiling: int) -> tuple[int, str]:
    """Fetch and survey the whole tree with a ceiling of *ceiling* questions: questions asked, lookups found."""
    witness = Witness(lookup, ceiling=ceiling)
    await fetch("big.example", witness)
    record = next(iter(witness.answers.values())).records[0]
    found = survey(parse(b"".join(record)), "big.example", witness.answers)
    return len(witness.answers), f"{'at least ' if found.at_least else ''}{found.lookups:,} lookups"


async def audit(lookup: ZoneLookup) -> tuple[int, str]:
    """The whole audit with its ordinary limits."""
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    report = await examine("big.example", lookup, ours)
    asked = sum(one.outcome != Outcome.LIMITED for one in report.evidence)
    return asked, f"{report.result}, {report.status}"


def timed(count: int, work: Callable[[ZoneLookup], Coroutine[Any, Any, tuple[int, str]]]) -> tuple[float, int, str]:
    """The least CPU seconds of some trees of *count* includes, none seen before, and what came of it."""
    taken = []
    gc.collect()
    gc.freeze()  # or the collector walks over what other parts have left
    for turn in range(TURNS):
        lookup = tree(count, turn)
        began = time.process_time()
        asked, told = asyncio.run(work(lookup))
        taken.append(time.process_time() - began)
    return min(taken), asked, told


def by_includes() -> tuple[list[list[str]], list[tuple[int, float, float]], int]:
    """Rows, for each count the microseconds an include and the milliseconds of an audit, and the most questions."""
    rows, figures, most = [], [], 0
    for count in INCLUDES:
        whole, asked, told = timed(count, functools.partial(walk_all, ceiling=2 * count + 10))
        cells = [f"{whole:.4f}", f"{whole / count * 1e6:.0f}", "", f"{asked:,}", "", told]
        rows.append(["includes of one tree, no ceiling", f"{count:,}", *cells])
        limited, asked, told = timed(count, audit)
        rows.append(["the same, an ordinary audit", f"{count:,}", f"{limited:.4f}", "", "", f"{asked:,}", "", told])
        figures.append((count, whole / count * 1e6, limited * 1e3))
        most = max(most, asked)
    return rows, figures, most


@part("growth")
def growth(quick: bool) -> Table:
    """Both, as one table."""
    domain_rows, by_count = by_domains(QUICK_DOMAINS if quick else DOMAINS)
    include_rows, by_tree, most = by_includes()
    hostile_rows, dearest, exponent = by_hostility()
    least_each, last_each = min(each for _, each, *_ in by_count), by_count[-1][1]
    ratios = {
        "rate_within_bound": RATE_BOUND * least_each / last_each,
        "memory_within_bound": MEMORY_BOUND_MB / by_count[-1][3],
        "includes_within_bound": LINE_BOUND * by_tree[1][1] / by_tree[-1][1],
        "questions_within_ceiling": AUDIT_QUESTIONS / most,
        "hostile_within_bound": MOST_S / dearest,
        "hostile_exponent_within_bound": EXPONENT / exponent,
    }
    return Table(
        "Growth: domains by the thousand, includes by the ten thousand, and records that cost as much as they can",
        COLUMNS,
        [*domain_rows, *include_rows, *hostile_rows],
        ratios,
        notes=[
            f"Among the most domains, one may cost {RATE_BOUND} times what it costs among the fewest.",
            f"An include of the largest tree may cost {LINE_BOUND} times one of a hundred.",
            f"A hostile record may take {MOST_S} s of CPU, and one of another size by that to the power of {EXPONENT}.",
            f"The process may take {MEMORY_BOUND_MB} MB, and an audit asks {AUDIT_QUESTIONS} questions at most.",
        ],
        data=plotted(by_count, by_tree),
    )


def plotted(by_count: list[tuple[int, float, float, float]], by_tree: list[tuple[int, float, float]]) -> dict[str, Any]:
    """The lines of the plots."""
    return {
        "domains": {
            "title": "CPU of an audit, however many are made",
            "subtitle": "microseconds a domain; flat is right",
            "across": "domains",
            "lines": [{"name": "us a domain", "points": [(count, each) for count, each, *_ in by_count]}],
        },
        "memory": {
            "title": "Memory of the process that makes them",
            "subtitle": "megabytes; bounded is right",
            "across": "domains",
            "lines": [{"name": "MB", "points": [(count, memory) for count, *_, memory in by_count]}],
        },
        "includes": {
            "title": "CPU of one include in a larger and larger tree",
            "subtitle": "microseconds an include, no ceiling; flat is right",
            "across": "includes in the tree",
            "lines": [{"name": "us an include", "points": [(count, each) for count, each, _ in by_tree]}],
        },
    }
