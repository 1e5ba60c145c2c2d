"""A question that fails beside the point changes no finding and no waiting time: type 99, a name for a repair only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import TYPED_S
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup

OURS = [SenderProfile(name="mail", include="_spf.mail.example")]
ZONE = """
_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"
customer.example MX 10 mx.customer.example
mx.customer.example A 198.51.100.2
mx.customer.example AAAA 2001:db8:1::2
"""


class Slow:
    """A lookup that answers type 99 as it is told, or never."""

    def __init__(self, zone: str, typed: Answer | None) -> None:
        self._zone = ZoneLookup(Zone.parse(zone))
        self._typed = typed
        self.asked: list[Question] = []

    def cached(self, question: Question) -> Answer | None:
        return None

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if question.rtype is Rtype.SPF:
            if self._typed is None:
                await asyncio.Event().wait()
            return replace(self._typed, question=question)
        answer = self._zone.cached(question)
        assert answer is not None
        return answer


async def checked(zone: str, typed: Answer | None) -> tuple[Report, Slow, list[float]]:
    lookup = Slow(zone, typed)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if typed is not None:
            await asyncio.Event().wait()

    report = await examine("customer.example", lookup, await prepare(OURS, lookup), sleep=sleep)
    return report, lookup, slept


def typed(outcome: Outcome, took_ms: float = 1.0) -> Answer:
    return Answer(question=Question("", Rtype.SPF), outcome=outcome, took_ms=took_ms, soa_seen=True)


@pytest.mark.parametrize("near", ["", 'customer.example TXT "v=spf1; mx -all"'], ids=["nothing", "near miss"])
@pytest.mark.parametrize(
    "answer",
    [None, typed(Outcome.REFUSED), typed(Outcome.TIMEOUT), typed(Outcome.SERVFAIL), typed(Outcome.NODATA, 9_000.0)],
    ids=["never", "refused", "timeout", "servfail", "slow"],
)
async def test_type_99_changes_nothing(answer: Answer | None, near: str) -> None:
    report, lookup, slept = await checked(ZONE + near, answer)
    usual, _, _ = await checked(ZONE + near, typed(Outcome.NODATA))
    assert (report.status, report.remedy, report.findings) == (usual.status, usual.remedy, usual.findings)
    assert report.status == "action_needed"
    assert report.remedy.value
    assert slept == [TYPED_S] == [1.0]
    kinds = [question.rtype for question in lookup.asked if question.name == "customer.example"]
    assert set(kinds[1:3]) == {Rtype.SPF, Rtype.MX}, "asked beside the rest"


async def test_what_is_not_waited_for_stands_in_the_evidence() -> None:
    report, _, _ = await checked(ZONE, None)
    assert [one.outcome for one in report.evidence if one.type == "SPF"] == ["timeout"]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("v=spf1 mx relay.down.example -all", "syntax-error"),
        ("v=spf1 ipv4:192.0.2.1 include:relay.down.example -all", "syntax-error"),
    ],
)
async def test_a_name_that_only_a_repair_needs_changes_no_finding(record: str, code: str) -> None:
    """The record is broken for certain, whatever stands behind the name."""
    zone = f'{ZONE}customer.example TXT "{record}"\nrelay.down.example ANY SERVFAIL'
    report, lookup, _ = await checked(zone, None)
    assert "relay.down.example" in {question.name for question in lookup.asked}
    assert (report.status, report.result) == ("action_needed", "permerror")
    assert [one.code for one in report.findings] == [code]
    assert not report.remedy.value


async def test_a_name_that_the_verdict_needs_leaves_it_unknown() -> None:
    zone = f'{ZONE}customer.example TXT "v=spf1 ?ip4:203.0.0.0/8 include:relay.down.example -all"'
    report, _, _ = await checked(f"{zone}\nrelay.down.example ANY SERVFAIL", None)
    assert report.status == "unknown"
    assert "dns-servfail" in [one.code for one in report.findings]
