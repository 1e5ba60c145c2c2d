"""What a record that is mended or merged comes to authorise, with the words it comes from (repair I3)."""

from __future__ import annotations

from spfcheck.audit.base import Base
from spfcheck.audit.case import Case
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.ranges import Network, Ranges, everything, format_network, subtract, to_networks, union

__all__ = ["newly_authorised"]

MOST_NETWORKS = 20
"""Networks that are written out for one term; a provider's include may hold hundreds, and is known by its name."""


def newly_authorised(case: Case, base: Base) -> tuple[str, ...]:
    """The networks that *base* authorises and the published text does not, ours left out, a line for each term.

    What is published mostly authorises nobody: it is no record, several, or one that cannot be read.
    """
    published = case.texts[0].decode("latin-1") if len(case.texts) == 1 else ""
    by_term: dict[str, list[tuple[int, Network]]] = {}
    for family in (4, 6):
        found: dict[str, Ranges] = {}
        others = subtract(everything(family), case.ours.allowed[family])
        if published:
            others = subtract(others, case.partition(published, others, family).passing())
        for cell in case.partition(base.record.text, others, family, UNLIMITED).cells:
            term = cell.path[0].term if cell.path else None
            if cell.result == "pass" and term is not None:
                found[term.text] = union(found.get(term.text, ()), cell.addresses)
        for words, ranges in found.items():
            by_term.setdefault(words, []).extend((family, network) for network in to_networks(ranges, family))
    return tuple(_line(words, networks) for words, networks in by_term.items())


def _line(words: str, networks: list[tuple[int, Network]]) -> str:
    shown = ", ".join(format_network(network, family) for family, network in networks[:MOST_NETWORKS])
    more = len(networks) - MOST_NETWORKS
    return f"{words}: {shown}" + (f" and {more} more" if more > 0 else "")
