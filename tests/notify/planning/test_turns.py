"""Where a domain or a company has many people, a few are told, owners first, and the rest only if nobody acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spfcheck.notify.model import Reason
from tests.notify.world import World, broken, mended, world

OWNERS = {"owner_path": "custom_attributes.role"}
MANY = 40


def staff(w: World, many: int = MANY) -> None:
    """So many people of one domain; the last of them is an admin, and the one before the owner."""
    for number in range(many):
        contact = w.workspace.add_contact(email=f"p{number:02}@people.example", sending_domain="d0.example")
        contact.attributes["role"] = {many - 1: "Admin", many - 2: "owner"}.get(number, "member")


async def nights(w: World, count: int, **changes: Any) -> list[list[str]]:
    """Who was written to on each of so many nights."""
    seen: list[list[str]] = []
    async with w.notifier(**changes) as notifier:
        for _ in range(count):
            before = len(w.sent)
            run = await notifier.run()
            assert run.sending is not None, run.refused
            seen.append([email.partition("@")[0] for email, _ in w.sent[before:]])
            w.clock.later(24)
    return seen


async def test_three_of_a_domain_are_told_owners_first_and_others_after_a_week(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example"), audience=OWNERS) as w:
        staff(w)
        await w.baseline()
        async with w.notifier() as notifier:
            plan = await notifier.plan()
        assert {row.domain: dict(row.held) for row in plan.rows} == {"d0.example": {Reason.OTHERS_FIRST: MANY - 3}}
        seen = await nights(w, 10)
        assert sorted(seen[0]) == ["p00", "p38", "p39"]
        assert seen[1:7] == [[]] * 6, "they have a week to act"
        assert sorted(seen[7]) == ["p00", "p38", "p39"], "their reminder, and nobody else that night"
        assert sorted(seen[8]) == ["p01", "p02", "p03"]
        assert seen[9] == []


async def test_nobody_else_is_told_when_somebody_acts(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        staff(w)
        await w.baseline()
        await nights(w, 2)
        w.zone_text = w.zone_text.replace(broken("d0.example"), mended("d0.example"))
        assert await nights(w, 10) == [[]] * 10
        assert len(w.sent) == 3


async def test_three_of_a_company_are_told_in_a_night(tmp_path: Path) -> None:
    names = [f"d{number}.example" for number in range(8)]
    async with world(tmp_path, broken(*names)) as w:
        w.workspace.companies["co1"] = {"type": "company", "id": "co1", "name": "One"}
        for number, name in enumerate(names):
            companies = [] if number == 7 else ["co1"]
            w.workspace.add_contact(email=f"p{number}@people.example", sending_domain=name, companies=companies)
        await w.baseline()
        seen = await nights(w, 3, reminders=False)
        assert [sorted(night) for night in seen] == [["p0", "p1", "p2", "p7"], ["p3", "p4", "p5"], ["p6"]]


async def test_one_person_with_many_domains_takes_one_turn(tmp_path: Path) -> None:
    names = [f"d{number}.example" for number in range(8)]
    async with world(tmp_path, broken(*names)) as w:
        w.workspace.companies["co1"] = {"type": "company", "id": "co1", "name": "One"}
        for name in names:
            w.workspace.add_contact(email="ann@people.example", sending_domain=name, companies=["co1"])
        await w.baseline()
        async with w.notifier(people_per_company=1) as notifier:
            plan = await notifier.plan()
        assert [len(intent.domains) for intent in plan.intents] == [8]


async def test_zero_is_no_limit(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        staff(w, 6)
        await w.baseline()
        assert len((await nights(w, 1, people_per_domain=0))[0]) == 6
