"""What the checks rest on: our own senders, read again when their answers run out, and a lookup for each check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from spfcheck.audit.prepare import prepare
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.resolver.canary import Health, ResolverCheck
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.types import Lookup
from spfcheck.settings import Settings


def one_check(lookup: Lookup, *, fresh: bool = False) -> Lookup:
    """*lookup* for one check: over a resolver one deadline and one view for all its questions.

    With *fresh* nothing is taken from the cache: a record may have been repaired just now.
    """
    return lookup.with_deadline(fresh=fresh) if isinstance(lookup, Resolver) else lookup


def profiles_of(settings: Settings) -> list[SenderProfile]:
    """The profiles that *settings* name; empty when they name none."""
    return [
        SenderProfile(name=sender.name, include=sender.include, networks=tuple(sender.networks))
        for sender in settings.sender_profiles()
    ]


class OurSenders:
    """What our senders send from, read again when its answers run out."""

    def __init__(
        self,
        profiles: Sequence[SenderProfile],
        lookup: Lookup,
        clock: Callable[[], float],
        watch: ResolverCheck | None = None,
    ) -> None:
        self._profiles = profiles
        self._watch = watch
        self._lookup = lookup
        self._clock = clock
        self._ours: Ours | None = None
        self._until = 0.0
        self._reading: asyncio.Task[None] | None = None

    async def current(self) -> Ours:
        """The senders as they are known now; not ready while a resolver says what we know to be false.

        The first time that waits for a look at the resolvers. Whoever stops waiting stops nobody else.
        """
        if self._watch is not None and not self._watch.state.servers:
            await self._once(self._look)
        if self._watch is not None and self._watch.state.health is Health.LYING:
            return Ours(ready=False, reasons=self._watch.state.reasons, expires_at=self._clock())
        if self._ours is None or self._clock() >= self._until:
            await self._once(self._read)
        assert self._ours is not None
        return self._ours

    async def _once(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have *work* done, once however many wait for it."""
        if self._reading is None:
            self._reading = asyncio.create_task(work())
            self._reading.add_done_callback(self._ended)
        await asyncio.shield(self._reading)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # whoever waits gets it; nobody may be waiting any more

    async def _look(self) -> None:
        assert self._watch is not None
        await self._watch.look()

    async def _read(self) -> None:
        now = self._clock()
        self._ours = await prepare(self._profiles, one_check(self._lookup), clock=lambda: now)
        self._until = self._ours.expires_at
