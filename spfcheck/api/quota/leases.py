"""Blocks of new checks that batches take ahead, so that a line costs no round trip to whoever counts.

What a process took and did not use within `LEASE_SECONDS` lapses. So over any minute all processes together exceed the
ceiling by at most one block each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from spfcheck.api.quota.gcra import Ceiling

LEASE_SECONDS = 10.0
"""A block that was not used for so long is not used at all: it was granted for a time that is over."""

SHARE = 20
"""A block is at most this part of a minute's ceiling: so many processes find something left."""

LARGEST = 500
"""Checks in a block: more would save nothing, since a process makes some hundred a second."""

LONGEST_WAIT = 1.0
"""Seconds between two looks at an exhausted ceiling: what another process leaves is found soon."""

SHORTEST_WAIT = 0.02
"""So that a ceiling of many thousands a minute is not asked for each single check that comes back."""


@dataclass(slots=True)
class _Lease:
    left: int = 0
    until: float = 0.0
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Leases:
    """The blocks that one process holds, by caller."""

    def __init__(
        self,
        ceiling: Ceiling,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ceiling = ceiling
        self._clock = clock
        self._sleep = sleep
        self._leases: dict[str, _Lease] = {}
        self.block = max(1, min(LARGEST, ceiling.rate.count // SHARE))

    async def take(self, caller: str) -> None:
        """Return once *caller* may have one more check; waits where the ceiling is reached, and refuses nothing."""
        lease = self._leases.get(caller)
        if lease is None:
            lease = self._leases[caller] = _Lease()
        while not self._holds(lease):
            async with lease.taking:
                if not self._holds(lease):  # nobody refilled it meanwhile
                    await self._refill(caller, lease)
        lease.left -= 1

    def _holds(self, lease: _Lease) -> bool:
        # A clock that has gone back must not prolong a lease.
        return lease.left > 0 and 0.0 < lease.until - self._clock() <= LEASE_SECONDS

    async def _refill(self, caller: str, lease: _Lease) -> None:
        decision = await self._ceiling.spend(caller, self.block)
        if decision.allowed:
            lease.left, lease.until = decision.granted, self._clock() + LEASE_SECONDS
        else:
            await self._sleep(min(max(decision.retry_after, SHORTEST_WAIT), LONGEST_WAIT))
