"""One word of a record: what it can mean, as the terms of every reading that there is.

A reading is found by rewriting the word, one slip at a time, until every part of it is a term that stands: it is valid,
and what it names exists. The kinds of slips are tried in an order, and the first kind that gives any reading decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from spfcheck.audit.text.addresses import is_wide, network_in
from spfcheck.audit.text.glued import cuts, term_of
from spfcheck.audit.text.own_names import NAME, NameFacts, clean_name, own_meant
from spfcheck.audit.text.slips import Slip
from spfcheck.audit.text.tokens import is_token
from spfcheck.audit.text.typos import MECHANISMS, almost_all, near_words
from spfcheck.names import NotADomainName, domain_name
from spfcheck.rfc7208.effort import Measure
from spfcheck.rfc7208.record import Term

__all__ = ["WordMeaning", "readings", "stands"]

_WORDS: Final = frozenset({*MECHANISMS, "redirect"})

DEEPEST: Final = 12
"""Slips in one word after which it is left to a person."""
MOST_LOOKED_AT: Final = 400
"""Texts that are looked at for one word: a stranger's record must not cost more than a moment."""
LONGEST: Final = 1_000
"""Characters of a word beyond which nobody typed it."""
_USUAL: Final = 16
"""Characters of a word from which on it counts as several: it is searched from end to end."""

_WORD: Final = re.compile(
    r"(?P<sign>[+\-?~]?)(?P<word>[a-z]+[0-9]*)(?P<mark>[:=])(?P<rest>.*)\Z", re.IGNORECASE | re.ASCII
)
_NEEDS_ARGUMENT: Final = frozenset({"ip4", "ip6", "ip", "ipv4", "ipv6", "include"})
_TAGS: Final = re.compile(r"</?(?:br|p|div|span|b|i|u|em|strong|code|pre|td|tr|li|a|font|wbr)\s*/?>", re.IGNORECASE)
_BRACKETS: Final = re.compile(
    r"(?P<head>[+\-?~]?[a-z0-9]+[:=]|)[<\[({]+(?P<body>[^<>\[\](){}%]+)[>\])}]+\Z", re.IGNORECASE
)
_URL: Final = re.compile(r"(?P<head>[^/]*?[:=]|)https?:/{1,2}(?P<name>[^/:?#]+)/*\Z", re.IGNORECASE)
_SLASH: Final = re.compile(r"(?P<name>[+\-?~]?(?:include:|redirect=)[^/@]+)/+\Z", re.IGNORECASE)
_AT: Final = re.compile(r"(?P<head>[+\-?~]?[a-z0-9]+[:=])@(?P<name>[^@]+)\Z", re.IGNORECASE)
_COLONS: Final = re.compile(
    r"(?P<head>[+\-?~]?(?:include|exists|ptr|mx|a|redirect|ip6))(?::{2,}|:=|=:|:\.|;:|:;)(?P<rest>[a-z0-9_%].*)\Z",
    re.IGNORECASE,
)
_SIGNS: Final = re.compile(r"(?P<sign>[+\-?~])(?P=sign)+(?=[a-z])", re.IGNORECASE)
_SIGNED_MODIFIER: Final = re.compile(r"[+\-?~](?P<rest>(?:redirect|exp)=.+)\Z", re.IGNORECASE)
_STRAY_END: Final = re.compile(r"(?<=[a-z0-9])(?:[.,;!|*\\\])>]|(?<!})})+\Z", re.IGNORECASE | re.ASCII)
_STRAY_BEGIN: Final = re.compile(r"\A[.,;!|*\\\[(<]+(?=[a-z0-9+\-?~])", re.IGNORECASE | re.ASCII)
_ONLY_STRAY: Final = re.compile(r"[.,;!|*\\\])}>\[({<]+\Z")
_PUNCTUATION: Final = re.compile(r"[,;](?![^{}]*\})")
_SEPARATED: Final = re.compile(
    r"(?P<head>[+\-?~]?(?P<word>include|exists|redirect|ptr|(?:a|mx)(?=[;,])))(?P<mark>[.;,/])(?P<rest>[a-z0-9_%].*)\Z",
    re.IGNORECASE,
)
_ALMOST: Final = re.compile(r"(?P<head>[+\-?~]?)(?P<word>[a-z]+[0-9]*)(?P<mark>[:.;])(?P<rest>.+)\Z", re.IGNORECASE)
_ALL: Final = re.compile(r"(?P<sign>[\-?~])(?P<word>[A-Za-z1|!]+)\Z")
_ALL_WITH_TOKEN: Final = re.compile(r"(?P<all>[+\-?~]all)(?P<token>.+)\Z", re.IGNORECASE | re.ASCII)

