"""Settles a night: figures, brakes, evidence, plan, all in one transaction. It happened as a whole or not at all.

Who examined the domains does not matter here: one process, or many workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.engine import Connection

from spfcheck.intercom.client import Intercom
from spfcheck.notify.audience import query
from spfcheck.notify.audience.roster import Gathered, Members
from spfcheck.notify.guards import DAY, Guards
from spfcheck.notify.ledger.archive import Archive, frozen
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import NotifyError, Plan
from spfcheck.notify.planning import plan as planning
from spfcheck.notify.planning.brakes import NightFigures, brakes
from spfcheck.notify.planning.checks import CheckHealth
from spfcheck.store.database import WriterThread

MESSAGED_DAYS = 30
"""How far back the brake on people who turned away looks."""


class Around(NamedTuple):
    """What only the world outside knows of a night."""

    health: CheckHealth
    turned_away: int
    """Of the people messaged lately, how many no longer want that."""
    clock_skew: float
    """The API's clock minus ours, in seconds."""
    rate_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Everything that a night brought together."""

    plan_id: str
    started: float
    gathered: Gathered
    roster: Members
    examined: Sequence[planning.Examined]
    """Every domain that is not simply fine, in order of names."""
    tally: planning.Tally
    around: Around


async def look_around(
    intercom: Intercom, ledger: Ledger, write: WriterThread, health: CheckHealth, now: float
) -> Around:
    """Ask the API what the brakes want to know of it; it must have been asked something before."""
    away = 0
    contacts = await write(ledger.contacts_sent_since, now - MESSAGED_DAYS * DAY)
    for start in range(0, len(contacts), query.MOST_FILTERS):
        wanted = query.turned_away_query(contacts[start : start + query.MOST_FILTERS])
        away += await intercom.count_contacts(wanted)
    return Around(health, away, intercom.clock_skew or 0.0, intercom.pace.limit)


class Settlement:
    """Settles nights within the transaction *connection*, which the caller commits."""

    def __init__(self, connection: Connection, stops: Stops, guards: Guards, clock: Callable[[], float]) -> None:
        self._workspace = stops.workspace
        self._ledger = Ledger(connection, stops.workspace)
        self._archive = Archive(connection, stops.workspace)
        self._stops = Stops(connection, stops.workspace, stops.pause_file)
        self._guards = guards
        self._clock = clock

    def settle(self, total: Sum) -> Plan:
        """Evaluate the brakes, let the sightings count unless one tripped, and store the plan; frozen, hashed."""
        evaluated = brakes(self._guards, self._night(total))
        held = any(brake.tripped for brake in evaluated)
        baseline = self._archive.baseline()
        if not held:
            self._accept(total, baseline=bool(baseline))
        planner = planning.Planner(self._ledger, self._archive, self._stops, self._guards, total.started)
        rows, intents = planner.decide(total.examined, total.roster)
        reasons: dict[str, int] = {}
        for row in rows:
            if row.reason:
                reasons[row.reason] = reasons.get(row.reason, 0) + 1
        plan = frozen(
            Plan(
                id=total.plan_id,
                workspace=self._workspace,
                created_at=total.started,
                hash="",
                policy=self._guards.name,
                contacts=total.gathered.counted,
                people=total.roster.people_count(),
                domains=total.roster.domain_count(),
                totals=planning.totals(total.tally, total.gathered, intents),
                reasons=reasons,
                brakes=evaluated,
                rows=tuple(rows),
                intents=tuple(intents),
                refused=tuple(total.gathered.refused),
                baseline=baseline,
                seconds=round(self._clock() - total.started, 3),
            )
        )
        self._archive.save(plan)
        if held:
            self._stops.trip(plan.tripped, plan_id=plan.id, now=total.started)
        else:
            self._archive.mark_accepted(plan.id)
        return plan

    def _accept(self, total: Sum, *, baseline: bool) -> None:
        self._archive.accept(
            total.plan_id,
            min_runs=self._guards.min_runs,
            min_seconds=self._guards.min_between_runs,
            baseline=baseline,
            now=total.started,
        )

    def _night(self, total: Sum) -> NightFigures:
        tally, around = total.tally, total.around
        return NightFigures(
            resolver_trouble=around.health.resolver,
            sender_trouble=around.health.senders,
            contacts=total.gathered.counted,
            received=total.gathered.received,
            baseline_contacts=self._baseline_contacts(),
            domains=total.roster.domain_count(),
            failed=tally.failed,
            usual_failed=self._archive.usual_failures(),
            unchecked=tally.given_up,
            change=self._archive.change(total.plan_id),
            opinions=tally.opinions,
            disagreements=tally.disagreements,
            asked_twice=tally.asked_twice,
            resolver_disagreements=tally.resolver_disagreements,
            messaged=len(self._ledger.sent_since(total.started - MESSAGED_DAYS * DAY)),
            turned_away=around.turned_away,
            clock_skew=around.clock_skew,
            went_back=max(0.0, self._archive.last_accepted_at() - total.started),
            rate_limit=around.rate_limit,
            missing_tags=tuple(total.gathered.missing_tags),
        )

    def _baseline_contacts(self) -> int:
        # Night by night the baseline follows what is within the brakes; how large the audience may become is measured
        # from what a person saw, or many small steps would lead anywhere.
        baseline = self._archive.approved_baseline()
        if not baseline:
            return 0
        try:
            return self._archive.load(baseline).contacts
        except NotifyError:
            return 0
