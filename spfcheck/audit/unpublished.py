"""The quick way for a domain that publishes nothing: what to publish, or that the domain does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from spfcheck.audit.case import split_strings
from spfcheck.audit.claims import Proof
from spfcheck.audit.conclusion import Found
from spfcheck.audit.course import remembered
from spfcheck.audit.findings import Code, finding
from spfcheck.audit.known import Get, Memory
from spfcheck.audit.manual import not_here
from spfcheck.audit.names import is_registered
from spfcheck.audit.near import near_misses
from spfcheck.audit.plain import NotPlain, is_quiet
from spfcheck.audit.plain_proof import prove_plain
from spfcheck.audit.plain_text import read_plain
from spfcheck.audit.remedy import NONE, skeleton_of
from spfcheck.audit.report import Remedy, RemedyKind, Status
from spfcheck.audit.senders import Ours
from spfcheck.audit.walk import spf_texts
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Result

__all__ = ["unpublished"]


class _Wanted(Exception):  # noqa: N818 - a request, not an error
    """Answers that have to be asked for first."""

    def __init__(self, questions: list[Question]) -> None:
        super().__init__()
        self.questions = questions


class _Answers:
    """The answers that the conclusion rests on, as they are looked at."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self.seen: dict[Question, Answer] = {}

    def get(self, question: Question) -> Answer | None:
        """The answer that is at hand."""
        return self.seen.get(question) or self._get(question)

    def need(self, *questions: Question) -> list[Answer]:
        """The answers to *questions*; raises `_Wanted` for those that are not at hand, `NotPlain` for a failure."""
        found = [self.get(question) for question in questions]
        missing = [question for question, answer in zip(questions, found, strict=True) if answer is None]
        if missing:
            raise _Wanted(missing)
        answers = [answer for answer in found if answer is not None]
        for answer in answers:
            if not is_quiet(answer):
                raise NotPlain
            self.seen[answer.question] = answer
        return answers

    def sure(self, question: Question) -> Answer:
        """The answer to one question."""
        return self.need(question)[0]


def unpublished(domain: str, answer: Answer, get: Get, memory: Memory, ours: Ours) -> Found | list[Question]:
    """The conclusion about *domain*, whose TXT *answer* holds no SPF record, or what has to be asked first.

    Raises `NotPlain`.
    """
    if near_misses(answer.records):
        raise NotPlain
    answers = _Answers(get)
    answers.seen[answer.question] = answer
    networks = tuple([remembered(place, Result.NONE, "", memory) for place in range(len(memory.places))])
    found = Found(Status.ACTION_NEEDED, Result.NONE, Result.NONE, networks, [], NONE, answers.seen, [])
    try:
        if answer.nxdomain:
            found.findings.append(finding(Code.DOMAIN_NOT_FOUND, domain))
            certificate = not_here("nxdomain-organisation", domain)
            found.remedy = Remedy(kind=RemedyKind.MANUAL, name=domain, certificate=certificate)
        else:
            _first_record(domain, answers, memory, ours, found)
    except _Wanted as wanted:
        return wanted.questions
    if not is_registered(domain):
        raise NotPlain  # what may be editable only in part goes the long way (repair I8)
    return found


def _first_record(domain: str, answers: _Answers, memory: Memory, ours: Ours, found: Found) -> None:
    """Put into *found* what is to be said of a domain without a record, and the record that is proven (repair P)."""
    typed, mail = answers.need(Question(domain, Rtype.SPF), Question(domain, Rtype.MX))
    if spf_texts(typed):
        raise NotPlain
    skeleton, why = skeleton_of(domain, answers.sure)
    for text in dict.fromkeys(_ladder(skeleton, ours)):
        proposed = read_plain(text, domain, memory)
        missing = proposed.resolve(answers.get)
        if missing:
            raise _Wanted(missing)
        made = prove_plain(None, proposed, ours, answers.sure)
        if isinstance(made, Proof):
            break
    else:
        raise NotPlain
    answers.seen.update(proposed.answers)
    found.known = [part.known for part in proposed.parts if part.known is not None]
    found.findings.append(finding(Code.NO_RECORD, domain))
    if not any(name for _, name in mail.records):
        found.findings.append(finding(Code.NO_MX, domain))
    found.remedy = Remedy(
        kind=RemedyKind.PUBLISH,
        name=domain,
        value=text,
        strings=split_strings(text),
        edits=(f"A record is published where there is none. {why}",),
        proof=made.facts(),
    )


def _ladder(skeleton: str, ours: Ours) -> Iterator[str]:
    """Our includes in front of the end, then at the front."""
    new = "".join(f" include:{sender.include}" for sender in ours.senders)
    head, _, end = skeleton.rpartition(" ")
    yield f"{head}{new} {end}"
    yield f"v=spf1{new}{skeleton.removeprefix('v=spf1')}"
