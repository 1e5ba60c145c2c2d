"""The service's share of the database: reports for their permalinks and a domain's history, and access keys.

The tables stand beside the ledger's, with a version of their own. One thread writes; the event loop never waits for a
disk. A report that cannot be kept is a permalink less, never a check less.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from spfcheck.api.keys import Key, parse_line
from spfcheck.api.observe.seldom import Seldom
from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.api.reports.entries import Entry, entry_of_document
from spfcheck.api.reports.tables import TELLING, keys, reports, signed_out
from spfcheck.notify.ledger.prune import PRUNED_AT_ONCE, delete_before
from spfcheck.store.database import WriterThread, migrate, open_engine, reading
from spfcheck.store.error import StoreError

HEAD = "0004"
"""The newest migration; a test holds it to the directory."""

VERSION_TABLE = "alembic_version_service"

WAITING = 10_000
"""Reports that wait to be written; when the disk is that slow, further ones are not kept."""

AT_ONCE = 500
"""Reports in one transaction: each costs a flush of the disk, whatever is in it."""

READ_SECONDS = 2.0
"""How long a reader waits for the database: a look-up takes milliseconds, and a page must not hang on one."""

COMPLETED = ("document",)
"""What the second opinion changes in a report that was kept without it."""

LOOK_BACK = 2_000
"""Reports of a domain in which its history looks for changes: one that is asked for all day must not cost a second."""


def upgrade(engine: Engine) -> None:
    """Bring the service's tables to the newest migration. Raises `StoreError` when that fails.

    Tables of a newer version are left as they are: in a rolling update processes of both versions run, and a migration
    leaves what the version before reads.
    """
    version = _version(engine)
    if version is not None and version >= HEAD:
        return
    migrate(engine, Path(__file__).parents[1] / "migrations", "service")


def _version(engine: Engine) -> str | None:
    if not sa.inspect(engine).has_table(VERSION_TABLE):
        return None
    with reading(engine) as connection:
        version: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
        return version


class StoredReports:
    """A `ReportKeeper` in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = WriterThread()
        self._waiting: OrderedDict[str, Entry] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None
        self._log = Seldom()
        self.lost = 0
        """Reports that could not be kept."""

    def keep(self, entry: Entry) -> None:
        """Write *entry* soon, in the place of one of the same id."""
        if len(self._waiting) >= WAITING and entry.report_id not in self._waiting:
            self._lose(1)
            return
        self._waiting[entry.report_id] = entry
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch = list(self._waiting.values())[:AT_ONCE]
                try:
                    await self._thread(self._insert, batch)
                except StoreError as error:
                    self._lose(len(batch), error)
                for entry in batch:
                    if self._waiting.get(entry.report_id) is entry:  # else it was completed meanwhile
                        del self._waiting[entry.report_id]
        finally:
            self._writing = None

    def _lose(self, number: int, error: StoreError | None = None) -> None:
        self.lost += number
        self._log.error("reports could not be kept", lost=self.lost, why=str(error or "the disk is too slow")[:500])

    def _insert(self, batch: Sequence[Entry]) -> None:
        rows = [
            {
                "report_id": entry.report_id,
                "domain": entry.domain,
                "status": entry.status,
                "gist": entry.gist,
                "hypothetical": entry.hypothetical,
                "checked_at": entry.checked_at,
                "document": zlib.compress(entry.full, 3),
            }
            for entry in batch
        ]
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        statement = insert(reports)
        changed = {name: statement.excluded[name] for name in COMPLETED}
        statement = statement.on_conflict_do_update(index_elements=["report_id"], set_=changed)
        with self._engine.begin() as connection:
            connection.execute(statement, rows)

    async def find(self, report_id: str) -> Entry | None:
        """The report of that id, or None. Raises `ProblemError` where the database does not say."""
        waiting = self._waiting.get(report_id)
        if waiting is not None:
            return waiting
        try:
            return await asyncio.wait_for(self._thread(self._find, report_id), READ_SECONDS)
        except (StoreError, TimeoutError) as error:
            self._log.error("reports cannot be read", why=str(error)[:500])
            sentence = "The database that keeps reports does not answer; ask again later."
            raise ProblemError(ProblemKind.BUSY, sentence, headers={"Retry-After": "5"}) from error

    def _find(self, report_id: str) -> Entry | None:
        query = sa.select(reports.c.document).where(reports.c.report_id == report_id)
        with reading(self._engine) as connection:
            document = connection.scalar(query)
        return entry_of_document(zlib.decompress(document)) if document is not None else None

    async def history(self, domain: str, limit: int) -> Sequence[Entry]:
        """The latest reports of *domain* that say something else than the one before, newest first.

        Empty where the database does not say: the page of a domain is worth more than its past.
        """
        try:
            return await asyncio.wait_for(self._thread(self._history, domain, limit), READ_SECONDS)
        except (StoreError, TimeoutError) as error:
            self._log.error("reports cannot be read", why=str(error)[:500])
            return ()

    def _history(self, domain: str, limit: int) -> Sequence[Entry]:
        with reading(self._engine) as connection:
            told = connection.execute(told_by(domain)).all()
            # Newest first: a report is a change where the one before it says something else, or is not known.
            earlier = [*(row.gist for row in told[1:]), None]
            changes = [row.checked_at for row, before in zip(told, earlier, strict=False) if row.gist != before]
            documents = connection.execute(texts_of(domain, changes[:limit])).all()
        texts = {row.checked_at: row.document for row in documents}
        return [entry_of_document(zlib.decompress(texts[at])) for at in changes[:limit]]

    async def close(self) -> None:
        """Write what waits, then end."""
        if self._writing is not None:
            await self._writing
        self._thread.close()


