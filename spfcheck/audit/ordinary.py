"""The quick way to the report of an ordinary domain: a plain record, or none.

Most domains are like that, and what their providers' includes hold is the same for all of them (`known`). What is left
of a domain are its own networks and hosts (`plain`), what our networks get by them (`course`) and a repair that is one
of our includes put in (`insertion`). Whatever is not exactly so goes the long way, which gives the same report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spfcheck.audit.course import standing
from spfcheck.audit.evidence import evidence_of
from spfcheck.audit.findings import Code, finding
from spfcheck.audit.insertion import inserted
from spfcheck.audit.known import lifetimes, memory_of
from spfcheck.audit.making import maker
from spfcheck.audit.near import is_continuation, near_misses
from spfcheck.audit.plain import NotPlain, Part, Plain, authorised, is_quiet, read_plain
from spfcheck.audit.remedy import NONE
from spfcheck.audit.report import (
    NOT_ASKED,
    Finding,
    Identity,
    PublishedRecord,
    Remedy,
    Report,
    SenderNetwork,
    Status,
    TreeNode,
)
from spfcheck.audit.review import length_findings
from spfcheck.audit.senders import Ours
from spfcheck.audit.status import findings_of, headline, needed_includes, status_of
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.limits import STRICT
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Result

__all__ = ["Attempt"]

_VERSIONS = (b"v=spf1 ", b"v=spf1")
"""How an SPF record begins: with the version and a space, or it is nothing else (RFC 7208 4.5)."""
MOST_MISSING = 40
"""Questions at a time that the quick way asks for; what needs more is not ordinary."""

_new_report = maker(Report)
_new_record = maker(PublishedRecord)
_new_identity = maker(Identity)
_new_node = maker(TreeNode)


class Attempt:
    """One domain on the quick way, whose MAIL FROM domain is *judged*; *identity* is MAIL FROM and HELO.

    `report` is called until it gives one, or leaves nothing in `missing`: then the long way has to be taken. What is
    asked in between belongs into `answers`, so that one check sees one view of the DNS.
    """

    __slots__ = ("_domain", "_identity", "_judged", "_lookup", "_ours", "_plain", "answers", "missing")

    def __init__(self, lookup: Lookup, domain: str, judged: str, ours: Ours, identity: tuple[str, str]) -> None:
        self._lookup = lookup
        self._domain = domain
        self._judged = judged
        self._ours = ours
        self._identity = identity
        self._plain: Plain | None = None
        self.answers: dict[Question, Answer] = {}
        self.missing: list[Question] = []

    def report(self, clock: Callable[[], float], new_id: Callable[[], str]) -> Report | None:
        """The report, or None where answers are `missing` or the domain is not ordinary."""
        try:
            return self._report(clock, new_id)
        except NotPlain:
            self.missing = []
            return None

    def _get(self, question: Question) -> Answer | None:
        return self.answers.get(question) or self._ours.answers.get(question) or self._lookup.cached(question)

    def _report(self, clock: Callable[[], float], new_id: Callable[[], str]) -> Report | None:
        question = Question(self._judged, Rtype.TXT)
        if question in self._ours.answers:
            raise NotPlain
        answer = self._get(question)
        if answer is None:
            self.missing = [question]
            return None
        self.answers[question] = answer
        if answer.chain or not is_quiet(answer):
            raise NotPlain
        strings = _the_record(answer)
        plain = self._plain
        if plain is None:
            text = b"".join(strings).decode("latin-1")
            plain = self._plain = read_plain(text, self._judged, memory_of(self._ours))
        self.missing = plain.resolve(self._get, self._ours)
        if len(self.missing) > MOST_MISSING:
            raise NotPlain
        if self.missing:
            return None
        plain.answers[question] = answer
        found = _conclude(plain, self._get, self._ours)
        return self._assemble(plain, strings, answer, found, clock(), new_id())

    def _assemble(
        self, plain: Plain, strings: tuple[bytes, ...], answer: Answer, found: _Found, now: float, report_id: str
    ) -> Report:
        memory = memory_of(self._ours)
        evidence = dict(memory.evidence)
        lifetime, until = lifetimes(plain.answers.values())
        lifetime, until = min(lifetime, memory.lifetime), min(until, memory.until)
        for part in plain.parts:
            known = part.known
            if known is not None:
                evidence.update(known.evidence)
                lifetime, until = min(lifetime, known.lifetime), min(until, known.until)
        for question, one in plain.answers.items():
            evidence[question] = evidence_of(one)
        judged, text = self._judged, plain.text
        return _new_report(
            report_id=report_id,
            domain=self._domain,
            identity=_new_identity(mail_from=self._identity[0], helo=self._identity[1]),
            status=found.status,
            headline=headline(judged, found.status, found.findings, found.remedy),
            result=found.result.value,
            lenient_result=found.lenient.value,
            record=_new_record(
                name=judged, text=text, strings=tuple([part.decode("latin-1") for part in strings]), ttl=answer.ttl
            ),
            lookups=plain.lookups,
            void_lookups=max(plain.voids.values()),
            senders=found.networks,
            findings=tuple(found.findings),
            remedy=found.remedy,
            opinion=NOT_ASKED,
            tree=_new_node(
                term=judged, domain=judged, cost=0, total=plain.lookups, record=text, children=plain.nodes()
            ),
            evidence=tuple([evidence[one] for one in sorted(evidence)]),
            questions=len(evidence),
            authorised_v4=authorised(plain, memory),
            stale=False,
            checked_at=now,
            expires_at=min(now + lifetime, until),
        )


class _Found:
    """What a plain record ends in."""

    __slots__ = ("findings", "lenient", "networks", "remedy", "result", "status")

    def __init__(
        self, status: Status, result: Result, lenient: Result, networks: tuple[SenderNetwork, ...],
        findings: list[Finding], remedy: Remedy,
    ) -> None:  # fmt: skip
        self.status = status
        self.result = result
        self.lenient = lenient
        self.networks = networks
        self.findings = findings
        self.remedy = remedy


def _the_record(answer: Answer) -> tuple[bytes, ...]:
    """The strings of the one SPF record of an answer; `NotPlain` where another text looks like a part of one."""
    texts = [b"".join(strings) for strings in answer.records]
    chosen = [index for index, text in enumerate(texts) if text[:7].lower() in _VERSIONS]
    if len(chosen) != 1:
        raise NotPlain
    if len(texts) > 1 and (near_misses(answer.records) or any(map(is_continuation, texts))):
        raise NotPlain
    strings: tuple[bytes, ...] = answer.records[chosen[0]]
    return strings


def _conclude(plain: Plain, get: Callable[[Question], Answer | None], ours: Ours) -> _Found:
    """The verdict, what is to be said, and the repair where one is needed."""
    memory = memory_of(ours)
    stands = standing(plain, ours, memory)
    findings = list(_said(plain))
    if stands.voids or stands.result is not Result.PASS:
        terms = [part.term for part in (*plain.parts, plain.end)]
        results = (stands.result, stands.lenient)
        findings += findings_of(plain.domain, terms, stands.networks, ours, results, stands.voids)
    status = Status.OK
    if findings or stands.result is not Result.PASS:
        status = status_of(stands.result, stands.lenient, stands.networks, findings)
    remedy = NONE
    if stands.result is not Result.PASS:
        remedy = inserted(plain, needed_includes(stands.networks, ours), get, ours, memory)
    return _Found(status, stands.result, stands.lenient, stands.networks, findings, remedy)


def _said(plain: Plain) -> Iterator[Finding]:
    """Everything that holds of the record, whoever sends, as `review` says it."""
    domain = plain.domain
    yield from length_findings(len(plain.text), domain)
    if plain.end.term.result is Result.NEUTRAL:
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
        yield finding(Code.VOID_LOOKUP, domain, part.span, term=part.term.text, name=name, type=kinds)
