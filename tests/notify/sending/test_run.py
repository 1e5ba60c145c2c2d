"""One run of sending: what is looked at between two messages, what is waited for, and what ends the run."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from spfcheck.demo.sandbox import Fault, Faults
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import Brake, Progress, Reason, RefusedError
from spfcheck.notify.notifier import Notifier
from tests.notify.sending.test_send import FIVE, answering, prepared, send
from tests.notify.world import World, broken, world


class Script(Faults):
    """One fault or none for each message, in order; none after the last."""

    def __init__(self, faults: Sequence[Fault | None]) -> None:
        super().__init__()
        self._left = list(faults)

    def next(self) -> Fault | None:
        return self._left.pop(0) if self._left else None


def after(done: int, act: Callable[[], object]) -> Callable[[Progress], None]:
    """Let *act* happen after so many messages."""

    def look(progress: Progress) -> None:
        if progress.stage == "messages" and progress.done == done:
            act()

    return look


def while_waiting(w: World, monkeypatch: pytest.MonkeyPatch, at: float, act: Callable[[], object]) -> None:
    """Let *act* happen when somebody who waits comes to the time *at*."""
    honest, left = w.clock.sleep, [act]

    async def sleep(seconds: float) -> None:
        await honest(seconds)
        if left and w.clock.now >= at:
            left.pop()()

    monkeypatch.setattr(w.clock, "sleep", sleep)


def letters(w: World) -> dict[str, tuple[str, str, int]]:
    """NoticeState, reason and attempts of each letter, by its domain."""
    with sqlite3.connect(w.directory / "ledger.sqlite3") as db:
        rows = db.execute(
            "SELECT notices.domain, letters.state, letters.reason, letters.attempts"
            " FROM letters JOIN notices ON notices.ref = letters.ref"
        )
        return {domain: (state, reason, attempts) for domain, state, reason, attempts in rows}


# The brakes in the middle of a run.


async def test_after_every_twenty_messages_the_brake_on_api_errors_is_looked_at(tmp_path: Path) -> None:
    names = [f"d{n:02}.example" for n in range(23)]
    async with world(tmp_path, broken(*names)) as w:
        plan = await prepared(w, names)
        # Never three in a row, which has a brake of its own; four of a hundred would be few, of twenty they are not.
        w.sandbox.faults = Script([Fault.ERROR_AFTER, None] * 4)
        summary = await send(w, plan)
        assert summary.stopped == "A brake stopped the run: 4 of 20 messages ended unclear; 3 may."
        assert (summary.sent, summary.unclear, summary.waiting) == (16, 4, 3)
        assert summary.reasons == {Reason.STOPPED: 3}
        with pytest.raises(RefusedError, match="A brake holds: api-errors: 4 of 20 messages"):
            await send(w, plan)
    assert Guards().check_every == 20


async def test_a_brake_that_another_machine_tripped_ends_the_run_when_it_is_looked_at(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier(check_every=3) as notifier:

            def trip() -> None:
                stops = Stops(notifier._engine, w.workspace.workspace, tmp_path / "pause")
                stops.trip([Brake("turned-away", 9, 5, True, "Many left.")], plan_id=plan.id, now=1.0)

            summary = await notifier.send(plan.id, after(1, trip))
    assert (summary.sent, summary.waiting) == (3, 2)
    assert summary.stopped == "A brake stopped the run: turned-away: Many left. (turned-away#1)"


@pytest.mark.parametrize(("status", "fault"), [(422, None), (0, Fault.ERROR_AFTER)], ids=["rejected", "unclear"])
async def test_three_in_a_row_are_three_in_a_row(tmp_path: Path, status: int, fault: Fault | None) -> None:
    names = [f"d{n}.example" for n in range(8)]
    async with world(tmp_path, broken(*names)) as w:
        plan = await prepared(w, names)
        bad = [True, True, False] * 2 + [True, True]
        if fault:
            w.sandbox.faults = Script([fault if one else None for one in bad])
        else:
            script = list(bad)

            async def answer(request: web.Request, content: bytes) -> web.StreamResponse | None:
                wrong = request.path == "/messages" and script.pop(0)
                return web.Response(status=status, text="{}") if wrong else None

            w.sandbox.intercept = answer
        summary = await send(w, plan)
    assert summary.stopped == ""
    assert (summary.sent, summary.rejected, summary.unclear) == (2, 0 if fault else 6, 6 if fault else 0)


# What is looked at before each message.


async def test_a_sender_that_lost_its_lock_sends_no_more(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        ledger = tmp_path / "ledger.sqlite3"
        async with w.notifier() as notifier:
            summary = await notifier.send(plan.id, after(2, lambda: ledger.rename(tmp_path / "away")))
    assert summary.stopped == "The sender's lock is no longer held, or the database was moved away."
    assert (summary.sent, summary.waiting, summary.reasons) == (2, 3, {Reason.STOPPED: 3})
    assert len(w.sent) == 2


async def test_quiet_hours_that_begin_in_the_middle_of_a_run_end_it(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        w.workspace.timezone = "UTC"
        plan = await prepared(w, FIVE)
        # It is 10:00, and one message goes out every ten minutes.
        summary = await send(w, plan, rate_per_second=1 / 600, quiet_hours="10:25-09:00")
    assert summary.stopped == "Quiet hours have begun in the workspace's time zone."
    assert (summary.sent, summary.reasons) == (3, {Reason.QUIET_HOURS: 2})


async def test_the_ceiling_is_read_again_at_sending(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        summary = await send(w, plan, ceiling_per_run=2)
        assert (summary.sent, summary.waiting, summary.stopped) == (2, 3, "")
        assert summary.reasons == {Reason.CEILING: 3}
        assert sorted(letters(w).values())[2:] == [("waiting", "ceiling", 0)] * 3
        assert (await send(w, plan)).sent == 0, "it waits for the next night's plan"
        w.clock.later(24)
        async with w.notifier() as notifier:
            night = await notifier.run()
        assert night.sending is not None
        assert night.sending.sent == 3


async def test_a_message_that_failed_counts_against_the_ceiling(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.sandbox.faults = Script([Fault.ERROR_AFTER])
        summary = await send(w, plan, ceiling_per_run=2)
    assert (summary.sent, summary.unclear, summary.waiting) == (1, 1, 3)


async def test_a_ceiling_of_nothing_sends_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        summary = await send(w, plan, ceiling_per_run=0)
    assert (summary.sent, summary.waiting, w.sent) == (0, 5, [])


async def test_the_stage_is_read_again_at_sending(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        contact = next(iter(w.workspace.contacts))
        summary = await send(w, plan, stage="self", allow=frozenset({"d3.example", contact}))
        assert sorted(email for email, _ in w.sent) == ["owner@d0.example", "owner@d3.example"]
    assert (summary.sent, summary.waiting, summary.reasons) == (2, 3, {Reason.OUTSIDE_STAGE: 3})


async def test_the_stage_asks_each_domain_with_the_contact_that_names_it(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        first = w.workspace.add_contact(email="ann@agency.example", sending_domain="d0.example")
        other = w.workspace.add_contact(email="ann@agency.example", sending_domain="d1.example")
        await w.baseline()
        async with w.notifier() as notifier:
            plan = await notifier.plan()
        assert [intent.contact_id for intent in plan.intents] == [first.id]
        summary = await send(w, plan, stage="self", allow=frozenset({other.id}))
    (message,) = w.workspace.messages
    assert "d1.example" in message.body
    assert "d0.example" not in message.body
    assert summary.reasons == {Reason.OUTSIDE_STAGE: 1}


async def test_a_suppression_is_read_again_at_sending(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier() as notifier:
            await notifier.suppress("owner@d2.example", reason="asked by phone", who="mira")
            summary = await notifier.send(plan.id)
        assert letters(w)["d2.example"] == ("suppressed", "suppressed", 0)
    assert "owner@d2.example" not in {email for email, _ in w.sent}
    assert (summary.sent, summary.suppressed, summary.reasons) == (4, 1, {Reason.SUPPRESSED: 1})


async def test_a_letter_that_somebody_dealt_with_meanwhile_is_passed_over(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        said: list[str] = []
        ref = plan.intents[3].ref
        async with w.notifier() as notifier:

            def look(progress: Progress) -> None:
                said.append(progress.item)
                if progress.done == 1:
                    with sqlite3.connect(w.directory / "ledger.sqlite3") as db:
                        db.execute("UPDATE letters SET state = 'suppressed', reason = 'by-hand' WHERE ref = ?", (ref,))

            summary = await notifier.send(plan.id, look)
    assert summary.sent == 4
    assert said == ["d0.example: sent", "d1.example: sent", "d2.example: sent", f"{ref}: already dealt with",
                    "d4.example: sent"]  # fmt: skip


async def test_a_letter_that_is_lost_at_the_very_claim_is_not_posted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        monkeypatch.setattr(Ledger, "claim", lambda self, ref, **named: None)
        summary = await send(w, plan)
    assert (summary.sent, w.sent) == (0, [])


async def test_an_api_that_fails_while_a_contact_is_read_ends_the_run(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        second = list(w.workspace.contacts)[2]

        async def answer(request: web.Request, content: bytes) -> web.StreamResponse | None:
            return web.Response(status=503) if request.path == f"/contacts/{second}" else None

        w.sandbox.intercept = answer
        summary = await send(w, plan)
    assert (summary.sent, summary.waiting) == (2, 3)
    assert "does not answer: it answers with HTTP 503" in summary.stopped


# What is waited for.


async def test_every_message_waits_for_its_turn_under_the_apis_limit(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        w.sandbox.limit = 60  # a fifth of that is twelve in ten seconds
        plan = await prepared(w, FIVE)
        asked: list[tuple[float, str]] = []

        async def watch(request: web.Request, content: bytes) -> web.StreamResponse | None:
            asked.append((w.clock.now, request.path))
            return None

        w.sandbox.intercept = watch
        assert (await send(w, plan)).sent == 5
    gaps = [now - before for (before, _), (now, path) in itertools.pairwise(asked) if path == "/messages"]
    assert len(gaps) == 5
    assert min(gaps) > 0.8, "a message right behind another request has taken no turn"


@pytest.mark.parametrize("wait", ["the pause after the first batch", "a throttled message"])
async def test_the_switch_is_read_during_a_long_wait(
    tmp_path: Path, wait: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        changes: dict[str, Any] = {"first_batch": 1, "first_pause": 600.0} if "batch" in wait else {}
        if not changes:

            async def answer(request: web.Request, content: bytes) -> web.StreamResponse | None:
                throttled = request.path == "/messages" and w.sent
                return web.Response(status=429, text="{}", headers={"Retry-After": "60"}) if throttled else None

            w.sandbox.intercept = answer
        began = w.clock.now
        while_waiting(w, monkeypatch, began + 20, (tmp_path / "pause").touch)
        summary = await send(w, plan, **changes)
    assert "pause file" in summary.stopped
    assert (summary.sent, summary.waiting) == (1, 4)
    assert 20 <= w.clock.now - began < 25, "it was read only when the wait was over"


async def test_whoever_is_asked_to_end_does_not_wait_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        began = w.clock.now
        while_waiting(w, monkeypatch, began + 20, w.stop.set)
        summary = await send(w, plan, first_batch=1, first_pause=600.0)
    assert summary.stopped == "The run was asked to end."
    assert w.clock.now - began < 25


async def test_a_switch_thrown_in_the_last_second_of_a_wait_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        began = w.clock.now
        # One message in half a second: the switch is thrown while the second one waits for its turn.
        while_waiting(w, monkeypatch, began + 0.5, (tmp_path / "pause").touch)
        summary = await send(w, plan, rate_per_second=2.0)
    assert (summary.sent, len(w.sent)) == (1, 1)
    assert "pause file" in summary.stopped


async def test_a_pause_between_two_looks_at_the_switch_is_waited_out_to_the_second(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        await send(w, plan, rate_per_second=0.4)
    times = [message.at for message in w.workspace.messages]
    # A look of some tenths of a second follows the wait.
    assert all(2.5 <= later - earlier < 2.9 for earlier, later in itertools.pairwise(times)), times


class Refusing(httpx.AsyncHTTPTransport):
    """The way to the API, on which the first so many connections are refused."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times, self.tried = times, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tried += 1
        if self.tried <= self.times:
            raise httpx.ConnectError("refused")
        return await super().handle_async_request(request)


