"""Includes that stand side by side in a record: their union is made once for all records that include just these."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from spfcheck.audit.flat.memory import MOST_REMEMBERED, Known, Memory, Together
from spfcheck.audit.flat.record import NotPlain
from spfcheck.audit.report.model import Evidence
from spfcheck.resolver.types import Question
from spfcheck.rfc7208.ranges import Ranges, intersect, size, union

__all__ = ["authorised", "together"]


def together(includes: Iterable[Known], memory: Memory) -> Together:
    """The union of *includes*, cached. Raises `NotPlain` where a finding is reported on the answers that we rest on."""
    which = frozenset(includes)
    found = memory.together.get(which)
    if found is None:
        if not memory.quiet:
            raise NotPlain
        known = tuple(which)
        evidence: dict[Question, Evidence] = dict(memory.evidence)
        for one in known:
            evidence.update(one.evidence)
        questions = sorted(evidence)
        found = Together(
            known,
            questions,
            [evidence[one] for one in questions],
            _count(known, memory),
            min([memory.lifetime, *[one.lifetime for one in known]]),
            min([memory.until, *[one.until for one in known]]),
        )
        if len(memory.together) >= MOST_REMEMBERED:  # of these alone there may be very many
            memory.together.clear()
        memory.together[which] = found
    return found


def _count(known: Sequence[Known], memory: Memory) -> int:
    count = sum([one.count for one in known])
    pairs = 0
    for place, one in enumerate(known):
        for other in known[:place]:
            both = shared_by(one, other, memory)
            pairs += both > 0
            count -= both
    # Three sets can only have an address in common where each two of them have one.
    return count if pairs < 3 else size(union(*(one.passing[4] for one in known)))


def shared_by(one: Known, other: Known, memory: Memory) -> int:
    """How many IPv4 addresses pass in both."""
    found = memory.shared.get((one, other))
    if found is None:
        memory.trim()
        found = size(intersect(one.passing[4], other.passing[4]))
        memory.shared[one, other] = memory.shared[other, one] = found
    return found


def authorised(own: Sequence[Ranges], includes: Together) -> int:
    """How many IPv4 addresses a record holds, whatever the limits say: in its *own* terms, and in what it includes."""
    if not own:
        return includes.count
    mine: Ranges = own[0] if len(own) == 1 else union(*own)
    shared = [both for one in includes.known if (both := _overlap(mine, one))]
    if len(shared) > 1:  # an address may be in several
        return size(union(mine, *(one.passing[4] for one in includes.known)))
    return includes.count + size(mine) - sum(shared)


def _overlap(few: Ranges, one: Known) -> int:
    """How many addresses of *few* are in *one* as well."""
    count = 0
    many = one.passing[4]
    for low, high in few:
        place = bisect_right(one.lows, high) - 1
        while place >= 0 and many[place][1] >= low:
            count += min(high, many[place][1]) - max(low, many[place][0]) + 1
            place -= 1
    return count
