"""Checks as the service runs them: one flight for each domain, lanes that refuse rather than queue, answers in time.

Cached reports are served before any limiter is asked, so a flood of new checks cannot starve them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from spfcheck.api.observe.telemetry import Tracing
from spfcheck.api.reports.entries import Entry, Shelf, Summaries, entry_of, fresh_until, summary_bytes
from spfcheck.audit.examine import examine
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import Ours
from spfcheck.checking.senders import one_check
from spfcheck.resolver.types import Lookup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

FINAL_SECONDS = 25.0
"""An audit ends by itself within 20 s (RFC 7208 4.6.4 asks for at least that); the rest is for a busy machine."""

SUMMARIES_BYTES = 16 * 1024 * 1024
"""Memory for the summaries of bulk checks: some twenty thousand."""

REFRESH_SECONDS = 30.0
"""A domain is asked anew at most this often, whoever wishes it."""


class Source(StrEnum):
    """Where an answer came from."""

    FRESH = "fresh"
    """Checked before, and its answers are still good."""
    CHECKED = "checked"
    """Checked for this request."""
    STALE = "stale"
    """Checked before; the new check has not ended in time."""
    PENDING = "pending"
    """Never checked before; the check has not ended in time."""


@dataclass(frozen=True, slots=True)
class Served:
    """An answer in time: an entry, or None where the check is still going on."""

    source: Source
    entry: Entry | None


class LaneFullError(Exception):
    """As many checks are under way as the lane allows."""

    def __init__(self) -> None:
        super().__init__("As many checks are under way as the service runs at once.")
        # Spread out, or all who were refused come back at the same time.
        self.retry_after = random.randint(1, 5)  # noqa: S311 - no secret hangs on it


class Lane:
    """A bound on checks under way; full means refused, never queued."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.busy = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold one place. Raises `LaneFullError` when there is none."""
        self.take()
        try:
            yield
        finally:
            self.busy -= 1

    def take(self) -> None:
        """Take one place, to be given back by whoever takes it."""
        if self.busy >= self.size:
            raise LaneFullError
        self.busy += 1


class ReportKeeper(Protocol):
    """Where reports are kept for as long as their permalinks hold."""

    def keep(self, entry: Entry) -> None:
        """Keep *entry*; does not wait."""

    async def find(self, report_id: str) -> Entry | None:
        """The report of that id, or None."""

    async def history(self, domain: str, limit: int) -> Sequence[Entry]:
        """The latest reports of *domain*, newest first, one for each change of what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a check needs: answers, the identity to judge, a clock and ids."""

    lookup: Lookup
    mail_from: str
    helo: str
    clock: Callable[[], float]
    new_id: Callable[[], str]


