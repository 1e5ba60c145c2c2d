"""The second look, one reason at a time: everything else about the letter is as the night saw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spfcheck.audit.report.model import NOT_ASKED, Report, Status
from spfcheck.notify.model import NoticeState, Reason
from spfcheck.notify.planning.checks import CheckHealth, DomainChecks
from spfcheck.notify.sending.second_look import FOR_GOOD, state_for
from tests.notify.sending.test_send import FIVE, prepared, send
from tests.notify.world import World, broken, mended, world

Bend = Callable[[Report], Report]


class Bent:
    """The world's own checks, of which the second look at d0.example comes out another way."""

    def __init__(self, honest: DomainChecks, bend: Bend) -> None:
        self._honest, self._bend = honest, bend

    async def health(self) -> CheckHealth:
        return await self._honest.health()

    async def night(self, domain: str, *, opinion: bool) -> Report:
        return await self._honest.night(domain, opinion=opinion)

    async def again(self, domain: str) -> Report:
        report = await self._honest.again(domain)
        return self._bend(report) if domain == "d0.example" else report

    async def second(self, domain: str) -> Report | None:
        return await self._honest.second(domain)


async def looked(tmp_path: Path, bend: Bend) -> tuple[dict[str, int], list[str]]:
    """Why d0.example is left alone, and who got a message."""
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.checks = Bent(w.dns(), bend)
        summary = await send(w, plan)
    assert summary.sent == len(w.sent)
    return dict(summary.reasons), [email for email, _ in w.sent]


OTHERS = [f"owner@{name}" for name in FIVE[1:]]


async def test_a_report_that_is_as_it_was_is_sent(tmp_path: Path) -> None:
    assert await looked(tmp_path, lambda report: report) == ({}, [f"owner@{name}" for name in FIVE])


async def test_without_the_second_engines_opinion_nothing_is_sent(tmp_path: Path) -> None:
    found = await looked(tmp_path, lambda report: replace(report, opinion=NOT_ASKED))
    assert found == ({Reason.NO_OPINION: 1}, OTHERS)


async def test_a_domain_that_is_only_at_risk_is_repaired(tmp_path: Path) -> None:
    found = await looked(tmp_path, lambda report: replace(report, status=Status.AT_RISK))
    assert found == ({Reason.REPAIRED: 1}, OTHERS)


async def test_an_answer_that_is_stale_is_not_relied_on(tmp_path: Path) -> None:
    found = await looked(tmp_path, lambda report: replace(report, stale=True))
    assert found == ({Reason.STALE: 1}, OTHERS)


async def test_another_fault_than_the_plans_is_not_written_about(tmp_path: Path) -> None:
    def another(report: Report) -> Report:
        return replace(report, findings=tuple(replace(one, code="another") for one in report.findings))

    assert await looked(tmp_path, another) == ({Reason.CHANGED: 1}, OTHERS)


async def test_an_absence_that_nobody_vouches_for_is_not_relied_on(tmp_path: Path) -> None:
    def naked(report: Report) -> Report:
        first, *rest = report.evidence
        return replace(report, evidence=(replace(first, outcome="nodata", soa_seen=False), *rest))

    assert await looked(tmp_path, naked) == ({Reason.UNCONFIRMED_NEGATIVE: 1}, OTHERS)


