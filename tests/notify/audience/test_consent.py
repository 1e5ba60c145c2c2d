"""Consent is the person's: what one contact of a mailbox says holds for all of them, counted where messages arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spfcheck.notify.model import Reason
from tests.notify.world import World, broken, resumed, world

MAILBOX = "Ann@people.example"

HOLDS: dict[Reason, dict[str, Any]] = {
    Reason.UNSUBSCRIBED: {"unsubscribed_from_emails": True},
    Reason.BOUNCED: {"has_hard_bounced": True},
    Reason.MARKED_SPAM: {"marked_email_as_spam": True},
    Reason.OPTED_OUT: {"tags": ["spf-no-notify"]},
}

OTHER_CONTACTS: dict[str, dict[str, Any]] = {
    "of the same domain": {"sending_domain": "d0.example"},
    "of another domain": {"sending_domain": "good.example"},
    "of no domain": {},
    "that is a lead": {"role": "lead"},
    "outside a filter": {"role": "user", "attributes": {"plan": "free"}},
    "written otherwise": {"email": " ann@PEOPLE.example", "sending_domain": "d0.example"},
}

PAID = {"field": "custom_attributes.plan", "operator": "=", "value": "paid"}


async def nights(w: World) -> None:
    await w.baseline()
    async with w.notifier() as notifier:
        for _ in range(2):
            run = await notifier.run()
            assert run.sending is not None, run.refused
            w.clock.later(24)


@pytest.mark.parametrize("reason", HOLDS, ids=str)
@pytest.mark.parametrize("other", OTHER_CONTACTS, ids=str)
@pytest.mark.parametrize("older", [True, False], ids=["older", "newer"])
async def test_one_contact_that_is_held_holds_the_mailbox(
    tmp_path: Path, reason: Reason, other: str, older: bool
) -> None:
    filters = [{"field": "role", "operator": "=", "value": "user"}, *([PAID] if "filter" in other else [])]
    async with world(tmp_path, broken("d0.example"), audience={"filters": filters}) as w:
        fine: dict[str, Any] = {"email": MAILBOX, "sending_domain": "d0.example"}
        held = {"email": MAILBOX, **OTHER_CONTACTS[other], **HOLDS[reason]}
        for fields in (held, fine) if older else (fine, held):
            contact = w.workspace.add_contact(**fields)
            contact.attributes.setdefault("plan", "paid")
        w.workspace.add_contact(email="bob@people.example", sending_domain="d0.example").attributes["plan"] = "paid"
        await nights(w)
        assert [email for email, _ in w.sent] == ["bob@people.example"]
        async with w.notifier() as notifier:
            (row,) = (await notifier.show()).rows
        assert row.held[reason] == 1


async def test_a_tag_beyond_the_ten_that_a_contact_shows_holds_the_mailbox(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        w.workspace.add_contact(email=MAILBOX, sending_domain="d0.example")
        many = [f"t{number}" for number in range(12)]
        w.workspace.add_contact(email=MAILBOX, tags=[*many, "spf-no-notify"])
        w.workspace.add_contact(email="bob@people.example", sending_domain="d0.example", tags=many)
        await nights(w)
        assert [email for email, _ in w.sent] == ["bob@people.example"]


async def test_a_contact_of_another_role_holds_only_itself(tmp_path: Path) -> None:
    filters = [{"field": "email", "operator": "~", "value": "@"}]
    async with world(tmp_path, broken("d0.example"), audience={"filters": filters}) as w:
        w.workspace.add_contact(email=MAILBOX, sending_domain="d0.example", role="lead")
        user = w.workspace.add_contact(email=MAILBOX, sending_domain="d0.example")
        await nights(w)
        assert [message.contact_id for message in w.workspace.messages] == [user.id]


@pytest.mark.parametrize("missing", [None, 0, "no"], ids=str)
async def test_a_flag_that_is_missing_in_one_contact_holds_the_mailbox(tmp_path: Path, missing: object) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        w.workspace.add_contact(email=MAILBOX, sending_domain="d0.example")
        w.workspace.add_contact(email=MAILBOX, has_hard_bounced=missing)
        w.sandbox.contract = None  # it would not let the sandbox say such a thing
        await nights(w)
        assert w.sent == []


async def test_a_tag_that_opts_out_and_does_not_exist_holds_the_night(tmp_path: Path) -> None:
    """Misspelt, deleted or of another workspace: whoever carries the right one would be written to."""
    tags = ["spf-no-notify", "do-not-mail"]
    async with world(tmp_path, broken("d0.example"), audience={"exclude_tags": tags}) as w:
        w.workspace.add_contact(email=MAILBOX, sending_domain="d0.example")
        async with w.notifier() as notifier:
            plan = await notifier.plan()
            assert [(brake.name, brake.sentence) for brake in plan.tripped] == [
                ("opt-out-tags", "The workspace has no tag do-not-mail (audience.exclude_tags).")
            ]
            w.clock.later(24)
            assert "opt-out-tags" in (await notifier.run()).refused
        assert w.sent == []
        w.workspace.tag_id("Do-Not-Mail")
        async with w.notifier() as notifier:
            await resumed(notifier, "the tag is there now")
        await nights(w)
        assert [email for email, _ in w.sent] == [MAILBOX]
