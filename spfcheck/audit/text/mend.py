"""Mends: the one reading of a text that is no valid record, where there is exactly one.

The catalogue is closed (`spfcheck.audit.text.slips`). A text is mended as a whole or not at all: one word with two
possible meanings, or with none that is known, leaves the record to its owner.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from spfcheck.audit.text.apart import together
from spfcheck.audit.text.characters import Marked, plain
from spfcheck.audit.text.glued import term_of
from spfcheck.audit.text.hints import possible, why_unreadable
from spfcheck.audit.text.meanings import WordMeaning, readings, stands
from spfcheck.audit.text.own_names import NAME, NameFacts
from spfcheck.audit.text.slips import Correction, Slip
from spfcheck.audit.text.typos import almost_all
from spfcheck.audit.text.wrapped import begin
from spfcheck.rfc7208.record import ProblemCode, Span, Term, parse

__all__ = ["Mended", "Unclear", "mend"]


@dataclass(frozen=True, slots=True)
class Mended:
    """A text that parses, and how it came about."""

    text: str
    changes: tuple[Correction, ...]


@dataclass(frozen=True, slots=True)
class Unclear:
    """Why there is no single reading: the words, where they stand, what slip they look like, and what they may mean."""

    slip: Slip
    span: Span
    words: str
    readings: tuple[str, ...] = ()


class _NoReading(Exception):  # noqa: N818 - an outcome, not an error
    def __init__(self, slip: Slip, span: Span, readings: Sequence[str] = ()) -> None:
        super().__init__(slip.value)
        self.slip = slip
        self.span = span
        self.readings = tuple(readings)


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of the text, with the part of the original that it stands for."""

    text: str
    span: Span


@dataclass(slots=True)
class _Work:
    original: str
    known: NameFacts
    without_version: bool
    changes: list[Correction] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)
    edges: frozenset[int] = frozenset()
    """Byte offsets at which a space was put: a word that ends there may be half a word."""
    made_end: tuple[int, _Word] | None = None
    """How many terms there were when a mend made an ``all``, and of which word."""


_WRITTEN: Final = re.compile(r"[^ ]+")
_MARKED: Final = re.compile(r"\A[a-z]+[0-9]?[:=]", re.IGNORECASE | re.ASCII)
"""A word that says itself what it is, such as ``ip4:`` or ``redirect=``."""
_ANY_ALL: Final = re.compile(r"[+\-?~ ]all\b", re.IGNORECASE)
_REDIRECT: Final = re.compile(r"redirect[:=][^ ]+", re.IGNORECASE)
"""An ``all`` that is glued to a redirect is none: the redirect would be dead beside it (RFC 7208 6.1)."""


def mend(
    text: str,
    known: NameFacts,
    boundaries: Sequence[int] = (),
    *,
    without_version: bool = False,
    parted: bool = False,
) -> Mended | Unclear:
    """The one reading of *text*, a text that is no valid record, or why there is none.

    *text* is as in `Record.text` (each character one byte). *boundaries* are the byte offsets at which one of its
    character-strings ends and another begins: with a space at each of them it may be read where it cannot without
    (RFC 7208 3.3 joins strings without one). *parted*: only that way. *without_version*: the text is meant as SPF for
    what it holds.
    """
    marked, inside, changes = plain(text)
    offsets = frozenset({*boundaries, *inside})
    spaced = marked.with_spaces(offsets) if offsets else marked
    work = _Work(text, known, without_version, list(changes))
    if spaced.text != marked.text and (parted or not _parses(marked, work)):
        found = _mended(spaced, replace(work, changes=list(changes), terms=[], edges=offsets))
        if isinstance(found, Mended) or parted:
            return found
    return _mended(marked, work)


def _parses(marked: Marked, work: _Work) -> bool:
    """The text is a record once what stands around it is gone."""
    begun = begin(marked, work.original, without_version=work.without_version)
    return begun is not None and parse(f"v=spf1 {begun.rest.text}").valid and bool(begun.rest.text.strip())


def _mended(marked: Marked, work: _Work) -> Mended | Unclear:
    original = work.original
    try:
        begun = begin(marked, original, without_version=work.without_version)
        if begun is None:
            raise _NoReading(Slip.VERSION, Span(0, len(original)))
        work.changes += begun.changes
        if work.edges:
            work.changes.append(Correction(Slip.JOINT, Span(0, 0), "", " "))
        rest = begun.rest
        words = [_Word(match.group(), rest.span(*match.span())) for match in _WRITTEN.finditer(rest.text)]
        _read_all(words, work, has_end=bool(_ANY_ALL.search(" " + _REDIRECT.sub("", rest.text))))
        _once(work)
        return _checked(original, " ".join(["v=spf1", *work.terms]), work)
    except _NoReading as refusal:
        return Unclear(refusal.slip, refusal.span, original[refusal.span.start : refusal.span.stop], refusal.readings)


def _read_all(words: Sequence[_Word], work: _Work, *, has_end: bool) -> None:
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        term = term_of(word.text)
        _certain(word, words[index - 2] if index > 1 else None, work)
        if term is not None and (not _is_touched(word, term, work) or stands(term, work.known)):
            work.terms.append(word.text)
            continue
        joined = _joined(word, words[index : index + 2], work, has_end=has_end)
        if joined is not None:
            index += 1 + (joined[0].span.stop > words[index].span.stop)
            _take(joined[0], joined[1], work)
            continue
        found = readings(word.text, work.known, has_end=has_end)
        if len(found) != 1:
            slip, meant = why_unreadable(word.text), possible(word.text)
            if found:
                slip, meant = found[0].slip, tuple(" ".join(one.terms) for one in found)
            raise _NoReading(slip, word.span, meant)
        if index > 1:
            _hold_to_its_sign(words[index - 2], word, found[0])
        _take(word, found[0], work)
    if work.made_end is not None:
        _nothing_behind(work)


