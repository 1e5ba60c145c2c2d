"""The quick way to the report of an ordinary domain: all of ours pass, far from every limit, nothing to say.

Most domains are like that, and what their providers' includes hold is the same for all of them. An include whose tree
is plain networks is evaluated once (by the one evaluator) and remembered for as long as its answers are the same
objects. A record of networks and such includes, within eight lookups, can meet no limit and no error, so the first of
its terms that holds an address decides (RFC 7208 4.6.2). Whatever is not exactly so goes the long way, which gives the
same report.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

from spfcheck.audit.evidence import evidence_of
from spfcheck.audit.findings import authorises_all
from spfcheck.audit.known import Company, Known, Memory, known_include, memory_of, node_of, way_to
from spfcheck.audit.near import is_continuation, near_misses
from spfcheck.audit.remedy import NONE
from spfcheck.audit.report import (
    NOT_ASKED,
    Identity,
    PublishedRecord,
    Report,
    SenderNetwork,
    Status,
    TreeNode,
)
from spfcheck.audit.review import answers_of, network_findings
from spfcheck.audit.senders import OurNetwork, Ours
from spfcheck.audit.terms import key
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import contains, size, subtract, union
from spfcheck.rfc7208.record import Result, Term, parse

__all__ = ["ordinary"]

_VERSIONS = (b"v=spf1 ", b"v=spf1")
"""How an SPF record begins: with the version and a space, or it is nothing else (RFC 7208 4.5)."""
FEW_LOOKUPS = 8
"""Nine and ten are near the limit (RFC 7208 4.6.4), which is a finding."""


def ordinary(
    lookup: Lookup,
    domain: str,
    judged: str,
    ours: Ours,
    identity: tuple[str, str],
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> Report | None:
    """The report of *domain*, whose MAIL FROM domain is *judged*, or None where it has to go the long way.

    Asks nothing that is not at hand. *identity* is MAIL FROM and HELO.
    """
    memory = memory_of(ours)
    question = Question(judged, Rtype.TXT)
    answer = lookup.cached(question)
    if answer is None or not answer.records or answer.chain or question in ours.answers:
        return None
    found = _the_record(answer)
    if found is None or next(answers_of({question: answer}), None) is not None:
        return None
    terms = _plain_terms(found.text, judged, memory)
    if terms is None:
        return None

    def get(asked: Question) -> Answer | None:
        return ours.answers.get(asked) or lookup.cached(asked)

    nodes: list[TreeNode] = []
    parts: list[tuple[Term, Known | None]] = []
    known: list[Known] = []
    total = 0
    for term in terms:
        if term.name == "include":
            one = known_include(term.target or "", get, memory)
            if one is None or term.target == judged:
                return None
            nodes.append(node_of(one, term.text, total))
            total += 1 + one.lookups
            known.append(one)
            parts.append((term, one))
        else:
            nodes.append(TreeNode(term=term.text, domain="", cost=0, total=total))
            parts.append((term, None))
    if total > FEW_LOOKUPS:
        return None
    senders = _senders(parts, ours, memory)
    if senders is None:
        return None
    company = _company(tuple(known), ours, memory)
    reading = _Reading(nodes, total, senders, _authorised(parts, company))
    return _report(domain, judged, identity, found, reading, company, clock(), new_id())


class _Published(NamedTuple):
    """The record as it came."""

    answer: Answer
    strings: tuple[bytes, ...]
    text: str


class _Reading(NamedTuple):
    """What the record comes to."""

    nodes: list[TreeNode]
    lookups: int
    senders: tuple[SenderNetwork, ...]
    authorised: int


def _the_record(answer: Answer) -> _Published | None:
    """The one SPF record of an answer; None where another text looks like a part of one."""
    texts = [b"".join(strings) for strings in answer.records]
    chosen = [index for index, text in enumerate(texts) if text[:7].lower() in _VERSIONS]
    if len(chosen) != 1:
        return None
    if len(texts) > 1 and (near_misses(answer.records) or any(map(is_continuation, texts))):
        return None
    return _Published(answer, answer.records[chosen[0]], texts[chosen[0]].decode("latin-1"))


def _plain_terms(text: str, domain: str, memory: Memory) -> list[Term] | None:
    """The terms of a record of networks and includes that pass, and an all that is neither +all nor ?all.

    None for every other record, and for one of which anything is to be said. A term is right or wrong by itself
    (RFC 7208 4.6.1; only modifiers look at each other), so those that many records share are read once for all.
    """
    words = text.split()
    if len(text) > 255 or not text.isascii() or not text.isprintable():
        return None
    terms: list[Term] = []
    seen: set[object] = set()
    for word in words[1:]:
        term = memory.terms.get(word) or _read(word, memory)
        if term is None or (terms and terms[-1].name == "all"):
            return None
        if term.network is not None:
            if term.result is not Result.PASS:
                return None
            if _may_be_odd(term, term.network) and next(network_findings(term, domain), None) is not None:
                return None
            seen.add(term.network)
        else:
            seen.add(key(term, domain))
        terms.append(term)
    return terms if len(seen) == len(terms) and terms and terms[-1].name == "all" else None


def _read(word: str, memory: Memory) -> Term | None:
    """One term; remembered where it is an include or an all that an ordinary record may have."""
    record = parse(f"v=spf1 {word}")
    if not record.valid:
        return None
    (term,) = record.terms
    if term.network is not None:
        return term
    if term.is_modifier or not (_is_end(term) or _is_include(term)):
        return None
    memory.trim()
    memory.terms[word] = term
    return term


def _is_end(term: Term) -> bool:
    return term.name == "all" and term.result in (Result.FAIL, Result.SOFTFAIL)


def _is_include(term: Term) -> bool:
    return term.name == "include" and term.target is not None and term.result is Result.PASS


def _may_be_odd(term: Term, network: tuple[int, int]) -> bool:
    """Whether there may be something to say of a network: it is no single IPv4 address, or perhaps a private one."""
    return term.cidr4 != 32 or term.family != 4 or network[0] >> 24 in _ODD_FIRST


_ODD_FIRST = frozenset({10, 100, 127, 169, 172, 192})
"""First bytes of the networks that cannot send over the Internet, among others."""


def _senders(
    parts: Sequence[tuple[Term, Known | None]], ours: Ours, memory: Memory
) -> tuple[SenderNetwork, ...] | None:
    """Our networks, each with the first term that holds all of it; None where one is held in part or not at all."""
    found: list[SenderNetwork] = []
    place = 0
    for sender in ours.senders:
        for network in sender.networks:
            way = _way(parts, place, network)
            if way is None:
                return None
            one = memory.seen.get((place, way))
            if one is None:
                one = memory.seen[place, way] = SenderNetwork(
                    sender=sender.name, network=network.text, result=Result.PASS.value, via=way
                )
            found.append(one)
            place += 1
    return tuple(found)


def _way(parts: Sequence[tuple[Term, Known | None]], place: int, network: OurNetwork) -> str | None:
    for term, known in parts:
        if known is not None:
            way = way_to(known, place, network)
            if way is None:
                return None
            if way:
                return f"{term.text} > {way}"
        elif term.network is not None and term.family == network.family:
            low, high = term.network
            if low <= network.ranges[0][0] and high >= network.ranges[-1][1]:
                return term.text
            if low <= network.ranges[-1][1] and high >= network.ranges[0][0]:
                return None
    return None


def _company(known: tuple[Known, ...], ours: Ours, memory: Memory) -> Company:
    found = memory.companies.get(known)
    if found is None:
        memory.trim()
        answers = dict(ours.answers)
        for one in known:
            answers.update(one.answers)
        passing = union(*(one.passing[4] for one in known))
        found = memory.companies[known] = Company(
            evidence=[(question, evidence_of(answers[question])) for question in sorted(answers)],
            passing=passing,
            count=size(passing),
            lifetime=min((float(one.ttl) for one in answers.values() if not one.received_at), default=_FOREVER),
            until=min((one.received_at + one.ttl for one in answers.values() if one.received_at), default=_FOREVER),
        )
    return found


_FOREVER = float("inf")


def _authorised(parts: Sequence[tuple[Term, Known | None]], company: Company) -> int:
    """How many IPv4 addresses the includes and the record's own networks hold together."""
    count = company.count
    mine: list[tuple[int, int]] = []
    for term, known in parts:
        if known is None and term.network is not None and term.family == 4:
            mine.append(term.network)
    if not mine:
        return count
    if len(mine) == 1 and mine[0][0] == mine[0][1]:
        return count + (not contains(company.passing, mine[0][0]))
    return count + size(subtract(union(tuple(mine)), company.passing))


