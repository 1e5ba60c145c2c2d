"""An older backup of the ledger tells nobody twice: the workspace's tag and the note beside the lock know better."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from aiohttp import web

from spfcheck.notify.model import MessageStep, Reason, RefusedError
from tests.notify.sending.test_rollback import due
from tests.notify.sending.test_send import FIVE, prepared, send
from tests.notify.world import World, broken, resumed, world


def back_up(w: World, to: Path) -> None:
    ledger = w.directory / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(ledger)) as here, contextlib.closing(sqlite3.connect(to)) as there:
        here.backup(there)


def restore(w: World, backup: Path) -> None:
    for left in w.directory.glob("ledger.sqlite3-*"):
        left.unlink()
    shutil.copyfile(backup, w.directory / "ledger.sqlite3")


def twice(w: World) -> list[str]:
    told = [(email, subject) for email, subject in w.sent]
    return sorted({email for email, subject in told if told.count((email, subject)) > 1})


@pytest.mark.parametrize("step", MessageStep)
@pytest.mark.parametrize("tags", [0, 10], ids=["first tag", "eleventh tag"])
async def test_a_tag_without_a_message_that_went_out_holds_every_step_whatever_else_is_known(
    tmp_path: Path, step: MessageStep, tags: int
) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan_id = await due(w, step)
        (contact,) = w.workspace.contacts.values()
        with sqlite3.connect(tmp_path / "ledger.sqlite3") as db:
            # The rows of what was planned are there, and what went out is not.
            db.execute("UPDATE notices SET state = 'waiting', reason = 'ceiling', sent_at = 0 WHERE sent_at > 0")
            db.execute("UPDATE letters SET state = 'waiting', reason = 'ceiling', attempts = 0 WHERE state = 'sent'")
        before = len(w.sent)
        contact.tags = [w.workspace.tag_id(f"t{n}") for n in range(tags)] + [w.workspace.tag_id("spf-notified")]
        async with w.notifier(thanks=True) as notifier:
            await notifier.send(plan_id)
            w.clock.later(24)
            await notifier.run()
        assert len(w.sent) == before
        with sqlite3.connect(tmp_path / "ledger.sqlite3") as db:
            reasons = {row[0] for row in db.execute("SELECT reason FROM notices WHERE state != 'sent'")}
        assert Reason.NO_LEDGER_ROW in reasons or not tags


@pytest.mark.parametrize("when", ["before everything", "after two"])
async def test_a_backup_that_was_put_back_stops_the_sender_and_tells_nobody_twice(tmp_path: Path, when: str) -> None:
    backup = tmp_path / "backup.sqlite3"
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        if when == "before everything":
            back_up(w, backup)
        async with w.notifier(ceiling_per_run=2) as notifier:
            await notifier.send(plan.id)
        if when == "after two":
            back_up(w, backup)
        w.clock.later(24)
        async with w.notifier(ceiling_per_run=2) as notifier:
            await notifier.run()
        assert len(w.sent) == 4
        restore(w, backup)
        w.clock.later(1)
        async with w.notifier() as notifier:
            plan = await notifier.plan()
            with pytest.raises(RefusedError, match="an older backup was restored"):
                await notifier.send(plan.id)
            with pytest.raises(RefusedError, match="A brake holds: older-ledger"):
                await notifier.send(plan.id)
            await resumed(notifier)
            for _ in range(3):
                w.clock.later(24)
                await notifier.run()
    assert twice(w) == []
    assert sorted(email for email, _ in w.sent) == [f"owner@{name}" for name in FIVE]


async def test_a_message_that_went_out_untagged_before_the_backup_came_back_is_not_repeated(tmp_path: Path) -> None:
    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        tagging = request.method == "POST" and request.path.endswith("/tags") and "contacts" in request.path
        return web.Response(status=422, text="{}") if tagging else None

    backup = tmp_path / "backup.sqlite3"
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        back_up(w, backup)
        w.sandbox.intercept = answer
        assert (await send(w, plan, ceiling_per_run=2)).sent == 2
        w.sandbox.intercept = None
        assert not any(contact.tags for contact in w.workspace.contacts.values())
        restore(w, backup)
        async with w.notifier() as notifier:
            with pytest.raises(RefusedError, match="older backup"):
                await notifier.send(plan.id)
            await resumed(notifier)
            summary = await notifier.send(plan.id)
    assert summary.reasons == {Reason.NO_LEDGER_ROW: 2}
    assert twice(w) == []
    assert len(w.sent) == 5


async def test_a_person_who_takes_the_tag_away_lets_a_held_person_go(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        (contact,) = w.workspace.contacts.values()
        contact.tags.append(w.workspace.tag_id("spf-notified"))
        assert (await send(w, plan)).reasons == {Reason.NO_LEDGER_ROW: 1}
        contact.tags.clear()
        w.clock.later(24)
        async with w.notifier() as notifier:
            assert (await notifier.run()).sending.sent == 1  # type: ignore[union-attr]
