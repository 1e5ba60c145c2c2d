"""How Postgres goes about every query that is asked of large tables: read off its plans, not off a clock.

The statements are those that the product really makes: they are caught on their way to the database, and explained.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from spfcheck.api.quota import shared
from spfcheck.api.quota.gcra import Rate
from spfcheck.api.reports import stored
from spfcheck.api.reports.stored import texts_of, told_by
from spfcheck.cluster.chunks import Chunks, Examination
from spfcheck.cluster.nights import Nights
from spfcheck.notify.ledger import migration, prune
from spfcheck.notify.ledger.archive import Archive, Sighting
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.register import Manner
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.ledger.tables import audit
from spfcheck.notify.model import Intent, MessageStep, NoticeState, Reason
from spfcheck.notify.planning.plan import Tally
from spfcheck.store import database
from spfcheck.store.database import open_engine
from tests import postgres
from tests.profile import scale

ROWS = scale(150_000, 3_000_000)
"""Of reports and domains; a third of it of letters. So many that Postgres reads no large table as a whole lightly."""

LARGE = frozenset({"reports", "domains", "letters", "notices", "attempts", "audit", "chunks"})
NOW = 1.7e9

FILL = (
    """INSERT INTO reports SELECT md5(i::text), 'customer' || (i % (:n / 5)) || '.example',
        CASE WHEN i % 50 = 0 THEN 'unknown' ELSE 'ok' END, left(md5((i / 1000)::text), 16), i % 100 = 0,
        1.7e9 - 90 * 86400.0 * i / :n, decode(repeat(md5(i::text), 8), 'hex') FROM generate_series(1, :n) i""",
    """INSERT INTO domains
        (workspace, domain, seen_plan, seen_status, seen_at, status, episode_open, closed_at, baseline)
        SELECT 'w', 'customer' || i || '.example', 'plan-1', 'ok', 1.7e9, 'ok', i % 50 = 0,
        CASE WHEN i % 97 = 0 THEN 1.7e9 - i * 60 ELSE 0 END, 'ok' FROM generate_series(1, :n) i""",
    """INSERT INTO plans (id, workspace, number, created_at, hash, document)
        SELECT 'plan-' || i, 'w', i, 1.7e9, '', '{}' FROM generate_series(1, 300) i""",
    """INSERT INTO letters
        (ref, workspace, person, contact_id, step, plan_id, number, state, settled_at, tagged, created_at)
        SELECT 'r' || i, 'w', md5(i::text), 'c' || i, 'first', 'plan-' || (i % 300), i % 1000,
        CASE WHEN i % 100 = 0 THEN 'waiting' ELSE 'sent' END, 1.7e9 - 700 * 86400.0 * i / :n, true, 1.6e9
        FROM generate_series(1, :n / 3) i""",
    """INSERT INTO notices
        (workspace, person, domain, episode, step, ref, contact_id, state, sent_at, changed_at)
        SELECT 'w', md5(i::text), 'customer' || i || '.example', 1, 'first', 'r' || i, 'c' || i,
        CASE WHEN i % 100 = 0 THEN 'waiting' ELSE 'sent' END, 1.7e9 - 700 * 86400.0 * i / :n, 1.6e9
        FROM generate_series(1, :n / 3) i""",
    """INSERT INTO attempts (ref, number, boot, claimed_at)
        SELECT 'r' || i, 1, 'b', 1.6e9 FROM generate_series(1, :n / 3) i""",
    """INSERT INTO nights (plan_id, workspace, due, state, started_at, changed_at)
        VALUES ('plan-night', 'w', 1, 'auditing', 1.7e9, 1.7e9)""",
    """INSERT INTO chunks (plan_id, number, first, last, size, state, changed_at)
        SELECT 'plan-night', i, 'a', 'b', 500, CASE WHEN i < :n / 3 - 50 THEN 'done' ELSE 'waiting' END, 1.7e9
        FROM generate_series(1, :n / 3) i""",
    """INSERT INTO audit (at, who, action, subject, detail, chain)
        SELECT 1.7e9 - 700 * 86400.0 * (:n - i) / :n, 'x', 'y', 'z', '{}', md5(i::text)
        FROM generate_series(1, :n) i""",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with postgres.running() as server:
        if server is None:
            pytest.skip("POSTGRES IS NOT INSTALLED: its plans were not looked at")
        made = open_engine(server)
        migration.upgrade(made)
        stored.upgrade(made)
        with made.begin() as connection:
            for statement in FILL:
                connection.execute(sa.text(statement), {"n": ROWS})
        with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        yield made
        made.dispose()


class PlanStep(NamedTuple):
    """One step of a plan."""

    kind: str
    table: str
    index: str


def steps_of(node: dict[str, Any]) -> Iterator[PlanStep]:
    yield PlanStep(node["Node Type"], node.get("Relation Name", ""), node.get("Index Name", ""))
    for inner in node.get("Plans", ()):
        yield from steps_of(inner)


@contextlib.contextmanager
def explained(engine: Engine) -> Iterator[list[tuple[str, list[PlanStep]]]]:
    """The statements that are made in the block, with the steps that Postgres would take; nothing of it stays."""
    found: list[tuple[str, list[PlanStep]]] = []

    def look(connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if many:
            parameters = parameters[0]
        if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")) and "pg_" not in statement:
            cursor.execute("EXPLAIN (FORMAT JSON) " + statement, parameters)
            answer = cursor.fetchone()[0]
            plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
            found.append((statement, list(steps_of(plan))))

    sa.event.listen(engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", look)


def intent(number: int) -> Intent:
    return Intent(
        ref=f"new{number}", person=f"p{number}", contact_id="c", step=MessageStep.FIRST, domains=("customer7.example",),
        episodes=(9,), contacts=("c",),
    )  # fmt: skip


def history(engine: Engine, domain: str) -> None:
    """What `StoredReports.history` asks, and what it makes of rows that hold no real reports."""
    with database.reading(engine) as connection:
        told = connection.execute(told_by(domain)).all()
        assert len(told) > 1
        connection.execute(texts_of(domain, [row.checked_at for row in told[:10]])).all()


def a_chunk(engine: Engine) -> None:
    """What a worker does for each chunk, whatever it found."""
    chunks = Chunks(Nights(engine, "w", ask=lambda connection, errands: None))
    claim = chunks.claim("plan-night", ROWS // 3 - 5, worker=1, now=NOW)
    assert claim is not None
    sighting = Sighting("customer7.example", "ok", "")
    chunks.complete(claim, Examination(tally=Tally(), sightings=[sighting], found=[]), NOW)


def a_night(ledger: Ledger) -> None:
    """What sending does for each letter, and what a run does once."""
    ledger.materialise("plan-7", [intent(1)], {}, NOW)
    ledger.queue("plan-7", NOW)
    letter = ledger.claim("new1", boot="b", now=NOW, manner=Manner(delivery="message", findable=True), content_hash="h")
    assert letter is not None
    ledger.faults("new1")
    ledger.put_back("new1", boot="b", now=NOW)
    ledger.leave("new1", NoticeState.WAITING, Reason.STOPPED, now=NOW)
    ledger.drop_domain("new1", "customer7.example", NoticeState.SUPPRESSED, Reason.REPAIRED, now=NOW)
    ledger.recover(boot="b", now=NOW)
    ledger.mark_tagged("new1")


CALLS: dict[str, Callable[[Engine], object]] = {
    "a report by its id": lambda e: stored.StoredReports(e)._find("0" * 32),
    "a domain's history": lambda e: history(e, "customer7.example"),
    "reports that are too old": lambda e: stored.prune(e, NOW, 89, 100),
    "a plan's sightings": lambda e: Archive(e, "w").see("plan-2", [Sighting("customer7.example", "ok", "")], NOW),
    "what is known of domains": lambda e: Archive(e, "w").states([f"customer{n}.example" for n in range(500)]),
    "the fine domains of a plan": lambda e: Archive(e, "w").fine_rows("plan-1", "customer5"),
    "domains to thank": lambda e: Archive(e, "w").thankable(NOW - 86_400),
    "domains that are broken now": lambda e: Archive(e, "w").open_episodes(),
    "a letter": lambda e: Ledger(e, "w").letter("r7"),
    "letters without a tag": lambda e: Ledger(e, "w").untagged(),
    "unclear letters": lambda e: (Ledger(e, "w").unclear(), Ledger(e, "w").due(NOW)),
    "what people were told": lambda e: Ledger(e, "w").told("customer7.example"),
    "who was written to": lambda e: [Ledger(e, "w").was_sent_to(f"p{n}", 1.0) for n in range(3)],
    "who was reached lately": lambda e: Ledger(e, "w").reached_lately("p1", 1.0, but="r1"),
    "who was heard of": lambda e: Ledger(e, "w").has_heard_of("p1"),
    "a message known as sent": lambda e: Ledger(e, "w").known_sent(1, NOW),
    "the last attempt": lambda e: Ledger(e, "w").tried("r1", 1),
    "the last message": lambda e: Ledger(e, "w").last_sent_at(),
    "who was messaged this month": lambda e: Ledger(e, "w").contacts_sent_since(NOW - 30 * 86_400),
    "a night's letters": lambda e: a_night(Ledger(e, "w")),
    "a chunk of a night": a_chunk,
    "a person to forget": lambda e: Ledger(e, "w").forget("p", who="x", now=NOW),
    "the switches": lambda e: Stops(e, "w", Path("/nowhere")).paused(),
    "a key's bucket": lambda e: shared.spend(e, "check:x", Rate(60, 60.0), 1),
    "letters that are too old": lambda e: prune.prune_letters(e, "w", NOW - 232 * 86_400, 100),
    "plans that are too old": lambda e: prune.prune_plans(e, "w", NOW - 1, 100),
    "domains that nobody saw": lambda e: prune.prune_domains(e, "w", NOW - 1, ROWS // 10),
    "entries of the trail that are too old": lambda e: prune.delete_before(e, audit, audit.c.id, 500, 100),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_query_reads_a_large_table_as_a_whole(engine: Engine, name: str) -> None:
    with explained(engine) as found:
        CALLS[name](engine)
    assert found
    whole = [
        (statement, step) for statement, steps in found for step in steps
        if step.kind == "Seq Scan" and step.table in LARGE
    ]  # fmt: skip
    assert not whole


def test_a_history_is_read_from_the_index_alone(engine: Engine) -> None:
    with explained(engine) as found:
        history(engine, "customer9.example")
    assert found[0][1][-1] == PlanStep("Index Only Scan", "reports", "ix_reports_domain_checked_at_gist")


def test_a_night_writes_only_the_domains_that_changed(engine: Engine) -> None:
    """Of the rows that a plan saw only those with something to count are written again when it is accepted."""
    with engine.connect() as connection, connection.begin() as all_of_it:
        archive = Archive(connection, "w")
        query = sa.text("SELECT count(*) FROM domains WHERE xmin = pg_current_xact_id()::xid")
        connection.execute(sa.text("INSERT INTO plans VALUES ('plan-new', 'w', 999, 1, '', '{}')"))
        connection.execute(sa.text("UPDATE domains SET seen_status = 'at_risk' WHERE domain = 'customer10.example'"))
        archive.accept("plan-1", min_runs=99, min_seconds=0, baseline=True, now=NOW)
        assert connection.scalar(query) == ROWS // 50 + 1
        all_of_it.rollback()
