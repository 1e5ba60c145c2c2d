"""Initial processing: the record of the domain that is checked (RFC 7208 4.3 to 4.5)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from spfcheck.rfc7208.branch import Decided, Path, Strand
from spfcheck.rfc7208.evaluation import Walk
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.record import Result, published
from spfcheck.rfc7208.verdict import Cause, Event, PathStep, Verdict

# A named tuple made directly: its own constructor takes three times as long, which a bulk run notices.
_new: Final = tuple.__new__
_TXT: Final = Rtype.TXT


def decide(walk: Walk, domain: str, strand: Strand) -> Generator[Question, Reply, list[Decided]]:
    """Find the record of *domain* (RFC 7208 4.4, 4.5) and evaluate it."""
    tracer = walk.tracer
    if tracer is not None:
        tracer.begin(domain, None, 0)
    question = _new(Question, (domain, _TXT))
    reply = walk.known(question, strand.budget) or walk.learn(question, (yield question))
    found = published(reply.records)
    path: Path = (PathStep(domain, None, None),)
    failure = None
    if reply.failed:
        result, cause, failure = Result.TEMPERROR, Cause.DNS_FAILURE, question
    elif found == 0:
        result, cause = Result.NONE, Cause.NO_DOMAIN if reply.nxdomain else Cause.NO_RECORD
    elif isinstance(found, int):
        result, cause = Result.PERMERROR, Cause.MULTIPLE_RECORDS
    elif found.problems:
        result, cause, path = Result.PERMERROR, Cause.SYNTAX_ERROR, (PathStep(domain, found, None),)
    else:
        if tracer is not None:
            tracer.found(None, None)
        return (yield from walk.evaluate(found, domain, strand, (domain,)))
    if tracer is not None:
        tracer.found(result, cause)
    return [Decided(strand, result, cause, path, failure)]


def verdict_of(decided: Decided, explanation: str | None = None, trace: tuple[Event, ...] = ()) -> Verdict:
    """What is *decided* of a single address, as it is handed out."""
    budget = decided.strand.budget
    counters = (budget.lookups, budget.voids, budget.questions)
    return _new(Verdict, (decided.result, decided.cause, decided.path, explanation, *counters, decided.failure, trace))
