"""The quick way for a domain that publishes nothing: what to publish, or that the domain does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from spfcheck.audit.conclusion import Asking, Found, new_found
from spfcheck.audit.fetch import spf_texts
from spfcheck.audit.flat.include import Get, Memory
from spfcheck.audit.flat.outcome import remembered
from spfcheck.audit.flat.record import NotPlain, is_quiet
from spfcheck.audit.flat.record_text import read_plain
from spfcheck.audit.flat.union import Together, together
from spfcheck.audit.repair.case import split_strings
from spfcheck.audit.repair.certificates import not_here
from spfcheck.audit.repair.claims import Proof
from spfcheck.audit.repair.proof_flat import prove_plain
from spfcheck.audit.repair.propose import skeleton_of
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, Remedy, RemedyKind, Status
from spfcheck.audit.senders import Ours
from spfcheck.audit.text.near_miss import near_misses
from spfcheck.names import is_registered
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.record import Result

__all__ = ["unpublished"]

_new_remedy: Final = maker(Remedy)


class _Wanted(Exception):  # noqa: N818 - a request, not an error
    """An answer that has to be asked for first."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question


class _Answers:
    """The answers that the conclusion rests on, as they are looked at."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self.seen: dict[Question, Answer] = {}

    def get(self, question: Question) -> Answer | None:
        """The answer that is at hand."""
        return self.seen.get(question) or self._get(question)

    def sure(self, question: Question) -> Answer:
        """The answer; raises `_Wanted` where it is not at hand, `NotPlain` for one that is worth a word."""
        answer = self.seen.get(question)
        if answer is None:
            answer = self._get(question)
            if answer is None:
                raise _Wanted(question)
            if not is_quiet(answer):
                raise NotPlain
            self.seen[question] = answer
        return answer


def unpublished(domain: str, answer: Answer, get: Get, memory: Memory, ours: Ours) -> Asking[Found]:
    """The conclusion about *domain*, whose TXT *answer* holds no SPF record; asks for what is missing.

    Raises `NotPlain`.
    """
    if near_misses(answer.records) or not is_registered(domain):
        raise NotPlain  # what may be editable only in part goes the long way (repair I8)
    answers = _Answers(get)
    answers.seen[answer.question] = answer
    networks = tuple([remembered(place, Result.NONE, "", memory) for place in range(len(memory.places))])
    if answer.nxdomain:
        findings = [finding(Code.DOMAIN_NOT_FOUND, domain)]
        certificate = not_here("nxdomain-organisation", domain)
        remedy = Remedy(kind=RemedyKind.MANUAL, name=domain, certificate=certificate)
        rests_on = together([], memory)
    else:
        findings, remedy, rests_on = yield from _first_record(domain, answers, memory, ours)
    none, needed = Result.NONE, Status.ACTION_NEEDED
    return new_found(needed, none, none, networks, findings, remedy, answers.seen, rests_on)


def _first_record(
    domain: str, answers: _Answers, memory: Memory, ours: Ours
) -> Asking[tuple[list[Finding], Remedy, Together]]:
    """What is to be said of a domain without a record, and the record that is proven (repair P)."""
    asked = Question(domain, Rtype.SPF), Question(domain, Rtype.MX)
    while missing := [question for question in asked if answers.get(question) is None]:
        yield missing
    typed, mail = [answers.sure(question) for question in asked]
    if spf_texts(typed):
        raise NotPlain
    while True:
        try:
            skeleton, why = skeleton_of(domain, answers.sure)
        except _Wanted as wanted:
            yield [wanted.question]
        else:
            break
    for text in _ladder(skeleton, ours):
        proposed = read_plain(text, domain, memory)
        while missing := proposed.resolve(answers.get):
            yield missing
        made = prove_plain(None, proposed, ours, answers.sure)
        if isinstance(made, Proof):
            break
    else:
        raise NotPlain
    answers.seen.update(proposed.answers)
    findings = [finding(Code.NO_RECORD, domain)]
    if not any(name for _, name in mail.records):
        findings.append(finding(Code.NO_MX, domain))
    remedy = _new_remedy(
        kind=RemedyKind.PUBLISH,
        name=domain,
        value=text,
        strings=split_strings(text),
        edits=(f"A record is published where there is none. {why}",),
        proof=made.facts(),
    )
    return findings, remedy, together(proposed.includes, memory)


def _ladder(skeleton: str, ours: Ours) -> Iterator[str]:
    """Our includes in front of the end, then at the front."""
    new = "".join(f" include:{sender.include}" for sender in ours.senders)
    head, _, end = skeleton.rpartition(" ")
    yield f"{head}{new} {end}"
    yield f"v=spf1{new}{skeleton.removeprefix('v=spf1')}"
