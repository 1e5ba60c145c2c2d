"""The characters of a text as they were meant: look-alikes become what they look like, and keep their place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from spfcheck.audit.text.slips import Correction, Slip
from spfcheck.rfc7208.record import Span

__all__ = ["Marked", "character_name", "named", "plain", "readable", "visible"]

_DASHES: Final = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\x96\x97", "-")
_TILDES: Final = dict.fromkeys("\u02dc\u223c\uff5e\x98", "~")
_COLONS: Final = dict.fromkeys("\uff1a\ufe55\u2236\ua789", ":")
_DOTS: Final = dict.fromkeys("\u3002\uff61\u2024", ".")
_QUOTES: Final = dict.fromkeys(
    "\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u00ab\u00bb\u2039\u203a\x82\x84\x8b\x91\x92\x93\x94\x9b",
    '"',
)
_SPACES: Final = dict.fromkeys("\u00a0\u1680\u2028\u2029\u202f\u205f\u3000", " ") | dict.fromkeys(
    map(chr, range(0x2000, 0x200B)), " "
)
_CONTROLS: Final = dict.fromkeys("\t\r\n\x0b\x0c", " ")
_NOTHING: Final = dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", "") | dict.fromkeys(
    map(chr, range(0x202A, 0x202F)), ""
)
_WIDE: Final = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFF5F)}
_MEANT: Final = {**_WIDE, **_DASHES, **_TILDES, **_COLONS, **_DOTS, **_QUOTES, **_SPACES, **_CONTROLS, **_NOTHING}
_ASCII_LOOK_ALIKES: Final = frozenset(char for char in _MEANT if char.isascii())

_ENTITIES: Final = {
    "&quot;": '"',
    "&#34;": '"',
    "&#39;": '"',
    "&apos;": '"',
    "&lt;": "<",
    "&gt;": ">",
    "&amp;": "&",
    "&nbsp;": " ",
}
_ENTITY: Final = re.compile("|".join(_ENTITIES), re.IGNORECASE)
# A backslash that some panel or script put in front of a quote, a semicolon or the end.
_ESCAPE: Final = re.compile(r"\\+(?=[\";]|\s|\Z)")
# A space or a line break as a zone file or a program writes it (RFC 1035 5.1).
_ESCAPED_SPACE: Final = re.compile(r"\\032|\\[nrt](?=\\[nrt]|\s|\Z)")
_BETWEEN: Final = re.compile(r"(?<=[^\s\"])\s*\"\s*\"\s*(?=[^\s\"])")
"""A quote, perhaps spaces, and a quote inside a value: the place where two character-strings meet."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text, and for each character where the bytes that it stands for begin and end."""

    text: str
    starts: tuple[int, ...]
    stops: tuple[int, ...]

    def span(self, start: int, stop: int) -> Span:
        """Where the characters from *start* to *stop* stand in the original."""
        if start >= stop:
            at = self.starts[start] if start < len(self.starts) else (self.stops[-1] if self.stops else 0)
            return Span(at, at)
        return Span(self.starts[start], self.stops[stop - 1])

    def part(self, start: int, stop: int) -> Marked:
        """The characters from *start* to *stop*."""
        return Marked(self.text[start:stop], self.starts[start:stop], self.stops[start:stop])

    def with_spaces(self, offsets: Iterable[int]) -> Marked:
        """The text with one space at each of the byte *offsets*, where none stands beside it."""
        wanted = sorted(offsets, reverse=True)
        chars: list[str] = []
        starts: list[int] = []
        stops: list[int] = []
        for char, start, stop in zip(self.text, self.starts, self.stops, strict=True):
            while wanted and wanted[-1] <= start:
                at = wanted.pop()
                if chars and chars[-1] != " " and char != " ":
                    chars.append(" ")
                    starts.append(at)
                    stops.append(at)
            chars.append(char)
            starts.append(start)
            stops.append(stop)
        return Marked("".join(chars), tuple(starts), tuple(stops))


