"""One sender at a time: a lock that is held for the process's life and ends with it, however it ends."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from spfcheck.notify.model import NotifyError

KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""Seconds (and a count): after a minute of silence the server ends the session, and with it the lock."""


class SenderLock(Protocol):
    """Held by at most one process for one ledger. Synchronous; none of it waits."""

    def take(self) -> bool:
        """True when it is held from here on (or was already)."""

    def held(self) -> bool:
        """True while it is surely still held."""

    def release(self) -> None:
        """Give it up; the end of the process does so too."""


class FileLock:
    """flock(2) on a file beside the ledger: the kernel releases it at the process's death, and never before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        """True when it is held from here on (or was already)."""
        if self._file is not None:
            return True
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise NotifyError(f"The lock file {self._path} cannot be opened: {error.strerror}.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    def held(self) -> bool:
        """True while the file that is locked is the one that others would lock."""
        if self._file is None:
            return False
        try:
            return os.fstat(self._file).st_ino == self._path.stat().st_ino
        except OSError:
            return False

    def release(self) -> None:
        """Give it up; the end of the process does so too."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class AdvisoryLock:
    """Postgres's advisory lock of a session: released by the server when the connection ends.

    The server may end the connection while we stand still, so `held` asks it, and no claim is posted that is not fresh.
    """

    def __init__(self, engine: Engine, workspace: str) -> None:
        digest = hashlib.sha256(f"spfcheck sender {workspace}".encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)
        self._engine = engine
        self._connection: Connection | None = None

    def take(self) -> bool:
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
        if taken:
            self._connection = connection
        else:
            connection.close()
        return taken

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


def lock_for(engine: Engine, workspace: str) -> SenderLock:
    """The lock that belongs to the ledger's database."""
    if engine.dialect.name == "postgresql":
        return AdvisoryLock(engine, workspace)
    return FileLock(Path(f"{engine.url.database or 'spfcheck'}.sender.lock"))
