"""What the ledger knows: letters, what people were told, and what nobody knows for sure. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from spfcheck.notify.ledger.tables import attempts, letters, notices, plan_intents, plans
from spfcheck.notify.model import NoticeState, UnclearMessage
from spfcheck.store.database import Store, reading

LOOKED_AT = 300
"""Letters among which one is sought that is known as sent; in one name they mostly are."""

NOT_SENT_YET = (NoticeState.PLANNED, NoticeState.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a letter was last tried; whoever looks for it has to look in that way, whatever the settings say by then."""

    delivery: str = ""
    """``message`` or ``event``; empty where no try counts: the next goes by the settings of its day."""
    admin_id: int = 0
    """In whose name."""
    template: str = ""
    """Digest of the template."""
    findable: bool = False
    """Whether search can find it."""
    api_at: float = 0.0
    """When, by the clock of the API."""


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
    manner: Manner = Manner()


class LastTried(Protocol):
    """The letter that was last tried from here, as something beside the ledger remembers it."""

    @property
    def ref(self) -> str:
        """Its word; empty when none is remembered."""

    @property
    def attempt(self) -> int:
        """Which attempt it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the ledger knows of one person and domain."""

    person: str
    episode: int
    step: str
    state: NoticeState
    reason: str
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

    def in_states(self, states: Sequence[NoticeState]) -> list[UnclearMessage]:
        """Every letter in one of *states* for which a person is wanted, oldest first."""
        query = sa.select(letters).where(letters.c.workspace == self.workspace, letters.c.state.in_(states))
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

    def unclear(self) -> list[UnclearMessage]:
        """Every unclear letter, oldest first."""
        return self.in_states((NoticeState.UNCLEAR,))

    def has_heard_of(self, person: str) -> bool:
        """True when a letter or the newest plan names *person*."""
        with reading(self.engine) as connection:
            if connection.scalar(sa.select(letters.c.ref).where(letters.c.person == person).limit(1)):
                return True
            newest = sa.select(plans.c.id).where(plans.c.workspace == self.workspace).order_by(plans.c.number.desc())
            named = plan_intents.c.document.contains(json.dumps(person), autoescape=True)
            query = sa.select(plan_intents.c.plan_id).where(
                plan_intents.c.plan_id == newest.limit(1).scalar_subquery(), named
            )
            return connection.scalar(query.limit(1)) is not None

    def tried(self, ref: str, number: int) -> bool:
        """True when the ledger knows of that attempt at a letter."""
        query = sa.select(attempts.c.id).where(attempts.c.ref == ref, attempts.c.number == number)
        with reading(self.engine) as connection:
            return connection.scalar(query.limit(1)) is not None

    def newest_attempt(self) -> float:
        """When a letter was last tried, as far as this ledger knows; 0 when none was."""
        with reading(self.engine) as connection:
            return float(connection.scalar(sa.select(sa.func.max(attempts.c.claimed_at))) or 0.0)

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

    def known_sent(self, admin_id: int, before: float) -> Letter | None:
        """A letter that surely went out in that name and that search can find: the newest that was settled before then.

        None where the last few hundred hold none.
        """
        query = sa.select(letters).where(
            letters.c.workspace == self.workspace,
            letters.c.state == NoticeState.SENT,
            letters.c.settled_at <= before,
        )
        with reading(self.engine) as connection:
            for row in connection.execute(query.order_by(letters.c.settled_at.desc()).limit(LOOKED_AT)):
                letter = letter_of(connection, row)
                manner = letter.manner
                if row.message_id and manner.findable and (manner.delivery, manner.admin_id) == ("message", admin_id):
                    return letter
        return None

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
                    reason=row.reason,
                    sent_at=row.sent_at,
                    in_hand=row.state not in NOT_SENT_YET or (row.attempts > 0 and row.inside),
                )
                for row in connection.execute(query.order_by(notices.c.id))
            ]

    def was_sent_to(self, person: str, since: float = 0.0) -> bool:
        """True when a message to *person* is known to have gone out, and not before *since*."""
        query = sa.select(notices.c.id).join(letters, letters.c.ref == notices.c.ref)
        query = query.where(letters.c.person == person, letters.c.workspace == self.workspace)
        with reading(self.engine) as connection:
            sent = query.where(notices.c.sent_at > 0, notices.c.sent_at >= since)
            return connection.scalar(sent.limit(1)) is not None

    def reached_lately(self, person: str, since: float, *, but: str) -> bool:
        """True when a letter other than *but* went out to *person* since then, or may have."""
        query = sa.select(letters.c.ref).where(
            letters.c.person == person,
            letters.c.workspace == self.workspace,
            letters.c.ref != but,
            letters.c.claimed_at >= since,
            letters.c.state.in_((NoticeState.SENT, NoticeState.UNCLEAR, NoticeState.SENDING)),
        )
        with reading(self.engine) as connection:
            return connection.scalar(query.limit(1)) is not None

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
        manner=Manner(
            delivery=row.delivery,
            admin_id=row.admin_id,
            template=row.template,
            findable=bool(row.findable),
            api_at=row.api_at,
        ),
    )


def domains_of(connection: Connection, ref: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The domains that are still in a letter, and the contact that names each."""
    query = sa.select(notices.c.domain, notices.c.contact_id).where(notices.c.ref == ref, notices.c.inside.is_(True))
    inside = connection.execute(query.order_by(notices.c.id)).all()
    return tuple(row.domain for row in inside), tuple(row.contact_id for row in inside)
