"""The character-strings of a TXT record (RFC 1035 3.3): how a long value is cut."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

STRING_BYTES: Final = 255
"""What one character-string holds (RFC 1035 3.3)."""
_INSIDE: Final = re.compile(r"[^ ](?=[^ ])")
"""A character of a term that is not its last one: behind it may be cut."""


def split_strings(text: str) -> tuple[str, ...]:
    """*text* in character-strings of at most 255 bytes, none of which begins or ends with a space.

    The cut lies inside a term: some panels trim each string, and a cut at a space would then glue two terms. Where
    nothing but spaces stands within reach there is no such cut, and a string of spaces is left.
    """
    if len(text) <= STRING_BYTES:
        return (text,)
    inside = [match.start() + 1 for match in _INSIDE.finditer(text)]
    strings: list[str] = []
    at = 0
    while len(text) - at > STRING_BYTES:
        place = bisect_right(inside, at + STRING_BYTES) - 1
        cut = inside[place] if place >= 0 and inside[place] > at else at + STRING_BYTES
        strings.append(text[at:cut])
        at = cut
    strings.append(text[at:])
    return tuple(strings)
