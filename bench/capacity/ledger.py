"""What a contact, a domain and a message cost the databases of a night, and how much room they take."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bench.capacity import plan as planning
from spfcheck.api.quota import shared
from spfcheck.api.quota.gcra import Rate
from spfcheck.api.reports import stored
from spfcheck.cluster.chunks import CHUNK
from spfcheck.intercom.answers import SendOutcome, Sent
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.archive import Archive, Sighting
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.prune import prune_letters
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.ledger.tables import plans
from spfcheck.notify.model import Intent, MessageStep
from spfcheck.store import database
from tests import postgres

__all__ = ["Databases", "contact_cpu", "databases"]

NOW = 1.7e9
WORKSPACE = "bench"
MEMBER = """INSERT INTO members (plan_id, contact_id, domain, person, hold, tagged)
    SELECT 'plan-bench', md5(i::text), 'customer' || (i / 3 * 2) || '.example', md5(i::text) || md5(i::text), '', false
    FROM generate_series(1, :many) i"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """Seconds and bytes; None where there is no Postgres."""

    sqlite_message: float
    """All that the ledger does for one message, each step committed to the disk."""
    postgres_message: float | None = None
    message_bytes: float = 0.0
    sighting: float = 0.0
    """A domain that was seen, written with the others of its chunk."""
    sighting_log: float = 0.0
    """Bytes that Postgres writes to its log for that, from the second night on."""
    domain_bytes: float = 0.0
    accept: float = 0.0
    """A domain that is as it was, when the night is settled."""
    member_bytes: float = 0.0
    """A contact and domain of a night under way."""
    spend: float = 0.0
    """A new check counted against a shared ceiling, by one caller after the other."""
    pruned: float = 0.0
    """A message with all that hangs on it, deleted."""
    version: str = ""


def databases(quick: bool) -> Databases:
    """Measure on files of this machine: SQLite, and a Postgres started for it where one is installed."""
    messages, domains = (200, 20_000) if quick else (2_000, 200_000)
    with tempfile.TemporaryDirectory(prefix="spfcheck-bench-") as folder, _open(f"sqlite:///{folder}/l.sqlite3") as one:
        on_sqlite = _send(one, messages)
    with postgres.running() as address:
        if address is None:
            return Databases(sqlite_message=on_sqlite)
        with _open(address) as engine:
            return _on_postgres(engine, on_sqlite, messages, domains)


@contextmanager
def _open(url: str) -> Iterator[Engine]:
    engine = database.open_engine(url)
    migration.upgrade(engine)
    stored.upgrade(engine)
    yield engine
    engine.dispose()


def _on_postgres(engine: Engine, on_sqlite: float, messages: int, domains: int) -> Databases:
    message = _send(engine, messages)
    message_bytes = _size(engine, "letters", "notices", "attempts", "audit") / messages
    names = [f"customer{number}.example" for number in range(domains)]
    _see(engine, "plan-0", names)
    _settle(engine, "plan-0")
    engine_log = _log_position(engine)
    sighting = _see(engine, "plan-1", names) / domains
    sighting_log = (_log_position(engine) - engine_log) / domains
    accept = _settle(engine, "plan-1") / domains
    _run(engine, "INSERT INTO nights (plan_id, workspace, due, state, started_at, changed_at) "
         "VALUES ('plan-bench', 'bench', 1, 'auditing', 0, 0)")  # fmt: skip
    _run(engine, MEMBER, many=domains)
    spends = 200
    began = time.perf_counter()
    for _ in range(spends):
        shared.spend(engine, "bench", Rate(1_000_000, 60.0), 1)
    spend = (time.perf_counter() - began) / spends
    began = time.perf_counter()
    gone = prune_letters(engine, WORKSPACE, NOW + 1)
    return Databases(
        sqlite_message=on_sqlite,
        postgres_message=message,
        message_bytes=message_bytes,
        sighting=sighting,
        sighting_log=sighting_log,
        domain_bytes=_size(engine, "domains") / domains,
        accept=accept,
        member_bytes=_size(engine, "members") / domains,
        spend=spend,
        pruned=(time.perf_counter() - began) / gone,
        version=str(_scalar(engine, "SHOW server_version")),
    )


def _send(engine: Engine, messages: int) -> float:
    """Seconds a message: entered with its plan, then each step of `spfcheck.notify.sending.send` on the ledger."""
    ledger, stops = Ledger(engine, WORKSPACE), Stops(engine, WORKSPACE, Path("no such file"))
    sent = Sent(outcome=SendOutcome.ACCEPTED, status=200, message_id="m", request_id="r")
    intents = [
        Intent(
            ref=f"ref{number}", person=f"{number:064x}", contact_id=f"{number:024x}", step=MessageStep.FIRST,
            domains=(f"customer{number}.example",), episodes=(1,), contacts=(f"{number:024x}",),
        )
        for number in range(messages)
    ]  # fmt: skip
    with engine.begin() as connection:
        values = {
            "id": "plan-bench",
            "workspace": WORKSPACE,
            "number": 1,
            "created_at": NOW,
            "hash": "",
            "document": "",
        }
        connection.execute(sa.insert(plans).values(values))
    began = time.perf_counter()
    ledger.materialise("plan-bench", intents, {}, NOW)
    for ref in ledger.queue("plan-bench", NOW):
        for _ in range(2):  # between two messages, and once more right before the call
            stops.paused()
        ledger.letter(ref)
        ledger.faults(ref)
        letter = ledger.claim(ref, boot="bench", now=NOW, findable=True, content_hash="h" * 64)
        assert letter is not None
        ledger.settle(letter, sent, boot="bench", now=NOW)
        ledger.mark_tagged(ref)
        ledger.letter(ref)
    return (time.perf_counter() - began) / messages


def _see(engine: Engine, plan_id: str, names: list[str]) -> float:
    archive = Archive(engine, WORKSPACE)
    began = time.perf_counter()
    for start in range(0, len(names), CHUNK):
        archive.see(plan_id, [Sighting(name, "ok", "") for name in names[start : start + CHUNK]], NOW)
    return time.perf_counter() - began


def _settle(engine: Engine, plan_id: str) -> float:
    archive = Archive(engine, WORKSPACE)
    began = time.perf_counter()
    archive.change(plan_id)
    archive.accept(plan_id, min_runs=2, min_seconds=0.0, baseline=True, now=NOW)
    return time.perf_counter() - began


def _run(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def _scalar(engine: Engine, query: str) -> object:
    with engine.connect() as connection:
        return connection.scalar(sa.text(query))


def _size(engine: Engine, *tables: str) -> int:
    return sum(int(str(_scalar(engine, f"SELECT pg_total_relation_size('{name}')"))) for name in tables)


def _log_position(engine: Engine) -> int:
    return int(str(_scalar(engine, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")))


def contact_cpu(quick: bool) -> float:
    """Processor seconds of the planner for a contact, from two plans that differ in nothing but their number."""
    domains = 500
    small, large = (2_000, 10_000) if quick else (10_000, 110_000)
    return (_planned(large, domains) - _planned(small, domains)) / (large - small)


def _planned(contacts: int, domains: int) -> float:
    """Processor seconds of a planner's whole process."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=planning.serve, args=(contacts, domains, there), daemon=True)
    server.start()
    mine, theirs = context.Pipe()
    worker = context.Process(target=_plan, args=(here.recv(), theirs))
    worker.start()
    spent = float(mine.recv())
    worker.join()
    server.terminate()
    server.join()
    return spent


def _plan(url: str, to_parent: Connection) -> None:
    here, there = multiprocessing.Pipe()
    planning.planner(url, there)
    here.recv()
    used = resource.getrusage(resource.RUSAGE_SELF)
    to_parent.send(used.ru_utime + used.ru_stime)
