"""Parts of a night: each is examined by one worker at a time, and counted once, whoever tries how often."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from spfcheck.audit.report import RemedyKind, Status
from spfcheck.notify import trail
from spfcheck.notify.archive import Archive, Sighting
from spfcheck.notify.database import Store, reading, writing
from spfcheck.notify.evidence import Judgement
from spfcheck.notify.model import Reason
from spfcheck.notify.nights import ATTEMPTS, Errand, Night, Nights, NightState, StaleError, Task, move
from spfcheck.notify.plan import Examined, Tally
from spfcheck.notify.tables import OPEN_CHUNKS, PLANNING, chunks, found, members, nights

CHUNK = 500
"""Domains of one chunk: a minute of work, so little is lost with a worker, and few rows tell of a large night."""


class ChunkState(StrEnum):
    """How far a chunk has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    GIVEN_UP = "given-up"


class Claim(NamedTuple):
    """A chunk in the hands of one worker."""

    plan_id: str
    number: int
    token: int
    attempts: int
    worker: int
    first: str
    last: str
    size: int
    changed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a worker saw of a chunk's domains."""

    tally: Tally
    sightings: Sequence[Sighting]
    found: Sequence[Examined]


class Progress(NamedTuple):
    """How far a night's chunks have come: how many stand in each state, and what was given up."""

    states: dict[str, int]
    domains: int
    given_up: tuple[tuple[int, int, str], ...]
    """Number, domains and trouble of each chunk that was given up."""


