"""The audience of a night in the ledger's own database, so that any worker can take any part of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from spfcheck.cluster.nights import Night, clear, keep, progress_of, touch
from spfcheck.notify.audience.roster import AT_ONCE, NO_DOMAIN, Against, Company, Gathered, Member
from spfcheck.notify.ledger.tables import against, companies, members
from spfcheck.notify.planning.checks import CheckHealth
from spfcheck.store.database import Store, WriterThread, reading, writing


class SharedRoster:
    """The audience of the night *plan_id*; `spfcheck.notify.audience.roster.Members` to the planner."""

    def __init__(self, store: Store, plan_id: str) -> None:
        self._store = store
        self._plan_id = plan_id

    def domain_count(self) -> int:
        """How many distinct domains there are."""
        return self._count(members.c.domain)

    def people_count(self) -> int:
        """How many people there are, each mailbox once."""
        return self._count(members.c.person)

    def _count(self, column: sa.Column[str]) -> int:
        query = sa.select(sa.func.count(column.distinct())).where(
            members.c.plan_id == self._plan_id, members.c.domain != NO_DOMAIN
        )
        with reading(self._store) as connection:
            return int(connection.scalar(query) or 0)

    def members(self, domain: str) -> list[Member]:
        """The members of one domain, in a stable order."""
        query = sa.select(members).where(members.c.plan_id == self._plan_id, members.c.domain == domain)
        with reading(self._store) as connection:
            rows = connection.execute(query.order_by(members.c.contact_id))
            return [Member(*(getattr(row, name) for name in Member._fields)) for row in rows]

    def against(self, persons: Collection[str]) -> dict[str, frozenset[str]]:
        """What the contacts of each of *persons* say of them, where they say anything."""
        wanted, found = sorted(persons), dict[str, frozenset[str]]()
        with reading(self._store) as connection:
            for start in range(0, len(wanted), AT_ONCE):
                part = against.c.person.in_(wanted[start : start + AT_ONCE])
                query = sa.select(against.c.person, against.c.mark).where(against.c.plan_id == self._plan_id, part)
                for person, mark in connection.execute(query):
                    found[person] = found.get(person, frozenset()) | {mark}
        return found


class SharedBook:
    """Where the audience of *night* is written down by the worker that holds it; every page with its cursor.

    A worker that comes after goes on behind the last page. All methods raise `StaleError` once the night is another's.
    """

    def __init__(
        self, store: Store, night: Night, health: CheckHealth, write: WriterThread, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._night = night
        self._health = health
        self._write = write
        self._clock = clock

    async def so_far(self) -> Gathered:
        """What another worker read already; where it cannot be gone on with, everything begins anew."""
        gathered = self._night.gathered
        if gathered.cursor:
            return gathered
        await self.forget()
        return Gathered()

    async def forget(self) -> None:
        """Begin anew."""
        await self._write(self._forget)

    def _forget(self) -> None:
        with writing(self._store) as connection:
            keep(connection, self._night, progress_of(Gathered(), self._health), self._clock())
            clear(connection, self._night.plan_id)

    async def known(self, contacts: Collection[str]) -> set[str]:
        """Those of *contacts* that are in it already."""
        return await self._write(self._known, sorted(contacts)) if contacts else set()

    def _known(self, contacts: Sequence[str]) -> set[str]:
        query = sa.select(members.c.contact_id).where(
            members.c.plan_id == self._night.plan_id, members.c.contact_id.in_(contacts)
        )
        with reading(self._store) as connection:
            return set(connection.scalars(query.distinct()))

    async def take(self, members: Sequence[Member], so_far: Gathered) -> None:
        """Add a page of members, and how far it has come with it."""
        await self._write(self._take, members, so_far)

    def _take(self, page: Sequence[Member], so_far: Gathered) -> None:
        values = [{"plan_id": self._night.plan_id, **member._asdict()} for member in page]
        with writing(self._store) as connection:
            keep(connection, self._night, progress_of(so_far, self._health), self._clock())
            if values:
                insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
                connection.execute(insert(members).on_conflict_do_nothing(), values)

    async def note(self, against: Sequence[Against], so_far: Gathered) -> None:
        """Add what a page of contacts says of people, and how far it has come with it."""
        await self._write(self._note, against, so_far)

    def _note(self, page: Sequence[Against], so_far: Gathered) -> None:
        values = [{"plan_id": self._night.plan_id, **note._asdict()} for note in page]
        with writing(self._store) as connection:
            keep(connection, self._night, progress_of(so_far, self._health), self._clock())
            if values:
                insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
                connection.execute(insert(against).on_conflict_do_nothing(), values)

    async def add_companies(self, companies: Sequence[Company]) -> None:
        """Remember the domains of companies."""
        if companies:
            await self._write(self._add_companies, companies)

    def _add_companies(self, known: Sequence[Company]) -> None:
        values = [
            {"plan_id": self._night.plan_id, "company_id": company_id, "domains": " ".join(domains)}
            for company_id, domains in known
        ]
        with writing(self._store) as connection:
            touch(connection, self._night, self._clock())
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            statement = insert(companies)
            statement = statement.on_conflict_do_update(
                index_elements=["plan_id", "company_id"], set_={"domains": statement.excluded.domains}
            )
            connection.execute(statement, values)

    async def companies(self, ids: Collection[str]) -> dict[str, list[str]]:
        """The domains of each of *ids* that is known."""
        return await self._write(self._companies, sorted(ids)) if ids else {}

    def _companies(self, ids: Sequence[str]) -> dict[str, list[str]]:
        query = sa.select(companies).where(companies.c.plan_id == self._night.plan_id, companies.c.company_id.in_(ids))
        with reading(self._store) as connection:
            return {row.company_id: row.domains.split() for row in connection.execute(query)}
