"""Parts of a night: each is examined by one worker at a time, and counted once, whoever tries how often.

A chunk that fails for good is parted, and its parts again, until what still fails is a single domain: one that kills a
worker or raises must not keep its neighbours from being checked, and night after night, since the order is stable.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from spfcheck.audit.report.model import Status
from spfcheck.cluster.found import tally_text, unchecked, write_found
from spfcheck.cluster.nights import ATTEMPTS, Errand, Night, Nights, NightState, StaleError, Task, keep, move
from spfcheck.notify.audience.roster import NO_DOMAIN
from spfcheck.notify.ledger import trail
from spfcheck.notify.ledger.archive import Archive, Sighting
from spfcheck.notify.ledger.shared_night import ChunkState
from spfcheck.notify.ledger.tables import OPEN_CHUNKS, chunks, members, nights
from spfcheck.notify.model import Reason
from spfcheck.notify.planning.evidence import Judgement
from spfcheck.notify.planning.plan import Examined, Tally
from spfcheck.store.database import reading, writing

CHUNK = 500
"""Domains of one chunk: a minute of work, so little is lost with a worker, and few rows tell of a large night."""

PARTS = 8
"""Into how many a failed chunk is parted: 8 x 8 x 8 are 512, so a domain of 500 is singled out in three partings."""

SPARE = 24
"""Partings of a night beyond one for each chunk that it was cut into: a small night can single out eight domains.

