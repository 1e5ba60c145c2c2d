"""What a monitor sees of the notifier."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from spfcheck.notify.metrics import exposition
from tests.notify.sending.test_send import FIVE, prepared
from tests.notify.world import broken, world


async def test_the_gauges_say_what_the_ledger_says(tmp_path: Path) -> None:
    async with world(tmp_path, broken(*FIVE)) as w:
        plan = await prepared(w, FIVE)
        async with w.notifier() as notifier:
            await notifier.send(plan.id)
            await notifier.pause("a look at it", who="mira")
            text = exposition(await notifier.status()).decode()
    found = {
        (sample.name, sample.labels.get("state", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["spfcheck_notify_letters", "sent"] == 5
    assert found["spfcheck_notify_letters", "unclear"] == 0
    assert found["spfcheck_notify_open_episodes", ""] == 5
    assert found["spfcheck_notify_paused", ""] == 1
    assert found["spfcheck_notify_brakes", ""] == 0
    assert found["spfcheck_notify_last_success_timestamp_seconds", ""] >= plan.created_at
