"""Nothing is lost without a word: what was rejected, what is unclear, what is proven before it is sent again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spfcheck.demo.sandbox import Fault
from spfcheck.notify.model import NotifyError, Reason
from spfcheck.notify.sending.message import Writer
from tests.notify.sending.test_send import FIVE, answering, prepared, send
from tests.notify.sending.test_unclear import Always
from tests.notify.world import World, broken, world

NAMES = [f"d{n}.example" for n in range(8)]
REFUSAL = '{"type":"error.list","errors":[{"code":"parameter_invalid","message":"No such admin for eve@x.example"}]}'


async def test_a_rejected_message_is_listed_with_its_reason_and_sent_once_its_cause_is_mended(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        answering(w.sandbox, 422, 2, REFUSAL)
        summary = await send(w, plan)
        assert (summary.sent, summary.rejected) == (3, 2)
        async with w.desk() as desk:
            first, second = await desk.rejected()
            assert first.reason == "HTTP 422 parameter_invalid: No such admin for ..."
            assert (first.domains, second.domains) == (("d0.example",), ("d1.example",))
            assert (await desk.status()).last_success_at == 0.0, "two people are still without a message"
        w.sandbox.intercept = None
        w.clock.later(24)
        async with w.notifier() as notifier:
            night = await notifier.run()
            held = {row.domain: row.reason for row in night.plan.rows}
            assert held["d0.example"] == Reason.API_REFUSED, "nobody says that they were told"
            assert held["d3.example"] == Reason.ALREADY_TOLD
            assert len(w.sent) == 3, "nothing is sent again by itself"
        async with w.desk() as desk:
            for one in (first, second):
                await desk.decide(one.ref, "resend", who="mira", reason="the admin was mended")
            finished = (await desk.status()).last_success_at
            assert finished == pytest.approx(w.clock.now, abs=60), "all is settled: that night was a success"
        assert (await send(w, night.plan)).sent == 2
    assert sorted(email for email, _ in w.sent) == [f"owner@{name}" for name in FIVE]


async def test_a_rejected_letter_is_sent_again_in_the_name_of_the_new_admin(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        answering(w.sandbox, 422, 1)
        await send(w, plan)
        w.sandbox.intercept = None
        w.workspace.admin_id = 777
        async with w.notifier() as notifier:
            (one,) = await notifier.rejected()
            await notifier.decide(one.ref, "resend", who="mira", reason="another admin")
            assert (await notifier.send(plan.id)).sent == 1
    assert len(w.sent) == 1


async def test_a_night_with_an_unclear_message_is_a_success_once_it_was_found(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES)
        w.sandbox.faults = Always(Fault.ERROR_AFTER, 1)
        await send(w, plan)
        async with w.notifier() as notifier:
            assert (await notifier.status()).last_success_at == 0.0
            assert (await notifier.reconcile()).found == 1
            assert (await notifier.status()).last_success_at > 0.0


async def unclear_one(w: World, **changes: Any) -> str:
    """One letter of eight that nobody knows of, and that did arrive; its word."""
    plan = await prepared(w, NAMES, unclear_quiet=900.0, **changes)
    w.sandbox.faults = Always(Fault.ERROR_AFTER, 1)
    async with w.notifier(unclear_quiet=900.0, **changes) as notifier:
        assert (await notifier.send(plan.id)).unclear == 1
        (one,) = await notifier.unclear()
    w.clock.later(0.5)
    return one.ref


async def looked_up(w: World, **changes: Any) -> tuple[int, int, int]:
    async with w.notifier(unclear_quiet=900.0, **changes) as notifier:
        return tuple(vars_of(await notifier.reconcile()))  # type: ignore[return-value]


def vars_of(done: Any) -> tuple[int, int, int]:
    return done.found, done.missing, done.undecided


def conversations(found: Any) -> Any:
    """An API whose conversation search says *found*, whatever is asked."""

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if request.path != "/conversations/search":
            return None
        return web.json_response({"type": "conversation.list", "conversations": found, "total_count": len(found)})

    return answer


async def test_a_search_that_finds_not_even_what_surely_went_out_proves_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        await unclear_one(w)
        w.sandbox.intercept = conversations([])
        assert await looked_up(w) == (0, 0, 1)
        w.sandbox.intercept = None
        assert await looked_up(w) == (1, 0, 0)
    assert len(w.sent) == 8


async def test_without_any_message_that_surely_went_out_nothing_is_concluded(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan = await prepared(w, ["d0.example"])
        w.sandbox.faults = Always(Fault.ERROR_BEFORE, 1)
        await send(w, plan)
        w.clock.later(1)
        assert await looked_up(w) == (0, 0, 1)


@pytest.mark.parametrize("word", ["", "spfref0000000000000000", "x{}", "{}y"])
async def test_a_conversation_without_the_word_in_it_is_not_the_one(tmp_path: Path, word: str) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        ref = await unclear_one(w)
        source = {"type": "email", "body": f"<p>Ref: {word.format(ref)}</p>"}
        w.sandbox.contract = None
        w.sandbox.intercept = conversations([{"type": "conversation", "id": "1", "source": source}])
        assert await looked_up(w) == (0, 0, 1)
    assert len(w.sent) == 8


async def test_a_letter_is_looked_for_in_the_name_in_which_it_went_out(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        await unclear_one(w)
        w.workspace.admin_id = 777
        assert await looked_up(w) == (1, 0, 0)
    assert len(w.sent) == 8


async def test_a_letter_is_looked_for_though_events_are_written_by_now(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        await unclear_one(w)
        assert await looked_up(w, delivery="event") == (1, 0, 0)
    assert (len(w.sent), w.workspace.events) == (8, {})


async def test_an_unclear_event_is_not_sent_as_a_message(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES, delivery="event")
        left = [1]

        async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
            if request.path != "/events" or not left[0]:
                return None
            left[0] -= 1
            return web.Response(status=502)

        w.sandbox.intercept = answer
        assert (await send(w, plan, delivery="event")).unclear == 1
        w.clock.later(0.5)
        async with w.notifier() as notifier:
            assert (await notifier.send(plan.id)).sent == 1
    assert (w.sent, len(w.workspace.events)) == ([], 8)


async def test_with_another_template_a_missing_letter_is_a_persons_to_decide(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        plan = await prepared(w, NAMES)
        w.sandbox.faults = Always(Fault.ERROR_BEFORE, 1)
        await send(w, plan)
        w.clock.later(0.5)
        (tmp_path / "body.html").write_text("<p>Other words. Ref: {{ ref }}</p>")
        w.settings_values["notify"] = {"body_template": str(tmp_path / "body.html")}
        assert await looked_up(w) == (0, 0, 1)
        del w.settings_values["notify"]
        assert await looked_up(w) == (0, 1, 0)


@pytest.mark.parametrize("ahead", [False, True], ids=["their clock stands", "their clock goes on"])
async def test_the_quiet_time_is_measured_by_the_apis_clock(tmp_path: Path, ahead: bool) -> None:
    async with world(tmp_path, broken(*NAMES)) as w:
        theirs = [w.clock.now + 24 * 3600]
        w.workspace.clock = lambda: theirs[0]
        plan = await prepared(w, NAMES, unclear_quiet=900.0, clock_skew_max=1e9)
        w.sandbox.faults = Always(Fault.ERROR_BEFORE, 1)
        w.workspace.clock = lambda: theirs[0] + w.clock.now % 1
        assert (await send(w, plan, unclear_quiet=900.0, clock_skew_max=1e9)).unclear == 1
        w.clock.later(0.5)
        theirs[0] += 1800 if ahead else 600
        assert await looked_up(w, clock_skew_max=1e9) == ((0, 1, 0) if ahead else (0, 0, 1))


@pytest.mark.parametrize(
    "body",
    [
        "<p>Hello.</p>",
        "<p title='{{ ref }}'>Hello.</p>",
        "<p>Ref:x{{ ref }}</p>",
        "{% if step == 'first' %}{{ ref }}{% endif %}",
    ],
)
def test_a_template_without_the_word_is_refused_when_it_is_read(tmp_path: Path, body: str) -> None:
    path = tmp_path / "body.html"
    path.write_text(body)
    with pytest.raises(NotifyError, match="does not show"):
        Writer("", "", str(path))
    path.write_text("<p>{{ ref }}</p>")
    Writer("", "", str(path))
