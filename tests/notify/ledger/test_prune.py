"""`spfcheck db prune` on both databases: what goes, what stays, in how large steps, and what a kill costs."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.api.reports import stored
from spfcheck.api.reports.tables import reports
from spfcheck.notify.guards import DAY
from spfcheck.notify.ledger import migration, trail
from spfcheck.notify.ledger.prune import KEPT_LETTERS, Pruned, prune, prune_domains
from spfcheck.notify.ledger.tables import (
    attempts,
    audit,
    chunks,
    domains,
    facts,
    letters,
    nights,
    notices,
    plan_intents,
    plan_rows,
    plans,
)
from spfcheck.store import database
from tests import postgres
from tests.api.load import SPFCHECK
from tests.profile import scale

NOW = 1.7e9
OLD = NOW - KEPT_LETTERS - DAY
MANY = 600
"""Rows of each kind that are too old."""


@pytest.fixture(scope="module")
def server() -> Iterator[str | None]:
    with postgres.running() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, server: str | None, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/x.sqlite3"
    elif server is None:
        pytest.skip("POSTGRES IS NOT INSTALLED: pruning it was not tested")
    else:
        with postgres.database(server) as address:
            yield address


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = database.open_engine(url)
    migration.upgrade(made)
    stored.upgrade(made)
    yield made
    made.dispose()


def letter(ref: str, settled_at: float, state: str = "sent") -> dict[str, Any]:
    return {
        "ref": ref, "workspace": "w", "person": ref, "contact_id": ref, "step": "first", "plan_id": "plan-old",
        "number": 0, "state": state, "settled_at": settled_at, "created_at": OLD,
    }  # fmt: skip


def notice(ref: str, state: str = "sent") -> dict[str, Any]:
    return {
        "workspace": "w", "person": ref, "domain": f"{ref}.example", "episode": 1, "step": "first", "ref": ref,
        "contact_id": ref, "state": state, "changed_at": OLD,
    }  # fmt: skip


def plan(plan_id: str, number: int, created_at: float, workspace: str = "w") -> dict[str, Any]:
    return {
        "id": plan_id, "workspace": workspace, "number": number, "created_at": created_at, "hash": "", "document": "{}",
    }  # fmt: skip


def fill(engine: Engine, many: int = MANY) -> None:
    """So many rows of each kind that are too old, and a few of each that are not."""
    kept = {"new": NOW - DAY, "open": OLD}
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        plans: [plan(f"plan-{name}", n, OLD) for n, name in enumerate(("old", "baseline", "older"))],
        letters: [letter(f"r{n}", OLD + n) for n in range(many)]
        + [letter(name, at, "waiting" if name == "open" else "sent") for name, at in kept.items()],
        notices: [notice(f"r{n}") for n in range(many)] + [notice("new"), notice("open", "waiting")],
        attempts: [{"ref": f"r{n}", "number": 1, "boot": "b", "claimed_at": OLD} for n in range(many)]
        + [{"ref": "new", "number": 1, "boot": "b", "claimed_at": OLD}],
        plan_rows: [
            {"plan_id": f"plan-{name}", "number": n, "document": "{}"}
            for name in ("old", "baseline") for n in range(many)
        ],
        plan_intents: [{"plan_id": "plan-old", "number": n, "document": "{}"} for n in range(many)],
        domains: [{"workspace": "w", "domain": f"gone{n}.example", "seen_at": OLD} for n in range(many)]
        + [{"workspace": "w", "domain": "open.example", "seen_at": OLD}]
        + [{"workspace": "w", "domain": "seen.example", "seen_at": NOW}],
        nights: [
            {"plan_id": name, "workspace": "w", "due": n, "state": state, "started_at": OLD, "changed_at": at}
            for n, (name, state, at) in enumerate(
                [("plan-old", "done", OLD), ("plan-month", "done", NOW - 30 * DAY), ("plan-now", "auditing", OLD)]
            )
        ],
        chunks: [
            {"plan_id": name, "number": n, "first": "a", "last": "b", "size": 1, "state": "done", "changed_at": OLD}
            for name in ("plan-old", "plan-month", "plan-now") for n in range(many // 3)
        ],
        reports: [
            {"report_id": f"i{n}", "domain": "a.example", "status": "ok", "gist": "", "hypothetical": False,
             "checked_at": OLD + n // 7, "document": b""}
            for n in range(many)
        ] + [{"report_id": "new", "domain": "a.example", "status": "ok", "gist": "", "hypothetical": False,
              "checked_at": NOW - 80 * DAY, "document": b""}],
    }  # fmt: skip
    with engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(sa.insert(table), values)
        for number in range(many // 10):
            trail.append(connection, at=OLD + number, who="x", action="y", subject=str(number))
        trail.append(connection, at=NOW - DAY, who="x", action="y", subject="new")
        connection.execute(sa.insert(facts), [{"name": "baseline:w", "value": "plan-baseline"}])


def left(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        tables = (
            plans, plan_rows, plan_intents, letters, notices, attempts, audit, domains, nights, chunks, reports,
        )  # fmt: skip
        return {table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables}


KEPT = {
    "plans": 1, "plan_rows": MANY, "plan_intents": 0, "letters": 2, "notices": 2, "attempts": 1, "audit": 1,
    "domains": 2, "nights": 2, "chunks": MANY // 3, "reports": 1,
}  # fmt: skip


def run(engine: Engine, batch: int) -> Pruned:
    assert stored.prune(engine, NOW, 90, batch) in (0, MANY)
    return prune(engine, "w", NOW, batch)


@pytest.mark.parametrize("batch", [1_000_000, 100, 13])
def test_what_is_too_old_goes_and_the_rest_stays(engine: Engine, batch: int) -> None:
    fill(engine)
    assert run(engine, batch) == Pruned(plans=2, letters=MANY, entries=MANY // 10, domains=MANY, chunks=2 * (MANY // 3))
    assert left(engine) == KEPT
    assert run(engine, batch) == Pruned()
    assert left(engine) == KEPT
    with engine.connect() as connection:
        assert list(trail.broken_links(connection)) == []
        assert connection.scalar(sa.select(plans.c.id)) == "plan-baseline"
        assert set(connection.scalars(sa.select(letters.c.ref))) == {"new", "open"}
        assert set(connection.scalars(sa.select(domains.c.domain))) == {"open.example", "seen.example"}
        assert set(connection.scalars(sa.select(nights.c.plan_id))) == {"plan-month", "plan-now"}


def test_no_transaction_deletes_more_than_a_batch(engine: Engine) -> None:
    fill(engine)
    deleted: list[int] = []

    def count(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("DELETE"):
            deleted.append(cursor.rowcount)

    def end(connection: Any) -> None:
        per_transaction.append(sum(deleted))
        deleted.clear()

    per_transaction: list[int] = []
    sa.event.listen(engine, "after_cursor_execute", count)
    sa.event.listen(engine, "commit", end)
    run(engine, 100)
    # A letter takes its notice and its attempt along; reports of the same second go together.
    assert max(per_transaction) <= 300
    assert sum(per_transaction) > 7 * MANY


def test_whoever_ends_it_in_between_loses_nothing(engine: Engine) -> None:
    fill(engine)

    def stop(connection: Any) -> None:
        commits.append("")
        if len(commits) == patience:
            raise KeyboardInterrupt

    commits: list[str] = []
    patience, runs = 5, 0
    sa.event.listen(engine, "commit", stop)
    while patience < 1_000:
        runs += 1
        patience += 5
        commits.clear()
        try:
            stored.prune(engine, NOW, 90, 100)
            prune(engine, "w", NOW, 100)
        except KeyboardInterrupt:
            continue
        break
    sa.event.remove(engine, "commit", stop)
    assert runs > 3
    assert left(engine) == KEPT


def test_a_domain_of_which_people_were_told_stays_as_long_as_their_letters(engine: Engine) -> None:
    """It would begin with its first episode again, and the rows that forbid a second message would be in its way."""
    fill(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(domains).values(workspace="w", domain="r5.example", seen_at=OLD))
    assert prune_domains(engine, "w", NOW - KEPT_LETTERS, 100) == MANY
    prune(engine, "w", NOW)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(domains.c.domain).where(domains.c.domain == "r5.example")) is None


def variables(url: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("SPFCHECK_")}
    return {**others, "SPFCHECK_DATABASE_URL": url, "SPFCHECK_INTERCOM_WORKSPACE": "w"}


def test_the_command_prunes_everything_and_says_what(url: str, engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    assert time.time() > NOW + 2 * 365 * DAY, "to the command, all of it is old"
    done = subprocess.run(
        [SPFCHECK, "db", "prune", "--report-days", "1"],
        cwd=tmp_path, env=variables(url), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert f"{MANY + 1} reports, 2 plans and {MANY + 1} messages deleted" in done.stdout
    assert f"{MANY // 10} entries of the trail, {MANY + 1} domains and {2 * (MANY // 3)} parts" in done.stdout
    assert left(engine)["letters"] == 1, "one is still open"


def test_the_command_may_be_killed_and_run_again(url: str, engine: Engine, tmp_path: Path) -> None:
    many = scale(60_000, 600_000)
    count = sa.select(sa.func.count()).select_from(reports)
    rest = 0
    for attempt in range(5):  # on a busy machine it may be through before anybody looks
        values = [
            {"report_id": f"i{attempt}-{n}", "domain": "a.example", "status": "ok", "gist": "", "hypothetical": False,
             "checked_at": float(n), "document": b"x" * 200}
            for n in range(many)
        ]  # fmt: skip
        with engine.begin() as connection:
            connection.execute(sa.insert(reports), values)
        process = subprocess.Popen([SPFCHECK, "db", "prune"], cwd=tmp_path, env=variables(url), stdout=subprocess.PIPE)
        rest = many
        while rest == many and process.poll() is None:
            with database.reading(engine) as connection:
                rest = connection.scalar(count) or 0
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with database.reading(engine) as connection:
            rest = connection.scalar(count) or 0
        if rest:
            break
    assert 0 < rest < many
    again = subprocess.run(
        [SPFCHECK, "db", "prune"],
        cwd=tmp_path, env=variables(url), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert f"{rest} reports, 0 plans and 0 messages deleted" in again.stdout
    assert left(engine)["reports"] == 0
