"""The parts of a set of addresses on their way through a record, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spfcheck.rfc7208.limits import Budget, LimitExceededError
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.ranges import Ranges, normalise
from spfcheck.rfc7208.record import Record, Result, Term
from spfcheck.rfc7208.verdict import Cause

__all__ = ["Decided", "Level", "Path", "Strand", "merged"]

Path = tuple[tuple[str, Record | None, Term | None], ...]
"""The fields of `PathStep`s, which are made only for what is handed out."""


class Strand:
    """A part of the set that is still undecided, and what it has used up.

    *depends* are the terms on its way that could not be asked, since they depend on the message.
    """

    __slots__ = ("addresses", "budget", "depends")

    def __init__(self, addresses: Ranges, budget: Budget, depends: Path = ()) -> None:
        self.addresses = addresses
        self.budget = budget
        self.depends = depends

    def is_single(self) -> bool:
        """Whether it is one address."""
        addresses = self.addresses
        return len(addresses) == 1 and addresses[0][0] == addresses[0][1]

    def part(self, addresses: Ranges) -> Strand:
        """A part of this strand, with a budget of its own."""
        return Strand(addresses, self.budget.fork(), self.depends)


class Decided:
    """A part of the set that is decided at one level: a matched term, an error, or the end of a record."""

    __slots__ = ("cause", "failure", "path", "result", "strand")

    def __init__(
        self, strand: Strand, result: Result, cause: Cause, path: Path, failure: Question | None = None
    ) -> None:
        self.strand = strand
        self.result = result
        self.cause = cause
        self.path = path
        self.failure = failure


class Level:
    """One record under evaluation: where it stands, the domains that led there (it included), and what is decided."""

    __slots__ = ("decided", "domain", "record", "stack")

    def __init__(self, record: Record, domain: str, stack: tuple[str, ...]) -> None:
        self.record = record
        self.domain = domain
        self.stack = stack
        self.decided: list[Decided] = []

    def matched(self, strand: Strand, term: Term) -> None:
        """All of *strand* matches *term* (RFC 7208 4.6.2)."""
        self.decided.append(Decided(strand, term.result, Cause.MATCHED, ((self.domain, self.record, term),)))

    def permerror(self, strand: Strand, term: Term, cause: Cause, *beyond: tuple[str, Record | None, None]) -> None:
        """All of *strand* ends in permerror at *term*; *beyond* is what it led to."""
        path = ((self.domain, self.record, term), *beyond)
        self.decided.append(Decided(strand, Result.PERMERROR, cause, path))

    def limited(self, strand: Strand, term: Term, limit: LimitExceededError) -> None:
        """All of *strand* goes beyond a limit at *term*."""
        # RFC 7208 4.6.4: the standard's limits are permerror. Our own ceiling says nothing about the record: temperror.
        result = Result.TEMPERROR if limit.cause is Cause.QUESTION_CEILING else Result.PERMERROR
        self.decided.append(Decided(strand, result, limit.cause, ((self.domain, self.record, term),)))

    def unanswered(self, strand: Strand, term: Term, question: Question) -> None:
        """The DNS did not answer what *term* needs for *strand* (RFC 7208 2.6.6, 5)."""
        path = ((self.domain, self.record, term),)
        self.decided.append(Decided(strand, Result.TEMPERROR, Cause.DNS_FAILURE, path, question))


def merged(strands: Iterable[Strand]) -> list[Strand]:
    """Strands whose future is the same become one."""
    groups: dict[Any, list[Strand]] = {}
    for strand in strands:
        groups.setdefault((strand.budget.state(), strand.depends), []).append(strand)
    for first, *others in groups.values():
        if others:
            first.addresses = normalise(item for strand in (first, *others) for item in strand.addresses)
    return [group[0] for group in groups.values()]
