"""The base of a domain: the text that its owner meant, where there is one (repair, section A)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from spfcheck.audit.repair.case import Case, Unanswered
from spfcheck.audit.text.mend import Correction, NameKind, Unclear, mend
from spfcheck.audit.text.merge import NoMerge, Unmergeable, merge
from spfcheck.audit.text.slips import Slip
from spfcheck.audit.text.terms import ends_in
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Record, Result, Span, parse, spf_texts

__all__ = ["Base", "NoBase", "Origin", "base_of", "glued_all"]


class Origin(StrEnum):
    """Where the base comes from."""

    PUBLISHED = "published"
    MENDED = "mended"
    MERGED = "merged"
    TYPE_SPF = "type-spf"


@dataclass(frozen=True, slots=True)
class Base:
    """The text that the owner meant, a valid record, and what was done to what is published."""

    text: str
    origin: Origin
    edits: tuple[str, ...] = ()
    changes: tuple[Correction, ...] = ()

    @property
    def record(self) -> Record:
        """The text, read."""
        return parse(self.text)


@dataclass(frozen=True, slots=True)
class NoBase:
    """Several readings, or none: the certificate that says so (repair I8)."""

    certificate: dict[str, Any]


def base_of(case: Case) -> Base | NoBase | None:
    """What the owner of the domain meant to publish; None where nothing is published.

    Raises `Missing` or `Unanswered` where that hangs on DNS answers.
    """
    if "base" not in case.found:
        case.found["base"] = _base_of(case)
    found: Base | NoBase | None = case.found["base"]
    return found


def _base_of(case: Case) -> Base | NoBase | None:
    meant = case.texts or case.typed or case.near
    if not meant:
        return None
    if len(meant) == 1:
        return _single(case, meant[0])
    if not case.texts and not case.typed:
        return NoBase(_no_reading(Span(0, 0), "several-near-misses", ""))
    return _several(case, meant)


def _single(case: Case, text: bytes) -> Base | NoBase:
    record = parse(text)
    if record.valid:
        glued = glued_all(case, record)
        if glued is not None:
            return glued
        origin = Origin.PUBLISHED if case.texts else Origin.TYPE_SPF
        return Base(record.text, origin)
    return _mended(case, record)


def _mended(case: Case, record: Record) -> Base | NoBase:
    found = mend(record.text, lambda name: name_kind(case, name))
    if isinstance(found, Unclear):
        return NoBase(_no_reading(found.span, found.slip.value, found.words))
    edits = tuple(_edit(change) for change in found.changes)
    return Base(found.text, Origin.MENDED, edits, found.changes)


def _edit(change: Correction) -> str:
    if not change.becomes:
        return f"“{change.words}” is dropped ({change.slip.value})."
    return f"“{change.words}” becomes “{change.becomes}” ({change.slip.value})."


def _several(case: Case, texts: tuple[bytes, ...]) -> Base | NoBase:
    records: list[Record] = []
    edits: list[str] = []
    changes: list[Correction] = []
    for text in sorted(texts):
        one = _single(case, text)
        if isinstance(one, NoBase):
            return one
        records.append(one.record)
        edits.extend(one.edits)
        changes.extend(one.changes)
    merged = merge(records, case.domain, case.ours.names, lambda target: _ends_of(case, target))
    if isinstance(merged, NoMerge):
        if merged.why is Unmergeable.PASS_ALL:
            return NoBase({"code": "pass-all-in-broken-record", "term": merged.words})
        return NoBase(_no_reading(Span(0, 0), merged.why.value, merged.words))
    return Base(merged.text, Origin.MERGED, (*edits, *merged.changes), tuple(changes))


def _ends_of(case: Case, target: str) -> Result | None:
    """What the record of a redirect's target says of everyone else; None where it has no usable one."""
    texts = spf_texts(case.sure(Question(target, Rtype.TXT)))
    if len(texts) != 1:
        return None
    record = parse(texts[0])
    return ends_in(record) if record.valid else None


def name_kind(case: Case, name: str) -> NameKind:
    """What stands behind a bare name; asks for both at once."""
    questions = [Question(name, rtype) for rtype in (Rtype.TXT, Rtype.A, Rtype.AAAA)]
    case.need(*questions)
    answers = [case.sure(question) for question in questions]
    spf = len(spf_texts(answers[0])) == 1
    address = bool(answers[1].records or answers[2].records)
    if spf:
        return NameKind.BOTH if address else NameKind.SPF
    return NameKind.ADDRESS if address else NameKind.NEITHER


def glued_all(case: Case, record: Record) -> Base | None:
    """The reading of ``include:x.com-all``, a valid name that nobody meant, where it has only one.

    It applies where ``x.com`` publishes SPF, the glued name does not exist, and nothing else ends the record.
    """
    if record.all_term is not None or record.redirect is not None or not record.terms:
        return None
    last = record.terms[-1]
    target = last.target or ""
    if last.name != "include" or last.is_modifier or not target.endswith("-all"):
        return None
    plain = target.removesuffix("-all")
    questions = (Question(target, Rtype.TXT), Question(plain, Rtype.TXT))
    case.need(*questions)
    try:
        glued, meant = (case.sure(question) for question in questions)
    except Unanswered:
        return None
    if not glued.nxdomain or len(spf_texts(meant)) != 1:
        return None
    words = last.text
    becomes = f"{words[: -len('-all')]} -all"
    text = record.text[: last.span.start] + becomes + record.text[last.span.stop :]
    change = Correction(Slip.GLUED, last.span, words, becomes)
    return Base(text.rstrip(" "), Origin.MENDED, (_edit(change),), (change,))


def _no_reading(span: Span, reason: str, words: str) -> dict[str, Any]:
    return {"code": "no-single-reading", "span": [span.start, span.stop], "reason": reason, "words": words}
