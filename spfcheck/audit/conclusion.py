"""What a plain record comes to: the verdict, what is to be said of it, and the repair where one is needed."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from spfcheck.audit.flat.include import Get
from spfcheck.audit.flat.outcome import standing
from spfcheck.audit.flat.record import NO_VOIDS, Part, Plain
from spfcheck.audit.flat.union import Together, authorised, together
from spfcheck.audit.judgement.review import length_findings
from spfcheck.audit.judgement.status import findings_of, needed_includes, status_of
from spfcheck.audit.repair.case import STRING_BYTES
from spfcheck.audit.repair.insertion import inserted
from spfcheck.audit.repair.propose import NONE
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, PublishedRecord, Remedy, SenderNetwork, Status, TreeNode
from spfcheck.audit.senders import Ours
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.limits import STRICT
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.record import Result

__all__ = ["Asking", "Found", "conclude", "new_found"]

T = TypeVar("T")
Asking = Generator[list[Question], None, T]
"""What yields the questions that it has to have answered before it goes on, and gives a T at its end."""

_new_record: Final = maker(PublishedRecord)
_new_node: Final = maker(TreeNode)


@dataclass(slots=True)
class Found:
    """What a domain comes to, and what that rests on beside what we are ourselves."""

    status: Status
    result: Result
    lenient: Result
    networks: tuple[SenderNetwork, ...]
    findings: list[Finding]
    remedy: Remedy
    answers: Mapping[Question, Answer]
    together: Together
    record: PublishedRecord | None = None
    tree: TreeNode | None = None
    lookups: int = 0
    voids: int = 0
    authorised: int = 0


new_found: Final = maker(Found)


def conclude(plain: Plain, strings: tuple[bytes, ...], ttl: int, get: Get, ours: Ours) -> Found:
    """The conclusion about a plain record, published as *strings*. Raises `NotPlain`."""
    stands = standing(plain, ours)
    result = stands.result
    findings = _said(plain)
    status, remedy = Status.OK, NONE
    if stands.voids or result is not Result.PASS:
        terms = [part.term for part in plain.parts if part.term is not None]
        findings += findings_of(plain.domain, terms, stands.networks, ours, (result, stands.lenient), stands.voids)
    if findings or result is not Result.PASS:
        status = status_of(result, stands.lenient, stands.networks, findings)
    if result is not Result.PASS:
        remedy = inserted(plain, needed_includes(stands.networks, ours), get, ours)
    domain, text = plain.domain, plain.text
    includes = together(plain.includes, plain.memory)
    return new_found(
        status,
        result,
        stands.lenient,
        stands.networks,
        findings,
        remedy,
        plain.answers,
        includes,
        _new_record(domain, text, tuple([part.decode("latin-1") for part in strings]), ttl),
        _new_node(domain, domain, 0, plain.lookups, record=text, children=plain.nodes()),
        plain.lookups,
        max(plain.voids.values()),
        authorised(plain.own, includes),
    )


def _said(plain: Plain) -> list[Finding]:
    """Everything that holds of the record, whoever sends, as `review` says it."""
    domain = plain.domain
    found: list[Finding] = []
    if len(plain.text) > STRING_BYTES:
        found += length_findings(len(plain.text), domain)
    if plain.result is Result.NEUTRAL:
        found.append(finding(Code.NEUTRAL_ALL, domain, plain.span(plain.end)))
    if plain.lookups > STRICT.lookups:
        shown = str(plain.lookups)
        found.append(finding(Code.LOOKUP_LIMIT, domain, count=plain.lookups, shown=shown, at_least=False))
    elif plain.lookups >= STRICT.lookups - 1:
        found.append(finding(Code.LOOKUP_LIMIT_NEAR, domain, count=plain.lookups))
    if plain.voids is not NO_VOIDS:
        for part in plain.parts:
            if part.void:
                found += _void(part, plain.span(part), domain)
    return found


def _void(part: Part, span: tuple[int, int], domain: str) -> Iterator[Finding]:
    empty: dict[str, list[str]] = {}
    for name, rtype in part.void:
        empty.setdefault(name, []).append(rtype.name)
    for name, types in empty.items():
        kinds = " or ".join(types)
        yield finding(Code.VOID_LOOKUP, domain, span, term=part.text, name=name, type=kinds)
