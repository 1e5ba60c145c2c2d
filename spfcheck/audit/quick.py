"""The quick way to the report of an ordinary domain: a flat record, or none.

Most domains are like that, and what their providers' includes hold is the same for all of them (`flat.include`). What
is left of a domain are its own networks and hosts (`flat.record`) and what our networks get by them (`flat.outcome`).
What follows from that, and the repair, is what follows for every domain (`conclude`). Whatever is not exactly so goes
the long way, which gives the same report.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from spfcheck.audit.assemble import Basis, Check, Conclusion, Picture, assemble, published_record
from spfcheck.audit.conclude import Asking, conclude, repair
from spfcheck.audit.flat.memory import Known, Memory, Together, lifetimes, memory_of
from spfcheck.audit.flat.outcome import record_said, remembered, standing
from spfcheck.audit.flat.record import NotPlain, is_quiet
from spfcheck.audit.flat.record_text import read_plain
from spfcheck.audit.flat.union import authorised, together
from spfcheck.audit.judgement.review import apex_findings
from spfcheck.audit.judgement.status import Standing
from spfcheck.audit.repair.case import Case, published_as
from spfcheck.audit.report.evidence import evidence_of
from spfcheck.audit.report.model import Report, Status, TreeNode
from spfcheck.audit.senders import Ours
from spfcheck.audit.text.near_miss import is_continuation, near_misses
from spfcheck.audit.text.own_names import wrongly
from spfcheck.names import registrable
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.effort import MOST, Effort, Measure
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.record import Result, spf_texts

__all__ = ["Attempt"]

_VERSIONS: Final = (b"v=spf1 ", b"v=spf1")
"""How an SPF record begins: with the version and a space, or it is nothing else (RFC 7208 4.5)."""
MOST_MISSING: Final = 40
"""Questions at a time that the quick way asks for; what needs more is not ordinary."""
_new_node: Final = maker(TreeNode)


_Found = tuple[Standing, Conclusion, Picture, Basis]
"""All that a report is made of."""


class _Cached(Mapping[Question, Answer]):
    """The answers that are there without waiting; what was seen once stays, so that one check sees one view."""

    def __init__(self, get: Callable[[Question], Answer | None]) -> None:
        self._look = get
        self._seen: dict[Question, Answer] = {}

    def _get(self, question: Question) -> Answer | None:
        answer = self._seen.get(question)
        if answer is None:
            answer = self._look(question)
            if answer is not None:
                self._seen[question] = answer
        return answer

    def get(self, question: Question, default: Answer | None = None) -> Answer | None:  # type: ignore[override]
        """The answer to *question*, else *default*."""
        return self._get(question) or default

    def __getitem__(self, question: Question) -> Answer:
        answer = self._get(question)
        if answer is None:
            raise KeyError(question)
        return answer

    def __contains__(self, question: object) -> bool:
        return isinstance(question, Question) and self._get(question) is not None

    def __iter__(self) -> Iterator[Question]:
        raise TypeError("a cache is asked for one answer, never for all")

    def __len__(self) -> int:
        raise TypeError("a cache is asked for one answer, never for all")


class Attempt:
    """One domain on the quick way: *check*, judged for *ours*, and the answers of *lookup*.

    `report` is called until it gives one, or leaves nothing in `missing`: then the long way has to be taken. What is
    asked in between belongs into `answers`, so that one check sees one view of the DNS. *record* is the text that a
    hypothetical check is about, *most* what a repair may take of the machine.
    """

    __slots__ = ("_check", "_course", "_lookup", "_most", "_ours", "answers", "missing")

    def __init__(
        self, lookup: Lookup, check: Check, ours: Ours, record: str | None = None, most: Mapping[Measure, int] = MOST
    ) -> None:
        self._lookup = lookup
        self._check = check
        self._ours = ours
        self._most = most
        self.answers: dict[Question, Answer] = {}
        if record is not None:
            proposed = published_as(check.judged_domain, record)
            self.answers[proposed.question] = proposed
        self.missing: list[Question] = []
        self._course = self._found()

    def report(self, clock: Callable[[], float], new_id: Callable[[], str]) -> Report | None:
        """The report, or None where answers are `missing` or the domain is not ordinary."""
        try:
            self.missing = missing = next(self._course)
            if len(missing) > MOST_MISSING or len(self.answers) + len(missing) > AUDIT_QUESTIONS:
                self.missing = []
        except NotPlain:
            self.missing = []
        except StopIteration as done:
            found: _Found = done.value
            stands, concluded, picture, basis = found
            return assemble(self._check, stands, concluded, picture, basis, clock, new_id)
        return None

    def _get(self, question: Question) -> Answer | None:
        return self.answers.get(question) or self._ours.answers.get(question) or self._lookup.cached(question)

    def _found(self) -> Asking[_Found]:
        domain, ours = self._check.judged_domain, self._ours
        question = Question(domain, Rtype.TXT)
        if question in ours.answers:
            raise NotPlain
        while (answer := self._get(question)) is None:
            yield [question]
        self.answers[question] = answer
        if answer.chain or not is_quiet(answer):
            raise NotPlain
        memory = memory_of(ours)
        strings = _the_record(answer, ours, domain)
        if strings is None:
            return (yield from self._unpublished(answer, memory))
        text = b"".join(strings).decode("latin-1")
        if wrongly(text, ours.names, domain):
            raise NotPlain
        plain = read_plain(text, domain, memory)
        plain.answers[question] = answer
        while missing := plain.resolve(self._get):
            yield missing
        stands = standing(plain, ours)
        terms = None
        if stands.lenient is not Result.PASS:
            terms = [part.term for part in plain.parts if part.term is not None]
        concluded = conclude(domain, stands, record_said(plain), terms, ours)
        shared = together(plain.includes, memory)
        picture = Picture(
            published_record(domain, plain.text, strings, answer.ttl),
            _new_node(domain, domain, 0, plain.lookups, record=plain.text, children=plain.nodes()),
            plain.lookups,
            void_lookups=max(plain.voids.values()),
            authorised_v4=authorised(plain.own, shared),
        )
        if stands.result is Result.PASS:
            return stands, concluded, picture, _basis(plain.answers, shared)
        case = self._case(plain.text.encode("latin-1"))
        case.plains[plain.text] = plain
        concluded = yield from self._repaired(case, stands, concluded)
        return stands, concluded, picture, _basis_of(case, memory)

    def _case(self, *texts: bytes) -> Case:
        cached = _Cached(self._get)
        domain, work = self._check.judged_domain, Effort(self._most)
        return Case(domain=domain, texts=texts, near=(), typed=(), ours=self._ours, answers=cached, work=work)

    def _unpublished(self, answer: Answer, memory: Memory) -> Asking[_Found]:
        """What is found of a domain that publishes nothing."""
        domain = self._check.judged_domain
        if near_misses(answer.records, self._ours.names, domain):
            raise NotPlain
        case = self._case()
        case.used[answer.question] = answer
        if not answer.nxdomain and not self._check.hypothetical:
            asked = Question(domain, Rtype.SPF), Question(domain, Rtype.MX)
            while missing := [question for question in asked if question not in case.answers]:
                yield missing
            if spf_texts(case.answer(asked[0])):
                raise NotPlain
        none = Result.NONE
        networks = tuple([remembered(place, none, "", memory) for place in range(len(memory.places))])
        stands = Standing(networks, none, none, {})
        said = apex_findings(domain, answer, (), (), (), domain if answer.nxdomain else "")
        concluded = conclude(domain, stands, said, None, self._ours)
        concluded = yield from self._repaired(case, stands, concluded)
        return stands, concluded, Picture(), _basis_of(case, memory)

    def _repaired(self, case: Case, stands: Standing, concluded: Conclusion) -> Asking[Conclusion]:
        if registrable(case.domain) != case.domain:
            raise NotPlain  # what may be editable only in part goes the long way (repair I8)
        # A flat record lists somebody, so it does not declare that nobody sends.
        concluded = yield from repair(case, case.domain, stands, concluded, silent=False)
        # What is no flat record once repaired was proven by sets, from fewer answers than the long way fetches.
        if None in case.plains.values() or concluded.status is Status.UNKNOWN:
            raise NotPlain
        if not all(map(is_quiet, case.used.values())):
            raise NotPlain
        return concluded


def _basis_of(case: Case, memory: Memory) -> Basis:
    """What was looked at for *case*: one by one, and by the flat records that came of it."""
    answers = case.used.copy()
    includes: list[Known] = []
    for plain in case.plains.values():
        if plain is not None:
            answers.update(plain.answers)
            includes += plain.includes
    return _basis(answers, together(includes, memory))


def _basis(answers: Mapping[Question, Answer], shared: Together) -> Basis:
    """The basis that *answers* and what the includes rest on are together."""
    questions, evidence = shared.questions.copy(), shared.evidence.copy()
    for question, answer in answers.items():
        place = bisect_right(questions, question)
        if place and questions[place - 1] == question:
            continue  # an include rests on it as well
        questions.insert(place, question)
        evidence.insert(place, evidence_of(answer))
    lifetime, until = lifetimes(answers.values())
    return Basis(evidence, len(evidence), min(lifetime, shared.lifetime), min(until, shared.until))


def _the_record(answer: Answer, ours: Ours, domain: str) -> tuple[bytes, ...] | None:
    """The strings of the one SPF record of an answer, None where there is none.

    Raises `NotPlain` where there are several, or another text looks like a part of one.
    """
    found: tuple[bytes, ...] | None = None
    others: list[tuple[bytes]] = []
    for strings in answer.records:
        text = b"".join(strings).lower()
        if text[:7] in _VERSIONS:
            if found is not None:
                raise NotPlain
            found = strings
        else:
            others.append((b"".join(strings),))
    if found is None or not others:
        return found
    # A bare version may have its terms in another text.
    bare = b"".join(found).strip(b" ").lower() == b"v=spf1"
    if bare or near_misses(others, ours.names, domain) or any(is_continuation(text) for (text,) in others):
        raise NotPlain
    return found
