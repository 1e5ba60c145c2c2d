"""What comes after the first message: reminders, thanks, and a new episode."""

from __future__ import annotations

from pathlib import Path

from spfcheck.notify.model import Reason
from tests.notify.world import World, broken, mended, world

DAY = 24.0


async def nights(w: World, count: int, *, every: float = DAY, **changes: object) -> list[tuple[int, str]]:
    """So many nights; on which of them what went out."""
    seen = []
    async with w.notifier(**changes) as notifier:
        for night in range(count):
            before = len(w.sent)
            run = await notifier.run()
            assert run.sending is not None, run.refused
            seen += [(night, subject) for _, subject in w.sent[before:]]
            w.clock.later(every)
    return seen


async def one(w: World, zone: str) -> None:
    w.workspace.add_contact(email="ann@d0.example", sending_domain="d0.example")
    for n in range(1, 4):
        w.workspace.add_contact(email=f"x@g{n}.example", sending_domain="good.example")
    w.zone_text += zone
    await w.baseline()


async def test_reminders_come_after_a_week_and_a_month_and_then_silence(tmp_path: Path) -> None:
    async with world(tmp_path, "") as w:
        await one(w, broken("d0.example"))
        seen = await nights(w, 40)
    assert [night for night, _ in seen] == [0, 7, 30]
    assert [subject.split(":")[0] for _, subject in seen] == ["Action needed", "Reminder", "Reminder"]


async def test_reminders_can_be_switched_off(tmp_path: Path) -> None:
    async with world(tmp_path, "") as w:
        await one(w, broken("d0.example"))
        assert len(await nights(w, 10, reminders=False)) == 1


async def test_who_missed_the_week_is_not_reminded_twice_in_a_row(tmp_path: Path) -> None:
    async with world(tmp_path, "") as w:
        await one(w, broken("d0.example"))
        await nights(w, 1)
        w.clock.later(31 * DAY)
        assert [night for night, _ in await nights(w, 20)] == [0]


async def test_a_repair_is_thanked_for_once_where_that_is_wanted(tmp_path: Path) -> None:
    async with world(tmp_path, "") as w:
        await one(w, broken("d0.example"))
        await nights(w, 2, thanks=True)
        w.zone_text = w.zone_text.replace(broken("d0.example"), mended("d0.example"))
        seen = await nights(w, 12, thanks=True)
    assert [(night, subject) for night, subject in seen] == [(1, "d0.example is set up: thank you")]


async def test_without_thanks_a_repair_only_closes_the_episode(tmp_path: Path) -> None:
    async with world(tmp_path, "") as w:
        await one(w, broken("d0.example"))
        await nights(w, 2)
        w.zone_text = w.zone_text.replace(broken("d0.example"), mended("d0.example"))
        assert await nights(w, 12) == []
        async with w.notifier() as notifier:
            assert (await notifier.status()).open_episodes == 0


async def test_broken_again_is_a_new_episode_after_the_cool_off(tmp_path: Path) -> None:
    async with world(tmp_path, "") as w:
        await one(w, broken("d0.example"))
        await nights(w, 2)
        w.zone_text = w.zone_text.replace(broken("d0.example"), mended("d0.example"))
        await nights(w, 3)
        w.zone_text = w.zone_text.replace(mended("d0.example"), broken("d0.example"))
        seen = await nights(w, 28, reminders=False)
    # Sent on day 0; five nights later it breaks again, and thirty days must have passed since.
    assert [night for night, _ in seen] == [25]


async def test_a_domain_that_flaps_is_never_written_about(tmp_path: Path) -> None:
    async with world(tmp_path, "") as w:
        await one(w, mended("d0.example"))
        for night in range(12):
            if night % 2:
                w.zone_text = w.zone_text.replace(broken("d0.example"), mended("d0.example"))
            else:
                w.zone_text = w.zone_text.replace(mended("d0.example"), broken("d0.example"))
            assert await nights(w, 1) == []
            assert w.sent == []


async def test_several_plans_in_one_night_are_one_sighting(tmp_path: Path) -> None:
    async with world(tmp_path, "") as w:
        await one(w, mended("d0.example"))
        w.zone_text = w.zone_text.replace(mended("d0.example"), broken("d0.example"))
        assert await nights(w, 8, every=2.0) == []
        async with w.notifier() as notifier:
            plan = await notifier.show()
            assert plan.reasons == {Reason.NOT_YET_CONFIRMED: 1}
            assert "hours; 2 runs 20 hours apart are needed" in plan.rows[0].detail
