"""Nights that many workers share, as the ledger knows them: who may do what is decided here, not by the engine.

The engine that hands out work may repeat anything, run it twice at once, or lose it. So a worker claims its work in the
ledger and gets a token; everything that it writes down says which token it holds, and the write of one that was
overtaken changes nothing. Work is asked for in the transaction of the row that makes it due.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from spfcheck.notify.audience.roster import Gathered
from spfcheck.notify.ledger import trail
from spfcheck.notify.ledger.tables import PLANNING, against, companies, found, members, nights
from spfcheck.notify.model import NotifyError
from spfcheck.notify.planning.checks import CheckHealth
from spfcheck.notify.planning.plan import new_plan_id
from spfcheck.store.database import Store, reading, writing

ATTEMPTS = 3
"""Claims that may come to nothing before work is given up: what kills a worker three times would kill all of them."""


class NightState(StrEnum):
    """How far a night has come."""

    GATHERING = "gathering"
    AUDITING = "auditing"
    DECIDING = "deciding"
    PLANNED = "planned"
    """Its plan stands; it is sent when somebody says so."""
    SENDING = "sending"
    DONE = "done"
    """Its plan stands and had its turn, whether or not a guard let anything out."""
    FAILED = "failed"


class Task(StrEnum):
    """What workers do for a night, by the names that the engine knows."""

    PLAN = "plan_night"
    AUDIT = "audit_chunk"
    FINISH = "finish_plan"
    SEND = "send_messages"


class Errand(NamedTuple):
    """Work that is due for a night, *after* so many seconds."""

    task: Task
    plan_id: str
    number: int = 0
    """Which chunk, where it is about one."""
    after: float = 0.0


Ask = Callable[[Connection, Sequence[Errand]], None]
"""Asks for work in the transaction of the connection: it is done if that commits, and never otherwise."""

TASK_OF: Mapping[str, Task] = {
    NightState.GATHERING: Task.PLAN,
    NightState.DECIDING: Task.FINISH,
    NightState.SENDING: Task.SEND,
}
"""What a night in a state is waiting for; while it is audited, that is its chunks."""


class StaleError(NotifyError):
    """The work was taken over by another worker; what this one did of it counts for nothing."""

    def __init__(self) -> None:
        super().__init__("Another worker has taken this over, since this one stood still for too long.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night as it stands; *token* is what its holder writes with."""

    plan_id: str
    state: NightState
    token: int
    attempts: int
    worker: int
    started_at: float
    changed_at: float
    progress: Mapping[str, Any]
    trouble: str

    @property
    def gathered(self) -> Gathered:
        """How far reading the audience has come."""
        known = dict(self.progress.get("gathered", {}))
        known["refused"] = [(*entry, "")[:3] for entry in known.get("refused", [])]
        return Gathered(**known)

    @property
    def looks(self) -> int:
        """How often it was sent again for messages that were unclear."""
        return int(self.progress.get("looks", 0))

    @property
    def health(self) -> CheckHealth:
        """What the planning worker saw of the resolver and of our senders."""
        return CheckHealth(*self.progress.get("health", ("", "")))


