"""Texts that are meant as SPF and are none (RFC 7208 4.5 takes a record by its first characters)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from spfcheck.audit.text.characters import plain
from spfcheck.audit.text.own_names import holds_own
from spfcheck.audit.text.slips import Slip
from spfcheck.audit.text.tokens import kind_of
from spfcheck.audit.text.wrapped import begin, holds_terms, is_list, is_terms
from spfcheck.rfc7208.record import select

__all__ = ["is_continuation", "near_misses", "slip_of", "without_version"]

# One class, which holds the bytes of every look-alike: with two ways to take them the search would double with each.
_ODD: Final = r"[\s\"'`\x00-\x20\x7f-\xff]*"
_MEANT: Final = re.compile(rf"{_ODD}(?:v{_ODD}=?{_ODD}spf\d?|spf1\b|spf=)", re.IGNORECASE | re.DOTALL)
_INSIDE: Final = re.compile(
    r"v=spf1[ \"\\]+[+?~\-]?(?:include:|ip[46]:|exists:|redirect=|a\b|mx\b|all\b)", re.IGNORECASE
)
_SAYS_SPF: Final = re.compile(r"v=spf1|[~?\-]all\b[^ ]*\Z", re.IGNORECASE)
_DONE: Final = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
_HINT: Final = re.compile(rb"spf|v=s|[ ~?\-]all|ip[46]:|include:")
_OTHERS: Final = re.compile(r"v=(?:dmarc|dkim|sts|tls|bimi)|spf2\.0/", re.IGNORECASE)
_LONGEST: Final = 400
"""Bytes of a text that are looked at: what it is meant as stands at its beginning."""
_WHOLE: Final = 4_096
"""Bytes beyond which a text is no record that somebody typed."""


def near_misses(
    records: Iterable[tuple[bytes, ...]], own: frozenset[str] = frozenset(), domain: str = ""
) -> tuple[bytes, ...]:
    """The TXT texts of *domain* that are meant as an SPF record, and are none; *own* are our includes."""
    texts = [text for strings in records if _may_be(text := b"".join(strings), own)]
    if not texts:  # as most texts are that are no record
        return ()
    good = set(select([(text,) for text in texts]))
    return tuple(dict.fromkeys(text for text in texts if text not in good and _is_meant(text, own, domain)))


def _may_be(text: bytes, own: frozenset[str]) -> bool:
    lower = text.lower()
    if _HINT.search(lower):
        return True
    return bool(own) and holds_own(lower.decode("latin-1"), own, "")


def _is_meant(text: bytes, own: frozenset[str], domain: str) -> bool:
    shown = text[:_LONGEST].decode("latin-1")
    if _OTHERS.match(shown) and not _INSIDE.search(shown):
        return False
    if _MEANT.match(shown) or _INSIDE.search(shown):
        return True
    marked, _, _ = plain(shown)
    if kind_of(marked.text.split()) is not None:
        return False
    if begin(marked, shown) is not None or without_version(text, own, domain):
        return True
    # What it says nobody can tell for sure, but not that it was meant as something else.
    return holds_terms(marked.text) and bool(_SAYS_SPF.search(marked.text))


def without_version(text: bytes, own: frozenset[str], domain: str) -> bool:
    """The text says nothing of SPF, and is meant as that for what it holds: a list of terms, or our name."""
    if len(text) > _WHOLE:
        return False
    marked, _, _ = plain(text.decode("latin-1"))
    return is_terms(marked.text) or holds_own(marked.text, own, domain)


def is_continuation(text: bytes) -> bool:
    """A text without a version that reads like a part of an SPF record."""
    return len(text) <= _WHOLE and is_list(text.decode("latin-1"))


def slip_of(text: bytes) -> Slip:
    """What keeps a near miss from being a record."""
    shown = text.decode("latin-1")
    if _DONE.match(shown.lstrip(" ")):
        return Slip.LEADING_SPACE
    if re.match(r"\s*[\"'`]|v=spf1\"", shown) or re.match(r"\s*\xe2\x80[\x98-\x9f]", shown):
        return Slip.QUOTES
    if re.match(r"v=spf1[;,:]", shown, re.IGNORECASE):
        return Slip.PUNCTUATION
    if re.match(r"v=spf1[a-z+?~-]", shown, re.IGNORECASE):
        return Slip.GLUED
    if re.match(r"v=spf1[\t\r\n]", shown, re.IGNORECASE):
        return Slip.CONTROL
    if re.match(r"[\x80-\xff]|v=spf1[\x80-\xff]", shown, re.IGNORECASE):
        return Slip.TYPOGRAPHY
    begun = begin(plain(shown)[0], shown)
    wrapped = {Slip.WRAPPED, Slip.TOKEN, Slip.KEY, Slip.POLICY}
    if begun is not None and any(change.slip in wrapped for change in begun.changes):
        return Slip.WRAPPED
    return Slip.VERSION
