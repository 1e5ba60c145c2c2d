"""Valid records of the corpus with slips in them, examined: what a proposal does to every sender that was meant."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.model import RemedyKind, Report
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import everything, format_network, subtract, to_networks
from spfcheck.rfc7208.record import Record, Result, parse
from spfcheck.rfc7208.verdict import Partition
from tests.made.corpus import INCLUDE, OURS_TEXTS, CorpusLookup, Row
from tests.made.slips import IN_RECORDS, KINDS, Records, slipped

__all__ = ["MANUAL", "NAMED", "PROVEN", "Closed", "Slips", "examine_slips"]

PROVEN, NAMED, MANUAL, WRONG = "proven", "named", "manual", "wrong"
"""What comes of a slip: every sender passes once the proposal is published; those that do not are named beside it; it
is left to a person; or none of these."""
_NAME = re.compile(r"[a-z0-9_.-]+(?<!-all)")
"""Some valid records have slips of their own in a name."""
MOST_TERMS = 25
"""Terms of a record beyond which a slip in it takes long to judge, and says nothing more."""


class Closed(CorpusLookup):
    """The corpus as all that exists: no name answers that no valid record and no domain in it has."""

    def __init__(self, rows: list[Row], includes: dict[str, str]) -> None:
        super().__init__(rows, includes, OURS_TEXTS[1])
        self._names = {*OURS_TEXTS[1], *(row.domain for row in rows), *filter(_NAME.fullmatch, includes)}
        for row in rows:
            self._names.update(row.mx)
        for text in (*includes.values(), *(row.text for row in rows)):
            record = parse(text)
            named = [term.target for term in record.terms if term.target is not None] if record.valid else []
            self._names.update(name for name in named if _NAME.fullmatch(name))

    def publish_records(self, domain: str, records: Records) -> None:
        """From now on these are the TXT records of *domain*."""
        question = Question(domain, Rtype.TXT)
        found = tuple(tuple(string.encode() for string in strings) for strings in records)
        self._answers[question] = Answer(
            question=question, outcome=Outcome.OK, records=found, ttl=300, resolver="corpus"
        )

    def _answer(self, question: Question) -> Answer:
        name = question.name.removeprefix("mx.")
        if name in self._names or question.name in self._names:
            return super()._answer(question)
        return Answer(question=question, outcome=Outcome.NXDOMAIN, ttl=300, resolver="corpus", soa_seen=True)


@dataclass(slots=True)
class Slips:
    """How many slips came to what, in all and by kind where there is one alone; *wrong* says which were."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    proposals: list[tuple[str, str, str]] = field(default_factory=list)
    """The domain, the record that is meant and the proposal, where everybody passes."""

    def count(self, kinds: Sequence[str], outcome: str) -> None:
        """One more *outcome* of slips of *kinds*."""
        self.counts[outcome] += 1
        if len(kinds) == 1:
            self.kinds.setdefault(kinds[0], Counter())[outcome] += 1

    @property
    def proven(self) -> float:
        """The share of all that was proven."""
        return self.counts[PROVEN] / max(1, sum(self.counts.values()))


async def examine_slips(rows: list[Row], includes: dict[str, str], count: int, seed: int) -> Slips:
    """Examine *count* records of the corpus, each with one slip or two of kinds that are drawn in turn."""
    lookup, rng, found = Closed(rows, includes), random.Random(seed), Slips()
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    assert ours.ready, ours.reasons
    wanted = _wanted(rows, rng)
    while sum(found.counts.values()) < count:
        row, kinds = next(wanted)
        records = slipped(row.text, kinds, rng)
        if records is None:
            continue
        meant = lookup.cached(Question(row.domain, Rtype.TXT))
        lookup.publish_records(row.domain, records)
        report = await examine(row.domain, lookup, ours)
        outcome, why = _outcome(row, report, lookup, ours)
        found.count(kinds, outcome)
        if outcome is WRONG:
            shown = " | ".join((row.text, str(records), report.remedy.value, why))
            found.wrong.append(f"{' + '.join(kinds)}: {row.domain}: {shown}")
        elif outcome is PROVEN:
            found.proposals.append((row.domain, row.text, report.remedy.value))
        lookup.publish_records(row.domain, [tuple(one.decode("latin-1") for one in meant.records[0])])
    return found


def _wanted(rows: list[Row], rng: random.Random) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """Records that are valid and not too long, and slips for them: each kind in turn, half of them with another."""
    fit = [row for row in rows if _is_fit(parse(row.text), row)]
    while True:
        for kind in KINDS:
            more = rng.choice(KINDS)
            alone = rng.random() < 0.5 or more == kind or (kind in IN_RECORDS and more in IN_RECORDS)
            yield rng.choice(fit), (kind,) if alone else (kind, more)


def _is_fit(record: Record, row: Row) -> bool:
    """The record can be read, lists somebody, has no slip of its own, and no term that asks about the message."""
    text, terms = row.text, record.terms
    return (
        record.valid
        and "%" not in text
        and "  " not in text
        and text == text.strip()
        and text.isascii()
        and 1 < len(terms) <= MOST_TERMS
        and (record.all_term is None or (record.all_term is terms[-1] and record.all_term.result is not Result.PASS))
        and all(term.name in ("redirect", "exp") for term in terms if term.is_modifier)
        and not any(term.name == "ptr" or term.target == row.domain == term.domain_spec for term in terms)
        and all(term.target is None or _NAME.fullmatch(term.target) for term in terms)
    )


def _outcome(row: Row, report: Report, lookup: Closed, ours: Ours) -> tuple[str, str]:
    remedy = report.remedy
    if remedy.kind is RemedyKind.MANUAL:
        return MANUAL, ""
    published = lookup.cached(Question(row.domain, Rtype.TXT))
    text = remedy.value or b"".join(published.records[0]).decode("latin-1")
    lost = ""
    for family in (4, 6):
        meant = _judged(row.domain, row.text, lookup, ours, family)
        before, after = meant.passing(), _judged(row.domain, text, lookup, ours, family).passing()
        # Behind a provider's broken record everybody gets an error, whoever is listed there.
        if gained := subtract(subtract(after, before), meant.having(Result.PERMERROR)):
            return WRONG, f"passes and did not: {format_network(to_networks(gained, family)[0], family)}"
        if missing := subtract(before, after):
            lost = format_network(to_networks(missing, family)[0], family)
    if not lost:
        return PROVEN, ""
    # Where ours pass and nothing is proposed, what is left unread is a finding.
    unread = {Code.STRAY_RECORD, Code.REDIRECT_IGNORED}
    named = remedy.remaining or (not remedy.value and any(one.code in unread for one in report.findings))
    return (NAMED, lost) if named else (WRONG, f"no longer passes: {lost}")


def _judged(domain: str, text: str, lookup: Closed, ours: Ours, family: int) -> Partition:
    """What *text*, published at *domain*, says of everybody but us."""
    question = Question(domain, Rtype.TXT)
    answer = Answer(question=question, outcome=Outcome.OK, records=((text.encode("latin-1"),),), ttl=300, resolver="")
    others = subtract(everything(family), ours.allowed[family])
    evaluation = partition(others, family, domain)
    return run(evaluation, lambda asked: answer if asked == question else lookup.cached(asked))
