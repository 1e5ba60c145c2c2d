"""The making of folds: a term is evaluated for all addresses at once, as far as the answers that it needs are known."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from operator import itemgetter
from typing import Final

from spfcheck.rfc7208.branch import Decided, Level, Strand, UnansweredError
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluation import TermQuestions, Walk
from spfcheck.rfc7208.limits import STRICT, Budget
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.memo.plan import Ask, EvaluationPlan
from spfcheck.rfc7208.memo.table import FOLDS, Expected, Fold, Way
from spfcheck.rfc7208.message import Message
from spfcheck.rfc7208.ranges import everything
from spfcheck.rfc7208.record import Record, Result
from spfcheck.rfc7208.steps import Run, Step

FIRST_FOLD = 16
"""Evaluations of a term before it is folded, which takes as long as some ten of them."""
RAREST_FOLD = 1024
"""Each fold after the first waits for twice as many evaluations that the one before was no help to, up to so many."""
MOST_WORK: Final = 1_000
"""Terms and questions that the making of a fold may go through, some milliseconds; a larger tree is not folded."""
MOST_RANGES: Final = 4_000
"""A fold of more is not kept."""
_BY_START: Final = itemgetter(0)


def learn(plan: EvaluationPlan, ask: Ask, replies: Mapping[Question, Reply]) -> None:
    """The term of *ask* was evaluated for one address, with *replies*: see to its fold, which was no help."""
    if ask.key is None:
        return
    fold = FOLDS.get(ask.key)
    if fold is None:
        fold = Fold(FIRST_FOLD)
        FOLDS.put(ask.key, fold, 1)
    fold.missed += 1
    if fold.missed >= fold.due:
        fold.missed, fold.due = 0, min(fold.due * 2, RAREST_FOLD)
        fold.table = _table(fold, plan, ask, replies)
        FOLDS.put(ask.key, fold, len(fold.table[0]))


def _table(
    fold: Fold, plan: EvaluationPlan, ask: Ask, replies: Mapping[Question, Reply]
) -> tuple[list[int], list[Way | None]]:
    """The ways through the term, as far as *replies*, and those expected so far, are enough to find them.

    Replies of different times may meet here: no way that counts on both is taken until they are sent together.
    """
    before = {one.question: one.reply for way in fold.table[1] if way is not None for one in way.expected}
    walk = _Folding(plan.family, Message(plan.domain), {**before, **replies})
    everyone = Strand(everything(plan.family), _Noting())
    try:
        evaluation = walk.evaluate(ask.record, plan.domain, everyone, (plan.domain,), ask.steps)
        decided = run(evaluation, walk.answers.__getitem__)
    except _TooMuchError:
        return fold.table
    expected = {question: Expected(question, reply) for question, reply in walk.answers.items()}
    ranges: list[tuple[int, Way | None]] = []
    for one in decided:
        way = _way(one, expected)
        ranges += [(low, way) for low, _ in one.strand.addresses]
    ranges.sort(key=_BY_START)
    if len(ranges) > MOST_RANGES:
        return fold.table
    return [low for low, _ in ranges], [way for _, way in ranges]


def _way(decided: Decided, expected: Mapping[Question, Expected]) -> Way | None:
    if decided.result in (Result.TEMPERROR, Result.PERMERROR):
        return None
    budget = decided.strand.budget
    assert isinstance(budget, _Noting)
    return Way(tuple([expected[question] for question in dict.fromkeys(budget.asked)]), decided)


_OPEN: Final = Question("", Rtype.TXT)
"""The failure of what cannot be folded, which is an error, so that no way is made of it."""


class _TooMuchError(Exception):
    """The tree takes too long to fold."""


class _Noting(Budget):
    """A budget that notes what is asked, so that only what asked the same counts as having gone the same way."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        super().__init__(STRICT)
        self.asked: tuple[Question, ...] = ()

    def fork(self) -> _Noting:
        twin = _Noting()
        twin.lookups, twin.voids, twin.questions = self.lookups, self.voids, self.questions
        twin.asked = self.asked
        return twin

    def state(self) -> tuple[object, ...]:
        return *super().state(), self.asked


class _Folding(Walk):
    """A walk that asks nothing, and ends with an error where the message matters or a reply is not known."""

    __slots__ = ("_work_left",)

    def __init__(self, family: int, message: Message, replies: dict[Question, Reply]) -> None:
        super().__init__(family, message, STRICT)
        self.answers = replies
        self._work_left = MOST_WORK

    def known(self, question: Question, budget: Budget) -> Reply:
        self._spend(1)
        budget.question()
        reply = self.answers.get(question)
        if reply is None:
            raise UnansweredError(_OPEN)
        assert isinstance(budget, _Noting)
        budget.asked += (question,)
        return reply

    def evaluate(
        self,
        record: Record,
        domain: str,
        strand: Strand,
        stack: tuple[str, ...],
        steps: Sequence[Step | Run] | None = None,
    ) -> Generator[Question, Reply, list[Decided]]:
        self._spend(len(record.terms))
        return super().evaluate(record, domain, strand, stack, steps)

    def _spend(self, work: int) -> None:
        self._work_left -= work
        if self._work_left < 0:
            raise _TooMuchError

    def _unknown(self, level: Level, step: Step, strand: Strand) -> TermQuestions:
        yield from ()
        return level.stopped(strand, step.term, UnansweredError(_OPEN))

    def _question(self, step: Step, domain: str, strand: Strand) -> Generator[Question, Reply, Question | None]:
        # Of the macro letters, %{o} depends on the message too, even if not from one address to the next.
        if step.term.spec is not None:
            raise UnansweredError(_OPEN)
        return super()._question(step, domain, strand)
