"""Macro strings: their grammar, and what they expand to (RFC 7208 section 7).

Text is `str` of which each character stands for one byte (latin-1), so hostile bytes pass through unharmed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

# RFC 7208 7.1. Letters and the reversal are written in the case that the section shows; an upper-case letter asks for
# URL escaping (7.3). An upper-case "R" as transformer is contested: we read it strictly, as an error.
_EXPAND: Final = re.compile(r"%(?:\{([a-zA-Z])([0-9]*)(r?)([.\-+,/_=]*)\}|([%_\-]))", re.ASCII)
_LETTERS: Final = frozenset("slodipvh")
# RFC 7208 7.2: c, r and t are allowed in the text of an explanation only.
_EXPLANATION_LETTERS: Final = frozenset("crt")
_FIXED: Final = {"%": "%", "_": " ", "-": "%20"}
_UNLIMITED: Final = 1 << 30
# RFC 1035 2.3.4, as text without the trailing dot.
_NAME_MAX: Final = 253
_LABELS: Final = re.compile(r"[^.]{1,63}(?:\.[^.]{1,63})*\Z")
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Macro:
    """One ``%{...}``: *digits* right-hand parts are kept, after a split at any of *delimiters* and a reversal."""

    letter: str
    digits: int
    reverse: bool
    delimiters: str
    escape: bool


@dataclass(frozen=True, slots=True)
class Spec:
    """A compiled macro string: literal text and macros in order, and the letters (lower-case) that occur."""

    parts: tuple[str | Macro, ...]
    letters: frozenset[str]
    ends_in_macro: bool
    """The text ends in a macro-expand, of which ``%%``, ``%_`` and ``%-`` are the plain kinds."""

    @property
    def literal(self) -> str | None:
        """The whole text where no macro letter occurs (``%%``, ``%_`` and ``%-`` are replaced), else None."""
        return None if self.letters else "".join([part for part in self.parts if isinstance(part, str)])


class MacroError(ValueError):
    """A macro string breaks the grammar at *offset*; *explanation_only* where the letter is c, r or t."""

    def __init__(self, message: str, offset: int, *, explanation_only: bool = False) -> None:
        super().__init__(message)
        self.offset = offset
        self.explanation_only = explanation_only


def compile_macros(text: str, *, explanation: bool = False) -> Spec:
    """Compile a macro string; raises `MacroError` where it breaks the grammar of RFC 7208 7.1.

    Says nothing about the characters between macros: what is allowed there depends on where the string stands.
    """
    if "%" not in text:
        return Spec((text,) if text else (), frozenset(), ends_in_macro=False)
    parts: list[str | Macro] = []
    letters: set[str] = set()
    position = 0
    ends_in_macro = False
    while (percent := text.find("%", position)) >= 0:
        if percent > position:
            parts.append(text[position:percent])
        match = _EXPAND.match(text, percent)
        if match is None:
            raise MacroError("a percent sign that begins no macro", percent)
        letter, digits, reverse, delimiters, fixed = match.groups()
        if fixed:
            parts.append(_FIXED[fixed])
        else:
            parts.append(_macro(letter, digits, reverse, delimiters, percent, explanation=explanation))
            letters.add(letter.lower())
        position = match.end()
        ends_in_macro = position == len(text)
    if position < len(text):
        parts.append(text[position:])
    return Spec(tuple(parts), frozenset(letters), ends_in_macro)


def compile_explanation(text: str) -> Spec:
    """Compile the text of an explanation (RFC 7208 6.2): visible ASCII, spaces, and every macro letter."""
    for offset, character in enumerate(text):
        if not " " <= character <= "~":
            raise MacroError("an explanation is printable ASCII", offset)
    return compile_macros(text, explanation=True)


def _macro(letter: str, digits: str, reverse: str, delimiters: str, offset: int, *, explanation: bool) -> Macro:
    lower = letter.lower()
    if lower in _EXPLANATION_LETTERS:
        if not explanation:
            raise MacroError(f"%{{{letter}}} is allowed in explanations only", offset, explanation_only=True)
    elif lower not in _LETTERS:
        raise MacroError(f"there is no macro letter {letter}", offset)
    # RFC 7208 7.1: "the DIGIT transformer MUST be nonzero".
    if digits and not digits.strip("0"):
        raise MacroError("a macro keeps at least one part", offset)
    count = int(digits) if 0 < len(digits) < 10 else _UNLIMITED
    return Macro(lower, count, bool(reverse), delimiters or ".", letter != lower)


def expand(spec: Spec, values: Mapping[str, str]) -> str:
    """The text of *spec* with each macro replaced by its transformed value from *values*, keyed by letter."""
    out: list[str] = []
    for part in spec.parts:
        if isinstance(part, str):
            out.append(part)
            continue
        value = _transform(values[part.letter], part)
        # RFC 7208 7.3: upper-case letters escape everything outside RFC 3986's unreserved set.
        out.append(quote(value.encode("latin-1"), safe="~") if part.escape else value)
    return "".join(out)


def _transform(value: str, macro: Macro) -> str:
    if macro.delimiters != ".":
        for delimiter in macro.delimiters:
            value = value.replace(delimiter, "\0")
        parts = value.split("\0")
    elif macro.digits == _UNLIMITED and not macro.reverse:
        return value
    else:
        parts = value.split(".")
    if macro.reverse:
        parts.reverse()
    return ".".join(parts[-macro.digits :])


def host_name(text: str) -> str | None:
    """The name to ask for a host that an MX or PTR record names; None for the root and for what no host is called.

    A byte that stands as an escape (see `spfcheck.rfc7208.lookup.Reply`) is in no host's name.
    """
    return None if "\\" in text else dns_name(text)


def dns_name(text: str) -> str | None:
    """The name to ask the DNS for: lower-case, no trailing dot, at most 253 bytes; None where no such name can exist.

    RFC 7208 7.3: of a name that is too long, labels are removed from the left until it fits.
    """
    name = (text.lower() if text.isascii() else text.translate(_LOWER)).removesuffix(".")
    if len(name) > _NAME_MAX:
        # The first dot behind which no more than fits is left: the same as removing labels one by one.
        dot = name.find(".", len(name) - _NAME_MAX - 1)
        if dot < 0:
            return None
        name = name[dot + 1 :]
    return name if _LABELS.match(name) else None
