"""Nothing hangs for ever and nobody hangs unseen: drips, jumps of the clock, a lock holder that stands still."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from spfcheck.demo.sandbox import Fault
from spfcheck.notify.model import NotifyError, RefusedError
from spfcheck.notify.sending import send as send_module
from spfcheck.notify.sending import watch as watch_module
from tests.notify.sending.test_send import FIVE, prepared, send
from tests.notify.sending.test_unclear import Always
from tests.notify.world import World, broken, world


def dripping(w: World, path: str, asked: list[str]) -> asyncio.Event:
    """Set once the first of them drips. Answers to *path* come a byte at a time, and never to an end."""
    begun = asyncio.Event()

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if not request.path.startswith(path):
            return None
        asked.append(request.path)
        begun.set()
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    w.sandbox.intercept = answer
    return begun


async def test_an_answer_that_drips_ends_at_its_deadline_and_a_dripping_message_is_unclear(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        asked: list[str] = []
        dripping(w, "/messages", asked)
        w.deadline = 0.1
        summary = await send(w, plan)
        assert (summary.sent, summary.unclear, len(asked)) == (0, 3, 3), "each was posted once, and never again"
        assert "3 messages in a row ended unclear (TimeoutError)" in summary.stopped


async def test_a_search_that_drips_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        asked: list[str] = []
        dripping(w, "/contacts/0", asked)
        w.deadline = 0.05
        summary = await send(w, plan)
        assert "does not answer: TimeoutError" in summary.stopped
        assert (summary.sent, summary.waiting, len(asked)) == (0, 5, 5)


@pytest.mark.parametrize("how", ["SIGTERM", "pause"])
@pytest.mark.parametrize("where", ["a look", "a message"])
async def test_a_pause_and_sigterm_end_a_drip(
    tmp_path: Path, how: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "SLICE", 0.02)
    monkeypatch.setattr(send_module, "GRACE", 0.05)
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        asked: list[str] = []
        begun = dripping(w, "/contacts/0" if where == "a look" else "/messages", asked)
        async with w.notifier() as notifier:
            running = asyncio.ensure_future(notifier.send(plan.id))
            await asyncio.wait_for(begun.wait(), 30)
            if how == "SIGTERM":
                w.stop.set()
            else:
                (tmp_path / "pause").touch()
            summary = await running
    assert len(asked) == 1
    assert (summary.sent, summary.unclear) == (0, int(where == "a message"))
    assert ("asked to end" if how == "SIGTERM" else "pause file") in summary.stopped


async def test_a_message_whose_answer_is_late_is_waited_for_though_the_run_was_asked_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "SLICE", 0.02)
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)

        async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
            if request.path == "/messages":
                w.stop.set()
                await asyncio.sleep(0.1)
            return None

        w.sandbox.intercept = answer
        summary = await send(w, plan)
    assert (summary.sent, summary.unclear, len(w.sent)) == (1, 0, 1)


async def test_status_says_who_sends_since_when_and_doing_what(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        seen: list[str] = []
        async with w.desk() as desk:
            assert (await desk.status()).sender == ""

            async def look(seconds: float) -> None:
                if len(w.sent) == 2 and not seen:
                    w.clock.now += 300
                    seen.append((await desk.status()).sender)
                    w.clock.now -= 300
                await w.clock.__class__.sleep(w.clock, seconds)

            w.clock.sleep = look  # type: ignore[method-assign]
            async with w.notifier() as notifier:
                await notifier.send(plan.id)
            assert (await desk.status()).sender == "", "it is given up with the process"
    (told,) = seen
    assert "has held the sender's lock for 5 min" in told
    assert "5 min ago it said: writes spfref" in told


async def test_a_refused_sender_names_the_one_at_work(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier() as first, w.notifier() as second:
            await first.reconcile()
            with pytest.raises(RefusedError, match=r"Another sender is at work: process \d+ on .*, looks up unclear"):
                await second.send(plan.id)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_clock_that_jumps_ends_the_run_and_trips_a_brake(tmp_path: Path, jump: float) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        jumped = [0.0]
        w.steady = lambda: w.clock.now - jumped[0]

        async def leap(seconds: float) -> None:
            if len(w.sent) == 2 and not jumped[0]:
                jumped[0] = jump
                w.clock.now += jump
            await w.clock.__class__.sleep(w.clock, seconds)

        w.clock.sleep = leap  # type: ignore[method-assign]
        summary = await send(w, plan)
        assert (summary.sent, len(w.sent)) == (2, 2)
        assert f"jumped by {jump:.0f} s" in summary.stopped
        async with w.desk() as desk:
            assert "clock" in (await desk.status()).brakes[0]


async def test_a_clock_that_jumps_ends_the_wait_for_another_sender_too(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        jumped = [0.0]
        w.steady = lambda: w.clock.now - jumped[0]
        async with w.notifier() as first, w.notifier() as second:
            await first.reconcile()
            second._wait_for_lock = True
            waiting = asyncio.ensure_future(second.send(plan.id))
            for _ in range(200):
                await asyncio.sleep(0.005)
            assert not waiting.done()
            jumped[0] = 3600.0
            w.clock.now += 3600.0
            with pytest.raises(RefusedError, match="jumped by 3600 s"):
                await waiting
    assert w.sent == []


async def test_a_lost_answer_at_the_deadline_is_unclear_and_looked_up(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.sandbox.faults = Always(Fault.LOST_ANSWER, 1)
        w.deadline = 0.3
        summary = await send(w, plan)
        assert (summary.sent, summary.unclear, len(w.sent)) == (4, 1, 5)


async def test_a_ledger_that_was_replaced_while_it_was_open_is_not_locked(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier() as notifier:
            ledger = tmp_path / "ledger.sqlite3"
            (tmp_path / "copy").write_bytes(ledger.read_bytes())
            (tmp_path / "copy").replace(ledger)
            with pytest.raises(NotifyError, match="was moved or replaced since it was opened"):
                await notifier.send(plan.id)
    assert w.sent == []
