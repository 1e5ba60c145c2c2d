"""What holds a message back in the last moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spfcheck.demo.sandbox import Sandbox
from spfcheck.notify.model import NotifyError, Plan, Progress, Reason, RefusedError, SendSummary
from spfcheck.notify.notifier import Notifier
from tests.notify.world import World, broken, mended, resumed, world

FIVE = [f"d{n}.example" for n in range(5)]


async def prepared(w: World, names: list[str], **changes: Any) -> Plan:
    """A baseline a day ago, and today's plan that would message everybody."""
    for name in names:
        w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
    await w.baseline(**changes)
    async with w.notifier(**changes) as notifier:
        plan = await notifier.plan()
    assert plan.totals["messages"] == len(names), (plan.totals, plan.reasons)
    return plan


async def send(w: World, plan: Plan, **changes: Any) -> SendSummary:
    async with w.notifier(**changes) as notifier:
        return await notifier.send(plan.id)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unsubscribed_from_emails": True}, Reason.UNSUBSCRIBED),
        ({"has_hard_bounced": True}, Reason.BOUNCED),
        ({"marked_email_as_spam": True}, Reason.MARKED_SPAM),
        ({"unsubscribed_from_emails": None}, Reason.CONSENT_UNKNOWN),
        ({"role": "lead"}, Reason.ROLE),
        ({"email": "successor@d0.example"}, Reason.ADDRESS_CHANGED),
        ({"merged_into": "6762"}, Reason.CONTACT_GONE),
        ({"attributes": {"sending_domain": "other.example"}}, Reason.DOMAIN_MOVED),
        ({"attributes": {}}, Reason.DOMAIN_MOVED),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_contact_that_changed_since_the_plan_is_left_alone(
    tmp_path: Path, change: dict[str, Any], reason: Reason
) -> None:
    names = [f"d{n}.example" for n in range(12)]
    async with world(tmp_path, broken(*names)) as w:
        plan = await prepared(w, names)
        contact = next(iter(w.workspace.contacts.values()))
        for field, value in change.items():
            setattr(contact, field, value)
        # The description has booleans there; a null is what we must survive, so it is not held against the sandbox.
        w.sandbox.contract = None if None in change.values() else w.sandbox.contract
        summary = await send(w, plan)
    assert summary.sent == 11
    assert summary.reasons == {reason: 1}
    assert contact.id not in {message.contact_id for message in w.workspace.messages}


async def test_an_opt_out_beyond_the_tenth_tag_is_seen(tmp_path: Path) -> None:
    names = [f"d{n}.example" for n in range(12)]
    async with world(tmp_path, broken(*names)) as w:
        w.workspace.tag_id("spf-no-notify")
        plan = await prepared(w, names)
        contact = next(iter(w.workspace.contacts.values()))
        contact.tags = [w.workspace.tag_id(f"t{n}") for n in range(10)] + [w.workspace.tag_id("spf-no-notify")]
        summary = await send(w, plan)
    assert summary.reasons == {Reason.OPTED_OUT: 1}


@pytest.mark.parametrize(
    ("zone", "reason"),
    [
        (mended("d0.example"), Reason.REPAIRED),
        ("d0.example TXT TIMEOUT", Reason.DNS_FAILED),
        ("d0.example TXT SERVFAIL", Reason.DNS_FAILED),
        ("d0.example MX 10 mx.d0.example\nmx.d0.example A 198.51.100.7", Reason.CHANGED),
    ],
)
async def test_a_domain_that_changed_since_the_plan_is_left_alone(tmp_path: Path, zone: str, reason: Reason) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.zone_text = w.zone_text.replace(broken("d0.example"), zone)
        summary = await send(w, plan)
    assert summary.sent == 4
    assert summary.reasons == {reason: 1}