async def refused(notifier: Notifier, times: int) -> Refusing:
    """Refuse the next so many connections for messages."""
    intercom, way = notifier._intercom, Refusing(times)
    await intercom._sends.aclose()
    intercom._sends = httpx.AsyncClient(
        base_url=intercom._sends.base_url, headers=intercom._sends.headers, transport=way
    )
    return way


async def test_a_message_that_did_not_get_through_is_tried_three_times_more(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        began = w.clock.now
        async with w.notifier() as notifier:
            way = await refused(notifier, 3)
            assert (await notifier.send(plan.id)).sent == 1
        assert (way.tried, letters(w)["d0.example"]) == (4, ("sent", "", 4))
        assert 14 <= w.clock.now - began < 15, "two seconds, four, eight"
    assert len(w.sent) == 1


async def test_an_api_that_four_connections_do_not_reach_ends_the_run(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example", "d1.example")) as w:
        plan = await prepared(w, ["d0.example", "d1.example"])
        async with w.notifier() as notifier:
            way = await refused(notifier, 4)
            summary = await notifier.send(plan.id)
            assert (way.tried, summary.sent, summary.waiting) == (4, 0, 2)
            assert summary.stopped == "The messaging API takes no message (ConnectError)."
            assert (await notifier.status()).brakes == (), "nothing to lift: the next run tries again"
            assert (await notifier.send(plan.id)).sent == 2


@pytest.mark.parametrize(("times", "sent"), [(5, 5), (6, 0)])
async def test_a_throttled_message_is_repeated_five_times(tmp_path: Path, times: int, sent: int) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        answering(w.sandbox, 429, times)
        summary = await send(w, plan)
    assert summary.sent == sent
    assert summary.stopped == ("" if sent else "The messaging API takes no message (HTTP 429).")
    assert summary.waiting == 5 - sent


@pytest.mark.parametrize(("seconds", "sent"), [(5.0, 1), (5.1, 0)])
@pytest.mark.parametrize("which", ["the clock", "the machine's own time"])
async def test_a_claim_is_posted_within_five_seconds_by_both_clocks(
    tmp_path: Path, seconds: float, sent: int, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, own = Ledger.claim, [0.0]

    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])

        def slow(self: Ledger, *arguments: Any, **named: Any) -> Any:
            claimed = honest(self, *arguments, **named)
            if which == "the clock":
                w.clock.now += seconds
            else:
                own[0] += seconds
            return claimed

        w.steady = lambda: own[0]
        monkeypatch.setattr(Ledger, "claim", slow)
        # A whole second, so that five more are five more in floating point too.
        w.clock.now = float(int(w.clock.now) + 1)
        assert (await send(w, plan)).sent == sent
        assert len(w.sent) == sent
        assert letters(w)["d0.example"] == ("sent" if sent else "planned", "", 1), "given back, not lost"


# What follows a message.


async def test_a_tag_that_cannot_be_put_is_put_by_the_next_run(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        (contact,) = w.workspace.contacts.values()

        async def answer(request: web.Request, content: bytes) -> web.StreamResponse | None:
            return web.Response(status=422, text="{}") if request.path == f"/contacts/{contact.id}/tags" else None

        w.sandbox.intercept = answer
        summary = await send(w, plan)
        assert (summary.sent, summary.stopped, contact.tags) == (1, "", [])
        w.sandbox.intercept = None
        assert (await send(w, plan)).sent == 0
        assert contact.tags == [w.workspace.tag_id("spf-notified")]
        asked = dict(w.sandbox.requests)
        await send(w, plan)
        tagged = [name for name in asked if "tags" in name and w.sandbox.requests[name] != asked[name]]
        assert not [name for name in tagged if "contacts" in name], "once it is there it is not put again"


async def test_without_a_mark_nobody_is_tagged(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"], mark_tag="")
        assert (await send(w, plan, mark_tag="")).sent == 1
        (contact,) = w.workspace.contacts.values()
    assert contact.tags == []


async def test_no_pause_after_the_first_batch_where_none_is_wanted(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        began = w.clock.now
        assert (await send(w, plan, first_batch=2, first_pause=0.0, rate_per_second=0.1)).sent == 5
    # The pause takes the place of the turn's own wait, so none at all must leave that wait as it is.
    times = [message.at - began for message in w.workspace.messages]
    # Each has a look of its own after the wait, which costs some tenths of a second.
    assert all(10 <= later - sooner < 11 for sooner, later in itertools.pairwise(times)), times


async def test_an_event_tells_of_the_first_domain_and_names_every_other(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        for name in ("d0.example", "d1.example", "d2.example"):
            w.workspace.add_contact(email="ann@agency.example", sending_domain=name)
        await w.baseline(delivery="event")
        async with w.notifier(delivery="event") as notifier:
            night = await notifier.run()
        assert night.sending is not None
        assert night.sending.sent == 1
    ((contact_id, _, at), metadata) = next(iter(w.workspace.events.items()))
    assert contact_id == next(iter(w.workspace.contacts))
    assert at == int(w.clock.now)
    assert metadata["more_domains"] == "2"
    assert len(metadata["domains"].split()) == 3, "each domain that is marked as told is told"
    assert (metadata["domain"], metadata["step"]) == ("d0.example", "first")
    assert len(metadata) <= 10


def test_the_guards_of_sending_are_those_that_the_documentation_names() -> None:
    shipped = Guards()
    assert (shipped.claim_max_age, shipped.unclear_stop, shipped.first_batch, shipped.first_pause) == (5, 3, 5, 600)
    assert replace(shipped).rate_per_second == 1.0
