"""Includes that are remembered: whatever the DNS was like when they were read is said of each domain that has them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from spfcheck.audit.assemble import Check
from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import Witness
from spfcheck.audit.flat.memory import memory_of
from spfcheck.audit.prepare import prepare
from spfcheck.audit.quick import Attempt
from spfcheck.audit.report.model import Report, as_json
from spfcheck.audit.senders import Ours
from spfcheck.audit.thorough import examine_thoroughly
from spfcheck.resolver.types import Answer, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.audit.golden_file import OURS

ZONE = """
_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 include:more._spf.mail.example -all"
more._spf.mail.example TXT "v=spf1 ip6:2001:db8:5::/48 -all"
other.example TXT "v=spf1 ip4:192.0.2.0/25 include:inner.example -all"
inner.example TXT "v=spf1 ip4:192.0.2.128/25 -all"
spf.protection.outlook.com TXT "v=spf1 ip4:192.0.2.128/26 ip6:2001:db8:365::/48 -all"
first.example TXT "v=spf1 include:other.example include:_spf.mail.example -all"
second.example TXT "v=spf1 include:other.example ip4:198.51.100.7 -all"
third.example TXT "v=spf1 include:_spf.mail.example ip4:198.51.100.8 include:other.example -all"
full.example TXT "v=spf1 FULL -all"
host.example A 198.51.100.1
host.example AAAA 2001:db8:1::1
unpublished.example MX 10 unpublished-example.mail.protection.outlook.com
unpublished.example TXT "other=text"
""".replace("FULL", " ".join(f"a:host.example/{prefix}" for prefix in range(23, 33)))
DOMAINS = ("first.example", "second.example", "third.example")
ODDITIES: dict[str, dict[str, Any]] = {
    "slow-dns": {"took_ms": 3_000.0},
    "stale-answer": {"stale": True},
    "cname-conflict": {"illegal_cname": True},
}
QUIET: dict[str, Any] = {"took_ms": 2_000.0, "stale": False, "illegal_cname": False}


class Changing:
    """A lookup whose answers stay the same objects until they are changed, as those of a cache do."""

    def __init__(self) -> None:
        self._lookup = ZoneLookup(Zone.parse(ZONE))
        self._answers: dict[Question, Answer] = {}

    def change(self, name: str, changes: dict[str, Any]) -> None:
        question = Question(name, Rtype.TXT)
        self._answers[question] = replace(self.cached(question), **changes)

    def cached(self, question: Question) -> Answer:
        if question not in self._answers:
            answer = self._lookup.cached(question)
            assert answer is not None
            self._answers[question] = answer
        return self._answers[question]

    async def ask(self, question: Question) -> Answer:
        return self.cached(question)


def check_of(domain: str) -> Check:
    return Check(domain, domain, f"postmaster@{domain}", "mail.invalid")


def quickly(domain: str, lookup: Changing, ours: Ours) -> Report | None:
    return Attempt(lookup, check_of(domain), ours).report(lambda: 5.0, lambda: "id")


async def said(domain: str, lookup: Changing, ours: Ours) -> set[str]:
    """The codes that a report of *domain* says, which is the same by whichever way."""
    report = await examine(domain, lookup, ours, clock=lambda: 5.0, new_id=lambda: "id")
    long = await examine_thoroughly(
        Witness(lookup),
        check_of(domain),
        ours,
        record=None,
        clock=lambda: 5.0,
        new_id=lambda: "id",
    )
    assert json.dumps(as_json(report)) == json.dumps(as_json(long))
    return {f"{one.code} {one.domain}" for one in report.findings}


@pytest.mark.parametrize("name", ["other.example", "inner.example"])
@pytest.mark.parametrize("code", ODDITIES)
async def test_an_odd_include_is_said_to_be_so_by_every_domain_that_has_it(code: str, name: str) -> None:
    lookup = Changing()
    ours = await prepare(OURS, lookup)
    lookup.change(name, ODDITIES[code])
    for domain in (*DOMAINS, *DOMAINS):
        assert f"{code} {name}" in await said(domain, lookup, ours)
        assert quickly(domain, lookup, ours) is None


@pytest.mark.parametrize("name", ["other.example", "inner.example"])
@pytest.mark.parametrize("code", ODDITIES)
async def test_an_include_that_is_remembered_may_become_odd_and_be_so_no_more(code: str, name: str) -> None:
    lookup = Changing()
    ours = await prepare(OURS, lookup)
    for changes, is_odd in ((QUIET, False), (ODDITIES[code], True), (QUIET, False)):
        lookup.change(name, changes)
        for domain in DOMAINS:
            assert (f"{code} {name}" in await said(domain, lookup, ours)) is is_odd
        # The outer answer says whether an include is looked at again.
        lookup.change("other.example", {})
        assert (quickly(DOMAINS[0], lookup, ours) is None) is is_odd
        assert ("other.example" in memory_of(ours).known) is not is_odd


@pytest.mark.parametrize("name", ["_spf.mail.example", "more._spf.mail.example"])
@pytest.mark.parametrize("code", ODDITIES)
async def test_so_is_our_own(code: str, name: str) -> None:
    lookup = Changing()
    lookup.change(name, ODDITIES[code])
    ours = await prepare(OURS, lookup)
    assert ours.ready
    # Of the last two nothing hangs on our include: one has no room for it, the other does not exist.
    for domain in (*DOMAINS, "unpublished.example", "full.example", "nowhere.example", *DOMAINS):
        assert f"{code} {name}" in await said(domain, lookup, ours)


@pytest.mark.parametrize("code", ODDITIES)
async def test_so_is_the_provider_of_a_domain_without_a_record(code: str) -> None:
    lookup = Changing()
    ours = await prepare(OURS, lookup)
    name = "spf.protection.outlook.com"
    for changes, is_odd in ((QUIET, False), (ODDITIES[code], True), (QUIET, False)):
        lookup.change(name, changes)
        assert (f"{code} {name}" in await said("unpublished.example", lookup, ours)) is is_odd


@pytest.mark.parametrize("code", ODDITIES)
@pytest.mark.parametrize("domain", [*DOMAINS, "unpublished.example", "full.example"])
async def test_so_is_the_domain_itself(domain: str, code: str) -> None:
    lookup = Changing()
    ours = await prepare(OURS, lookup)
    for changes, is_odd in ((QUIET, False), (ODDITIES[code], True), (QUIET, False)):
        lookup.change(domain, changes)
        assert (f"{code} {domain}" in await said(domain, lookup, ours)) is is_odd
        assert (quickly(domain, lookup, ours) is None) is is_odd
