"""Whether the resolvers can be trusted: asked at the start and once a minute, before anyone is judged by them.

A resolver that invents addresses for names that do not exist, or that cannot see our own record, would make customers
look wrong. While one lies, or while none answers, nobody is judged.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from spfcheck.resolver.types import Answer, Outcome, Question, Rtype

EVERY_SECONDS = 60.0
"""Seconds between two looks at the resolvers."""
VALID_SECONDS = 180.0
"""Seconds after which a state is too old to rely on: three looks in a row did not happen."""


class Health(StrEnum):
    """What a look at the resolvers found."""

    OK = "ok"
    """They answer, and what we know to be true is what they say."""
    LYING = "lying"
    """One of them says what we know to be false; nobody can be judged by its answers."""
    DOWN = "down"
    """None of them answers, or nobody has looked."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the look at one resolver found; *reasons* are sentences, empty where all is well."""

    server: str
    health: Health
    proves: bool
    """Its negative answers carry their SOA. Without, they cannot be evidence for a message (RFC 2308 2.2)."""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolverState:
    """What the look at all resolvers found. *checked_at* is on the clock of the `ResolverCheck`."""

    health: Health
    proves: bool
    """Every resolver that answers gives negatives with their SOA: they can be evidence for a message."""
    servers: tuple[ServerState, ...]
    checked_at: float
    reasons: tuple[str, ...]
    """Everything that a person should know, as sentences, even when *health* is ok."""

    @property
    def may_judge(self) -> bool:
        """True when answers may lead to a verdict other than "unknown"."""
        return self.health is Health.OK


class Probed(Protocol):
    """The part of `spfcheck.resolver.stub.Resolver` that is looked at."""

    @property
    def nameservers(self) -> tuple[str, ...]:
        """The resolvers, as ``address:port``."""

    async def ask_server(self, number: int, question: Question) -> Answer:
        """What one of them says now."""

    def forget(self) -> None:
        """Drop every cached answer."""


class ResolverCheck:
    """Looks at each resolver by itself; `state` is what the last look found.

    *includes* are our own names, which must hold an SPF record. *present* and *absent* are an operator's own list of
    questions that must, and must not, have records; a first label ``*`` in *absent* is replaced by a random one. A
    random name under ``invalid.`` is always part of it (RFC 6761 6.4).
    """

    def __init__(
        self,
        resolver: Probed,
        includes: Sequence[str],
        *,
        present: Sequence[Question] = (),
        absent: Sequence[Question] = (),
        clock: Callable[[], float],
        random_label: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._resolver = resolver
        self._includes = tuple(includes)
        self._present = tuple(present)
        self._absent = (Question("*.invalid", Rtype.A), *absent)
        self._clock = clock
        self._random_label = random_label
        self._state = ResolverState(Health.DOWN, False, (), clock(), ("Nobody has looked at the resolvers yet.",))

    @property
    def state(self) -> ResolverState:
        """What the last look found; down when it is too long ago."""
        state = self._state
        if state.servers and self._clock() - state.checked_at > VALID_SECONDS:
            reason = "The last look at the resolvers is too long ago."
            return ResolverState(Health.DOWN, False, state.servers, state.checked_at, (reason,))
        return state

    async def look(self) -> ResolverState:
        """Look at all resolvers now."""
        servers = await asyncio.gather(
            *(self._look_at(number, server) for number, server in enumerate(self._resolver.nameservers))
        )
        working = [server for server in servers if server.health is not Health.DOWN]
        # Any answer may come from any of them: one that lies is enough to doubt them all.
        if any(server.health is Health.LYING for server in working):
            health = Health.LYING
            self._resolver.forget()  # what it said before we noticed must not outlive the lie
        else:
            health = Health.OK if working else Health.DOWN
        self._state = ResolverState(
            health,
            health is Health.OK and all(server.proves for server in working),
            tuple(servers),
            self._clock(),
            tuple(reason for server in servers for reason in server.reasons),
        )
        return self._state

    async def run(self, every: float = EVERY_SECONDS) -> None:
        """Look now and then every *every* seconds, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(every)

    async def _look_at(self, number: int, server: str) -> ServerState:
        present = [Question(name, Rtype.TXT) for name in self._includes] + list(self._present)
        absent = [self._drawn(question) for question in self._absent]
        answers = await asyncio.gather(
            *(self._resolver.ask_server(number, question) for question in (*present, *absent))
        )
        found, missing = answers[: len(present)], answers[len(present) :]
        if all(answer.failed and answer.outcome is not Outcome.FILTERED for answer in answers):
            reason = f"The resolver {server} does not answer: {answers[0].detail or answers[0].outcome}."
            return ServerState(server, Health.DOWN, False, (reason,))
        lies = [_not_there(server, answer, number < len(self._includes)) for number, answer in enumerate(found)]
        lies += [_invented(server, answer) for answer in missing]
        reasons = [lie for lie in lies if lie]
        if reasons:
            return ServerState(server, Health.LYING, False, tuple(reasons))
        # Our own record must be seen: a resolver that cannot see it sees others no better.
        blind = [answer for answer in found if answer.failed]
        if blind:
            name = blind[0].question.name
            reason = f"The resolver {server} cannot find out about {name}: {blind[0].detail or blind[0].outcome}."
            return ServerState(server, Health.DOWN, False, (reason,))
        reasons = [
            f"The resolver {server} cannot find out about {answer.question.name}: {answer.detail or answer.outcome}."
            for answer in missing
            if answer.failed
        ]
        negatives = [answer for answer in missing if not answer.failed]
        proves = bool(negatives) and all(answer.soa_seen for answer in negatives)
        if not proves:
            reasons.append(
                f'The resolver {server} says "there is nothing" without the SOA that belongs to it: '
                "its answers cannot be evidence for a message."
            )
        return ServerState(server, Health.OK, proves, tuple(reasons))

    def _drawn(self, question: Question) -> Question:
        if question.name.startswith("*."):
            return Question(self._random_label() + question.name[1:], question.rtype)
        return question


def _not_there(server: str, answer: Answer, own: bool) -> str:
    """What is wrong about an answer that must have records; empty where nothing is."""
    name = answer.question.name
    if answer.outcome in (Outcome.NXDOMAIN, Outcome.NODATA):
        return f"The resolver {server} says that {name} has no {answer.question.rtype.name} record, which must exist."
    if answer.outcome is Outcome.FILTERED:
        return f"The resolver {server} filters {name}: {answer.detail}."
    if own and answer.outcome is Outcome.OK and not any(_is_spf(strings) for strings in answer.records):
        return f"The resolver {server} says that {name} has no SPF record, which must exist."
    return ""


def _is_spf(strings: tuple[bytes, ...]) -> bool:
    # RFC 7208 4.5: the version, then a space or the end.
    text = b"".join(strings).lower()
    return text == b"v=spf1" or text.startswith(b"v=spf1 ")


def _invented(server: str, answer: Answer) -> str:
    """What is wrong about an answer that must have no records; empty where nothing is."""
    if answer.outcome is Outcome.OK:
        return f"The resolver {server} invents records for {answer.question.name}, which does not exist."
    return ""
