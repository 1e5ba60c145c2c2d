"""How fast the messaging API may be asked: within a fifth of what the headers of its answers allow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

WINDOW = 10.0
"""Seconds of one rate-limit window, as the API documents it."""

SHARE = 0.2
"""Of the limit, which other apps of the workspace draw on too."""

RESERVE = 0.1
"""Below this share of the window's requests left, wait for the next window."""

LONGEST_WAIT = 60.0
NO_HEADER_WAIT = 10.0
"""After a 429 that does not say for how long."""
_LIMIT_HEADERS = ("limit", "remaining", "reset")


class Pace:
    """Spaces requests so that they stay within a fifth of what the API allows, as its headers say it.

    *clock* is Unix time (the headers' time), *sleep* waits seconds.
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._interval = 0.0
        self.limit = 0
        """Requests a window, as last told; 0 before the first answer."""

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = self._clock()
        start = max(now, self._next)
        self._next = start + self._interval
        if start > now:
            await self._sleep(min(start - now, LONGEST_WAIT))

    def heed(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of an answer."""
        limit, remaining, reset = (_number(headers.get(f"x-ratelimit-{name}")) for name in _LIMIT_HEADERS)
        if limit is None or limit < 1:
            return
        self.limit = int(limit)
        # At least one request a window: a limit so small that a fifth of it is none is for the caller to refuse.
        self._interval = WINDOW / max(1.0, limit * SHARE)
        if remaining is not None and remaining < limit * RESERVE and reset is not None:
            self._next = max(self._next, min(reset, self._clock() + LONGEST_WAIT))

    def wait_after_429(self, headers: Mapping[str, str]) -> float:
        """Seconds until the API may be asked again."""
        now = self._clock()
        told = _number(headers.get("retry-after"))
        if told is None:
            reset = _number(headers.get("x-ratelimit-reset"))
            told = NO_HEADER_WAIT if reset is None else reset - now
        wait = min(max(told, 0.1), LONGEST_WAIT)
        self._next = max(self._next, now + wait)
        return wait


def _number(text: str | None) -> float | None:
    if text is None or not text.isascii() or not text.strip().isdigit():
        return None
    return float(text[:15])
