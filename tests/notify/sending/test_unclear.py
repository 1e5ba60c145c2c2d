"""Messages of which nobody knows whether they arrived, in both conversation modes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import web

from spfcheck.demo.sandbox import Fault, Faults
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.register import Manner
from spfcheck.notify.model import NotifyError
from spfcheck.store.database import open_engine
from spfcheck.store.error import StoreError
from tests.notify.sending.test_send import prepared
from tests.notify.world import World, broken, world

NAMES = [f"d{n}.example" for n in range(8)]


class Always(Faults):
    """The same fault for the next so many messages."""

    def __init__(self, fault: Fault, times: int) -> None:
        super().__init__()
        self.left, self.fault = times, fault

    def next(self) -> Fault | None:
        self.left -= 1
        return self.fault if self.left >= 0 else None


async def states(w: World) -> dict[str, int]:
    async with w.notifier() as notifier:
        return dict((await notifier.status()).states)


@pytest.mark.parametrize(("fault", "arrived"), [(Fault.ERROR_BEFORE, False), (Fault.ERROR_AFTER, True)], ids=str)
async def test_with_conversations_the_search_decides(tmp_path: Path, fault: Fault, arrived: bool) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        w.workspace.index_lag = 300.0
        plan = await prepared(w, NAMES, unclear_quiet=900.0)
        w.sandbox.faults = Always(fault, 2)
        async with w.notifier(unclear_quiet=900.0) as notifier:
            summary = await notifier.send(plan.id)
            assert (summary.sent, summary.unclear) == (6, 2)
            w.clock.later(0.1)
            early = await notifier.reconcile()
            assert (early.found, early.missing, early.undecided) == (0, 0, 2), "the quiet time is not over"
            w.clock.later(0.2)
            decided = await notifier.reconcile()
            assert (decided.found, decided.missing) == ((2, 0) if arrived else (0, 2))
            again = await notifier.send(plan.id)
            assert again.sent == (0 if arrived else 2)
            assert (await notifier.status()).states == {"sent": 8}
    assert sorted(email for email, _ in w.sent) == sorted(f"owner@{name}" for name in NAMES)


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.ERROR_AFTER])
async def test_without_conversations_only_a_person_decides(tmp_path: Path, fault: Fault) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES, open_conversation=False)
        w.sandbox.faults = Always(fault, 2)
        async with w.notifier(open_conversation=False) as notifier:
            await notifier.send(plan.id)
            w.clock.later(24)
            night = await notifier.run()
            assert night.sending is not None
            assert night.sending.sent == 0
            first, second = await notifier.unclear()
            assert first.reason == "HTTP 500 server_error"
            await notifier.decide(first.ref, "sent", who="mira", reason="the customer says so")
            await notifier.decide(second.ref, "resend", who="mira")
            with pytest.raises(NotifyError, match="No message"):
                await notifier.decide(first.ref, "resend", who="mira")
            again = await notifier.send(night.plan.id)
            assert again.sent == 1
    assert await states(w) == {"sent": 8}


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.ERROR_AFTER])
async def test_without_conversations_nothing_is_sent_again_by_itself_not_even_within_the_day(
    tmp_path: Path, fault: Fault
) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES, open_conversation=False)
        w.sandbox.faults = Always(fault, 2)
        async with w.notifier(open_conversation=False) as notifier:
            await notifier.send(plan.id)
            w.clock.later(1)
            looked = await notifier.reconcile()
            assert (looked.found, looked.missing, looked.undecided) == (0, 0, 2), "no search can find them"
            assert (await notifier.send(plan.id)).sent == 0
        assert await states(w) == {"sent": 6, "unclear": 2}
    assert len(w.sent) == (8 if fault is Fault.ERROR_AFTER else 6)


async def test_a_search_that_is_down_is_no_evidence_of_absence(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES)
        w.sandbox.faults = Always(Fault.ERROR_AFTER, 1)
        async with w.notifier() as notifier:
            await notifier.send(plan.id)
            for broken_answer in (web.Response(status=503), web.json_response({"data": []})):

                async def answer(
                    request: web.Request, body: bytes, made: web.Response = broken_answer
                ) -> web.Response | None:
                    if request.path != "/conversations/search":
                        return None
                    return web.Response(status=made.status, body=made.body, content_type="application/json")

                w.sandbox.intercept = answer
                assert (await notifier.reconcile()).undecided == 1
            w.sandbox.intercept = None
            assert (await notifier.reconcile()).found == 1
    assert len(w.sent) == 8


async def test_after_a_day_a_person_decides(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES)
        w.sandbox.faults = Always(Fault.ERROR_BEFORE, 1)
        async with w.notifier() as notifier:
            await notifier.send(plan.id)
            w.clock.later(25)
            assert (await notifier.reconcile()).undecided == 1


async def test_three_unclear_in_a_row_end_the_run(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES)
        w.sandbox.faults = Always(Fault.ERROR_AFTER, 99)
        async with w.notifier() as notifier:
            summary = await notifier.send(plan.id)
            assert (summary.unclear, summary.waiting) == (3, 5)
            assert "3 messages in a row ended unclear" in summary.stopped
            assert "unclear" in (await notifier.status()).brakes[0]


async def test_a_claim_of_a_sender_that_died_is_unclear_to_the_next(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES, open_conversation=False)
        engine = open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
        dead = Ledger(engine, w.workspace.workspace)
        dead.materialise(plan.id, plan.intents, {row.domain: row.finding for row in plan.rows}, w.clock())
        ref = plan.intents[3].ref
        manner = Manner(delivery="message")
        assert dead.claim(ref, boot="dead", now=w.clock(), manner=manner, content_hash="") is not None
        engine.dispose()
        async with w.notifier(open_conversation=False) as notifier:
            summary = await notifier.send(plan.id)
            assert summary.sent == 7
            (unclear,) = await notifier.unclear()
    assert (unclear.ref, unclear.reason) == (ref, "the sender ended in the middle of the call")


@pytest.mark.parametrize("method", ["claim", "settle", "letter", "faults"])
async def test_a_disk_that_fails_for_a_moment_costs_nothing_but_time(
    tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third call of one method fails as on a full disk; each time another run takes up where that one ended."""
    calls = [0]
    honest = getattr(Ledger, method)

    def failing(self: Ledger, *arguments: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] % 3 == 0:
            raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
        return honest(self, *arguments, **named)

    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES)
        monkeypatch.setattr(Ledger, method, failing)
        failures: set[str] = set()
        for _ in range(12):
            async with w.notifier() as notifier:
                try:
                    if not (await notifier.send(plan.id)).sent:
                        break
                except (NotifyError, StoreError) as error:
                    failures.add(str(error))
        assert failures == {"The ledger's database failed: database or disk is full."}
    assert sorted(email for email, _ in w.sent) == sorted(f"owner@{name}" for name in NAMES)


async def test_an_unclear_event_is_written_again_since_the_api_knows_it_by_its_time(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES, delivery="event")
        left = [2]

        async def answer(request: web.Request, body: bytes) -> web.Response | None:
            if request.path != "/events" or not left[0]:
                return None
            left[0] -= 1
            return web.Response(status=502)

        w.sandbox.intercept = answer
        async with w.notifier(delivery="event") as notifier:
            assert (await notifier.send(plan.id)).unclear == 2
            assert (await notifier.send(plan.id)).sent == 2
    assert len(w.workspace.events) == 8
