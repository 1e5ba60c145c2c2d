"""The second opinion beside the reports: a report is there at once, and is replaced by itself once it is complete.

Whoever waits for a report may wait for the opinion too, and nobody has to. A place is held for each opinion that is
asked for, so that an engine which falls behind or hangs costs opinions and never a report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from spfcheck.api.reports.entries import Entry, entry_of
from spfcheck.audit.report.model import Report
from spfcheck.audit.report.serialise import report_of

OPINION_SECONDS = 25.0
"""An opinion ends by itself before: pyspf has 10 s for today's record and for the proposed one each."""


class Opinions:
    """The opinions that are being asked for, one for each report.

    *ask* gives a report with the opinion in it; *keep* takes the entry of what it gave, and the entry as it was where
    it gave nothing.
    """

    def __init__(
        self,
        ask: Callable[[Report], Awaitable[Report]],
        keep: Callable[[Entry], None],
        on_disagreement: Callable[[Report], None],
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

    def of(self, entry: Entry, report: Report | None = None) -> asyncio.Task[Entry] | None:
        """What gives *entry* completed, begun where it is not under way; None where there is no place for it.

        *report* is what *entry* was made of, where that is at hand.
        """
        task = self._under_way.get(entry.report_id)
        if task is None and len(self._under_way) < self._places:
            task = asyncio.create_task(self._complete(entry, report), name=f"opinion {entry.domain}")
            self._under_way[entry.report_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(entry.report_id))
        return task

    async def _complete(self, entry: Entry, report: Report | None) -> Entry:
        made = entry
        try:
            async with asyncio.timeout(OPINION_SECONDS):
                whole = await self._ask(report or report_of(entry.full))
            made = entry_of(whole)
            if whole.opinion.agrees is False:
                self._on_disagreement(whole)
        except Exception as error:  # noqa: BLE001 - a report without an opinion is worth as much to whoever has asked
            self._log.error("no second opinion", domain=entry.domain, report_id=entry.report_id, exc_info=error)
        finally:
            self._keep(made)  # also where the service ends before the opinion is there
        return made

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those under way, for whoever ends the service."""
        return list(self._under_way.values())
