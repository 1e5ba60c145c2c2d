"""Lines that would come with every request while something is broken, once a minute each."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog

EVERY_SECONDS = 60.0
"""How often one event is told at most."""


class Seldom:
    """Writes an event's first line at once and then one a minute, with how often it came (`times`)."""

    def __init__(
        self, log: structlog.typing.FilteringBoundLogger | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log: structlog.typing.FilteringBoundLogger = log or structlog.get_logger()
        self._clock = clock
        self._events: dict[str, tuple[float, int]] = {}

    def error(self, event: str, **facts: Any) -> None:
        """Tell of something that is broken."""
        self._tell(self._log.error, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Tell of something that may have to be looked at."""
        self._tell(self._log.warning, event, facts)

    def _tell(self, write: Callable[..., Any], event: str, facts: dict[str, Any]) -> None:
        after, times = self._events.get(event, (0.0, 0))
        now = self._clock()
        if now < after:
            self._events[event] = (after, times + 1)
            return
        self._events[event] = (now + EVERY_SECONDS, 0)
        write(event, times=times + 1, **facts)