Rewrite = tuple[Slip, tuple[str, ...]]
"""A slip, and the words that are left to read once it is put right."""


@dataclass(frozen=True, slots=True)
class WordMeaning:
    """Terms that a word may mean, and the slip that was met first on the way."""

    terms: tuple[str, ...]
    slip: Slip


def readings(text: str, known: NameFacts, *, has_end: bool) -> list[WordMeaning]:
    """Every reading of the word *text*, in a fixed order; *has_end* where another word is an ``all``."""
    found = _Reader(known, has_end).read(text, 0) if len(text) <= LONGEST else {}
    return [WordMeaning(terms, slip or Slip.UNKNOWN_WORD) for terms, slip in sorted(found.items())]


def stands(term: Term, known: NameFacts) -> bool:
    """True where a mend may write *term*: what it names exists, and it is not wide (repair I3)."""
    if term.is_modifier and term.name != "redirect":
        # The version of a record that was pasted along is told apart later.
        return term.name == "exp" or term.text.lower() == "v=spf1"
    if term.network is not None:
        return not is_wide(term)
    if term.name == "all":
        return True
    if term.spec is not None and term.target is None:
        # What a macro names differs from message to message, so that it exists cannot be said.
        return term.name == "exists"
    if term.name == "exists":
        # A literal name that exists lets in everybody, and one that does not lets in nobody (RFC 7208 5.7).
        return False
    name = term.target or known.domain
    if term.name in ("include", "redirect"):
        return known.has_record(name)
    if term.name == "mx":
        return known.has_mail(name)
    return term.name == "ptr" or known.has_address(name)


