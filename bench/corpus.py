"""Every domain of the corpus, examined and repaired: what is proven, what is certified, and what pyspf says of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.registry import Table, part
from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import Witness, fetch
from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair import certificates
from spfcheck.audit.repair.case import Case, published_as
from spfcheck.audit.repair.meant import Base, base_of
from spfcheck.audit.report.model import RemedyKind, Report, Status
from spfcheck.audit.second_opinion import hear
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.audit.text.edit import insert, pieces, write
from spfcheck.audit.text.near_miss import near_misses
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import everything, format_address
from spfcheck.rfc7208.record import Result, parse, spf_texts
from tests.made.corpus import CORPUS, INCLUDE, OURS_TEXTS, CorpusLookup, Row, read_corpus
from tests.made.slipped import MANUAL, NAMED, PROVEN, Slips, examine_slips

QUICK = 20
"""Every so many domains, where it has to be quick."""
ROOM = 0.998
"""Of records with room, the share that must get a proven replace (repair, section C)."""
MENDED = 37
"""Of the 54 that do not parse, how many must."""

SLIPS, QUICK_SLIPS, SLIPS_SEED = 10_000, 1_000, 2208
"""Valid records with one slip or two in them."""


@dataclass(slots=True)
class Tally:
    """What came of one run over the corpus."""

    kinds: Counter[str] = field(default_factory=Counter)
    opinions: Counter[str] = field(default_factory=Counter)
    room: int = 0
    room_proven: int = 0
    broken: int = 0
    broken_proven: int = 0
    none_published: int = 0
    wrong: list[str] = field(default_factory=list)
    recounted: int = 0
    recount_differs: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Run:
    """One run: our include costs *cost* lookups."""

    def __init__(self, cost: int, rows: list[Row], includes: dict[str, str], *, every: int, opinion: bool) -> None:
        self._rows = rows[::every]
        self._lookup = CorpusLookup(rows, includes, OURS_TEXTS[cost])
        self._cost = cost
        self._opinion = opinion
        self.tally = Tally()

    async def go(self) -> Tally:
        """Examine every domain."""
        started = time.process_time()
        ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], self._lookup)
        assert ours.ready, ours.reasons
        assert ours.senders[0].cost == self._cost
        for row in self._rows:
            await self._one(row, ours)
        self.tally.seconds = time.process_time() - started
        return self.tally

    async def _one(self, row: Row, ours: Ours) -> None:
        tally = self.tally
        report = await examine(row.domain, self._lookup, ours, opinion=self._opinion)
        name = _class_of(report)
        tally.kinds[name] += 1
        case, needed = await self._case(row, ours)
        certificate = report.remedy.certificate
        if report.remedy.kind is RemedyKind.MANUAL:
            if certificate is None or not certificates.accepts(case, dict(certificate), needed, row.domain):
                tally.wrong.append(f"{row.domain}: certificate refused: {certificate}")
            elif certificate["code"] == "no-room":
                await self._recount(case, report, needed)
        elif report.status is Status.ACTION_NEEDED and report.remedy.kind is RemedyKind.NONE:
            tally.wrong.append(f"{row.domain}: action needed and no remedy")
        proposed = report.remedy.kind in (RemedyKind.PUBLISH, RemedyKind.REPLACE)
        if proposed:
            await self._fixed_point(row, ours, report)
        if self._opinion and (proposed or report.remedy.kind is RemedyKind.NONE):
            opinion = report.opinion
            tally.opinions[opinion.result] += 1
            if opinion.result == "disagrees":
                tally.wrong.append(f"{row.domain}: pyspf disagrees: {opinion.detail}")
        self._count_shares(row, report, proposed)

    def _count_shares(self, row: Row, report: Report, proposed: bool) -> None:
        tally = self.tally
        if not row.text:
            tally.none_published += 1
            return
        if report.remedy.kind is RemedyKind.NONE:
            return
        code = (report.remedy.certificate or {}).get("code", "")
        if code not in ("no-room", "loop"):
            tally.room += 1
            tally.room_proven += proposed
        if not parse(row.text).valid:
            tally.broken += 1
            tally.broken_proven += proposed

    async def _fixed_point(self, row: Row, ours: Ours, report: Report) -> None:
        """I6: with the remedy published, nothing is left to do."""
        after = await examine(row.domain, self._lookup, ours, record=report.remedy.value)
        new = {one.code for one in after.findings if one.severity == "error"} - {
            one.code for one in report.findings if one.severity == "error"
        }
        fine = after.status in (Status.OK, Status.AT_RISK) and after.remedy.kind is RemedyKind.NONE
        # What a record that could not be read includes is first seen when it can be.
        if not fine or (new and parse(row.text).valid):
            self.tally.wrong.append(f"{row.domain}: no fixed point: {after.status} {after.remedy.kind} {new}")

    async def _case(self, row: Row, ours: Ours) -> tuple[Case, tuple[str, ...]]:
        witness = Witness(self._lookup, ceiling=10_000)
        await fetch(row.domain, witness)
        answer = witness.cached(Question(row.domain, Rtype.TXT))
        assert answer is not None
        texts = spf_texts(answer)
        near = () if texts else near_misses(answer.records, ours.names, row.domain)
        lookup = self._lookup

        class Everything(dict[Question, Answer]):
            def get(self, question: Question, _: object = None) -> Answer:  # type: ignore[override]
                return lookup.cached(question)

            def __contains__(self, question: object) -> bool:
                return True

            def __getitem__(self, question: Question) -> Answer:
                return lookup.cached(question)

        case = Case(domain=row.domain, texts=texts, near=near, typed=(), ours=ours, answers=Everything())
        return case, (INCLUDE,)

    async def _recount(self, case: Case, report: Report, needed: tuple[str, ...]) -> None:
        """pyspf, asked about an address that goes all the way, must find the record with ours in it over the limit."""
        base = base_of(case)
        record = base.record if isinstance(base, Base) else parse("v=spf1 ?all")
        least = certificates.least(case, record)
        text = write(least.text, insert(pieces(least), needed, "front"))
        for family in (4, 6):
            found = await self._over(case, report, text, family)
            if found:
                self.tally.recounted += 1
                return
        self.tally.recount_differs.append(f"{case.domain}: {text}")

    async def _over(self, case: Case, report: Report, text: str, family: int) -> bool:
        cells = case.partition(text, everything(family), family, UNLIMITED).cells
        for cell in sorted(cells, key=lambda cell: -cell.lookups)[:4]:
            witness = Witness(self._lookup)
            changed = published_as(case.domain, text)
            witness.answers[changed.question] = changed
            address = format_address(cell.addresses[0][0], family)
            identity = report.identity
            (heard,) = await hear(case.domain, witness, witness.answers, [address], identity.mail_from, identity.helo)
            if heard.theirs == Result.PERMERROR:
                return True
        return False


def _class_of(report: Report) -> str:
    kind = report.remedy.kind
    if kind is RemedyKind.MANUAL:
        return f"manual {(report.remedy.certificate or {}).get('code', '?')}"
    if kind is not RemedyKind.NONE:
        by = "/".join(report.remedy.proof["by"]) if report.remedy.proof else "unproven"
        mended = (
            " mended" if report.remedy.newly_authorised or any("becomes" in one for one in report.remedy.edits) else ""
        )
        return f"{kind} {by}{mended}"
    return f"none ({report.status})"


@part("corpus")
def corpus(quick: bool) -> Table:
    """The table over the corpus; without it, a table that says so."""
    title = "Corpus: 12,710 real domains, by what our include costs"
    if not CORPUS.is_dir():
        return Table(title, ("what", "figure"), [("the corpus is not at ../shared/corpus", "skipped")])
    rows, includes = read_corpus()
    tallies = {
        cost: asyncio.run(Run(cost, rows, includes, every=QUICK if quick else 1, opinion=cost == 1).go())
        for cost in (1, 2, 3)
    }
    slips = asyncio.run(examine_slips(rows, includes, QUICK_SLIPS if quick else SLIPS, SLIPS_SEED))
    names = sorted({name for tally in tallies.values() for name in tally.kinds})
    table = [(name, *(str(tally.kinds[name]) for tally in tallies.values())) for name in names]
    table += [(name, *values) for name, values in _shares(tallies)]
    table += _slips(slips)
    wrong = [line for tally in tallies.values() for line in (*tally.wrong, *tally.recount_differs)]
    return Table(
        title,
        ("what", "c=1", "c=2", "c=3"),
        table,
        ratios={
            "room-proven-over-998": _share(tallies[1].room_proven, tallies[1].room) / ROOM,
            "nothing-wrong": 0.0 if wrong else 1.0,
            "slips-nothing-wrong": 0.0 if slips.wrong else 1.0,
            # A sample has only a few of the 54.
            **({} if quick else {"broken-mended-over-37": tallies[1].broken_proven / MENDED}),
        },
        notes=[
            f"pyspf at c=1: {dict(tallies[1].opinions)}",
            "A slip is proven where every sender passes once the proposal is published, and nobody else does.",
            *_by_kind(slips),
            *wrong[:40],
            *slips.wrong[:40],
            f"{len(wrong) + len(slips.wrong)} lines of complaint",
        ],
    )


def _slips(found: Slips) -> Iterator[tuple[str, ...]]:
    """The rows on slips; they are made with an include that costs one lookup."""
    yield "records with slips", str(sum(found.counts.values())), "", ""
    for outcome in (PROVEN, NAMED, MANUAL):
        yield f"of these {outcome}", f"{100 * found.counts[outcome] / max(1, sum(found.counts.values())):.2f} %", "", ""
    yield "of these wrong", str(len(found.wrong)), "", ""


def _by_kind(found: Slips) -> Iterator[str]:
    """A line for each kind of slip that is not always proven, where it is the only one."""
    for kind, counts in sorted(found.kinds.items(), key=lambda one: one[1][PROVEN] / one[1].total()):
        if counts[PROVEN] < counts.total():
            yield f"{kind}: {', '.join(f'{count} {outcome}' for outcome, count in counts.most_common())}"


def _share(part_of: int, whole: int) -> float:
    return part_of / whole if whole else 1.0


def _shares(tallies: dict[int, Tally]) -> Iterator[tuple[str, list[str]]]:
    every = list(tallies.values())
    yield "examined", [str(sum(tally.kinds.values())) for tally in every]
    yield "text that needs it, with room", [str(tally.room) for tally in every]
    yield "of these proven", [f"{100 * _share(tally.room_proven, tally.room):.2f} %" for tally in every]
    yield "does not parse", [str(tally.broken) for tally in every]
    yield "of these proven", [str(tally.broken_proven) for tally in every]
    yield "publishes nothing", [str(tally.none_published) for tally in every]
    yield "no-room, confirmed by pyspf", [str(tally.recounted) for tally in every]
    yield "no-room, not confirmed", [str(len(tally.recount_differs)) for tally in every]
    yield "CPU seconds", [f"{tally.seconds:.0f}" for tally in every]
