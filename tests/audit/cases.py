"""Cases over a zone text in which every question has an answer, for the tests of generator, prover and checker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spfcheck.audit.judgement.places import candidates, placed
from spfcheck.audit.repair.case import Case, published_as
from spfcheck.audit.senders import Ours
from spfcheck.audit.text.near_miss import near_misses
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import spf_texts


class Everything(Mapping[Question, Answer]):
    """All answers that a lookup has at hand, one of them replaced where *instead* is given."""

    def __init__(self, lookup: Lookup, instead: Answer | None = None) -> None:
        self._lookup = lookup
        self._instead = instead

    def __getitem__(self, question: Question) -> Answer:
        if self._instead is not None and question == self._instead.question:
            return self._instead
        answer = self._lookup.cached(question)
        if answer is None:
            raise KeyError(question)
        return answer

    def __iter__(self) -> Iterator[Question]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


def case_of(domain: str, lookup: Lookup, ours: Ours, *, record: str | None = None, search: bool = False) -> Case:
    """The case of *domain*; with *record* as if that were published, with *search* as a search finds it."""
    answers = Everything(lookup, published_as(domain, record) if record is not None else None)
    answer = answers[Question(domain, Rtype.TXT)]
    texts = spf_texts(answer)
    names = candidates(domain, exists=not answer.nxdomain) if search else []
    found = [placed(one, answers, ours.names, domain) for one in names]
    return Case(
        domain=domain,
        texts=texts,
        near=() if texts else near_misses(answer.records, ours.names, domain),
        typed=() if texts else spf_texts(answers[Question(domain, Rtype.SPF)]),
        ours=ours,
        answers=answers,
        places=tuple(one for one in found if one is not None and one.names_us),
    )