class Chunks:
    """The chunks of the nights of one workspace; synchronous, each method one transaction."""

    def __init__(self, nights_: Nights) -> None:
        self.engine = nights_.engine
        self._nights = nights_
        self._ask = nights_.ask

    def cut(self, night: Night, now: float, size: int = CHUNK) -> int:
        """Part the domains of a gathered night and ask for every part; how many. Raises `StaleError`."""
        names = sa.select(members.c.domain).where(members.c.plan_id == night.plan_id).distinct().subquery()
        part = ((sa.func.row_number().over(order_by=names.c.domain) - 1) // size).label("part")
        numbered = sa.select(names.c.domain, part).subquery()
        cuts = sa.select(
            numbered.c.part, sa.func.min(numbered.c.domain), sa.func.max(numbered.c.domain), sa.func.count()
        ).group_by(numbered.c.part)
        with writing(self.engine) as connection:
            parts = connection.execute(cuts.order_by(numbered.c.part)).all()
            move(connection, night, NightState.AUDITING if parts else NightState.DECIDING, now)
            rows = [
                {
                    "plan_id": night.plan_id,
                    "number": number,
                    "first": first,
                    "last": last,
                    "size": count,
                    "state": ChunkState.WAITING,
                    "changed_at": now,
                }
                for number, (_, first, last, count) in enumerate(parts)
            ]
            if rows:
                connection.execute(sa.insert(chunks), rows)
                self._ask(connection, [Errand(Task.AUDIT, night.plan_id, row["number"]) for row in rows])
            else:
                self._ask(connection, [Errand(Task.FINISH, night.plan_id)])
        return len(rows)

    def claim(self, plan_id: str, number: int, *, worker: int, now: float) -> Claim | None:
        """Take a chunk that waits; None when it does not (any more)."""
        free = sa.and_(_is(plan_id, number), chunks.c.state == ChunkState.WAITING)
        values = {
            "state": ChunkState.RUNNING,
            "token": chunks.c.token + 1,
            "attempts": chunks.c.attempts + 1,
            "worker": worker,
            "changed_at": now,
        }
        with writing(self.engine) as connection:
            row = connection.execute(sa.update(chunks).where(free).values(values).returning(chunks)).one_or_none()
        return None if row is None else claim_of(row)

    def domains(self, claim: Claim) -> list[str]:
        """The domains of a chunk, each once, in order."""
        with reading(self.engine) as connection:
            return _domains(connection, claim)

    def complete(self, claim: Claim, examination: Examination, now: float) -> None:
        """Write down what was seen, all of it or nothing; raises `StaleError`.

        With the last chunk of a night, ask for its plan.
        """
        with writing(self.engine) as connection:
            values = {"state": ChunkState.DONE, "tally": json.dumps(_plain(examination.tally)), "trouble": ""}
            self._end(connection, claim, values, examination, now)

    def put_back(self, claim: Claim, now: float) -> None:
        """Its holder ends in order: somebody else takes it, and it counts as no attempt. Raises `StaleError`."""
        with writing(self.engine) as connection:
            values = {"state": ChunkState.WAITING, "worker": 0, "attempts": chunks.c.attempts - 1, "changed_at": now}
            _change(connection, claim, values)
            self._ask(connection, [Errand(Task.AUDIT, claim.plan_id, claim.number)])

    def fail(self, claim: Claim, sentence: str, now: float, *, at_once: bool = False) -> bool:
        """Its holder, or whoever found it dead, says that an attempt came to nothing; True when it was given up.

        The domains of a chunk that is given up were not checked: they count as unknown. Raises `StaleError`.
        """
        with writing(self.engine) as connection:
            if claim.attempts >= ATTEMPTS:
                self._give_up(connection, claim, sentence, now)
                return True
            values = {"state": ChunkState.WAITING, "worker": 0, "trouble": sentence, "changed_at": now}
            _change(connection, claim, values)
            after = 0.0 if at_once else self._nights.retry_after
            self._ask(connection, [Errand(Task.AUDIT, claim.plan_id, claim.number, after)])
        return False

    def _give_up(self, connection: Connection, claim: Claim, sentence: str, now: float) -> None:
        names = _domains(connection, claim)
        many = len(names)
        tally = Tally(statuses=Counter({Status.UNKNOWN.value: many}), failed=many, given_up=many)
        judgement = Judgement(Reason.NOT_CHECKED, f"{Reason.NOT_CHECKED.sentence} {sentence}")
        examination = Examination(
            tally=tally,
            sightings=[Sighting(name, Status.UNKNOWN, "") for name in names],
            found=[unchecked(name, judgement) for name in names],
        )
        values = {"state": ChunkState.GIVEN_UP, "tally": json.dumps(_plain(tally)), "trouble": sentence}
        self._end(connection, claim, values, examination, now)
        detail = {"chunk": claim.number, "domains": many, "why": sentence}
        trail.append(connection, at=now, who="workers", action="chunk-given-up", subject=claim.plan_id, detail=detail)

    def _end(
        self, connection: Connection, claim: Claim, values: dict[str, Any], examination: Examination, now: float
    ) -> None:
        # The night's row is locked first: of two chunks that end at once, the second sees the first one's end.
        night = sa.and_(nights.c.plan_id == claim.plan_id, nights.c.state == NightState.AUDITING)
        if connection.execute(sa.update(nights).where(night).values(changed_at=now)).rowcount != 1:
            raise StaleError
        _change(connection, claim, {**values, "worker": 0, "changed_at": now})
        Archive(connection, self._nights.workspace).see(claim.plan_id, examination.sightings, now)
        _write_found(connection, claim.plan_id, examination.found)
        still = sa.select(chunks.c.number).where(chunks.c.plan_id == claim.plan_id, sa.text(OPEN_CHUNKS)).limit(1)
        if connection.scalar(still) is None:
            values = {"state": NightState.DECIDING, "worker": 0, "attempts": 0}
            connection.execute(sa.update(nights).where(night).values(values))
            self._ask(connection, [Errand(Task.FINISH, claim.plan_id)])

    def in_state(self, plan_id: str, *states: ChunkState) -> list[Claim]:
        """The chunks of a night that stand in one of *states*."""
        query = sa.select(chunks).where(chunks.c.plan_id == plan_id, chunks.c.state.in_(states))
        with reading(self.engine) as connection:
            return [claim_of(row) for row in connection.execute(query.order_by(chunks.c.number))]

    def progress(self, plan_id: str) -> Progress:
        """How far a night's chunks have come."""
        query = sa.select(chunks).where(chunks.c.plan_id == plan_id).order_by(chunks.c.number)
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        given_up = tuple((row.number, row.size, row.trouble) for row in rows if row.state == ChunkState.GIVEN_UP)
        return Progress(dict(Counter(row.state for row in rows)), sum(row.size for row in rows), given_up)


def total(connection: Connection, plan_id: str) -> tuple[Tally, list[Examined]]:
    """What all chunks of a night saw together, in order of names."""
    tally = Tally()
    for text in connection.scalars(sa.select(chunks.c.tally).where(chunks.c.plan_id == plan_id)):
        known = json.loads(text)
        tally.add(Tally(**{**known, "statuses": Counter(known["statuses"])}))
    documents = connection.scalars(sa.select(found.c.document).where(found.c.plan_id == plan_id))
    return tally, sorted((_examined(json.loads(text)) for text in documents), key=lambda item: item.domain)


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


def unchecked(domain: str, judgement: Judgement) -> Examined:
    """What is said of a domain that no worker could check."""
    return Examined(
        domain=domain,
        status=Status.UNKNOWN,
        fault="",
        remedy=RemedyKind.NONE,
        record="",
        report_id="",
        judgement=judgement,
    )


def claim_of(row: Any) -> Claim:
    """The chunk of a row, as whoever holds it knows it."""
    return Claim(
        row.plan_id, row.number, row.token, row.attempts, row.worker, row.first, row.last, row.size, row.changed_at
    )


def _is(plan_id: str, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(chunks.c.plan_id == plan_id, chunks.c.number == number)


def _change(connection: Connection, claim: Claim, values: dict[str, Any]) -> None:
    mine = sa.and_(
        _is(claim.plan_id, claim.number), chunks.c.token == claim.token, chunks.c.state == ChunkState.RUNNING
    )
    if connection.execute(sa.update(chunks).where(mine).values(**values)).rowcount != 1:
        raise StaleError


def _domains(connection: Connection, claim: Claim) -> list[str]:
    query = sa.select(members.c.domain).where(
        members.c.plan_id == claim.plan_id, members.c.domain >= claim.first, members.c.domain <= claim.last
    )
    return list(connection.scalars(query.distinct().order_by(members.c.domain)))


def _write_found(connection: Connection, plan_id: str, items: Sequence[Examined]) -> None:
    if not items:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = [{"plan_id": plan_id, "domain": item.domain, "document": json.dumps(_document(item))} for item in items]
    connection.execute(insert(found).on_conflict_do_nothing(), values)


def _plain(tally: Tally) -> dict[str, Any]:
    return {**asdict(tally), "statuses": dict(tally.statuses)}


def _document(item: Examined) -> dict[str, Any]:
    return {
        "domain": item.domain,
        "status": item.status,
        "fault": item.fault,
        "remedy": item.remedy,
        "record": item.record,
        "report_id": item.report_id,
        "judgement": [item.judgement.reason, item.judgement.detail],
    }


def _examined(document: dict[str, Any]) -> Examined:
    reason, detail = document["judgement"]
    return Examined(**{**document, "judgement": Judgement(None if reason is None else Reason(reason), detail)})
