"""What the nights saw: domains with their sightings and episodes, and the plans made of them.

A plan's sightings count only once the plan is accepted: a night on which a brake tripped is no evidence of anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from spfcheck.audit.report.model import as_json
from spfcheck.notify.audience.query import People
from spfcheck.notify.ledger import trail
from spfcheck.notify.ledger.facts import fact, set_fact
from spfcheck.notify.ledger.ledger import close_empty
from spfcheck.notify.ledger.tables import domains, facts, notices, plan_intents, plan_rows, plans
from spfcheck.notify.model import (
    PLAIN_FIELDS,
    Brake,
    Decision,
    Intent,
    MessageStep,
    NoticeState,
    NotifyError,
    Plan,
    PlanRow,
    Reason,
)
from spfcheck.store.database import Store, reading, writing

BROKEN = "action_needed"
FINE = ("ok", "at_risk")

USUAL_NIGHTS = 14
"""Accepted plans that say what is usual: a fortnight forgets what was, and outlives a bad week."""


class Sighting(NamedTuple):
    """What a plan saw of one domain."""

    domain: str
    status: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainState:
    """What accepted plans know of one domain."""

    status: str = ""
    fault: str = ""
    fault_runs: int = 0
    fault_first_at: float = 0.0
    fine_runs: int = 0
    fine_first_at: float = 0.0
    episode: int = 0
    episode_open: bool = False
    opened_at: float = 0.0
    closed_at: float = 0.0


class BaselineChange(NamedTuple):
    """How a plan's sightings differ from the baseline, in numbers of domains."""

    compared: int
    newly_broken: int
    was_broken: int
    recovered: int


