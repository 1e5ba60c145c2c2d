"""Words that a space parts from what belongs to them."""

from __future__ import annotations

import re
from typing import Final

from spfcheck.audit.text.own_names import NAME
from spfcheck.audit.text.slips import Slip
from spfcheck.audit.text.typos import near_words
from spfcheck.audit.text.wrapped import starts_a_term

__all__ = ["together"]

_COLON_WORD: Final = re.compile(r"(?P<sign>[+\-?~]*)(?P<word>[a-z]+[0-9]*)[:=]\Z", re.IGNORECASE | re.ASCII)
_BARE_WORD: Final = re.compile(
    r"(?P<sign>[+\-?~]?)(?P<word>include|exists|redirect|ip[46]|ipv[46]|[a-z]{6,8})\Z", re.IGNORECASE | re.ASCII
)
_WORDS: Final = frozenset({"include", "exists", "redirect", "ip4", "ip6", "a", "mx", "ptr"})


def together(text: str, after: str) -> tuple[Slip, str] | None:
    """*text* and the word *after* it as one word, and the slip, where neither is right without the other."""
    if text in ("-", "~", "?") and after.lower() == "all":
        return Slip.SPACE_AFTER_SIGN, text + after
    if starts_a_term(after):
        return None
    if match := _COLON_WORD.match(text):
        return (Slip.SPACE_AFTER_COLON, text + after) if _is_word(match["word"]) else None
    match = _BARE_WORD.match(text)
    if match is None or not _is_word(match["word"]):
        return None
    if after[:1] in ":=":
        return Slip.MISSING_COLON, text + after
    if NAME.match(after) or (after[:1].isalnum() and any(char in after for char in ".:")):
        return Slip.MISSING_COLON, f"{text}{'=' if match['word'].lower() == 'redirect' else ':'}{after}"
    return None


def _is_word(word: str) -> bool:
    word = word.lower()
    return word in _WORDS or bool(near_words(word))
