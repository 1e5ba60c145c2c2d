"""One mailbox is one person, however its address is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from spfcheck.notify.audience.query import People, normalised
from tests.notify.world import broken, world

SAME = [
    ("ann@acme.example", " Ann@ACME.example "),
    ("ann@acme.example", "ann@acme.example."),
    ("ann@acme.example", "a\u200bnn@acme.exam\u2060ple"),
    ("ann@acme.example", "\ufeffann@acme.example"),
    ("ann@acme.example", "\u202aann@acme.example\u202c"),
    ("ann@acme.example", "\uff41nn@acme.example"),
    ("ann@m\u00fcnchen.example", "ann@xn--mnchen-3ya.example"),
    ("ann@acme.example", "ann@acme\u3002example"),
    ("annlee@gmail.com", "a.n.n.lee@googlemail.com"),
    ("annlee@gmail.com", "Ann.Lee+spf@GMail.com"),
    ("ann@acme.example", "ann+spf@acme.example"),
    ("ann@acme.example", "ann+spf+more@acme.example"),
]

DIFFERENT = [
    ("ann@acme.example", "a.nn@acme.example"),
    ("ann@acme.example", "ann@acme.test"),
    ("ann@acme.example", "ann-spf@acme.example"),
    ("+ann@acme.example", "+bob@acme.example"),
    ("ann@gmail.com", "ann@gmail.com.example"),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=ascii)
def test_one_mailbox_is_one_person(one: str, other: str) -> None:
    people = People(b"key")
    assert people.person(one) == people.person(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=ascii)
def test_two_mailboxes_are_two_people(one: str, other: str) -> None:
    people = People(b"key")
    assert people.person(one) != people.person(other)


def test_what_follows_a_plus_is_the_operators_to_say() -> None:
    apart = People(b"key", plus_differs=True)
    assert apart.person("ann+spf@acme.example") != apart.person("ann@acme.example")
    assert apart.person("ann+spf@acme.example") == apart.person("Ann+SPF@acme.example.")
    together = People(b"key")
    assert apart.person("ann+spf@acme.example") in together.formerly("ann+spf@acme.example")
    assert together.person("ann+spf@acme.example") in apart.formerly("ann+spf@acme.example")


def test_a_person_is_known_by_the_hash_of_an_older_version() -> None:
    people = People(b"key")
    assert people.formerly("ann@acme.example") == ()
    older = people._hash("ann.lee@googlemail.com")
    assert older in people.formerly("Ann.Lee@googlemail.com ")
    assert older != people.person("Ann.Lee@googlemail.com")


@pytest.mark.parametrize("text", ["", "@", "ann", "ann@", "@acme.example", "\u200b", "ann@b\u00fccher..example"])
def test_what_is_no_address_is_compared_all_the_same(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


async def test_one_mailbox_gets_one_message_and_one_hold_holds_all(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example", "d1.example")) as w:
        for email in ("ann.lee@gmail.com", "annlee+shop@googlemail.com", "ANNLEE@gmail.com."):
            w.workspace.add_contact(email=email, sending_domain="d0.example")
        w.workspace.add_contact(email="bob@people.example", sending_domain="d1.example")
        w.workspace.add_contact(email="bob+old@people.example", unsubscribed_from_emails=True)
        await w.baseline()
        async with w.notifier() as notifier:
            for _ in range(3):
                await notifier.run()
                w.clock.later(24)
        assert len(w.sent) == 1
        assert w.sent[0][0] == "ann.lee@gmail.com"


async def test_whoever_was_suppressed_or_told_under_an_older_hash_still_is(tmp_path: Path) -> None:
    """A change of how addresses are compared makes nobody a stranger."""
    async with world(tmp_path, broken("d0.example", "d1.example")) as w:
        w.workspace.add_contact(email="ann+shop@people.example", sending_domain="d0.example")
        w.workspace.add_contact(email="bob+shop@people.example", sending_domain="d1.example")
        w.settings_values["notify"] = {"plus_addresses_differ": True}
        await w.baseline(mark_tag="")
        async with w.notifier(mark_tag="", reminders=False) as notifier:
            await notifier.suppress("bob+shop@people.example", reason="asked", who="mira")
            await notifier.run()
        assert [email for email, _ in w.sent] == ["ann+shop@people.example"]
        w.settings_values["notify"] = {"plus_addresses_differ": False}
        async with w.notifier(mark_tag="", reminders=False) as notifier:
            for _ in range(3):
                w.clock.later(24)
                run = await notifier.run()
                assert {row.domain: dict(row.held) for row in run.plan.rows} == {
                    "d0.example": {"already-told": 1},
                    "d1.example": {"suppressed": 1},
                }
        assert len(w.sent) == 1
