"""A plain record: networks, hosts and known includes that pass, and an end; what each of its terms holds and costs.

Most records are like that: what their includes hold is known, and what is left are a few addresses.
Whatever is not exactly so is no plain record, and goes the long way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spfcheck.audit.known import Get, Known, Memory, known_include, node_of, shared_by
from spfcheck.audit.making import maker
from spfcheck.audit.report import TreeNode
from spfcheck.audit.review import SLOW_MS
from spfcheck.audit.tree import FAMILY_TYPES, host_words
from spfcheck.audit.walk import MX_HOSTS
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.macro import host_name
from spfcheck.rfc7208.program import hosts
from spfcheck.rfc7208.ranges import BITS, Ranges, size, union
from spfcheck.rfc7208.record import Result, Term
from spfcheck.rfc7208.verdict import Cause

__all__ = ["NotPlain", "Part", "Plain", "Stop", "authorised", "is_quiet"]

_ANSWERS = frozenset({Outcome.OK, Outcome.NODATA, Outcome.NXDOMAIN})
_new_node = maker(TreeNode)
_A, _AAAA, _MX, _TXT = Rtype.A, Rtype.AAAA, Rtype.MX, Rtype.TXT
_new = tuple.__new__  # what a named tuple's own constructor ends in


class NotPlain(Exception):  # noqa: N818 - an outcome, not an error
    """The record is not plain, or an answer that it rests on is worth a word."""


_NO_VOIDS: Mapping[int, int] = {4: 0, 6: 0}


class Part:
    """One term, where it stands, and what it comes to once the answers are there that it needs.

    *name* is what it asks for. *held* are its addresses by family. *steps* are the answers that an evaluation of a
    family sees, in its order; *void* are those questions of the survey that came back empty, in its order.
    """

    # Defaults of the class and not slots: most parts keep most of them, and setting them was most of making one.
    known: Known | None = None
    held: Mapping[int, Ranges] = {4: (), 6: ()}
    steps: Mapping[int, Sequence[Answer]] = {4: (), 6: ()}
    void: Sequence[Question] = ()
    voids: Mapping[int, int] = _NO_VOIDS
    lookups = 0
    """What it costs with all that it leads to."""
    ready = True

    def __init__(self, text: str, start: int, term: Term | None, name: str) -> None:
        self.text = text
        self.start = start
        self.term = term
        """None for a network of which nothing is to be said."""
        self.name = name

    def at(self, start: int) -> Part:
        """The same part at another place."""
        other = Part.__new__(Part)
        other.__dict__.update(self.__dict__)
        other.start = start
        return other

    @property
    def span(self) -> tuple[int, int]:
        """Where the term stands in the record."""
        return self.start, self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a limit ends the evaluation: at the part *index*, by way of *via*."""

    index: int
    cause: Cause
    voids: int
    via: str


