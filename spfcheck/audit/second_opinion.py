"""The second opinion: the same DNS answers, judged by pyspf, one address after the other.

It is asked beside a finished report and never changes what that says: the report's own evidence is what both engines
judge, so it does not matter by which way the report was made, or when. Every difference is one of logic then; a name
that was not recorded, or an exception of pyspf's, means that it has no opinion. Its known defects have names: such a
difference says nothing against a record, and still keeps a message from being sent. pyspf knows no bound of work and
keeps its DNS function in a global, so it runs in processes of its own (`spfcheck.processes`); one that is cut short has
no opinion.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cache
from typing import Any

from spfcheck.audit.fetch import Witness
from spfcheck.audit.judgement.networks import FAMILIES, PARTIAL
from spfcheck.audit.repair.case import Case, Missing, published_as
from spfcheck.audit.report.evidence import answer_of, evidence_of
from spfcheck.audit.report.model import Evidence, Opinion, RemedyKind, Report, SenderNetwork, Status
from spfcheck.audit.senders import Ours
from spfcheck.processes import Bounds, CutBy, CutShortError, JobError, JobProcesses
from spfcheck.resolver.drive import drive
from spfcheck.resolver.types import Answer, Lookup, Outcome
from spfcheck.rfc7208.evaluate import check_host, partition
from spfcheck.rfc7208.limits import STRICT, UNLIMITED
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.message import client
from spfcheck.rfc7208.message import identity as split_identity
from spfcheck.rfc7208.ranges import Ranges, contains, everything, format_address, subtract
from spfcheck.rfc7208.record import Record, Result, parse, spf_texts
from spfcheck.rfc7208.verdict import Partition

__all__ = [
    "ENGINE",
    "Defect",
    "Heard",
    "completed",
    "defects_of",
    "engines",
    "hear",
    "judged_by_pyspf",
    "load_pyspf",
    "opinion_on",
    "stay_in_this_process",
    "with_opinion",
]

ENGINE = "pyspf"
MOST_ADDRESSES = 64
"""Addresses of one family that are asked about (repair, section A)."""
BOUNDS = Bounds(cpu=2.0, seconds=10.0, waiting=10.0)
"""After which pyspf has no opinion: it takes milliseconds for a report, and half a second to be loaded."""


class Defect(StrEnum):
    """What pyspf is known to do differently, by name."""

    REDIRECT_CASE = "redirect-case"
    """``REDIRECT=`` in capitals is taken for an unknown modifier."""
    REDIRECT_COUNTED = "redirect-counted"
    """A redirect counts as a lookup where it stands, also beside ``all`` and when a mechanism matches."""
    MODIFIER_REPEATED = "modifier-repeated"
    """Any modifier that stands twice is an error; RFC 7208 6 says so of redirect and exp only."""
    MACRO_ZERO = "macro-zero"
    """``%{d0}`` is accepted."""
    SELF_INCLUDE = "self-include"
    """A record that includes itself is an error at once, even if another term matches first."""
    LINE_BREAK = "line-break"
    """A line break at the end of a term is overlooked."""
    MX_AT_ONCE = "mx-at-once"
    """All hosts of an ``mx`` are asked for before any is compared, so void ones behind a match count."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What both engines say of one address; *theirs* is empty where pyspf has no opinion, and *why* says why."""

    address: str
    ours: str
    theirs: str
    why: str = ""
    reported: str = ""
    """What the report says of the network that the address lies in, where it says one thing of all of it."""

    @property
    def contradicted(self) -> str:
        """What we say that pyspf contradicts, the report first; empty where it does not."""
        said = [one for one in (self.reported, self.ours) if one]
        return next((one for one in said if self.theirs and one != self.theirs), "")


class _UnrecordedError(Exception):
    """pyspf asks for a name of which no answer is recorded."""


@cache
def _engines(process: int) -> JobProcesses:
    del process  # one that was forked has none of its parent's threads
    return JobProcesses("opinion", 1, BOUNDS)


def engines() -> JobProcesses:
    """The processes in which pyspf runs; one, unless `number` says more."""
    return _engines(os.getpid())


