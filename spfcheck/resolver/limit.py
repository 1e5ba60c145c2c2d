"""How fast one zone may be asked: nobody floods a third party through us."""

from __future__ import annotations

from typing import Final

MOST_ZONES: Final = 65536
"""Zones remembered before those that are no longer held back are forgotten."""


class ZoneLimit:
    """Lets *rate* questions a second go to one registrable zone, after a burst of *burst* (a GCRA).

    Keeps one number a zone: the time at which its bucket would be full again.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1 / rate
        self._allowance = burst / rate
        self._full_at: dict[str, float] = {}

    def delay(self, zone: str, now: float, patience: float) -> float | None:
        """Seconds that the next question to *zone* has to wait; None, and nothing is booked, when over *patience*."""
        full_at = self._full_at.get(zone, now)
        full_at = (max(now, full_at)) + self._interval
        wait = full_at - self._allowance - now
        if wait > patience:
            return None
        if len(self._full_at) >= MOST_ZONES:
            self._full_at = {name: time for name, time in self._full_at.items() if time > now}
        self._full_at[zone] = full_at
        return wait if wait > 0 else 0.0
