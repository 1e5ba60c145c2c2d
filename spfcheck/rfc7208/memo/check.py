"""check_host() for one address by the strict reading: the steps of a plan, each by its fold or else by evaluation."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator
from typing import Final

from spfcheck.rfc7208.branch import Strand
from spfcheck.rfc7208.evaluation import Walk
from spfcheck.rfc7208.initial import verdict_of
from spfcheck.rfc7208.limits import STRICT, Budget
from spfcheck.rfc7208.lookup import Question, Reply
from spfcheck.rfc7208.memo.fill import learn
from spfcheck.rfc7208.memo.plan import EvaluationPlan
from spfcheck.rfc7208.memo.table import FOLDS
from spfcheck.rfc7208.message import Message
from spfcheck.rfc7208.steps import Run
from spfcheck.rfc7208.verdict import Cause, PathStep, Verdict

# Named tuples made directly: their own constructors take three times as long. Global names are found faster than the
# attributes of an enum.
_new: Final = tuple.__new__
_MATCHED: Final = Cause.MATCHED
_LOOKUPS, _VOIDS, _QUESTIONS = STRICT.lookups, STRICT.voids, STRICT.questions


def swiftly(
    plan: EvaluationPlan, address: int, sender: str | None, helo: str | None
) -> Generator[Question, Reply, Verdict]:
    """The verdict on *address*; the *plan* is renewed where its reply is another one now."""
    question = plan.question
    reply = yield question
    if reply is not plan.reply:
        plan = plan.renewed(reply)
    if plan.verdict is not None:
        return plan.verdict
    replies = {question: reply}
    lookups = voids = 0
    questions = 1
    for step in plan.steps:
        if isinstance(step, Run):
            owner = step.owner(address)
            if owner is None:
                continue
            path: tuple[PathStep, ...] = (_new(PathStep, (plan.domain, plan.record, owner)),)
            return _new(Verdict, (owner.result, _MATCHED, path, None, lookups, voids, questions, None, ()))
        way = None
        fold = FOLDS.get(step.key)
        if fold is not None:
            starts, ways = fold.table
            way = ways[bisect_right(starts, address) - 1]
        if (
            way is not None
            # Counters only rise: no limit is met on a way at whose end none is. Otherwise the walk stops where it is.
            and lookups + way.lookups <= _LOOKUPS
            and voids + way.voids <= _VOIDS
            and questions + way.questions <= _QUESTIONS
        ):
            for expected in way.expected:
                question = expected.question
                known = replies.get(question)
                if known is None:
                    known = replies[question] = yield question
                if known is not expected.reply and not expected.is_said_by(known):
                    way = None
                    break
            else:
                lookups += way.lookups
                voids += way.voids
                questions += way.questions
                if not way.matches:
                    continue
                path = (_new(PathStep, (plan.domain, plan.record, step.term)), *way.path)
                result = way.result if step.is_redirect else step.term.result
                return _new(Verdict, (result, way.cause, path, None, lookups, voids, questions, None, ()))
        budget = Budget(STRICT)
        budget.lookups, budget.voids, budget.questions = lookups, voids, questions
        walk = Walk(plan.family, Message(plan.domain, sender or "", helo or ""), STRICT)
        walk.answers = replies
        domain, strand = plan.domain, Strand(((address, address),), budget)
        (decided,) = yield from walk.evaluate(step.record, domain, strand, (domain,), step.steps)
        if way is None:
            learn(plan, step, replies)
        if decided.path[0][2] is not None:
            return verdict_of(decided)
        lookups, voids, questions = budget.lookups, budget.voids, budget.questions
    result, cause, path = plan.end
    return _new(Verdict, (result, cause, path, None, lookups, voids, questions, None, ()))
