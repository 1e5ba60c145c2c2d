"""Two terms without a space between them: where a word may be cut, and into what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from spfcheck.audit.text.own_names import NAME
from spfcheck.audit.text.tokens import is_token
from spfcheck.rfc7208.record import Term, parse

__all__ = ["cuts", "term_of"]

MOST_CUTS: Final = 12
"""Places of one word that are looked at: each may cost a question."""
# What a second term begins with: a word with its mark, a run of bare words, or a signed all.
_BEGINS: Final = re.compile(
    r"(?P<sign>[+\-?~]?)(?:"
    r"(?P<marked>(?:ipv?[46]|include|exists|ptr|mx|a):|(?:mx|a)/|(?:redirect|exp)=|v=spf1\Z)"
    r"|(?P<bare>(?:a|mx|ptr)+(?=[+\-?~]?all\Z|\Z|[+\-?~]?(?:ip[46]|include):))"
    r"|(?P<end>all(?P<token>\S*)\Z))",
    re.IGNORECASE | re.ASCII,
)
_ANYWHERE: Final = re.compile(r"[+\-?~]|ip|include|exists|ptr|mx|a|redirect|exp|v", re.IGNORECASE | re.ASCII)
_BARE: Final = re.compile(r"mx|ptr|a", re.IGNORECASE)
_ONE_LETTER: Final = re.compile(r"[+\-?~]?a:(?P<name>[^/]*)", re.IGNORECASE | re.ASCII)


def term_of(text: str) -> Term | None:
    """*text* as one valid term, or None."""
    if " " in text or not text:
        return None
    record = parse(f"v=spf1 {text}")
    return record.terms[0] if record.valid and len(record.terms) == 1 else None


def cuts(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The ways to cut *text* in two: the left part, a valid term, and what is left of it to read.

    Behind a redirect an ``all`` would make it dead (RFC 7208 6.1), so it cannot be meant and is left out; what is glued
    to that is not.
    """
    found = 0
    for place in _ANYWHERE.finditer(text):
        at = place.start()
        match = _BEGINS.match(text, at)
        # A sign belongs to what follows it; the same place without the sign would leave it behind on the left.
        if at == 0 or match is None or (match["end"] and not _ends(match)):
            continue
        left = text[:at]
        term = term_of(left)
        if term is None or not _may_follow(term, match, text[at:]):
            continue
        found += 1
        if found > MOST_CUTS:
            return
        dead = match["end"] and term.is_modifier and term.name == "redirect"
        yield left, _parts(match, text[at:]) if not dead else (match["token"],) if match["token"] else ()


def _parts(match: re.Match[str], right: str) -> tuple[str, ...]:
    """What is left to read: a run of bare words one by one, anything else as it is."""
    if not match["bare"]:
        return (right,)
    run = [match["sign"] + one if not index else one for index, one in enumerate(_BARE.findall(match["bare"]))]
    rest = right[len(match["sign"]) + len(match["bare"]) :]
    return (*run, rest) if rest else tuple(run)


def _ends(match: re.Match[str]) -> bool:
    """A signed ``all``; without a sign it would be +all, and more likely a part of a name."""
    return bool(match["sign"]) and (
        not match["token"] or is_token(match["token"]) or _BEGINS.match(match["token"]) is not None
    )


def _may_follow(left: Term, match: re.Match[str], right: str) -> bool:
    if left.name == "all" and not left.is_modifier:
        return left.qualifier in ("-", "~", "?")
    if left.is_modifier and left.name != "redirect":
        return False
    if left.name == "a" and left.domain_spec is None:
        return False  # a letter too many in front of the next word looks the same
    # Where a space belongs, a sign may as well be a slip, or the dash of a range: it would turn a sender away.
    if not match["end"] and match["sign"] not in ("", "+"):
        return False
    if match["bare"]:
        # Only behind a name is it certain where it ends; behind an address a letter may be a slip of the finger.
        return left.target is not None or (left.network is not None and len(match["bare"]) > 1)
    if one := _ONE_LETTER.match(right):
        return (left.target is not None or left.network is not None) and bool(NAME.match(one["name"]))
    return True
