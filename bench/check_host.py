"""One check_host() with the DNS in memory and records seen before, beside pyspf over the same answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import spf

from bench.registry import Table, part, time_per_call
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host, partition
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import everything
from spfcheck.rfc7208.record import Result, parse

CLIENT = "203.0.113.77"
SHAPES = {"simple": (1, 5, 8.0), "typical": (3, 20, 20.0), "heavy": (10, 100, 70.0)}
"""Includes, networks in all, and the microseconds that we allow ourselves."""


@dataclass(frozen=True, slots=True)
class Fixture:
    domain: str
    ours: dict[Question, Answer]
    theirs: dict[tuple[str, str], list[tuple[tuple[str, str], Any]]]


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
    ours = {
        (question := Question(name, Rtype.TXT)): Answer(
            question=question, outcome=Outcome.OK, records=((text.encode(),),), ttl=300, resolver="zone"
        )
        for name, text in records.items()
    }
    theirs = {(name, "TXT"): [((name, "TXT"), (text.encode(),))] for name, text in records.items()}
    return Fixture(domain, ours, theirs)


def ours(case: Fixture) -> Callable[[], object]:
    answer = case.ours.__getitem__
    sender = f"postmaster@{case.domain}"
    verdict = run(check_host(CLIENT, case.domain, sender, "mx.example"), answer)
    assert verdict.result is Result.FAIL, verdict
    return lambda: run(check_host(CLIENT, case.domain, sender, "mx.example"), answer)


def whole_space(case: Fixture) -> Callable[[], object]:
    space = everything(4)
    return lambda: run(partition(space, 4, case.domain), case.ours.__getitem__)


def theirs(case: Fixture) -> Callable[[], object]:
    def call() -> tuple[str, str]:
        result: tuple[str, str] = spf.check2(CLIENT, f"postmaster@{case.domain}", "mx.example", querytime=0)
        return result

    spf.DNSLookup = lambda name, qtype, *_: case.theirs.get((name, qtype), [])
    assert call()[0] == "fail"
    return call


def floor(case: Fixture) -> Callable[[], object]:
    """Nothing but the comparison of integers: what no evaluator in Python can beat."""
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


@part("check_host")
def measure(quick: bool) -> Table:
    seconds = 0.3 if quick else 2.0
    rows = []
    ratios = {}
    for name, (includes, networks, allowed) in SHAPES.items():
        case = fixture(name, includes, networks)
        us = {
            label: time_per_call(make(case), seconds=seconds) * 1e6
            for label, make in (("ours", ours), ("pyspf", theirs), ("floor", floor), ("partition", whole_space))
        }
        rows.append(
            [
                f"{name} ({includes} includes, {networks} networks)",
                f"{us['ours']:.1f}",
                f"{allowed:.0f}",
                f"{us['pyspf']:.0f}",
                f"{us['pyspf'] / us['ours']:.1f}",
                f"{us['floor']:.1f}",
                f"{us['partition']:.0f}",
            ]
        )
        ratios[f"{name}_vs_pyspf"] = us["pyspf"] / us["ours"]
        ratios[f"{name}_within_goal"] = allowed / us["ours"]
    columns = ["one address that nothing matches, us", "spfcheck", "goal", "pyspf", "times", "floor", "all of IPv4"]
    return Table(
        "check_host(), DNS in memory, records seen before",
        columns,
        rows,
        ratios,
        ["floor: integers compared and nothing else. all of IPv4: the exact partition of every address."],
    )
