"""The base of a domain: the text that its owner meant, where there is one (repair, section A)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.naming import AskedNames
from spfcheck.audit.repair.size import hold_texts, too_large
from spfcheck.audit.text.caution import doubt
from spfcheck.audit.text.characters import plain, readable
from spfcheck.audit.text.edits import sentence
from spfcheck.audit.text.heal import dead_names, heal
from spfcheck.audit.text.mend import Unclear, mend
from spfcheck.audit.text.merge import NoMerge, Unmergeable, merge
from spfcheck.audit.text.near_miss import without_version
from spfcheck.audit.text.slips import Correction, Slip
from spfcheck.audit.text.terms import ends_in
from spfcheck.audit.text.wrapped import holds_terms, is_list, may_be_list
from spfcheck.rfc7208.effort import TooLargeError
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Record, Result, Span, parse, select, spf_texts

__all__ = ["Base", "NoBase", "Origin", "base_of", "stray_lists"]


class Origin(StrEnum):
    """Where the base comes from."""

    PUBLISHED = "published"
    MENDED = "mended"
    MERGED = "merged"
    TYPE_SPF = "type-spf"
    MISPLACED = "misplaced"


@dataclass(frozen=True, slots=True)
class Base:
    """The text that the owner meant, a valid record, and what was done to what is published."""

    text: str
    origin: Origin
    edits: tuple[str, ...] = ()
    changes: tuple[Correction, ...] = ()
    beside: tuple[str, ...] = ()
    """Texts that are no SPF record, and whose words are in this one: they go with it."""

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
    meant = case.texts or case.typed or case.near or _misplaced(case)
    if not meant:
        return None
    if len(meant) > 1 and not select([(text,) for text in meant]):
        return NoBase(_no_reading(Span(0, 0), "several-near-misses", ""))
    try:
        hold_texts(meant, case.work)
        if len(meant) == 1:
            return _split(case, meant[0]) or _single(case, meant[0])
        return _several(case, meant)
    except TooLargeError as error:
        return NoBase(too_large(error))


def _misplaced(case: Case) -> tuple[bytes, ...]:
    """The texts that were meant for the domain and stand elsewhere; one that stands at two names is one text."""
    return tuple(dict.fromkeys(text for place in case.places for text in place.texts))


def _single(case: Case, text: bytes) -> Base | NoBase:
    return _read_all(case, (text,))[0]


def _read_all(case: Case, texts: Sequence[bytes]) -> list[Base | NoBase]:
    """What each of *texts* means. Raises `Missing` or `Unanswered` where that hangs on DNS answers."""
    named = AskedNames(case)
    try:
        found = [_read(case, text, named) for text in texts]
    except TooLargeError:
        named.settle()  # what is not known yet may leave less to be read
        raise
    named.settle()
    return found


def _read(case: Case, text: bytes, named: AskedNames) -> Base | NoBase:
    written = text.decode("latin-1")
    if _is_sound(case, written):
        return Base(written, Origin.PUBLISHED)
    record = parse(written)
    boundaries = _boundaries(case, text)
    if record.valid:
        parted = _parted(record, boundaries, named)
        if parted is None:
            healed, changes = heal(record, named, broken=len(case.texts) > 1)
            if not changes:
                return Base(record.text, _origin(case))
            return _healed(case, written, healed, changes)
        return _then_healed(case, written, *parted, named)
    lacking = without_version(text, case.ours.names, case.domain)
    found = mend(record.text, named, boundaries, without_version=lacking)
    if isinstance(found, Unclear):
        return NoBase(_no_reading(found.span, found.slip.value, found.words, found.readings))
    return _then_healed(case, written, found.text, found.changes, named)


def _origin(case: Case) -> Origin:
    """Where a base comes from that stands somewhere just as it is meant."""
    if case.texts:
        return Origin.PUBLISHED
    return Origin.MISPLACED if case.places else Origin.TYPE_SPF


def _is_sound(case: Case, text: str) -> bool:
    """The one record was read as a plain one, whose names all exist, and holds nothing else (`wrongly`)."""
    plain = case.plains.get(text)
    if plain is None or plain.text != text or "=" in text[len("v=") :] or not case.texts:
        return False
    return not plain.voids[4] or not plain.voids[6]


def _parted(
    record: Record, boundaries: tuple[int, ...], named: AskedNames
) -> tuple[str, tuple[Correction, ...]] | None:
    """The record with a space where its strings meet, where it parses without and a name over the joint is dead."""
    if not any(term.span.start < at < term.span.stop for term in dead_names(record, named) for at in boundaries):
        return None
    found = mend(record.text, named, boundaries, parted=True)
    return None if isinstance(found, Unclear) else (found.text, found.changes)


def _boundaries(case: Case, text: bytes) -> tuple[int, ...]:
    """The offsets at which one character-string of *text* ends and the next begins, as it is published."""
    if "strings" not in case.found:
        names = (case.domain, *(place.name for place in case.places))
        answers = [case.answers.get(Question(name, Rtype.TXT)) for name in names]
        held: dict[bytes, tuple[bytes, ...]] = {}
        for answer in answers:
            for one in answer.records if answer is not None else ():
                held.setdefault(b"".join(one), one)
        case.found["strings"] = held
    strings: tuple[bytes, ...] = case.found["strings"].get(text, ())
    found: list[int] = []
    for string in strings[:-1]:
        found.append((found[-1] if found else 0) + len(string))
    return tuple(found)


def _then_healed(
    case: Case, published: str, text: str, changes: tuple[Correction, ...], named: AskedNames
) -> Base | NoBase:
    healed, more = heal(parse(text), named, broken=True)
    return _healed(case, published, healed, (*changes, *more))


def _healed(case: Case, published: str, text: str, changes: tuple[Correction, ...]) -> Base | NoBase:
    found = doubt(published, text, case.ours.names, case.domain, case.work)
    if found is not None:
        slip, words = found
        return NoBase(_no_reading(Span(0, 0), slip.value, words))
    edits = tuple(dict.fromkeys(sentence(change, case.domain) for change in changes))
    return Base(text, Origin.MENDED, edits, changes)


def _split(case: Case, text: bytes) -> Base | NoBase | None:
    """One record split over several TXT: a bare version beside the one text that lists terms."""
    if text.strip(b" ").lower() != b"v=spf1" or not case.texts:
        return None
    if not any(stray_lists(case, lambda one: holds_terms(plain(one)[0].text))):
        return None
    lists = sorted(
        set(stray_lists(case, lambda one: may_be_list(plain(one)[0].text))),
        key=lambda one: (one[-3:].lower() == b"all", one),
    )
    if len(lists) > 1:  # in which order they are meant nobody knows
        found_in = b" | ".join((text.strip(b" "), *lists)).decode("latin-1")
        return NoBase(_no_reading(Span(0, 0), Slip.SPLIT.value, found_in))
    found = _single(case, text.strip(b" ") + b" " + lists[0])
    if isinstance(found, NoBase):
        return found
    shown = readable(lists[0].decode("latin-1"))
    said = (f"“{shown}”, published in a TXT record of its own, becomes a part of this one.", *found.edits)
    change = Correction(Slip.SPLIT, Span(0, 0), "", "")
    return replace(
        found, origin=Origin.MENDED, edits=said, changes=(change, *found.changes), beside=(lists[0].decode("latin-1"),)
    )


def stray_lists(case: Case, is_one: Callable[[str], bool] = is_list) -> Iterator[bytes]:
    """The TXT texts that are lists of terms and no records."""
    answer = case.answers.get(Question(case.domain, Rtype.TXT))
    for strings in answer.records if answer is not None else ():
        text = b"".join(strings)
        if not select([(text,)]) and is_one(text.decode("latin-1")):
            yield text


def _several(case: Case, texts: tuple[bytes, ...]) -> Base | NoBase:
    single = _read_all(case, sorted(texts))
    records: list[Record] = []
    edits: list[str] = []
    changes: list[Correction] = []
    for one in single:
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


def _no_reading(span: Span, reason: str, words: str, readings: tuple[str, ...] = ()) -> dict[str, Any]:
    """The certificate; *words* are shown as they were typed."""
    found = {"code": "no-single-reading", "span": [span.start, span.stop], "reason": reason, "words": readable(words)}
    return found | ({"readings": list(readings)} if readings else {})