class Nights:
    """The nights of one workspace. Synchronous, each method one transaction; *retry_after* is in seconds."""

    def __init__(self, store: Store, workspace: str, *, ask: Ask, retry_after: float = 30.0) -> None:
        self.engine = store
        self.workspace = workspace
        self.ask = ask
        self.retry_after = retry_after

    def begin(self, *, due: int, now: float, max_age: float) -> str:
        """Begin the night that was due then, and ask for it; its plan's id, or nothing where there is none to begin.

        The same time begins one night, and while one is being planned no other begins. One whose plan would be too old
        to be sent is given up first.
        """
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        with writing(self.engine) as connection:
            old = sa.and_(self._here(), nights.c.state.in_(PLANNING), nights.c.started_at < now - max_age)
            for row in connection.execute(sa.select(nights).where(old)).all():
                self._fail(connection, night_of(row), "It was not planned in time, and a new night began.", now)
            plan_id = new_plan_id()
            values = {
                "plan_id": plan_id,
                "workspace": self.workspace,
                "due": due,
                "state": NightState.GATHERING,
                "started_at": now,
                "changed_at": now,
            }
            begin = insert(nights).values(values).on_conflict_do_nothing().returning(nights.c.plan_id)
            if connection.scalar(begin) is None:
                return ""
            self.ask(connection, [Errand(Task.PLAN, plan_id)])
        return plan_id

    def _here(self) -> sa.ColumnElement[bool]:
        return nights.c.workspace == self.workspace

    def load(self, plan_id: str = "") -> Night | None:
        """A night, the newest by default; None when there is none."""
        which = sa.and_(self._here(), nights.c.plan_id == plan_id) if plan_id else self._here()
        with reading(self.engine) as connection:
            query = sa.select(nights).where(which).order_by(nights.c.started_at.desc(), nights.c.due.desc()).limit(1)
            row = connection.execute(query).one_or_none()
        return None if row is None else night_of(row)

    def unfinished(self) -> list[Night]:
        """The nights for which something is due."""
        over = (NightState.PLANNED, NightState.DONE, NightState.FAILED)
        with reading(self.engine) as connection:
            query = sa.select(nights).where(self._here(), nights.c.state.not_in(over))
            return [night_of(row) for row in connection.execute(query.order_by(nights.c.started_at))]

    def claim(self, plan_id: str, state: NightState, *, worker: int, now: float) -> Night | None:
        """Take a night that stands in *state* and that nobody holds; None when it is not so."""
        free = sa.and_(nights.c.plan_id == plan_id, nights.c.state == state, nights.c.worker == 0)
        values = {
            "token": nights.c.token + 1,
            "attempts": nights.c.attempts + 1,
            "worker": worker,
            "changed_at": now,
        }
        with writing(self.engine) as connection:
            row = connection.execute(sa.update(nights).where(free).values(values).returning(nights)).one_or_none()
        return None if row is None else night_of(row)

    def keep(self, night: Night, progress: Mapping[str, Any], now: float) -> None:
        """Write down how far its holder has come with it; raises `StaleError`."""
        with writing(self.engine) as connection:
            keep(connection, night, progress, now)

    def end(self, night: Night, now: float, trouble: str) -> None:
        """Its plan had its turn; *trouble* says why it ended early, where it did. Raises `StaleError`."""
        with writing(self.engine) as connection:
            move(connection, night, NightState.DONE, now, trouble=trouble)

    def look_again(self, night: Night, now: float, *, after: float) -> None:
        """Its plan was sent, and some messages are unclear: have it sent once more when search can tell.

        Raises `StaleError`.
        """
        progress = {**night.progress, "looks": night.looks + 1}
        with writing(self.engine) as connection:
            keep(connection, night, progress, now)
            _change(connection, night, {"worker": 0, "attempts": 0})
            self.ask(connection, [Errand(Task.SEND, night.plan_id, after=after)])

    def put_back(self, night: Night, now: float, *, after: float = 0.0) -> None:
        """Its holder ends in order: somebody else goes on, and it counts as no attempt. Raises `StaleError`."""
        with writing(self.engine) as connection:
            _change(connection, night, {"worker": 0, "attempts": nights.c.attempts - 1, "changed_at": now})
            self.ask(connection, [Errand(TASK_OF[night.state], night.plan_id, after=after)])

    def fail(self, night: Night, sentence: str, now: float, *, at_once: bool = False) -> bool:
        """Its holder, or whoever found it dead, says that an attempt came to nothing; True when it was given up.

        Raises `StaleError`.
        """
        with writing(self.engine) as connection:
            if night.attempts >= ATTEMPTS:
                self._fail(connection, night, sentence, now)
                return True
            _change(connection, night, {"worker": 0, "changed_at": now, "trouble": sentence})
            after = 0.0 if at_once else self.retry_after
            self.ask(connection, [Errand(TASK_OF[night.state], night.plan_id, after=after)])
        return False

    def _fail(self, connection: Connection, night: Night, sentence: str, now: float) -> None:
        move(connection, night, NightState.FAILED, now, trouble=sentence)
        clear(connection, night.plan_id)
        detail = {"state": night.state, "why": sentence}
        trail.append(connection, at=now, who="workers", action="night-failed", subject=night.plan_id, detail=detail)

    def send(self, now: float, plan_id: str = "") -> str:
        """Ask for a night's plan to be sent, the newest by default; its id, or nothing where none stands."""
        with writing(self.engine) as connection:
            night = Nights(connection, self.workspace, ask=self.ask).load(plan_id)
            ready = (NightState.PLANNED, NightState.DONE)
            if night is None or night.state not in ready:
                return ""
            try:
                move(connection, night, NightState.SENDING, now)
            except StaleError:
                return ""
            self.ask(connection, [Errand(Task.SEND, night.plan_id)])
        return night.plan_id


def night_of(row: Any) -> Night:
    """The night of a row."""
    return Night(
        plan_id=row.plan_id,
        state=NightState(row.state),
        token=row.token,
        attempts=row.attempts,
        worker=row.worker,
        started_at=row.started_at,
        changed_at=row.changed_at,
        progress=json.loads(row.progress),
        trouble=row.trouble,
    )


def _change(connection: Connection, night: Night, values: Mapping[str, Any]) -> None:
    mine = sa.and_(
        nights.c.plan_id == night.plan_id,
        nights.c.token == night.token,
        nights.c.worker == night.worker,
        nights.c.state == night.state,
    )
    if connection.execute(sa.update(nights).where(mine).values(**values)).rowcount != 1:
        raise StaleError


def touch(connection: Connection, night: Night, now: float) -> None:
    """Make sure that *night* is still its holder's, in the transaction of what rests on that; raises `StaleError`."""
    _change(connection, night, {"changed_at": now})


def keep(connection: Connection, night: Night, progress: Mapping[str, Any], now: float) -> None:
    """Write down how far *night* has come, in the transaction of what it rests on; raises `StaleError`."""
    _change(connection, night, {"progress": json.dumps(dict(progress)), "changed_at": now})


def move(connection: Connection, night: Night, state: NightState, now: float, *, trouble: str = "") -> None:
    """Move *night* on, in the transaction of what it rests on; raises `StaleError`."""
    _change(connection, night, {"state": state, "worker": 0, "attempts": 0, "changed_at": now, "trouble": trouble})


def progress_of(gathered: Gathered, health: CheckHealth) -> dict[str, Any]:
    """What is kept of a night's planning."""
    return {"gathered": asdict(gathered), "health": list(health)}


def clear(connection: Connection, plan_id: str) -> None:
    """Drop the audience of a night and what was found, once nobody needs them."""
    for table in (found, members, against, companies):
        connection.execute(sa.delete(table).where(table.c.plan_id == plan_id))
