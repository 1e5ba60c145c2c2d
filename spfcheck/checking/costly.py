"""Checks that could hold everybody else: told by what they rest on, and made in processes of their own.

Whatever a check works on comes in as DNS answers, so they are weighed at that door. A check whose answers weigh little
is made where it is asked for; one whose answers weigh more is given up there, and made in a process that the kernel
ends when it has had its share of processor time. What becomes of it then is a report that says so.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from spfcheck.audit import second_opinion
from spfcheck.audit.assemble import Basis, Check, Conclusion, Picture, assemble
from spfcheck.audit.examine import examine
from spfcheck.audit.judgement.status import Standing
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Opinion, Report, Status
from spfcheck.audit.report.serialise import report_of
from spfcheck.audit.second_opinion import ENGINE, completed, with_opinion
from spfcheck.audit.senders import Ours
from spfcheck.checking.connection import HostQuestion, judge, verdict_document
from spfcheck.processes import Bounds, CutBy, CutShortError, JobProcesses
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.message import identity
from spfcheck.rfc7208.record import Result
from spfcheck.rfc7208.verdict import Cause, Verdict

__all__ = ["BOUNDS", "LIGHT", "LONG_REPORT", "CostlyChecks", "Weighed", "weight"]

T = TypeVar("T")

BOUNDS: Final = Bounds(cpu=4.0, seconds=18.0, waiting=4.0)
"""What a costly check may take: together less than what whoever asked for a report waits for it at most."""

LIGHT: Final = 6_144
"""What the answers of a check may weigh where it is made on the spot.

