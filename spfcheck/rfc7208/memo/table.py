"""The results of terms that ask the DNS, cached for all addresses: an include of a whole provider as one table.

How a term is evaluated hangs on the address and on the replies, and, apart from macros and ptr, on nothing else. So a
fold keeps, for each range of addresses, one `Way` through everything that the term leads to: the questions that are
asked on it, the reply that each of them had, whether the term matches in the end, and the cost. A check takes the way
of its address: it asks the very same questions and compares the replies that it is sent. Where all are as expected, the
evaluation could only have gone this way; where one is not, the term is evaluated as if there were no fold. Nothing is
assumed about the age of a fold, so nothing in it can be stale.
"""

from __future__ import annotations

from typing import Final

from spfcheck.rfc7208.branch import Decided
from spfcheck.rfc7208.cache import Kept
from spfcheck.rfc7208.lookup import Question, Reply

MOST_KEPT: Final = 40_000
"""Ranges that are kept, in all folds of a generation together: some 6 MB beside the records and replies."""


class Expected:
    """A question, and the reply that ways count on."""

    __slots__ = ("question", "reply")

    def __init__(self, question: Question, reply: Reply) -> None:
        self.question = question
        self.reply = reply

    def is_said_by(self, reply: Reply) -> bool:
        """Whether another *reply* says the same; it is the one to be compared with from then on."""
        mine = self.reply
        if (mine.failed, mine.nxdomain, mine.records) != (reply.failed, reply.nxdomain, reply.records):
            return False
        self.reply = reply
        return True


class Way:
    """A way through a term: what it asks, in order and once each, whether the term matches, and what that costs.

    What ends in an error has no way, and is left to be evaluated.
    """

    __slots__ = ("cause", "expected", "lookups", "matches", "path", "questions", "result", "voids")

    def __init__(self, expected: tuple[Expected, ...], decided: Decided) -> None:
        budget = decided.strand.budget
        self.expected = expected
        self.matches = decided.path[0][2] is not None
        self.result = decided.result
        """What a redirect ends in; a mechanism that matches has its own."""
        self.cause = decided.cause
        self.path = decided.path[1:]
        """The way on from the term."""
        self.lookups, self.voids, self.questions = budget.lookups, budget.voids, budget.questions


class Fold:
    """The ways of all addresses of a family through one term."""

    __slots__ = ("due", "missed", "table")

    def __init__(self, due: int) -> None:
        self.table: tuple[list[int], list[Way | None]] = _NOTHING
        """Where ranges begin, from 0 and rising, each to the beginning of the next, and their ways; None where that is
        open. In one piece, so that nobody ever sees the one without the other."""
        self.missed = 0
        """Evaluations of the term since the ways were made."""
        self.due = due
        """At how many of them the ways are made anew."""


_NOTHING: Final[tuple[list[int], list[Way | None]]] = ([0], [None])
FOLDS: Kept[str | None, Fold] = Kept(MOST_KEPT)
"""Folds by the key of the term (`spfcheck.rfc7208.memo.plan.Ask`)."""
