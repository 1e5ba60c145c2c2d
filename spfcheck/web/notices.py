"""What the pages show of the notifier, read from its ledger, and the one thing they do: pause and resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.audit.report.model import Status
from spfcheck.notify.ledger.archive import Archive
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.migration import is_current
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.ledger.tables import domains, letters, notices
from spfcheck.notify.model import NotifyError, Plan, Reason
from spfcheck.settings import Settings
from spfcheck.store.database import WriterThread, reading
from spfcheck.web.view import when

SHOWN_ROWS = 500
"""Rows of a plan on one page; the search finds the others."""


@dataclass(frozen=True, slots=True)
class NotifierState:
    """The notifier at a glance."""

    enabled: bool
    paused: str
    brakes: tuple[str, ...]
    stops: tuple[str, ...]
    """What stands, by the names that lift it: what a page shows is what it can lift."""
    sent: tuple[tuple[str, int], ...]
    """How many messages stand in each state."""


@dataclass(frozen=True, slots=True)
class Fine:
    """Domains of a plan that nothing is wrong with: the first of them by name, and how many there are."""

    domains: tuple[str, ...] = ()
    number: int = 0


class Notices:
    """The ledger of one workspace as the pages read it; everything runs in one thread of its own."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        workspace = settings.intercom.workspace
        self._engine = engine
        self._enabled = settings.notify.enabled
        self._archive = Archive(engine, workspace)
        self._ledger = Ledger(engine, workspace)
        self._stops = Stops(engine, workspace, Path(settings.notify.pause_file))
        self._workspace = workspace
        self._thread = WriterThread()

    async def state(self) -> NotifierState | None:
        """Pause, brakes and counts; None while there is no ledger."""
        return await self._thread(self._state)

    def _state(self) -> NotifierState | None:
        if not is_current(self._engine):
            return None
        return NotifierState(
            enabled=self._enabled,
            paused=self._stops.paused(),
            brakes=self._stops.brakes(),
            stops=self._stops.names(),
            sent=tuple(sorted((str(name), number) for name, number in self._ledger.counts().items() if number)),
        )

    async def plan(self) -> Plan | None:
        """The newest plan; None when there is none."""
        return await self._thread(self._plan)

    def _plan(self) -> Plan | None:
        if not is_current(self._engine):
            return None
        try:
            return self._archive.load()
        except NotifyError:
            return None

    async def fine(self, plan: Plan, status: str, query: str) -> Fine:
        """The domains that *plan* found fine and whose name holds *query*; none where another *status* is asked for."""
        if status not in ("", Status.OK):
            return Fine()
        return await self._thread(self._fine, plan.id, query)

    def _fine(self, plan_id: str, query: str) -> Fine:
        matching = sa.select(domains.c.domain).where(
            domains.c.workspace == self._workspace,
            domains.c.seen_plan == plan_id,
            domains.c.seen_status == Status.OK,
            domains.c.domain.contains(query, autoescape=True),
        )
        with reading(self._engine) as connection:
            number = connection.scalar(sa.select(sa.func.count()).select_from(matching.subquery())) or 0
            names = connection.scalars(matching.order_by(domains.c.domain).limit(SHOWN_ROWS)).all()
        return Fine(tuple(names), number)

    async def of_domain(self, domain: str) -> Sequence[dict[str, Any]] | None:
        """The messages about *domain*, newest first, without a word of who got them; None while there is no ledger."""
        return await self._thread(self._of_domain, domain)

    def _of_domain(self, domain: str) -> Sequence[dict[str, Any]] | None:
        if not is_current(self._engine):
            return None
        query = (
            sa.select(
                notices.c.step, notices.c.state, notices.c.reason, notices.c.sent_at, notices.c.changed_at,
                letters.c.conversation_id,
            )
            .join(letters, letters.c.ref == notices.c.ref)
            .where(notices.c.workspace == self._workspace, notices.c.domain == domain)
            .order_by(notices.c.id.desc())
            .limit(50)
        )  # fmt: skip
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [
            {
                "step": row.step,
                "state": row.state,
                "reason": sentence(row.reason),
                "when": when(row.sent_at or row.changed_at),
                "conversation": row.conversation_id,
            }
            for row in rows
        ]

    async def pause(self, reason: str, *, who: str, now: float) -> None:
        """Stop sending before the very next message."""
        await self._thread(self._stops.pause, reason, who=who, now=now)

    async def resume(self, names: Sequence[str], reason: str, *, who: str, now: float) -> None:
        """Lift what a page showed; raises `NotifyError` when one of *names* stands no more."""
        await self._thread(self._stops.lift, names, reason, who=who, now=now)


def sentence(reason: str) -> str:
    """A reason of the ledger in words."""
    try:
        return Reason(reason).sentence if reason else ""
    except ValueError:
        return reason


def plan_view(plan: Plan, fine: Fine, status: str, query: str) -> dict[str, Any]:
    """What the list page shows of *plan*: its counts, and the rows that match, those that are *fine* at the end."""
    rows = [
        {
            "domain": row.domain,
            "status": row.status,
            "finding": row.finding,
            "said": f"message to {row.persons}" if row.persons else row.detail or sentence(row.reason),
        }
        for row in plan.rows
        if (not status or row.status == status) and query in row.domain
    ]
    number = len(rows) + fine.number
    rows += [{"domain": name, "status": Status.OK, "finding": "", "said": ""} for name in fine.domains]
    return {
        "plan": {
            "id": plan.id,
            "when": when(plan.created_at),
            "approved_by": plan.approved_by,
            "counts": [(str(name), plan.totals.get(name, 0)) for name in Status],
            "messages": plan.totals.get("messages", 0),
            "waiting": plan.totals.get("waiting", 0),
        },
        "rows": rows[:SHOWN_ROWS],
        "more": number - len(rows[:SHOWN_ROWS]),
    }
