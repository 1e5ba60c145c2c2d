"""One question under way: held back by its zone's limit, followed along its CNAMEs, answered for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from spfcheck.names import registrable
from spfcheck.resolver.answer_cache import MAX_NEGATIVE_TTL, MAX_TTL
from spfcheck.resolver.limit import ZoneLimit
from spfcheck.resolver.reading import Reading
from spfcheck.resolver.transport import Transport
from spfcheck.resolver.types import Answer, Outcome, Question
from spfcheck.resolver.wire_names import decode
from spfcheck.rfc7208.making import maker

LONGEST_DELAY: Final = 20.0
"""Seconds for which a question may be held back by the limit of its zone; beyond, it fails as `Outcome.LIMITED`."""
TICK: Final = 0.05
"""Seconds between two looks at the deadlines of those who wait."""


_new_answer: Final = maker(Answer)
_OK: Final = Outcome.OK  # an attribute of an enum takes three times as long to find


class Flight:
    """One question under way, over as many exchanges as its CNAMEs need; *landed* is told once, then *waiters*."""

    __slots__ = (
        "_chain", "_clock", "_delay", "_landed", "_limit", "_name", "_secure", "_server", "_stale", "_started",
        "_transport", "_ttl", "_wall", "answer", "fresh", "question", "waiters",
    )  # fmt: skip

    def __init__(
        self,
        transport: Transport,
        limit: ZoneLimit,
        wall: Callable[[], float],
        landed: Callable[[Flight, Answer], None],
        question: Question,
        name: bytes,
        fresh: bool,
        server: int | None,
    ) -> None:
        self._transport = transport
        self._limit = limit
        self._clock = transport.clock
        self._wall = wall
        self._landed = landed
        self._name = name
        self._server = server
        self._chain: tuple[bytes, ...] = ()
        self._ttl = MAX_TTL
        self._secure = True
        self._stale = False
        self._delay: asyncio.TimerHandle | None = None
        self._started = self._clock()
        self.question = question
        self.fresh = fresh
        self.waiters: list[asyncio.Future[Answer]] = []
        self.answer: Answer | None = None

    def start(self) -> None:
        """Send the question, now or when the limit of its zone lets us."""
        self._go(self._name, self.question.name, self._started)

    def abandon(self) -> None:
        """End as unreachable."""
        if self.answer is None:
            self._finish(Reading(Outcome.UNREACHABLE, detail="the resolver is being closed"), "local")

    def _go(self, name: bytes, text: str, now: float) -> None:
        delay = self._limit.delay(registrable(text), now, LONGEST_DELAY)
        if delay is None:
            self._finish(Reading(Outcome.LIMITED, detail="too many questions to one zone at a time"), "local")
        elif delay > 0:
            self._delay = asyncio.get_running_loop().call_later(delay, self._send, name)
        elif self._chain:
            self._send(name)
        else:
            self._transport.ask(name, self.question.rtype, (), self._answered, self._server, now)

    def _send(self, name: bytes) -> None:
        self._delay = None
        seen = (self._name, *self._chain[:-1]) if self._chain else ()
        self._transport.ask(name, self.question.rtype, seen, self._answered, self._server, self._clock())

    def _answered(self, reading: Reading, server: str) -> None:
        if reading.chain:
            self._chain += reading.chain
        self._secure &= reading.authenticated
        self._stale |= reading.stale
        if reading.follow is not None and self.answer is None:
            self._ttl = min(self._ttl, reading.ttl)
            self._go(reading.follow, decode(reading.follow), self._clock())
        else:
            self._finish(reading, server)

    def _finish(self, reading: Reading, server: str) -> None:
        if self.answer is not None:
            return
        if self._delay is not None:
            self._delay.cancel()
        outcome = reading.outcome
        if outcome is _OK:
            ttl = min(self._ttl, reading.ttl)
        elif outcome is Outcome.NODATA or outcome is Outcome.NXDOMAIN:
            ttl = min(reading.ttl, self._ttl, MAX_NEGATIVE_TTL)
        else:
            ttl = 0
        self.answer = answer = _new_answer(
            self.question,
            outcome,
            reading.records,
            ttl,
            server,
            int((self._clock() - self._started) * 1e6) / 1000,
            reading.rcode,
            self._secure and outcome is _OK,
            reading.soa_seen,
            tuple(map(decode, self._chain)) if self._chain else (),
            reading.illegal_cname,
            reading.detail,
            self._stale,
            self._wall(),
        )
        self._landed(self, answer)
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(answer)


class Deadlines:
    """When those who wait have to be answered, by one sweeper; *late* makes the answer."""

    def __init__(self, clock: Callable[[], float], late: Callable[[Question], Answer]) -> None:
        self._clock = clock
        self._late = late
        self._ticks: dict[int, dict[asyncio.Future[Answer], Question]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, deadline: float, waiter: asyncio.Future[Answer], question: Question) -> None:
        """Answer *waiter* at *deadline*, a tick early rather than late, unless `remove` comes first."""
        self._ticks.setdefault(int(deadline / TICK), {})[waiter] = question
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._sweep)

    def remove(self, deadline: float, waiter: asyncio.Future[Answer]) -> None:
        """Forget *waiter*."""
        tick = int(deadline / TICK)
        waiting = self._ticks.get(tick)
        if waiting is not None:
            waiting.pop(waiter, None)
            if not waiting:
                del self._ticks[tick]

    def close(self) -> None:
        """Forget everyone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ticks.clear()

    def _sweep(self) -> None:
        now = int(self._clock() / TICK) + 1
        for tick in [tick for tick in self._ticks if tick <= now]:
            for waiter, question in self._ticks.pop(tick).items():
                if not waiter.done():
                    waiter.set_result(self._late(question))
        self._timer = asyncio.get_running_loop().call_later(TICK, self._sweep) if self._ticks else None
