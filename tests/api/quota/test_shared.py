"""Ceilings over all processes: the statement on a real Postgres, its stand-in when that fails, blocks for batches."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.api.context import SERVICE
from spfcheck.api.quota import leases, shared
from spfcheck.api.quota.gcra import Grant, Quotas, Rate, spend
from spfcheck.api.quota.leases import Leases
from spfcheck.api.quota.shared import QuotaTable, SharedQuotas
from spfcheck.api.reports import stored
from spfcheck.store.database import open_engine
from spfcheck.store.error import StoreError
from tests import postgres
from tests.api.observe.test_metrics import samples
from tests.api.running import SlowLookup, make_keys, running, settings_of


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.running() as address:
        if address is None:
            pytest.skip("POSTGRES IS NOT INSTALLED: shared ceilings were not tested")
        yield address


@pytest.fixture
def engine(server: str) -> Iterator[Engine]:
    with postgres.database(server) as url:
        made = open_engine(url)
        stored.upgrade(made)
        yield made
        made.dispose()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than the quarter of a second that production grants."""
    monkeypatch.setattr(shared, "ANSWER_SECONDS", 10.0)


@pytest.fixture
def table(engine: Engine) -> Iterator[QuotaTable]:
    made = QuotaTable(engine)
    yield made
    made.close()


MINUTE = Rate(7, 60.0)


def test_the_bucket_yields_all_at_once_and_then_says_when_to_come_again(engine: Engine) -> None:
    granted = [shared.spend(engine, "a", MINUTE, 1) for _ in range(8)]
    assert [decision.granted for decision in granted] == [1] * 7 + [0]
    assert [decision.remaining for decision in granted] == [6, 5, 4, 3, 2, 1, 0, 0]
    assert granted[7].retry_after == pytest.approx(60 / 7, abs=1)
    assert granted[7].reset == pytest.approx(60, abs=1)
    blocks = [shared.spend(engine, "b", MINUTE, 5).granted for _ in range(3)]
    assert blocks == [5, 2, 0]
    assert shared.spend(engine, "c", MINUTE, 100).granted == 7


def test_the_statement_decides_as_the_pure_function_does(engine: Engine) -> None:
    """Whatever stands in the row: empty, full, in between, and written by a clock that has gone back."""
    for ahead in (-1e6, -1.0, 0.0, 0.5, 8.4, 30.0, 51.3, 51.6, 59.0, 60.0, 60.9, 62.0, 1e6):
        for wanted in (1, 3, 7, 50):
            with engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM quotas")
                connection.execute(
                    sa.text("INSERT INTO quotas VALUES ('x', extract(epoch FROM clock_timestamp()) + :ahead, 1, 0)"),
                    {"ahead": ahead},
                )
            found = shared.spend(engine, "x", MINUTE, wanted)
            expected, _ = spend(MINUTE, 1e9 + ahead, 1e9, wanted)
            assert (found.granted, found.remaining) == (expected.granted, expected.remaining), (ahead, wanted)
            assert found.retry_after == pytest.approx(expected.retry_after, abs=0.5)
            if ahead <= 61:
                assert found.reset == pytest.approx(expected.reset, abs=0.5)


def test_many_at_once_never_get_more_than_there_is(engine: Engine) -> None:
    rate = Rate(100, 3_600.0)
    other = open_engine(engine.url.render_as_string(hide_password=False))
    with ThreadPoolExecutor(16) as threads:
        work = [threads.submit(shared.spend, (engine, other)[n % 2], "x", rate, 1 + n % 3) for n in range(300)]
        total = sum(done.result().granted for done in work)
    other.dispose()
    assert total == 100


