"""Mends: the one reading of a record that cannot be read, where there is exactly one.

The catalogue is closed (`spfcheck.audit.text.slips`). A text is mended as a whole or not at all: one term with two
possible meanings, or with none that is known, leaves the record to its owner.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from spfcheck.audit.text.slips import Slip
from spfcheck.rfc7208.record import ProblemCode, Span, Term, parse

__all__ = ["Correction", "Mended", "NameKind", "Unclear", "mend", "slip_at"]


class NameKind(StrEnum):
    """What stands behind a bare name in a record: that decides which word was left out."""

    SPF = "spf"
    ADDRESS = "address"
    BOTH = "both"
    NEITHER = "neither"
    UNKNOWN = "unknown"
    """The DNS was not asked, or did not answer."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One slip that was mended: the words as published, where they stand, and what they became (empty: dropped)."""

    slip: Slip
    span: Span
    words: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Mended:
    """A text that parses, and how it came about."""

    text: str
    changes: tuple[Correction, ...]


@dataclass(frozen=True, slots=True)
class Unclear:
    """Why there is no single reading: the words, where they stand, and the slip that they look like."""

    slip: Slip
    span: Span
    words: str


class _NoReading(Exception):  # noqa: N818 - an outcome, not an error
    def __init__(self, slip: Slip, span: Span | None = None) -> None:
        super().__init__(slip.value)
        self.slip = slip
        self.span = span


@dataclass(slots=True)
class _Word:
    """One word of the text, with the part of the original that it stands for."""

    text: str
    span: Span


@dataclass(slots=True)
class _Work:
    names: Callable[[str], NameKind]
    has_all: bool
    changes: list[Correction] = field(default_factory=list)


_DASHES: Final = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\x96\x97", "-")
_QUOTES: Final = dict.fromkeys("\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\x91\x92\x93\x94", "")
_SPACES: Final = dict.fromkeys(
    "\t\r\n\x0b\x0c\u00a0\u1680\u2000\u2001\u2002\u2003\u2007\u2009\u200a\u202f\u205f\u3000", " "
)
_NOTHING: Final = dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", "")
_LOOK_ALIKES: Final = {**_DASHES, **_QUOTES, **_SPACES, **_NOTHING}

_ASCII_LOOK_ALIKES: Final = frozenset(char for char in _LOOK_ALIKES if char.isascii())

_SLIP_OF_CHARACTER: Final = {
    **dict.fromkeys(_DASHES, Slip.TYPOGRAPHY),
    **dict.fromkeys(_QUOTES, Slip.QUOTES),
    **dict.fromkeys(_SPACES, Slip.TYPOGRAPHY),
    **dict.fromkeys("\t\r\n\x0b\x0c", Slip.CONTROL),
    **dict.fromkeys(_NOTHING, Slip.TYPOGRAPHY),
}

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}(?:/(?:3[0-2]|[12]?[0-9]))?\Z", re.ASCII)
_IP6_PREFIX: Final = re.compile(r"(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])\Z", re.ASCII)
_NAME: Final = re.compile(
    r"(?=.*[a-z])[a-z0-9_](?:[a-z0-9_\-.]*[a-z0-9])?\.[a-z][a-z0-9\-]*[a-z0-9]\.?\Z", re.IGNORECASE | re.ASCII
)
_new: Final = tuple.__new__  # what a named tuple's own constructor ends in
_WRITTEN: Final = re.compile(r"[^ ]+")
_PUNCTUATION: Final = re.compile(r"[,;](?![^{}]*\})")
_ANY_ALL: Final = re.compile(r"[+\-?~\s]all\b", re.IGNORECASE)
_VERSION: Final = re.compile(r"v=spf1", re.IGNORECASE | re.ASCII)
_PASTED: Final = r"_?[a-z0-9_\-]*(?:verification|MS)=\S*"
_ALL_WITH_TOKEN: Final = re.compile(rf"(?P<all>[+\-?~]all)(?P<token>{_PASTED})\Z", re.IGNORECASE | re.ASCII)
# Where a second term begins inside a word: a known word with its colon, or a signed "all" that ends the word.
_GLUE: Final = re.compile(
    rf"(?<=.)(?=[+\-?~]?(?:ip4|ip6|include|redirect=)[:=]?)|(?<=.)(?=[+\-?~]all(?:{_PASTED})?\Z)",
    re.IGNORECASE | re.ASCII,
)
_WORD: Final = re.compile(
    r"(?P<sign>[+\-?~]?)(?P<word>[a-z0-9]+)(?P<colon>[:=])(?P<rest>.*)\Z", re.IGNORECASE | re.ASCII
)
_NETWORK_WORDS: Final = frozenset({"ip4", "ip6", "ipv4", "ipv6", "ip"})
_NAME_WORDS: Final = frozenset({"a", "mx", "include"})
_STARTS_A_TERM: Final = re.compile(
    r"[+\-?~]|(?:ip4|ip6|ipv4|ipv6|ip|include|exists|ptr|a|mx|redirect|exp|v)[:=]|(?:a|mx|ptr|all)\Z|(?:a|mx)/",
    re.IGNORECASE | re.ASCII,
)

