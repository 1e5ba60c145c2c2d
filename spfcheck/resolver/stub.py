"""The resolver that the service asks: a cache by TTL, one flight for a question, deadlines, a limit for each zone."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from spfcheck.names import registrable
from spfcheck.resolver.answer_cache import AnswerCache
from spfcheck.resolver.flight import Deadlines, Flight
from spfcheck.resolver.limit import ZoneLimit
from spfcheck.resolver.nameservers import ResolverError, parse_nameservers, system_nameservers
from spfcheck.resolver.transport import Counts, Timing, Transport
from spfcheck.resolver.types import Answer, Outcome, Question
from spfcheck.resolver.wire_names import encode

__all__ = ["CHECK_SECONDS", "Resolver", "ResolverError", "Session", "parse_nameservers", "system_nameservers"]

CHECK_SECONDS: Final = 20.0
"""The time one check may take: RFC 7208 4.6.4 asks for at least 20 s, and nobody waits longer."""
MARGIN: Final = 0.1
"""Seconds by which a wait ends before its deadline, so that the verdict itself is in time."""
MOST_IN_FLIGHT: Final = 256
"""Questions sent and not yet answered at a time: a receive buffer of the usual 208 KB holds about 270 packets."""
MEGABYTE: Final = 2**20


class Resolver:
    """A `Lookup` over the network.

    *nameservers* are tried in their order (the system's by default; raises ResolverError when there is none). Answers
    are shared by all who ask, cached by TTL within *cache_mb*, and never older than it unless stale ones are allowed.
    *clock* is monotonic seconds, *wall* Unix time, *entropy* gives unpredictable bytes. Belongs to one event loop.
    """

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]] | None = None,
        *,
        cache_mb: float = 128,
        zone_rate: float = 200,
        zone_burst: int = 1000,
        timing: Timing | None = None,
        most_in_flight: int = MOST_IN_FLIGHT,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        servers = list(nameservers) if nameservers is not None else system_nameservers()
        if not servers:
            raise ResolverError("No resolver is set.")
        self._clock = clock
        self._wall = wall
        self._cache = AnswerCache(int(cache_mb * MEGABYTE), clock)
        self._limit = ZoneLimit(zone_rate, zone_burst)
        self._transport = Transport(
            servers, entropy=entropy, clock=clock, timing=timing or Timing(), most_in_flight=most_in_flight
        )
        self._flights: dict[Question, Flight] = {}
        self._all: set[Flight] = set()
        self._deadlines = Deadlines(clock, self._late)
        self._closed = False
        registrable("example.com")  # reads the suffix list now and not in the middle of the first question

    @property
    def nameservers(self) -> tuple[str, ...]:
        """The resolvers that are asked, as ``address:port``."""
        return tuple(server.label for server in self._transport.servers)

    @property
    def counts(self) -> Counts:
        """What went over the network since the start."""
        return self._transport.counts

    @property
    def in_flight(self) -> int:
        """Questions that wait for an answer."""
        return len(self._all)

    @property
    def cached_answers(self) -> int:
        """How many answers the cache holds."""
        return len(self._cache)

    def cached(self, question: Question) -> Answer | None:
        """A fresh answer from the cache, or None."""
        return self._cache.fresh(question)

    def remember(self, answer: Answer) -> None:
        """Put *answer* in the cache as if it had just come."""
        self._cache.put(answer)

    def forget(self) -> None:
        """Drop every cached answer."""
        self._cache.clear()

    async def ask(
        self, question: Question, *, deadline: float | None = None, fresh: bool = False, allow_stale: bool = False
    ) -> Answer:
        """The answer to *question*; failures are answers too, nothing is raised for what the DNS does.

        *deadline* is on the resolver's clock; at it the answer is a time-out, while the question goes on for others and
        for the cache. *fresh* really goes out, whatever is cached. *allow_stale* gives an old answer, marked so, in
        place of a failure: for people only.
        """
        # Most questions are asked singly: lists of one would cost them a fifth more.
        end = None if deadline is None else deadline - MARGIN
        begun = self._begin(question, end, fresh)
        if isinstance(begun, Answer):
            answer = begun
        elif end is None:
            answer = await begun
        else:
            self._deadlines.add(end, begun, question)
            try:
                answer = await begun
            finally:
                self._deadlines.remove(end, begun)
        return self._or_stale(answer) if allow_stale else answer

    async def ask_all(
        self,
        questions: Sequence[Question],
        *,
        deadline: float | None = None,
        fresh: bool = False,
        allow_stale: bool = False,
    ) -> list[Answer]:
        """The answers to *questions*, asked at once, each as `ask` gives it; without a task for each."""
        end = None if deadline is None else deadline - MARGIN
        begun = [self._begin(question, end, fresh) for question in questions]
        waiting = [one for one in begun if type(one) is not Answer]
        if waiting:
            await self._wait(questions, begun, end)
        answers = [one if type(one) is Answer else one.result() for one in begun]  # type: ignore[union-attr]
        return [self._or_stale(answer) for answer in answers] if allow_stale else answers

    def _begin(self, question: Question, end: float | None, fresh: bool) -> Answer | asyncio.Future[Answer]:
        """The cached answer, else the future that will hold it."""
        if not fresh:
            answer = self._cache.fresh(question)
            if answer is not None:
                return answer
        name = encode(question.name)
        if name is None:
            return Answer(
                question=question,
                outcome=Outcome.NXDOMAIN,
                resolver="local",
                detail="no DNS message can carry this name, so it cannot exist",
            )
        if end is not None and end <= self._clock():
            return self._late(question)
        flight = self._flight(question, name, fresh, None)
        return flight.answer or self._landing(flight)

    async def _wait(
        self, questions: Sequence[Question], begun: Sequence[Answer | asyncio.Future[Answer]], end: float | None
    ) -> None:
        """Wait for what is no answer yet; at *end* it is answered as late."""
        deadlines = self._deadlines
        waiting = [
            (one, question) for one, question in zip(begun, questions, strict=True) if not isinstance(one, Answer)
        ]
        if end is None:
            for waiter, _ in waiting:
                await waiter
            return
        for waiter, question in waiting:
            deadlines.add(end, waiter, question)
        try:
            for waiter, _ in waiting:
                await waiter
        finally:
            for waiter, _ in waiting:
                deadlines.remove(end, waiter)

    async def ask_server(self, number: int, question: Question) -> Answer:
        """What the resolver with this *number* in `nameservers` says now; the cache is neither asked nor filled."""
        name = encode(question.name)
        assert name is not None
        flight = self._flight(question, name, True, number)
        return flight.answer or await self._landing(flight)

    def with_deadline(
        self, seconds: float = CHECK_SECONDS, *, fresh: bool = False, allow_stale: bool = False
    ) -> Session:
        """A `Lookup` for one check that has *seconds* from now on."""
        return Session(self, self._clock() + seconds, fresh, allow_stale)

    async def close(self) -> None:
        """End what is in flight and close every socket; from now on every answer is `Outcome.UNREACHABLE`."""
        self._closed = True
        await self._transport.close()
        for flight in list(self._all):
            flight.abandon()
        self._deadlines.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _flight(self, question: Question, name: bytes, fresh: bool, server: int | None) -> Flight:
        """The flight of this question, started where there is none."""
        flight = self._flights.get(question) if server is None else None
        # Whoever asks for a fresh answer must not get one that was asked for before they came.
        if flight is None or (fresh and not flight.fresh):
            flight = Flight(self._transport, self._limit, self._wall, self._landed, question, name, fresh, server)
            if self._closed:
                flight.abandon()
                return flight
            if server is None:
                self._flights[question] = flight
            self._all.add(flight)
            flight.start()
        return flight

    def _landing(self, flight: Flight) -> asyncio.Future[Answer]:
        """What will be the answer of *flight*; whoever stops waiting disturbs nobody."""
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        flight.waiters.append(waiter)
        return waiter

    def _landed(self, flight: Flight, answer: Answer) -> None:
        """Keep what a flight brought home, unless it looked at one resolver only or a fresh one took its place."""
        self._all.discard(flight)
        if self._flights.get(answer.question) is not flight:
            return
        del self._flights[answer.question]
        # RFC 2308 5: a negative without an SOA is not kept; nor is what the resolver itself calls old.
        if (answer.ttl > 0 and not answer.stale) or (answer.failed and answer.outcome is not Outcome.LIMITED):
            self._cache.put(answer)

    def _late(self, question: Question) -> Answer:
        return self._failure(question, Outcome.TIMEOUT, "the time for the whole check was over")

    def _failure(self, question: Question, outcome: Outcome, detail: str) -> Answer:
        return Answer(question=question, outcome=outcome, resolver=self.nameservers[0], detail=detail)

    def _or_stale(self, answer: Answer) -> Answer:
        return (answer.failed and self._cache.stale(answer.question)) or answer


class Session:
    """A `Lookup` for one check: a deadline for all its questions together, and one answer for each of them.

    What was answered once stays so for this check, even if its TTL is 0: a verdict rests on one set of answers.
    """

    def __init__(self, resolver: Resolver, deadline: float, fresh: bool, allow_stale: bool) -> None:
        self._resolver = resolver
        self._deadline = deadline
        self._fresh = fresh
        self._allow_stale = allow_stale
        self.answers: dict[Question, Answer] = {}
        """Every answer so far: the evidence."""

    def cached(self, question: Question) -> Answer | None:
        """This check's answer, else a fresh one from the cache; where all must be fresh, only the former."""
        answer = self.answers.get(question)
        if answer is None and not self._fresh:
            answer = self._resolver.cached(question)
            if answer is not None and answer.failed and self._allow_stale:
                return None
            if answer is not None:
                self.answers[question] = answer
        return answer

    async def ask(self, question: Question) -> Answer:
        """The answer, a time-out at the deadline."""
        answer = self.answers.get(question)
        if answer is None:
            answer = await self._resolver.ask(
                question, deadline=self._deadline, fresh=self._fresh, allow_stale=self._allow_stale
            )
            # Two may have asked at once: the first answer stands.
            answer = self.answers.setdefault(question, answer)
        return answer

    async def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers to *questions*, asked at once."""
        known = self.answers
        missing = [question for question in questions if question not in known]
        if missing:
            answers = await self._resolver.ask_all(
                missing, deadline=self._deadline, fresh=self._fresh, allow_stale=self._allow_stale
            )
            for answer in answers:
                # Two may have asked at once: the first answer stands.
                known.setdefault(answer.question, answer)
        return [known[question] for question in questions]
