"""What is gone from a record and new in another, term by term."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from spfcheck.web.words import safe, words

__all__ = ["TermChange", "changes"]

MOST_SHOWN: Final = 200
"""Terms that differ, of which a page shows no more: nobody compares more by eye."""
WHOLE: Final = 40
"""Terms in a row that did not change and are shown all the same; of a longer row a few at either end."""
AROUND: Final = 5
"""How many those are."""


@dataclass(frozen=True, slots=True)
class TermChange:
    """A term of a record beside another: ``same``, ``gone`` or ``new``; ``left`` is a sentence on what is not shown."""

    kind: str
    text: str


def changes(before: str, after: str) -> list[TermChange]:
    """What is gone from *before* and new in *after*, term by term.

    In n log n steps however often a term stands there, and cut where it is longer than anybody reads.
    """
    old, new = before.split(), after.split()
    found: list[TermChange] = []
    shown = 0
    differing = 0
    for kind, group in groupby(_compared(old, new), key=lambda one: one[0]):
        terms = [term for _, term in group]
        if kind == "same":
            found += _row(terms)
            continue
        differing += len(terms)
        found += [TermChange(kind, safe(term)) for term in terms[: MOST_SHOWN - shown]]
        shown = min(differing, MOST_SHOWN)
        if differing > MOST_SHOWN:
            break
    if differing > MOST_SHOWN:
        count = sum(kind != "same" for kind, _ in _compared(old, new)) - MOST_SHOWN
        found.append(TermChange("left", words()["diff"]["more"].format(count=f"{count:,}")))
    return found


def _row(terms: Sequence[str]) -> Iterator[TermChange]:
    """Terms that did not change, the middle of a long row as a sentence."""
    if len(terms) <= WHOLE:
        yield from (TermChange("same", safe(term)) for term in terms)
        return
    yield from (TermChange("same", safe(term)) for term in terms[:AROUND])
    yield TermChange("left", words()["diff"]["same"].format(count=f"{len(terms) - 2 * AROUND:,}"))
    yield from (TermChange("same", safe(term)) for term in terms[-AROUND:])


def _compared(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The terms of both, each with what became of it: what is gone in front of what is new in its place."""
    at_old = at_new = 0
    for i, j in (*_kept(old, new), (len(old), len(new))):
        yield from (("gone", term) for term in old[at_old:i])
        yield from (("new", term) for term in new[at_new:j])
        if i < len(old):
            yield "same", old[i]
        at_old, at_new = i + 1, j + 1


def _kept(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The places in both of the terms that stayed: of equal terms the first of the one is the first of the other.

    What stands in front of and behind every change stays; of the rest, as many as are in the same order.
    """
    front = 0
    while front < min(len(old), len(new)) and old[front] == new[front]:
        front += 1
    back = 0
    while back < min(len(old), len(new)) - front and old[-1 - back] == new[-1 - back]:
        back += 1
    where: defaultdict[str, deque[int]] = defaultdict(deque)
    for place in range(front, len(new) - back):
        where[new[place]].append(place)
    pairs = [(place, where[old[place]].popleft()) for place in range(front, len(old) - back) if where[old[place]]]
    head = [(place, place) for place in range(front)]
    tail = [(len(old) - place, len(new) - place) for place in range(back, 0, -1)]
    return [*head, *_rising(pairs), *tail]


def _rising(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The most of *pairs*, which rise by their first place, that rise by their second as well."""
    lasts: list[int] = []  # the least second place that a row of each length can end in
    ends: list[int] = []
    known = list(pairs)
    before: list[int] = []
    for number, (_, place) in enumerate(known):
        length = bisect_left(lasts, place)
        before.append(ends[length - 1] if length else -1)
        lasts[length : length + 1] = [place]
        ends[length : length + 1] = [number]
    row: list[tuple[int, int]] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        row.append(known[number])
        number = before[number]
    return row[::-1]
