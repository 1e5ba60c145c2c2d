"""Everything that may end a run of sending between two messages, and waiting with an eye on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import Brake, NotifyError, Reason
from spfcheck.notify.planning.brakes import quiet
from spfcheck.notify.sending.lock import SenderLock
from spfcheck.settings import SettingsError
from spfcheck.store.database import WriterThread

T = TypeVar("T")

SLICE = 1.0
"""Seconds between two looks at the switch while waiting."""

GRACE = 10.0
"""Seconds that a call which may not be repeated goes on for after the run was asked to end: most come to an answer."""


class Halt(Exception):  # noqa: N818 - the end of a run, not a fault of the program
    """The run ends here; the message is a sentence."""

    def __init__(self, sentence: str, reason: Reason = Reason.STOPPED, brake: Brake | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.brake = brake


@dataclass(frozen=True, slots=True)
class Clocks:
    """The time of day, and a clock that nobody sets: where they part, the time of day was changed, or we stood still.

    *sleep* waits seconds by both.
    """

    now: Callable[[], float]
    steady: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]

    def jump(self, since: tuple[float, float]) -> float:
        """Seconds by which the time of day jumped *since* both clocks were read."""
        return (self.now() - since[0]) - (self.steady() - since[1])

    def read(self) -> tuple[float, float]:
        """Both clocks, for a later `jump`."""
        return self.now(), self.steady()


def clock_brake(jumped: float, guards: Guards) -> Brake:
    """The brake on a clock that jumped; quiet hours, ages and quiet times were measured by it."""
    sentence = f"The clock of this machine jumped by {jumped:.0f} s while messages were sent."
    return Brake("clock", abs(jumped), guards.clock_skew_max, abs(jumped) > guards.clock_skew_max, sentence)


class Watch:
    """Looks at the switches, the clock, the lock and what is in force just now. *present* reads the settings anew."""

    def __init__(
        self,
        *,
        stops: Stops,
        lock: SenderLock,
        write: WriterThread,
        clocks: Clocks,
        stop: asyncio.Event,
        timezone: str,
        present: Callable[[], Guards],
        refuse: Callable[[Guards], str],
    ) -> None:
        self._stops = stops
        self._lock = lock
        self._write = write
        self._clocks = clocks
        self._stop = stop
        self._timezone = timezone
        self._present = present
        self._refuse = refuse
        self._begun = clocks.read()
        self.guards = present()
        """As the settings were when they were last read."""

    async def reread(self) -> Guards:
        """What is in force before the next letter; raises `Halt` when it forbids any."""
        try:
            self.guards = self._present()
        except (SettingsError, NotifyError) as error:
            raise Halt(f"The settings cannot be read any more, so sending stops: {error}") from error
        if not self.guards.enabled:
            raise Halt("Sending was switched off (SPFCHECK_NOTIFY_ENABLED).")
        refusal = await self._write(self._refuse, self.guards)
        if refusal:
            raise Halt(refusal)
        return self.guards

    async def may_go_on(self) -> None:
        """Raise `Halt` when no message may go out."""
        if self._stop.is_set():
            raise Halt("The run was asked to end.")
        paused = await self._write(self._stops.paused)
        if paused:
            raise Halt(paused)
        jump = clock_brake(self._clocks.jump(self._begun), self.guards)
        if jump.tripped:
            raise Halt(jump.sentence, brake=jump)
        if quiet(self.guards, self._clocks.now(), self._timezone):
            raise Halt("Quiet hours have begun in the workspace's time zone.", Reason.QUIET_HOURS)
        if not await self._write(self._lock.held):
            raise Halt("The sender's lock is no longer held, or the database was moved away.")

    async def rest(self, seconds: float) -> None:
        """Wait, with an eye on the switch."""
        until = self._clocks.now() + seconds
        while (left := until - self._clocks.now()) > 0:
            await self._clocks.sleep(min(left, SLICE))
            if left > SLICE:
                await self.may_go_on()

    async def during(self, work: Awaitable[T], *, grace: float = 0.0) -> T | None:
        """What *work* comes to; None when the run had to end meanwhile, and *grace* seconds did not finish it.

        An answer that drips in must not outlast a pause.
        """
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=SLICE)
                if not task.done() and await self._ending():
                    await asyncio.wait({task}, timeout=grace)
                    break
            return task.result() if task.done() else None
        finally:
            task.cancel()

    async def _ending(self) -> bool:
        return self._stop.is_set() or bool(await self._write(self._stops.paused))
