"""How many new checks a caller may ask for: the generic cell rate algorithm, as a pure function and a small book.

The state of one caller is one number, the theoretical arrival time: when the bucket will be full again. What several
processes share is in `ceilings`, by the same algorithm.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

DUST = 1e-5
"""Events by which rounding may err: a Unix time has 2e-7 s in its last bit, and a full bucket must yield its last."""


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
class Grant:
    """How many events may happen now, of those that were asked for."""

    granted: int
    remaining: int
    """How many more could follow at once."""
    retry_after: float
    """Seconds until one is allowed; 0 when one was."""
    reset: float
    """Seconds until the whole quota is there again."""

    @property
    def allowed(self) -> bool:
        """True when at least one may happen."""
        return self.granted > 0


def spend(rate: Rate, arrival: float, now: float, wanted: int = 1) -> tuple[Grant, float]:
    """Spend up to *wanted* events at *now* from the bucket whose theoretical arrival time is *arrival*.

    The new arrival time comes back with the decision. One that lies further ahead than a whole quota was written by a
    clock that has gone back since; the bucket begins anew.
    """
    ahead = arrival - now if arrival - now <= rate.seconds + 1.0 else 0.0
    base = max(ahead, 0.0)
    room = math.floor((rate.seconds - base) / rate.interval + DUST)
    granted = max(0, min(wanted, room))
    return decide(rate, base + granted * rate.interval, granted), now + base + granted * rate.interval


def decide(rate: Rate, ahead: float, granted: int) -> Grant:
    """The decision that *granted* events mean, where the bucket is full again after *ahead* seconds."""
    if not granted:
        return Grant(0, 0, retry_after=max(ahead + rate.interval - rate.seconds, 0.0), reset=ahead)
    return Grant(granted, math.floor((rate.seconds - ahead) / rate.interval + DUST), retry_after=0.0, reset=ahead)


class Ceiling(Protocol):
    """Where callers' events are counted."""

    @property
    def rate(self) -> Rate:
        """What each caller may spend."""

    async def spend(self, caller: str, wanted: int = 1, *, subject: str = "") -> Grant:
        """Spend up to *wanted* events of *caller*; those who name the same *subject* meanwhile spend together."""


class Quotas:
    """The buckets of one process; one that is full again is the same as one never used, so old ones are dropped."""

    def __init__(self, rate: Rate, clock: Callable[[], float], size: int = 10_000) -> None:
        self._rate = rate
        self._clock = clock
        self._size = size
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    @property
    def rate(self) -> Rate:
        """What each caller may spend."""
        return self._rate

    async def spend(self, caller: str, wanted: int = 1, *, subject: str = "") -> Grant:
        """Spend up to *wanted* events of *caller*. Does not wait, so nobody else names the *subject* meanwhile."""
        del subject
        return self.take(caller, wanted)

    def take(self, caller: str, wanted: int = 1) -> Grant:
        """The same, for whoever cannot wait."""
        decision, arrival = spend(self._rate, self._arrivals.get(caller, 0.0), self._clock(), wanted)
        if decision.allowed:
            self._arrivals[caller] = arrival
            self._arrivals.move_to_end(caller)
            if len(self._arrivals) > self._size:
                self._arrivals.popitem(last=False)
        return decision

    def look(self, caller: str) -> Grant:
        """What the bucket of *caller* holds, without spending: refused where it is empty."""
        now = self._clock()
        arrival = self._arrivals.get(caller, 0.0)
        decision, _ = spend(self._rate, arrival, now)
        return decision
