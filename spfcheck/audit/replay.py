"""A stored report, evaluated again offline: the evidence must bear out every word of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from spfcheck.audit.assemble import Check
from spfcheck.audit.fetch import Witness
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.evidence import answer_of
from spfcheck.audit.report.model import SCHEMA, Report
from spfcheck.audit.second_opinion import completed
from spfcheck.audit.senders import SenderProfile
from spfcheck.audit.thorough import examine_thoroughly
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.message import identity
from spfcheck.rfc7208.record import parse


class Unrecorded(LookupError):  # noqa: N818 - what is missing, not what went wrong
    """The evidence does not hold an answer that the evaluation asks for."""


class _Recorded:
    """A `Lookup` over evidence."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = {answer.question: answer for answer in answers}

    def recorded(self, question: Question) -> Answer | None:
        """The recorded answer, or None."""
        return self._answers.get(question)

    def cached(self, question: Question) -> Answer | None:
        """The recorded answer; raises `Unrecorded` where there is none."""
        answer = self._answers.get(question)
        if answer is None:
            raise Unrecorded(f"{question.name} {question.rtype.name}")
        return answer

    async def ask(self, question: Question) -> Answer:
        """The recorded answer; raises `Unrecorded` where there is none."""
        raise Unrecorded(f"{question.name} {question.rtype.name}")


class _Cut(Witness):
    """A witness of a check that our own ceiling ended: what was not asked then is not asked now."""

    __slots__ = ()

    def cached(self, question: Question) -> Answer | None:
        """The recorded answer, or the refusal that was given then."""
        try:
            return super().cached(question)
        except Unrecorded:
            self.limited = True
            return self._refusal(question)


async def replay(stored: Mapping[str, Any], profiles: Sequence[SenderProfile]) -> Report:
    """The report that the evidence of *stored*, a report as JSON, leads to; equal to it by every byte but timings.

    *profiles* are our senders as they were. Raises `Unrecorded` where the evidence is not complete, and `ValueError`
    for a report of another schema.
    """
    if stored["schema"] != SCHEMA:
        raise ValueError(f"The report has schema {stored['schema']}; this program reads {SCHEMA}.")
    answers = [answer_of(item) for item in stored["evidence"]]
    lookup = _Recorded(answers)
    limited = any(answer.outcome is Outcome.LIMITED for answer in answers)
    witness = (_Cut if limited else Witness)(lookup, ceiling=len(answers) + 1)
    if limited:
        # Which questions found the ceiling hung on the order of the answers; what was answered is what counts.
        witness.answers.update({answer.question: answer for answer in answers})
    now = float(stored["checked_at"])
    record = stored["record"]["text"] if stored["hypothetical"] and stored["record"] else None
    if stored["hypothetical"] and record is None:
        record = _given(stored, answers)
    sender, helo = stored["identity"]["mail_from"], stored["identity"]["helo"]
    judged = identity(sender, helo).domain
    check = Check(stored["domain"], judged, sender, helo, hypothetical=bool(stored["hypothetical"]))
    ours = await prepare(profiles, lookup, clock=lambda: now)
    report = await examine_thoroughly(
        witness,
        check,
        ours,
        record=parse(record).text if record is not None else None,
        clock=lambda: now,
        new_id=lambda: str(stored["report_id"]),
        aside=partial(_recorded, lookup) if _was_searched(stored) else None,
    )
    return await completed(report, witness, ours) if stored["opinion"]["asked"] else report


async def _recorded(lookup: _Recorded, questions: Sequence[Question]) -> Mapping[Question, Answer]:
    """What the evidence has of *questions*: what is not in it is what nothing was concluded from."""
    return {question: answer for question in questions if (answer := lookup.recorded(question)) is not None}


def _was_searched(stored: Mapping[str, Any]) -> bool:
    """Whether a search for the wrong place went into the report, and found something."""
    said = {Code.RECORD_MISPLACED, Code.RECORD_ELSEWHERE}
    listed = any(one["code"] in said or one["params"].get("listed") for one in stored["findings"])
    return listed or bool(stored.get("likely"))


def _given(stored: Mapping[str, Any], answers: Iterable[Answer]) -> str:
    """The text that was asked about, where it is no record."""
    judged = stored["identity"]["mail_from"].rpartition("@")[2]
    for answer in answers:
        if answer.question.name == judged and answer.resolver == "proposed":
            return b"".join(answer.records[0]).decode("latin-1")
    return ""
