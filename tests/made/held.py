"""pyspf, held at its work until it is let go."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from spfcheck.audit.second_opinion import engines, load_pyspf

__all__ = ["LOAD", "Hold", "held_engine"]

LOAD = f"{load_pyspf.__module__}:{load_pyspf.__name__}"
"""Has a process of pyspf started, where none is."""


class Hold:
    """A process of pyspf that stands still; `set` lets it go on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._held = True
        os.kill(pid, signal.SIGSTOP)

    def set(self) -> None:
        if self._held and self._pid in engines().pids():
            os.kill(self._pid, signal.SIGCONT)
        self._held = False


@contextmanager
def held_engine() -> Iterator[Hold]:
    """Have pyspf stand still until it is let go; at the end it is let go in any case."""
    # In a thread: whoever calls this may have a loop that runs.
    starting = threading.Thread(target=lambda: asyncio.run(engines().run(LOAD)))
    starting.start()
    starting.join()
    (pid,) = engines().pids()
    hold = Hold(pid)
    try:
        yield hold
    finally:
        hold.set()
