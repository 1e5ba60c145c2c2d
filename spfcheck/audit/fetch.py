"""The whole include tree of a record, every branch, fetched concurrently.

A check of one address asks one question after the other and stops at a match. An audit wants everything, so it asks as
soon as it knows a name: a tree of depth three takes about three round trips, however many includes it has.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

from spfcheck.resolver.types import Answer, Lookup, Outcome
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS, MX_HOSTS
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Record, live_terms, name_of, published

__all__ = ["MOST_TERMS", "TYPED_S", "Sleep", "Witness", "ask_all", "fetch", "fetch_all", "questions_of", "terms_of"]


TYPED_S: Final = 1.0
"""Seconds for which a question of type 99 is waited for: nothing hangs on its answer but a word (RFC 7208 3.1)."""
TYPED_TTL: Final = 300
"""Seconds for which it is not asked again where it was not waited for."""

MOST_TERMS: Final = 50_000
"""Terms of the records that one check reads: those of eleven, which is all that RFC 7208 4.6.4 lets a receiver read,
each as large as the DNS carries and full of networks."""

Sleep = Callable[[float], Awaitable[None]]
"""How time passes."""


class Witness:
    """A `Lookup` that remembers every answer, so that one check sees one view of the DNS and can be told again.

    It asks no question twice, no more than *ceiling* questions in all, and none once the records hold more than
    `MOST_TERMS`; beyond, the answer is `Outcome.LIMITED`, which is a failure of ours and never the domain's.
    """

    __slots__ = ("_asking", "_ceiling", "_lookup", "_terms", "answers", "limited", "seen")

    def __init__(self, lookup: Lookup, ceiling: int = AUDIT_QUESTIONS) -> None:
        self._lookup = lookup
        self._ceiling = ceiling
        self._asking: dict[Question, asyncio.Future[Answer]] = {}
        self.answers: dict[Question, Answer] = {}
        self.seen: set[Question] = set()
        """What was looked at so far; more may be known."""
        self.limited = False
        self._terms = 0

    def cached(self, question: Question) -> Answer | None:
        """The answer that was given before, or one that the lookup has cached."""
        self.seen.add(question)
        answer = self.answers.get(question)
        if answer is None:
            if self._full():
                return self._refusal(question)
            answer = self._lookup.cached(question)
            if answer is not None:
                self._keep(question, answer)
        return answer

    async def ask(self, question: Question) -> Answer:
        """The answer to *question*, asked for once however many wait for it."""
        answer = self.cached(question)
        if answer is not None:
            return answer
        running = self._asking.get(question)
        if running is None:
            running = asyncio.ensure_future(self._lookup.ask(question))
            self._asking[question] = running
        try:
            answer = await asyncio.shield(running)
        finally:
            self._asking.pop(question, None)
        return self.answers.get(question) or self._keep(question, answer)

    async def ask_all(self, questions: Sequence[Question], sleep: Sleep = asyncio.sleep) -> None:
        """Ask those of *questions* at once that are not cached; without a task for each."""
        missing = [question for question in questions if self.cached(question) is None]
        room = max(0, self._ceiling - len(self.answers) - len(self._asking))
        for question in missing[room:]:
            self._refusal(question)
        if missing:
            found: dict[Question, Answer] = {}
            await ask_all(self._lookup, missing[:room], found, sleep)
            for question, answer in found.items():
                if question not in self.answers:
                    self._keep(question, answer)

    def reserve(self, number: int) -> int:
        """How many of *number* questions may be asked beside this check; they count against its ceiling."""
        room = max(0, min(number, self._ceiling - len(self.answers) - len(self._asking)))
        self._ceiling -= room
        return room

    def _full(self) -> bool:
        return len(self.answers) + len(self._asking) >= self._ceiling or self._terms > MOST_TERMS

    def _keep(self, question: Question, answer: Answer) -> Answer:
        self.answers[question] = answer
        self._terms += terms_of(answer)
        return answer

    def _refusal(self, question: Question) -> Answer:
        why = f"The records that this check reads hold more than {MOST_TERMS:,} terms."
        if self._terms <= MOST_TERMS:
            why = "This check asked too many questions."
        answer = Answer(question=question, outcome=Outcome.LIMITED, detail=why)
        if not self.limited:
            # The first one stays, so that the report can say what was not asked.
            self.limited = True
            self.answers[question] = answer
        return answer


def terms_of(answer: Answer) -> int:
    """About how many terms the records of *answer* hold; none where it is no TXT answer."""
    if answer.question.rtype is not Rtype.TXT:
        return 0
    return sum([string.count(b" ") for strings in answer.records for string in strings])


async def ask_all(
    lookup: Lookup, questions: Sequence[Question], answers: dict[Question, Answer], sleep: Sleep = asyncio.sleep
) -> None:
    """Put the answers to *questions*, asked at once, into *answers*; type 99 is not waited for longer than a second."""
    typed = next((question for question in questions if question.rtype is Rtype.SPF), None)
    if typed is None:
        await _ask_at_once(lookup, questions, answers)
        return
    asking = asyncio.ensure_future(lookup.ask(typed))
    timer = asyncio.ensure_future(sleep(TYPED_S))
    try:
        rest = [question for question in questions if question is not typed]
        if rest:
            await _ask_at_once(lookup, rest, answers)
        await asyncio.wait((asking, timer), return_when=asyncio.FIRST_COMPLETED)
        late = Answer(question=typed, outcome=Outcome.TIMEOUT, ttl=TYPED_TTL, detail="It was not waited for.")
        answers[typed] = asking.result() if asking.done() else late
    finally:
        asking.cancel()
        timer.cancel()


async def _ask_at_once(lookup: Lookup, questions: Sequence[Question], answers: dict[Question, Answer]) -> None:
    at_once = getattr(lookup, "ask_all", None)
    if at_once is not None:
        # A task for each question would cost as much as a third of asking.
        found: Sequence[Answer] = await at_once(questions)
    elif len(questions) == 1:
        found = (await lookup.ask(questions[0]),)
    else:
        found = await asyncio.gather(*map(lookup.ask, questions))
    answers.update(zip(questions, found, strict=True))


def questions_of(record: Record, domain: str, root: str) -> Iterator[Question]:
    """What the terms of *record* need first, as far as it does not depend on a message."""
    for term in live_terms(record):
        name = name_of(term, domain, root) if term.cost else None
        if name is None:
            continue
        if term.name in ("include", "redirect"):
            yield Question(name, Rtype.TXT)
        elif term.name == "a":
            yield Question(name, Rtype.A)
            yield Question(name, Rtype.AAAA)
        elif term.name == "mx":
            yield Question(name, Rtype.MX)
        elif term.name == "exists":
            yield Question(name, Rtype.A)


async def fetch(domain: str, witness: Witness) -> None:
    """Ask for everything that the record of *domain* may need; never awaits while every answer is cached."""
    await fetch_all((domain,), witness)


async def fetch_all(domains: Iterable[str], witness: Witness) -> None:
    """The same of several domains at once, each the root of its own tree."""
    # First come, first asked: should our own ceiling end the walk, it has seen what an evaluation sees first.
    todo = deque((Question(domain, Rtype.TXT), domain) for domain in domains)
    waiting: dict[asyncio.Task[Answer], str] = {}  # in the order in which they were asked
    seen: set[tuple[Question, str]] = set()
    try:
        while todo or waiting:
            while todo:
                question, root = asking = todo.popleft()
                if asking in seen or witness.limited:
                    continue
                seen.add(asking)
                answer = witness.cached(question)
                if answer is None:
                    waiting[asyncio.ensure_future(witness.ask(question))] = root
                else:
                    todo.extend([(one, root) for one in _following(answer, root)])
            if waiting:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in [one for one in waiting if one.done()]:
                    root = waiting.pop(task)
                    todo.extend([(one, root) for one in _following(task.result(), root)])
    finally:
        for task in waiting:
            task.cancel()


def _following(answer: Answer, root: str) -> Iterator[Question]:
    """What an answer makes worth asking."""
    name, rtype = answer.question
    if rtype is Rtype.TXT:
        found = published(answer.records)
        # Several records end an evaluation here; what they include is asked for when a merge is tried.
        if isinstance(found, Record):
            yield from questions_of(found, name, root)
    elif rtype is Rtype.MX:
        hosts = [exchange for _, exchange in answer.records]
        if len(hosts) <= MX_HOSTS:
            for host in hosts:
                if host:
                    yield Question(host, Rtype.A)
                    yield Question(host, Rtype.AAAA)