def _is_touched(word: _Word, term: Term, work: _Work) -> bool:
    """A mend changed the word, or put a space behind it: it may be half a word, or two."""
    if term.is_modifier and term.name != "redirect":
        return False
    return word.span.stop in work.edges or work.original[word.span.start : word.span.stop] != word.text


def _certain(word: _Word, before: _Word | None, work: _Work) -> None:
    """Refuse a word that may lack what another one has too much, or that only a look-alike makes deny a sender."""
    whole = term_of(before.text[-1:] + word.text) if before is not None and term_of(word.text) is None else None
    if whole is not None and not whole.is_modifier:
        raise _NoReading(Slip.UNKNOWN_WORD, word.span)
    if before is not None and before.text == "!":
        raise _NoReading(Slip.UNKNOWN_WORD, before.span)  # "not" in other languages: what follows may be denied
    if before is not None and before.text.lower() == "a" and NAME.match(word.text):
        raise _NoReading(Slip.BARE_NAME, word.span, (f"a a:{word.text}", f"a:{word.text}"))
    written = work.original[word.span.start : word.span.start + 1]
    is_end = _is_all(word.text) or almost_all(word.text[1:])
    if word.text[:1] in "-~" and not written.isascii() and not is_end:
        raise _NoReading(Slip.TYPOGRAPHY, word.span)


def _take(word: _Word, reading: WordMeaning, work: _Work) -> None:
    becomes = " ".join(reading.terms)
    work.terms += reading.terms
    work.changes.append(Correction(reading.slip, word.span, work.original[word.span.start : word.span.stop], becomes))
    if reading.terms and _is_all(reading.terms[-1]):
        work.made_end = (len(work.terms), word)


def _is_all(text: str) -> bool:
    return text.lstrip("+-~?").lower() == "all"


def _nothing_behind(work: _Work) -> None:
    """A mend must not end a record in front of a sender that is listed behind it."""
    assert work.made_end is not None
    count, word = work.made_end
    others = [one for one in work.terms[: count - 1] if _is_all(one)]
    for text in work.terms[count:]:
        term = term_of(text)
        if (
            term is not None
            and not term.is_modifier
            and not (term.name == "all" and term.text == work.terms[count - 1])
        ):
            raise _NoReading(Slip.GLUED if others else Slip.ALL_MISSPELT, word.span)


def _joined(word: _Word, following: Sequence[_Word], work: _Work, *, has_end: bool) -> tuple[_Word, WordMeaning] | None:
    """A word, or a sign, parted by a space from what belongs to it."""
    if not following:
        return None
    text, after = word.text, following[0].text
    made = together(text, after)
    if made is None:
        return None
    slip, joined = made
    last = following[0]
    if joined[-1:] in ":=" and len(following) > 1 and (more := together(joined, following[1].text)):
        # A space on both sides of the colon: a sign in front of it belongs to what stands behind it.
        joined, last = more[1], following[1]
    found = readings(joined, work.known, has_end=has_end)
    if len(found) != 1:
        return None
    return _Word(joined, Span(word.span.start, last.span.stop)), WordMeaning(found[0].terms, slip)


def _hold_to_its_sign(before: _Word, word: _Word, found: WordMeaning) -> None:
    """Refuse a bare word behind a term that denies: whether the sign is meant for it too, nobody can tell."""
    sign = before.text[:1]
    if sign == "!" or (sign in "-~?" and not _is_all(before.text) and not almost_all(before.text[1:])):
        bare = not _MARKED.search(word.text) and word.text[:1] not in "+-~?"
        if bare and found.terms and not _is_all(found.terms[-1]):
            meant = " ".join(found.terms)
            denied = f"-{meant}" if sign == "!" else f"{sign}{meant}"
            raise _NoReading(found.slip, word.span, (denied, meant))


def _once(work: _Work) -> None:
    """A redirect or an explanation that is said again word for word says nothing more."""
    seen: set[str] = set()
    for text in list(work.terms):
        if text.lower().startswith(("redirect=", "exp=")):
            if text.lower() in seen:
                at = len(work.terms) - 1 - work.terms[::-1].index(text)
                del work.terms[at]
                work.changes.append(Correction(Slip.REPEATED_MODIFIER, Span(0, 0), text, ""))
            seen.add(text.lower())


def _checked(original: str, mended: str, work: _Work) -> Mended | Unclear:
    # Each term was read by itself; only modifiers look at each other (RFC 7208 6).
    problems = parse(mended).problems
    if problems:
        problem = problems[0]
        slip = Slip.REPEATED_MODIFIER if problem.code is ProblemCode.DUPLICATE_MODIFIER else Slip.UNKNOWN_WORD
        words = mended[problem.span.start : problem.span.stop]
        at = original.find(words) if words else -1
        span = Span(at, at + len(words)) if at >= 0 else Span(0, len(original))
        return Unclear(slip, span, words or original)
    return Mended(mended, tuple(work.changes))
