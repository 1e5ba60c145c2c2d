"""What the DNS answers of a case say of the names in a text; what is not at hand is gathered, and asked at once."""

from __future__ import annotations

from spfcheck.audit.repair.case import Case, Missing, Unanswered
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import spf_texts

__all__ = ["AskedNames"]


class AskedNames:
    """The names that a text may mean, for whoever reads it; `settle` says whether all of them were answered."""

    def __init__(self, case: Case) -> None:
        self.domain = case.domain
        self.own = case.ours.names
        self.work = case.work
        self._case = case
        self._missing: dict[Question, None] = {}
        self._failed: list[Question] = []

    def _answers(self, name: str, *rtypes: Rtype) -> list[Answer]:
        found: list[Answer] = []
        for rtype in rtypes:
            question = Question(name.lower().removesuffix("."), rtype)
            answer = self._case.answers.get(question)
            if answer is None:
                self._missing[question] = None
            elif answer.failed:
                self._failed.append(question)
            else:
                self._case.used[question] = answer
                found.append(answer)
        return found

    def has_record(self, name: str) -> bool:
        """*name* has exactly one SPF record."""
        return any(len(spf_texts(answer)) == 1 for answer in self._answers(name, Rtype.TXT))

    def publishes(self, name: str) -> bool:
        """*name* has an SPF record, or several; what the DNS does not answer is not taken for missing."""
        question = Question(name.lower().removesuffix("."), Rtype.TXT)
        answer = self._case.answers.get(question)
        if answer is not None and answer.failed:
            return True
        return any(spf_texts(one) for one in self._answers(name, Rtype.TXT))

    def has_address(self, name: str) -> bool:
        """*name* has an address."""
        return any(answer.records for answer in self._answers(name, Rtype.A, Rtype.AAAA))

    def has_mail(self, name: str) -> bool:
        """*name* has a mail host."""
        return any(exchange for answer in self._answers(name, Rtype.MX) for _, exchange in answer.records)

    def settle(self) -> None:
        """Raise `Missing` for what was asked for and is not at hand, `Unanswered` for what the DNS did not answer."""
        if self._missing:
            raise Missing(self._missing)
        if self._failed:
            raise Unanswered(self._failed[0])
