"""Checks as the service runs them: one flight for each domain, lanes that refuse rather than queue, answers in time.

Cached reports are served before any limiter is asked, so a flood of new checks cannot starve them. A check makes its
report alone; the second opinion is asked beside it (`opinions`) where somebody is shown the whole of it.
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
from spfcheck.api.reports.entries import Entry, Made, Shelf, Summaries, made_short, made_whole
from spfcheck.api.reports.opinions import Opinionated, Opinions, opinionated
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import Ours
from spfcheck.checking.costly import CostlyChecks
from spfcheck.checking.senders import one_check
from spfcheck.resolver.types import Lookup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

FINAL_SECONDS = 45.0
"""An audit ends by itself within 20 s (RFC 7208 4.6.4 asks for at least that); one that proves to be costly then
has as long again, and the rest is for a busy machine."""

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

    @property
    def lost(self) -> int:
        """How many could not be kept."""

    def keep(self, entry: Entry) -> None:
        """Keep *entry*, in the place of one of the same id; does not wait."""

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
        costly: CostlyChecks,
        cold_lane: int,
        on_disagreement: Callable[[Opinionated], None] = lambda _: None,
        tracing: Tracing | None = None,
    ) -> None:
        self.bench = bench
        self.ours = ours
        self.shelf = shelf
        self.keeper = keeper
        self.costly = costly
        self.cold = Lane(cold_lane)
        self.opinions = Opinions(self._completed, self._put_in_place, on_disagreement, cold_lane)
        self._tracing = tracing
        self._flights: dict[str, asyncio.Task[Entry]] = {}
        self._wished: set[str] = set()
        """Domains under way whose whole report somebody waits for."""
        self._bulk = 0
        self.batches: set[asyncio.Task[Any]] = set()
        """Requests for many domains; they end with the checks under way when the service stops."""
        self._summaries = Summaries(SUMMARIES_BYTES)

    @property
    def flights(self) -> int:
        """How many checks are under way."""
        return len(self._flights) + self._bulk

    def at_hand(self, domain: str, *, fresh: bool = False, whole: bool) -> Entry | None:
        """A report that can be served without any check; with *fresh*, only one that is too new to be asked again.

        With *whole*, only one to which no second opinion comes any more.
        """
        entry = self.shelf.get(domain)
        now = self.bench.clock()
        if entry is None or not entry.fresh(now) or (whole and not entry.whole):
            return None
        return entry if not fresh or now < entry.checked_at + REFRESH_SECONDS else None

    def under_way(self, domain: str) -> bool:
        """True when *domain* is being checked, so that one more who asks costs nothing."""
        return domain in self._flights

    async def within(self, domain: str, seconds: float, *, fresh: bool = False, opinion: float | None = None) -> Served:
        """An answer within *seconds*: at hand, checked now, else an older one, else none yet. Raises `LaneFullError`.

        With *opinion* the whole report is wanted, and so many of the seconds may go to the second opinion.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        source, entry = Source.FRESH, self.at_hand(domain, fresh=fresh, whole=False)
        if entry is None:
            flight = self._flight(domain, fresh=fresh, whole=opinion is not None)
            done, _ = await asyncio.wait({flight}, timeout=seconds)
            if not done:
                old = self.shelf.get(domain)
                if old is not None and old.showable(self.bench.clock()):
                    return Served(Source.STALE, old)
                return Served(Source.PENDING, None)
            source, entry = Source.CHECKED, flight.result()
        if opinion is None:
            return Served(source, entry)
        return Served(source, await self._whole(entry, min(opinion, max(0.0, end - clock()))))

    async def _whole(self, entry: Entry, seconds: float) -> Entry:
        """*entry* with the second opinion, if that comes within *seconds*; else as it is."""
        entry = self.shelf.by_id(entry.report_id) or entry  # it may have come meanwhile
        asked = None if entry.whole else self.opinions.of(entry)
        if asked is None:
            return entry
        done, _ = await asyncio.wait({asked}, timeout=seconds)
        return asked.result() if done and not asked.cancelled() else entry

    async def shown(self, entry: Entry, seconds: float) -> Entry:
        """*entry*, found by its id, with the second opinion if that can still be asked for and comes in time."""
        # Afterwards what is asked beyond its own evidence would be of another time.
        return await self._whole(entry, seconds) if entry.fresh(self.bench.clock()) else entry

    def asking(self, entry: Entry) -> bool:
        """True while the second engine is asked about *entry*, so that it is worth asking again for it."""
        return not entry.whole and self.opinions.under_way(entry.report_id)

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
            work = self._examine(domain, made_whole if full else made_short)
            made = await (work if self._tracing is None else self._tracing.check(work))
        finally:
            self._bulk -= 1
        if made.entry is not None:
            # Who is shown the domain alone is shown where else its record may stand, too.
            self.shelf.put(made.entry, latest=not made.unsearched)
            return made.entry.full
        self._summaries.put(domain, made.summary, made.fresh_until)
        return made.summary

    async def what_if(self, domain: str, record: str, *, opinion: float) -> Entry:
        """The report that *domain* would get if it published *record*; the second opinion may take *opinion* seconds.

        Raises `LaneFullError`.
        """
        async with self.cold.place():
            entry = await self._audit(domain, record=record)
        self.shelf.put(entry, latest=False)
        self._complete(entry)
        return await self._whole(entry, opinion)

    def _flight(self, domain: str, *, fresh: bool, whole: bool) -> asyncio.Task[Entry]:
        flight = self._flights.get(domain)
        if flight is None:
            self.cold.take()
            flight = asyncio.create_task(self._fly(domain, fresh=fresh), name=f"check {domain}")
            self._flights[domain] = flight
            flight.add_done_callback(lambda task: self._landed(domain, task))
        if whole:
            self._wished.add(domain)
        return flight

    async def _fly(self, domain: str, *, fresh: bool) -> Entry:
        entry = await self._audit(domain, fresh=fresh)
        self.shelf.put(entry)
        if domain in self._wished:
            self._complete(entry)
        else:
            self.keeper.keep(entry)
        return entry

    def _complete(self, entry: Entry) -> None:
        """Have the second engine asked, and the report kept once it is complete."""
        if entry.whole or self.opinions.of(entry) is None:
            self.keeper.keep(entry)

    async def _completed(self, entry: Entry) -> Opinionated:
        return await self.costly.complete(entry.full, one_check(self.bench.lookup), await self.ours(), opinionated)

    def _put_in_place(self, entry: Entry) -> None:
        """Have *entry* served from now on instead of the one that it completes."""
        self.shelf.complete(entry)
        self.keeper.keep(entry)

    def _landed(self, domain: str, task: asyncio.Task[Entry]) -> None:
        self.cold.busy -= 1
        self._flights.pop(domain, None)
        self._wished.discard(domain)
        if not task.cancelled():
            task.exception()  # whoever waits for the flight gets it; nobody may be waiting any more

    async def _audit(self, domain: str, *, record: str | None = None, fresh: bool = False) -> Entry:
        work = self._examine(domain, made_whole, record=record, fresh=fresh, search=True)
        async with asyncio.timeout(FINAL_SECONDS):
            made = await (work if self._tracing is None else self._tracing.check(work))
        assert made.entry is not None
        return made.entry

    async def _examine(
        self,
        domain: str,
        made: Callable[[Report], Made],
        *,
        record: str | None = None,
        fresh: bool = False,
        search: bool = False,
    ) -> Made:
        bench = self.bench
        return await self.costly.examine(
            domain,
            lambda: one_check(bench.lookup, fresh=fresh),
            await self.ours(),
            mail_from=bench.mail_from,
            helo=bench.helo,
            record=record,
            search=search,
            clock=bench.clock,
            new_id=bench.new_id,
            made=made,
        )

    async def drain(self, seconds: float) -> None:
        """Wait for the checks under way, at most *seconds*, and cancel the rest."""
        end = asyncio.get_running_loop().time() + seconds
        await _ended([*self._flights.values(), *self.batches], seconds)
        await _ended(self.opinions.tasks(), max(0.0, end - asyncio.get_running_loop().time()))


async def _ended(going: list[asyncio.Task[Any]], seconds: float) -> None:
    if going:
        _, late = await asyncio.wait(going, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