def test_buckets_that_nobody_used_for_a_day_are_pruned(engine: Engine) -> None:
    for bucket in ("old", "new"):
        shared.spend(engine, bucket, MINUTE, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE quotas SET changed_at = changed_at - 86500 WHERE bucket = 'old'")
    assert shared.prune(engine, time.time()) == 1
    assert shared.spend(engine, "new", MINUTE, 7).granted == 6


@asynccontextmanager
async def sharing(engine: Engine, rate: Rate = MINUTE) -> AsyncIterator[tuple[SharedQuotas, list[float], list[str]]]:
    """A process's ceiling, its clock, and a list that grows by each decision that it made alone."""
    table = QuotaTable(engine)
    now, alone = [1e9], list[str]()
    try:
        yield (
            SharedQuotas(table, "check", Quotas(rate, lambda: now[0]), lambda: now[0], lambda: alone.append("")),
            now,
            alone,
        )
    finally:
        table.close()


async def test_two_processes_spend_from_one_bucket(engine: Engine) -> None:
    async with sharing(engine) as (one, now, alone_1), sharing(engine) as (two, _, alone_2):
        granted = [(await ceiling.spend("key")).granted for ceiling in (one, two) * 5]
        assert granted == [1] * 7 + [0] * 3
        assert (await one.spend("other key")).allowed
        # The refusal is remembered, so that a caller who hammers costs the database nothing.
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM quotas")
        assert not (await two.spend("key")).allowed
        now[0] += 60
        assert (await one.spend("key")).allowed
        assert (alone_1, alone_2) == ([], [])


async def test_a_database_that_stands_still_is_asked_once_in_five_seconds(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    honest = QuotaTable.spend

    async def counted(self: QuotaTable, bucket: str, rate: Rate, wanted: int) -> Grant:
        asked.append(bucket)
        return await honest(self, bucket, rate, wanted)

    monkeypatch.setattr(QuotaTable, "spend", counted)
    async with sharing(engine) as (ceiling, now, alone):
        assert (await ceiling.spend("key")).remaining == 6
        with engine.connect() as connection:
            name = {"name": shared.NAME}
            query = sa.text(
                "SELECT pid FROM pg_stat_activity WHERE application_name = :name AND datname = current_database()"
            )
            pids = list(connection.scalars(query, name))
        assert pids
        monkeypatch.setattr(shared, "ANSWER_SECONDS", 0.01)
        asked.clear()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            # It stands still until the end of this block, so whatever is decided in here was not waited for.
            assert (await ceiling.spend("key")).remaining == 5
            granted = [(await ceiling.spend("key")).granted for _ in range(6)]
            assert asked == ["check:key"], "only one in five seconds asks a database that did not answer"
            assert granted == [1] * 5 + [0], "the process's own bucket holds, with what was spent before"
            assert len(alone) == 6
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        now[0] += 6
        monkeypatch.setattr(shared, "ANSWER_SECONDS", 10.0)
        assert (await ceiling.spend("another")).allowed
        assert len(alone) == 6


async def test_a_page_does_not_wait_for_a_database_that_stands_still(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "READ_SECONDS", 0.05)
    reports = stored.StoredReports(engine)
    async with running(settings_of(), keeper=reports) as client:
        with engine.connect() as connection:
            # Held until the end of this block, so whatever is answered in here was not waited for.
            connection.exec_driver_sql("LOCK TABLE reports IN ACCESS EXCLUSIVE MODE")
            for path, status in (("/domains/broken.example", 200), ("/v1/reports/elsewhere", 503)):
                async with client.get(path) as answer:
                    assert answer.status == status
    await reports.close()


async def test_a_connection_that_is_cut_is_made_anew(engine: Engine) -> None:
    async with sharing(engine) as (ceiling, now, alone):
        await ceiling.spend("key")
        with engine.begin() as connection:
            connection.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"),
                {"name": shared.NAME},
            )
        assert (await ceiling.spend("key")).allowed
        assert len(alone) == 1
        now[0] += shared.REST_SECONDS + 1
        assert (await ceiling.spend("key")).allowed
        assert len(alone) == 1


async def test_the_service_counts_what_it_decided_alone_and_goes_on(engine: Engine, table: QuotaTable) -> None:
    keys = make_keys()
    settings = settings_of(api_keys=list(keys.lines), cold_per_minute=3)
    headers = {"Authorization": f"Bearer {keys.check}"}
    async with running(settings, quota_table=table) as client:
        client.session.headers.update(headers)
        async with client.get("/v1/check/d0.example") as answer:
            assert answer.status == 200
            assert answer.headers["RateLimit"].startswith('"checks";r=2;')
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE quotas")
        statuses = []
        for number in range(1, 5):
            async with client.get(f"/v1/check/d{number}.example") as answer:
                statuses.append(answer.status)
        assert statuses == [200, 200, 429, 429]
        async with client.get("/v1/check/d0.example") as answer:
            assert answer.status == 200, "what is at hand asks nobody"
        assert (await samples(client))["spfcheck_local_quota_decisions_total", ""] == 2


async def test_many_who_ask_for_one_new_domain_spend_once(engine: Engine, table: QuotaTable) -> None:
    keys = make_keys()
    lookup = SlowLookup(delay=0.2)
    async with running(settings_of(api_keys=list(keys.lines)), lookup, quota_table=table) as client:
        client.session.headers["Authorization"] = f"Bearer {keys.check}"

        async def ask() -> int:
            async with client.get("/v1/check/fine.example") as answer:
                return int(answer.status)

        assert set(await asyncio.gather(*(ask() for _ in range(100)))) == {200}
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT arrival - changed_at AS ahead FROM quotas")).all()
    assert [round(row.ahead) for row in rows] == [1], "one check of sixty a minute"


async def test_a_block_serves_a_batch_and_lapses() -> None:
    now = [1e9]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    quotas = Quotas(Rate(600, 60.0), lambda: now[0])
    lease = Leases(quotas, lambda: now[0], sleep)
    assert lease.block == 30
    await lease.take("key")
    assert quotas.look("key").remaining == 600 - 30 - 1
    now[0] += leases.LEASE_SECONDS + 1
    for _ in range(31):
        await lease.take("key")
    assert not slept
    for _ in range(1_000):
        await lease.take("key")
    # Full again after the rest; two blocks were taken, of which 29 were left, and ten come back a second.
    assert sum(slept) == pytest.approx((1_000 - 29 - (600 - 60)) / 10, abs=1)
    assert max(slept) <= leases.LONGEST_WAIT


async def test_a_batch_waits_for_its_ceiling_and_refuses_nothing(engine: Engine, table: QuotaTable) -> None:
    keys = make_keys()
    settings = settings_of(api_keys=list(keys.lines), batch_per_minute=60)
    now, slept = [time.time()], list[float]()

    def later(seconds: float) -> None:
        with engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE quotas SET arrival = arrival - :by, changed_at = changed_at - :by"), {"by": seconds}
            )

    async def sleep(seconds: float) -> None:
        # Time passes for the process and in the rows of the database, which go by its own clock.
        slept.append(seconds)
        now[0] += seconds
        await asyncio.to_thread(later, seconds)

    async with running(settings, quota_table=table, clock=lambda: now[0]) as client:
        held = client.app[SERVICE].leases
        assert held is not None
        held._sleep = sleep
        client.session.headers["Authorization"] = f"Bearer {keys.check}"
        body = "\n".join(f"n{number}.example" for number in range(63))
        async with client.post("/v1/check/batch", data=body, headers={"Content-Type": "text/plain"}) as answer:
            lines = (await answer.text()).splitlines()
        assert len(lines) == 63
        assert all('"status"' in line for line in lines)
        assert sum(slept) > 1.5, "sixty a minute, and sixty-three were asked for"
        assert max(slept) <= leases.LONGEST_WAIT
        slept.clear()
        async with client.post("/v1/check/batch", data=body, headers={"Content-Type": "text/plain"}) as answer:
            assert len((await answer.text()).splitlines()) == 63
        assert slept == [], "what is at hand is not counted"


def test_processes_that_start_together_make_the_tables_once(server: str) -> None:
    with postgres.database(server) as url:
        engines = [open_engine(url) for _ in range(4)]
        faults: list[Exception] = []

        def begin(engine: Engine) -> None:
            try:
                stored.upgrade(engine)
            except StoreError as error:
                faults.append(error)

        threads = [threading.Thread(target=begin, args=(engine,)) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults
        with engines[0].begin() as connection:
            connection.exec_driver_sql(f"UPDATE {stored.VERSION_TABLE} SET version_num = '9999'")
        stored.upgrade(engines[1])  # tables of a newer version are no fault: an update is under way
        for engine in engines:
            engine.dispose()
