"""Where a record begins in a text: what a panel, a mail or a help page put around it, and the version misspelt.

RFC 7208 4.5 takes a record by its first characters, so each of these is no record at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from spfcheck.audit.text.characters import Marked
from spfcheck.audit.text.slips import Correction, Slip
from spfcheck.audit.text.tokens import groups, kind_of
from spfcheck.audit.text.typos import MECHANISMS, distance

__all__ = ["Begun", "begin", "holds_terms", "is_list", "is_terms", "may_be_list", "starts_a_term"]

_VERSION: Final = "v=spf1"
_STARTS_A_TERM: Final = re.compile(
    r"[+\-?~]|(?:ip4|ip6|ipv4|ipv6|ip|include|exists|ptr|a|mx|redirect|exp|v)[:=]|(?:a|mx|ptr|all)\Z|(?:a|mx)/",
    re.IGNORECASE | re.ASCII,
)
_OTHER_VERSION: Final = re.compile(r"v?=?spf(?:[02-9][0-9]*|1[0-9]+)", re.IGNORECASE)
_DENYING: Final = frozenset("-~?")
_FIRST: Final = re.compile(r"[^ ]+(?: +[^ ]+){0,2}")
_GLUED: Final = re.compile(r"v=spf1(?P<mark>[,;:.|]*)(?P<rest>.*)\Z", re.IGNORECASE | re.ASCII)
_HOST: Final = r"(?:@|\*|[a-z0-9_*](?:[a-z0-9_\-.]*[a-z0-9.])?)"
_TYPE: Final = r"(?:TXT|SPF|type99)"
_WRAPPINGS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        r"</?[a-z][a-z0-9]* */?>",
        r"[>(\[<|*:=]+ *|[\\]+ *",
        rf"(?:{_HOST} +)?(?:[0-9]+[smhdw]? +)?(?:IN +){_TYPE}(?: +@)? +",
        rf"(?:{_HOST} +)(?:[0-9]+[smhdw]? +)?{_TYPE}(?: +@)? +",
        rf"{_TYPE}(?: +record)?(?: +{_HOST})? *[:=]? +|{_TYPE}[:=] *",
        r"(?:(?:spf|txt|dns)[ \-]?(?:record|value|entry|text)?|record|value|content|data|text) *[:=] *",
    )
)
"""What stands in front of a record and says nothing: signs, markup, the rest of a zone file's line, a label."""
_TERM: Final = re.compile(
    r"[+\-?~]?(?:(?:ip4|ip6|include|exists|ptr|a|mx)[:/]\S+|a|mx|ptr|all)\Z|(?:redirect|exp)=\S+\Z",
    re.IGNORECASE | re.ASCII,
)
_END: Final = re.compile(r"[+\-?~]all\Z", re.IGNORECASE | re.ASCII)
_SOME_END: Final = re.compile(r"(?<![a-z0-9])[~?\-] ?all|\ball[~?\-]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Begun:
    """A text from behind its version on, and what had to be done to find it."""

    rest: Marked
    changes: tuple[Correction, ...]


def starts_a_term(word: str) -> bool:
    """True where *word* begins as a term does."""
    return bool(_STARTS_A_TERM.match(word))


def is_terms(text: str) -> bool:
    """True for a bare list of terms that reads like a record, but for its version: it ends in ``all``."""
    words = text.split()
    return len(words) > 1 and bool(_END.match(words[-1])) and all(map(_TERM.match, words))


def is_list(text: str) -> bool:
    """True for a text of terms alone, of which one at least can be nothing else."""
    words = text.split()
    sure = any(":" in word or "=" in word or (_END.match(word) and not word.isalpha()) for word in words)
    return sure and all(map(_TERM.match, words))


def may_be_list(text: str) -> bool:
    """True for a text of terms alone, which may be other words as well: ``mx``; and for one with a term in it."""
    words = text.split()
    return bool(words) and (all(map(_TERM.match, words)) or holds_terms(text))


def holds_terms(text: str) -> bool:
    """True for a text with a word that can be nothing but a term, or with a term and what is meant as the end."""
    words = text.split()
    if not words or kind_of(words) is not None:
        return False
    if any((":" in word and _TERM.match(word)) or (_END.match(word) and not word.isalpha()) for word in words):
        return True
    return bool(_TERM.match(words[0]) and _SOME_END.search(text))


def begin(marked: Marked, original: str, *, without_version: bool = False) -> Begun | None:
    """What stands behind the version of *marked*; None where the text does not begin as a record might.

    *without_version*: the text is meant as SPF for what it holds, and its version is missing.
    """
    changes: list[Correction] = []
    at = _skip(marked, original, changes)
    found = _version(marked, at, original)
    if found is None and without_version:
        begun = marked.part(at, len(marked.text))
        return Begun(begun, (*changes, Correction(Slip.VERSION, begun.span(0, 0), "", _VERSION)))
    if found is None:
        return None
    return Begun(found.rest, (*changes, *found.changes))


def _skip(marked: Marked, original: str, changes: list[Correction]) -> int:
    """How many characters stand in front of the record."""
    text, at = marked.text, 0
    while True:
        spaces = len(text[at:]) - len(text[at:].lstrip(" "))
        if spaces:
            if not changes:
                changes.append(Correction(Slip.LEADING_SPACE, marked.span(at, at + spaces), "", ""))
            at += spaces
        if _version(marked, at, original) is not None:
            return at
        stop, slip = _wrapping(text, at)
        if stop == at:
            return at
        span = marked.span(at, stop)
        words = original[span.start : span.stop].strip(" ")
        changes.append(Correction(slip, span, words, ""))
        at = stop


def _wrapping(text: str, at: int) -> tuple[int, Slip]:
    """Where what stands at *at* ends, if it is no part of a record."""
    words = text[at:].split(" ")
    first = next(groups(words), None)
    if first is not None and first[0] == 0 and first[1] < len(words):
        return at + len(" ".join(words[: first[1]])) + 1, first[2]
    for pattern in _WRAPPINGS:
        match = pattern.match(text, at)
        if match and match.end() > at:
            return match.end(), Slip.WRAPPED
    return at, Slip.WRAPPED


def _version(marked: Marked, at: int, original: str) -> Begun | None:
    """The version at *at*, right or nearly so."""
    text = marked.text
    match = _FIRST.match(text, at)
    if match is None:
        return None
    words = match.group().split()
    first = words[0]
    glued = _GLUED.match(first)
    if glued:
        return _exact(marked, at, glued, original)
    for count in range(1, len(words) + 1):
        joined = "".join(words[:count]).rstrip(",;:.")
        if _is_near(joined) if count == 1 else joined.lower() in (_VERSION, "v=spf"):
            stop = _after(text, at, count)
            # Without the v it has to be a record that follows: other texts speak of SPF as well.
            following = text[stop:].split(" ", 1)[0]
            if following and not (_is_word(following) or "." in following or ":" in following):
                continue
            span = marked.span(at, stop)
            written = original[span.start : span.stop].rstrip(" ")
            return Begun(marked.part(stop, len(text)), (Correction(Slip.VERSION, span, written, _VERSION),))
    return None


def _is_word(word: str) -> bool:
    return starts_a_term(word) or word.lower() in MECHANISMS


def _is_near(word: str) -> bool:
    lower = word.lower()
    # A sign in front may mean that the record is not to be read: #v=spf1.
    if _OTHER_VERSION.fullmatch(lower) or not (word[:1].isalpha() or word[:1] == "="):
        return False
    return (
        lower in (_VERSION, "spf1", "=spf1", "spf=1", "v=spf", "spf=v1", "v:spf:1") or distance(lower, _VERSION, 1) <= 1
    )


def _after(text: str, at: int, count: int) -> int:
    """The place behind *count* words and the spaces that follow them."""
    match = re.compile(rf"(?:[^ ]+ *){{{count}}}").match(text, at)
    assert match is not None
    return match.end()


def _exact(marked: Marked, at: int, glued: re.Match[str], original: str) -> Begun | None:
    text = marked.text
    rest = glued["rest"]
    word_end = at + len(glued.group())
    if not rest and not glued["mark"]:
        return Begun(marked.part(_after(text, at, 1), len(text)), ())
    if rest and not starts_a_term(rest) and not _names_something(rest):
        return None
    # A sign where a space belongs would turn a sender away; it is certain in front of the end alone.
    if rest.lower() == "a":
        return None  # a term, or a letter too many
    if rest[:1] in _DENYING and not re.match(r".all\b", rest, re.IGNORECASE):
        return None
    span = marked.span(at, word_end)
    slip = Slip.PUNCTUATION if glued["mark"] else Slip.GLUED
    written = original[span.start : span.stop]
    change = Correction(slip, span, written, f"{original[span.start : span.start + len(_VERSION)]} {rest}".rstrip(" "))
    begin_rest = word_end - len(rest) if rest else _after(text, at, 1)
    return Begun(marked.part(begin_rest, len(text)), (change,))


def _names_something(rest: str) -> bool:
    """``v=spf1inlcude:x``: what is glued to the version has a slip of its own."""
    return bool(re.match(r"[a-z]{2,8}[46]?:[a-z0-9_]", rest, re.IGNORECASE | re.ASCII))
