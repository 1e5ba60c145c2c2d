"""What a monitor reads: the service's counts, and the notifier's from its ledger."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from spfcheck.api.observe import fleet
from spfcheck.api.observe.fleet import SILENT_SECONDS, Fleet
from spfcheck.api.observe.gauges import LedgerGauges
from spfcheck.api.observe.metrics import Metrics, Now
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.stops import Stops
from spfcheck.processes import CutBy
from spfcheck.store import database
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
            migration.upgrade(engine)
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


def counted(requests: int, *, flights: int = 0, ready: bool = True) -> Metrics:
    made = Metrics(CollectorRegistry())
    for number in range(requests):
        made.answered("/healthz", 200, 0.002 * number)
    made.answers["fresh", "ok"] += requests
    made.refusals["busy"] += 1
    made.disagreements = made.local_spends = 2
    made.now = Now(flights=flights, shelf=10, ready=ready)
    return made


def test_what_processes_count_is_added_and_what_is_holds_for_those_that_run(tmp_path: Path) -> None:
    now = [1_000.0]
    fleet.begin(tmp_path)
    one, two, three = (Fleet(tmp_path, lambda: now[0]) for _ in range(3))
    two.tell(counted(5, flights=3, ready=False))
    three.tell(counted(7, flights=4))
    whole = one.whole(counted(2, flights=1))
    told = {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(whole.text().decode())
        for sample in family.samples
    }
    assert told["spfcheck_requests_total", ""] == told["spfcheck_request_seconds_count", ""] == 14
    assert told["spfcheck_request_seconds_bucket", "0.001"] == 3
    assert told["spfcheck_request_seconds_bucket", "+Inf"] == 14
    assert round(told["spfcheck_request_seconds_sum", ""], 6) == round(0.002 * (1 + 10 + 21), 6)
    assert told["spfcheck_answers_total", ""] == 14
    assert told["spfcheck_refusals_total", ""] == 3
    assert told["spfcheck_opinion_disagreements_total", ""] == told["spfcheck_local_quota_decisions_total", ""] == 6
    assert whole.now == Now(flights=8, shelf=30, ready=False)

    now[0] += SILENT_SECONDS + 1
    two.tell(counted(6), last=True)
    three.tell(counted(8, flights=2))
    whole = one.whole(counted(2, flights=1))
    assert (whole.requests["/healthz", 200], whole.now) == (16, Now(flights=3, shelf=20, ready=True))
    now[0] += SILENT_SECONDS + 1
    assert one.whole(counted(2, flights=1)).now == Now(flights=1, shelf=10, ready=True)


def test_nothing_is_counted_twice_or_not_at_all_while_processes_end(tmp_path: Path) -> None:
    fleet.begin(tmp_path)
    reader, many = Fleet(tmp_path), 150
    for pid in range(1, many + 1):
        metrics = counted(1)
        Fleet(tmp_path).tell(metrics)
        (written,) = [path for path in tmp_path.glob("*-*.json") if not path.name.endswith("-x.json")]
        written.rename(tmp_path / f"9{pid:06d}-x.json")
    burying = threading.Thread(target=lambda: [fleet.bury(tmp_path, 9_000_000 + pid) for pid in range(1, many + 1)])
    burying.start()
    seen = [reader.whole(Metrics(CollectorRegistry())).requests["/healthz", 200]]
    while burying.is_alive():
        seen.append(reader.whole(Metrics(CollectorRegistry())).requests["/healthz", 200])
    burying.join()
    assert set(seen) == {many}
    assert len(seen) > 5
    assert [path.name for path in tmp_path.iterdir()] == ["ended.json"]
    assert reader.whole(counted(1)).requests["/healthz", 200] == many + 1


async def test_counts_that_cannot_be_read_hide_no_own_ones(tmp_path: Path) -> None:
    fleet.begin(tmp_path)
    (tmp_path / "1-x.json").write_text("{")
    async with running(fleet=Fleet(tmp_path)) as client:
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        assert (await samples(client))["spfcheck_requests_total", ""] >= 1


async def test_whether_it_is_ready_is_known_before_anybody_asks() -> None:
    async with running() as client:
        ends = time.monotonic() + 5
        while not (await samples(client))["spfcheck_ready", ""]:
            assert time.monotonic() < ends
            await asyncio.sleep(0.05)


def test_every_count_and_setting_of_the_service_is_explained() -> None:
    """In words of their own: `docs/operations.md` has the counts, `docs/settings.md` the settings."""
    explained = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    families = [family.name for family in Metrics(CollectorRegistry()).collect()]
    assert len(families) > 10
    assert [name for name in families if f"`{name}" not in explained] == []
    assert [str(why) for why in CutBy if f"`{why}`" not in explained] == []
