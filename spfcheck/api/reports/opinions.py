"""The second opinion beside the reports: a report is there at once, and is replaced by itself once it is complete.

Whoever waits for a report may wait for the opinion too, and nobody has to. A place is held for each opinion that is
asked for, so that an engine which falls behind or hangs costs opinions and never a report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import structlog

from spfcheck.api.reports.entries import Entry, entry_of
from spfcheck.audit.report.model import Report

OPINION_SECONDS = 45.0
"""An opinion ends by itself before: pyspf has 20 s for today's record and for the proposed one each."""


class Opinionated(NamedTuple):
    """A report that the second engine was asked about, and what is said where the two differ."""

    entry: Entry
    result: str
    agrees: bool | None
    detail: str


def opinionated(report: Report) -> Opinionated:
    """*report*, with the opinion in it, as an entry."""
    return Opinionated(entry_of(report), str(report.result), report.opinion.agrees, report.opinion.detail)


class Opinions:
    """The opinions that are being asked for, one for each report.

    *ask* gives an entry with the opinion in it; *keep* takes what it gave, and the entry as it was where that is
    nothing.
    """

    def __init__(
        self,
        ask: Callable[[Entry], Awaitable[Opinionated]],
        keep: Callable[[Entry], None],
        on_disagreement: Callable[[Opinionated], None],
        places: int,
    ) -> None:
        self._ask = ask
        self._keep = keep
        self._on_disagreement = on_disagreement
        self._places = places
        self._under_way: dict[str, asyncio.Task[Entry]] = {}
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    def under_way(self, report_id: str) -> bool:
        """True while the second engine is asked about the report of that id."""
        return report_id in self._under_way

    def of(self, entry: Entry) -> asyncio.Task[Entry] | None:
        """What gives *entry* completed, begun where it is not under way; None where there is no place for it."""
        task = self._under_way.get(entry.report_id)
        if task is None and len(self._under_way) < self._places:
            task = asyncio.create_task(self._complete(entry), name=f"opinion {entry.domain}")
            self._under_way[entry.report_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(entry.report_id))
        return task

    async def _complete(self, entry: Entry) -> Entry:
        made = entry
        try:
            async with asyncio.timeout(OPINION_SECONDS):
                whole = await self._ask(entry)
            made = whole.entry
            if whole.agrees is False:
                self._on_disagreement(whole)
        except Exception as error:  # noqa: BLE001 - a report without an opinion is worth as much to whoever has asked
            self._log.error("no second opinion", domain=entry.domain, report_id=entry.report_id, exc_info=error)
        finally:
            self._keep(made)  # also where the service ends before the opinion is there
        return made

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those under way, for whoever ends the service."""
        return list(self._under_way.values())
