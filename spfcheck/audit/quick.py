"""The quick way to the report of an ordinary domain: a plain record, or none.

Most domains are like that, and what their providers' includes hold is the same for all of them (`known`). What is left
of a domain are its own networks and hosts (`plain`), what our networks get by them (`course`) and a repair that is one
of our includes put in (`insertion`). Whatever is not exactly so goes the long way, which gives the same report.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from spfcheck.audit.conclusion import Asking, Found, conclude
from spfcheck.audit.flat.include import lifetimes, memory_of
from spfcheck.audit.flat.record import NotPlain, is_quiet
from spfcheck.audit.flat.record_text import read_plain
from spfcheck.audit.judgement.status import headline
from spfcheck.audit.report.evidence import evidence_of
from spfcheck.audit.report.model import NOT_ASKED, Identity, Report
from spfcheck.audit.senders import Ours
from spfcheck.audit.text.near_miss import is_continuation, near_misses
from spfcheck.audit.unpublished import unpublished
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.making import maker

__all__ = ["Attempt"]

_VERSIONS: Final = (b"v=spf1 ", b"v=spf1")
"""How an SPF record begins: with the version and a space, or it is nothing else (RFC 7208 4.5)."""
MOST_MISSING: Final = 40
"""Questions at a time that the quick way asks for; what needs more is not ordinary."""

_new_report: Final = maker(Report)
_new_identity: Final = maker(Identity)


class Attempt:
    """One domain on the quick way, whose MAIL FROM domain is *judged*; *identity* is MAIL FROM and HELO.

    `report` is called until it gives one, or leaves nothing in `missing`: then the long way has to be taken. What is
    asked in between belongs into `answers`, so that one check sees one view of the DNS.
    """

    __slots__ = ("_course", "_domain", "_identity", "_judged", "_lookup", "_ours", "answers", "missing")

    def __init__(self, lookup: Lookup, domain: str, judged: str, ours: Ours, identity: tuple[str, str]) -> None:
        self._lookup = lookup
        self._domain = domain
        self._judged = judged
        self._ours = ours
        self._identity = identity
        self._course = self._conclude()
        self.answers: dict[Question, Answer] = {}
        self.missing: list[Question] = []

    def report(self, clock: Callable[[], float], new_id: Callable[[], str]) -> Report | None:
        """The report, or None where answers are `missing` or the domain is not ordinary."""
        try:
            self.missing = missing = next(self._course)
            if len(missing) > MOST_MISSING or len(self.answers) + len(missing) > AUDIT_QUESTIONS:
                self.missing = []
        except NotPlain:
            self.missing = []
        except StopIteration as done:
            return self._assemble(done.value, clock(), new_id())
        return None

    def _get(self, question: Question) -> Answer | None:
        return self.answers.get(question) or self._ours.answers.get(question) or self._lookup.cached(question)

    def _conclude(self) -> Asking[Found]:
        get, domain, ours = self._get, self._judged, self._ours
        question = Question(domain, Rtype.TXT)
        if question in ours.answers:
            raise NotPlain
        while (answer := get(question)) is None:
            yield [question]
        self.answers[question] = answer
        if answer.chain or not is_quiet(answer):
            raise NotPlain
        memory = memory_of(ours)
        strings = _the_record(answer)
        if strings is None:
            return (yield from unpublished(domain, answer, get, memory, ours))
        plain = read_plain(b"".join(strings).decode("latin-1"), domain, memory)
        plain.answers[question] = answer
        while missing := plain.resolve(get):
            yield missing
        return conclude(plain, strings, answer.ttl, get, ours)

    def _assemble(self, found: Found, now: float, report_id: str) -> Report:
        together = found.together
        lifetime, until = lifetimes(found.answers.values())
        lifetime, until = min(lifetime, together.lifetime), min(until, together.until)
        questions, evidence = together.questions.copy(), together.evidence.copy()
        for question, answer in found.answers.items():
            place = bisect_right(questions, question)
            if place and questions[place - 1] == question:
                continue  # an include rests on it as well
            questions.insert(place, question)
            evidence.insert(place, evidence_of(answer))
        # By position, in the order of the fields that have no default: their names took longer than all the rest.
        return _new_report(
            report_id,
            self._domain,
            _new_identity(*self._identity),
            found.status,
            headline(self._judged, found.status, found.findings, found.remedy),
            found.result._value_,
            found.lenient._value_,
            found.record,
            found.lookups,
            found.voids,
            found.networks,
            tuple(found.findings),
            found.remedy,
            NOT_ASKED,
            found.tree,
            tuple(evidence),
            len(evidence),
            found.authorised,
            now,
            min(now + lifetime, until),
        )


def _the_record(answer: Answer) -> tuple[bytes, ...] | None:
    """The strings of the one SPF record of an answer, None where there is none.

    Raises `NotPlain` where there are several, or another text looks like a part of one.
    """
    found: tuple[bytes, ...] | None = None
    others: list[bytes] = []
    for strings in answer.records:
        text = b"".join(strings).lower()
        if text[:7] in _VERSIONS:
            if found is not None:
                raise NotPlain
            found = strings
        elif b"spf" in text or b"all" in text:  # what is looked for holds one of these words
            others.append(text)
    if found is not None and others and (near_misses(answer.records) or any(map(is_continuation, others))):
        raise NotPlain
    return found