def readable(text: str) -> str:
    """*text*, in which each character stands for a byte, as whoever typed it saw it: UTF-8 where it is that."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def named(text: str) -> str:
    """The one character that the bytes *text* stand for, by its name where it cannot be seen."""
    char = readable(text)
    if len(char) != 1:
        return f"“{char}”"
    name = character_name(char)
    code = f"U+{ord(char):04X}"
    if char.isspace() or not char.isprintable() or char in _NOTHING:
        return f"{name or 'character'} ({code})"
    return f"“{char}” ({code}{', ' + name if name else ''})"


def character_name(char: str) -> str:
    """The name of *char*; of a control of Latin-1, what Windows-1252 has in its place, as whoever typed it saw it."""
    name = unicodedata.name(char, "").lower()
    if name or not "\x80" <= char <= "\x9f":
        return name
    try:
        return f"{unicodedata.name(char.encode('latin-1').decode('cp1252')).lower()} of Windows-1252"
    except (UnicodeError, ValueError):  # five of them are nothing there either
        return ""


def visible(text: str) -> str:
    """*text* as whoever typed it saw it, with what cannot be seen made visible (``\\u200b``)."""
    return "".join(
        char if char.isprintable() and char not in _NOTHING else f"\\u{ord(char):04x}" for char in readable(text)
    )


def plain(text: str) -> tuple[Marked, tuple[int, ...], list[Correction]]:
    """*text* in the characters that were meant, the byte offsets where quotes part it in two, and what was changed.

    Quotes are gone. What is not ASCII afterwards is a letter that nothing plain looks like.
    """
    if (
        text.isascii()
        and text.isprintable()
        and _ASCII_LOOK_ALIKES.isdisjoint(text)
        and "\\" not in text
        and "&" not in text
    ):
        places = tuple(range(len(text) + 1))
        return Marked(text, places[:-1], places[1:]), (), []
    changes: list[Correction] = []
    marked = _replaced(text, changes)
    for pattern, slip in ((_ENTITY, Slip.MARKUP), (_ESCAPED_SPACE, Slip.CONTROL), (_ESCAPE, Slip.QUOTES)):
        marked = _substituted(marked, text, pattern, slip, changes)
    return (*_unquoted(marked, text, changes), changes)


def _replaced(text: str, changes: list[Correction]) -> Marked:
    characters = readable(text)
    width = 1 if len(characters) == len(text) else 0
    chars: list[str] = []
    starts: list[int] = []
    stops: list[int] = []
    at = 0
    for char in characters:
        length = width or len(char.encode())
        meant = _MEANT.get(char, char)
        if meant != char:
            changes.append(Correction(_slip_of(char), Span(at, at + length), text[at : at + length], meant))
        if meant:
            chars.append(meant)
            starts.append(at)
            stops.append(at + length)
        at += length
    return Marked("".join(chars), tuple(starts), tuple(stops))


def _slip_of(char: str) -> Slip:
    if char in _QUOTES:
        return Slip.QUOTES
    return Slip.CONTROL if char in _CONTROLS else Slip.TYPOGRAPHY


def _substituted(marked: Marked, text: str, pattern: re.Pattern[str], slip: Slip, changes: list[Correction]) -> Marked:
    found = list(pattern.finditer(marked.text))
    if not found:
        return marked
    chars: list[str] = []
    starts: list[int] = []
    stops: list[int] = []
    made: list[Correction] = []
    at = 0
    for match in found:
        span = marked.span(*match.span())
        meant = " " if pattern is _ESCAPED_SPACE else _ENTITIES.get(match.group().lower(), "")
        made.append(Correction(slip, span, text[span.start : span.stop], meant))
        chars.append(marked.text[at : match.start()] + meant)
        starts += marked.starts[at : match.start()]
        stops += marked.stops[at : match.start()]
        if meant:
            starts.append(span.start)
            stops.append(span.stop)
        at = match.end()
    changes += reversed(made)
    return Marked("".join([*chars, marked.text[at:]]), (*starts, *marked.starts[at:]), (*stops, *marked.stops[at:]))


def _unquoted(marked: Marked, text: str, changes: list[Correction]) -> tuple[Marked, tuple[int, ...]]:
    """*marked* without its quotes, and where two quoted strings met."""
    gone: set[int] = set()
    offsets: list[int] = []
    for match in _BETWEEN.finditer(marked.text):
        spaces_inside = match.group().index('"'), match.group().rindex('"')
        gone.update(range(match.start() + spaces_inside[0], match.start() + spaces_inside[1] + 1))
        offsets.append(marked.starts[match.end() - 1])
    gone |= {index for index, char in enumerate(marked.text) if char == '"'}
    told = {change.span for change in changes}
    for index in sorted(gone):
        span = marked.span(index, index + 1)
        if marked.text[index] == '"' and span not in told:
            changes.append(Correction(Slip.QUOTES, span, text[span.start : span.stop], ""))
    kept = [index for index in range(len(marked.text)) if index not in gone]
    return (
        Marked(
            "".join(marked.text[index] for index in kept),
            tuple(marked.starts[index] for index in kept),
            tuple(marked.stops[index] for index in kept),
        ),
        tuple(offsets),
    )
