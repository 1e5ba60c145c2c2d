"""What one report costs, with every answer at hand: the ordinary domain, and those that need more."""

from __future__ import annotations

import asyncio
import statistics
import time

from bench.registry import Table, part
from spfcheck.audit.examine import examine, prepare
from spfcheck.audit.report import Status
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.types import Answer, Question
from spfcheck.resolver.zone import Zone, ZoneLookup

ALLOWED_US = 75.0
"""Microseconds of CPU that the report of an ordinary domain may cost, without the second opinion."""
COMMON = """
_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all"
spf.provider.example TXT "v=spf1 ip4:192.0.2.128/26 ip6:2001:db8:365::/48 include:more.provider.example -all"
more.provider.example TXT "v=spf1 ip4:198.51.100.128/25 ip6:2001:db8:366::/48 -all"
host.example A 192.0.2.1
host.example AAAA 2001:db8:1::1
"""
SHAPES = {
    "ordinary: networks and known includes": (
        'd{0}.example TXT "v=spf1 ip4:81.2.{1}.{2} include:spf.provider.example include:_spf.mail.example -all"',
        Status.OK,
    ),
    "with a host of its own": (
        'd{0}.example TXT "v=spf1 ip4:81.2.{1}.{2} a:host.example include:_spf.mail.example -all"',
        Status.OK,
    ),
    "ours is missing, with a proven remedy": (
        'd{0}.example TXT "v=spf1 ip4:81.2.{1}.{2} include:spf.provider.example -all"',
        Status.ACTION_NEEDED,
    ),
    "no record, with a proven remedy": ("d{0}.example MX 10 host.example", Status.ACTION_NEEDED),
}


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


async def _measure(line: str, status: Status, count: int, rounds: int) -> float:
    """Median microseconds of CPU a report, over domains whose texts all differ."""
    lines = [line.format(number, number // 250, number % 250 + 1) for number in range(count * rounds)]
    lookup = Cached(ZoneLookup(Zone.parse("\n".join([COMMON, *lines]))))
    ours = await prepare([SenderProfile(name="mail", include="_spf.mail.example")], lookup)
    domains = [text.split(" ", 1)[0] for text in lines]
    for domain in domains:
        await examine(domain, lookup, ours)  # fills the cache of answers
    taken = []
    for number in range(rounds):
        chunk = domains[number * count : (number + 1) * count]
        started = time.process_time()
        for domain in chunk:
            report = await examine(domain, lookup, ours)
        taken.append((time.process_time() - started) / count * 1e6)
        assert report.status is status, report.headline
    return statistics.median(taken)


@part("report")
def report(quick: bool) -> Table:
    """The table of costs."""
    count, rounds = (200, 3) if quick else (2_500, 5)
    figures = {
        name: asyncio.run(_measure(line, status, count if status is Status.OK else count // 10, rounds))
        for name, (line, status) in SHAPES.items()
    }
    ordinary = next(iter(figures.values()))
    return Table(
        "Report: CPU without the second opinion, all answers cached",
        ("domain", "us"),
        [(name, f"{value:.1f}") for name, value in figures.items()],
        ratios={"ordinary-under-75us": ALLOWED_US / ordinary},
        notes=[
            f"allowed for the ordinary domain: {ALLOWED_US:.0f} us",
            "12,500 different records, more than the parser remembers: each is read again",
        ],
    )
