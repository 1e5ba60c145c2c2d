"""What one report costs, with every answer at hand: customers as they are found, by what is the matter with them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bench.registry import Table, part
from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import RemedyKind, Report, Status
from spfcheck.audit.report.serialise import json_bytes
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.types import Answer, Question
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.made.customers import INCLUDE, Customers, Kind, customers

ALLOWED_US = 75.0
"""Microseconds of CPU that a report may cost on average, without the second opinion."""
ALLOWED_WITH_JSON_US = 90.0
"""The same, with the whole report as JSON."""

Group = tuple[Kind, Status, RemedyKind]


class Cached:
    """Answers that are at hand, as a resolver's cache has them."""

    def __init__(self, lookup: ZoneLookup) -> None:
        self._lookup = lookup
        self._answers: dict[Question, Answer] = {}

    def cached(self, question: Question) -> Answer:
        """The answer; always the same object."""
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = self._lookup.cached(question)
        return answer

    async def ask(self, question: Question) -> Answer:
        """The same."""
        return self.cached(question)


@dataclass(slots=True)
class _Round:
    """The seconds of CPU that the reports of each group took, and those that went into their JSON."""

    reports: Counter[Group] = field(default_factory=Counter)
    examined: dict[Group, float] = field(default_factory=dict)
    encoded: dict[Group, float] = field(default_factory=dict)

    def add(self, group: Group, examined: float, encoded: float) -> None:
        self.reports[group] += 1
        self.examined[group] = self.examined.get(group, 0.0) + examined
        self.encoded[group] = self.encoded.get(group, 0.0) + encoded


async def _measure(made: Customers, rounds: int) -> list[_Round]:
    lookup = Cached(ZoneLookup(Zone.parse(made.zone)))
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    for domain in made.domains:
        await examine(domain, lookup, ours)  # fills the cache of answers
    found: list[_Round] = []
    for _ in range(rounds):
        one = _Round()
        for domain, kind in zip(made.domains, made.kinds, strict=True):
            started = time.process_time()
            report: Report = await examine(domain, lookup, ours)
            examined = time.process_time()
            json_bytes(report)
            ended = time.process_time()
            one.add((kind, report.status, report.remedy.kind), examined - started, ended - examined)
        found.append(one)
    return found


def _rows(
    reports: Mapping[Group, int], plain: Mapping[Group, float], json: Mapping[Group, float]
) -> Iterator[list[str]]:
    total = sum(reports.values())
    for kind in Kind:
        for group, count in sorted(reports.items(), key=lambda item: -item[1]):
            if group[0] is kind:
                share = f"{100 * count / total:.1f} %"
                examined, encoded = plain[group] / count * 1e6, json[group] / count * 1e6
                yield [*map(str, group), share, f"{examined:.0f}", f"{examined + encoded:.0f}"]


@part("report")
def report(quick: bool) -> Table:
    """The table of costs."""
    made = customers(1_000 if quick else 5_000)
    measured = asyncio.run(_measure(made, 2 if quick else 3))
    reports = measured[0].reports
    plain = {group: min(one.examined[group] for one in measured) for group in reports}
    json = {group: min(one.encoded[group] for one in measured) for group in reports}
    count = sum(reports.values())
    mean = sum(plain.values()) / count * 1e6
    whole = mean + sum(json.values()) / count * 1e6
    return Table(
        "Report: microseconds of CPU without the second opinion, all answers at hand",
        ("domain", "status", "remedy", "share", "us", "with JSON"),
        [*_rows(reports, plain, json), ["all customers", "", "", "100 %", f"{mean:.0f}", f"{whole:.0f}"]],
        ratios={"mean-under-75us": ALLOWED_US / mean, "mean-with-json-under-90us": ALLOWED_WITH_JSON_US / whole},
        notes=[
            f"{count:,} customers, more than the parser remembers; {made.terms:.1f} terms that query on average",
            f"providers: {made.source}; the least of {len(measured)} rounds for each kind",
        ],
    )
