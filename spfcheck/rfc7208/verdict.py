"""What an evaluation ends in: results, causes, verdicts, partitions, and the trace that explains them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from spfcheck.rfc7208.lookup import Question, Reply
from spfcheck.rfc7208.ranges import Ranges, normalise
from spfcheck.rfc7208.record import Record, Result, Span, Term

__all__ = ["Cause", "Cell", "Event", "Partition", "PathStep", "Result", "Verdict", "Why"]


class Cause(StrEnum):
    """Why a result came about. Closed; the strings are stable."""

    MATCHED = "matched"
    """A term matched, and its qualifier is the result (RFC 7208 4.6.2)."""
    DEFAULT = "default"
    """No term matched and there was no redirect: neutral (4.7)."""
    NO_RECORD = "no-record"
    """The domain exists (or may) and publishes no SPF record: none (4.5)."""
    NO_DOMAIN = "no-domain"
    """The domain does not exist: none (4.3)."""
    INVALID_DOMAIN = "invalid-domain"
    """The domain to be checked is no domain name with at least two labels: none (4.3)."""
    SYNTAX_ERROR = "syntax-error"
    """A record does not follow the grammar: permerror (4.6)."""
    MULTIPLE_RECORDS = "multiple-records"
    """A domain publishes more than one SPF record: permerror (4.5)."""
    LOOKUP_LIMIT = "lookup-limit"
    """More terms that need the DNS than allowed: permerror (4.6.4)."""
    VOID_LIMIT = "void-limit"
    """More lookups without an answer than allowed: permerror (4.6.4)."""
    MX_LIMIT = "mx-limit"
    """An ``mx`` with more names than allowed: permerror (4.6.4)."""
    INCLUDE_NO_RECORD = "include-no-record"
    """An included domain has no SPF record: permerror (5.2)."""
    REDIRECT_NO_RECORD = "redirect-no-record"
    """The target of a redirect has no SPF record, or its name cannot exist: permerror (6.1)."""
    INCLUDE_LOOP = "include-loop"
    """A record leads back to itself; said only where no limit ends the loop first."""
    DNS_FAILURE = "dns-failure"
    """The DNS did not answer: temperror (2.6.6)."""
    QUESTION_CEILING = "question-ceiling"
    """Our own ceiling on questions ended the evaluation: temperror, never the domain's fault."""


class Why(StrEnum):
    """What became of one step of a trace. Closed; the strings are stable."""

    RECORD = "record"
    """A record was found and is evaluated from here."""
    NO_RECORD = "no-record"
    """There is no SPF record at this name."""
    MATCHED = "matched"
    """The term matched."""
    NOT_IN_NETWORK = "not-in-network"
    """The address is outside the network."""
    OTHER_FAMILY = "other-family"
    """The term is about addresses of the other family."""
    NO_ADDRESS_MATCHED = "no-address-matched"
    """There were addresses, and none of them matches."""
    VOID = "void"
    """The DNS had no record of the kind asked for."""
    NO_NAME_MATCHED = "no-name-matched"
    """No validated name of the address lies under the target."""
    NOT_PASS = "not-pass"  # noqa: S105  (a result, not a password)
    """The included record did not say pass."""
    IMPOSSIBLE_NAME = "impossible-name"
    """Macros made a name that cannot exist, so nothing was asked."""
    SELF_INCLUDE = "self-include"
    """The record includes itself; counted as no match under a policy without limits."""
    FOLLOWED = "followed"
    """The redirect was followed."""
    DEFAULT = "default"
    """The end of the record, without a match."""
    ERROR = "error"
    """The step ended the evaluation with an error; the cause says which."""


class PathStep(NamedTuple):
    """One record on the way to a decision, and the term in it that led on or decided.

    *term* is None at the end of a record where nothing matched, and where the record could not be evaluated.
    """

    domain: str
    record: Record | None
    term: Term | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of a trace: what a term asked, what came back, what it cost, and what became of it.

    *depth* 0 is the record of the domain that is checked; includes and redirects are one deeper. *term* is the term's
    text, or empty for the step that looks for a record. *lookups* and *void_lookups* are running totals after the
    step. Events stand in the order in which their steps began.
    """

    depth: int
    domain: str
    term: str
    span: Span | None
    why: Why
    result: Result | None = None
    cause: Cause | None = None
    asked: tuple[tuple[Question, Reply], ...] = ()
    lookups: int = 0
    void_lookups: int = 0


class Verdict(NamedTuple):
    """The result of check_host() for one address (RFC 7208 2.6), and what it rests on."""

    result: Result
    cause: Cause
    path: tuple[PathStep, ...] = ()
    """From the record of the domain that was checked down to the term that decided."""
    explanation: str | None = None
    """The domain owner's text for a fail, when asked for and present. Written by a third party: never trust it."""
    lookups: int = 0
    """Terms that needed the DNS (4.6.4), the one that exceeded the limit included."""
    void_lookups: int = 0
    """Questions without records (4.6.4), the one that exceeded the limit included."""
    questions: int = 0
    """Questions that this evaluation needed, repeated ones counted again."""
    failure: Question | None = None
    """The question that the DNS did not answer, when that is the cause."""
    trace: tuple[Event, ...] = ()

    @property
    def decision(self) -> PathStep | None:
        """The step that decided, as check_host() sees it: redirects are followed, includes are not entered."""
        for step in self.path:
            if step.term is None or step.term.name != "redirect":
                return step
        return self.path[-1] if self.path else None

    @property
    def mechanism(self) -> str | None:
        """The text of the term that decided, or None where no term did."""
        step = self.decision
        return step.term.text if step and step.term else None

    @property
    def mechanism_domain(self) -> str | None:
        """The domain whose record holds the term that decided."""
        step = self.decision
        return step.domain if step else None


class Cell(NamedTuple):
    """A set of addresses that one and the same evaluation is true for."""

    addresses: Ranges
    result: Result
    cause: Cause
    path: tuple[PathStep, ...]
    lookups: int
    void_lookups: int
    questions: int
    depends: tuple[PathStep, ...] = ()
    """Terms on the way that depend on the message and could not be asked; counted as one lookup (and, except for
    include and redirect, one void lookup) that did not match. They may match for some messages or addresses."""
    failure: Question | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Every address of a set, sorted into cells that do not overlap and leave nothing out."""

    family: int
    cells: tuple[Cell, ...]
    complete: bool = True
    """False when our own ceiling on questions ended the walk; the cells that it hit say so."""

    def passing(self) -> Ranges:
        """The addresses whose result is pass."""
        return self.having(Result.PASS)

    def having(self, *results: Result) -> Ranges:
        """The addresses whose result is one of *results*."""
        return normalise(item for cell in self.cells if cell.result in results for item in cell.addresses)

    def at(self, address: int) -> Cell | None:
        """The cell of *address*, or None when it is not in the set."""
        for cell in self.cells:
            for low, high in cell.addresses:
                if low <= address <= high:
                    return cell
        return None