Where everything fails (no worker's resolver may be believed, say), parting finds nobody, and must end. So the parts of
a night are at most 8 for each chunk that it was cut into, and 192 more; each has one attempt, beside the 3 of each
chunk. What fails beyond is given up as it is. No domain is examined more than six times.
"""

CUT_INTO = "chunks"
"""What a night's progress calls the number of chunks that it was cut into."""


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


class GivenUp(NamedTuple):
    """A chunk whose domains were not checked, and why."""

    number: int
    size: int
    first: str
    last: str
    trouble: str


class ChunkProgress(NamedTuple):
    """How far a night's chunks have come: how many stand in each state, and what was given up."""

    states: dict[str, int]
    domains: int
    given_up: tuple[GivenUp, ...]
    trouble: str
    """Why a chunk that is still to come in failed last; empty where none did."""


class Chunks:
    """The chunks of the nights of one workspace; synchronous, each method one transaction."""

    def __init__(self, nights_: Nights) -> None:
        self.engine = nights_.engine
        self._nights = nights_
        self._ask = nights_.ask

    def cut(self, night: Night, now: float, size: int = CHUNK) -> int:
        """Part the domains of a gathered night and ask for every part; how many. Raises `StaleError`."""
        named = sa.and_(members.c.plan_id == night.plan_id, members.c.domain != NO_DOMAIN)
        names = sa.select(members.c.domain).where(named).distinct().subquery()
        part = ((sa.func.row_number().over(order_by=names.c.domain) - 1) // size).label("part")
        numbered = sa.select(names.c.domain, part).subquery()
        cuts = sa.select(
            numbered.c.part, sa.func.min(numbered.c.domain), sa.func.max(numbered.c.domain), sa.func.count()
        ).group_by(numbered.c.part)
        with writing(self.engine) as connection:
            parts = connection.execute(cuts.order_by(numbered.c.part)).all()
            known = connection.scalar(sa.select(nights.c.progress).where(nights.c.plan_id == night.plan_id))
            keep(connection, night, {**json.loads(known or "{}"), CUT_INTO: len(parts)}, now)
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

    def last_attempt(self, plan_id: str, number: int) -> bool:
        """True for a chunk that waits for its last attempt: it failed before, or is a part of one that did."""
        attempts = sa.select(chunks.c.attempts).where(_is(plan_id, number), chunks.c.state == ChunkState.WAITING)
        with reading(self.engine) as connection:
            return int(connection.scalar(attempts) or 0) >= ATTEMPTS - 1

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
            values = {"state": ChunkState.DONE, "tally": tally_text(examination.tally), "trouble": ""}
            self._end(connection, claim, values, examination, now)

    def put_back(self, claim: Claim, now: float) -> None:
        """Its holder ends in order: somebody else takes it, and it counts as no attempt. Raises `StaleError`."""
        with writing(self.engine) as connection:
            values = {"state": ChunkState.WAITING, "worker": 0, "attempts": chunks.c.attempts - 1, "changed_at": now}
            _change(connection, claim, values)
            self._ask(connection, [Errand(Task.AUDIT, claim.plan_id, claim.number)])

    def fail(self, claim: Claim, sentence: str, now: float, *, at_once: bool = False) -> ChunkState:
        """Its holder, or whoever found it dead, says that an attempt came to nothing; how the chunk stands now.

        It waits for the next attempt; after the last one it is parted, or given up where it cannot be: its domains were
        not checked then, and count as unknown. Raises `StaleError`.
        """
        after = 0.0 if at_once else self._nights.retry_after
        with writing(self.engine) as connection:
            if claim.attempts < ATTEMPTS:
                values = {"state": ChunkState.WAITING, "worker": 0, "trouble": sentence, "changed_at": now}
                _change(connection, claim, values)
                self._ask(connection, [Errand(Task.AUDIT, claim.plan_id, claim.number, after)])
                return ChunkState.WAITING
            if self._part(connection, claim, sentence, now, after):
                return ChunkState.PARTED
            self._give_up(connection, claim, sentence, now)
            return ChunkState.GIVEN_UP

    def _part(self, connection: Connection, claim: Claim, sentence: str, now: float, after: float) -> bool:
        """Have chunks of their own stand for the domains of *claim*, one attempt each; False where it cannot be."""
        cut_into = _lock_night(connection, claim.plan_id, now)
        parts = _parted(_domains(connection, claim))
        # Whoever parts holds the night's row, so nobody else gives out numbers meanwhile.
        highest = connection.scalar(sa.select(sa.func.max(chunks.c.number)).where(chunks.c.plan_id == claim.plan_id))
        begin = (highest or 0) + 1
        if len(parts) < 2 or begin + len(parts) > cut_into + PARTS * (cut_into + SPARE):
            return False
        values = {"state": ChunkState.PARTED, "tally": tally_text(Tally()), "trouble": sentence}
        _change(connection, claim, {**values, "worker": 0, "changed_at": now})
        rows: list[dict[str, Any]] = [
            {
                "plan_id": claim.plan_id,
                "number": number,
                "first": names[0],
                "last": names[-1],
                "size": len(names),
                "state": ChunkState.WAITING,
                "attempts": ATTEMPTS - 1,
                "changed_at": now,
                "trouble": sentence,
            }
            for number, names in enumerate(parts, begin)
        ]
        connection.execute(sa.insert(chunks), rows)
        self._ask(connection, [Errand(Task.AUDIT, claim.plan_id, row["number"], after) for row in rows])
        return True

    def _give_up(self, connection: Connection, claim: Claim, sentence: str, now: float) -> None:
        names = _domains(connection, claim)
        many = len(names)
        tally = Tally(statuses=Counter({Status.UNKNOWN.value: many}), given_up=many)
        judgement = Judgement(Reason.NOT_CHECKED, f"{Reason.NOT_CHECKED.sentence} {sentence}")
        examination = Examination(
            tally=tally,
            sightings=[Sighting(name, Status.UNKNOWN, "") for name in names],
            found=[unchecked(name, judgement) for name in names],
        )
        values = {"state": ChunkState.GIVEN_UP, "tally": tally_text(tally), "trouble": sentence}
        self._end(connection, claim, values, examination, now)
        detail = {"chunk": claim.number, "domains": many, "why": sentence}
        trail.append(connection, at=now, who="workers", action="chunk-given-up", subject=claim.plan_id, detail=detail)

    def _end(
        self, connection: Connection, claim: Claim, values: dict[str, Any], examination: Examination, now: float
    ) -> None:
        # The night's row is locked first: of two chunks that end at once, the second sees the first one's end.
        _lock_night(connection, claim.plan_id, now)
        _change(connection, claim, {**values, "worker": 0, "changed_at": now})
        Archive(connection, self._nights.workspace).see(claim.plan_id, examination.sightings, now)
        write_found(connection, claim.plan_id, examination.found)
        still = sa.select(chunks.c.number).where(chunks.c.plan_id == claim.plan_id, sa.text(OPEN_CHUNKS)).limit(1)
        if connection.scalar(still) is None:
            values = {"state": NightState.DECIDING, "worker": 0, "attempts": 0}
            connection.execute(sa.update(nights).where(nights.c.plan_id == claim.plan_id).values(values))
            self._ask(connection, [Errand(Task.FINISH, claim.plan_id)])

    def in_state(self, plan_id: str, *states: ChunkState) -> list[Claim]:
        """The chunks of a night that stand in one of *states*."""
        query = sa.select(chunks).where(chunks.c.plan_id == plan_id, chunks.c.state.in_(states))
        with reading(self.engine) as connection:
            return [claim_of(row) for row in connection.execute(query.order_by(chunks.c.number))]

    def progress(self, plan_id: str) -> ChunkProgress:
        """How far a night's chunks have come."""
        query = sa.select(chunks).where(chunks.c.plan_id == plan_id).order_by(chunks.c.number)
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        given_up = tuple(
            GivenUp(row.number, row.size, row.first, row.last, row.trouble)
            for row in rows
            if row.state == ChunkState.GIVEN_UP
        )
        # The parts of a parted chunk stand for its domains.
        many = sum(row.size for row in rows if row.state != ChunkState.PARTED)
        failed = [row for row in rows if row.trouble and row.state in (ChunkState.WAITING, ChunkState.RUNNING)]
        trouble = max(failed, key=lambda row: row.changed_at).trouble if failed else ""
        return ChunkProgress(dict(Counter(row.state for row in rows)), many, given_up, trouble)


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


def _lock_night(connection: Connection, plan_id: str, now: float) -> int:
    """Have the night's row to ourselves until the transaction ends; into how many chunks the night was cut.

    Raises `StaleError` where its chunks are not being examined any more.
    """
    auditing = sa.and_(nights.c.plan_id == plan_id, nights.c.state == NightState.AUDITING)
    update = sa.update(nights).where(auditing).values(changed_at=now).returning(nights.c.progress)
    progress = connection.scalar(update)
    if progress is None:
        raise StaleError
    # A night that the version before has cut does not say it: only the spare partings are left to it.
    return int(json.loads(progress).get(CUT_INTO, 0))


def _parted(names: Sequence[str]) -> list[Sequence[str]]:
    """*names* in order, as at most `PARTS` parts of one size, give or take one."""
    many = min(PARTS, len(names))
    bounds = [number * len(names) // many for number in range(many + 1)] if many else []
    return [names[begin:end] for begin, end in pairwise(bounds)]


def _domains(connection: Connection, claim: Claim) -> list[str]:
    query = sa.select(members.c.domain).where(
        members.c.plan_id == claim.plan_id, members.c.domain >= claim.first, members.c.domain <= claim.last
    )
    return list(connection.scalars(query.distinct().order_by(members.c.domain)))