WIDEST_V4: Final = 16
"""A mended ip4 term is never wider: a slip must not come to authorise half the Internet."""
WIDEST_V6: Final = 32
"""The same for ip6."""


def mend(text: str, names: Callable[[str], NameKind]) -> Mended | Unclear:
    """The one reading of *text*, a record that is no valid one, or where there is none.

    *text* is as in `Record.text` (each character one byte). *names* tells what stands behind a bare name.
    """
    right = {term.text for term in parse(text).terms if term.valid}
    work = _Work(names, bool(_ANY_ALL.search(text)))
    readable, origin = _as_characters(text)
    try:
        words = _words(readable, origin, text, work)
    except _NoReading as refusal:
        span = refusal.span or Span(0, len(text))
        return Unclear(refusal.slip, span, text[span.start : span.stop])
    terms: list[str] = []
    queue = deque(words)
    while queue:
        word = queue.popleft()
        if word.text in right and not _PUNCTUATION.search(word.text):
            terms.append(word.text)
            continue
        following = queue[0] if queue else None
        try:
            made, joined = _read(word, following, work)
        except _NoReading as refusal:
            return Unclear(refusal.slip, word.span, text[word.span.start : word.span.stop])
        if joined and following is not None:
            queue.popleft()
            word = _Word(word.text, Span(word.span.start, following.span.stop))
        terms.extend(made)
    return _checked(text, " ".join(["v=spf1", *terms]), work)


def _checked(original: str, mended: str, work: _Work) -> Mended | Unclear:
    # Each term was read by itself; only modifiers look at each other (RFC 7208 6).
    problems = parse(mended).problems if "=" in mended[len("v=") :] else ()
    if problems:
        problem = problems[0]
        slip = Slip.REPEATED_MODIFIER if problem.code is ProblemCode.DUPLICATE_MODIFIER else Slip.UNKNOWN_WORD
        words = mended[problem.span.start : problem.span.stop]
        at = original.find(words) if words else -1
        span = Span(at, at + len(words)) if at >= 0 else Span(0, len(original))
        return Unclear(slip, span, words or original)
    return Mended(mended, tuple(work.changes))


def slip_at(text: str, span: Span) -> Slip | None:
    """The slip that the fault at *span* of *text* looks like, for its hint; None for none that is known."""
    begin = text.rfind(" ", 0, span.start) + 1
    end = text.find(" ", max(span.stop, begin))
    end = len(text) if end < 0 else end
    word, _ = _as_characters(text[begin:end])
    bad = next((char for char in word if char in _LOOK_ALIKES), None)
    if bad is not None:
        return _SLIP_OF_CHARACTER[bad]
    rest, _ = _as_characters(text[end:])
    following = next((part for part in rest.split(" ") if part), None)
    work = _Work(lambda _: NameKind.UNKNOWN, has_all=True)
    position = Span(0, len(word))
    try:
        _read(_Word(word, position), _Word(following, position) if following else None, work)
    except _NoReading as refusal:
        return refusal.slip
    return work.changes[0].slip if work.changes else None


def _as_characters(text: str) -> tuple[str, list[int]]:
    """The characters that the bytes mean (UTF-8, else one character a byte), and at which byte each begins."""
    if text.isascii():
        return text, list(range(len(text) + 1))
    raw = text.encode("latin-1")
    try:
        characters = raw.decode("utf-8")
    except UnicodeDecodeError:
        return text, list(range(len(text) + 1))
    origin = [0]
    for char in characters:
        origin.append(origin[-1] + len(char.encode("utf-8")))
    return characters, origin


