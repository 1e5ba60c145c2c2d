"""How a domain is judged, read off its record once: networks to compare with, and terms to ask the DNS for."""

from __future__ import annotations

from typing import Final

from spfcheck.rfc7208.branch import Strand
from spfcheck.rfc7208.cache import Kept
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluation import Walk
from spfcheck.rfc7208.initial import decide, verdict_of
from spfcheck.rfc7208.limits import STRICT, Budget
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.message import Message, ascii_domain
from spfcheck.rfc7208.record import Record, Result, published
from spfcheck.rfc7208.steps import Run, Step, StepKind, program
from spfcheck.rfc7208.verdict import Cause, PathStep, Verdict

MOST_KEPT: Final = 40_000
"""The weight of the plans that are kept of a generation, in terms: some 4 MB beside the records themselves."""


class Ask:
    """A term of a record that asks the DNS.

    *key* names what it asks, for addresses of which family: terms of the same key, in whatever record and with whatever
    qualifier, match the same addresses at the same cost. None where that depends on the message.
    """

    __slots__ = ("is_redirect", "key", "record", "steps", "term")

    def __init__(self, record: Record, step: Step, domain: str) -> None:
        self.record = record
        term = step.term
        self.term = term
        self.steps = (step,)
        self.is_redirect = step.kind is StepKind.REDIRECT
        name = term.target or (domain if term.spec is None else None)
        self.key = None if name is None or step.by_message else f"{step.family} {term.name}:{name}/{step.prefix}"


class EvaluationPlan:
    """How addresses of *family* are judged for *domain* when *reply* is what its TXT question brings.

    A plan never changes. One without a reply is for nothing but the question.
    """

    __slots__ = ("domain", "end", "family", "key", "question", "record", "reply", "steps", "verdict")

    def __init__(self, key: tuple[str, int], domain: str, reply: Reply | None = None) -> None:
        self.key = key
        self.domain = domain
        self.family = key[1]
        self.question = Question(domain, Rtype.TXT)
        self.reply = reply
        self.record: Record | None = None
        self.steps: tuple[Run | Ask, ...] = ()
        """What is gone through, up to the first ``all``."""
        self.end: tuple[Result, Cause, tuple[PathStep, ...]] = (Result.NEUTRAL, Cause.DEFAULT, ())
        """What is said where no step decides."""
        self.verdict: Verdict | None = None
        """What is said of every address where there is no valid record (RFC 7208 4.5)."""
        if reply is not None:
            found = published(reply.records)
            if reply.failed or isinstance(found, int) or found.problems:
                walk = Walk(self.family, Message(domain), STRICT)
                (decided,) = run(decide(walk, domain, Strand(((0, 0),), Budget(STRICT))), lambda _: reply)
                self.verdict = verdict_of(decided)
            else:
                self._read(found)

    def _read(self, record: Record) -> None:
        self.record = record
        steps: list[Run | Ask] = []
        # RFC 7208 4.7: neutral, where nothing matches and there is no redirect.
        result, cause, last = Result.NEUTRAL, Cause.DEFAULT, None
        for step in program(record, self.family):
            if step.kind is StepKind.ALL:
                result, cause, last = step.term.result, Cause.MATCHED, step.term
            else:
                steps.append(step if isinstance(step, Run) else Ask(record, step, self.domain))
        self.steps, self.end = tuple(steps), (result, cause, (PathStep(self.domain, record, last),))

    def renewed(self, reply: Reply) -> EvaluationPlan:
        """The plan by another *reply*, kept for the next time."""
        plan = EvaluationPlan(self.key, self.domain, reply)
        PLANS.put(self.key, plan, 4 + 2 * len(plan.steps))
        return plan


PLANS: Kept[tuple[str, int], EvaluationPlan] = Kept(MOST_KEPT)
"""Plans by the domain as it was given, and the family."""


def plan_of(domain: str, family: int) -> EvaluationPlan | None:
    """A new plan for *domain*; None where it is no domain that can be checked (RFC 7208 4.3)."""
    name = ascii_domain(domain)
    return None if name is None else EvaluationPlan((domain, family), name)