async def test_a_second_resolver_that_differs_stops_the_message(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.second_zone = w.zone_text.replace(broken("d0.example"), mended("d0.example"))
        summary = await send(w, plan)
    assert summary.sent == 4
    assert summary.reasons == {Reason.RESOLVERS_DIFFER: 1}


async def test_the_pause_switch_works_before_the_very_next_message(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier() as notifier:

            def stop(progress: Progress) -> None:
                if progress.done == 2:
                    (tmp_path / "pause").touch()

            summary = await notifier.send(plan.id, stop)
            assert (summary.sent, summary.waiting) == (2, 3)
            assert "pause file" in summary.stopped
            with pytest.raises(RefusedError, match="pause file"):
                await notifier.send(plan.id)
            (tmp_path / "pause").unlink()
            await notifier.pause("let us look at this", who="mira")
            with pytest.raises(RefusedError, match="let us look at this"):
                await notifier.send(plan.id)
            assert await resumed(notifier, "looked at", "mira") == 1


async def test_an_unreadable_pause_switch_stops_sending(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.guards = w.guards.__class__(**{**_fields(w), "pause_file": tmp_path / ("y" * 300)})
        with pytest.raises(RefusedError, match="cannot be read"):
            await send(w, plan)


def _fields(w: World) -> dict[str, Any]:
    return {name: getattr(w.guards, name) for name in w.guards.__dataclass_fields__}


async def test_quiet_hours_are_those_of_the_workspace(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        w.workspace.timezone = "America/Los_Angeles"  # where it is 02:00
        plan = await prepared(w, FIVE)
        summary = await send(w, plan, quiet_hours="17:00-09:00")
        assert (summary.sent, summary.reasons) == (0, {Reason.QUIET_HOURS: 5})
        w.clock.later(8)
        async with w.notifier(quiet_hours="17:00-09:00") as notifier:
            again = await notifier.run()
        assert again.sending is not None
        assert again.sending.sent == 5


async def test_the_ceiling_lets_the_rest_wait_and_nobody_is_lost(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        for name in FIVE:
            w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
        await w.baseline()
        sent = []
        async with w.notifier(ceiling_per_run=2) as notifier:
            for _ in range(4):
                night = await notifier.run()
                assert night.sending is not None
                sent.append(night.sending.sent)
                w.clock.later(24)
    assert sent == [2, 2, 1, 0]
    assert len({message.contact_id for message in w.workspace.messages}) == 5


async def test_the_stage_is_part_of_the_plan(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        for name in FIVE:
            w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
        await w.baseline()
        async with w.notifier(stage="self", allow=frozenset({"d3.example"})) as notifier:
            night = await notifier.run()
            assert night.plan.reasons == {Reason.OUTSIDE_STAGE: 4}
    assert [email for email, _ in w.sent] == ["owner@d3.example"]


async def test_a_person_gets_one_message_for_all_domains_and_contacts(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        w.workspace.add_contact(email="Ann@agency.example", sending_domain="d0.example")
        w.workspace.add_contact(email="ann@agency.example", sending_domain="d1.example")
        w.workspace.add_contact(email=" ANN@agency.example", sending_domain="d0.example")
        await w.baseline()
        async with w.notifier() as notifier:
            await notifier.run()
    assert len(w.sent) == 1
    assert "d0.example" in w.workspace.messages[0].body
    assert "d1.example" in w.workspace.messages[0].body


async def test_an_old_plan_and_a_moved_audience_are_refused(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.workspace.add_contact(email="new@new.example", sending_domain="new.example")
        with pytest.raises(RefusedError, match="moved from 5 to 6"):
            await send(w, plan)
        w.clock.later(25)
        with pytest.raises(RefusedError, match="25 hours old; 24 may be"):
            await send(w, plan)


async def test_a_plan_that_was_changed_in_the_database_is_refused(tmp_path: Path) -> None:
    import sqlite3

    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        with sqlite3.connect(tmp_path / "ledger.sqlite3") as db:
            db.execute("UPDATE plan_intents SET document = replace(document, 'd0.example', 'evil.example')")
        with pytest.raises(NotifyError, match="its hash differs"):
            await send(w, plan)


async def test_a_second_sender_is_refused_while_the_first_is_at_work(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier() as first, w.notifier() as second:
            seen: list[asyncio.Task[SendSummary]] = []

            def also(progress: Progress) -> None:
                if progress.done == 1:
                    seen.append(asyncio.ensure_future(second.send(plan.id)))

            summary = await first.send(plan.id, also)
            with pytest.raises(RefusedError, match="Another sender is at work"):
                await seen[0]
    assert summary.sent == 5
    assert len(w.sent) == 5


async def test_sigterm_ends_after_the_row_in_hand(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier() as notifier:
            summary = await notifier.send(plan.id, lambda progress: w.stop.set() if progress.done == 3 else None)
    assert (summary.sent, summary.waiting) == (3, 2)
    assert summary.stopped == "The run was asked to end."


async def test_a_claim_that_grew_old_is_not_posted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stood still between the claim and the call."""
    from spfcheck.notify.ledger.ledger import Ledger

    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        honest = Ledger.claim

        def slow(self: Ledger, *arguments: Any, **named: Any) -> Any:
            claimed = honest(self, *arguments, **named)
            w.clock.now += 6
            return claimed

        monkeypatch.setattr(Ledger, "claim", slow)
        assert (await send(w, plan)).sent == 0
        monkeypatch.setattr(Ledger, "claim", honest)
        assert w.sent == []
        assert (await send(w, plan)).sent == 1


def answering(sandbox: Sandbox, status: int, times: int, body: str = "{}") -> None:
    """Let the next *times* messages be answered with *status* and nothing else done."""
    left = [times]

    async def answer(request: web.Request, content: bytes) -> web.StreamResponse | None:
        if request.path != "/messages" or not left[0]:
            return None
        left[0] -= 1
        return web.Response(status=status, text=body, headers={"Retry-After": "1"})

    sandbox.intercept = answer


@pytest.mark.parametrize("status", [400, 422])
async def test_three_rejections_in_a_row_end_the_run_and_trip_a_brake(tmp_path: Path, status: int) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        answering(w.sandbox, status, 3)
        summary = await send(w, plan)
        assert (summary.rejected, summary.sent, summary.waiting) == (3, 0, 2)
        assert "rejected 3 messages in a row" in summary.stopped
        with pytest.raises(RefusedError, match="A brake holds: rejections"):
            await send(w, plan)


@pytest.mark.parametrize("status", [401, 403, 405])
async def test_a_refused_token_ends_the_run_at_once(tmp_path: Path, status: int) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        answering(w.sandbox, status, 1)
        summary = await send(w, plan)
        assert (summary.sent, summary.waiting) == (0, 5)
        async with w.notifier() as notifier:
            assert "api-refuses" in (await notifier.status()).brakes[0]
            await resumed(notifier, "new token", "mira")
            assert (await notifier.send(plan.id)).sent == 5


async def test_a_contact_that_is_not_found_waits_three_nights(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        answering(w.sandbox, 404, 99)
        assert (await send(w, plan)).waiting == 1
        async with w.notifier() as notifier:
            for expected in ("waiting", "suppressed"):
                w.clock.later(20)
                night = await notifier.run()
                assert night.sending is not None
                assert getattr(night.sending, expected) == 1
            assert (await notifier.status()).states == {"suppressed": 1}


async def test_a_throttled_message_is_repeated_and_sent_once(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        answering(w.sandbox, 429, 3)
        assert (await send(w, plan)).sent == 5
    assert len(w.sent) == 5


async def test_an_api_that_says_unsubscribed_is_believed(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        answering(w.sandbox, 403, 1, '{"errors":[{"code":"x","message":"This user is unsubscribed from emails"}]}')
        summary = await send(w, plan)
    assert (summary.sent, summary.suppressed) == (4, 1)


async def test_the_first_few_are_followed_by_a_pause(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        before = w.clock.now
        await send(w, plan, first_batch=2, first_pause=600.0, rate_per_second=1.0)
    times = [message.at - before for message in w.workspace.messages]
    assert times[1] < 30
    assert 600 < times[2] < 640
    assert times[4] - times[3] >= 1


async def test_sending_never_provokes_a_429(tmp_path: Path) -> None:
    names = [f"d{n}.example" for n in range(30)]
    async with world(tmp_path, broken(*names)) as w:
        w.sandbox.limit = 60
        plan = await prepared(w, names)
        await send(w, plan)
        assert w.sandbox.throttled == 0
    assert len(w.sent) == 30


async def test_delivery_by_event_is_written_once_for_each_person(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE, delivery="event")
        summary = await send(w, plan, delivery="event")
    assert summary.sent == 5
    assert w.sent == []
    assert len(w.workspace.events) == 5
    (_, name, _), metadata = next(iter(w.workspace.events.items()))
    assert name == "spf-notice"
    assert metadata["record"] == "v=spf1 mx include:_spf.mail.example -all"


def stored(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("ledger.sqlite3*"))


async def test_whom_a_person_suppressed_is_left_alone_and_whom_they_forgot_too(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        for name in FIVE:
            w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
        async with w.notifier() as notifier:
            await notifier.suppress("Owner@d0.example", reason="asked by phone", who="mira")
        await w.baseline()
        async with w.notifier() as notifier:
            night = await notifier.run()
            assert night.plan.reasons == {Reason.SUPPRESSED: 1}
            assert (await notifier.forget("owner@d1.example")).rows > 0
    assert b"owner@" not in stored(tmp_path)
    assert len(w.sent) == 4


async def test_a_contact_with_our_tag_that_the_ledger_does_not_know_is_held(tmp_path: Path) -> None:
    """An older backup of the ledger was restored."""
    async with world(tmp_path, broken(*FIVE)) as w:
        for name in FIVE:
            w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
        next(iter(w.workspace.contacts.values())).tags.append(w.workspace.tag_id("spf-notified"))
        await w.baseline()
        async with w.notifier() as notifier:
            night = await notifier.run()
    assert night.plan.reasons == {Reason.NO_LEDGER_ROW: 1}
    assert len(w.sent) == 4


async def test_another_hash_key_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        await prepared(w, FIVE)
        w.settings_values["notify"] = {"hash_key": "another key"}
        with pytest.raises(NotifyError, match="not the key that this ledger was begun with"):
            async with w.notifier():
                pass


async def test_preview_shows_what_the_owner_would_get(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w, w.notifier() as notifier:
        message = await notifier.preview("d0.example")
        assert "v=spf1 mx include:_spf.mail.example -all" in message.text
        with pytest.raises(NotifyError, match="All our senders pass"):
            await notifier.preview("good.example")


def test_a_notifier_without_a_hash_key_is_one_sentence(tmp_path: Path) -> None:
    w = World(tmp_path, "")
    w.settings_values["notify"] = {"hash_key": ""}
    with pytest.raises(NotifyError, match="SPFCHECK_NOTIFY_HASH_KEY"):
        Notifier(w.settings(), intercom=None, checks=None)  # type: ignore[arg-type]
