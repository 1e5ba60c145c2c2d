"""What stops sending: the pause switch (a row and a file), brakes that tripped, and people who are never messaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from spfcheck.notify.ledger import trail
from spfcheck.notify.ledger.ledger import stay_away
from spfcheck.notify.ledger.tables import stops, suppressions
from spfcheck.notify.model import Brake, NotifyError
from spfcheck.store.database import Store, reading, writing

PAUSE = "pause"


class Lifted(NamedTuple):
    """What lifting did."""

    number: int
    left: tuple[str, ...]
    """What still stands, by name."""


class Stops:
    """The switches of one workspace. *pause_file* stops sending while it exists, whatever the database says."""

    def __init__(self, engine: Store, workspace: str, pause_file: Path) -> None:
        self.engine = engine
        self.workspace = workspace
        self.pause_file = pause_file

    def paused(self) -> str:
        """Why sending is paused, in a sentence; empty when it is not.

        A switch that cannot be read counts as thrown: whoever cannot tell must not send.
        """
        try:
            # lstat, not exists(): a link to nowhere and a directory without permission stop sending too.
            self.pause_file.lstat()
        except FileNotFoundError:
            pass
        except OSError as error:
            return f"The pause file {self.pause_file.absolute()} cannot be read ({error.strerror}), so sending stops."
        else:
            return f"The pause file {self.pause_file.absolute()} exists."
        try:
            found = self._open(stops.c.name == PAUSE)
        except sa.exc.SQLAlchemyError as error:
            return f"The pause switch cannot be read ({type(error).__name__}), so sending stops."
        return found[0] if found else ""

    def brakes(self) -> tuple[str, ...]:
        """The brakes that tripped and were not lifted, a sentence each, with the name to lift it by."""
        return tuple(self._open(stops.c.name != PAUSE))

    def names(self) -> tuple[str, ...]:
        """Everything that stands and may be lifted, by the names that `lift` takes."""
        with reading(self.engine) as connection:
            return tuple(f"{row.name}#{row.id}" for row in self._rows(connection))

    def _rows(self, connection: Connection, *which: sa.ColumnElement[bool]) -> list[Any]:
        query = sa.select(stops).where(stops.c.workspace == self.workspace, stops.c.lifted_at == 0, *which)
        return list(connection.execute(query.order_by(stops.c.id)))

    def _open(self, which: sa.ColumnElement[bool]) -> list[str]:
        with reading(self.engine) as connection:
            rows = self._rows(connection, which)
        return [f"{_spoken(row.name)}: {row.sentence} ({row.name}#{row.id})" for row in rows]

    def pause(self, reason: str, *, who: str, now: float) -> None:
        """Throw the switch."""
        self._throw(PAUSE, reason, "", who, now)

    def trip(self, brakes: Sequence[Brake], *, plan_id: str, now: float) -> None:
        """Write down brakes that tripped; they hold until a person lifts them."""
        for brake in brakes:
            self._throw(brake.name, brake.sentence, plan_id, "brakes", now)

    def _throw(self, name: str, sentence: str, plan_id: str, who: str, now: float) -> None:
        with writing(self.engine) as connection:
            connection.execute(
                sa.insert(stops).values(
                    workspace=self.workspace, name=name, sentence=sentence, plan_id=plan_id, who=who[:200], since=now
                )
            )
            trail.append(connection, at=now, who=who, action=f"stop-{name}", subject=plan_id, detail={"why": sentence})

    def lift(self, names: Sequence[str], reason: str, *, who: str, now: float) -> Lifted:
        """Lift what *names* says (``newly-broken#12``): that one, and older ones of its name. The reason is kept.

        The number is the proof that somebody looked: what tripped since then has another. Raises `NotifyError` when one
        of them does not stand, and lifts none.
        """
        with writing(self.engine) as connection:
            standing = {f"{row.name}#{row.id}": row for row in self._rows(connection)}
            unknown = [name for name in names if name not in standing]
            if unknown or not names:
                stand = ", ".join(standing) or "nothing does"
                which = f"{unknown[0]} does not stand" if unknown else "Say what to lift"
                raise NotifyError(f"{which}: look with notify status and name what it shows (now: {stand}).")
            wanted = [standing[name] for name in names]
            ids = [
                row.id for row in standing.values() if any(row.name == one.name and row.id <= one.id for one in wanted)
            ]
            values = {"lifted_at": now, "lifted_by": who[:200], "lifted_for": reason}
            connection.execute(sa.update(stops).where(stops.c.id.in_(ids)).values(values))
            detail = {"reason": reason, "lifted": sorted(names)}
            trail.append(connection, at=now, who=who, action="resume", subject=str(len(ids)), detail=detail)
            left = tuple(name for name, row in standing.items() if row.id not in ids)
        return Lifted(len(ids), left)

    def suppress(self, person: str, reason: str, *, who: str, now: float) -> None:
        """Put a person on the local suppression list; safe to repeat."""
        with writing(self.engine) as connection:
            if stay_away(connection, self.workspace, person, reason, now):
                trail.append(connection, at=now, who=who, action="suppress", subject=person[:12])

    def suppressed(self, person: str) -> bool:
        """True when a person is on the local suppression list."""
        which = sa.and_(suppressions.c.workspace == self.workspace, suppressions.c.person == person)
        with reading(self.engine) as connection:
            return connection.scalar(sa.select(suppressions.c.person).where(which)) is not None


def _spoken(name: str) -> str:
    return "Paused" if name == PAUSE else name
