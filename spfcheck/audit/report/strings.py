"""The character-strings of a TXT record (RFC 1035 3.3): how a long value is cut."""

from __future__ import annotations

from typing import Final

STRING_BYTES: Final = 255
"""What one character-string holds (RFC 1035 3.3)."""


def split_strings(text: str) -> tuple[str, ...]:
    """*text* in character-strings of at most 255 bytes, none of which begins or ends with a space.

    The cut lies inside a term: some panels trim each string, and a cut at a space would then glue two terms. Where
    nothing but spaces stands within reach there is no such cut, and a string of spaces is left.
    """
    strings: list[str] = []
    at = 0
    while len(text) - at > STRING_BYTES:
        cut = at + STRING_BYTES
        while cut > at and (text[cut - 1] == " " or text[cut] == " "):
            cut -= 1
        if cut == at:
            cut += STRING_BYTES
        strings.append(text[at:cut])
        at = cut
    strings.append(text[at:])
    return tuple(strings)
