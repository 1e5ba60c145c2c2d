"""Texts that are meant as SPF and are none (RFC 7208 4.5 takes a record by its first characters)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from spfcheck.audit.text.slips import Slip
from spfcheck.rfc7208.record import select

__all__ = ["is_continuation", "near_misses", "slip_of"]

_ODD: Final = r"(?:[\s\"'`\x00-\x20\x7f-\xff]|\xe2\x80.|\xc2\xa0|\xef\xbb\xbf)*"
_MEANT: Final = re.compile(rf"{_ODD}(?:v{_ODD}=?{_ODD}spf\d?|spf1\b|spf=)", re.IGNORECASE | re.DOTALL)
_DONE: Final = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
_PART: Final = re.compile(r"(?:[+?~-]?(?:include|ip4|ip6|a|mx|exists):\S+\s+)*[~?-]all\s*\Z", re.IGNORECASE)
_OTHERS: Final = re.compile(r"v=(?:dmarc|dkim|sts|tls|bimi)", re.IGNORECASE)


def near_misses(records: Iterable[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """The TXT texts that begin almost like an SPF record, and are none."""
    texts = [text for strings in records if b"spf" in (text := b"".join(strings)).lower()]
    if not texts:  # as most texts are that are no record
        return ()
    good = set(select([(text,) for text in texts]))
    return tuple(text for text in texts if text not in good and _is_meant(text))


def _is_meant(text: bytes) -> bool:
    shown = text[:400].decode("latin-1")
    return bool(_MEANT.match(shown)) and not _OTHERS.match(shown)


def is_continuation(text: bytes) -> bool:
    """A text without a version that reads like the rest of an SPF record."""
    return bool(_PART.match(text.decode("latin-1")))


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
    return Slip.VERSION
