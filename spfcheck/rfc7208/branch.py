"""The parts of a set of addresses on their way through a record, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from spfcheck.rfc7208.limits import Budget, LimitExceededError
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.ranges import BITS, Ranges, intersect, normalise, subtract
from spfcheck.rfc7208.record import Record, Result, Term
from spfcheck.rfc7208.steps import Run, Step
from spfcheck.rfc7208.verdict import Cause, PathStep

Path = tuple[PathStep, ...]

# A named tuple made directly: its own constructor takes three times as long. Global names are found faster than the
# attributes of an enum.
_new: Final = tuple.__new__
_MATCHED: Final = Cause.MATCHED


class UnansweredError(Exception):
    """The DNS did not answer *question*."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


class Strand:
    """A part of the set that is still undecided, and what it has used up.

    *depends* are the terms on its way that could not be asked, since they depend on the message.
    """

    __slots__ = ("addresses", "budget", "depends", "single")

    def __init__(self, addresses: Ranges, budget: Budget, depends: Path = ()) -> None:
        self.addresses = addresses
        self.budget = budget
        self.depends = depends
        self.single = _single(addresses)
        """The address, where it is one: much is simpler then."""

    def become(self, addresses: Ranges) -> None:
        """Hold *addresses* from now on."""
        self.addresses = addresses
        self.single = _single(addresses)

    def part(self, addresses: Ranges) -> Strand:
        """A part of this strand, with a budget of its own."""
        return Strand(addresses, self.budget.fork(), self.depends)


def _single(addresses: Ranges) -> int | None:
    if len(addresses) != 1:
        return None
    low, high = addresses[0]
    return low if low == high else None


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

    def step(self, term: Term | None) -> PathStep:
        """The step of a path that stands for *term*, or for the end of the record."""
        return _new(PathStep, (self.domain, self.record, term))

    def matched(self, strand: Strand, term: Term) -> None:
        """All of *strand* matches *term* (RFC 7208 4.6.2)."""
        step = _new(PathStep, (self.domain, self.record, term))
        self.decided.append(Decided(strand, term.result, _MATCHED, (step,)))

    def permerror(self, strand: Strand, term: Term, cause: Cause, *beyond: PathStep) -> tuple[()]:
        """All of *strand* ends in permerror at *term*, and nothing is left; *beyond* is what the term led to."""
        path = (self.step(term), *beyond)
        self.decided.append(Decided(strand, Result.PERMERROR, cause, path))
        return ()

    def stopped(self, strand: Strand, term: Term, error: LimitExceededError | UnansweredError) -> tuple[()]:
        """All of *strand* ends at *term* with a limit or without an answer, and nothing is left."""
        path = (self.step(term),)
        if isinstance(error, UnansweredError):
            # RFC 7208 5: a DNS error while a mechanism is evaluated ends the whole evaluation in temperror.
            self.decided.append(Decided(strand, Result.TEMPERROR, Cause.DNS_FAILURE, path, error.question))
        else:
            # 4.6.4: the standard's limits are permerror. Our own ceiling says nothing about the record: temperror.
            result = Result.TEMPERROR if error.cause is Cause.QUESTION_CEILING else Result.PERMERROR
            self.decided.append(Decided(strand, result, error.cause, path))
        return ()


def merged(strands: Iterable[Strand]) -> list[Strand]:
    """Strands whose future is the same become one."""
    groups: dict[Any, list[Strand]] = {}
    for strand in strands:
        groups.setdefault((strand.budget.state(), strand.depends), []).append(strand)
    for first, *others in groups.values():
        if others:
            first.become(normalise(item for strand in (first, *others) for item in strand.addresses))
    return [group[0] for group in groups.values()]


def leave_networks(level: Level, run: Run, strand: Strand) -> bool:
    """Take what a run of networks matches off the strand; whether anything is left."""
    address = strand.single
    if address is not None:
        owner = run.owner(address)
        if owner is None:
            return True
        level.matched(strand, owner)
        return False
    found, rest = run.split(strand.addresses)
    for term, part in found:
        level.matched(strand.part(part), term)
    strand.become(rest)
    return bool(rest)


def leave_hosts(level: Level, step: Step, strand: Strand, records: tuple[int, ...]) -> Sequence[Strand]:
    """Take a strand of one address off where it is near *records*, the hosts of a term (RFC 7208 5.3); what is left."""
    address = strand.addresses[0][0]
    shift = BITS[step.family] - step.prefix
    if any((address ^ host) >> shift == 0 for host in records):
        level.matched(strand, step.term)
        return ()
    return (strand,)


def leave_near(level: Level, step: Step, strand: Strand, near: Ranges) -> Sequence[Strand]:
    """Take *near*, the networks around the hosts that a term found, off the strand; what is left of it."""
    found = intersect(strand.addresses, near)
    if found:
        level.matched(strand.part(found), step.term)
        strand.become(subtract(strand.addresses, near))
    return (strand,) if strand.addresses else ()
