"""Where reports are kept for as long as their permalinks hold."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

from spfcheck.api.reports.entries import Entry

REMEMBERED = 2_000
"""Reports that are kept in memory where there is no database."""

HISTORY = 20
"""Changes of one domain that are remembered."""


class Shelved:
    """A keeper in memory, for tests, the demo and a service without a database: bounded, and gone with the process."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self.lost = 0
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._domains: OrderedDict[str, deque[Entry]] = OrderedDict()

    def keep(self, entry: Entry) -> None:
        """Keep *entry*, in the place of one of the same id; the oldest gives way."""
        before = self._entries.get(entry.report_id)
        self._entries[entry.report_id] = entry
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        changes = self._domains.setdefault(entry.domain, deque(maxlen=HISTORY))
        if before is not None and before in changes:
            changes[changes.index(before)] = entry
        if not changes or changes[-1].gist != entry.gist:
            changes.append(entry)
        self._domains.move_to_end(entry.domain)
        if len(self._domains) > self._size:
            self._domains.popitem(last=False)

    async def find(self, report_id: str) -> Entry | None:
        """The report of that id, or None."""
        return self._entries.get(report_id)

    async def history(self, domain: str, limit: int) -> Sequence[Entry]:
        """The changes of *domain*, newest first."""
        return list(reversed(self._domains.get(domain, ())))[:limit]