class _Engine:
    """pyspf with recorded answers in place of its DNS; it does one thing at a time."""

    def __init__(self) -> None:
        import spf  # noqa: PLC0415 - loaded only where it is asked

        self._spf = spf
        self.answers: Mapping[Question, Answer] = {}

        class Query(spf.query):  # type: ignore[misc]
            """A query that treats explanations as absent: they have no part in a result."""

            def get_explanation(self, spec: str) -> None:
                """No explanation."""

        self._query = Query

    def _lookup(self, name: str, qtype: str, *_: Any) -> list[tuple[tuple[str, str], Any]]:
        answer = self.answers.get(Question(name.lower().removesuffix("."), Rtype[qtype]))
        if answer is None:
            raise _UnrecordedError(f"{name} {qtype}")
        if answer.failed:
            raise self._spf.TempError(f"DNS {answer.outcome.value}")
        return [((name, qtype), _as_pyspf(qtype, item)) for item in answer.records]

    def judge(self, address: str, sender: str, helo: str) -> tuple[str, str]:
        """The result for one address, or an empty text and why there is none."""
        # Set each time: whoever else uses pyspf in this process sets the same global.
        self._spf.DNSLookup = self._lookup
        try:
            result, _, _ = self._query(address, sender, helo).check()
        except _UnrecordedError as missing:
            return "", f"no answer is recorded for {missing}"
        except MemoryError:
            raise  # its process is at an end
        except Exception as error:  # noqa: BLE001 - whatever pyspf raises means that it has no opinion
            return "", type(error).__name__
        return str(result), ""


@cache
def _engine() -> _Engine:
    return _Engine()


def _as_pyspf(qtype: str, item: Any) -> Any:
    if qtype in ("A", "AAAA"):
        return format_address(item, 4 if qtype == "A" else 6)
    if qtype == "TXT":
        return list(item)
    return item


def load_pyspf(_: object) -> None:
    """Have a process ready: loading pyspf takes longer than asking it."""
    _engine()


def judged_by_pyspf(
    _: object, answers: Mapping[Question, Answer], addresses: Sequence[str], sender: str, helo: str
) -> list[tuple[str, str]]:
    """What pyspf says of each of *addresses*, or why it says nothing; run in a process of its own."""
    engine = _engine()
    engine.answers = answers
    try:
        return [engine.judge(address, sender, helo) for address in addresses]
    finally:
        engine.answers = {}


async def hear(
    domain: str, lookup: Lookup, answers: Mapping[Question, Answer], addresses: Iterable[str], sender: str, helo: str
) -> list[Heard]:
    """What both engines say of each of *addresses*, from the same answers.

    *lookup* must put what it answers into *answers*: our engine asks first, so that pyspf finds what it needs.
    """
    wanted = list(addresses)
    mine = [await drive(check_host(address, domain, sender, helo), lookup) for address in wanted]
    theirs = await _theirs(domain, dict(answers), wanted, sender, helo)
    return [
        Heard(address, verdict.result.value, result, why)
        for address, verdict, (result, why) in zip(wanted, mine, theirs, strict=True)
    ]


async def _theirs(
    domain: str, answers: dict[Question, Answer], addresses: list[str], sender: str, helo: str
) -> Sequence[tuple[str, str]]:
    """What pyspf says of each of *addresses*, within its bounds."""
    if _Place.here:
        return judged_by_pyspf(None, answers, addresses, sender, helo)
    function = f"{__name__}:{judged_by_pyspf.__name__}"
    try:
        said: Sequence[tuple[str, str]] = await engines().run(function, answers, addresses, sender, helo, about=domain)
    except CutShortError as cut:
        return [("", _silence(cut.why))] * len(addresses)
    except JobError as error:
        return [("", str(error))] * len(addresses)
    return said


def stay_in_this_process() -> None:
    """Have pyspf run in this process from now on: it is one that has bounds already."""
    _Place.here = True


class _Place:
    here = False


def _silence(why: CutBy) -> str:
    bounds = engines().bounds
    if why is CutBy.CPU:
        return f"{ENGINE} has not come to an end within {bounds.cpu:g} s of processor time"
    if why is CutBy.MEMORY:
        return f"{ENGINE} wants more memory than it may have"
    if why is CutBy.ENDED:
        return f"the process of {ENGINE} ended"
    return f"{ENGINE} has not answered within {bounds.seconds if why is CutBy.TIME else bounds.waiting:g} s"