def told_by(domain: str) -> sa.Select[Any]:
    """When the latest reports of *domain* were made and what they said, newest first; from the index alone."""
    query = sa.select(reports.c.checked_at, reports.c.gist).where(reports.c.domain == domain, TELLING)
    return query.order_by(reports.c.checked_at.desc()).limit(LOOK_BACK)


def texts_of(domain: str, times: Sequence[float]) -> sa.Select[Any]:
    """The reports of *domain* that were made at *times*, which `told_by` gave."""
    which = sa.and_(reports.c.domain == domain, reports.c.checked_at.in_(times), TELLING)
    return sa.select(reports.c.checked_at, reports.c.document).where(which)


def prune(engine: Engine, now: float, days: float, batch: int = PRUNED_AT_ONCE) -> int:
    """Delete reports older than *days*, *batch* in a transaction; how many there were.

    Whoever ends it in between loses nothing: what was deleted is committed, and the next run goes on there.
    """
    return delete_before(engine, reports, reports.c.checked_at, now - days * 86_400, batch)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One stored key."""

    key: Key
    note: str
    revoked: bool


class KeyTable:
    """The access keys that the database holds."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, url: str) -> KeyTable:
        """The keys in the database at *url*, whose tables are made where they are missing."""
        engine = open_engine(url)
        upgrade(engine)
        return cls(engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def add(self, key: Key, note: str = "") -> None:
        """Keep *key*'s hash."""
        values: dict[str, Any] = {
            "id": key.id,
            "scopes": "+".join(sorted(key.scopes)),
            "digest": key.digest.hex(),
            "note": note[:200],
            "created_at": self._clock(),
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(keys), values)

    def rows(self) -> list[KeyRow]:
        """All keys, revoked ones too, oldest first."""
        query = sa.select(keys.c.id, keys.c.scopes, keys.c.digest, keys.c.note, keys.c.revoked_at)
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(keys.c.created_at)).all()
        return [
            KeyRow(key=parse_line(f"{row.id}:{row.scopes}:{row.digest}"), note=row.note, revoked=row.revoked_at > 0)
            for row in found
        ]

    def valid(self) -> Iterable[Key]:
        """The keys that are not revoked."""
        return [row.key for row in self.rows() if not row.revoked]

    def signed_out(self) -> Iterable[tuple[str, float]]:
        """The sessions that people have left and that are not over, and when they will be."""
        query = sa.select(signed_out.c.session, signed_out.c.until).where(signed_out.c.until > self._clock())
        with reading(self._engine) as connection:
            return [(row.session, row.until) for row in connection.execute(query)]

    def sign_out(self, session: str, until: float) -> None:
        """Keep that *session* was left; those that are over anyway are forgotten."""
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        with self._engine.begin() as connection:
            connection.execute(sa.delete(signed_out).where(signed_out.c.until <= self._clock()))
            connection.execute(insert(signed_out).values(session=session, until=until).on_conflict_do_nothing())

    def revoke(self, key_id: str) -> bool:
        """End a key; False when there is no valid one of that id."""
        statement = sa.update(keys).where(keys.c.id == key_id, keys.c.revoked_at == 0).values(revoked_at=self._clock())
        with self._engine.begin() as connection:
            return connection.execute(statement).rowcount > 0
