"""The audience of one night on disk: a million contacts in flat memory, each distinct domain once.

A scratch database that lives as long as one process makes the plan; where several do, it is a `SharedRoster`. It holds
ids and keyed hashes, no address.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
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
    """Contacts that the query leaves out for consent."""
    without_domain: int = 0
    refusals: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    """The first texts that were no domain, for the staff's list."""
    cursor: str = ""
    """Where the search goes on; empty at the beginning and at the end."""

    def refuse(self, refusals: Iterable[tuple[str, str]]) -> None:
        """Keep texts that were no domain."""
        for refusal in refusals:
            self.refusals += 1
            if len(self.refused) < MOST_REFUSED:
                self.refused.append(refusal)


class Member(NamedTuple):
    """One contact with one of its domains."""

    contact_id: str
    person: str
    domain: str
    hold: str
    """Why the contact is not messaged by what it says itself; empty when it may be."""
    tagged: bool
    """Carries the tag that we put on whom we messaged."""


Company = tuple[str, Sequence[str]]
"""The id of a company, and its domains."""


class Members(Protocol):
    """A night's audience once everybody is in; read in the writer thread."""

    def domain_count(self) -> int:
        """How many distinct domains there are."""

    def people_count(self) -> int:
        """How many people there are, each mailbox once."""

    def members(self, domain: str) -> list[Member]:
        """The members of one domain, in a stable order."""


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
            "CREATE TABLE members (contact_id TEXT, person TEXT, domain TEXT, hold TEXT, tagged INTEGER,"
            " PRIMARY KEY (contact_id, domain)) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE companies (company_id TEXT PRIMARY KEY, domains TEXT) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._directory.cleanup()

    async def take(self, members: Sequence[Member], so_far: Gathered) -> int:
        """Add a page of members; how many were new. *so_far* need not be kept: whoever comes after begins anew."""
        del so_far
        before = self._db.total_changes
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO members VALUES (?, ?, ?, ?, ?)", members)
        self._db.execute("COMMIT")
        return self._db.total_changes - before

    def index(self) -> None:
        """Make ready for reading by domain, once everybody is in."""
        self._db.execute("CREATE INDEX by_domain ON members (domain)")

    def domains(self) -> Iterator[str]:
        """Each distinct domain once, in order."""
        for (domain,) in self._db.execute("SELECT DISTINCT domain FROM members ORDER BY domain"):
            yield domain

    def domain_count(self) -> int:
        """How many distinct domains there are."""
        return int(self._db.execute("SELECT count(DISTINCT domain) FROM members").fetchone()[0])

    def people_count(self) -> int:
        """How many people there are, each mailbox once."""
        return int(self._db.execute("SELECT count(DISTINCT person) FROM members").fetchone()[0])

    def members(self, domain: str) -> list[Member]:
        """The members of one domain, in a stable order."""
        query = "SELECT contact_id, person, domain, hold, tagged FROM members WHERE domain = ? ORDER BY contact_id"
        return [Member(row[0], row[1], row[2], row[3], bool(row[4])) for row in self._db.execute(query, (domain,))]

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