async def completed(report: Report, lookup: Lookup, ours: Ours) -> Report:
    """*report* with pyspf's opinion and what that rests on; as it is where our senders are not ready.

    *lookup* answers what neither the report nor *ours* has asked, such as the names of a proposed record.
    """
    if not ours.ready:
        return report
    witness = _witness_of(report, lookup)
    return with_opinion(report, await opinion_on(report, witness, ours), witness.answers)


async def opinion_on(report: Report, witness: Witness, ours: Ours) -> Opinion:
    """pyspf's opinion on the record of *report* and, where one is proposed, on the repair.

    *witness* has the answers that the report rests on, and remembers what is asked beyond them.
    """
    sender, helo = report.identity.mail_from, report.identity.helo
    domain, remedy = split_identity(sender, helo).domain, report.remedy
    parts = {
        family: await drive(partition(ours.sending[family], family, domain, sender, helo, policy=STRICT), witness)
        for family in FAMILIES
        if ours.sending[family]
    }
    heard_today = await hear(domain, witness, witness.answers, _ours_addresses(ours, parts), sender, helo)
    today = _reported(heard_today, report.senders, ours)
    heard = list(today)
    records = _records(witness.answers)
    repaired: list[Heard] = []
    if remedy.kind in (RemedyKind.PUBLISH, RemedyKind.REPLACE):
        overlay = Witness(witness)
        changed = published_as(domain, remedy.value)
        overlay.answers.update(witness.answers)
        overlay.answers[changed.question] = changed
        addresses = [*_ours_addresses(ours, {}), *_other_addresses(domain, remedy.value, ours, overlay.answers)]
        repaired = await hear(domain, overlay, overlay.answers, addresses, sender, helo)
        heard += repaired
        records = [*records, (domain, parse(remedy.value))]
    return _opinion(heard, today, repaired, records, report.status)


def with_opinion(report: Report, opinion: Opinion, answers: Mapping[Question, Answer]) -> Report:
    """*report* with *opinion*, and with those of *answers* as evidence that it does not rest on yet."""
    evidence = {_question_of(one): one for one in report.evidence}
    beyond = [answer for question, answer in answers.items() if question not in evidence]
    evidence.update((answer.question, evidence_of(answer)) for answer in beyond)
    ends = [(answer.received_at or report.checked_at) + answer.ttl for answer in beyond]
    return replace(
        report,
        opinion=opinion,
        evidence=tuple(evidence[question] for question in sorted(evidence)),
        # One that was refused over a ceiling stands in the evidence, and nobody asked it.
        questions=report.questions + sum(answer.outcome is not Outcome.LIMITED for answer in beyond),
        stale=report.stale or any(answer.stale for answer in beyond),
        expires_at=min([report.expires_at, *ends]),
    )


def _witness_of(report: Report, lookup: Lookup) -> Witness:
    """A witness that has the answers of *report*, and asks *lookup* for others."""
    witness = Witness(lookup)
    for one in report.evidence:
        answer = answer_of({field.name: getattr(one, field.name) for field in fields(one)})
        witness.answers[answer.question] = answer
        witness.limited = witness.limited or answer.outcome is Outcome.LIMITED
    return witness


def _question_of(one: Evidence) -> Question:
    return Question(one.name, Rtype[one.type])


def _reported(heard: Iterable[Heard], said: Sequence[SenderNetwork], ours: Ours) -> list[Heard]:
    """*heard*, each with what the report says of it: both engines may agree, and the report be wrong."""
    networks = [network for sender in ours.senders for network in sender.networks]
    known = [
        (of.family, of.ranges, one.result) for one, of in zip(said, networks, strict=True) if one.result != PARTIAL
    ]
    found: list[Heard] = []
    for one in heard:
        family, address = client(one.address)
        results = (result for of, ranges, result in known if of == family and contains(ranges, address))
        found.append(replace(one, reported=next(results, "")))
    return found