def _words(text: str, origin: list[int], original: str, work: _Work) -> list[_Word]:
    """The words after the version, look-alike characters replaced; `_NoReading` where the text is not meant as SPF."""
    if text.isascii() and text.isprintable() and _ASCII_LOOK_ALIKES.isdisjoint(text):
        words = [_Word(match.group(), _new(Span, match.span())) for match in _WRITTEN.finditer(text)]
        return _after_version(words, text, work)
    clean: list[str] = []
    places: list[int] = []
    for index, char in enumerate(text):
        replaced = _LOOK_ALIKES.get(char, char)
        if replaced != char:
            span = Span(origin[index], origin[index + 1])
            work.changes.append(
                Correction(_SLIP_OF_CHARACTER[char], span, original[span.start : span.stop], replaced.strip())
            )
        if not replaced.isascii() or (replaced and not replaced.isprintable()):
            raise _NoReading(Slip.TYPOGRAPHY, Span(origin[index], origin[index + 1]))
        clean.extend(replaced)
        places.extend([index] * len(replaced))
    joined = "".join(clean)
    words = [
        _Word(match.group(), Span(origin[places[match.start()]], origin[places[match.end() - 1] + 1]))
        for match in _WRITTEN.finditer(joined)
    ]
    return _after_version(words, joined, work)


def _after_version(words: list[_Word], joined: str, work: _Work) -> list[_Word]:
    if not words or not _VERSION.match(words[0].text):
        raise _NoReading(Slip.VERSION)
    if joined.startswith(" "):
        work.changes.append(Correction(Slip.LEADING_SPACE, Span(0, words[0].span.start), "", ""))
    first = words[0]
    rest = first.text[len("v=spf1") :]
    if not rest:
        return words[1:]
    stripped = rest.lstrip(",;:")
    if stripped and not _STARTS_A_TERM.match(stripped):
        raise _NoReading(Slip.VERSION)
    slip = Slip.PUNCTUATION if stripped != rest else Slip.GLUED
    work.changes.append(Correction(slip, first.span, first.text, f"v=spf1 {stripped}".rstrip()))
    begin = first.span.stop - len(stripped)
    return ([_Word(stripped, Span(begin, first.span.stop))] if stripped else []) + words[1:]


def _read(word: _Word, following: _Word | None, work: _Work) -> tuple[list[str], bool]:
    """The terms that *word* means, and whether *following* was taken in as well."""
    text = word.text
    parts = [part for part in _split_punctuation(text) if part]
    if parts != [text]:
        work.changes.append(Correction(Slip.PUNCTUATION, word.span, text, " ".join(parts)))
        terms: list[str] = []
        for part in parts:
            terms.extend(_read_part(_Word(part, word.span), work))
        return terms, False
    if following is not None:
        joined = _join(word, following, work)
        if joined is not None:
            return joined, True
    return _read_part(word, work), False


def _split_punctuation(text: str) -> list[str]:
    """*text* at its commas and semicolons, except those inside a macro (``%{l,}``)."""
    return [part.strip(",;") for part in _PUNCTUATION.split(text)]


def _join(word: _Word, following: _Word, work: _Work) -> list[str] | None:
    """A sign or a word with its colon, parted from what belongs to it by a space."""
    text, after = word.text, following.text
    span = Span(word.span.start, following.span.stop)
    if text in {"-", "~", "?"} and after.lower() == "all":
        work.changes.append(Correction(Slip.SPACE_AFTER_SIGN, span, f"{text} {after}", text + after))
        return [text + after]
    match = _WORD.match(text)
    if not match or match["rest"] or match["colon"] == "=" or _STARTS_A_TERM.match(after):
        return None
    word_name = match["word"].lower()
    wanted = word_name in _NETWORK_WORDS and _network(after) is not None
    wanted = wanted or (word_name in _NAME_WORDS and bool(_NAME.match(after)))
    if not wanted:
        return None
    work.changes.append(Correction(Slip.SPACE_AFTER_COLON, span, f"{text} {after}", text + after))
    return _read_part(_Word(text + after, span), work)


def _valid(text: str) -> Term | None:
    record = parse(f"v=spf1 {text}")
    return record.terms[0] if record.valid and len(record.terms) == 1 else None


def _read_part(word: _Word, work: _Work) -> list[str]:
    text = word.text
    if _valid(text):
        return [text]
    made = _mended_whole(word, work)
    if made is not None:
        return made
    # Two terms without a space between them: the first must be right by itself, the rest may have slips of its own.
    for match in _GLUE.finditer(text):
        left, right = text[: match.start()], text[match.start() :]
        if _valid(left):
            work.changes.append(Correction(Slip.GLUED, word.span, text, f"{left} {right}"))
            return [left, *_read_part(_Word(right, word.span), work)]
    raise _NoReading(_why_unreadable(text))


