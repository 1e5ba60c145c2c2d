"""One sender at a time: a lock that is held for the process's life and ends with it, however it ends.

Beside it lies a note of who holds it, since when, doing what, and which letter was last tried: for whoever wonders why
nothing is sent, and for the sender itself, which learns from it that the ledger is older than the last letter.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from spfcheck.notify.ledger.facts import fact, set_fact
from spfcheck.notify.model import NotifyError
from spfcheck.store.database import reading, writing

KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""Seconds (and a count): after a minute of silence the server ends the session, and with it the lock."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock, or held it last."""

    host: str = ""
    pid: int = 0
    since: float = 0.0
    at: float = 0.0
    """When it last said what it does."""
    doing: str = ""
    ref: str = ""
    """The letter that was last tried by anybody on this machine."""
    attempt: int = 0
    held: bool = False
    """Whether it is held just now."""

    @property
    def who(self) -> str:
        """The process, as an operator finds it."""
        return f"process {self.pid} on {self.host}"


class SenderLock(Protocol):
    """Held by at most one process for one ledger. Synchronous; none of it waits."""

    def take(self, now: float = 0.0) -> bool:
        """True when it is held from here on (or was already)."""

    def held(self) -> bool:
        """True while it is surely still held, on the database that the ledger is written to."""

    def release(self) -> None:
        """Give it up; the end of the process does so too."""

    def note(self, now: float, doing: str, *, ref: str = "", attempt: int = 0) -> None:
        """Write down what the holder does just now, and the letter that it is about to try."""

    def holder(self) -> Holder:
        """Who holds it, or who did last."""


_FILES: dict[tuple[int, int], int] = {}
"""Databases that this process opened to lock them, by device and inode. They are never closed: closing any handle on a
database would take away SQLite's own locks on it in this process (POSIX: they belong to the process)."""

_HELD: set[tuple[int, int]] = set()
"""Which of them this process holds: flock(2) would give it to itself again."""


def _forget_parents_files() -> None:
    # A handle that is inherited shares the parent's lock; the child has to open its own. What it leaves open is shared
    # with a parent that has it open anyway.
    _FILES.clear()
    _HELD.clear()


os.register_at_fork(after_in_child=_forget_parents_files)