def _opinion(
    heard: list[Heard], today: list[Heard], repaired: list[Heard], records: list[tuple[str, Record]], status: Status
) -> Opinion:
    different = [one for one in heard if one.contradicted]
    silent = [one for one in heard if not one.theirs]
    if different:
        one = different[0]
        defects = defects_of(records, one)
        detail = f"{one.address}: {one.contradicted} here, {one.theirs} by {ENGINE}"
        if defects:
            shown = ", ".join(defects)
            return Opinion(engine=ENGINE, asked=True, result="known-defect", agrees=False, detail=f"{detail} ({shown})")
        return Opinion(engine=ENGINE, asked=True, result="disagrees", agrees=False, detail=detail)
    if silent or not heard:
        detail = f"{silent[0].address}: {silent[0].why}" if silent else "no address to ask about"
        return Opinion(engine=ENGINE, asked=True, result="no-opinion", agrees=None, detail=detail)
    broken = any(one.theirs != Result.PASS for one in today)
    return Opinion(
        engine=ENGINE,
        asked=True,
        result="agrees",
        agrees=True,
        detail=f"{len(heard)} addresses",
        may_message=broken and bool(repaired) and status is Status.ACTION_NEEDED,
    )


def _ours_addresses(ours: Ours, parts: Mapping[int, Partition]) -> list[str]:
    """One address of each cell of *parts*, and both ends of each network of ours."""
    found: list[str] = []
    for family in FAMILIES:
        mine: list[int] = []
        if family in parts:
            mine += [cell.addresses[0][0] for cell in parts[family].cells]
        for low, high in ours.sending[family]:
            mine += [low, high]
        found += _texts(mine, family)
    return found


def _texts(addresses: list[int], family: int) -> list[str]:
    return [format_address(address, family) for address in dict.fromkeys(addresses)][:MOST_ADDRESSES]


def _other_addresses(domain: str, text: str, ours: Ours, answers: Mapping[Question, Answer]) -> list[str]:
    """One address of each cell of the proposed record that is not ours, and the neighbours of its ends."""
    case = Case(domain=domain, texts=(), near=(), typed=(), ours=ours, answers=answers)
    found: list[str] = []
    for family in FAMILIES:
        others: Ranges = subtract(everything(family), ours.allowed[family])
        highest = everything(family)[0][1]
        mine: list[int] = []
        try:
            cells = case.partition(text, others, family, UNLIMITED).cells
        except Missing:  # without the limits it goes further than anybody has asked
            continue
        for cell in cells:
            if cell.depends:
                continue
            for low, high in cell.addresses[:4]:
                mine += [low, max(low - 1, 0), high, min(high + 1, highest)]
        found += _texts(mine, family)
    return found


def _records(answers: Mapping[Question, Answer]) -> list[tuple[str, Record]]:
    """Every record that the evaluation may have read."""
    return [
        (answer.question.name, parse(text))
        for answer in answers.values()
        if answer.question.rtype is Rtype.TXT
        for text in spf_texts(answer)
    ]


def defects_of(records: Iterable[tuple[str, Record]], one: Heard) -> list[Defect]:
    """The known defects of pyspf that explain a difference on *records*, each with the name where it stands."""
    found: set[Defect] = set()
    for name, record in records:
        modifiers = [term for term in record.terms if term.is_modifier]
        names = [term.name for term in modifiers]
        redirect = record.redirect
        if redirect is not None and not redirect.text.startswith("redirect="):
            found.add(Defect.REDIRECT_CASE)
        if redirect is not None and one.theirs == Result.PERMERROR:
            found.add(Defect.REDIRECT_COUNTED)
        if len(set(names)) < len(names) and record.valid and one.theirs == Result.PERMERROR:
            found.add(Defect.MODIFIER_REPEATED)
        if any("0}" in term.text and "%{" in term.text for term in record.terms):
            found.add(Defect.MACRO_ZERO)
        if one.theirs == Result.PERMERROR and any(
            term.target == name for term in record.terms if term.name == "include"
        ):
            found.add(Defect.SELF_INCLUDE)
        if "\n" in record.text and one.ours == Result.PERMERROR:
            found.add(Defect.LINE_BREAK)
        if any(term.name == "mx" and not term.is_modifier for term in record.terms) and one.theirs == Result.PERMERROR:
            found.add(Defect.MX_AT_ONCE)
    return sorted(found)
