"""The database of the ledger: how it is opened, migrated, and written to by one thread only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from spfcheck.store.error import StoreError

P = ParamSpec("P")
T = TypeVar("T")

Store = Engine | Connection
"""Where rows are kept: an engine, for a transaction a method, or a transaction that the caller has begun."""

BUSY_MS = 30_000
"""How long SQLite waits for another process's write: a migration of a large ledger takes seconds."""

MIGRATING = 0x5350_4643
"""The advisory lock of whoever migrates; any number does that nobody else uses in this database."""

WORKERS = "spfcheck workers"
"""What sessions are called that must not hold others by their locks while they stand still."""

CONNECT_SECONDS = 10
"""How long a server that does not answer at all is waited for."""


def open_engine(url: str, *, idle_seconds: float = 0.0) -> Engine:
    """The engine for *url*; raises `StoreError` when the database cannot be opened.

    Postgres ends a session that stands still in the middle of a transaction for *idle_seconds* (0: never); such
    sessions are named `WORKERS`.

    SQLite runs in WAL mode with ``synchronous=FULL``: with NORMAL a power cut may take back the last commits, and a
    claim that is taken back is a message sent twice.
    """
    try:
        if url.startswith("sqlite"):
            engine = sa.create_engine(url)
        else:
            engine = sa.create_engine(
                _with_driver(url), pool_pre_ping=True, connect_args=connect_arguments(url, idle_seconds)
            )
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _prepare_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(f"The database {_shown(url)} cannot be opened: {in_sentences(cause)}") from error
    return engine


def connect_arguments(url: str, idle_seconds: float = 0.0, options: str = "") -> dict[str, Any]:
    """What is passed to the driver of *url* beside it."""
    arguments: dict[str, Any] = {}
    if url.startswith("postgresql"):
        if "connect_timeout" not in url:
            arguments["connect_timeout"] = CONNECT_SECONDS
        if idle_seconds:
            options += f" -c idle_in_transaction_session_timeout={round(idle_seconds * 1000)}"
            arguments["application_name"] = WORKERS
        if options:
            arguments["options"] = options.strip()
    return arguments


def in_sentences(error: BaseException) -> str:
    """What a driver says, on one line: its lines become sentences, and one that ends as a sentence keeps its end."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line if line.endswith((".", "?", "!", ":")) else f"{line}." for line in lines if line)


def _with_driver(url: str) -> str:
    return "postgresql+psycopg://" + url.removeprefix("postgresql://") if url.startswith("postgresql://") else url


def _shown(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "that DATABASE_URL names"


def _prepare_sqlite(connection: Any, record: object) -> None:
    del record
    # The driver's own transactions begin deferred and turn into writes too late; we begin them ourselves.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads first and writes later would fail when another process wrote in between.
    readonly = connection.get_execution_options().get("readonly", False)
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """A transaction that sees one state and writes nothing; the caller's own, where one is handed in."""
    if isinstance(store, Connection):
        yield store
        return
    with store.connect().execution_options(readonly=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """A transaction that is committed at the end of the block; the caller's own, which the caller ends."""
    if isinstance(store, Connection):
        yield store
        return
    with store.begin() as connection:
        yield connection


def migrate(engine: Engine, scripts: Path, whose: str) -> None:
    """Run the migrations in the folder *scripts* on the tables of *whose*; raises `StoreError` when that fails."""
    from alembic import command  # noqa: PLC0415 - 0.3 s that no start needs whose tables are current
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(scripts))
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                # Processes that start together: the second waits here, and finds the work done.
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"The tables of the {whose} cannot be brought up to date: {in_sentences(error)}") from error


class WriterThread:
    """The one thread that talks to the database, so that the event loop never waits for a disk."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run *work* there. A cancelled caller does not stop it: what was begun is committed or rolled back.

        Raises `StoreError` for a database that fails meanwhile (a full disk, a lost connection).
        """
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.shield(loop.run_in_executor(self._pool, lambda: work(*args, **kwargs)))
        except sa.exc.SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise StoreError(f"The ledger's database failed: {in_sentences(cause)}") from error

    def close(self) -> None:
        """Finish what was begun, then end the thread."""
        self._pool.shutdown(wait=True)


class PatientThread(WriterThread):
    """The same thread for a process that outlives its database: what fails for a lost connection is done again.

    Only for work that may be repeated: a commit whose answer was lost is repeated too. Once *stop* is set it waits no
    more.
    """

    LONGEST_PAUSE = 10.0

    def __init__(self, stop: asyncio.Event, lost: Callable[[str], None]) -> None:
        super().__init__()
        self._stop = stop
        self._lost = lost

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run *work* there until the database has an answer."""
        pause = 0.25
        while True:
            try:
                return await super().__call__(work, *args, **kwargs)
            except StoreError as error:
                if self._stop.is_set() or not passes(error):
                    raise
                self._lost(str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(pause * 2, self.LONGEST_PAUSE)


def passes(error: Exception) -> bool:
    """True for a fault of the moment: a server that restarts, a connection that broke, a deadlock."""
    cause = error.__cause__
    return isinstance(cause, sa.exc.OperationalError | sa.exc.InterfaceError) or (
        isinstance(cause, sa.exc.DBAPIError) and cause.connection_invalidated
    )
