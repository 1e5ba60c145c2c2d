"""A whole night by `spfcheck worker`: the real command, one process and two, over a real Postgres and Unbound."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bench.capacity.plan import MadeUpWorkspace
from bench.servers import Stack, pinned, stack
from spfcheck.cluster import schema
from spfcheck.demo.sandbox import Sandbox
from spfcheck.demo.sandbox_state import SandboxContact
from spfcheck.notify.ledger import migration
from spfcheck.store import database
from tests import postgres
from tests.made.customers import INCLUDE, customers

__all__ = ["Night", "by_workers"]

SPFCHECK = str(Path(sys.executable).with_name("spfcheck"))
LONGEST = 1_800.0
"""Seconds after which a night is given up."""
CONTACTS = 1.5
"""A domain's contacts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """Seconds of the steps of one night."""

    workers: int
    domains: int
    gathering: float
    auditing: float
    deciding: float

    @property
    def rate(self) -> float:
        """Domains a second while chunks were audited, with all that is written of them."""
        return self.domains / self.auditing


class Workspace(MadeUpWorkspace):
    """Contacts of the customers of `tests.made.customers`."""

    def _contact(self, number: int) -> SandboxContact:
        domain = f"c{number % self.spread}.example"
        contact = SandboxContact(id=f"{number:024x}", email=f"person{number}@{domain}", created_at=1_700_000_000)
        contact.attributes["sending_domain"] = domain
        return contact


def serve(contacts: int, domains: int, to_parent: Connection) -> None:
    """The sandbox's process."""
    import asyncio  # noqa: PLC0415 - of this process only

    async def run() -> None:
        sandbox = Sandbox(Workspace(contacts, domains), limit=10_000_000)
        to_parent.send(await sandbox.start())
        await asyncio.Event().wait()

    asyncio.run(run())


def by_workers(quick: bool) -> list[Night]:
    """Nights by one worker and by two, each in a database of its own; none where there is no Postgres."""
    made = customers(2_000 if quick else 6_000)
    many = len(made.domains)
    with postgres.running() as address, stack(made.zone) as servers, _sandbox(many) as url:
        if address is None:
            return []
        nights = []
        for workers in (1, 2):
            servers.forget()
            with postgres.database(address) as own, tempfile.TemporaryDirectory(prefix="spfcheck-bench-") as folder:
                nights.append(_night(own, servers, url, workers, many, Path(folder)))
        return nights


@contextmanager
def _sandbox(domains: int) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(int(domains * CONTACTS), domains, there), daemon=True)
    server.start()
    try:
        yield here.recv()
    finally:
        server.terminate()
        server.join()


def _night(address: str, servers: Stack, url: str, workers: int, domains: int, folder: Path) -> Night:
    engine = database.open_engine(address)
    migration.upgrade(engine)
    schema.upgrade(engine)
    environment = _environment(address, servers, url, folder)
    options: dict[str, Any] = {
        "env": environment, "cwd": folder, "stdout": subprocess.DEVNULL,
        "preexec_fn": pinned(os.sched_getaffinity(0)),  # they end with this process
    }  # fmt: skip
    processes = []
    try:
        for number in range(workers):
            with (folder / f"log{number}").open("w") as log:
                processes.append(subprocess.Popen([SPFCHECK, "worker"], stderr=log, **options))
        time.sleep(3.0)  # they listen now; each would find the night by itself, but later
        subprocess.run([SPFCHECK, "night", "begin"], check=True, **options)
        marks = _watch(engine)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)
        engine.dispose()
    return Night(
        workers=workers,
        domains=domains,
        gathering=marks["auditing"] - marks["gathering"],
        auditing=marks["deciding"] - marks["auditing"],
        deciding=marks["sending"] - marks["deciding"],
    )


def _watch(engine: Engine) -> dict[str, float]:
    """When the night came to each of its states; a state that was too short to be seen began with the next."""
    states = ("gathering", "auditing", "deciding", "sending")
    later = {"done": "sending", "planned": "sending"}
    seen: dict[str, float] = {}
    ends = time.monotonic() + LONGEST
    while "sending" not in seen and time.monotonic() < ends:
        with engine.connect() as connection:
            state = str(connection.scalar(sa.text("SELECT state FROM nights")))
        if state == "failed":
            break
        for earlier in states[: states.index(later.get(state, state)) + 1]:
            seen.setdefault(earlier, time.monotonic())
        time.sleep(0.05)
    if "sending" not in seen:
        raise SystemExit("The workers' night did not end.")
    return seen


def _environment(address: str, servers: Stack, url: str, folder: Path) -> dict[str, str]:
    host, port = servers.address
    named = {
        "DATABASE_URL": address,
        "NAMESERVERS": f"{host}:{port}",
        "SENDER_INCLUDE": INCLUDE,
        "INTERCOM_TOKEN": "sandbox-token",
        "INTERCOM_URL": url,
        "INTERCOM_WORKSPACE": "sandbox1",
        "INTERCOM_ADMIN_ID": "814860",
        "NOTIFY_HASH_KEY": "a key of the benchmark",
        "NOTIFY_PAUSE_FILE": str(folder / "pause"),
        "NIGHT_AT": "0 0 29 2 *",  # they begin when they are told to
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SPFCHECK_")}
    return {**ours, **{f"SPFCHECK_{name}": value for name, value in named.items()}}
