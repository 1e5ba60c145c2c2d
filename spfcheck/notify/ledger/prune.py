"""What is older than it is kept goes, a few thousand rows in a transaction.

So nobody waits for a lock for longer than a batch takes, a kill loses nothing that was deleted, and the next run goes
on where this one ended. People's rows go with their letters; what is open stays, however old it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.notify.guards import DAY
from spfcheck.notify.ledger.tables import (
    PLANNING,
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
from spfcheck.notify.model import NoticeState
from spfcheck.store.database import reading

PRUNED_AT_ONCE = 5_000
"""Rows of a transaction: some tens of milliseconds, and far fewer flushes of the disk than rows."""

KEPT_PLANS = 90 * DAY
"""As long as reports are kept."""

KEPT_CHUNKS = 14 * DAY
"""For whoever wants to know which worker did what; a large night has hundreds of thousands."""

KEPT_LETTERS = 730 * DAY
"""Two years: longer than any episode's cool-off by far. The trail and unseen domains are kept as long."""

DONE = (NoticeState.SENT, NoticeState.REJECTED, NoticeState.SUPPRESSED)
"""States of letters that nobody will touch again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many rows went."""

    plans: int = 0
    chunks: int = 0
    """Of nights that workers shared."""
    letters: int = 0
    entries: int = 0
    """Of the trail."""
    domains: int = 0
    """That no night has seen for as long as letters are kept."""


def prune(engine: Engine, workspace: str, now: float, batch: int = PRUNED_AT_ONCE) -> Pruned:
    """Delete what of *workspace* is older than it is kept; safe to end at any time and to run again."""
    before = now - KEPT_LETTERS
    return Pruned(
        plans=prune_plans(engine, workspace, now - KEPT_PLANS, batch),
        chunks=prune_nights(engine, workspace, now, batch),
        letters=prune_letters(engine, workspace, before, batch),
        entries=delete_before(engine, audit, audit.c.id, _first_entry_since(engine, before), batch),
        domains=prune_domains(engine, workspace, before, batch),
    )


def prune_plans(engine: Engine, workspace: str, before: float, batch: int = PRUNED_AT_ONCE) -> int:
    """Delete plans made before then, but not the baseline, whose figures every night is measured by; how many."""
    with reading(engine) as connection:
        baseline = connection.scalar(sa.select(facts.c.value).where(facts.c.name == f"baseline:{workspace}")) or ""
        old = sa.select(plans.c.id).where(
            plans.c.workspace == workspace, plans.c.created_at < before, plans.c.id != baseline
        )
        ids = list(connection.scalars(old))
    for plan_id in ids:
        for table in (plan_rows, plan_intents):
            _delete_numbered(engine, table, plan_id, batch)
        _delete(engine, plans, plans.c.id == plan_id)
    return len(ids)


def prune_nights(engine: Engine, workspace: str, now: float, batch: int = PRUNED_AT_ONCE) -> int:
    """Delete the chunks of nights that are over, and later those nights; how many chunks."""
    over = sa.and_(nights.c.workspace == workspace, nights.c.state.not_in(PLANNING))
    with reading(engine) as connection:
        query = sa.select(nights.c.plan_id).where(over, nights.c.changed_at < now - KEPT_CHUNKS)
        ids = list(connection.scalars(query))
    gone = sum(_delete_numbered(engine, chunks, plan_id, batch) for plan_id in ids)
    _delete(engine, nights, sa.and_(over, nights.c.changed_at < now - KEPT_PLANS))
    return gone


def prune_letters(engine: Engine, workspace: str, before: float, batch: int = PRUNED_AT_ONCE) -> int:
    """Delete letters settled before then, with their notices and attempts; how many. Open ones stay."""
    old = sa.and_(
        letters.c.workspace == workspace,
        letters.c.state.in_(DONE),
        letters.c.settled_at > 0,
        letters.c.settled_at < before,
    )
    gone = 0
    while True:
        with engine.begin() as connection:
            query = sa.select(letters.c.ref).where(old).order_by(letters.c.settled_at).limit(batch)
            refs = list(connection.scalars(query))
            for part in _parts(refs):
                connection.execute(sa.delete(attempts).where(attempts.c.ref.in_(part)))
                connection.execute(sa.delete(notices).where(notices.c.ref.in_(part)))
                connection.execute(sa.delete(letters).where(letters.c.ref.in_(part)))
        gone += len(refs)
        if len(refs) < batch:
            return gone


def prune_domains(engine: Engine, workspace: str, before: float, batch: int = PRUNED_AT_ONCE) -> int:
    """Delete domains that no plan has seen since then and of which no notice is left; how many.

    A domain that comes back later begins with its first episode again, so its notices must be gone first.
    """
    told = sa.exists().where(notices.c.workspace == domains.c.workspace, notices.c.domain == domains.c.domain)
    gone, after = 0, ""
    while True:
        query = sa.select(domains.c.domain).where(domains.c.workspace == workspace, domains.c.domain > after)
        last = _scalar(engine, query.order_by(domains.c.domain).limit(1).offset(batch - 1))
        part = sa.and_(domains.c.workspace == workspace, domains.c.domain > after)
        if last is not None:
            part = sa.and_(part, domains.c.domain <= last)
        gone += _delete(engine, domains, sa.and_(part, domains.c.seen_at < before, ~told))
        if last is None:
            return gone
        after = last


def delete_before(engine: Engine, table: sa.Table, column: sa.Column[Any], before: Any, batch: int) -> int:
    """Delete the rows of *table* whose *column*, which is indexed, is below *before*; how many.

    Each batch begins where the one before ended: what is deleted but not yet vacuumed is not walked again and again.
    """
    gone, since = 0, None
    while True:
        old = column < before if since is None else sa.and_(column >= since, column < before)
        edge = _scalar(engine, sa.select(column).where(old).order_by(column).limit(1).offset(batch - 1))
        gone += _delete(engine, table, old if edge is None else sa.and_(old, column <= edge))
        if edge is None:
            return gone
        since = edge


def _first_entry_since(engine: Engine, before: float) -> int:
    """The id of the oldest entry of the trail that is kept; the trail's order is that of its ids."""
    kept = _scalar(engine, sa.select(audit.c.id).where(audit.c.at >= before).order_by(audit.c.id).limit(1))
    newest = _scalar(engine, sa.select(sa.func.max(audit.c.id)))
    # The newest entry stays whatever its age: the next one's chain hangs on it.
    return int(kept if kept is not None else newest or 0)


def _delete_numbered(engine: Engine, table: sa.Table, plan_id: str, batch: int) -> int:
    """Delete the rows of *plan_id*, by ranges of their numbers: no batch looks at what an earlier one has deleted."""
    mine = table.c.plan_id == plan_id
    last = _scalar(engine, sa.select(sa.func.max(table.c.number)).where(mine))
    starts = range(0, -1 if last is None else last + 1, batch)
    parts = (sa.and_(mine, table.c.number >= start, table.c.number < start + batch) for start in starts)
    return sum(_delete(engine, table, part) for part in parts)


def _delete(engine: Engine, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    with engine.begin() as connection:
        return connection.execute(sa.delete(table).where(which)).rowcount


def _scalar(engine: Engine, query: sa.Select[Any]) -> Any:
    with reading(engine) as connection:
        return connection.scalar(query)


def _parts(refs: list[str], size: int = 1_000) -> Iterator[list[str]]:
    # SQLite takes 32,766 parameters at most, and plans a thousand as fast as one.
    for start in range(0, len(refs), size):
        yield refs[start : start + size]
