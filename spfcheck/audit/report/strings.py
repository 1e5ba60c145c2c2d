"""The character-strings of a TXT record (RFC 1035 3.3): how a long value is cut."""

from __future__ import annotations

from typing import Final

STRING_BYTES: Final = 255
"""What one character-string holds (RFC 1035 3.3)."""


def split_strings(text: str) -> tuple[str, ...]:
    """*text* in character-strings of at most 255 bytes, none of which begins or ends with a space.

    The cut lies inside a term: some panels trim each string, and a cut at a space would then glue two terms.
    """
    strings: list[str] = []
    rest = text
    while len(rest) > STRING_BYTES:
        cut = STRING_BYTES
        while cut > 1 and " " in (rest[cut - 1], rest[cut]):
            cut -= 1
        strings.append(rest[:cut])
        rest = rest[cut:]
    strings.append(rest)
    return tuple(strings)
