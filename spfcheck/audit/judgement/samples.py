"""Addresses of ours that are asked one by one, where a term hangs on the message and no set can answer for all.

A term such as ``exists:%{i}.list.example`` or ``ptr`` asks another question for every address. Of a large network not
every address can be asked, so its first, its last and its middle one are, with the identity that the report names;
what they get is the verdict, and an address between two of them is taken to get what the one in front of it gets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from spfcheck.audit.fetch import Witness
from spfcheck.audit.senders import Ours
from spfcheck.resolver.drive import drive
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.limits import Policy
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.ranges import BITS, Ranges, contains, format_address, intersect, normalise
from spfcheck.rfc7208.record import Result
from spfcheck.rfc7208.verdict import Cell, Partition, Verdict

__all__ = ["MOST_SAMPLES", "MessageIdentity", "asked_one_by_one", "refined", "verdicts"]


MOST_SAMPLES: Final = 96
"""Addresses that one check asks about one by one by either reading: three each of 32 networks."""
AT_ONCE: Final = 8
"""Addresses that are asked about side by side. What they cost is learnt before the next ones are."""
MOST_QUESTIONS: Final = 100
"""Different questions that they may take together: two thirds of a check's ceiling (`AUDIT_QUESTIONS`), since the rest
of the tree and a repair ask as well. Counted by what they need, not by what is left of the ceiling, so that a report
comes out the same when it is told again from its evidence."""


@dataclass(frozen=True, slots=True)
class MessageIdentity:
    """Who sends: the domain that is judged, MAIL FROM and HELO."""

    domain: str
    mail_from: str
    helo: str


async def refined(
    parts: Mapping[int, Partition], witness: Witness, ours: Ours, who: MessageIdentity, policy: Policy
) -> Mapping[int, Partition]:
    """*parts*, by family, with the verdicts of single addresses in place of each cell that hangs on the message."""
    wanted = asked_one_by_one(parts, ours)
    if not wanted:
        return parts
    found = await verdicts(wanted, witness, who, policy)
    return {family: _with(part, found, family) for family, part in parts.items()}


def asked_one_by_one(parts: Mapping[int, Partition], ours: Ours) -> list[tuple[int, int]]:
    """Family and address of those that are asked: of each network of ours the ends and the middle, then of its parts.

    In turns: all networks have one before any has a second.
    """
    lists: list[list[tuple[int, int]]] = []
    for family, part in parts.items():
        open_cells = [cell.addresses for cell in part.cells if cell.depends]
        if not open_cells:
            continue
        for network in [one for sender in ours.senders for one in sender.networks if one.family == family]:
            low, high = network.ranges[0][0], network.ranges[-1][1]
            shared = [mine for cell in open_cells if (mine := intersect(network.ranges, cell))]
            middle = (low + high) // 2
            first = [one for one in (low, high, middle) if any(contains(mine, one) for mine in shared)]
            ends = [end for mine in shared for end in (mine[0][0], mine[-1][1])]
            lists.append([(family, one) for one in dict.fromkeys([*first, *ends])])
    turns = [one for turn in zip_longest(*lists) for one in turn if one is not None]
    return list(dict.fromkeys(turns))


class _Counted:
    """A `Lookup` that knows which questions it was asked."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self.questions: set[Question] = set()

    def cached(self, question: Question) -> Answer | None:
        """The answer that is at hand."""
        self.questions.add(question)
        return self._witness.cached(question)

    async def ask(self, question: Question) -> Answer:
        """The answer."""
        return await self._witness.ask(question)


async def verdicts(
    wanted: Sequence[tuple[int, int]], witness: Witness, who: MessageIdentity, policy: Policy
) -> dict[tuple[int, int], Verdict]:
    """What check_host() says of each of *wanted*, by family and address: one at least, as many as may be asked."""
    found: dict[tuple[int, int], Verdict] = {}
    lookup = _Counted(witness)
    left = list(wanted[:MOST_SAMPLES])
    dearest = 0
    at_once = 1  # what one costs says how many there is room for
    while left and at_once:
        now, left = left[:at_once], left[at_once:]
        before = len(lookup.questions)
        made = await asyncio.gather(*[_verdict(one, lookup, who, policy) for one in now])
        found.update(zip(now, made, strict=True))
        dearest = max(dearest, -(-(len(lookup.questions) - before) // len(now)))
        room = max(0, MOST_QUESTIONS - len(lookup.questions))
        at_once = min(AT_ONCE, room // dearest) if dearest else AT_ONCE
    return found


async def _verdict(one: tuple[int, int], lookup: Lookup, who: MessageIdentity, policy: Policy) -> Verdict:
    family, address = one
    text = format_address(address, family)
    return await drive(check_host(text, who.domain, who.mail_from, who.helo, policy=policy), lookup)


def _with(part: Partition, found: Mapping[tuple[int, int], Verdict], family: int) -> Partition:
    sampled = sorted(((one, verdict) for (of, one), verdict in found.items() if of == family), key=lambda pair: pair[0])
    cells: list[Cell] = []
    for cell in part.cells:
        known = _known(cell, sampled) if cell.depends else []
        cells.extend(_divided(cell, known, family) if known else (cell,))
    return Partition(family=family, cells=tuple(cells), complete=part.complete)


def _known(cell: Cell, sampled: Sequence[tuple[int, Verdict]]) -> list[tuple[int, Verdict]]:
    """The addresses of an open *cell* that were asked, else the nearest one that was, unless it passes.

    What the set said of an open cell is a guess. An error that the nearest address meets is the better one; a pass is
    not, for a cell is one of its own since some term tells it from its neighbours.
    """
    known = [(one, verdict) for one, verdict in sampled if contains(cell.addresses, one)]
    if known or not sampled:
        return known
    nearest = min(sampled, key=lambda pair: abs(pair[0] - cell.addresses[0][0]))
    return [] if nearest[1].result is Result.PASS else [nearest]


def _divided(cell: Cell, known: Sequence[tuple[int, Verdict]], family: int) -> Iterator[Cell]:
    """The cell cut at the addresses that were asked; parts with the same facts are one cell."""
    starts = [one for one, _ in known]
    groups: dict[Any, list[tuple[int, int]]] = {}
    for place, (start, verdict) in enumerate(known):
        low = start if place else 0
        high = starts[place + 1] - 1 if place + 1 < len(starts) else (1 << BITS[family]) - 1
        facts = (verdict.result, verdict.cause, verdict.path, verdict.lookups, verdict.void_lookups)
        piece: Ranges = intersect(cell.addresses, ((low, high),))
        groups.setdefault((facts, verdict.questions, verdict.failure), []).extend(piece)
    for (facts, questions, failure), pieces in groups.items():
        result, cause, path, lookups, voids = facts
        yield Cell(normalise(pieces), result, cause, path, lookups, voids, questions, cell.depends, failure)
