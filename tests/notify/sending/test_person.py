"""Consent is the person's: whoever said no in one contact of a mailbox said no in all, up to the very letter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spfcheck.notify.model import Reason
from tests.notify.sending.test_send import FIVE, prepared, send
from tests.notify.world import World, broken, world


def addressed(w: World) -> list[str]:
    return sorted(message.email for message in w.workspace.messages)


OTHERS = [f"owner@{name}" for name in FIVE[1:]]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"unsubscribed_from_emails": True}, Reason.UNSUBSCRIBED),
        ({"has_hard_bounced": True}, Reason.BOUNCED),
        ({"marked_email_as_spam": True}, Reason.MARKED_SPAM),
        ({"tags": ["spf-no-notify"]}, Reason.OPTED_OUT),
        ({"tags": [*(f"t{n}" for n in range(11)), "spf-no-notify"]}, Reason.OPTED_OUT),
        ({"opted_out_of": ["Newsletters"]}, Reason.UNSUBSCRIBED),
        ({"unsubscribed_from_emails": True, "role": "lead"}, Reason.UNSUBSCRIBED),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("address", ["owner@d0.example", "Owner@D0.example"])
async def test_a_no_in_another_contact_of_the_mailbox_holds_the_person(
    tmp_path: Path, said: dict[str, Any], reason: Reason, address: str
) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE, audience_change_max=1.0)
        # After the plan, and without a domain: no search for the audience would ever have seen it.
        tags = said.get("tags", ())
        w.workspace.add_contact(email=address, tags=tags, **{k: v for k, v in said.items() if k != "tags"})
        summary = await send(w, plan, audience_change_max=1.0)
    assert (addressed(w), summary.reasons) == (OTHERS, {reason: 1})


async def test_another_contact_that_says_nothing_holds_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE, audience_change_max=1.0)
        w.workspace.add_contact(email="owner@d0.example", role="lead")
        w.workspace.add_contact(email="other@d0.example", unsubscribed_from_emails=True)
        await send(w, plan, audience_change_max=1.0)
    assert len(w.sent) == 5


async def test_a_mailbox_of_too_many_contacts_is_looked_at_by_a_person(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE, audience_change_max=10.0)
        for _ in range(20):
            w.workspace.add_contact(email="owner@d0.example")
        summary = await send(w, plan, audience_change_max=10.0)
    assert (addressed(w), summary.reasons) == (OTHERS, {Reason.CONSENT_UNKNOWN: 1})


async def test_only_the_kinds_of_mail_that_are_named_count(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        for contact, kind in zip(w.workspace.contacts.values(), ("Newsletters", "Notices"), strict=False):
            contact.opted_out_of = [kind]
        await send(w, plan, subscriptions=frozenset({"notices"}))
    assert addressed(w) == [f"owner@d{n}.example" for n in (0, 2, 3, 4)]


@pytest.mark.parametrize(
    ("entry", "inside"),
    [
        ({"consent_type": "opt_in"}, True),
        ({"content_types": ["sms_message"]}, True),
        ({"content_types": None}, False),
        ({}, False),
    ],
)
async def test_an_opt_in_is_no_opt_out_and_what_cannot_be_read_is(
    tmp_path: Path, entry: dict[str, Any], inside: bool
) -> None:
    told = {"id": "91", "consent_type": "opt_out", "content_types": ["email"], **entry}

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        wanted = request.path.endswith("/subscriptions")
        return web.json_response({"type": "list", "data": [told]}) if wanted else None

    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        w.sandbox.intercept = answer
        await send(w, plan)
    assert len(w.sent) == inside


async def test_the_audiences_own_filters_are_asked_right_before(tmp_path: Path) -> None:
    filters = [
        {"field": "role", "operator": "=", "value": "user"},
        {"field": "custom_attributes.plan", "operator": "!=", "value": "cancelled"},
    ]
    async with world(tmp_path, broken(*FIVE), audience={"filters": filters}) as w:
        plan = await prepared(w, FIVE, audience_change_max=1.0)
        next(iter(w.workspace.contacts.values())).attributes["plan"] = "cancelled"
        summary = await send(w, plan, audience_change_max=1.0)
    assert (addressed(w), summary.reasons) == (OTHERS, {Reason.OUTSIDE_AUDIENCE: 1})


async def test_whoever_unsubscribes_while_we_wait_for_the_turn_is_heard(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        contacts = list(w.workspace.contacts.values())

        async def sleep(seconds: float) -> None:
            if len(w.sent) == 2 and w.clock.now > w.workspace.messages[1].at + 300:
                contacts[2].unsubscribed_from_emails = True
            await w.clock.__class__.sleep(w.clock, seconds)

        w.clock.sleep = sleep  # type: ignore[method-assign]
        summary = await send(w, plan, first_batch=2, first_pause=600.0)
    assert "owner@d2.example" not in addressed(w)
    assert summary.reasons == {Reason.UNSUBSCRIBED: 1}


@pytest.mark.parametrize("how", ["suppress", "forget"])
@pytest.mark.parametrize("mark", ["spf-notified", ""])
async def test_suppress_and_forget_bind_between_plan_and_letter_and_ever_after(
    tmp_path: Path, how: str, mark: str
) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE, mark_tag=mark)
        async with w.desk() as desk:
            if how == "suppress":
                assert await desk.suppress("Owner@d0.example", reason="asked", who="mira"), "the plan names them"
            else:
                assert (await desk.forget("Owner@d0.example", who="mira")).known
        assert (await send(w, plan, mark_tag=mark)).sent == 4
        for _ in range(3):
            w.clock.later(24 * 15)
            async with w.notifier(mark_tag=mark, reminders=False, cool_off=0.0) as notifier:
                await notifier.run()
    assert addressed(w) == OTHERS


async def test_forget_binds_a_letter_that_waits_its_turn_and_one_that_went_out(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE, mark_tag="")
        async with w.desk() as desk:

            async def forget() -> None:
                await desk.forget("owner@d1.example", who="mira")
                await desk.forget("owner@d0.example", who="mira")

            w.clock.sleep = _once(w, forget, [])  # type: ignore[method-assign]
            await send(w, plan, mark_tag="")
        for _ in range(2):
            w.clock.later(24 * 8)
            async with w.notifier(mark_tag="") as notifier:
                await notifier.run()
    assert "owner@d1.example" not in addressed(w)
    assert addressed(w).count("owner@d0.example") == 1, "no reminder either"


def _once(w: World, act: Any, done: list[Any]) -> Any:
    async def sleep(seconds: float) -> None:
        if len(w.sent) == 1 and not done:
            done.append(True)
            await act()
        await w.clock.__class__.sleep(w.clock, seconds)

    return sleep


async def test_an_address_that_nobody_knows_is_said_to_be_unknown(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        await prepared(w, FIVE)
        async with w.desk() as desk:
            assert not await desk.suppress("onwer@d0.example", reason="asked", who="mira")
            assert not (await desk.forget("onwer@d0.example", who="mira")).known


async def test_a_letter_follows_a_contact_that_was_merged(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE, audience_change_max=1.0)
        first, second, *_ = w.workspace.contacts.values()
        new = w.workspace.add_contact(email="owner@d0.example", sending_domain="d0.example")
        first.merged_into = new.id
        stranger = w.workspace.add_contact(email="successor@d1.example", sending_domain="d1.example")
        second.merged_into = stranger.id
        summary = await send(w, plan, audience_change_max=1.0)
        told = {message.email: message.contact_id for message in w.workspace.messages}
        assert told["owner@d0.example"] == new.id
        assert stranger.email not in told
        assert summary.reasons == {Reason.ADDRESS_CHANGED: 1}
        assert w.workspace.tag_id("spf-notified") in new.tags


async def test_merges_that_lead_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"], audience_change_max=1.0)
        (first,) = w.workspace.contacts.values()
        other = w.workspace.add_contact(email="owner@d0.example", merged_into=first.id)
        first.merged_into = other.id
        summary = await send(w, plan, audience_change_max=1.0)
    assert summary.reasons == {Reason.CONTACT_GONE: 1}


async def test_a_contact_that_is_gone_is_counted_by_nights_not_by_runs(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        await prepared(w, FIVE, audience_change_max=1.0)
        gone = next(iter(w.workspace.contacts.values()))

        async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
            return web.Response(status=404, text="{}") if request.path == f"/contacts/{gone.id}" else None

        w.sandbox.intercept = answer
        seen = []
        for hours in (1, 1, 22, 1, 23, 0):
            async with w.notifier() as notifier:
                night = await notifier.run()
                assert night.sending is not None
                seen.append((night.sending.reasons.get(Reason.CONTACT_GONE, 0), await _state(w, "d0.example")))
            w.clock.later(hours)
    assert seen == [(1, "waiting")] * 5 + [(1, "suppressed")]


async def _state(w: World, domain: str) -> str:
    import sqlite3

    with sqlite3.connect(w.directory / "ledger.sqlite3") as db:
        rows = db.execute("SELECT state FROM notices WHERE domain = ?", (domain,)).fetchall()
    return str(rows[-1][0])