class Plain:
    """A plain record, published at *domain*: its parts in front of the end, the end, and the answers of its own."""

    __slots__ = ("answers", "domain", "end", "lookups", "memory", "parts", "result", "stops", "text", "voids")

    def __init__(self, text: str, domain: str, memory: Memory, parts: list[Part], end: Part, result: Result) -> None:
        self.text = text
        self.domain = domain
        self.memory = memory
        self.parts = parts
        self.end = end
        self.result = result
        """What the end says."""
        self.answers: dict[Question, Answer] = {}
        self.stops: dict[tuple[int, str], Stop | None] = {}
        """What was found out about limits, by family and policy."""
        self.lookups = 0
        self.voids: Mapping[int, int] = _NO_VOIDS

    def resolve(self, get: Get) -> list[Question]:
        """Find what each part comes to; returns what has to be asked first. Raises `NotPlain`."""
        missing: list[Question] = []
        lookups = four = six = 0
        for part in self.parts:
            if not part.ready:
                term = part.term
                assert term is not None
                if term.name == "include":
                    self._include(part, get, missing)
                else:
                    self._hosts(part, term, get, missing)
            lookups += part.lookups
            if part.void:
                four += part.voids[4]
                six += part.voids[6]
        self.lookups = lookups
        if four or six:
            self.voids = {4: four, 6: six}
        return missing

    def nodes(self) -> tuple[TreeNode, ...]:
        """The picture of the terms, as `spfcheck.audit.tree.survey` draws it."""
        found: list[TreeNode] = []
        total = 0
        for part in self.parts:
            known = part.known
            if known is not None:
                found.append(node_of(known, part.text, total))
                total += part.lookups
            elif part.lookups:
                total += 1
                words = _words(part) if part.void else ""
                found.append(_new_node(term=part.text, domain=part.name, cost=1, total=total, answer=words))
            else:
                found.append(_new_node(term=part.text, domain="", cost=0, total=total))
        found.append(_new_node(term=self.end.text, domain="", cost=0, total=total))
        return tuple(found)

    def _include(self, part: Part, get: Get, missing: list[Question]) -> None:
        before = len(missing)
        known = known_include(part.name, get, self.memory, missing)
        if known is not None:
            part.known = known
            part.held = known.passing
            part.lookups = 1 + known.lookups
            part.ready = True
        elif len(missing) == before:
            raise NotPlain

    def _ask(self, question: Question, get: Get, missing: list[Question]) -> Answer | None:
        answer = self.answers.get(question)
        if answer is None:
            answer = get(question)
            if answer is None:
                missing.append(question)
            elif not is_quiet(answer):
                raise NotPlain
            else:
                self.answers[question] = answer
        return answer

    def _hosts(self, part: Part, term: Term, get: Get, missing: list[Question]) -> None:
        """What an ``a`` or ``mx`` comes to (RFC 7208 5.3, 5.4)."""
        part.lookups = 1
        first: list[Answer] = []
        if term.name == "a":
            names = order = [part.name]
        else:
            answer = self._ask(_new(Question, (part.name, _MX)), get, missing)
            if answer is None:
                return
            if len(answer.records) > MX_HOSTS:
                raise NotPlain
            first.append(answer)
            names = order = [exchange for _, exchange in answer.records if exchange]
            if len(names) > 1:
                order = [exchange for _, exchange in sorted(answer.records) if exchange]
                if len(set(names)) < len(names):
                    raise NotPlain
            for name in names:
                if host_name(name) != name:
                    raise NotPlain
        before = len(missing)
        found: dict[str, tuple[Answer | None, Answer | None]] = {}
        for name in names:
            four = self._ask(_new(Question, (name, _A)), get, missing)
            found[name] = (four, self._ask(_new(Question, (name, _AAAA)), get, missing))
        if len(missing) == before:
            self._found(part, term, first, found, order)  # type: ignore[arg-type]

    def _found(
        self, part: Part, term: Term, first: list[Answer], found: dict[str, tuple[Answer, Answer]], order: list[str]
    ) -> None:
        part.ready = True
        held: dict[int, Ranges] = {}
        steps: dict[int, list[Answer]] = {}
        voids: dict[int, int] = {}
        void = [answer.question for answer in first if not answer.records]
        for place, family, prefix in ((0, 4, term.cidr4), (1, 6, term.cidr6)):
            answers = [found[name][place] for name in order]
            addresses = [address for answer in answers for address in answer.records]
            if len(addresses) == 1 and prefix == BITS[family]:
                held[family] = ((addresses[0], addresses[0]),)
            else:
                held[family] = hosts(tuple(addresses), prefix, family) if addresses else ()
            steps[family] = first + answers
            voids[family] = len(void)
        part.held, part.steps = held, steps
        for pair in found.values():
            for place, family in ((0, 4), (1, 6)):
                if not pair[place].records:
                    void.append(pair[place].question)
                    voids[family] += 1
        if void:
            part.void, part.voids = void, voids


def _words(part: Part) -> str:
    """What the picture says of an ``a`` or ``mx`` of which something is void."""
    if part.term is not None and part.term.name == "mx":
        return "void" if part.void[0].rtype is Rtype.MX else ""
    return host_words([question in part.void for question in (Question(part.name, rtype) for rtype, _ in FAMILY_TYPES)])


def is_quiet(answer: Answer) -> bool:
    """Nothing is to be said of how the DNS gave *answer*; `spfcheck.audit.review.answers_of` has the words."""
    return (
        answer.outcome in _ANSWERS
        and not answer.illegal_cname
        and not answer.stale
        and answer.took_ms <= SLOW_MS
        and (bool(answer.records) or answer.soa_seen or answer.question.rtype is not _TXT)
    )


def authorised(plain: Plain) -> int:
    """How many IPv4 addresses the parts hold together, whatever the limits say."""
    knowns = [part.known for part in plain.parts if part.known is not None]
    own = [part.held[4] for part in plain.parts if part.known is None and part.held[4]]
    mine: Ranges = union(*own) if len(own) > 1 else own[0] if own else ()
    count = sum(one.count for one in knowns) + size(mine)
    pairs = 0
    for place, one in enumerate(knowns):
        both = _overlap(mine, one)
        pairs += both > 0
        count -= both
        for other in knowns[:place]:
            both = shared_by(one, other, plain.memory)
            pairs += both > 0
            count -= both
    # Three sets can only have an address in common where each two of them have one.
    return count if pairs < 3 else size(union(mine, *(one.passing[4] for one in knowns)))


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
