"""How many new checks a caller may ask for: the generic cell rate algorithm, as a pure function and a small book.

The state of one caller is one number, the theoretical arrival time: when the bucket will be full again.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """*count* events in *seconds*, of which all may come at once after a rest."""

    count: int
    seconds: float

    @property
    def interval(self) -> float:
        """Seconds that one event costs."""
        return self.seconds / self.count


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether one event may happen now."""

    allowed: bool
    remaining: int
    """How many more could follow at once."""
    retry_after: float
    """Seconds until one is allowed; 0 when it was."""
    reset: float
    """Seconds until the whole quota is there again."""


def spend(rate: Rate, arrival: float, now: float) -> tuple[Decision, float]:
    """Spend one event at *now* from the bucket whose theoretical arrival time is *arrival*; the new one comes back."""
    base = max(arrival, now)
    new = base + rate.interval
    over = new - now - rate.seconds
    # A float's dust must not refuse the last event of a full bucket.
    if over > 1e-9:
        return Decision(allowed=False, remaining=0, retry_after=over, reset=base - now), arrival
    remaining = math.floor((rate.seconds - (new - now)) / rate.interval + 1e-9)
    return Decision(allowed=True, remaining=remaining, retry_after=0.0, reset=new - now), new


class Quotas:
    """The buckets of all callers; one that is full again is the same as one never used, so old ones are dropped."""

    def __init__(self, rate: Rate, clock: Callable[[], float], size: int = 10_000) -> None:
        self.rate = rate
        self._clock = clock
        self._size = size
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    def spend(self, caller: str) -> Decision:
        """Spend one event of *caller*."""
        decision, arrival = spend(self.rate, self._arrivals.get(caller, 0.0), self._clock())
        if decision.allowed:
            self._arrivals[caller] = arrival
            self._arrivals.move_to_end(caller)
            if len(self._arrivals) > self._size:
                self._arrivals.popitem(last=False)
        return decision
