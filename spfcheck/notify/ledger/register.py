"""What the ledger knows: letters, what people were told, and what nobody knows for sure. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from spfcheck.notify.ledger.tables import letters, notices
from spfcheck.notify.model import NoticeState, UnclearMessage
from spfcheck.store.database import Store, reading

NOT_SENT_YET = (NoticeState.PLANNED, NoticeState.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter as the sender needs it."""

    ref: str
    person: str
    contact_id: str
    step: str
    domains: tuple[str, ...]
    contacts: tuple[str, ...]
    """Which contact of the person names each domain, in the same order."""
    state: NoticeState
    attempts: int
    claimed_at: float
    created_at: float
    findable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the ledger knows of one person and domain."""

    person: str
    episode: int
    step: str
    state: NoticeState
    sent_at: float
    in_hand: bool
    """A letter with it was tried, or went out: no plan may name it again."""


class Register:
    """The letters of one workspace, to be read; synchronous, each method one transaction."""

    def __init__(self, engine: Store, workspace: str) -> None:
        self.engine = engine
        self.workspace = workspace

    def letter(self, ref: str) -> Letter | None:
        """A letter with the domains that are still in it."""
        with reading(self.engine) as connection:
            row = connection.execute(sa.select(letters).where(letters.c.ref == ref)).one_or_none()
            return None if row is None else letter_of(connection, row)

    def untagged(self, limit: int = 100) -> list[tuple[str, str]]:
        """Letters that went out while the tag could not be put: ref and contact."""
        query = sa.select(letters.c.ref, letters.c.contact_id).where(
            letters.c.workspace == self.workspace, letters.c.state == NoticeState.SENT, letters.c.tagged.is_(False)
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(letters.c.settled_at.desc()).limit(limit))
            return [(row.ref, row.contact_id) for row in rows]

    def faults(self, ref: str) -> dict[str, str]:
        """The fault of each domain in a letter, as the plan saw it."""
        query = sa.select(notices.c.domain, notices.c.fault).where(notices.c.ref == ref, notices.c.inside.is_(True))
        with reading(self.engine) as connection:
            return {row.domain: row.fault for row in connection.execute(query)}

    def unclear(self) -> list[UnclearMessage]:
        """Every unclear letter, oldest first."""
        query = sa.select(letters).where(letters.c.workspace == self.workspace, letters.c.state == NoticeState.UNCLEAR)
        with reading(self.engine) as connection:
            return [
                UnclearMessage(
                    ref=row.ref,
                    contact_id=row.contact_id,
                    step=row.step,
                    domains=domains_of(connection, row.ref)[0],
                    since=row.claimed_at,
                    attempts=row.attempts,
                    reason=row.detail,
                )
                for row in connection.execute(query.order_by(letters.c.claimed_at, letters.c.ref))
            ]

    def due(self, before: float) -> list[Letter]:
        """Unclear letters that search can find and whose last sign of life is older than *before*."""
        quiet = (
            sa.func.max(letters.c.claimed_at, letters.c.settled_at)
            if self._sqlite
            else sa.func.greatest(letters.c.claimed_at, letters.c.settled_at)
        )
        query = sa.select(letters).where(
            letters.c.workspace == self.workspace,
            letters.c.state == NoticeState.UNCLEAR,
            letters.c.findable.is_(True),
            quiet <= before,
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(letters.c.claimed_at, letters.c.ref)).all()
            return [letter_of(connection, row) for row in rows]

    @property
    def _sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def told(self, domain: str) -> list[Told]:
        """Everything that the ledger knows of the people of *domain*."""
        query = (
            sa.select(notices, letters.c.attempts)
            .join(letters, letters.c.ref == notices.c.ref)
            .where(notices.c.workspace == self.workspace, notices.c.domain == domain)
        )
        with reading(self.engine) as connection:
            return [
                Told(
                    person=row.person,
                    episode=row.episode,
                    step=row.step,
                    state=NoticeState(row.state),
                    sent_at=row.sent_at,
                    in_hand=row.state not in NOT_SENT_YET or (row.attempts > 0 and row.inside),
                )
                for row in connection.execute(query.order_by(notices.c.id))
            ]

    def knows(self, persons: Iterable[str]) -> set[str]:
        """Those of *persons* of whom the ledger has any row."""
        wanted = list(persons)
        found: set[str] = set()
        with reading(self.engine) as connection:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                query = sa.select(letters.c.person).where(letters.c.person.in_(part)).distinct()
                found.update(connection.scalars(query))
        return found

    def counts(self) -> dict[str, int]:
        """How many letters stand in each state."""
        query = sa.select(letters.c.state, sa.func.count()).where(letters.c.workspace == self.workspace)
        with reading(self.engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query.group_by(letters.c.state))}

    def last_sent_at(self) -> float:
        """When the newest message went out; 0 when none did."""
        query = sa.select(sa.func.max(notices.c.sent_at)).where(notices.c.workspace == self.workspace)
        with reading(self.engine) as connection:
            return float(connection.scalar(query) or 0.0)

    def sent_since(self, since: float) -> set[str]:
        """The people who got a message since then."""
        query = sa.select(notices.c.person).where(
            notices.c.workspace == self.workspace, notices.c.state == NoticeState.SENT, notices.c.sent_at >= since
        )
        with reading(self.engine) as connection:
            return set(connection.scalars(query.distinct()))

    def contacts_sent_since(self, since: float) -> list[str]:
        """The contacts that got a message since then, at most a thousand of the newest."""
        query = sa.select(letters.c.contact_id).where(
            letters.c.workspace == self.workspace, letters.c.state == NoticeState.SENT, letters.c.settled_at >= since
        )
        with reading(self.engine) as connection:
            newest = connection.scalars(query.order_by(letters.c.settled_at.desc()).limit(1000))
            return sorted(set(newest))


def letter_of(connection: Connection, row: Row[tuple[object, ...]]) -> Letter:
    """The letter of a row, with the domains that are still in it."""
    domains, contacts = domains_of(connection, row.ref)
    return Letter(
        ref=row.ref,
        person=row.person,
        contact_id=row.contact_id,
        step=row.step,
        domains=domains,
        contacts=contacts,
        state=NoticeState(row.state),
        attempts=row.attempts,
        claimed_at=row.claimed_at,
        created_at=row.created_at,
        findable=bool(row.findable),
    )


def domains_of(connection: Connection, ref: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The domains that are still in a letter, and the contact that names each."""
    query = sa.select(notices.c.domain, notices.c.contact_id).where(notices.c.ref == ref, notices.c.inside.is_(True))
    inside = connection.execute(query.order_by(notices.c.id)).all()
    return tuple(row.domain for row in inside), tuple(row.contact_id for row in inside)
