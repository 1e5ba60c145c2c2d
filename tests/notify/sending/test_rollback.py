"""Rolling back: what is narrowed binds the very next letter, of whatever kind; what widens waits for a person."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spfcheck.demo.sandbox import Fault
from spfcheck.notify.guards import DAY, HOUR, Guards
from spfcheck.notify.model import MessageStep, NotifyError, Reason, RefusedError
from spfcheck.notify.sending.scope import FREE, LESS_IS_WIDER, MORE_IS_WIDER, beyond
from spfcheck.settings import SettingsError
from tests.notify.sending.test_send import FIVE, answering, prepared, send
from tests.notify.sending.test_unclear import Always
from tests.notify.world import World, broken, mended, resumed, world


async def due(w: World, step: MessageStep) -> str:
    """A plan with one message of *step* for d0.example; its id."""
    plan = await prepared(w, ["d0.example"], thanks=True)
    if step is not MessageStep.FIRST:
        assert (await send(w, plan, thanks=True)).sent == 1
        if step is MessageStep.THANKS:
            w.zone_text = w.zone_text.replace(broken("d0.example"), mended("d0.example"))
        hours = 24.0 if step is MessageStep.THANKS else 24 * 7.5 if step is MessageStep.DAY7 else 24 * 31
        for _ in range(3):
            w.clock.later(hours)
            async with w.notifier(thanks=True) as notifier:
                plan = await notifier.plan()
            if plan.intents:
                break
    assert [intent.step for intent in plan.intents] == [step]
    return plan.id


NARROWED: dict[str, tuple[dict[str, Any], Reason]] = {
    "stage": ({"stage": "self"}, Reason.OUTSIDE_STAGE),
    "percent": ({"stage": "cohort", "percent": 0}, Reason.OUTSIDE_STAGE),
    "allow": ({"stage": "self", "allow": frozenset({"other.example"})}, Reason.OUTSIDE_STAGE),
    "ceiling": ({"ceiling_per_run": 0}, Reason.CEILING),
    "quiet hours": ({"quiet_hours": "00:00-23:59"}, Reason.QUIET_HOURS),
}


@pytest.mark.parametrize("step", MessageStep)
@pytest.mark.parametrize("what", NARROWED)
async def test_what_no_longer_fits_waits_whatever_kind_of_letter_it_is(
    tmp_path: Path, step: MessageStep, what: str
) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan_id = await due(w, step)
        before = len(w.sent)
        changes, reason = NARROWED[what]
        async with w.notifier(thanks=True, **changes) as notifier:
            summary = await notifier.send(plan_id)
            assert (len(w.sent) - before, summary.waiting, summary.reasons) == (0, 1, {reason: 1})
        if what != "ceiling":
            return
        async with w.notifier(thanks=True) as notifier:
            assert (await notifier.run()).plan.totals["messages"] == 1, "it waits for a night when it fits"


@pytest.mark.parametrize("step", [MessageStep.DAY7, MessageStep.DAY30, MessageStep.THANKS])
async def test_a_kind_of_letter_that_was_switched_off_waits(tmp_path: Path, step: MessageStep) -> None:
    async with world(tmp_path, broken("d0.example")) as w:
        plan_id = await due(w, step)
        before = len(w.sent)
        off = {"thanks": False, "reminders": False}
        async with w.notifier(**off) as notifier:
            summary = await notifier.send(plan_id)
    assert (len(w.sent) - before, summary.reasons) == (0, {Reason.SWITCHED_OFF: 1})


async def test_what_is_narrowed_during_a_run_binds_its_very_next_letter(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.present = lambda: replace(w.guards, stage="self" if len(w.sent) >= 2 else "everyone")
        summary = await send(w, plan)
    assert (len(w.sent), summary.reasons) == (2, {Reason.OUTSIDE_STAGE: 3})


def _broken_settings() -> Guards:
    raise SettingsError("spfcheck.toml is no TOML.")


@pytest.mark.parametrize(
    ("then", "why"),
    [
        (lambda guards: replace(guards, enabled=False), "switched off"),
        (lambda guards: replace(guards, rate_per_second=5000.0), "does not reach so far"),
        (lambda guards: _broken_settings(), "is no TOML"),
    ],
    ids=["off", "widened", "unreadable"],
)
async def test_settings_that_forbid_sending_end_a_run_that_is_under_way(
    tmp_path: Path, then: Callable[[Guards], Guards], why: str
) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        w.present = lambda: then(w.guards) if len(w.sent) >= 2 else w.guards
        summary = await send(w, plan)
    assert (len(w.sent), summary.waiting) == (2, 3)
    assert why in summary.stopped


async def test_letters_that_were_put_back_follow_the_stage_the_ceiling_and_one_a_night(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        answering(w.sandbox, 404, 3)  # tried, and put back
        assert (await send(w, plan)).sent == 2
        w.sandbox.intercept = None
        narrowed = {"stage": "self", "allow": frozenset({"d0.example"})}
        w.clock.later(24)
        async with w.notifier(**narrowed) as notifier:
            night = await notifier.run()
        assert night.sending is not None
        assert night.sending.sent == 1
        async with w.notifier(ceiling_per_run=1) as notifier:
            assert (await notifier.run()).sending.sent == 1  # type: ignore[union-attr]
    assert sorted(email for email, _ in w.sent)[:2] == ["owner@d0.example", "owner@d1.example"]
    assert len(w.sent) == 4


async def test_nobody_gets_two_messages_a_night_when_an_old_letter_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example", "d1.example")) as w:
        contact = w.workspace.add_contact(email="ann@agency.example", sending_domain="d0.example")
        await w.baseline()
        w.sandbox.faults = Always(Fault.ERROR_BEFORE, 1)
        async with w.notifier() as notifier:
            assert (await notifier.run()).sending.unclear == 1  # type: ignore[union-attr]
        w.workspace.add_contact(email="ann@agency.example", sending_domain="d1.example")
        for _ in range(2):
            w.clock.later(24)
            async with w.notifier(audience_change_max=9.0, audience_drift_max=9.0) as notifier:
                for one in await notifier.unclear():
                    await notifier.decide(one.ref, "resend", who="mira", reason="it did not arrive")
                night = await notifier.run()
                assert night.sending is not None
        assert contact.id
        assert len(w.sent) == 2, "each has its night"
        times = [message.at for message in w.workspace.messages]
    assert all(later - sooner > 12 * HOUR for sooner, later in itertools.pairwise(times)), times


async def test_a_second_run_of_a_night_writes_to_nobody_again(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example", "d1.example")) as w:
        w.workspace.add_contact(email="ann@agency.example", sending_domain="d0.example")
        w.workspace.add_contact(email="bob@agency.example", sending_domain="d1.example")
        await w.baseline()
        free = {"audience_change_max": 9.0, "audience_drift_max": 9.0}
        async with w.notifier(**free) as notifier:
            await notifier.run()
            w.workspace.add_contact(email="ann@agency.example", sending_domain="d1.example")
            w.clock.later(1)
            night = await notifier.run()
            assert night.sending is not None
            assert night.sending.reasons == {Reason.ONE_A_NIGHT: 1}
        assert len(w.sent) == 2


# Approval


async def first_plan(w: World, **changes: Any) -> str:
    """A plan with messages after a baseline of none, which nobody approved yet."""
    for name in FIVE:
        w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
    async with w.notifier(leave=False, **changes) as notifier:
        await notifier.approve((await notifier.plan()).id, who="mira")
        w.clock.later(24)
        return (await notifier.plan()).id


async def test_approving_a_plan_without_messages_approves_nothing_but_a_baseline(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan_id = await first_plan(w)
        async with w.notifier(leave=False) as notifier:
            with pytest.raises(RefusedError, match="No approval is in force"):
                await notifier.send(plan_id)
            assert w.sent == []
            await notifier.approve(plan_id, who="mira")
            assert (await notifier.send(plan_id)).sent == 5


WIDER: dict[str, dict[str, Any]] = {
    "the stage": {"stage": "everyone"},
    "the share": {"stage": "cohort", "percent": 60},
    "the list": {"allow": frozenset({"d0.example", "d1.example"})},
    "the ceiling": {"ceiling_per_run": 1001},
    "the delivery": {"delivery": "event"},
    "conversations": {"open_conversation": False},
    "quiet hours gone": {"quiet_hours": ""},
    "a day gone": {"quiet_days": ("sunday",)},
    "a guard": {"cool_off": 29 * DAY},
    "thanks": {"thanks": True},
    "the mark": {"mark_tag": "told"},
}
APPROVED: dict[str, Any] = {
    "stage": "cohort",
    "percent": 50,
    "allow": frozenset({"d0.example"}),
    "quiet_hours": "03:00-04:00",
    "quiet_days": ("saturday", "sunday"),
}


@pytest.mark.parametrize("what", WIDER)
async def test_what_widens_waits_for_a_new_approval(tmp_path: Path, what: str) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan_id = await first_plan(w, **APPROVED)
        async with w.notifier(leave=False, **APPROVED) as notifier:
            await notifier.approve(plan_id, who="mira")
        async with w.notifier(leave=False, **{**APPROVED, **WIDER[what]}) as notifier:
            with pytest.raises(RefusedError, match=f"The approval of {plan_id} does not reach so far"):
                await notifier.send(plan_id)
            assert (w.sent, w.workspace.events) == ([], {})
            assert "does not reach so far" in (await notifier.status()).unapproved
            await notifier.approve(plan_id, who="mira")
            assert (await notifier.send(plan_id)).stopped == ""


async def test_what_narrows_needs_nobodys_leave(tmp_path: Path) -> None:
    everyone = {"stage": "everyone"}
    assert (
        beyond(
            {"guards": {**everyone, "allow": [], "percent": 0}},
            {"guards": {"stage": "self", "allow": ["d0.example"], "percent": 5}},
        )
        == []
    ), "back to a few from everybody"
    narrow = {"stage": "self", "ceiling_per_run": 1, "cool_off": 60 * DAY, "quiet_days": ("saturday", "sunday")}
    async with world(tmp_path, broken(*FIVE)) as w:
        plan_id = await first_plan(w, allow=frozenset({"d0.example"}))
        async with w.notifier(leave=False, allow=frozenset({"d0.example"})) as notifier:
            await notifier.approve(plan_id, who="mira")
        async with w.notifier(leave=False, allow=frozenset({"d0.example"}), **narrow) as notifier:
            assert (await notifier.send(plan_id)).sent == 1


async def test_more_tags_that_opt_out_and_more_filters_need_nobodys_leave(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan_id = await first_plan(w)
        async with w.notifier(leave=False) as notifier:
            await notifier.approve(plan_id, who="mira")
        only = {"field": "email", "operator": "$", "value": "d0.example"}
        role = {"field": "role", "operator": "=", "value": "user"}
        w.settings_values["audience"] = {"exclude_tags": ["spf-no-notify", "another"], "filters": [role, only]}
        async with w.notifier(leave=False, audience_change_max=0.05) as notifier:
            with pytest.raises(RefusedError, match="The audience moved"):
                await notifier.send(plan_id)
            await notifier.plan()


@pytest.mark.parametrize(
    "changed",
    [
        {"sender_include": "_spf2.mail.example"},
        {"mail_from": "bounce@mail.{domain}"},
        {"public_url": "https://elsewhere.example"},
        {"intercom": {"admin_id": 1}},
        {"audience": {"exclude_tags": ["another"]}},
        {"notify": {"body_template": "body.html"}},
    ],
    ids=str,
)
async def test_other_senders_texts_names_and_people_wait_for_a_new_approval(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan_id = await first_plan(w)
        async with w.notifier(leave=False) as notifier:
            await notifier.approve(plan_id, who="mira")
        (tmp_path / "body.html").write_text("<p>Other words. Ref: {{ ref }}</p>")
        if "notify" in changed:
            changed = {"notify": {"body_template": str(tmp_path / "body.html")}}
        w.settings_values.update(changed)
        async with w.notifier(leave=False) as notifier:
            with pytest.raises(RefusedError, match=r"does not reach so far: (the .* changed|exclude_tags was)"):
                await notifier.send(plan_id)
    assert w.sent == []


def test_a_guard_that_an_approval_does_not_know_waits_and_every_guard_has_its_direction() -> None:
    known = {"guards": {"stage": "self"}}
    assert beyond(known, {"guards": {"stage": "self", "new": 1}}) == ["new was none and is 1 now"]
    assert beyond({"guards": {"new": 2}}, {"guards": {"new": 1}}) == ["new was 2 and is 1 now"]
    fields = set(Guards.__dataclass_fields__)
    assert fields >= (MORE_IS_WIDER | LESS_IS_WIDER | FREE) - {"max_domains_per_contact"}
    assert not (MORE_IS_WIDER & LESS_IS_WIDER)


async def test_a_revoked_approval_ends_the_run_that_is_under_way_and_every_later_one(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan_id = await first_plan(w)
        async with w.notifier(leave=False) as notifier, w.desk() as desk:
            await notifier.approve(plan_id, who="mira")
            with pytest.raises(NotifyError, match=f"plan-0 is not the approval in force: {plan_id} is"):
                await desk.revoke("plan-0", who="mira")
            w.present = lambda: w.guards
        async with w.desk() as desk:

            async def revoke(seconds: float) -> None:
                if len(w.sent) == 2 and (await desk.status()).approval:
                    await desk.revoke(plan_id, who="mira", reason="a wrong link")
                await w.clock.__class__.sleep(w.clock, seconds)

            w.clock.sleep = revoke  # type: ignore[method-assign]
            async with w.notifier(leave=False) as notifier:
                summary = await notifier.send(plan_id)
                assert (summary.sent, summary.waiting) == (2, 3)
                assert "No approval is in force" in summary.stopped
                with pytest.raises(RefusedError, match="No approval is in force"):
                    await notifier.send(plan_id)
    assert len(w.sent) == 2


# Brakes


async def test_a_brake_is_lifted_by_its_number_and_one_that_tripped_since_stays(tmp_path: Path) -> None:
    from spfcheck.notify.model import Brake

    def brake(name: str) -> Brake:
        return Brake(name, 1, 0, True, f"{name} tripped.")

    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier() as notifier:
            await notifier._write(notifier._stops.trip, [brake("clock"), brake("senders")], plan_id="", now=1.0)
            looked_at = (await notifier.status()).stops
            assert looked_at == ("clock#1", "senders#2")
            await notifier._write(notifier._stops.trip, [brake("clock")], plan_id="", now=2.0)
            for wrong in ([], ["clock"], ["clock#2"], ["clock#1", "pause#1"]):
                with pytest.raises(NotifyError, match="look with notify status"):
                    await notifier.resume(wrong, "a guess", who="mira")
            done = await notifier.resume(["clock#1"], "the clock was set", who="mira")
            assert (done.number, done.left) == (1, ("senders#2", "clock#3"))
            with pytest.raises(RefusedError, match="A brake holds: senders"):
                await notifier.send(plan.id)
            done = await notifier.resume(["senders#2"], "they know", who="mira")
            assert done.left == ("clock#3",)
            with pytest.raises(RefusedError, match="A brake holds: clock"):
                await notifier.send(plan.id)
            assert w.sent == []
            assert await resumed(notifier) == 1
            assert (await notifier.send(plan.id)).sent == 5


async def test_the_audience_is_measured_from_what_a_person_approved_however_many_small_steps_it_took(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        for n in range(50):
            w.workspace.add_contact(email=f"p{n}@good.example", sending_domain="good.example")
        await w.baseline()
        tripped = []
        for _ in range(3):
            for n in range(5):
                w.workspace.add_contact(email=f"n{n}@good.example", sending_domain="good.example")
            async with w.notifier() as notifier:
                tripped.append([brake.name for brake in (await notifier.plan()).tripped])
            w.clock.later(24)
    assert tripped == [[], [], ["audience-drift"]]