class FileLock:
    """flock(2) on the database itself: whatever paths, links and mounts lead to it, there is one lock.

    The kernel releases it at the process's death, and never before. SQLite's own locks are of another kind (fcntl), so
    neither is in the other's way.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._identity = _identity(database)
        self._mine = False
        self._note_path = Path(f"{database}.sender.lock")
        self._note = Holder()

    def take(self, now: float = 0.0) -> bool:
        """True when it is held from here on (or was already)."""
        if self._mine:
            return True
        if self._identity is None or _identity(self._database) != self._identity:
            raise NotifyError(f"The database {self._database} was moved or replaced since it was opened: start again.")
        if self._identity in _HELD:
            return False
        try:
            fcntl.flock(self._file(self._identity), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise NotifyError(f"The database {self._database} cannot be locked: {error.strerror}.") from error
        _HELD.add(self._identity)
        self._mine = True
        self._note = replace(self._read(), host=socket.gethostname(), pid=os.getpid(), since=now)
        self.note(now, "has just begun")
        return True

    def _file(self, identity: tuple[int, int]) -> int:
        if identity not in _FILES:
            file = os.open(self._database, os.O_RDONLY | os.O_CLOEXEC)
            opened = os.fstat(file)
            _FILES[opened.st_dev, opened.st_ino] = file
        if identity not in _FILES:
            raise NotifyError(f"The database {self._database} was replaced just now: start again.")
        return _FILES[identity]

    def held(self) -> bool:
        """True while it is held and the database still stands where it did: nothing is written to one that moved."""
        return self._mine and _identity(self._database) == self._identity

    def release(self) -> None:
        """Give it up; the end of the process does so too."""
        if self._mine and self._identity is not None:
            self._mine = False
            _HELD.discard(self._identity)
            fcntl.flock(_FILES[self._identity], fcntl.LOCK_UN)

    def note(self, now: float, doing: str, *, ref: str = "", attempt: int = 0) -> None:
        """Write down what the holder does just now, and the letter that it is about to try."""
        told = replace(self._note, at=now, doing=doing)
        self._note = replace(told, ref=ref, attempt=attempt) if ref else told
        # Beside the database, not in it: what a backup takes back, it does not take back. A note that cannot be written
        # costs a convenience, and no message.
        with suppress(OSError):
            beside = self._note_path.with_name(self._note_path.name + ".new")
            beside.write_text(json.dumps(asdict(self._note)), encoding="utf-8")
            beside.replace(self._note_path)

    def holder(self) -> Holder:
        """Who holds it, or who did last."""
        return replace(self._read(), held=self._mine or self._held_by_another())

    def _held_by_another(self) -> bool:
        if self._identity is None:
            return False
        if self._identity in _HELD:
            return True
        try:
            file = self._file(self._identity)
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except (OSError, NotifyError):
            return False
        fcntl.flock(file, fcntl.LOCK_UN)
        return False

    def _read(self) -> Holder:
        try:
            return _holder(json.loads(self._note_path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return Holder()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _holder(told: Any) -> Holder:
    """A note as it was written; what of it cannot be read is as good as not written."""
    if not isinstance(told, dict):
        return Holder()
    kinds: dict[str, type | tuple[type, ...]] = {"host": str, "pid": int, "since": (int, float), "at": (int, float)}
    kinds |= {"doing": str, "ref": str, "attempt": int}
    return Holder(**{name: told[name] for name, kind in kinds.items() if isinstance(told.get(name), kind)})


class AdvisoryLock:
    """Postgres's advisory lock of a session: released by the server when the connection ends.

    The server may end the connection while we stand still, so `held` asks it, and no claim is posted that is not fresh.
    """

    def __init__(self, engine: Engine, workspace: str) -> None:
        digest = hashlib.sha256(f"spfcheck sender {workspace}".encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)
        self._fact = f"sender:{workspace}"
        self._engine = engine
        self._connection: Connection | None = None
        self._note = Holder()

    def take(self, now: float = 0.0) -> bool:
        """True when it is held from here on (or was already)."""
        if self._connection is not None:
            return self.held()
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # A machine that vanished without a word must not hold it for the two hours of the system's own keepalive.
        for name, seconds in KEEPALIVE.items():
            connection.execute(
                sa.text("SELECT set_config(:name, :value, false)"), {"name": name, "value": str(seconds)}
            )
        taken = bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}))
        if not taken:
            connection.close()
            return False
        self._connection = connection
        self._note = Holder(host=socket.gethostname(), pid=os.getpid(), since=now)
        self.note(now, "has just begun")
        return True

    def held(self) -> bool:
        """True while the session that holds it answers."""
        if self._connection is None:
            return False
        try:
            self._connection.scalar(sa.text("SELECT 1"))
        except sa.exc.SQLAlchemyError:
            return False
        return not self._connection.invalidated

    def release(self) -> None:
        """Give it up; the end of the process does so too."""
        if self._connection is not None:
            # A pooled connection would keep the lock: the session itself has to end.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def note(self, now: float, doing: str, *, ref: str = "", attempt: int = 0) -> None:
        """Write down what the holder does; a letter that is tried stands in the ledger itself, and is not noted."""
        del attempt
        if ref:
            return
        self._note = replace(self._note, at=now, doing=doing)
        with writing(self._engine) as connection:
            set_fact(connection, self._fact, json.dumps(asdict(self._note)))

    def holder(self) -> Holder:
        """Who holds it, or who did last."""
        where = "locktype = 'advisory' AND granted AND classid::bigint = :high AND objid::bigint = :low"
        unsigned = self._key & 0xFFFF_FFFF_FFFF_FFFF
        with reading(self._engine) as connection:
            query = sa.text(f"SELECT count(*) FROM pg_locks WHERE {where}")  # noqa: S608 - our own words
            held = connection.scalar(query, {"high": unsigned >> 32, "low": unsigned & 0xFFFF_FFFF})
            told = fact(connection, self._fact)
        try:
            return replace(_holder(json.loads(told or "{}")), held=bool(held))
        except ValueError:
            return Holder(held=bool(held))


def lock_for(engine: Engine, workspace: str) -> SenderLock:
    """The lock that belongs to the ledger's database, which has to be there."""
    if engine.dialect.name == "postgresql":
        return AdvisoryLock(engine, workspace)
    return FileLock(Path(engine.url.database or "spfcheck").absolute())
