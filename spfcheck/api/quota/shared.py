"""Ceilings that hold over all processes and machines: one row a caller in Postgres, on the database's clock.

A spend is one statement. Where the database does not answer within `ANSWER_SECONDS`, the process's own bucket decides:
a check more than agreed costs little, a service that waits for its counter costs the caller.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from spfcheck.api.quota.gcra import Grant, Quotas, Rate, decide
from spfcheck.api.reports.tables import quotas

ANSWER_SECONDS = 0.25
"""How long a spend may take; it takes about a millisecond on a network that is well."""

REST_SECONDS = 5.0
"""After a failure nobody asks the database for so long, and then one does."""

CONNECTIONS = 4
"""Spends under way at once for one process; each is over within a round trip."""

KEPT_SECONDS = 86_400.0
"""A bucket that was not used for so long is full by any rate, and its row is deleted by `db prune`."""

NAME = "spfcheck ceilings"
"""What the connections are called in pg_stat_activity."""

# Everything is in terms of what the row holds at the instant when it is locked. The clock is read once, before that, so
# whoever waited for the lock decides by a slightly earlier time, which can only grant less. A caller whose row lies
# further ahead than a whole quota met a clock that has gone back; see `quota.spend`.
_ROOM = """floor((:seconds - CASE WHEN q.arrival - excluded.changed_at > :seconds + 1 THEN 0
        ELSE greatest(q.arrival - excluded.changed_at, 0) END) / :interval + 1e-5)::int"""
_BASE = """CASE WHEN q.arrival - excluded.changed_at > :seconds + 1 THEN excluded.changed_at
        ELSE greatest(q.arrival, excluded.changed_at) END"""
_SPEND = sa.text(f"""
WITH clock AS (SELECT extract(epoch FROM clock_timestamp())::double precision AS now),
spent AS (
    INSERT INTO quotas AS q (bucket, arrival, granted, changed_at)
    SELECT :bucket, clock.now + :interval * :most, :most, clock.now FROM clock
    ON CONFLICT (bucket) DO UPDATE SET
        granted = least(:wanted, {_ROOM}),
        arrival = {_BASE} + :interval * least(:wanted, {_ROOM}),
        changed_at = excluded.changed_at
    WHERE {_ROOM} >= 1
    RETURNING arrival, granted
)
SELECT clock.now, coalesce(spent.granted, 0) AS granted, coalesce(spent.arrival, q.arrival) AS arrival
FROM clock LEFT JOIN spent ON true LEFT JOIN quotas AS q ON q.bucket = :bucket
""").bindparams(  # noqa: S608 - made of constants
    sa.bindparam("bucket", type_=sa.String),
    sa.bindparam("interval", type_=sa.Double),
    sa.bindparam("seconds", type_=sa.Double),
    sa.bindparam("wanted", type_=sa.Integer),
    sa.bindparam("most", type_=sa.Integer),
)


def spend(engine: Engine, bucket: str, rate: Rate, wanted: int) -> Grant:
    """Spend up to *wanted* events of *bucket* by one statement. Raises `sqlalchemy.exc.SQLAlchemyError`."""
    values = {
        "bucket": bucket, "interval": rate.interval, "seconds": rate.seconds, "wanted": wanted,
        "most": min(wanted, rate.count),
    }  # fmt: skip
    with engine.begin() as connection:
        row = connection.execute(_SPEND, values).one()
    if row.arrival is None:  # another process made the row between our snapshot and our insert, and took it all
        return decide(rate, rate.seconds, 0)
    return decide(rate, max(row.arrival - row.now, 0.0), row.granted)


def prune(engine: Engine, now: float) -> int:
    """Delete the buckets that nobody used for a day; how many."""
    with engine.begin() as connection:
        return connection.execute(sa.delete(quotas).where(quotas.c.changed_at < now - KEPT_SECONDS)).rowcount


class QuotaTable:
    """The connections by which a process spends, apart from those of reports: neither waits for the other."""

    def __init__(self, engine: Engine) -> None:
        # No statement of ours waits for the server longer than we wait for it; a dead peer is noticed by the kernel.
        self._engine = sa.create_engine(
            engine.url, pool_size=CONNECTIONS, max_overflow=0, isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": 2, "tcp_user_timeout": 2_000, "application_name": NAME},
        )  # fmt: skip
        sa.event.listen(self._engine, "connect", _bound_statements)
        self._threads = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="ceilings")

    async def spend(self, bucket: str, rate: Rate, wanted: int) -> Grant:
        """Spend up to *wanted* events of *bucket*. Raises `TimeoutError` or `SQLAlchemyError`, and soon."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, spend, self._engine, bucket, rate, wanted)
        return await asyncio.wait_for(work, ANSWER_SECONDS)

    def close(self) -> None:
        """Give the connections back, unless the database holds on to one of them for more than a second."""
        ending = threading.Thread(target=self._end, daemon=True)
        ending.start()
        ending.join(1.0)

    def _end(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._engine.dispose()


def _bound_statements(connection: Any, record: object) -> None:
    del record
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {int(ANSWER_SECONDS * 1000)}")
    connection.commit()


class SharedQuotas:
    """A `Ceiling` over all processes that use *table*, with *local* as its stand-in and its memory.

    *kind* tells the buckets of one ceiling from those of another. *on_local* is called for each spend that the process
    had to decide by itself.
    """

    def __init__(
        self,
        table: QuotaTable,
        kind: str,
        local: Quotas,
        clock: Callable[[], float],
        on_local: Callable[[], None] = lambda: None,
    ) -> None:
        self._table = table
        self._kind = kind
        self._local = local
        self._clock = clock
        self._on_local = on_local
        self._refused: dict[str, float] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[Grant]] = {}
        self._resting_until = 0.0
        self._well = True
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    @property
    def rate(self) -> Rate:
        """What each caller may spend."""
        return self._local.rate

    async def spend(self, caller: str, wanted: int = 1, *, subject: str = "") -> Grant:
        """Spend up to *wanted* events of *caller*; those who name the same *subject* meanwhile spend together."""
        known = self._known(caller)
        if known is not None:
            return known
        if not subject:
            return await self._spend(caller, wanted)
        key = (caller, subject)
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._spend(caller, wanted))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    def _known(self, caller: str) -> Grant | None:
        """The refusal that can be told without asking: a caller who is refused again and again costs no statement."""
        own = self._local.look(caller)
        if not own.allowed:  # what this process alone has let through is all that there is
            return own
        left = self._refused.get(caller, 0.0) - self._clock()
        # A refusal is over within a whole quota's time; a clock that has gone back must not prolong it.
        if 0.0 < left <= self.rate.seconds:
            return Grant(0, 0, retry_after=left, reset=self.rate.seconds)
        self._refused.pop(caller, None)
        return None

    async def _spend(self, caller: str, wanted: int) -> Grant:
        if self._clock() < self._resting_until <= self._clock() + REST_SECONDS:
            return self._alone(caller, wanted)
        if not self._well:
            # One asks whether the database is back; the others do not wait for what it hears.
            self._resting_until = self._clock() + REST_SECONDS
        try:
            decision = await self._table.spend(f"{self._kind}:{caller}", self.rate, wanted)
        except (TimeoutError, sa.exc.SQLAlchemyError) as error:
            self._failed(error)
            return self._alone(caller, wanted)
        self._answered()
        if decision.allowed:
            self._local.take(caller, decision.granted)
        else:
            self._refused[caller] = self._clock() + decision.retry_after
        return decision

    def _alone(self, caller: str, wanted: int) -> Grant:
        self._on_local()
        return self._local.take(caller, wanted)

    def _failed(self, error: Exception) -> None:
        self._resting_until = self._clock() + REST_SECONDS
        if self._well:
            self._well = False
            cause = getattr(error, "orig", None) or error
            self._log.error("ceilings are local", kind=self._kind, error=f"{type(cause).__name__}: {cause}".strip(": "))

    def _answered(self) -> None:
        self._resting_until = 0.0
        if not self._well:
            self._well = True
            self._log.info("ceilings are shared again", kind=self._kind)
