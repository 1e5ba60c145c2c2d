"""The fewest deletions that a repair can do with, of terms that can never decide (repair, section B, rung E2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.claims import LOOKUPS
from spfcheck.audit.repair.deletion import deletable
from spfcheck.audit.repair.proof import Proof, Proposal, prove
from spfcheck.audit.text.terms import key
from spfcheck.rfc7208.record import Record, Term, parse

__all__ = ["Candidate", "fewest"]

Candidates = Callable[[Sequence[Term]], Iterator["Candidate"]]
"""Makes the candidates of a rung without some terms."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be a repair, and what was done to come to it."""

    text: str
    edits: tuple[str, ...]
    kind: str
    """Which of the candidates of its rung it is."""


def fewest(case: Case, record: Record, candidates: Candidates, shape: Proposal) -> tuple[Candidate, Proof] | None:
    """The first of the *candidates* that is proven, with the fewest of the terms of *record* left out that can be.

    None where none is proven with all of them left out (`spfcheck.audit.repair.deletion`). Each that can be taken back
    is, from the first to the last. With more of them a record is never easier to prove: so whole blocks are tried at
    once, and parted only where they cannot be taken back as they are.
    """
    dead = deletable(record, case.domain)
    search = _Search(case, record, dead, candidates, shape)
    if search.best is not None:
        search.take_back(0, len(dead))
    return search.best


class _Search:
    """What is still left out, and the candidate that was proven without it."""

    def __init__(self, case: Case, record: Record, dead: list[Term], candidates: Candidates, shape: Proposal) -> None:
        self._case = case
        self._record = record
        self._dead = dead
        self._candidates = candidates
        self._shape = shape
        self._gone = [True] * len(dead)
        self._count = len(dead)
        self._lookups: dict[str, int] = {}
        """What the candidates cost with all of *dead* left out, by kind, but for those refused even so."""
        self._spent = 0
        """What the terms that were taken back cost."""
        self.best = self._first_of_all()
        self._sums = [0, *accumulate(self._costs())] if self.best is not None else []

    def _first_of_all(self) -> tuple[Candidate, Proof] | None:
        best: tuple[Candidate, Proof] | None = None
        for candidate in self._candidates(self._dead):
            if best is not None:
                self._lookups[candidate.kind] = self._case.survey(parse(candidate.text)).lookups
            elif (made := self._proven(candidate)) is not None:
                best = candidate, made
                self._lookups[candidate.kind] = made.lookups
        return best

    def _proven(self, candidate: Candidate) -> Proof | None:
        if candidate.text in self._case.refused:
            return None
        made = prove(self._case, Proposal(self._shape.name, candidate.text, self._shape.delete))
        return made if isinstance(made, Proof) else None

    def _costs(self) -> Iterator[int]:
        """The lookups that each of *dead* would cost again."""
        known: dict[object, int] = {}
        end = self._record.all_term
        for term in self._dead:
            # A redirect among them stands beside all, and what stands behind all is never read (RFC 7208 5.1).
            if term.is_modifier or not term.cost or (end is not None and term.span.start > end.span.start):
                yield 0
                continue
            same = key(term, self._case.domain)
            if same not in known:
                known[same] = self._case.survey(parse(f"v=spf1 {term.text}")).lookups
            yield known[same]

    def take_back(self, start: int, stop: int) -> None:
        """Take back what can be of *dead* from *start* to *stop*."""
        cost = self._sums[stop] - self._sums[start]
        if stop - start < self._count and self._is_proven(start, stop, cost):
            self._spent += cost
            self._count -= stop - start
            return
        if stop - start > 1:
            middle = (start + stop) // 2
            self.take_back(start, middle)
            self.take_back(middle, stop)

    def _is_proven(self, start: int, stop: int, cost: int) -> bool:
        left = {kind for kind, lookups in self._lookups.items() if lookups + self._spent + cost <= LOOKUPS}
        if not left:
            return False
        self._gone[start:stop] = [False] * (stop - start)
        dropped = [term for term, gone in zip(self._dead, self._gone, strict=True) if gone]
        for candidate in self._candidates(dropped):
            made = self._proven(candidate) if candidate.kind in left else None
            if made is not None:
                self.best = candidate, made
                return True
        self._gone[start:stop] = [True] * (stop - start)
        return False
