"""Reports and keys in the database: written behind, found again, pruned, and never worth more than a permalink."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from structlog.testing import capture_logs

from spfcheck.api.reports import stored
from spfcheck.api.reports.entries import Entry, Shelf, entry_of, entry_of_document
from spfcheck.api.reports.stored import StoredReports, prune, upgrade
from spfcheck.audit.report.model import as_json
from spfcheck.audit.report.serialise import json_bytes
from spfcheck.demo import customers
from spfcheck.store.database import open_engine
from tests import postgres
from tests.api.running import ZONE, running, settings_of, until
from tests.web.test_pages import a_report


@pytest.fixture(scope="module")
def server() -> Iterator[str | None]:
    with postgres.running() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, server: str | None, tmp_path: Path) -> Iterator[Engine]:
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/x.sqlite3"
        if request.param == "postgresql":
            if server is None:
                pytest.skip("POSTGRES IS NOT INSTALLED: keeping reports in it was not tested")
            url = stack.enter_context(postgres.database(server))
        made = open_engine(url)
        upgrade(made)
        upgrade(made)
        yield made
        made.dispose()


async def entries(number: int) -> list[Entry]:
    report = await a_report(ZONE, "broken.example")
    return [entry_of(replace(report, report_id=f"r{n}", checked_at=1e9 + n)) for n in range(number)]


async def test_what_is_kept_is_found_byte_for_byte(engine: Engine) -> None:
    reports = StoredReports(engine)
    made = await entries(1_200)
    for entry in made:
        reports.keep(entry)
    assert await reports.find("r0") == made[0]  # even before it is written
    await reports.close()
    again = StoredReports(engine)
    for number in (0, 600, 1_199):
        assert await again.find(f"r{number}") == made[number]
    assert await again.find("r1200") is None
    await again.close()


async def test_a_report_that_is_completed_later_takes_its_own_place(engine: Engine) -> None:
    alone = entry_of(await a_report(ZONE, "broken.example"))
    whole = entry_of(await a_report(ZONE, "broken.example", opinion=True))
    assert (alone.report_id, alone.gist) == (whole.report_id, whole.gist)
    assert (alone.whole, whole.whole) == (False, True)
    reports = StoredReports(engine)
    reports.keep(alone)
    assert reports._writing is not None
    await reports._writing
    reports.keep(whole)
    assert await reports.find(whole.report_id) == whole
    await reports.close()
    again = StoredReports(engine)
    assert await again.find(whole.report_id) == whole
    assert await again.history("broken.example", 10) == [whole]
    again.keep(alone)
    await asyncio.sleep(0)  # its writing begins
    again.keep(whole)
    await again.close()
    last = StoredReports(engine)
    assert await last.find(whole.report_id) == whole, "the one that came while the other was written"
    await last.close()


async def test_history_has_an_entry_for_each_change(engine: Engine) -> None:
    reports = StoredReports(engine)
    broken = await a_report(ZONE, "broken.example")
    fine = await a_report(ZONE.replace("~al", "~all"), "broken.example")
    unknown = await a_report(
        ZONE.replace('broken.example       TXT  "v=spf1', "broken.example TXT TIMEOUT ;"), "broken.example"
    )
    assert (broken.status, fine.status, unknown.status) == ("action_needed", "ok", "unknown")
    for number, report in enumerate([broken, broken, unknown, broken, fine, fine]):
        reports.keep(entry_of(replace(report, report_id=f"r{number}", checked_at=1e9 + number)))
    reports.keep(entry_of(replace(broken, report_id="tried", checked_at=1e9 + 9, hypothetical=True)))
    if reports._writing is not None:
        await reports._writing
    found = await reports.history("broken.example", 10)
    assert [entry.report_id for entry in found] == ["r4", "r0"]
    await reports.close()


async def test_old_reports_are_pruned(engine: Engine) -> None:
    reports = StoredReports(engine)
    for entry in await entries(10):
        reports.keep(entry)
    await reports.close()
    assert prune(engine, 1e9 + 90 * 86_400 + 5, 90) == 5
    again = StoredReports(engine)
    assert await again.find("r4") is None
    assert await again.find("r5") is not None
    await again.close()


async def test_a_report_outlives_the_process(engine: Engine) -> None:
    first = StoredReports(engine)
    async with running(settings_of(), keeper=first) as client, client.get("/v1/check/broken.example") as answer:
        report = await answer.json()
    await first.close()
    second = StoredReports(engine)
    async with running(settings_of(), keeper=second) as client:
        async with client.get(f"/v1/reports/{report['report_id']}") as answer:
            assert await answer.json() == report
        async with client.get(f"/reports/{report['report_id']}") as answer:
            assert report["headline"] in await answer.text()
    await second.close()


async def test_a_database_that_fails_costs_permalinks_and_no_checks(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE reports")
    reports = StoredReports(engine)
    async with running(settings_of(), keeper=reports) as client:
        async with client.get("/v1/check/broken.example") as answer:
            assert answer.status == 200
        async with client.get("/domains/broken.example") as answer:
            assert answer.status == 200
        async with client.get("/v1/reports/elsewhere") as answer:
            assert answer.status == 503
            assert "database" in (await answer.json())["detail"]
            assert answer.headers["Retry-After"] == "5"
    await reports.close()


async def test_what_a_database_that_fails_costs_is_counted_and_told_once(engine: Engine) -> None:
    made = await entries(3)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE reports")
    with capture_logs() as told:
        reports = StoredReports(engine)
        for entry in made:
            reports.keep(entry)
            await until(lambda: not reports._waiting)
        assert await reports.history("broken.example", 5) == ()
        assert await reports.history("broken.example", 5) == ()
        await reports.close()
    assert reports.lost == 3
    assert [line["event"] for line in told] == ["reports could not be kept", "reports cannot be read"]
    async with running(settings_of(), keeper=reports) as client, client.get("/metrics") as answer:
        assert "spfcheck_lost_reports_total 3.0" in await answer.text()


async def test_a_disk_that_is_too_slow_costs_what_does_not_fit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "WAITING", 2)
    reports = StoredReports(engine)
    for entry in await entries(3):
        reports.keep(entry)
    assert reports.lost == 1
    await reports.close()


def test_the_newest_migration_is_the_one_that_is_expected() -> None:
    folder = Path(stored.__file__).parents[1] / "migrations" / "versions"
    assert max(path.stem[1:5] for path in folder.glob("v*.py")) == stored.HEAD


async def test_the_shelf_keeps_within_its_bound() -> None:
    made = await entries(500)
    size = len(made[0].full) + len(made[0].summary) + 1_000
    shelf = Shelf(size * 10)
    for number, entry in enumerate(made):
        shelf.put(replace(entry, domain=f"d{number}.example"))
    assert len(shelf) <= 11
    assert shelf.get("d499.example") is not None
    assert shelf.get("d0.example") is None
    assert shelf.by_id("r0") is None


async def test_the_short_way_to_bytes_says_the_same_and_the_same_again_from_storage() -> None:
    cast = customers.load()
    for customer in cast.customers:
        report = await a_report(cast.zone, customer.domain, opinion=True)
        entry = entry_of(report)
        assert entry.full == json_bytes(as_json(report))
        assert entry_of_document(entry.full) == entry


async def test_the_shelf_serves_a_report_completed_in_the_place_of_itself() -> None:
    first, second = await entries(2)
    shelf = Shelf(1_000_000)
    shelf.put(first)
    shelf.put(second)
    longer = replace(first, full=first.full + b" " * 500)
    shelf.complete(longer)
    assert shelf.by_id("r0") == longer
    assert shelf.get("broken.example") == second, "a newer report of the domain stays"
    shelf.complete(replace(second, whole=True))
    assert shelf.get("broken.example") == replace(second, whole=True)
    shelf.complete(replace(first, report_id="gone"))
    assert shelf.by_id("gone") is None
    assert shelf._held == sum(len(one.full) + len(one.summary) + 1_000 for one in (longer, second))
