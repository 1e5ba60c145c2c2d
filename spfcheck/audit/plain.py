"""A plain record: networks, hosts and known includes that pass, and an end; what each of its terms holds and costs.

Most records are like that. A term is right or wrong by itself (RFC 7208 4.6.1; only modifiers look at each other), so
those that many records share are read once for all; what includes hold is known; and what is left are a few addresses.
Whatever is not exactly so is no plain record, and goes the long way.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from spfcheck.audit.known import Get, Known, Memory, known_include, node_of, shared_by
from spfcheck.audit.making import maker
from spfcheck.audit.report import TreeNode
from spfcheck.audit.review import SLOW_MS, network_findings
from spfcheck.audit.terms import key
from spfcheck.audit.tree import FAMILY_TYPES, host_words
from spfcheck.audit.walk import MX_HOSTS
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.grammar import read_term
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.macro import host_name
from spfcheck.rfc7208.program import hosts
from spfcheck.rfc7208.ranges import BITS, Ranges, size, union
from spfcheck.rfc7208.record import Problem, Result, Term

__all__ = ["NotPlain", "Part", "Plain", "authorised", "is_quiet", "read_plain"]

MOST_COSTLY = 20
"""Terms that ask the DNS; records with more are rare, and may come near our ceiling on questions."""
_ANSWERS = frozenset({Outcome.OK, Outcome.NODATA, Outcome.NXDOMAIN})
_new_node = maker(TreeNode)


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


class Plain:
    """A plain record, published at *domain*: its parts in front of the end, the end, and the answers of its own."""

    __slots__ = ("answers", "domain", "end", "lookups", "memory", "parts", "result", "text", "voids")

    def __init__(self, text: str, domain: str, memory: Memory, parts: list[Part], end: Part, result: Result) -> None:
        self.text = text
        self.domain = domain
        self.memory = memory
        self.parts = parts
        self.end = end
        self.result = result
        """What the end says."""
        self.answers: dict[Question, Answer] = {}
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


def read_plain(text: str, domain: str, memory: Memory, like: Plain | None = None) -> Plain:
    """The terms of *text*, published at *domain*. Raises `NotPlain` for every record that is more than that.

    Nothing may be to be said of a single term, and none may stand twice. What *like*, another record of the domain, has
    found out about a term holds here as well.
    """
    if not text.isascii() or not text.isprintable():
        raise NotPlain
    words = text.split()
    terms = memory.terms
    parts: list[Part] = []
    seen: set[object] = set()
    known = {part.text: part for part in like.parts} if like is not None else {}
    position = len("v=spf1")
    for word in words[1:-1]:
        position = text.index(word, position)
        same = known.get(word)
        if same is not None:
            part = same.at(position)
            seen.add(word)
        elif (term := terms.get(word)) is None and (network := _usual(word)) is not None:
            part = Part(word, position, None, "")
            part.held = {4: (network,), 6: ()}
            seen.add(network)
        else:
            part = _part(term or _read(word, memory), position, domain, seen)
        position += len(word)
        parts.append(part)
    if not parts or len(seen) < len(parts) or len(parts) - sum([part.ready for part in parts]) > MOST_COSTLY:
        raise NotPlain
    last = terms.get(words[-1]) or _read(words[-1], memory)
    if last.name != "all":
        raise NotPlain
    return Plain(text, domain, memory, parts, Part(words[-1], text.index(words[-1], position), last, ""), last.result)


def _part(term: Term, start: int, domain: str, seen: set[object]) -> Part:
    """The part that *term* is; what it asks for goes to *seen*."""
    target = term.target
    part = Part(term.text, start, term, target or domain)
    if term.name == "include":
        if target == domain:
            raise NotPlain
        seen.add(target)
        part.ready = False
    elif term.network is not None:
        if next(network_findings(term, domain), None) is not None:
            raise NotPlain
        part.held = {4: (), 6: (), term.family or 4: (term.network,)}
        seen.add(term.network)
    elif term.name == "all":
        raise NotPlain
    else:
        part.ready = False
        seen.add(key(term, domain))
    return part


def _read(word: str, memory: Memory) -> Term:
    """One term; remembered where many records may have it."""
    problems: list[Problem] = []
    term = read_term(word, 0, problems)
    if problems or term.is_modifier or (term.name == "all") is (term.result is Result.PASS):
        raise NotPlain
    if term.network is not None:
        return term
    if term.name not in ("include", "a", "mx", "all") or (term.spec is not None and term.target is None):
        raise NotPlain
    if term.target is None or term.name == "include":
        memory.trim()
        memory.terms[word] = term
    return term


_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_USUAL = re.compile(rf"ip4:{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?:/(1[6-9]|2[0-9]|3[0-2]))?\Z", re.ASCII)


def _usual(word: str) -> tuple[int, int] | None:
    """The network of an ``ip4`` term of which nothing is to be said: not wide, no host bits, not private.

    Reads what `spfcheck.rfc7208.grammar.read_term` reads, for these alone, in a fifth of its time.
    """
    match = _USUAL.match(word)
    if match is None:
        return None
    first, second, third, fourth, prefix = match.groups()
    if first in _ODD_FIRST:
        return None
    low = int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)
    if prefix is None:
        return low, low
    rest = (1 << 32 - int(prefix)) - 1
    return None if low & rest else (low, low | rest)


_ODD_FIRST = frozenset({"10", "100", "127", "169", "172", "192"})
"""First bytes of the networks that cannot send over the Internet, among others."""
_A, _AAAA, _MX, _TXT = Rtype.A, Rtype.AAAA, Rtype.MX, Rtype.TXT
_new = tuple.__new__  # what a named tuple's own constructor ends in


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
