"""How much one check may cost whoever makes it: counts of work, spent in one place, as `Budget` is for the standard.

RFC 7208 limits the questions of an evaluation, not its records: one may be as large as the DNS carries, and all of them
are judged. What is only offered beside a verdict, a repair above all, ends where a figure of this table is reached. The
figures count what is done, and no clock, so that a stored check comes to the same end when it is told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from spfcheck.rfc7208.limits import AUDIT_QUESTIONS

__all__ = ["MOST", "Effort", "Measure", "TooLargeError"]


class Measure(StrEnum):
    """What is counted. Closed; the strings are stable."""

    BYTES = "bytes"
    """Bytes of what is published as, or meant as, one record."""
    TERMS = "terms"
    """Its terms."""
    READINGS = "readings"
    """Ways to read broken words that are looked at, the long ones counted more than once."""
    COMPARISONS = "comparisons"
    """Words of a mended text that are held against each other."""
    TREE_TERMS = "tree-terms"
    """Terms of all records that a proposed one leads to."""
    CELLS = "cells"
    """Ranges of addresses that the terms of a record are held against, one by one."""
    PROPOSALS = "proposals"
    """Records that are tried as a repair."""
    QUESTIONS = "questions"
    """Questions to the DNS, of all that a check asks (`AUDIT_QUESTIONS`)."""


MOST: Final[Mapping[Measure, int]] = {
    Measure.BYTES: 65_535,
    Measure.TERMS: 8_192,
    Measure.READINGS: 8_000,
    Measure.COMPARISONS: 1_000_000,
    Measure.TREE_TERMS: 20_000,
    Measure.CELLS: 1_000_000,
    Measure.PROPOSALS: 64,
    Measure.QUESTIONS: AUDIT_QUESTIONS,
}
"""What one check may take of each."""


class TooLargeError(Exception):
    """One check would take more than *most* of what *measure* counts; *count* is how much, where that is known."""

    def __init__(self, measure: Measure, most: int, count: int = 0) -> None:
        super().__init__(f"more than {most} {measure.value}")
        self.measure = measure
        self.most = most
        self.count = count


class Effort:
    """What one check has used up so far of *most*; raises `TooLargeError` by itself when that is too much."""

    __slots__ = ("_left", "most")

    def __init__(self, most: Mapping[Measure, int] = MOST) -> None:
        self.most = most
        self._left = dict(most)

    def spend(self, measure: Measure, count: int = 1) -> None:
        """*count* more of what *measure* counts is about to be done."""
        left = self._left[measure] - count
        self._left[measure] = left
        if left < 0:
            raise TooLargeError(measure, self.most[measure])

    def hold(self, measure: Measure, count: int) -> None:
        """What *measure* counts is *count* in all: like `spend`, and the error tells the figure."""
        if count > self.most[measure]:
            raise TooLargeError(measure, self.most[measure], count)

    def renew(self) -> None:
        """Begin anew, as when the answers that were missing have come."""
        self._left = dict(self.most)
