"""The audience of one night on disk: a million contacts in flat memory, each distinct domain once.

A scratch database that lives as long as one process makes the plan; where several do, it is a `SharedRoster`. It holds
ids and keyed hashes, no address.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

MOST_REFUSED = 200
"""Examples of texts that were no domain; the count goes on."""


@dataclass(slots=True)
class Gathered:
    """How far reading the audience has come, and in the end how large it is."""

    counted: int = 0
    received: int = 0
    kept_out: int = 0
    """Contacts that are held for consent."""
    without_domain: int = 0
    refusals: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    """The first texts that were no domain, why, and whose they are, for the staff's list."""
    missing_tags: list[str] = field(default_factory=list)
    """Tags that opt out by the settings, and that the workspace does not have."""
    search: int = 0
    """Which search it is in: 0 for the audience, then those for whoever is held."""
    cursor: str = ""
    """Where that search goes on; empty at the beginning and at the end."""

    def refuse(self, refusals: Iterable[tuple[str, str, str]]) -> None:
        """Keep texts that were no domain."""
        for refusal in refusals:
            self.refusals += 1
            if len(self.refused) < MOST_REFUSED and refusal not in self.refused:
                self.refused.append(refusal)


NO_DOMAIN = ""
"""What stands for the domain of a contact that names none; it was received all the same."""


class Member(NamedTuple):
    """One contact with one of its domains, or with `NO_DOMAIN`."""

    contact_id: str
    person: str
    domain: str
    hold: str
    """Why the contact is not messaged by what it says itself; empty when it may be."""
    tagged: bool
    """Carries the tag that we put on whom we messaged."""
    rank: int = 0
    """Whose turn it is before others of the same domain: lower ones come first."""
    companies: str = ""
    """Ids of the contact's companies, with spaces between them."""


class Against(NamedTuple):
    """What one contact says of the person behind it, whatever domain it names."""

    person: str
    mark: str
    """A hold that is the person's, `TAGGED`, or `FORMERLY` and another hash of the same mailbox."""


FORMERLY = "formerly "
TAGGED = "tagged"
"""A contact of the person carries the tag that we put on whom we messaged."""

Company = tuple[str, Sequence[str]]
"""The id of a company, and its domains."""


class Members(Protocol):
    """A night's audience once everybody is in; read in the writer thread."""

    def domain_count(self) -> int:
        """How many distinct domains there are."""

    def people_count(self) -> int:
        """How many people with a domain there are, each mailbox once."""

    def members(self, domain: str) -> list[Member]:
        """The members of one domain, in a stable order."""

    def against(self, persons: Collection[str]) -> Mapping[str, frozenset[str]]:
        """What the contacts of each of *persons* say of them, where they say anything."""


AT_ONCE = 500
"""Names in one question to a database."""


class Roster:
    """Collects members, then gives them back by domain."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="spfcheck-", dir=directory)
        # Filled by the event loop, then read by the writer thread: never by both at a time.
        self._db = sqlite3.connect(
            Path(self._directory.name) / "roster.sqlite3", isolation_level=None, check_same_thread=False
        )
        # Nothing here outlives the plan, so nothing is worth a sync.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16384", "temp_store=FILE"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute(
            "CREATE TABLE members (contact_id TEXT, person TEXT, domain TEXT, hold TEXT, tagged INTEGER, rank INTEGER,"
            " companies TEXT,"
            " PRIMARY KEY (contact_id, domain)) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE companies (company_id TEXT PRIMARY KEY, domains TEXT) WITHOUT ROWID")
        self._db.execute("CREATE TABLE against (person TEXT, mark TEXT, PRIMARY KEY (person, mark)) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._directory.cleanup()

    async def known(self, contacts: Collection[str]) -> set[str]:
        """Those of *contacts* that are in it already."""
        wanted = ",".join("?" * len(contacts))
        # The names are bound, not written into the question.
        query = f"SELECT DISTINCT contact_id FROM members WHERE contact_id IN ({wanted})"  # noqa: S608
        return {row[0] for row in self._db.execute(query, tuple(contacts))}

    async def take(self, members: Sequence[Member], so_far: Gathered) -> None:
        """Add a page of members. *so_far* need not be kept: whoever comes after begins anew."""
        del so_far
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO members VALUES (?, ?, ?, ?, ?, ?, ?)", members)
        self._db.execute("COMMIT")

    async def note(self, against: Sequence[Against], so_far: Gathered) -> None:
        """Add what a page of contacts says of people."""
        del so_far
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO against VALUES (?, ?)", against)
        self._db.execute("COMMIT")

    def index(self) -> None:
        """Make ready for reading by domain, once everybody is in."""
        self._db.execute("CREATE INDEX by_domain ON members (domain)")

    def domains(self) -> Iterator[str]:
        """Each distinct domain once, in order."""
        for (domain,) in self._db.execute(
            "SELECT DISTINCT domain FROM members WHERE domain != ? ORDER BY domain", (NO_DOMAIN,)
        ):
            yield domain

    def domain_count(self) -> int:
        """How many distinct domains there are."""
        return self._count("domain")

    def people_count(self) -> int:
        """How many people there are, each mailbox once."""
        return self._count("person")

    def _count(self, column: str) -> int:
        query = f"SELECT count(DISTINCT {column}) FROM members WHERE domain != ?"  # noqa: S608 - one of two columns
        return int(self._db.execute(query, (NO_DOMAIN,)).fetchone()[0])

    def members(self, domain: str) -> list[Member]:
        """The members of one domain, in a stable order."""
        query = (
            "SELECT contact_id, person, domain, hold, tagged, rank, companies FROM members WHERE domain = ?"
            " ORDER BY contact_id"
        )
        rows = self._db.execute(query, (domain,))
        return [Member(row[0], row[1], row[2], row[3], bool(row[4]), row[5], row[6]) for row in rows]

    def against(self, persons: Collection[str]) -> dict[str, frozenset[str]]:
        """What the contacts of each of *persons* say of them, where they say anything."""
        found: dict[str, frozenset[str]] = {}
        for person in persons:
            rows = self._db.execute("SELECT mark FROM against WHERE person = ?", (person,)).fetchall()
            if rows:
                found[person] = frozenset(row[0] for row in rows)
        return found

    async def add_companies(self, companies: Sequence[Company]) -> None:
        """Remember the domains of companies."""
        rows = [(company_id, " ".join(domains)) for company_id, domains in companies]
        self._db.executemany("INSERT OR REPLACE INTO companies VALUES (?, ?)", rows)

    async def companies(self, ids: Collection[str]) -> dict[str, list[str]]:
        """The domains of each of *ids* that is known."""
        found = {}
        for company_id in ids:
            row = self._db.execute("SELECT domains FROM companies WHERE company_id = ?", (company_id,)).fetchone()
            if row:
                found[company_id] = row[0].split()
        return found