_BY_QUESTION = itemgetter(0)


def _report(
    domain: str,
    judged: str,
    identity: tuple[str, str],
    found: _Published,
    reading: _Reading,
    company: Company,
    now: float,
    report_id: str,
) -> Report:
    answer, text = found.answer, found.text
    evidence = company.evidence.copy()
    insort(evidence, (answer.question, evidence_of(answer)), key=_BY_QUESTION)
    own_end = (answer.received_at or now) + answer.ttl
    strings = tuple([part.decode("latin-1") for part in found.strings])
    return Report(
        report_id=report_id,
        domain=domain,
        identity=Identity(mail_from=identity[0], helo=identity[1]),
        status=Status.OK,
        headline=authorises_all(judged),
        result=Result.PASS.value,
        lenient_result=Result.PASS.value,
        record=PublishedRecord(name=judged, text=text, strings=strings, ttl=answer.ttl),
        lookups=reading.lookups,
        void_lookups=0,
        senders=reading.senders,
        findings=(),
        remedy=NONE,
        opinion=NOT_ASKED,
        tree=TreeNode(
            term=judged, domain=judged, cost=0, total=reading.lookups, record=text, children=tuple(reading.nodes)
        ),
        evidence=tuple([one for _, one in evidence]),
        questions=len(evidence),
        authorised_v4=reading.authorised,
        stale=False,
        checked_at=now,
        expires_at=min(own_end, now + company.lifetime, company.until),
    )
