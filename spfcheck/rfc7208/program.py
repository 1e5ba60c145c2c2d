"""A record made ready for addresses of one family: runs of networks, and terms that need the DNS."""

from __future__ import annotations

from bisect import bisect_right
from enum import IntEnum
from functools import lru_cache

from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import BITS, Range, Ranges, normalise, subtract
from spfcheck.rfc7208.record import Record, Term

__all__ = ["Kind", "Step", "program"]


class Kind(IntEnum):
    """What a step does."""

    NETWORKS = 0
    ALL = 1
    INCLUDE = 2
    A = 3
    MX = 4
    EXISTS = 5
    PTR = 6
    REDIRECT = 7
    OTHER_FAMILY = 8


_KINDS = {
    "include": Kind.INCLUDE,
    "a": Kind.A,
    "mx": Kind.MX,
    "exists": Kind.EXISTS,
    "ptr": Kind.PTR,
    "redirect": Kind.REDIRECT,
}
_FROM_ADDRESS = frozenset("ip")
_FROM_LOCAL_PART = frozenset("sl")


class Step:
    """One step of a program; made once for a record and family, never for an evaluation.

    *question* is asked first where the name is known before any message is (the domain's own name is not: it differs
    from evaluation to evaluation only by the name, so `a` and `mx` without a domain leave it None).
    """

    __slots__ = (
        "by_address",
        "by_helo",
        "by_local_part",
        "by_message",
        "family",
        "highs",
        "kind",
        "lows",
        "of_record",
        "owners",
        "prefix",
        "question",
        "rtype",
        "term",
    )

    def __init__(self, kind: Kind, term: Term, family: int) -> None:
        self.kind = kind
        self.term = term
        self.family = family
        letters = term.spec.letters if term.spec else frozenset()
        self.of_record = kind in (Kind.INCLUDE, Kind.REDIRECT)
        self.by_address = kind is Kind.PTR or not letters.isdisjoint(_FROM_ADDRESS)
        self.by_local_part = not letters.isdisjoint(_FROM_LOCAL_PART)
        self.by_helo = "h" in letters
        self.by_message = self.by_address or self.by_local_part or self.by_helo
        self.prefix = term.cidr4 if family == 4 else term.cidr6
        self.rtype = self._rtype(family)
        self.question = Question(term.target, self.rtype) if term.target is not None else None
        self.lows: list[int] = []
        self.highs: list[int] = []
        self.owners: list[Term] = []

    def _rtype(self, family: int) -> Rtype:
        match self.kind:
            case Kind.INCLUDE | Kind.REDIRECT:
                return Rtype.TXT
            case Kind.MX:
                return Rtype.MX
            case Kind.A:
                return Rtype.A if family == 4 else Rtype.AAAA
            case _:
                # RFC 7208 5.7: exists is an A lookup "even when the connection type is IPv6".
                return Rtype.A

    def add(self, network: Range, owner: Term) -> None:
        """Add a network of a later term: it owns what no earlier one covers."""
        low, high = network
        first = bisect_right(self.highs, low - 1)
        last = bisect_right(self.lows, high)
        taken = tuple(zip(self.lows[first:last], self.highs[first:last], strict=True))
        for free_low, free_high in subtract((network,), taken) if taken else (network,):
            position = bisect_right(self.lows, free_low)
            self.lows.insert(position, free_low)
            self.highs.insert(position, free_high)
            self.owners.insert(position, owner)

    def owner(self, address: int) -> Term | None:
        """The first term of the run whose network holds *address*."""
        position = bisect_right(self.lows, address) - 1
        if position >= 0 and self.highs[position] >= address:
            return self.owners[position]
        return None

    def split(self, addresses: Ranges) -> tuple[list[tuple[Term, Ranges]], Ranges]:
        """What each term of the run matches first of a set, and what none of them matches."""
        pieces: dict[Term, list[Range]] = {}
        i = 0
        for low, high, term in zip(self.lows, self.highs, self.owners, strict=True):
            while i < len(addresses) and addresses[i][1] < low:
                i += 1
            k = i
            while k < len(addresses) and addresses[k][0] <= high:
                pieces.setdefault(term, []).append((max(low, addresses[k][0]), min(high, addresses[k][1])))
                k += 1
        if not pieces:
            return [], addresses
        rest = subtract(addresses, tuple(zip(self.lows, self.highs, strict=True)))
        return [(term, normalise(found)) for term, found in pieces.items()], rest


@lru_cache(maxsize=16384)
def program(record: Record, family: int, detailed: bool = False) -> tuple[Step, ...]:
    """The steps of a valid record for addresses of *family*, up to the first ``all``, or to the redirect.

    *detailed* keeps one step a term, also for those of the other family, as a trace wants it; the outcome is the same.
    """
    steps: list[Step] = []
    for term in record.terms:
        if term.is_modifier:
            continue
        if term.name == "all":
            # RFC 7208 5.1: mechanisms after all are never tested; 6.1: a redirect beside it is ignored.
            steps.append(Step(Kind.ALL, term, family))
            return tuple(steps)
        if term.network is None:
            steps.append(Step(_KINDS[term.name], term, family))
        elif term.family != family:
            # RFC 7208 5: an IPv4 address, IPv4-mapped ones included, is compared with ip4 networks only.
            if detailed:
                steps.append(Step(Kind.OTHER_FAMILY, term, family))
        else:
            if detailed or not steps or steps[-1].kind is not Kind.NETWORKS:
                steps.append(Step(Kind.NETWORKS, term, family))
            steps[-1].add(term.network, term)
    if record.redirect is not None:
        steps.append(Step(Kind.REDIRECT, record.redirect, family))
    return tuple(steps)


def hosts(records: tuple[int, ...], prefix: int, family: int) -> Ranges:
    """The networks of *prefix* bits around the addresses of an answer, as one set."""
    host = (1 << (BITS[family] - prefix)) - 1
    return normalise((address & ~host, address | host) for address in records)