def _mended_whole(word: _Word, work: _Work) -> list[str] | None:
    """The terms that *word* stands for as one slip of the catalogue, or None."""
    text = word.text
    if match := _ALL_WITH_TOKEN.match(text):
        work.changes.append(Correction(Slip.GLUED_TOKEN, word.span, text, match["all"]))
        return [match["all"]]
    if text.lower() in {"-al", "~al", "?al"}:
        work.changes.append(Correction(Slip.ALL_MISSPELT, word.span, text, f"{text}l"))
        return [f"{text}l"]
    if made := _network(text):
        return _became(Slip.BARE_ADDRESS, word, made, work)
    if _NAME.match(text):
        return _bare_name(word, work)
    match = _WORD.match(text)
    if not match:
        return None
    sign, name, rest = match["sign"], match["word"].lower(), match["rest"]
    if match["colon"] == "=":
        return None
    if name == "redirect" and not sign and _NAME.match(rest) and not work.has_all:
        return _became(Slip.REDIRECT_COLON, word, f"redirect={rest}", work)
    if not rest and name in _NETWORK_WORDS | {"include"}:
        work.changes.append(Correction(Slip.EMPTY_ARGUMENT, word.span, text, ""))
        return []
    return _mended_argument(word, sign, name, rest, work)


def _mended_argument(word: _Word, sign: str, name: str, rest: str, work: _Work) -> list[str] | None:
    doubled = _WORD.match(rest)
    if doubled and not doubled["sign"] and doubled["word"].lower() == name and doubled["colon"] == ":":
        once = f"{sign}{name}:{doubled['rest']}"
        if _valid(once):
            return _became(Slip.DOUBLED, word, once, work)
    made = _network(rest)
    if made and name in _NETWORK_WORDS:
        slip = Slip.FAMILY_SWAPPED if name in {"ip4", "ip6"} else Slip.IPV4_WORD
        return _became(slip, word, sign + made, work)
    if made and name in _NAME_WORDS:
        return _became(Slip.ADDRESS_AS_NAME, word, sign + made, work)
    if name == "include" and (tail := re.fullmatch(r"(.+)/[0-9]{1,3}", rest)) and _valid(f"include:{tail[1]}"):
        return _became(Slip.PREFIX_ON_NAME, word, f"{sign}include:{tail[1]}", work)
    return None


def _became(slip: Slip, word: _Word, term: str, work: _Work) -> list[str]:
    read = _valid(term)
    if read is None:
        raise _NoReading(slip)
    if (read.name == "ip4" and read.cidr4 < WIDEST_V4) or (read.name == "ip6" and read.cidr6 < WIDEST_V6):
        raise _NoReading(Slip.BAD_PREFIX)
    work.changes.append(Correction(slip, word.span, word.text, term))
    return [term]


def _bare_name(word: _Word, work: _Work) -> list[str]:
    kind = work.names(word.text.rstrip(".").lower())
    if kind is NameKind.SPF:
        return _became(Slip.BARE_NAME, word, f"include:{word.text}", work)
    if kind is NameKind.ADDRESS:
        return _became(Slip.BARE_NAME, word, f"a:{word.text}", work)
    raise _NoReading(Slip.BARE_NAME)


def _network(text: str) -> str | None:
    """``ip4:`` or ``ip6:`` and *text*, where that is an address or network without any slip."""
    if _IP4.match(text):
        return f"ip4:{text}"
    address, slash, prefix = text.partition("/")
    if ":" not in address or (slash and not _IP6_PREFIX.match(prefix)):
        return None
    try:
        IPv6Address(address)
    except AddressValueError:
        return None
    return f"ip6:{text}"


def _why_unreadable(text: str) -> Slip:
    lower = text.lower()
    if text in {"+", "-", "~", "?"}:
        return Slip.LONE_SIGN
    if "://" in text:
        return Slip.URL
    if "@" in text:
        return Slip.MAIL_ADDRESS
    if lower.startswith("redirect:"):
        return Slip.REDIRECT_COLON
    if re.search(r"(?:ip4|ip6|\Aa|\Amx|include|exists|ptr)\Z|[^ ](?:ip4|ip6|include):", lower):
        return Slip.JOINT
    if re.match(r"[+\-?~]?(?:ip[v46]*)[:=]", lower):
        return Slip.BAD_PREFIX if "/" in text else Slip.BAD_ADDRESS
    if re.fullmatch(r"[0-9.]+(?:/[0-9]+)?", text):
        return Slip.BAD_ADDRESS
    if re.search(r"/[0-9]", text):
        return Slip.BAD_PREFIX
    return Slip.UNKNOWN_WORD
