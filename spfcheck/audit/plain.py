"""A plain record: networks, hosts and known includes that pass, and an end; what each of its terms holds and costs.

Most records are like that. A term is right or wrong by itself (RFC 7208 4.6.1; only modifiers look at each other), so
those that many records share are read once for all; what includes hold is known; and what is left are a few addresses.
Whatever is not exactly so is no plain record, and goes the long way.
"""

from __future__ import annotations

from bisect import bisect_right

from spfcheck.audit.known import Get, Known, Memory, known_include, node_of, shared_by
from spfcheck.audit.making import maker
from spfcheck.audit.report import TreeNode
from spfcheck.audit.review import SLOW_MS, network_findings
from spfcheck.audit.senders import Ours
from spfcheck.audit.terms import key
from spfcheck.audit.tree import FAMILY_TYPES, host_words
from spfcheck.audit.walk import MX_HOSTS
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.grammar import read_term
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.macro import host_name
from spfcheck.rfc7208.program import hosts
from spfcheck.rfc7208.ranges import Ranges, size, union
from spfcheck.rfc7208.record import Problem, Result, Term

__all__ = ["NotPlain", "Part", "Plain", "authorised", "is_quiet", "read_plain"]

MOST_COSTLY = 20
"""Terms that ask the DNS; records with more are rare, and may come near our ceiling on questions."""
_ANSWERS = frozenset({Outcome.OK, Outcome.NODATA, Outcome.NXDOMAIN})
_new_node = maker(TreeNode)


class NotPlain(Exception):  # noqa: N818 - an outcome, not an error
    """The record is not plain, or an answer that it rests on is worth a word."""


class Part:
    """One term, where it stands, and what it comes to once the answers are there that it needs.

    *held* are its addresses by family. *steps* are the answers that an evaluation of a family sees, in its order;
    *void* are those questions of the survey that came back empty, in its order.
    """

    __slots__ = ("held", "known", "name", "ready", "start", "steps", "term", "void", "voids")

    def __init__(self, term: Term, start: int, domain: str) -> None:
        self.term = term
        self.start = start
        self.name = term.target or domain
        self.known: Known | None = None
        self.held: dict[int, Ranges] = _NOTHING
        self.steps: dict[int, list[Answer]] = _NO_STEPS
        self.void: list[Question] = _NO_QUESTIONS
        self.voids: dict[int, int] = _NO_VOIDS
        self.ready = not term.cost
        if term.network is not None:
            self.held = {4: (), 6: (), term.family or 4: (term.network,)}

    @property
    def span(self) -> tuple[int, int]:
        """Where the term stands in the record."""
        return self.start, self.start + len(self.term.text)

    @property
    def lookups(self) -> int:
        """Lookups that the term costs with all that it leads to."""
        return self.term.cost if self.known is None else 1 + self.known.lookups


_NOTHING: dict[int, Ranges] = {4: (), 6: ()}
_NO_STEPS: dict[int, list[Answer]] = {4: [], 6: []}
_NO_QUESTIONS: list[Question] = []
_NO_VOIDS = {4: 0, 6: 0}


class Plain:
    """A plain record, published at *domain*: its parts in front of the end, the end, and the answers of its own."""

    __slots__ = ("answers", "domain", "end", "lookups", "parts", "text", "voids")

    def __init__(self, text: str, domain: str, parts: list[Part], end: Part) -> None:
        self.text = text
        self.domain = domain
        self.parts = parts
        self.end = end
        self.answers: dict[Question, Answer] = {}
        self.lookups = 0
        self.voids = _NO_VOIDS

    def resolve(self, get: Get, ours: Ours) -> list[Question]:
        """Find what each part comes to; returns what has to be asked first. Raises `NotPlain`."""
        missing: list[Question] = []
        for part in self.parts:
            if not part.ready:
                if part.term.name == "include":
                    self._include(part, get, ours, missing)
                else:
                    self._hosts(part, get, missing)
        if not missing:
            self.count()
        return missing

    def count(self) -> None:
        """Add up what the parts cost."""
        four = six = lookups = 0
        for part in self.parts:
            known = part.known
            lookups += part.term.cost if known is None else 1 + known.lookups
            if part.void:
                four += part.voids[4]
                six += part.voids[6]
        self.lookups = lookups
        if four or six:
            self.voids = {4: four, 6: six}

    def nodes(self) -> tuple[TreeNode, ...]:
        """The picture of the terms, as `spfcheck.audit.tree.survey` draws it."""
        found: list[TreeNode] = []
        total = 0
        for part in self.parts:
            known = part.known
            if known is not None:
                found.append(node_of(known, part.term.text, total))
                total += 1 + known.lookups
            elif not part.term.cost:
                found.append(_new_node(term=part.term.text, domain="", cost=0, total=total))
            else:
                total += 1
                words = _words(part) if part.void else ""
                found.append(_new_node(term=part.term.text, domain=part.name, cost=1, total=total, answer=words))
        found.append(_new_node(term=self.end.term.text, domain="", cost=0, total=total))
        return tuple(found)

    def _include(self, part: Part, get: Get, ours: Ours, missing: list[Question]) -> None:
        before = len(missing)
        part.known = known_include(part.name, get, ours, missing)
        if part.known is not None:
            part.held = part.known.passing  # type: ignore[assignment]
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

    def _hosts(self, part: Part, get: Get, missing: list[Question]) -> None:
        """What an ``a`` or ``mx`` comes to (RFC 7208 5.3, 5.4)."""
        term = part.term
        names = [part.name]
        first: list[Answer] = []
        if term.name == "mx":
            answer = self._ask(Question(part.name, Rtype.MX), get, missing)
            if answer is None:
                return
            if len(answer.records) > MX_HOSTS:
                raise NotPlain
            first.append(answer)
            names = [exchange for _, exchange in answer.records if exchange]
            if len(set(names)) < len(names) or any(host_name(name) != name for name in names):
                raise NotPlain
        before = len(missing)
        found = {name: [self._ask(Question(name, rtype), get, missing) for rtype, _ in FAMILY_TYPES] for name in names}
        if len(missing) == before:
            order = names if term.name == "a" else [name for _, name in sorted(first[0].records) if name]
            self._found(part, first, found, order)  # type: ignore[arg-type]

    def _found(self, part: Part, first: list[Answer], found: dict[str, list[Answer]], order: list[str]) -> None:
        part.ready = True
        part.held = {}
        part.steps = {}
        for place, (_, family) in enumerate(FAMILY_TYPES):
            answers = [found[name][place] for name in order]
            part.steps[family] = first + answers
            prefix = part.term.cidr4 if family == 4 else part.term.cidr6
            addresses = tuple(address for answer in answers for address in answer.records)
            part.held[family] = hosts(addresses, prefix, family) if addresses else ()
        part.void = [answer.question for answer in first if not answer.records]
        voids = {4: len(part.void), 6: len(part.void)}
        for pair in found.values():
            for answer, (_, family) in zip(pair, FAMILY_TYPES, strict=True):
                if not answer.records:
                    part.void = [*part.void, answer.question]
                    voids[family] += 1
        part.voids = voids


