"""The night that many workers share, as far as the notifier and its monitors want to know of it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa

from spfcheck.notify.ledger.tables import PLANNING, chunks, nights
from spfcheck.store.database import Store, reading


class ChunkState(StrEnum):
    """How far a chunk has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    PARTED = "parted"
    """It failed for good, and chunks of its own stand for its domains."""
    GIVEN_UP = "given-up"


class Shared(NamedTuple):
    """What a monitor wants to know of the nights that workers share."""

    unchecked: int = 0
    night_since: float = 0.0
    planning: str = ""


def shared(store: Store, workspace: str) -> Shared:
    """How the newest night of *workspace* stands."""
    newest = sa.select(nights).where(nights.c.workspace == workspace)
    with reading(store) as connection:
        row = connection.execute(
            newest.order_by(nights.c.started_at.desc(), nights.c.due.desc()).limit(1)
        ).one_or_none()
        if row is None:
            return Shared()
        which = sa.and_(chunks.c.plan_id == row.plan_id, chunks.c.state == ChunkState.GIVEN_UP)
        missed = connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(chunks.c.size), 0)).where(which))
    planning = row.state in PLANNING
    return Shared(int(missed or 0), row.started_at if planning else 0.0, row.plan_id if planning else "")
