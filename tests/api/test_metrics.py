"""What a monitor reads: the service's counts, and the notifier's from its ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from spfcheck.api.gauges import LedgerGauges
from spfcheck.notify import database
from spfcheck.notify.stops import Stops
from tests.api.running import Client, running, settings_of


async def samples(client: Client) -> dict[tuple[str, str], float]:
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    return {
        (sample.name, sample.labels.get("state", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def settings_in(folder: Path) -> Any:
    return settings_of(
        database_url=f"sqlite:///{folder}/l.sqlite3",
        intercom={"workspace": "w1"},
        notify={"pause_file": str(folder / "pause")},
    )


async def test_the_notifiers_gauges_stand_beside_the_services_own(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    engine = database.open_engine(settings.database_url)
    try:
        async with running(settings, ledger=LedgerGauges(settings, engine)) as client:
            before = await samples(client)
            assert ("spfcheck_reports_at_hand", "") in before
            assert not [name for name, _ in before if name.startswith("spfcheck_notify")]
            database.upgrade(engine)
            assert (await samples(client))["spfcheck_notify_paused", ""] == 0
            Stops(engine, "w1", tmp_path / "pause").pause("a look", who="mira", now=1.0)
            after = await samples(client)
            assert after["spfcheck_notify_paused", ""] == 1
            assert after["spfcheck_notify_letters", "sent"] == 0
    finally:
        engine.dispose()


async def test_a_ledger_that_cannot_be_read_hides_no_other_count(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (tmp_path / "l.sqlite3").write_bytes(b"this is no database" * 100)
    engine = sa.create_engine(settings.database_url)
    try:
        async with running(settings, ledger=LedgerGauges(settings, engine)) as client:
            assert ("spfcheck_ready", "") in await samples(client)
    finally:
        engine.dispose()
