"""The opinion beside a finished report is the one that the long way comes to, whichever way the report was made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, event, given, settings

from spfcheck.audit import second_opinion
from spfcheck.audit.assemble import Check
from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import Witness
from spfcheck.audit.judgement.networks import Judged, judge
from spfcheck.audit.prepare import prepare
from spfcheck.audit.quick import Attempt
from spfcheck.audit.replay import replay
from spfcheck.audit.report.model import Opinion, Report, as_json
from spfcheck.audit.second_opinion import completed, engines, opinion_on, with_opinion
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.audit.thorough import examine_thoroughly
from spfcheck.resolver.types import Answer, Lookup, Outcome, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.ranges import format_address
from tests.audit.golden_file import GOLDEN, OURS, Golden
from tests.audit.zones import Generated, customers, zones
from tests.made.customers import INCLUDE
from tests.made.customers import customers as made_customers
from tests.made.held import held_engine
from tests.profile import scale

HELO = "mail.invalid"
COMMON = '_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"\n'
BROKEN = COMMON + 'customer.example TXT "v=spf1 ip4:192.0.2.1 -all"\n'


def text(report: Report) -> str:
    return json.dumps(as_json(report))


class Asked:
    """Which addresses pyspf is asked about, while it really is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: list[str] = []
        ask = second_opinion._theirs

        async def listening(
            domain: str, answers: dict[Question, Answer], addresses: list[str], sender: str, helo: str
        ) -> Sequence[tuple[str, str]]:
            self.addresses += addresses
            return await ask(domain, answers, addresses, sender, helo)

        monkeypatch.setattr(second_opinion, "_theirs", listening)

    def take(self) -> list[str]:
        taken, self.addresses = self.addresses, []
        return taken


async def both(domain: str, lookup: Lookup, ours: Ours, asked: Asked) -> Report | None:
    """Hold the quick report and its opinion against the long way's; None where there is no quick way."""
    sender = f"postmaster@{domain}"
    check = Check(domain, domain, sender, HELO)
    quick = Attempt(lookup, check, ours).report(lambda: 5.0, lambda: "id")
    if quick is None:
        return None
    beside = await completed(quick, lookup, ours)
    quickly = asked.take()
    witness = Witness(lookup)
    long = await examine_thoroughly(witness, check, ours, record=None, clock=lambda: 5.0, new_id=lambda: "id")
    judged = await judge(domain, witness, ours, sender, HELO)
    within = with_opinion(long, await opinion_on(long, witness, ours), witness.answers)
    assert text(beside) == text(within)
    assert quickly == asked.take()
    assert beside.opinion.asked
    assert not missed(judged, ours, quickly), "each outcome and both ends of each network are asked about"
    return beside


def missed(judged: Judged, ours: Ours, asked: list[str]) -> list[str]:
    """What has to be asked about and is not."""
    wanted = [(family, cell.addresses[0][0]) for family, cell in judged.cells()]
    wanted += [(family, end) for family, ranges in ours.sending.items() for one in ranges for end in one]
    return [shown for family, address in wanted if (shown := format_address(address, family)) not in asked]


async def test_goldens(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, quick = Asked(monkeypatch), []
    for path in sorted(GOLDEN.glob("*.txt")):
        golden = Golden.read(path)
        lookup = golden.lookup()
        ours = await prepare(golden.profiles(), lookup, clock=lambda: 5.0)
        if ours.ready:
            quick.append(await both(golden.ask.get("domain", "customer.example"), lookup, ours, asked))
    assert sum(one is not None for one in quick) >= 10
    assert any(one.opinion.may_message for one in quick if one is not None)


@pytest.mark.parametrize("made", [zones(), customers()], ids=["anything", "as-customers-have-it"])
def test_generated(made, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    asked = Asked(monkeypatch)

    @given(made)
    @settings(max_examples=scale(60, 1_500), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def compare(generated: Generated) -> None:
        async def go() -> None:
            asked.take()
            lookup = ZoneLookup(Zone.parse(generated.text))
            ours = await prepare(OURS, lookup, clock=lambda: 5.0)
            event(str(await both("customer.example", lookup, ours, asked) is not None))

        asyncio.run(go())

    compare()


async def test_made_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, made = Asked(monkeypatch), made_customers(scale(120, 2_000), seed=12)
    lookup = ZoneLookup(Zone.parse(made.zone))
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup, clock=lambda: 5.0)
    found = [await both(domain, lookup, ours, asked) for domain in made.domains]
    quick = [one for one in found if one is not None]
    assert len(quick) > 0.9 * len(found)
    assert {one.opinion.may_message for one in quick} == {True, False}


async def test_a_report_that_was_completed_later_replays() -> None:
    lookup = ZoneLookup(Zone.parse(BROKEN))
    ours = await prepare(OURS, lookup)
    alone = await examine("customer.example", lookup, ours)
    whole = await completed(alone, lookup, ours)
    assert (alone.opinion.asked, whole.opinion.may_message) == (False, True)
    assert whole.report_id == alone.report_id
    stored = json.loads(text(whole))
    assert text(await replay(stored, OURS)) == text(whole)


async def test_what_was_asked_for_the_opinion_stands_in_the_report() -> None:
    lookup = ZoneLookup(Zone.parse(BROKEN))
    report = await examine("customer.example", lookup, await prepare(OURS, lookup), clock=lambda: 1_000.0)
    opinion = Opinion(engine="pyspf", asked=True, result="agrees", agrees=True)
    early = Answer(
        question=Question("a.example", Rtype.A), outcome=Outcome.NODATA, ttl=30, received_at=990.0, stale=True
    )
    refused = Answer(question=Question("z.example", Rtype.A), outcome=Outcome.LIMITED, received_at=1_000.0, ttl=600)
    whole = with_opinion(report, opinion, {one.question: one for one in (refused, early)})
    assert [(one.name, one.type) for one in whole.evidence] == sorted((one.name, one.type) for one in whole.evidence)
    assert len(whole.evidence) == len(report.evidence) + 2
    assert whole.questions == report.questions + 1, "nobody asked what was refused"
    assert (whole.expires_at, whole.stale, whole.opinion) == (1_020.0, True, opinion)
    assert (report.stale, report.opinion.asked) == (False, False)


async def test_without_senders_of_ours_nothing_is_asked() -> None:
    lookup = ZoneLookup(Zone.parse('customer.example TXT "v=spf1 -all"'))
    ours = await prepare(OURS, lookup)
    report = await examine("customer.example", lookup, ours)
    assert await completed(report, lookup, ours) is report


async def test_an_engine_that_hangs_has_no_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    lookup = ZoneLookup(Zone.parse(BROKEN))
    ours = await prepare(OURS, lookup)
    with held_engine(), monkeypatch.context() as patience:
        patience.setattr(engines(), "bounds", replace(second_opinion.BOUNDS, seconds=0.05))
        report = await examine("customer.example", lookup, ours, opinion=True)
    assert (report.status, report.opinion.asked, report.opinion.result) == ("action_needed", True, "no-opinion")
    assert "has not answered within" in report.opinion.detail
    assert not report.opinion.may_message
    assert (await examine("customer.example", lookup, ours, opinion=True)).opinion.may_message, (
        "another process goes on"
    )
