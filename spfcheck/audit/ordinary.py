"""The quick way to the report of an ordinary domain: a plain record, or none.

Most domains are like that, and what their providers' includes hold is the same for all of them (`known`). What is left
of a domain are its own networks and hosts (`plain`), what our networks get by them (`course`) and a repair that is one
of our includes put in (`insertion`). Whatever is not exactly so goes the long way, which gives the same report.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from spfcheck.audit.conclusion import Found, conclude
from spfcheck.audit.evidence import evidence_of
from spfcheck.audit.known import lifetimes, memory_of
from spfcheck.audit.making import maker
from spfcheck.audit.near import is_continuation, near_misses
from spfcheck.audit.plain import NotPlain, Plain, is_quiet
from spfcheck.audit.plain_text import read_plain
from spfcheck.audit.report import NOT_ASKED, Identity, Report
from spfcheck.audit.senders import Ours
from spfcheck.audit.status import headline
from spfcheck.audit.unpublished import unpublished
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS
from spfcheck.rfc7208.lookup import Question, Rtype

__all__ = ["Attempt"]

_VERSIONS = (b"v=spf1 ", b"v=spf1")
"""How an SPF record begins: with the version and a space, or it is nothing else (RFC 7208 4.5)."""
_SUSPECT = re.compile(rb"spf|all", re.IGNORECASE)
MOST_MISSING = 40
"""Questions at a time that the quick way asks for; what needs more is not ordinary."""

_new_report = maker(Report)
_new_identity = maker(Identity)


class Attempt:
    """One domain on the quick way, whose MAIL FROM domain is *judged*; *identity* is MAIL FROM and HELO.

    `report` is called until it gives one, or leaves nothing in `missing`: then the long way has to be taken. What is
    asked in between belongs into `answers`, so that one check sees one view of the DNS.
    """

    __slots__ = ("_domain", "_identity", "_judged", "_lookup", "_memory", "_ours", "_plain", "answers", "missing")

    def __init__(self, lookup: Lookup, domain: str, judged: str, ours: Ours, identity: tuple[str, str]) -> None:
        self._lookup = lookup
        self._domain = domain
        self._judged = judged
        self._ours = ours
        self._memory = memory_of(ours)
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
        found = self._conclude(answer)
        if isinstance(found, list):
            self.missing = found
            if len(found) > MOST_MISSING or len(self.answers) + len(found) > AUDIT_QUESTIONS:
                raise NotPlain
            return None
        return self._assemble(found, clock(), new_id())

    def _conclude(self, answer: Answer) -> Found | list[Question]:
        """The conclusion, or what has to be asked first."""
        plain = self._plain
        strings = _the_record(answer)
        if strings is None:
            return unpublished(self._judged, answer, self._get, self._memory, self._ours)
        if plain is None:
            text = b"".join(strings).decode("latin-1")
            plain = self._plain = read_plain(text, self._judged, self._memory)
            plain.answers[answer.question] = answer
        missing = plain.resolve(self._get)
        return missing or conclude(plain, strings, answer.ttl, self._get, self._ours)

    def _assemble(self, found: Found, now: float, report_id: str) -> Report:
        memory = self._memory
        evidence = memory.evidence.copy()
        lifetime, until = lifetimes(found.answers.values())
        lifetime, until = min(lifetime, memory.lifetime), min(until, memory.until)
        for known in found.known:
            evidence.update(known.evidence)
            lifetime, until = min(lifetime, known.lifetime), min(until, known.until)
        for question, one in found.answers.items():
            evidence[question] = evidence_of(one)
        return _new_report(
            report_id=report_id,
            domain=self._domain,
            identity=_new_identity(mail_from=self._identity[0], helo=self._identity[1]),
            status=found.status,
            headline=headline(self._judged, found.status, found.findings, found.remedy),
            result=found.result._value_,
            lenient_result=found.lenient._value_,
            record=found.record,
            lookups=found.lookups,
            void_lookups=found.voids,
            senders=found.networks,
            findings=tuple(found.findings),
            remedy=found.remedy,
            opinion=NOT_ASKED,
            tree=found.tree,
            evidence=tuple([evidence[one] for one in sorted(evidence)]),
            questions=len(evidence),
            authorised_v4=found.authorised,
            stale=False,
            checked_at=now,
            expires_at=min(now + lifetime, until),
        )


def _the_record(answer: Answer) -> tuple[bytes, ...] | None:
    """The strings of the one SPF record of an answer, None where there is none.

    Raises `NotPlain` where there are several, or another text looks like a part of one.
    """
    texts = [b"".join(strings) for strings in answer.records]
    chosen = [index for index, text in enumerate(texts) if text[:7].lower() in _VERSIONS]
    if not chosen:
        return None
    if len(chosen) > 1:
        raise NotPlain
    for index, text in enumerate(texts):
        # What either of them looks for holds one of these words.
        if index != chosen[0] and _SUSPECT.search(text) and (near_misses(answer.records) or is_continuation(text)):
            raise NotPlain
    strings: tuple[bytes, ...] = answer.records[chosen[0]]
    return strings
