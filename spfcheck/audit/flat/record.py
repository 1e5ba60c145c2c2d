"""A plain record: networks, hosts and known includes that pass, and an end; what each of its terms matches and costs.

Most records are like that: what their includes hold is known, and what is left are a few addresses.
Whatever is not exactly so is no plain record, and goes the long way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spfcheck.audit.flat.include import known_include, node_of
from spfcheck.audit.flat.memory import NO_VOIDS, Get, Known, Memory, Part
from spfcheck.audit.judgement.review import SLOW_MS
from spfcheck.audit.judgement.tree import FAMILY_TYPES, host_words
from spfcheck.audit.report.model import TreeNode
from spfcheck.audit.text.edit import VERSION, Word
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.limits import MX_HOSTS
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.macro import host_name
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.ranges import BITS, Ranges
from spfcheck.rfc7208.record import Term
from spfcheck.rfc7208.steps import hosts
from spfcheck.rfc7208.verdict import Cause

__all__ = ["NotPlain", "Plain", "Stop", "is_quiet"]

_ANSWERS: Final = frozenset({Outcome.OK, Outcome.NODATA, Outcome.NXDOMAIN})
_new_node: Final = maker(TreeNode)
_A, _AAAA, _MX, _TXT = Rtype.A, Rtype.AAAA, Rtype.MX, Rtype.TXT
_new: Final = tuple.__new__  # what a named tuple's own constructor ends in


_SPACED: Final = re.compile("( +)([^ ]+)")


class NotPlain(Exception):  # noqa: N818 - an outcome, not an error
    """The record is not plain, or a finding is reported on an answer that it rests on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a limit ends the evaluation: at the part *index*, by way of *via*."""

    index: int
    cause: Cause
    voids: int
    via: str


class Plain:
    """A plain record, published at *domain*: its parts in front of the end, the end, and the answers of its own."""

    __slots__ = (
        "answers",
        "domain",
        "end",
        "includes",
        "lookups",
        "memory",
        "own",
        "parts",
        "result",
        "stops",
        "text",
        "voids",
        "waiting",
    )

    def __init__(
        self, text: str, domain: str, memory: Memory, parts: list[Part], end: Part, waiting: Sequence[int]
    ) -> None:
        self.text = text
        self.domain = domain
        self.memory = memory
        self.parts = parts
        self.end = end
        assert end.term is not None
        self.result = end.term.result
        """What the end says."""
        self.answers: dict[Question, Answer] = {}
        self.stops: dict[tuple[int, str], Stop | None] = {}
        """What was found out about limits, by family and policy."""
        self.waiting = waiting
        """The places of the parts that are still to be resolved."""
        self.includes: Sequence[Known] = ()
        self.own: Sequence[Ranges] = ()
        """The IPv4 addresses of the other parts."""
        self.lookups = 0
        self.voids: Mapping[int, int] = NO_VOIDS

    def resolve(self, get: Get) -> list[Question]:
        """Resolve each part from cached answers; returns the questions to ask first. Raises `NotPlain`."""
        missing: list[Question] = []
        parts = self.parts
        waiting: list[int] = []
        for place in self.waiting:
            part = parts[place]
            term = part.term
            assert term is not None
            if term.name == "include":
                found = self._include(part, get, missing)
            else:
                found = self._hosts(part, term, get, missing)
            if found is None:
                waiting.append(place)
            else:
                parts[place] = found
        self.waiting = waiting
        if not waiting:
            self._count()
        return missing

    def _count(self) -> None:
        lookups = four = six = 0
        includes: list[Known] = []
        own: list[Ranges] = []
        for part in self.parts:
            lookups += part.lookups
            if part.known is not None:
                includes.append(part.known)
                continue
            if part.held[4]:
                own.append(part.held[4])
            if part.void:
                four += part.voids[4]
                six += part.voids[6]
        self.lookups = lookups
        self.includes = includes
        self.own = own
        if four or six:
            self.voids = {4: four, 6: six}

    def span(self, part: Part) -> tuple[int, int]:
        """Where *part* stands in the record, in which no term stands twice."""
        start = f"{self.text} ".index(f" {part.text} ") + 1
        return start, start + len(part.text)

    def words(self) -> tuple[Word, ...]:
        """The words after the version, as `spfcheck.audit.text.edit.pieces` gives those of any record."""
        terms = [*[part.term for part in self.parts], self.end.term]
        spaced = _SPACED.findall(self.text, VERSION)
        return tuple([Word(spaces, text, term) for (spaces, text), term in zip(spaced, terms, strict=True)])

    def nodes(self) -> tuple[TreeNode, ...]:
        """The tree of the terms, node by node as `spfcheck.audit.judgement.tree.survey` makes it."""
        found: list[TreeNode] = []
        total = 0
        drawn = self.memory.nodes
        for part in self.parts:
            if part.known is not None:
                node = drawn.get((part, total))
                if node is None:
                    self.memory.trim()
                    node = drawn[part, total] = node_of(part.known, part.text, total)
                found.append(node)
                total += part.lookups
            elif part.lookups:
                total += 1
                words = _words(part) if part.void else ""
                found.append(_new_node(part.text, part.name, 1, total, answer=words))
            else:
                found.append(_new_node(part.text, "", 0, total))
        found.append(_new_node(self.end.text, "", 0, total))
        return tuple(found)

    def _include(self, part: Part, get: Get, missing: list[Question]) -> Part | None:
        before = len(missing)
        known = known_include(part.name, get, self.memory, missing)
        if known is None:
            if len(missing) == before:
                raise NotPlain
            return None
        if known is part.known:
            return part
        part = Part(part.text, part.term, part.name, part.key, known.passing)
        part.known = known
        part.lookups = 1 + known.lookups
        self.memory.trim()
        self.memory.parts[part.text] = part
        return part

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

    def _hosts(self, part: Part, term: Term, get: Get, missing: list[Question]) -> Part | None:
        """The addresses of an ``a`` or ``mx`` (RFC 7208 5.3, 5.4); None while answers are missing."""
        first: list[Answer] = []
        names = order = [part.name]
        if term.name == "mx":
            answer = self._ask(_new(Question, (part.name, _MX)), get, missing)
            if answer is None:
                return None
            first.append(answer)
            names, order = _exchanges(answer)
        before = len(missing)
        found: dict[str, tuple[Answer, Answer]] = {}
        for name in names:
            four = self._ask(_new(Question, (name, _A)), get, missing)
            six = self._ask(_new(Question, (name, _AAAA)), get, missing)
            if four is not None and six is not None:
                found[name] = four, six
        if len(missing) > before:
            return None
        part.lookups = 1
        part.first = first
        part.hosts = pairs = [found[name] for name in order]
        part.held = {4: _held(pairs, 0, term.cidr4), 6: _held(pairs, 1, term.cidr6)}
        void = [answer.question for answer in first if not answer.records]
        voids = {4: len(void), 6: len(void)}
        for pair in found.values():
            for family, one in zip((4, 6), pair, strict=True):
                if not one.records:
                    void.append(one.question)
                    voids[family] += 1
        if void:
            part.void, part.voids = void, voids
        return part


def _exchanges(answer: Answer) -> tuple[list[str], list[str]]:
    """The mail hosts of an MX answer as they came, and as they are tried. Raises `NotPlain`."""
    names = [exchange for _, exchange in answer.records if exchange]
    order = names
    if len(names) > 1:
        order = [exchange for _, exchange in sorted(answer.records) if exchange]
    if len(answer.records) > MX_HOSTS or len(set(names)) < len(names) or [host_name(one) for one in names] != names:
        raise NotPlain
    return names, order


def _held(pairs: Sequence[tuple[Answer, Answer]], place: int, prefix: int) -> Ranges:
    """The addresses of the hosts that an evaluation of one family takes, widened to *prefix*."""
    addresses = [address for pair in pairs for address in pair[place].records]
    if not addresses:
        return ()
    family = 6 if place else 4
    if len(addresses) == 1 and prefix == BITS[family]:
        return ((addresses[0], addresses[0]),)
    return hosts(tuple(addresses), prefix, family)


def _words(part: Part) -> str:
    """The words of the tree about an ``a`` or ``mx`` with a void lookup."""
    if part.term is not None and part.term.name == "mx":
        return "void" if part.void[0].rtype is Rtype.MX else ""
    return host_words([question in part.void for question in (Question(part.name, rtype) for rtype, _ in FAMILY_TYPES)])


def is_quiet(answer: Answer) -> bool:
    """No finding is reported on how the DNS gave *answer* (`spfcheck.audit.judgement.review.answer_findings`)."""
    return answer.question.rtype is Rtype.SPF or (
        answer.outcome in _ANSWERS
        and not answer.illegal_cname
        and not answer.stale
        and answer.took_ms <= SLOW_MS
        and (bool(answer.records) or answer.soa_seen or answer.question.rtype is not _TXT)
    )