class Archive:
    """The plans and domains of one workspace."""

    def __init__(self, engine: Store, workspace: str) -> None:
        self.engine = engine
        self.workspace = workspace

    def see(self, plan_id: str, sightings: Sequence[Sighting], now: float) -> None:
        """Write down what a plan saw; nothing counts yet."""
        if not sightings:
            return
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        statement = insert(domains)
        seen = ("seen_plan", "seen_status", "seen_fault", "seen_at")
        statement = statement.on_conflict_do_update(
            index_elements=["workspace", "domain"], set_={name: statement.excluded[name] for name in seen}
        )
        values = [
            {
                "workspace": self.workspace,
                "domain": sighting.domain,
                "seen_plan": plan_id,
                "seen_status": sighting.status,
                "seen_fault": sighting.fault,
                "seen_at": now,
            }
            for sighting in sightings
        ]
        with writing(self.engine) as connection:
            connection.execute(statement, values)

    def change(self, plan_id: str) -> BaselineChange:
        """How far the night moved from the baseline."""
        seen, base = domains.c.seen_status, domains.c.baseline

        def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
            return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

        query = sa.select(
            count(base != ""),
            count(sa.and_(seen == BROKEN, base.in_(FINE))),
            count(base == BROKEN),
            count(sa.and_(seen.in_(FINE), base == BROKEN)),
        ).where(self._seen_by(plan_id))
        with reading(self.engine) as connection:
            return BaselineChange(*connection.execute(query).one())

    def _seen_by(self, plan_id: str) -> sa.ColumnElement[bool]:
        return sa.and_(domains.c.workspace == self.workspace, domains.c.seen_plan == plan_id)

    def accept(self, plan_id: str, *, min_runs: int, min_seconds: float, baseline: bool, now: float) -> None:
        """Let a plan's sightings count: runs, episodes, and the baseline where *baseline*."""
        seen = self._seen_by(plan_id)
        with writing(self.engine) as connection:
            if connection.scalar(sa.select(plans.c.accepted).where(plans.c.id == plan_id)) is not True:
                self._count_broken(connection, seen)
                self._count_fine(connection, seen, min_runs, min_seconds)
                self._drop_repaired(connection, now)
                close_empty(connection, self.workspace, now)
                connection.execute(sa.update(plans).where(plans.c.id == plan_id).values(accepted=True))
            if baseline:
                settled = sa.and_(seen, domains.c.seen_status != "unknown", domains.c.baseline != domains.c.seen_status)
                connection.execute(sa.update(domains).where(settled).values(baseline=domains.c.seen_status))
                set_fact(connection, f"baseline:{self.workspace}", plan_id)

    def _count_broken(self, connection: Connection, seen: sa.ColumnElement[bool]) -> None:
        again = sa.and_(domains.c.fault == domains.c.seen_fault, domains.c.fault_runs > 0)
        was_open = domains.c.episode_open.is_(True)
        connection.execute(
            sa.update(domains)
            .where(seen, domains.c.seen_status == BROKEN)
            .values(
                status=domains.c.seen_status,
                fault=domains.c.seen_fault,
                fault_runs=sa.case((again, domains.c.fault_runs + 1), else_=1),
                fault_first_at=sa.case((again, domains.c.fault_first_at), else_=domains.c.seen_at),
                fine_runs=0,
                fine_first_at=0,
                episode=sa.case((was_open, domains.c.episode), else_=domains.c.episode + 1),
                opened_at=sa.case((was_open, domains.c.opened_at), else_=domains.c.seen_at),
                episode_open=True,
            )
        )

    def _count_fine(
        self, connection: Connection, seen: sa.ColumnElement[bool], min_runs: int, min_seconds: float
    ) -> None:
        first = sa.case((domains.c.fine_runs > 0, domains.c.fine_first_at), else_=domains.c.seen_at)
        fine = sa.and_(seen, domains.c.seen_status.in_(FINE))
        # Most domains are as fine as they were, and there is nothing to count: their rows are not written again.
        moved = sa.or_(domains.c.episode_open.is_(True), domains.c.status != domains.c.seen_status)
        connection.execute(
            sa.update(domains)
            .where(fine, moved)
            .values(
                status=domains.c.seen_status,
                fault="",
                fault_runs=0,
                fault_first_at=0,
                fine_runs=domains.c.fine_runs + 1,
                fine_first_at=first,
            )
        )
        # A repair wants the same evidence as a fault: a domain that flaps neither opens nor closes anything.
        sure = sa.and_(
            fine,
            domains.c.episode_open.is_(True),
            domains.c.fine_runs >= min_runs,
            domains.c.seen_at - domains.c.fine_first_at >= min_seconds,
        )
        connection.execute(sa.update(domains).where(sure).values(episode_open=False, closed_at=domains.c.seen_at))

    def _drop_repaired(self, connection: Connection, now: float) -> None:
        closed = sa.exists().where(
            domains.c.workspace == notices.c.workspace,
            domains.c.domain == notices.c.domain,
            domains.c.episode_open.is_(False),
        )
        waiting = sa.and_(
            notices.c.workspace == self.workspace,
            notices.c.state.in_((NoticeState.PLANNED, NoticeState.WAITING)),
            notices.c.step != MessageStep.THANKS,
            closed,
        )
        values = {"state": NoticeState.SUPPRESSED, "reason": Reason.REPAIRED, "inside": False, "changed_at": now}
        connection.execute(sa.update(notices).where(waiting).values(values))

    def states(self, names: Sequence[str]) -> dict[str, DomainState]:
        """What is known of each of *names* that was ever seen."""
        fields = [domains.c[name] for name in DomainState.__dataclass_fields__]
        found: dict[str, DomainState] = {}
        with reading(self.engine) as connection:
            for start in range(0, len(names), 500):
                part = names[start : start + 500]
                query = sa.select(domains.c.domain, *fields).where(
                    domains.c.workspace == self.workspace, domains.c.domain.in_(part)
                )
                found.update(
                    {
                        row[0]: DomainState(**dict(zip(DomainState.__dataclass_fields__, row[1:], strict=True)))
                        for row in connection.execute(query)
                    }
                )
        return found

    def thankable(self, since: float) -> list[tuple[str, int]]:
        """Domains (and the episode) that were repaired since then."""
        query = sa.select(domains.c.domain, domains.c.episode).where(
            domains.c.workspace == self.workspace, domains.c.episode_open.is_(False), domains.c.closed_at >= since
        )
        with reading(self.engine) as connection:
            return [(row.domain, row.episode) for row in connection.execute(query.order_by(domains.c.domain))]

    def open_episodes(self) -> int:
        """How many domains are broken as far as accepted plans know."""
        query = sa.select(sa.func.count()).where(
            domains.c.workspace == self.workspace, domains.c.episode_open.is_(True)
        )
        with reading(self.engine) as connection:
            return int(connection.scalar(query) or 0)

    def save(self, plan: Plan) -> None:
        """Store a plan, frozen: its hash is over the very texts that are stored."""
        texts = [[json.dumps(as_json(item)) for item in items] for items in (plan.rows, plan.intents)]
        with writing(self.engine) as connection:
            last = connection.scalar(sa.select(sa.func.max(plans.c.number)).where(plans.c.workspace == self.workspace))
            connection.execute(
                sa.insert(plans).values(
                    id=plan.id,
                    workspace=plan.workspace,
                    number=(last or 0) + 1,
                    created_at=plan.created_at,
                    hash=plan.hash,
                    document=json.dumps(_head(plan)),
                )
            )
            for table, documents in zip((plan_rows, plan_intents), texts, strict=True):
                values = [
                    {"plan_id": plan.id, "number": number, "document": document}
                    for number, document in enumerate(documents)
                ]
                if values:
                    connection.execute(sa.insert(table), values)
            detail = {"hash": plan.hash, "totals": dict(plan.totals), "tripped": [b.name for b in plan.tripped]}
            trail.append(connection, at=plan.created_at, who="planner", action="plan", subject=plan.id, detail=detail)

    def load(self, plan_id: str = "") -> Plan:
        """A plan as it was stored, the newest by default; raises `NotifyError` when there is none or it was changed."""
        which = plans.c.workspace == self.workspace
        if plan_id not in ("", "latest"):
            which = sa.and_(which, plans.c.id == plan_id)
        with reading(self.engine) as connection:
            query = sa.select(plans).where(which).order_by(plans.c.number.desc()).limit(1)
            row = connection.execute(query).one_or_none()
            if row is None:
                raise NotifyError(
                    f"There is no plan {plan_id}." if plan_id not in ("", "latest") else "There is no plan yet."
                )
            rows_text, intents_text = (
                list(_documents(connection, table, row.id)) for table in (plan_rows, plan_intents)
            )
        head = json.loads(row.document)
        rows = tuple(_row(json.loads(text)) for text in rows_text)
        intents = tuple(_intent(json.loads(text)) for text in intents_text)
        if _digest(head, rows_text, intents_text) != row.hash:
            raise NotifyError(f"{row.id} is not what it was when it was made: its hash differs.")
        head["brakes"] = tuple(Brake(**brake) for brake in head["brakes"])
        head["refused"] = tuple((*entry, "")[:3] for entry in head["refused"])
        return Plan(**head, rows=rows, intents=intents, approved_by=row.approved_by, approved_at=row.approved_at)

    def last_accepted_at(self) -> float:
        """When the newest plan was made of those that no brake held; 0 when there is none."""
        query = sa.select(sa.func.max(plans.c.created_at)).where(
            plans.c.workspace == self.workspace, plans.c.accepted.is_(True)
        )
        with reading(self.engine) as connection:
            return float(connection.scalar(query) or 0.0)

    def usual_failures(self) -> float:
        """The share of domains that DNS fails on most nights: the median of the last `USUAL_NIGHTS` accepted plans.

        Where a person approved one of them, at least its share: what was looked at and approved is usual from then on.
        """
        which = sa.and_(plans.c.workspace == self.workspace, plans.c.accepted.is_(True))
        query = sa.select(plans.c.document, plans.c.approved_by).where(which).order_by(plans.c.number.desc())
        with reading(self.engine) as connection:
            nights = [
                (json.loads(row.document), row.approved_by) for row in connection.execute(query.limit(USUAL_NIGHTS))
            ]
        shares = [(_failed_share(head), approved_by) for head, approved_by in nights if "dns_failed" in head["totals"]]
        approved = next((share for share, approved_by in shares if approved_by), 0.0)
        return max(approved, median(share for share, _ in shares)) if shares else 0.0

    def accepted(self, plan_id: str) -> bool:
        """True when a plan's sightings count."""
        with reading(self.engine) as connection:
            return bool(connection.scalar(sa.select(plans.c.accepted).where(plans.c.id == plan_id)))

    def mark_accepted(self, plan_id: str) -> None:
        """The sightings of a plan counted before it was stored."""
        with writing(self.engine) as connection:
            connection.execute(sa.update(plans).where(plans.c.id == plan_id).values(accepted=True))

    def approve(self, plan_id: str, *, who: str, reason: str, now: float) -> None:
        """Write down that a person approved a plan."""
        with writing(self.engine) as connection:
            values = {"approved_by": who[:200], "approved_at": now, "approval": reason}
            connection.execute(sa.update(plans).where(plans.c.id == plan_id).values(values))
            set_fact(connection, f"approved-baseline:{self.workspace}", plan_id)
            trail.append(connection, at=now, who=who, action="approve", subject=plan_id, detail={"reason": reason})

    def finish(self, plan_id: str, now: float, *, settled: bool) -> None:
        """A run of sending came to its end by itself; it is a success once every message of it is *settled*."""
        with writing(self.engine) as connection:
            connection.execute(sa.update(plans).where(plans.c.id == plan_id).values(finished_at=now))
            name = "last-success" if settled else "unsettled-success"
            set_fact(connection, f"{name}:{self.workspace}", repr(now))

    def settle_success(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """A person decided about a message: when it was the last one open, the run that left it is a success."""
        name = f"unsettled-success:{self.workspace}"
        when = self.fact(name)
        states = counts()
        if when and not states.get(NoticeState.UNCLEAR) and not states.get(NoticeState.REJECTED):
            with writing(self.engine) as connection:
                set_fact(connection, f"last-success:{self.workspace}", when)
                set_fact(connection, name, "")

    def baseline(self) -> str:
        """The plan that change is measured from; empty before the first approval."""
        return self.fact(f"baseline:{self.workspace}")

    def approved_baseline(self) -> str:
        """The plan that a person last approved as the baseline; empty before the first approval."""
        return self.fact(f"approved-baseline:{self.workspace}") or self.baseline()

    def last_success_at(self) -> float:
        """When a run last came to its end; 0 when none did."""
        return float(self.fact(f"last-success:{self.workspace}") or 0.0)

    def fact(self, name: str) -> str:
        """A single value; empty when it was never set."""
        with reading(self.engine) as connection:
            return fact(connection, name)

    def same_key(self, people: People) -> None:
        """Make sure that people stand for the same hashes as ever; raises `NotifyError`.

        Under another key everybody would be a stranger, and be told again.
        """
        mine = people.fingerprint()
        if self.fact("hash-key") != mine:
            with writing(self.engine) as connection:
                # Many workers may begin a ledger at once: the first one's key is the ledger's.
                insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
                connection.execute(insert(facts).values(name="hash-key", value=mine).on_conflict_do_nothing())
        if self.fact("hash-key") != mine:
            raise NotifyError("SPFCHECK_NOTIFY_HASH_KEY is not the key that this ledger was begun with.")

    def fine_rows(self, plan_id: str, after: str, limit: int = 1000) -> list[PlanRow]:
        """Domains that a plan found fine, a page at a time; empty once a later plan has seen them."""
        query = sa.select(domains.c.domain, domains.c.seen_status).where(
            self._seen_by(plan_id), domains.c.seen_status == "ok", domains.c.domain > after
        )
        with reading(self.engine) as connection:
            return [
                PlanRow(
                    domain=row.domain,
                    status=row.seen_status,
                    finding="",
                    remedy="none",
                    decision=Decision.LEFT_ALONE,
                    reason=Reason.PASSES,
                    detail=Reason.PASSES.sentence,
                    persons=0,
                )
                for row in connection.execute(query.order_by(domains.c.domain).limit(limit))
            ]


def _failed_share(head: Mapping[str, Any]) -> float:
    examined = head["domains"] - head["totals"]["not_checked"]
    return head["totals"]["dns_failed"] / examined if examined > 0 else 0.0


def _documents(connection: Connection, table: sa.Table, plan_id: str) -> Iterator[str]:
    query = sa.select(table.c.document).where(table.c.plan_id == plan_id).order_by(table.c.number)
    yield from connection.scalars(query)


def frozen(plan: Plan) -> Plan:
    """*plan* with the hash over everything that a reviewer sees."""
    texts = [[json.dumps(as_json(item)) for item in items] for items in (plan.rows, plan.intents)]
    return replace(plan, hash=_digest(_head(plan), *texts))


def _digest(head: Mapping[str, Any], rows: Sequence[str], intents: Sequence[str]) -> str:
    told = {name: value for name, value in head.items() if name not in ("hash", "seconds")}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for text in (*rows, "", *intents):
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()


_HEAD = tuple(name for name in PLAIN_FIELDS if not name.startswith("approved_"))
"""What the hash of a plan covers beside its rows; who approved it comes later."""


def _head(plan: Plan) -> Mapping[str, Any]:
    head = {name: as_json(getattr(plan, name)) for name in _HEAD}
    refused = [list(refusal) for refusal in plan.refused]
    return {**head, "brakes": [brake._asdict() for brake in plan.brakes], "refused": refused}


def _row(document: dict[str, Any]) -> PlanRow:
    return PlanRow(**{**document, "decision": Decision(document["decision"])})


def _intent(document: dict[str, Any]) -> Intent:
    lists = {name: tuple(document[name]) for name in ("domains", "episodes", "contacts")}
    return Intent(**{**document, **lists, "step": MessageStep(document["step"])})
