"""One check_host() with the DNS in memory and records seen before, beside pyspf over the same answers.

Each call judges another address than the one before, and none that any network matches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from itertools import cycle
from typing import Any

import spf

from bench.registry import Table, part, time_per_call
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host, partition
from spfcheck.rfc7208.limits import STRICT
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import everything
from spfcheck.rfc7208.record import Result, parse
from spfcheck.rfc7208.verdict import Verdict

CLIENT = "203.0.113.77"
CLIENTS = [f"203.0.{number // 256}.{number % 256}" for number in range(5_000)]
"""The addresses that calls judge in turn: more than any cache of ours holds verdicts or addresses."""
SHAPES = {"simple": (1, 5, 3.0), "typical": (3, 20, 8.0), "heavy": (10, 100, 25.0)}
"""Includes, networks in all, and the microseconds that we allow ourselves."""
CUSTOMERS = 3_000
"""Domains that share their providers' includes."""
UNFOLDED = replace(STRICT)
"""The strict reading in an object of its own: nothing is folded for it."""


@dataclass(frozen=True, slots=True)
class Fixture:
    domains: tuple[str, ...]
    ours: dict[Question, Answer]
    theirs: dict[tuple[str, str], list[tuple[tuple[str, str], Any]]]

    @property
    def domain(self) -> str:
        """The first domain, which is the only one of most fixtures."""
        return self.domains[0]


def fixture(name: str, includes: int, networks: int) -> Fixture:
    """A domain that includes *includes* others; all records together hold *networks*, and the client is in none."""
    texts = [f"10.{number // 256}.{number % 256}.0/24" for number in range(networks)]
    share = networks // (includes + 1)
    domain = f"{name}.example"
    records: dict[str, str] = {}
    own = [f"ip4:{text}" for text in texts[: networks - share * includes]]
    for number in range(includes):
        held = texts[networks - share * (includes - number) : networks - share * (includes - number - 1)]
        target = f"spf{number}.{name}.example"
        records[target] = " ".join(["v=spf1", *(f"ip4:{text}" for text in held), "-all"])
        own.append(f"include:{target}")
    records[domain] = " ".join(["v=spf1", *own, "-all"])
    return _fixture((domain,), records)


def customers() -> Fixture:
    """Many domains with a network or two of their own, that share a dozen providers' includes, as ours do."""
    records = {
        f"provider{number}.example": " ".join(
            ["v=spf1", *(f"ip4:10.{number}.{network}.0/25" for network in range((8, 20, 60)[number % 3])), "~all"]
        )
        for number in range(12)
    }
    domains = tuple(f"customer{number}.example" for number in range(CUSTOMERS))
    for number, domain in enumerate(domains):
        own = [f"ip4:198.18.{number % 256}.{number // 256 + one}" for one in range(1 + number % 3)]
        includes = [f"include:provider{(number * 7 + one * 5) % 12}.example" for one in range(2 + number % 3)]
        records[domain] = " ".join(["v=spf1", *own, *includes, "-all"])
    return _fixture(domains, records)


def _fixture(domains: tuple[str, ...], records: dict[str, str]) -> Fixture:
    ours = {
        (question := Question(name, Rtype.TXT)): Answer(
            question=question, outcome=Outcome.OK, records=((text.encode(),),), ttl=300, resolver="zone"
        )
        for name, text in records.items()
    }
    theirs = {(name, "TXT"): [((name, "TXT"), (text.encode(),))] for name, text in records.items()}
    return Fixture(domains, ours, theirs)


def ours(case: Fixture) -> Callable[[], object]:
    """One check, of each domain of *case* in turn, when each was checked often."""
    answer = case.ours.__getitem__
    domains, client = cycle(case.domains).__next__, cycle(CLIENTS).__next__

    def call() -> Verdict:
        domain = domains()
        return run(check_host(client(), domain, f"postmaster@{domain}", "mx.example"), answer)

    return _often(call, case)


def plain(case: Fixture) -> Callable[[], object]:
    """The same with nothing folded, as for a domain whose includes nobody asked about before."""
    answer = case.ours.__getitem__
    domains, client = cycle(case.domains).__next__, cycle(CLIENTS).__next__

    def call() -> Verdict:
        domain = domains()
        return run(check_host(client(), domain, f"postmaster@{domain}", "mx.example", policy=UNFOLDED), answer)

    return _often(call, case)


def _often(call: Callable[[], Verdict], case: Fixture) -> Callable[[], object]:
    for _ in range(32 * len(case.domains)):
        assert call().result is Result.FAIL
    return call


def whole_space(case: Fixture) -> Callable[[], object]:
    space = everything(4)
    domain = cycle(case.domains).__next__
    return lambda: run(partition(space, 4, domain()), case.ours.__getitem__)


def theirs(case: Fixture) -> Callable[[], object]:
    client = cycle(CLIENTS).__next__
    sender = cycle([f"postmaster@{domain}" for domain in case.domains]).__next__

    def call() -> tuple[str, str]:
        result: tuple[str, str] = spf.check2(client(), sender(), "mx.example", querytime=0)
        return result

    spf.DNSLookup = lambda name, qtype, *_: case.theirs.get((name, qtype), [])
    assert call()[0] == "fail"
    return call


def floor(case: Fixture) -> Callable[[], object]:
    """Nothing but integers: an address compared with one network after the other, as they are written."""
    address = int(IPv4Address(CLIENT))
    networks = [
        (term.network, term.result)
        for answer in case.ours.values()
        for term in parse(answer.records[0][0]).terms
        if term.network is not None
    ]

    def call() -> object:
        for (low, high), result in networks:
            if low <= address <= high:
                return result
        return None

    return call


COLUMNS = (
    "one address that nothing matches, us",
    "spfcheck",
    "goal",
    "pyspf",
    "times",
    "unfolded",
    "floor",
    "all of IPv4",
)
MEASURES = (("ours", ours), ("pyspf", theirs), ("unfolded", plain), ("floor", floor), ("partition", whole_space))


@part("check_host")
def measure(quick: bool) -> Table:
    seconds = 0.3 if quick else 2.0
    rows = []
    ratios = {}
    cases = {
        name: (f"{name} ({includes} includes, {networks} networks)", fixture(name, includes, networks), allowed)
        for name, (includes, networks, allowed) in SHAPES.items()
    }
    cases["shared"] = (f"shared ({CUSTOMERS:,} domains in turn, 2 to 4 includes)", customers(), None)
    for name, (told, case, allowed) in cases.items():
        us = {
            label: time_per_call(make(case), seconds=seconds) * 1e6
            for label, make in MEASURES
            if label != "floor" or allowed is not None
        }
        rows.append(
            [
                told,
                f"{us['ours']:.1f}",
                f"{allowed:.0f}" if allowed else "",
                f"{us['pyspf']:.0f}",
                f"{us['pyspf'] / us['ours']:.1f}",
                f"{us['unfolded']:.1f}",
                f"{us['floor']:.1f}" if allowed else "",
                f"{us['partition']:.0f}",
            ]
        )
        ratios[f"{name}_vs_pyspf"] = us["pyspf"] / us["ours"]
        if allowed is not None:
            ratios[f"{name}_within_goal"] = allowed / us["ours"]
    return Table(
        "check_host(), DNS in memory, records seen before",
        COLUMNS,
        rows,
        ratios,
        [
            "unfolded: by evaluation, as for includes that were not asked about often. floor: an address compared with",
            "each network in turn, and nothing else. all of IPv4: the exact partition of every address.",
        ],
    )
