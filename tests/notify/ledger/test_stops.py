"""The pause switch as several machines share it: two notifiers on one real Postgres, each with its own connections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import Brake, NotifyError, Progress, RefusedError
from spfcheck.store import database
from spfcheck.store.error import StoreError
from tests import postgres
from tests.notify.world import World, broken, resumed, world

FIVE = ("a.example", "b.example", "c.example", "d.example", "e.example")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.running() as address:
        if address is None:
            pytest.skip("POSTGRES IS NOT INSTALLED: the pause switch of several machines was not tested")
        yield address


@pytest.fixture
def url(server: str) -> Iterator[str]:
    with postgres.database(server) as address:
        engine = database.open_engine(address)
        migration.upgrade(engine)
        engine.dispose()
        yield address


async def prepared(w: World) -> str:
    """A plan of five messages that is about to be sent."""
    for name in FIVE:
        w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
    await w.baseline()
    async with w.notifier() as notifier:
        return (await notifier.plan()).id


async def test_a_pause_said_on_one_machine_stops_the_other_before_its_next_message(url: str, tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE), database_url=url) as w:
        plan = await prepared(w)
        elsewhere = database.open_engine(url)
        async with w.notifier() as sending, w.notifier() as other:

            def said_elsewhere(progress: Progress) -> None:
                # On a machine that has no pause file of ours, by a connection of its own.
                if progress.stage == "messages" and progress.done == 2:
                    Stops(elsewhere, w.workspace.workspace, Path("/nowhere/pause")).pause("wait", who="mira", now=1.0)

            summary = await sending.send(plan, said_elsewhere)
            assert (summary.sent, summary.waiting) == (2, 3)
            assert "wait" in summary.stopped
            assert len(w.sent) == 2
            with pytest.raises(RefusedError, match="wait"):
                await other.send(plan)
            assert "wait" in (await other.status()).paused
            assert await resumed(other, "looked at", "jo") == 1
        async with w.notifier() as other:
            assert (await other.send(plan)).sent == 3
        assert len(w.sent) == 5
        elsewhere.dispose()


async def test_a_brake_of_one_machine_holds_the_other(url: str, tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE), database_url=url) as w:
        plan = await prepared(w)
        async with w.notifier() as one, w.notifier() as other:
            brake = Brake("api-errors", 1.0, 0.05, True, "the API fails")
            Stops(one._engine, w.workspace.workspace, tmp_path / "pause").trip([brake], plan_id=plan, now=1.0)
            with pytest.raises(RefusedError, match="the API fails"):
                await other.send(plan)
        assert w.sent == []


async def test_only_one_machine_sends(url: str, tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE), database_url=url) as w:
        plan = await prepared(w)
        async with w.notifier() as one, w.notifier() as other:
            refused: list[str] = []

            def look(progress: Progress) -> None:
                if progress.stage == "messages" and progress.done == 1:
                    assert other._lock is not None
                    refused.append("refused" if not other._lock.take() else "taken")

            assert (await one.send(plan, look)).sent == 5
            assert refused == ["refused"]


async def test_a_switch_that_cannot_be_read_is_thrown(url: str, tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE), database_url=url) as w:
        plan = await prepared(w)
        async with w.notifier() as notifier:

            def lose_the_table(progress: Progress) -> None:
                if progress.stage == "messages" and progress.done == 2:
                    with notifier._engine.begin() as connection:
                        connection.exec_driver_sql("ALTER TABLE stops RENAME TO lost")

            try:
                stopped = (await notifier.send(plan, lose_the_table)).stopped
            except (NotifyError, StoreError) as error:
                stopped = str(error)
            assert stopped
        assert len(w.sent) == 2