Such a check takes at most some 40 ms of a processor, whatever the records say. Thirteen lookups with the includes of
large senders weigh up to 6,000 (and take 3 ms); more than 21 terms in one record, or 3.3 KB of it, are made elsewhere.
"""

LONG: Final = 4_096
"""Bytes of one record that weigh twice as much as their number: mending a long text takes more than its share."""

A_PAIR: Final = 13
"""What each pair of terms weighs that are no networks: a repair tries to do without each, and evaluates the others."""

LATER: Final = 600.0
"""Seconds for which a check that went past its bounds is not tried again: it costs seconds of a processor each time."""

SOON: Final = 10.0
"""The same of one that others were in the way of."""

LONG_REPORT: Final = 64 * 1024
"""Bytes of a report whose second opinion is asked for in a process of its own: an ordinary one has 4 to 20 KB."""


def weight(answer: Answer) -> int:
    """How much work *answer* may make: the bytes of its texts, and more for long records and for many terms."""
    if answer.question.rtype is not Rtype.TXT:
        return 32 * len(answer.records)
    total = 0
    for strings in answer.records:
        text = b"".join(strings)
        total += _weight_of(text) if text[:6].lower() == b"v=spf1" else len(text)
    return total


def _weight_of(record: bytes) -> int:
    size, terms = len(record), record.count(b" ") - record.count(b" ip4:") - record.count(b" ip6:")
    return size + size * size // LONG + A_PAIR * max(0, terms) ** 2


class HeavyError(Exception):
    """The answers of a check weigh more than one that is made on the spot may have."""


class Weighed:
    """A `Lookup` for one check, made in the task that runs it, which goes no further once its answers are too heavy."""

    def __init__(self, lookup: Lookup, most: int) -> None:
        self._lookup = lookup
        self._room = most
        self._seen: set[Question] = set()
        self._task = asyncio.current_task()
        self.heavy = False

    def cached(self, question: Question) -> Answer | None:
        """What *lookup* has cached. Raises `HeavyError`."""
        answer = self._lookup.cached(question)
        if answer is not None and self._too_heavy(answer):
            raise HeavyError
        return answer

    async def ask(self, question: Question) -> Answer:
        """What *lookup* answers."""
        answer = await self._lookup.ask(question)
        if self._too_heavy(answer):
            await self._end()
        return answer

    async def ask_all(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """What *lookup* answers to all of them, asked at once."""
        at_once = getattr(self._lookup, "ask_all", None)
        answers: Sequence[Answer]
        if at_once is not None:
            answers = await at_once(questions)
        else:
            answers = await asyncio.gather(*map(self._lookup.ask, questions))
        if any(self._too_heavy(answer) for answer in answers):
            await self._end()
        return answers

    def _too_heavy(self, answer: Answer) -> bool:
        if answer.question in self._seen:
            return False
        self._seen.add(answer.question)
        self._room -= weight(answer)
        return self._room < 0

    async def _end(self) -> None:
        # As asyncio.timeout() does: several tasks of one check may be asking, and none of them may go on to work.
        if self._task is not None and not self.heavy:
            self.heavy = True
            self._task.cancel()
        await asyncio.sleep(0)


def _same(report: Report) -> Any:
    return report


class CostlyChecks:
    """Checks, each on the spot or in a process of its own; *begun* is told of the latter: domain and weight."""

    def __init__(self, number: int = 1, begun: Callable[[str], None] = lambda _: None) -> None:
        self.processes = JobProcesses("check", number, BOUNDS)
        self.count = 0
        """How many were made in a process of their own."""
        self._begun = begun

    async def examine(
        self,
        domain: str,
        lookup: Callable[[], Lookup],
        ours: Ours,
        *,
        mail_from: str,
        helo: str,
        record: str | None = None,
        search: bool = False,
        opinion: bool = False,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        made: Callable[[Report], T] = _same,
    ) -> T:
        """What *made*, a function of a module, makes of the report of *domain*; as `spfcheck.audit.examine` else.

        *lookup* gives a lookup for one check. A check that is cut short is a report that says so.
        """

        async def here(weighed: Lookup) -> T:
            return made(
                await examine(
                    domain, weighed, ours, mail_from=mail_from, helo=helo, record=record, search=search,
                    opinion=opinion, clock=clock, new_id=new_id,
                )
            )  # fmt: skip

        given = 0 if record is None else _weight_of(record.encode("latin-1", "replace"))
        try:
            return await _on_the_spot(here, lookup(), LIGHT - given)
        except HeavyError:
            pass
        now, report_id = clock(), new_id()
        asked = (domain, ours, mail_from, helo, record, search, opinion, now, report_id, made)
        try:
            report: T = await self._elsewhere(examined, domain, lookup(), *asked)
        except CutShortError as cut:
            sender = mail_from.replace("{domain}", domain)
            check = Check(domain, identity(sender, helo).domain, sender, helo, hypothetical=record is not None)
            return made(_given_up(check, cut.why, self._reason(cut.why), now, report_id))
        return report

    async def complete(self, full: bytes, lookup: Lookup, ours: Ours, made: Callable[[Report], T]) -> T:
        """What *made* makes of the report whose JSON is *full*, with the second opinion in it."""
        if len(full) < LONG_REPORT:
            return made(await completed(report_of(full), lookup, ours))
        report = report_of(full)
        try:
            whole: T = await self._elsewhere(completed_elsewhere, report.domain, lookup, full, ours, made)
        except CutShortError:
            detail = f"to ask {ENGINE} takes too long here"
            silent = Opinion(engine=ENGINE, asked=True, result="no-opinion", agrees=None, detail=detail)
            return made(with_opinion(report, silent, {}))
        return whole

    async def judge(self, question: HostQuestion, lookup: Callable[[], Lookup]) -> dict[str, Any]:
        """The verdict on *question* as plain values; temperror where it is cut short, as where it takes too long."""

        async def here(weighed: Lookup) -> dict[str, Any]:
            return verdict_document(await judge(question, weighed))

        try:
            return await _on_the_spot(here, lookup())
        except HeavyError:
            pass
        try:
            document: dict[str, Any] = await self._elsewhere(judged, question.domain, lookup(), question)
        except CutShortError:
            return verdict_document(Verdict(result=Result.TEMPERROR, cause=Cause.DNS_FAILURE))
        return document

    async def _elsewhere(self, function: Callable[..., object], domain: str, lookup: Lookup, *args: Any) -> Any:
        async def answer(questions: Sequence[Question]) -> Sequence[Answer]:
            return await asyncio.gather(*[_asked(lookup, question) for question in questions])

        self.count += 1
        self._begun(domain)
        return await self.processes.run(f"{__name__}:{function.__name__}", *args, about=domain, answer=answer)

    def _reason(self, why: CutBy) -> str:
        bounds = self.processes.bounds
        if why is CutBy.CPU:
            return f"it takes more than {bounds.cpu:g} s of processor time"
        if why is CutBy.TIME:
            return f"it was not done within {bounds.seconds:g} s"
        if why is CutBy.MEMORY:
            return "it takes more memory than a check may have"
        if why is CutBy.BUSY:
            return "all processes for such checks are at work"
        return "its process ended"


async def _asked(lookup: Lookup, question: Question) -> Answer:
    return lookup.cached(question) or await lookup.ask(question)


async def _on_the_spot(work: Callable[[Lookup], Awaitable[T]], lookup: Lookup, most: int = LIGHT) -> T:
    """What *work* gives. Raises `HeavyError` where its answers weigh too much."""
    task = asyncio.current_task()
    assert task is not None
    if most < 0:
        raise HeavyError
    weighed, cancelling = Weighed(lookup, most), task.cancelling()
    try:
        return await work(weighed)
    except asyncio.CancelledError:
        if not weighed.heavy or task.uncancel() > cancelling:
            raise  # somebody else wants it ended
    raise HeavyError


def _given_up(check: Check, why: CutBy, reason: str, now: float, report_id: str) -> Report:
    lasts = SOON if why in (CutBy.BUSY, CutBy.ENDED) else LATER
    nothing = Standing((), Result.TEMPERROR, Result.TEMPERROR, {})
    said = Conclusion(Status.UNKNOWN, [finding(Code.TOO_COSTLY, check.judged_domain, reason=reason)])
    basis = Basis((), 0, lasts, math.inf)
    return assemble(check, nothing, said, Picture(authorised_v4=-1), basis, lambda: now, lambda: report_id)


# What runs in the processes.


class _Line:
    """A `Lookup` whose answers come from the program that started the process; what is asked at once goes at once."""

    def __init__(self, ask: Callable[[Sequence[Question]], Sequence[Answer]]) -> None:
        self._ask = ask
        self._waiting: dict[Question, asyncio.Future[Answer]] = {}
        self._known: dict[Question, Answer] = {}

    def cached(self, question: Question) -> Answer | None:
        """What came over the line before."""
        return self._known.get(question)

    async def ask(self, question: Question) -> Answer:
        """What the program answers."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._pass_on)
        if question not in self._waiting:
            self._waiting[question] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._waiting[question])

    def _pass_on(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for future, answer in zip(waiting.values(), self._ask(list(waiting)), strict=True):
            self._known[answer.question] = answer
            future.set_result(answer)


def examined(
    ask: Callable[[Any], Any],
    domain: str,
    ours: Ours,
    mail_from: str,
    helo: str,
    record: str | None,
    search: bool,
    opinion: bool,
    now: float,
    report_id: str,
    made: Callable[[Report], T],
) -> T:
    """What *made* makes of the report of *domain*."""
    second_opinion.stay_in_this_process()
    work = examine(
        domain, _Line(ask), ours, mail_from=mail_from, helo=helo, record=record, search=search, opinion=opinion,
        clock=lambda: now, new_id=lambda: report_id,
    )  # fmt: skip
    return made(asyncio.run(work))


def completed_elsewhere(ask: Callable[[Any], Any], full: bytes, ours: Ours, made: Callable[[Report], T]) -> T:
    """What *made* makes of the report whose JSON is *full*, with the second opinion in it."""
    second_opinion.stay_in_this_process()
    return made(asyncio.run(completed(report_of(full), _Line(ask), ours)))


def judged(ask: Callable[[Any], Any], question: HostQuestion) -> dict[str, Any]:
    """The verdict on *question* as plain values."""
    return verdict_document(asyncio.run(judge(question, _Line(ask))))
