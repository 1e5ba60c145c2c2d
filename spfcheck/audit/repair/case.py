"""One domain as the repair sees it: what is published, what we are, and the DNS answers that are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from spfcheck.audit.flat.memory import memory_of
from spfcheck.audit.flat.record import NotPlain, Plain
from spfcheck.audit.flat.record_text import read_plain
from spfcheck.audit.judgement.places import Place
from spfcheck.audit.judgement.tree import Survey, survey
from spfcheck.audit.report.strings import split_strings
from spfcheck.audit.senders import Ours
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.effort import Effort, Measure, TooLargeError
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.limits import STRICT, UNLIMITED, Policy
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import Ranges
from spfcheck.rfc7208.record import Record
from spfcheck.rfc7208.verdict import Cause, Partition

__all__ = ["PUBLISHED_TTL", "Case", "Missing", "Unanswered", "published_as"]

PUBLISHED_TTL: Final = 300
"""Seconds that a record which is only proposed is taken to live."""


class Missing(LookupError):  # noqa: N818 - a request for more, not an error
    """The repair needs DNS answers that are not known; the caller asks and tries again."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.questions = tuple(questions)
        super().__init__(", ".join(f"{question.name} {question.rtype.name}" for question in self.questions))


class Unanswered(LookupError):  # noqa: N818 - the DNS's failure, not ours
    """The DNS did not answer what the repair rests on, so nothing can be proven now."""

    def __init__(self, question: Question) -> None:
        self.question = question
        super().__init__(f"{question.name} {question.rtype.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is published at *domain*, and everything that a proof may use.

    *texts* are its SPF records, *near* the texts that are meant as such, *typed* those of the obsolete type 99.
    *answers* are all that is known of the DNS; nothing else may be assumed.
    """

    domain: str
    texts: tuple[bytes, ...]
    near: tuple[bytes, ...]
    typed: tuple[bytes, ...]
    ours: Ours
    answers: Mapping[Question, Answer]
    places: tuple[Place, ...] = ()
    """Where the record stands that was meant for *domain*, where nothing at all is published there."""
    found: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """Conclusions, cached for the next caller; answers come in, but never change."""
    plains: dict[str, Plain | None] = field(default_factory=dict, compare=False, repr=False)
    """The same of texts: what is plain in them."""
    refused: set[str] = field(default_factory=set, compare=False, repr=False)
    """Texts that check_host() was seen not to let us pass by, for the message that we send: not to be proposed."""
    work: Effort = field(default_factory=Effort, compare=False, repr=False)
    """What the repair may take of the machine, and what it has taken."""
    used: dict[Question, Answer] = field(default_factory=dict, compare=False, repr=False)
    """The answers that were asked for one by one, beside those that plain texts rest on."""

    def answer(self, question: Question) -> Answer:
        """The answer to *question*; raises `Missing` where it is not known."""
        found = self.answers.get(question)
        if found is None:
            raise Missing([question])
        self.used[question] = found
        return found

    def sure(self, question: Question) -> Answer:
        """The same, where a failure leaves nothing to be proven: raises `Unanswered`."""
        answer = self.answer(question)
        if answer.failed:
            raise Unanswered(question)
        return answer

    def need(self, *questions: Question) -> None:
        """Raise `Missing` for those of *questions* that are not known, so that they are asked at once."""
        missing = [question for question in questions if question not in self.answers]
        if missing:
            raise Missing(missing)
        for question in questions:
            self.answer(question)

    def partition(self, text: str, ranges: Ranges, family: int, policy: Policy = STRICT) -> Partition:
        """What *text*, published at the domain, says of *ranges*, for every message (RFC 7208 4).

        Raises `TooLargeError` where the case has no work left for it.
        """
        overlaid = published_as(self.domain, text)

        def answer(question: Question) -> Answer:
            return overlaid if question == overlaid.question else self.answer(question)

        found = run(partition(ranges, family, self.domain, policy=policy, work=self.work), answer)
        if policy is UNLIMITED and any(cell.cause is Cause.QUESTION_CEILING for cell in found.cells):
            raise TooLargeError(Measure.QUESTIONS, UNLIMITED.questions)
        return found

    def plain(self, text: str) -> Plain | None:
        """What is read of the valid record *text*, up to its first ``all``, where that is a plain record.

        Raises `Missing` for the answers that it needs, unless `survey` has to say which of them still matter.
        """
        try:
            if text not in self.plains:
                like = next((one for one in self.plains.values() if one is not None and not one.waiting), None)
                self.plains[text] = read_plain(_read_part(text), self.domain, memory_of(self.ours), like)
            plain = self.plains[text]
            missing = plain.resolve(self.answers.get) if plain is not None else []
        except NotPlain:
            self.plains[text] = None
            return None
        if plain is not None and missing:
            if sum(part.lookups for part in plain.parts) + len(plain.waiting) <= STRICT.lookups:
                raise Missing(missing)
            return None
        return plain

    def survey(self, record: Record, *, drawn: bool = False) -> Survey:
        """The tree below *record*, published at the domain; raises `Missing` until every branch was asked for.

        Raises `TooLargeError` where it is too large for a repair.
        """
        overlaid = published_as(self.domain, record.text)
        answers = _Overlaid(overlaid, self.answers)
        found = survey(record, self.domain, answers, drawn=drawn)
        self.work.hold(Measure.TREE_TERMS, sum([len(one.terms) for one in found.records.values()]))
        over = found.lookups > STRICT.lookups
        # Far over the limit, hosts change nothing any more, and there may be more of them than we may ask for.
        wanted = [question for question in found.unasked if question.rtype is Rtype.TXT or not over]
        if wanted:
            raise Missing(dict.fromkeys(wanted))
        return found


class _Overlaid(Mapping[Question, Answer]):
    """Answers, one of them replaced."""

    def __init__(self, answer: Answer, answers: Mapping[Question, Answer]) -> None:
        self._answer = answer
        self._answers = answers

    def __getitem__(self, question: Question) -> Answer:
        return self._answer if question == self._answer.question else self._answers[question]

    def __iter__(self) -> Iterator[Question]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)


_ANY_ALL: Final = re.compile(r" [+?~-]?all(?= )", re.IGNORECASE)


def _read_part(text: str) -> str:
    """The valid record *text* without what follows its first ``all``, which is never read (RFC 7208 5.1)."""
    found = _ANY_ALL.search(text)
    return text if found is None else text[: found.end()]


def published_as(domain: str, text: str) -> Answer:
    """The TXT answer of *domain* as it would be with *text* as its record."""
    return Answer(
        question=Question(domain, Rtype.TXT),
        outcome=Outcome.OK,
        records=(tuple(part.encode("latin-1") for part in split_strings(text)),),
        ttl=PUBLISHED_TTL,
        resolver="proposed",
    )
