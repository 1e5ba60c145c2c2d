"""The addresses that a mended or merged record authorises newly, each with the words it comes from (repair I3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.deletion import deciding
from spfcheck.audit.repair.meant import Base
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.ranges import (
    Network,
    Range,
    everything,
    first_owners,
    format_network,
    normalise,
    subtract,
    to_networks,
)
from spfcheck.rfc7208.record import parse

__all__ = ["newly_authorised"]

MOST_NETWORKS: Final = 20
"""Networks that are written out for one term; a provider's include may hold hundreds, and is known by its name."""


def newly_authorised(case: Case, base: Base) -> tuple[str, ...]:
    """The networks that *base* authorises and the published text does not, ours left out, a line for each term.

    What is published mostly authorises nobody: it is no record, several, or one that cannot be read.
    """
    found = _by_parts(case, base)
    return _by_cells(case, base) if found is None else found


def _by_cells(case: Case, base: Base) -> tuple[str, ...]:
    published = case.texts[0].decode("latin-1") if len(case.texts) == 1 else ""
    by_term: dict[str, list[tuple[int, Network]]] = {}
    for family in (4, 6):
        found: dict[str, list[Range]] = {}
        others = subtract(everything(family), case.ours.allowed[family])
        if published:
            others = subtract(others, case.partition(published, others, family).passing())
        for cell in case.partition(deciding(base.record, case.domain), others, family, UNLIMITED).cells:
            term = cell.path[0].term if cell.path else None
            if cell.result == "pass" and term is not None:
                found.setdefault(term.text, []).extend(cell.addresses)
        for words, ranges in found.items():
            by_term.setdefault(words, []).extend((family, one) for one in to_networks(normalise(ranges), family))
    return _lines(base, by_term)


def _by_parts(case: Case, base: Base) -> tuple[str, ...] | None:
    """The same for a plain base where what is published authorises nobody; None for any other."""
    if len(case.texts) == 1 and parse(case.texts[0]).valid:
        return None
    plain = case.plain(base.text)
    if plain is None:
        return None
    by_term: dict[str, list[tuple[int, Network]]] = {}
    for family in (4, 6):
        # Whose each address is, ours first: in the order of the record.
        held = [case.ours.allowed[family], *(part.held[family] for part in plain.parts)]
        whose = [place for place, ranges in enumerate(held) for _ in ranges]
        found: dict[int, list[Range]] = {}
        for low, high, number in first_owners([one for ranges in held for one in ranges]):
            found.setdefault(whose[number], []).append((low, high))
        for place in sorted(found.keys() - {0}):
            networks = to_networks(normalise(found[place]), family)
            by_term.setdefault(plain.parts[place - 1].text, []).extend((family, one) for one in networks)
    return _lines(base, by_term)


def _lines(base: Base, by_term: Mapping[str, Sequence[tuple[int, Network]]]) -> tuple[str, ...]:
    """A line for each term that authorises something, in the order of the record."""
    words = dict.fromkeys(base.text.split(" "))
    return tuple(_line(one, by_term[one]) for one in words if one in by_term)


def _line(words: str, networks: Sequence[tuple[int, Network]]) -> str:
    shown = ", ".join([_shown(network, family) for family, network in networks[:MOST_NETWORKS]])
    more = len(networks) - MOST_NETWORKS
    return f"{words}: {shown}" + (f" and {more} more" if more > 0 else "")


# Those of the providers come again and again.
_shown: Final = lru_cache(maxsize=4096)(format_network)
