"""What is usual in a workspace: dead domains that stay dead, a resolver that fails, a handful that breaks at once."""

from __future__ import annotations

from pathlib import Path

from tests.notify.world import SHARED, World, broken, mended, resumed, world

DEAD = [f"dead{number}.example" for number in range(12)]
FINE = [f"fine{number}.example" for number in range(60)]
LATE = [f"late{number}.example" for number in range(10)]
ZONE = "\n".join([broken("d0.example"), mended(*FINE, *LATE), *(f"{name} TXT TIMEOUT" for name in DEAD)])


def invite(w: World, *names: str) -> None:
    for name in names:
        w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)


async def test_a_permanent_share_of_dead_domains_does_not_hold_every_night(tmp_path: Path) -> None:
    async with world(tmp_path, "\n".join([broken("d0.example"), mended(*FINE, *LATE, *DEAD)])) as w:
        invite(w, "d0.example", *FINE, *LATE, *DEAD)
        for _ in range(3):
            await w.baseline()
        w.zone_text = SHARED + ZONE
        async with w.notifier() as notifier:
            plan = await notifier.plan()
            assert [brake.sentence for brake in plan.tripped] == [
                "12 of 83 domains had no DNS answer (usually 0.0%); 4.15 may."
            ]
            await resumed(notifier, "twelve customers let their domains lapse")
            await notifier.approve(plan.id, who="mira", reason="checked by hand")
        for _ in range(3):
            w.clock.later(24)
            async with w.notifier() as notifier:
                run = await notifier.run()
                assert run.refused == ""
        for name in LATE:
            w.zone_text = w.zone_text.replace(f'{name} TXT "v=spf1', f'{name} TXT TIMEOUT\nx{name} TXT "v=spf1')
        w.clock.later(24)
        async with w.notifier() as notifier:
            refused = (await notifier.run()).refused
        assert "dns-failures: 22 of 83 domains had no DNS answer (usually 14.5%); 16.15 may." in refused


async def test_a_handful_that_breaks_at_once_is_a_reason_to_look(tmp_path: Path) -> None:
    names = [f"d{number}.example" for number in range(5)]
    async with world(tmp_path, mended(*names)) as w:
        invite(w, *names)
        await w.baseline()
        w.zone_text = w.zone_text.replace(mended(*names), broken(*names))
        async with w.notifier(newly_broken_floor=5, small_floor=5) as notifier:
            assert "newly-broken: 5 of 5 domains known to the baseline broke since" in (await notifier.run()).refused
            w.clock.later(24)
            assert (await notifier.run()).refused
        assert w.sent == []
