"""Every domain of the corpus, examined and repaired: what is proven, what is certified, and what pyspf says of it.

The corpus has texts only. Addresses, mail hosts and missing includes are made up here, always the same for a name: an
include that is not in the corpus answers ``v=spf1 ?all``, a host has an address of each family in documentation ranges.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.registry import Table, part
from spfcheck.audit import manual
from spfcheck.audit.base import Base, base_of
from spfcheck.audit.case import Case, published_as
from spfcheck.audit.edit import insert, pieces, write
from spfcheck.audit.examine import examine, prepare
from spfcheck.audit.names import domain_name
from spfcheck.audit.near import near_misses
from spfcheck.audit.opinion import hear
from spfcheck.audit.report import RemedyKind, Report, Status
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.audit.walk import Witness, fetch, spf_texts
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import everything, format_address
from spfcheck.rfc7208.record import Result, parse

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
INCLUDE = "_spf.mail.example"
OURS_TEXTS = {
    1: {INCLUDE: "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all"},
    2: {
        INCLUDE: "v=spf1 include:a._spf.mail.example -all",
        "a._spf.mail.example": "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all",
    },
    3: {
        INCLUDE: "v=spf1 include:a._spf.mail.example include:b._spf.mail.example -all",
        "a._spf.mail.example": "v=spf1 ip4:203.0.113.0/24 -all",
        "b._spf.mail.example": "v=spf1 ip6:2001:db8:5::/48 -all",
    },
}
"""Our include, by what it costs a customer."""
QUICK = 20
"""Every so many domains, where it has to be quick."""
ROOM = 0.998
"""Of records with room, the share that must get a proven replace (repair, section C)."""
MENDED = 37
"""Of the 54 that do not parse, how many must."""


@dataclass(frozen=True, slots=True)
class Row:
    """One domain of the corpus."""

    domain: str
    mx: tuple[str, ...]
    text: str


def read_corpus(folder: Path = CORPUS) -> tuple[list[Row], dict[str, str]]:
    """The domains and the include targets; raises `FileNotFoundError` where the corpus is not there."""
    with gzip.open(folder / "domains.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [Row(domain_name(row["domain"]), tuple(row["mx"].split()), row["spf"]) for row in csv.DictReader(file)]
    with gzip.open(folder / "includes.csv.gz", "rt", encoding="utf-8", newline="") as file:
        includes = {row["name"].lower(): row["spf"] for row in csv.DictReader(file)}
    return rows, includes


class CorpusLookup:
    """A `Lookup` over the corpus, with what it lacks made up."""

    def __init__(self, rows: list[Row], includes: dict[str, str], ours: dict[str, str]) -> None:
        self._texts = {**includes, **ours}
        self._domains = {row.domain: row for row in rows}
        self._answers: dict[Question, Answer] = {}

    def cached(self, question: Question) -> Answer:
        """What the corpus says, or what is made up."""
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = self._answer(question)
        return answer

    async def ask(self, question: Question) -> Answer:
        """The same."""
        return self.cached(question)

    def publish(self, domain: str, text: str) -> None:
        """From now on *text* is the record of *domain*."""
        answer = published_as(domain, text)
        self._answers[answer.question] = answer

    def _answer(self, question: Question) -> Answer:
        name, rtype = question
        if rtype is Rtype.TXT:
            text = self._text(name)
            return published_as(name, parse(text).text) if text else _none(question)
        if rtype is Rtype.MX:
            row = self._domains.get(name)
            hosts = row.mx if row is not None else (f"mx.{name}",)
            return _some(question, tuple((10, host) for host in hosts)) if hosts else _none(question)
        if rtype in (Rtype.A, Rtype.AAAA) and not _MADE_BY_MACRO.search(name):
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
            if rtype is Rtype.A:
                # 192.0.2.0/24 and 198.51.100.0/24 (RFC 5737); ours is the third of them.
                return _some(question, ((0xC0000200 if number & 256 else 0xC6336400) | number & 255,))
            return _some(question, (0x20010DB8_0001 << 80 | number,))
        return _none(question)

    def _text(self, name: str) -> str:
        row = self._domains.get(name)
        if name in self._texts:
            return self._texts[name]
        if row is not None:
            return row.text
        return "" if name.startswith("spfcheck-") else "v=spf1 ?all"


# What macros make of an address is no host that the corpus knows of.
_MADE_BY_MACRO = re.compile(r"(?:^|\.)_|^\d+\.\d+\.|^[0-9a-f]\.[0-9a-f]\.")


def _some(question: Question, records: tuple[object, ...]) -> Answer:
    return Answer(question=question, outcome=Outcome.OK, records=records, ttl=300, resolver="corpus")


def _none(question: Question) -> Answer:
    return Answer(question=question, outcome=Outcome.NODATA, ttl=300, resolver="corpus", soa_seen=True)


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
            if certificate is None or not manual.accepts(case, dict(certificate), needed, row.domain):
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
        near = () if texts else near_misses(answer.records)
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
        least = manual.least(case, record)
        text = write(least, insert(pieces(least), needed, "front"))
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
    names = sorted({name for tally in tallies.values() for name in tally.kinds})
    table = [(name, *(str(tally.kinds[name]) for tally in tallies.values())) for name in names]
    table += [(name, *values) for name, values in _shares(tallies)]
    wrong = [line for tally in tallies.values() for line in (*tally.wrong, *tally.recount_differs)]
    return Table(
        title,
        ("what", "c=1", "c=2", "c=3"),
        table,
        ratios={
            "room-proven-over-998": _share(tallies[1].room_proven, tallies[1].room) / ROOM,
            "nothing-wrong": 0.0 if wrong else 1.0,
            # A sample has only a few of the 54.
            **({} if quick else {"broken-mended-over-37": tallies[1].broken_proven / MENDED}),
        },
        notes=[f"pyspf at c=1: {dict(tallies[1].opinions)}", *wrong[:40], f"{len(wrong)} lines of complaint"],
    )


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