async def test_a_tag_that_opts_out_is_seen(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        tag = w.workspace.tag_id("spf-no-notify")
        plan = await prepared(w, FIVE)
        # The audience moved by one, and one in five is more than the guard on that lets through.
        next(iter(w.workspace.contacts.values())).tags.append(tag)
        summary = await send(w, plan, audience_change_max=1.0)
    assert (summary.sent, summary.suppressed, summary.reasons) == (4, 1, {Reason.OPTED_OUT: 1})


async def test_ten_tags_none_of_which_opts_out_hold_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        w.workspace.tag_id("spf-no-notify")
        plan = await prepared(w, FIVE)
        contact = next(iter(w.workspace.contacts.values()))
        contact.tags = [w.workspace.tag_id(f"t{n}") for n in range(12)]
        assert (await send(w, plan)).sent == 5


async def test_a_contact_that_was_deleted_is_gone(tmp_path: Path) -> None:
    names = [f"d{n}.example" for n in range(12)]
    async with world(tmp_path, broken(*names)) as w:
        plan = await prepared(w, names)
        del w.workspace.contacts[next(iter(w.workspace.contacts))]
        summary = await send(w, plan)
    assert (summary.sent, summary.reasons) == (11, {Reason.CONTACT_GONE: 1})


async def two_contacts(w: World) -> tuple[str, str]:
    """Ann, whose letter names d0.example at one contact of hers and d1.example at another."""
    made = [w.workspace.add_contact(email="ann@agency.example", sending_domain=f"d{n}.example") for n in (0, 1)]
    for n in range(20):
        w.workspace.add_contact(email=f"x{n}@good.example", sending_domain="good.example")
    await w.baseline()
    return made[0].id, made[1].id


@pytest.mark.parametrize(
    "change", [{"email": "bob@agency.example"}, {"merged_into": "6762"}, {"attributes": {}}], ids=str
)
async def test_each_domain_must_still_stand_at_its_own_contact(tmp_path: Path, change: dict[str, object]) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        _, other = await two_contacts(w)
        async with w.notifier() as notifier:
            plan = await notifier.plan()
            for field, value in change.items():
                setattr(w.workspace.contacts[other], field, value)
            summary = await notifier.send(plan.id)
    (message,) = w.workspace.messages
    assert "d0.example" in message.body
    assert "d1.example" not in message.body
    assert summary.reasons == {Reason.DOMAIN_MOVED: 1}


async def test_a_domain_of_another_contact_does_not_stand_in_for_ones_own(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        first, other = await two_contacts(w)
        async with w.notifier() as notifier:
            plan = await notifier.plan()
            w.workspace.contacts[first].attributes = {"sending_domain": "d1.example"}
            w.workspace.contacts[other].attributes = {"sending_domain": "d0.example"}
            summary = await notifier.send(plan.id)
    assert (summary.sent, summary.reasons) == (0, {Reason.DOMAIN_MOVED: 2})


async def thanking(tmp_path: Path, now: str) -> list[str]:
    """The subjects of what goes out when a plan of thanks meets a domain that is *now* so."""
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"], thanks=True)
        await send(w, plan, thanks=True)
        w.zone_text = w.zone_text.replace(broken("d0.example"), mended("d0.example"))
        async with w.notifier(thanks=True) as notifier:
            for _ in range(4):
                w.clock.later(24)
                plan = await notifier.plan()
                if plan.intents:
                    break
            assert [intent.step for intent in plan.intents] == ["thanks"]
            w.zone_text = w.zone_text.replace(mended("d0.example"), now)
            summary = await notifier.send(plan.id)
            assert summary.reasons == ({} if summary.sent else {Reason.CHANGED: 1})
    return [subject for _, subject in w.sent[1:]]


async def test_a_repair_that_stands_is_thanked_for(tmp_path: Path) -> None:
    assert await thanking(tmp_path, mended("d0.example")) == ["d0.example is set up: thank you"]


@pytest.mark.parametrize("now", [broken("d0.example"), "d0.example TXT TIMEOUT"], ids=["broken", "silent"])
async def test_nobody_is_thanked_for_what_is_broken_again(tmp_path: Path, now: str) -> None:
    assert await thanking(tmp_path, now) == []


def test_what_a_person_wants_closes_a_letter_and_what_may_change_leaves_it_open() -> None:
    closed = {reason for reason in Reason if state_for(reason) is NoticeState.SUPPRESSED}
    assert closed == FOR_GOOD
    assert closed == {
        Reason.UNSUBSCRIBED,
        Reason.BOUNCED,
        Reason.MARKED_SPAM,
        Reason.OPTED_OUT,
        Reason.SUPPRESSED,
        Reason.REPAIRED,
    }
    assert {state_for(reason) for reason in set(Reason) - closed} == {NoticeState.WAITING}
