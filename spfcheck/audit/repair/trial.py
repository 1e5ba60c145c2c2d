"""A proposed record on trial, and the walls that it has to stand behind, one for each reason to refuse it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from spfcheck.audit.judgement.tree import Survey
from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.claims import Proposal, Refusal
from spfcheck.audit.repair.meant import Base, base_of
from spfcheck.audit.text.terms import ignored_own, is_own
from spfcheck.rfc7208.ranges import Ranges
from spfcheck.rfc7208.record import Record, Term, parse

T = TypeVar("T")

__all__ = ["Refused", "Trial", "Wall", "is_ours"]


class Refused(Exception):  # noqa: N818 - an outcome, not an error
    """A wall holds: the *refusal* says which invariant would be broken, and how."""

    def __init__(self, invariant: str, why: str, lookups: int | None = None, *, everybody: str = "") -> None:
        super().__init__(why)
        self.refusal = Refusal(invariant, why, lookups, everybody)


class Trial:
    """One proposal on trial: what the walls look at, found out once, and what they find out on the way."""

    __slots__ = ("_found", "_new", "case", "cells", "dropped", "judged", "proposal", "stranger", "text", "void_lookups")

    def __init__(self, case: Case, proposal: Proposal) -> None:
        self.case = case
        self.proposal = proposal
        self.text = proposal.value
        self._new: Record | None = None
        self._found: Survey | None = None
        self.dropped: list[Term] | None = None
        """The terms of the base that are not in the new record; None until they are compared."""
        self.stranger: Term | None = None
        """The first term of the new record that is not in the base, or not at that place."""
        self.judged: dict[int, Ranges] = {}
        """What was evaluated of our addresses, and passes, by family."""
        self.cells = 0
        self.void_lookups = 0

    @property
    def base(self) -> Base | None:
        """What the owner meant; None where nothing is published, or no one can say."""
        base = base_of(self.case)
        return base if isinstance(base, Base) else None

    @property
    def new(self) -> Record:
        """The proposed record, read."""
        if self._new is None:
            self._new = parse(self.text)
        return self._new

    @property
    def found(self) -> Survey:
        """The tree of the proposed record."""
        if self._found is None:
            self._found = self.case.survey(self.new)
        return self._found

    def compare(self, base: Record) -> list[Term]:
        """The terms of *base* that are not in the new record, where ours do not count on either side."""
        if self.dropped is not None:
            return self.dropped
        own = self.case.ours.names
        wanted = [term for term in base.terms if not is_ours(term, own)]
        given = [term for term in self.new.terms if not is_ours(term, own)]
        self.dropped = []
        position = 0
        for term in wanted:
            if position < len(given) and given[position].text == term.text:
                position += 1
            else:
                self.dropped.append(term)
        if position < len(given):
            self.stranger = given[position]
        return self.dropped


class Wall(Generic[T]):
    """One check of a T: *refuse* raises `Refused` for what may not be, and says nothing else.

    One that is *early* looks at no term of the new record.
    """

    __slots__ = ("early", "name", "refuse")

    def __init__(self, name: str, refuse: Callable[[T], None], *, early: bool = False) -> None:
        self.name = name
        self.refuse = refuse
        self.early = early


def is_ours(term: Term, own: frozenset[str]) -> bool:
    """True for a term that names one of our includes, even where a receiver ignores it."""
    return is_own(term, own) or ignored_own(term, own)
