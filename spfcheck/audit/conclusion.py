"""What a plain record comes to: the verdict, what is to be said of it, and the repair where one is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from spfcheck.audit.case import STRING_BYTES
from spfcheck.audit.course import standing
from spfcheck.audit.findings import Code, finding
from spfcheck.audit.insertion import inserted
from spfcheck.audit.known import Get, Known
from spfcheck.audit.making import maker
from spfcheck.audit.plain import Part, Plain, authorised
from spfcheck.audit.remedy import NONE
from spfcheck.audit.report import Finding, PublishedRecord, Remedy, SenderNetwork, Status, TreeNode
from spfcheck.audit.review import length_findings
from spfcheck.audit.senders import Ours
from spfcheck.audit.status import findings_of, needed_includes, status_of
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.limits import STRICT
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.record import Result

__all__ = ["Found", "conclude"]

_new_record = maker(PublishedRecord)
_new_node = maker(TreeNode)


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
    known: Iterable[Known]
    record: PublishedRecord | None = None
    tree: TreeNode | None = None
    lookups: int = 0
    voids: int = 0
    authorised: int = 0


def conclude(plain: Plain, strings: tuple[bytes, ...], ttl: int, get: Get, ours: Ours) -> Found:
    """The conclusion about a plain record, published as *strings*. Raises `NotPlain`."""
    stands = standing(plain, ours)
    result = stands.result
    findings = list(_said(plain))
    status, remedy = Status.OK, NONE
    if stands.voids or result is not Result.PASS:
        terms = [part.term for part in plain.parts if part.term is not None]
        findings += findings_of(plain.domain, terms, stands.networks, ours, (result, stands.lenient), stands.voids)
    if findings or result is not Result.PASS:
        status = status_of(result, stands.lenient, stands.networks, findings)
    if result is not Result.PASS:
        remedy = inserted(plain, needed_includes(stands.networks, ours), get, ours)
    domain, text = plain.domain, plain.text
    return Found(
        status,
        result,
        stands.lenient,
        stands.networks,
        findings,
        remedy,
        plain.answers,
        [part.known for part in plain.parts if part.known is not None],
        _new_record(name=domain, text=text, strings=tuple([part.decode("latin-1") for part in strings]), ttl=ttl),
        _new_node(term=domain, domain=domain, cost=0, total=plain.lookups, record=text, children=plain.nodes()),
        plain.lookups,
        max(plain.voids.values()),
        authorised(plain),
    )


def _said(plain: Plain) -> Iterator[Finding]:
    """Everything that holds of the record, whoever sends, as `review` says it."""
    domain = plain.domain
    if len(plain.text) > STRING_BYTES:
        yield from length_findings(len(plain.text), domain)
    if plain.result is Result.NEUTRAL:
        yield finding(Code.NEUTRAL_ALL, domain, plain.end.span)
    if plain.lookups > STRICT.lookups:
        shown = str(plain.lookups)
        yield finding(Code.LOOKUP_LIMIT, domain, count=plain.lookups, shown=shown, at_least=False)
    elif plain.lookups >= STRICT.lookups - 1:
        yield finding(Code.LOOKUP_LIMIT_NEAR, domain, count=plain.lookups)
    for part in plain.parts:
        if part.void:
            yield from _void(part, domain)


def _void(part: Part, domain: str) -> Iterator[Finding]:
    empty: dict[str, list[str]] = {}
    for name, rtype in part.void:
        empty.setdefault(name, []).append(rtype.name)
    for name, types in empty.items():
        kinds = " or ".join(types)
        yield finding(Code.VOID_LOOKUP, domain, part.span, term=part.text, name=name, type=kinds)