class Checks:
    """The checks of one process."""

    def __init__(
        self,
        bench: Bench,
        ours: Callable[[], Awaitable[Ours]],
        *,
        shelf: Shelf,
        keeper: ReportKeeper,
        cold_lane: int,
        on_disagreement: Callable[[Report], None] = lambda _: None,
        tracing: Tracing | None = None,
    ) -> None:
        self.bench = bench
        self.ours = ours
        self.shelf = shelf
        self.keeper = keeper
        self.cold = Lane(cold_lane)
        self._on_disagreement = on_disagreement
        self._tracing = tracing
        self._flights: dict[str, asyncio.Task[Entry]] = {}
        self._bulk = 0
        self.batches: set[asyncio.Task[Any]] = set()
        """Requests for many domains; they end with the checks under way when the service stops."""
        self._summaries = Summaries(SUMMARIES_BYTES)

    @property
    def flights(self) -> int:
        """How many checks are under way."""
        return len(self._flights) + self._bulk

    def at_hand(self, domain: str, *, fresh: bool = False) -> Entry | None:
        """A report that can be served without any check; with *fresh*, only one that is too new to be asked again."""
        entry = self.shelf.get(domain)
        now = self.bench.clock()
        if entry is None or not entry.fresh(now) or not entry.opinion:
            return None
        return entry if not fresh or now < entry.checked_at + REFRESH_SECONDS else None

    def under_way(self, domain: str) -> bool:
        """True when *domain* is being checked, so that one more who asks costs nothing."""
        return domain in self._flights

    async def within(self, domain: str, seconds: float, *, fresh: bool = False) -> Served:
        """An answer within *seconds*: checked now, else an older one, else none yet. Raises `LaneFullError`."""
        flight = self._flight(domain, fresh=fresh)
        done, _ = await asyncio.wait({flight}, timeout=seconds)
        if done:
            return Served(Source.CHECKED, flight.result())
        old = self.shelf.get(domain)
        if old is not None and old.showable(self.bench.clock()):
            return Served(Source.STALE, old)
        return Served(Source.PENDING, None)

    def bulk_at_hand(self, domain: str, *, full: bool) -> bytes | None:
        """The JSON of a report or its summary that can be served without any check, whatever engines were asked."""
        now = self.bench.clock()
        entry = self.shelf.get(domain)
        if entry is not None and entry.fresh(now):
            return entry.full if full else entry.summary
        return None if full else self._summaries.get(domain, now)

    async def bulk(self, domain: str, *, full: bool) -> bytes:
        """The same by a new check without a second opinion, in the lane of whoever asks for many; it is not kept.

        The check is the caller's own: it ends with the caller, and who else asks meanwhile shares the DNS answers only.
        """
        self._bulk += 1
        try:
            work = self._examine(domain)
            report = await (work if self._tracing is None else self._tracing.check(work))
        finally:
            self._bulk -= 1
        if full:
            entry = entry_of(report)
            self.shelf.put(entry)
            return entry.full
        summary = summary_bytes(report)
        self._summaries.put(domain, summary, fresh_until(report))
        return summary

    async def what_if(self, domain: str, record: str) -> Entry:
        """The report that *domain* would get if it published *record*."""
        async with self.cold.place():
            report = await self._audit(domain, record=record)
        entry = entry_of(report)
        self.shelf.put(entry, latest=False)
        self.keeper.keep(entry)
        return entry

    def _flight(self, domain: str, *, fresh: bool) -> asyncio.Task[Entry]:
        flight = self._flights.get(domain)
        if flight is None:
            self.cold.take()
            flight = asyncio.create_task(self._fly(domain, fresh=fresh), name=f"check {domain}")
            self._flights[domain] = flight
            flight.add_done_callback(lambda task: self._landed(domain, task))
        return flight

    async def _fly(self, domain: str, *, fresh: bool) -> Entry:
        report = await self._audit(domain, fresh=fresh)
        entry = entry_of(report)
        if report.opinion.agrees is False:
            self._on_disagreement(report)
        self.shelf.put(entry)
        self.keeper.keep(entry)
        return entry

    def _landed(self, domain: str, task: asyncio.Task[Entry]) -> None:
        self.cold.busy -= 1
        self._flights.pop(domain, None)
        if not task.cancelled():
            task.exception()  # whoever waits for the flight gets it; nobody may be waiting any more

    async def _audit(self, domain: str, *, record: str | None = None, fresh: bool = False) -> Report:
        work = self._examine(domain, record=record, opinion=True, fresh=fresh)
        async with asyncio.timeout(FINAL_SECONDS):
            return await (work if self._tracing is None else self._tracing.check(work))

    async def _examine(
        self, domain: str, *, record: str | None = None, opinion: bool = False, fresh: bool = False
    ) -> Report:
        bench = self.bench
        return await examine(
            domain,
            one_check(bench.lookup, fresh=fresh),
            await self.ours(),
            mail_from=bench.mail_from,
            helo=bench.helo,
            record=record,
            opinion=opinion,
            clock=bench.clock,
            new_id=bench.new_id,
        )

    async def drain(self, seconds: float) -> None:
        """Wait for the checks under way, at most *seconds*, and cancel the rest."""
        going: list[asyncio.Task[Any]] = [*self._flights.values(), *self.batches]
        if going:
            _, late = await asyncio.wait(going, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
