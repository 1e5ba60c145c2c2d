"""A record made ready for addresses of one family: runs of networks, and terms that need the DNS."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import BITS, Range, Ranges, first_owners, normalise, subtract
from spfcheck.rfc7208.record import Record, Term


class StepKind(IntEnum):
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


_KINDS: Final = {
    "all": StepKind.ALL,
    "include": StepKind.INCLUDE,
    "a": StepKind.A,
    "mx": StepKind.MX,
    "exists": StepKind.EXISTS,
    "ptr": StepKind.PTR,
    "redirect": StepKind.REDIRECT,
    "ip4": StepKind.OTHER_FAMILY,
    "ip6": StepKind.OTHER_FAMILY,
}
_RTYPES: Final = {StepKind.INCLUDE: Rtype.TXT, StepKind.REDIRECT: Rtype.TXT, StepKind.MX: Rtype.MX}
_FROM_ADDRESS: Final = frozenset("ip")
_FROM_LOCAL_PART: Final = frozenset("sl")


class Step:
    """One term that is no network of the family; made once for a record and family, never for an evaluation.

    *question* is what the term asks first, where its name depends neither on the message nor on the domain that the
    record was found at. *of_record*: it leads to the record of another domain. *by_message*: its name depends on the
    address, the local part or the HELO name.
    """

    __slots__ = (
        "by_address",
        "by_helo",
        "by_local_part",
        "by_message",
        "family",
        "kind",
        "of_record",
        "prefix",
        "question",
        "rtype",
        "term",
    )

    def __init__(self, term: Term, family: int) -> None:
        kind = _KINDS[term.name]
        self.kind = kind
        self.term = term
        self.family = family
        self.of_record = kind is StepKind.INCLUDE or kind is StepKind.REDIRECT
        self.prefix = term.cidr4 if family == 4 else term.cidr6
        # RFC 7208 5.7: exists is an A lookup "even when the connection type is IPv6".
        self.rtype = Rtype.AAAA if kind is StepKind.A and family == 6 else _RTYPES.get(kind, Rtype.A)
        self.question = Question(term.target, self.rtype) if term.target is not None else None
        self.by_address = kind is StepKind.PTR
        self.by_local_part = self.by_helo = False
        if term.spec is not None and term.spec.letters:
            letters = term.spec.letters
            self.by_address = self.by_address or not letters.isdisjoint(_FROM_ADDRESS)
            self.by_local_part = not letters.isdisjoint(_FROM_LOCAL_PART)
            self.by_helo = "h" in letters
        self.by_message = self.by_address or self.by_local_part or self.by_helo


class Run:
    """Networks of the family that follow one another, flattened: each address belongs to the first term that has it."""

    __slots__ = ("highs", "kind", "lows", "owners", "term")

    def __init__(self, terms: Sequence[Term]) -> None:
        self.kind = StepKind.NETWORKS
        self.term = terms[0]
        owned = first_owners([term.network for term in terms if term.network is not None])
        self.lows = [low for low, _, _ in owned]
        self.highs = [high for _, high, _ in owned]
        self.owners = [terms[place] for _, _, place in owned]

    def owner(self, address: int) -> Term | None:
        """The first term of the run whose network holds *address*."""
        position = bisect_right(self.lows, address) - 1
        if position >= 0 and self.highs[position] >= address:
            return self.owners[position]
        return None

    def split(self, addresses: Ranges) -> tuple[list[tuple[Term, Ranges]], Ranges]:
        """What each term of the run matches first of a set, and what none of them matches."""
        first = bisect_left(self.highs, addresses[0][0])
        last = bisect_right(self.lows, addresses[-1][1])
        if first == last:
            return [], addresses
        near = slice(first, last)
        pieces: dict[Term, list[Range]] = {}
        i = 0
        for low, high, term in zip(self.lows[near], self.highs[near], self.owners[near], strict=True):
            while i < len(addresses) and addresses[i][1] < low:
                i += 1
            k = i
            while k < len(addresses) and addresses[k][0] <= high:
                pieces.setdefault(term, []).append((max(low, addresses[k][0]), min(high, addresses[k][1])))
                k += 1
        if not pieces:
            return [], addresses
        rest = subtract(addresses, tuple(zip(self.lows[near], self.highs[near], strict=True)))
        # Neither ranges of a term nor those of a set touch one another, so what they have in common does not either.
        return [(term, tuple(found)) for term, found in pieces.items()], rest


def program(record: Record, family: int, detailed: bool = False) -> tuple[Step | Run, ...]:
    """The steps of a valid record for addresses of *family*, up to the first ``all``, or to the redirect.

    *detailed* keeps one step a term, also for those of the other family, as a trace wants it; the outcome is the same.
    Made once a record.
    """
    key = -family if detailed else family
    made: tuple[Step | Run, ...] | None = record.programs.get(key)
    if made is None:
        made = record.programs[key] = tuple(_steps(record, family, detailed))
    return made


def _steps(record: Record, family: int, detailed: bool) -> list[Step | Run]:
    steps: list[Step | Run] = []
    run: list[Term] = []
    for term in record.terms:
        if term.is_modifier:
            continue
        if term.network is not None and term.family == family:
            run.append(term)
            if not detailed:
                continue
        if run and (detailed or term.network is None):
            steps.append(Run(run))
            run = []
        if term.network is None:
            steps.append(Step(term, family))
            # RFC 7208 5.1: mechanisms after all are never tested; 6.1: a redirect beside it is ignored.
            if term.name == "all":
                return steps
        elif detailed and term.family != family:
            # RFC 7208 5: an IPv4 address, IPv4-mapped ones included, is compared with ip4 networks only.
            steps.append(Step(term, family))
    if run:
        steps.append(Run(run))
    if record.redirect is not None:
        steps.append(Step(record.redirect, family))
    return steps


def hosts(records: tuple[int, ...], prefix: int, family: int) -> Ranges:
    """The networks of *prefix* bits around the addresses of an answer, as one set."""
    host = (1 << (BITS[family] - prefix)) - 1
    return normalise((address & ~host, address | host) for address in records)