class _Reader:
    """One word on its way to its readings."""

    def __init__(self, known: NameFacts, has_end: bool) -> None:
        self._known = known
        self._has_end = has_end
        self._seen: dict[str, dict[tuple[str, ...], Slip | None]] = {}

    def read(self, text: str, depth: int) -> dict[tuple[str, ...], Slip | None]:
        """The readings of *text*: terms, and the slip that was met first."""
        if text in self._seen:
            return self._seen[text]
        if depth > DEEPEST or len(self._seen) >= MOST_LOOKED_AT:
            return {}
        self._known.work.spend(Measure.READINGS, 1 + len(text) // _USUAL)
        self._seen[text] = {}  # a rewrite never leads back
        found = self._found(text, depth)
        self._seen[text] = found
        return found

    def _found(self, text: str, depth: int) -> dict[tuple[str, ...], Slip | None]:
        term = term_of(text)
        if term is not None and stands(term, self._known):
            return {(text,): None}
        for kind in _KINDS:
            found: dict[tuple[str, ...], Slip | None] = {}
            for slip, parts in kind(text, self._known, self._has_end):
                for one in product(*[self.read(part, depth + 1) for part in parts]):
                    found.setdefault(tuple(term for terms in one for term in terms), slip)
            if found:
                return found
        return {}


def _clean(text: str, _: NameFacts, __: bool) -> Iterator[Rewrite]:
    """What can only be a slip, whatever the word is."""
    if is_token(text):
        yield Slip.TOKEN, ()
    elif (plain := _TAGS.sub("", text)) != text:
        yield Slip.MARKUP, (plain,) if plain else ()
    elif match := _BRACKETS.match(text):
        yield Slip.MARKUP, (match["head"] + match["body"],)
    elif match := _URL.match(text):
        yield Slip.URL, (match["head"] + match["name"],)
    elif match := _SLASH.match(text):
        yield Slip.URL, (match["name"],)
    elif match := _AT.match(text):
        yield Slip.MAIL_ADDRESS, (match["head"] + match["name"],)
    elif match := _COLONS.match(text):
        mark = "=" if match["head"].lower() == "redirect" else ":"
        yield Slip.DOUBLED, (f"{match['head']}{mark}{match['rest']}",)
    elif match := _SIGNS.match(text):
        yield Slip.REPEATED_SIGN, (match["sign"] + text[match.end() :],)
    elif match := _SIGNED_MODIFIER.match(text):
        yield Slip.SIGN_ON_MODIFIER, (match["rest"],)
    elif _ONLY_STRAY.match(text):
        yield Slip.STRAY_PUNCTUATION, ()
    elif (plain := _STRAY_BEGIN.sub("", _STRAY_END.sub("", text))) != text and plain:
        between = set(text.replace(plain, "", 1)) <= set(",;")
        yield Slip.PUNCTUATION if between else Slip.STRAY_PUNCTUATION, (plain,)


def _address(text: str, _: NameFacts, __: bool) -> Iterator[Rewrite]:
    """An address, before any mechanism of one letter."""
    if made := network_in(text):
        yield made[0], (made[1],)


def _own(text: str, known: NameFacts, _: bool) -> Iterator[Rewrite]:
    """Our own name, with whatever word in front of it; a misspelling that has a record of its own is no slip."""
    match = re.match(
        r"(?P<sign>[+\-?~]*)(?:(?P<word>[a-z]+[0-9]*)(?P<mark>[:=;.]+))?(?P<rest>.+)\Z", text, re.IGNORECASE | re.ASCII
    )
    if match is None:
        return
    words = [(match["sign"], text.lstrip("+-?~"))]
    if match["word"] and (match["word"].lower() in _WORDS or near_words(match["word"])):
        words.insert(0, (match["sign"], match["rest"]))
    for sign, rest in words:
        own = own_meant(rest, known.own, known.domain)
        if own is not None and (rest.lower().rstrip(".") == own or not known.publishes(clean_name(rest))):
            yield Slip.OWN_NAME, (f"{sign[:1]}include:{own}",)
            return


def _likely(text: str, _: NameFacts, has_end: bool) -> Iterator[Rewrite]:
    """What may be meant in more than one way: all of these count."""
    yield from _by_end(text)
    match = _WORD.match(text)
    if match and match["mark"] == ":":
        word, rest = match["word"].lower(), match["rest"]
        # With a sign that denies, what it stands for may stand behind it.
        if not rest and word in _NEEDS_ARGUMENT and match["sign"] in ("", "+"):
            yield Slip.EMPTY_ARGUMENT, ()
        if rest.lower().startswith(f"{word}:"):
            yield Slip.DOUBLED, (f"{match['sign']}{rest}",)
        if word == "redirect" and not has_end and not match["sign"]:
            yield Slip.REDIRECT_COLON, (f"redirect={rest}",)
        if word == "include" and (tail := re.fullmatch(r"([^:=/]+)/[0-9]{1,3}", rest)):
            yield Slip.PREFIX_ON_NAME, (f"{match['sign']}include:{tail[1]}",)
    if match := _SEPARATED.match(text):
        mark = "=" if match["word"].lower() == "redirect" else ":"
        yield Slip.SEPARATOR, (f"{match['head']}{mark}{match['rest']}",)
    yield from _by_spelling(text)
    if NAME.match(text):
        yield Slip.BARE_NAME, (f"include:{text}",)
        yield Slip.BARE_NAME, (f"a:{text}",)
    if not text.isascii() and (name := _ascii_name(text)):
        yield Slip.UNICODE_NAME, (name,)
    if len(parts := [part for part in _PUNCTUATION.split(text) if part]) > 1:
        yield Slip.PUNCTUATION, tuple(parts)
    for left, right in cuts(text):
        yield Slip.GLUED, (left, *right)


def _by_end(text: str) -> Iterator[Rewrite]:
    if (match := _ALL.match(text)) and almost_all(match["word"]):
        yield Slip.ALL_MISSPELT, (f"{match['sign']}all",)
    if (match := _ALL_WITH_TOKEN.match(text)) and is_token(match["token"]):
        yield Slip.GLUED_TOKEN, (match["all"],)


def _by_spelling(text: str) -> Iterator[Rewrite]:
    """A mechanism with one slip in its name."""
    match = _ALMOST.match(text)
    if match is None:
        return
    for word in near_words(match["word"], match["head"]):
        if word in ("ip4", "ip6"):
            continue  # an address would have been read before
        if match["mark"] != ":" and word not in ("include", "exists", "redirect"):
            continue
        mark = ":" if word != "redirect" else "="
        yield Slip.WORD_MISSPELT, (f"{match['head']}{word}{mark}{match['rest']}",)


def _ascii_name(text: str) -> str | None:
    """*text* with its name in A-labels (RFC 5890); None where the letters stand elsewhere, or make no name."""
    head, mark, name = text.rpartition(":") if ":" in text else text.rpartition("=")
    name, slash, length = name.partition("/")
    labels = name.split(".")
    if not head.isascii() or "%" in name:
        return None
    try:
        # An underscore is no letter of a host name; its label is ASCII and stays as it is.
        made = [
            label if label.isascii() else domain_name(f"{label}.example").removesuffix(".example") for label in labels
        ]
    except NotADomainName:
        return None
    return f"{head}{mark}{'.'.join(made)}{slash}{length}"


_KINDS: Final[tuple[Callable[[str, NameFacts, bool], Iterator[Rewrite]], ...]] = (_clean, _address, _own, _likely)
