"""The making of a trace, for evaluations that are asked to explain themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from spfcheck.rfc7208.branch import Decided
from spfcheck.rfc7208.limits import Budget
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.record import Result, Term
from spfcheck.rfc7208.steps import StepKind
from spfcheck.rfc7208.verdict import Cause, Event, Why

_ADDRESSES: Final = (Rtype.A, Rtype.AAAA)


class Tracer:
    """Collects events: `begin` a step, report what is asked, `end` it; steps nest as includes do."""

    __slots__ = ("_open", "events")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._open: list[tuple[int, int, list[tuple[Question, Reply]]]] = []

    def begin(self, domain: str, term: Term | None, depth: int, decided: int = 0) -> None:
        """A step begins, when *decided* parts are; without a *term* it is the search for the record of *domain*."""
        self._open.append((len(self.events), decided, []))
        text, span = (term.text, term.span) if term else ("", None)
        self.events.append(Event(depth=depth, domain=domain, term=text, span=span, why=Why.ERROR))

    def asked(self, question: Question, reply: Reply) -> None:
        """The innermost open step was given *reply*."""
        if self._open:
            self._open[-1][2].append((question, reply))

    def found(self, result: Result | None, cause: Cause | None) -> None:
        """The search for a record ends: with a record, or with the result of the evaluation."""
        index, _, asked = self._open.pop()
        why = Why.RECORD if result is None else Why.NO_RECORD if result is Result.NONE else Why.ERROR
        self.events[index] = replace(self.events[index], why=why, result=result, cause=cause, asked=tuple(asked))

    def end(self, kind: StepKind, decided: Sequence[Decided], budget: Budget) -> None:
        """The innermost open step ends: with the last of *decided* where it is new, else without a match.

        A trace is made for a single address, so a step decides once at most.
        """
        index, before, asked = self._open.pop()
        result = cause = None
        if len(decided) > before:
            last = decided[-1]
            result, cause, budget = last.result, last.cause, last.strand.budget
        self.events[index] = replace(
            self.events[index],
            why=_why(kind, result, asked),
            result=result,
            cause=cause,
            asked=tuple(asked),
            lookups=budget.lookups,
            void_lookups=budget.voids,
        )

    def default(self, domain: str, depth: int, budget: Budget) -> None:
        """A record ends without a match and without a redirect."""
        self.events.append(
            Event(
                depth=depth,
                domain=domain,
                term="",
                span=None,
                why=Why.DEFAULT,
                result=Result.NEUTRAL,
                cause=Cause.DEFAULT,
                lookups=budget.lookups,
                void_lookups=budget.voids,
            )
        )


def _why(kind: StepKind, result: Result | None, asked: list[tuple[Question, Reply]]) -> Why:
    if result is not None:
        if kind is StepKind.REDIRECT:
            return Why.FOLLOWED if asked and asked[-1][1].records else Why.ERROR
        return Why.ERROR if result in (Result.TEMPERROR, Result.PERMERROR) else Why.MATCHED
    if kind is StepKind.NETWORKS:
        return Why.NOT_IN_NETWORK
    if kind is StepKind.OTHER_FAMILY:
        return Why.OTHER_FAMILY
    if kind is StepKind.INCLUDE:
        return Why.NOT_PASS if asked else Why.IMPOSSIBLE_NAME
    if not asked:
        return Why.IMPOSSIBLE_NAME
    if kind is StepKind.PTR:
        return Why.NO_NAME_MATCHED if asked[0][1].records else Why.VOID
    if any(reply.records and question.rtype in _ADDRESSES for question, reply in asked):
        return Why.NO_ADDRESS_MATCHED
    return Why.VOID
