"""What stops sending: the pause switch (a row and a file), brakes that tripped, and people who are never messaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from spfcheck.notify.ledger import trail
from spfcheck.notify.ledger.tables import stops, suppressions
from spfcheck.notify.model import Brake
from spfcheck.store.database import Store, reading, writing

PAUSE = "pause"


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
            return f"The pause file {self.pause_file.name} cannot be read ({error.strerror}), so sending stops."
        else:
            return f"The pause file {self.pause_file.name} exists."
        try:
            found = self._open(stops.c.name == PAUSE)
        except sa.exc.SQLAlchemyError as error:
            return f"The pause switch cannot be read ({type(error).__name__}), so sending stops."
        return found[0] if found else ""

    def brakes(self) -> tuple[str, ...]:
        """The brakes that tripped and were not lifted, a sentence each."""
        return tuple(self._open(stops.c.name != PAUSE))

    def _open(self, which: sa.ColumnElement[bool]) -> list[str]:
        query = sa.select(stops).where(stops.c.workspace == self.workspace, stops.c.lifted_at == 0, which)
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(stops.c.id)).all()
        return [f"{row.name}: {row.sentence}" if row.name != PAUSE else f"Paused: {row.sentence}" for row in rows]

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

    def lift(self, reason: str, *, who: str, now: float) -> int:
        """Lift the pause and every brake; how many. The reason stays with each."""
        with writing(self.engine) as connection:
            lifted = connection.execute(
                sa.update(stops)
                .where(stops.c.workspace == self.workspace, stops.c.lifted_at == 0)
                .values(lifted_at=now, lifted_by=who[:200], lifted_for=reason)
            ).rowcount
            trail.append(connection, at=now, who=who, action="resume", subject=str(lifted), detail={"reason": reason})
        return lifted

    def suppress(self, person: str, reason: str, *, who: str, now: float) -> None:
        """Put a person on the local suppression list; safe to repeat."""
        key = {"workspace": self.workspace, "person": person}
        with writing(self.engine) as connection:
            which = sa.and_(suppressions.c.workspace == self.workspace, suppressions.c.person == person)
            if connection.scalar(sa.select(suppressions.c.person).where(which)) is None:
                connection.execute(sa.insert(suppressions).values(**key, reason=reason, created_at=now))
                trail.append(connection, at=now, who=who, action="suppress", subject=person[:12])

    def suppressed(self, person: str) -> bool:
        """True when a person is on the local suppression list."""
        which = sa.and_(suppressions.c.workspace == self.workspace, suppressions.c.person == person)
        with reading(self.engine) as connection:
            return connection.scalar(sa.select(suppressions.c.person).where(which)) is not None