def _words(part: Part) -> str:
    """What the picture says of an ``a`` or ``mx`` of which something is void."""
    if part.term.name == "mx":
        return "void" if part.void[0].rtype is Rtype.MX else ""
    return host_words([question in part.void for question in (Question(part.name, rtype) for rtype, _ in FAMILY_TYPES)])


def is_quiet(answer: Answer) -> bool:
    """Nothing is to be said of how the DNS gave *answer*; `spfcheck.audit.review.answers_of` has the words."""
    return (
        answer.outcome in _ANSWERS
        and not answer.illegal_cname
        and not answer.stale
        and answer.took_ms <= SLOW_MS
        and (bool(answer.records) or answer.soa_seen or answer.question.rtype is not Rtype.TXT)
    )


def read_plain(text: str, domain: str, memory: Memory) -> Plain:
    """The terms of *text*, published at *domain*. Raises `NotPlain` for every record that is more than that.

    Nothing may be to be said of a single term, and none may stand twice.
    """
    words = text.split()
    if not text.isascii() or not text.isprintable():
        raise NotPlain
    parts: list[Part] = []
    seen: set[object] = set()
    position = len("v=spf1")
    costly = 0
    for word in words[1:]:
        term = memory.terms.get(word) or _read(word, memory)
        if parts and parts[-1].term.name == "all":
            raise NotPlain
        position = text.index(word, position)
        part = Part(term, position, domain)
        position += len(word)
        network = term.network
        if network is not None:
            if _may_be_odd(term, network) and next(network_findings(term, domain), None) is not None:
                raise NotPlain
            seen.add(network)
        elif term.name == "include":
            if part.name == domain:
                raise NotPlain
            seen.add(part.name)
            costly += 1
        else:
            seen.add(key(term, domain))
            costly += term.cost
        parts.append(part)
    if len(parts) < 2 or len(seen) < len(parts) or parts[-1].term.name != "all" or costly > MOST_COSTLY:
        raise NotPlain
    return Plain(text, domain, parts[:-1], parts[-1])


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


def _may_be_odd(term: Term, network: tuple[int, int]) -> bool:
    """Whether there may be something to say of a network: it is no usual IPv4 one, or perhaps a private one."""
    return term.family != 4 or term.cidr4 < 16 or network[0] >> 24 in _ODD_FIRST or _has_host_bits(term, network)


def _has_host_bits(term: Term, network: tuple[int, int]) -> bool:
    if term.cidr4 == 32:
        return False
    first, second, third, fourth = map(int, (term.domain_spec or "").split("."))
    return first << 24 | second << 16 | third << 8 | fourth != network[0]


_ODD_FIRST = frozenset({10, 100, 127, 169, 172, 192})
"""First bytes of the networks that cannot send over the Internet, among others."""


def authorised(plain: Plain, memory: Memory) -> int:
    """How many IPv4 addresses the parts hold together, whatever the limits say."""
    knowns = [part.known for part in plain.parts if part.known is not None]
    own = [part.held[4] for part in plain.parts if part.known is None and part.held[4]]
    mine: Ranges = union(*own) if len(own) > 1 else own[0] if own else ()
    count = sum(one.count for one in knowns) + size(mine)
    pairs = 0
    for place, one in enumerate(knowns):
        both = _overlap(mine, one.passing[4])
        pairs += both > 0
        count -= both
        for other in knowns[:place]:
            both = shared_by(one, other, memory)
            pairs += both > 0
            count -= both
    # Three sets can only have an address in common where each two of them have one.
    return count if pairs < 3 else size(union(mine, *(one.passing[4] for one in knowns)))


def _overlap(few: Ranges, many: Ranges) -> int:
    """How many addresses of *few* are in *many* as well."""
    count = 0
    for low, high in few:
        place = max(bisect_right(many, (low, _LAST)) - 1, 0)
        while place < len(many) and many[place][0] <= high:
            count += max(0, min(high, many[place][1]) - max(low, many[place][0]) + 1)
            place += 1
    return count


_LAST = 1 << 32
"""Above every IPv4 address."""
