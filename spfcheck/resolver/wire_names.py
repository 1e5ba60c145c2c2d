"""Names between text and wire: the text of `Question`, and the uncompressed lower-case wire form used in this room."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

LONGEST_NAME: Final = 255
"""Bytes of a name on the wire, length bytes and the root included (RFC 1035 2.3.4)."""
LONGEST_LABEL: Final = 63
"""Bytes of one label (RFC 1035 2.3.4)."""
LONGEST_CHAIN: Final = 10
"""CNAME links that we follow; more is a failure. RFC 1034 3.6.2 names no number, resolvers stop at 8 to 16."""

_PREFIX: Final = [bytes([length]) for length in range(LONGEST_LABEL + 1)]
# What stands for itself in the text of a name: printable ASCII but the dot that separates labels and the backslash.
_PLAIN: Final = re.compile(rb"[!-\-/-\[\]-~]*", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(\d{3})")


def encode(name: str) -> bytes | None:
    """The wire form of *name*, lower-case; None when no DNS message can carry it.

    A name with an empty label, a label over 63 bytes, more than 253 characters or a character over U+00FF cannot be
    asked for, and so cannot exist. The empty string is the root.
    """
    if not name:
        return b"\0"
    head, dot, rest = name.partition(".")
    if dot and head and len(name) < LONGEST_NAME and head.isascii():
        # Names stand below few others, which are asked for again and again.
        above = _encoded(rest)
        if above is None or len(head) > LONGEST_LABEL or len(head) + 1 + len(above) > LONGEST_NAME:
            return None
        return _PREFIX[len(head)] + head.lower().encode("ascii") + above if rest else None
    try:
        labels = name.encode("latin-1").split(b".")
    except UnicodeEncodeError:
        return None
    try:
        wire = b"".join([_PREFIX[len(label)] + label for label in labels]) + b"\0"
    except IndexError:
        return None
    if b"" in labels or len(wire) > LONGEST_NAME:
        return None
    # Length bytes are at most 63, below "A": lowering the whole form touches letters only (RFC 4343 3).
    return wire.lower()


@lru_cache(maxsize=8192)
def _encoded(name: str) -> bytes | None:
    return encode(name)


def labels_of(wire: bytes) -> list[bytes]:
    """The labels of an uncompressed wire name, without the root."""
    labels = []
    position = 0
    while length := wire[position]:
        labels.append(wire[position + 1 : position + 1 + length])
        position += 1 + length
    return labels


def decode(wire: bytes) -> str:
    """The text of an uncompressed wire name; an ambiguous byte stands as ``\\DDD`` (RFC 1035 5.1)."""
    return ".".join(_label_text(label) for label in labels_of(wire))


def encode_printed(text: str) -> bytes:
    """The wire form of what `decode` gave; raises ValueError for text that it cannot have given."""
    if not text:
        return b"\0"
    labels = [_ESCAPE.sub(lambda match: bytes([int(match[1])]), label) for label in text.encode("latin-1").split(b".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def is_below(wire: bytes, ancestor: bytes) -> bool:
    """True when the wire name is *ancestor* or a name under it; both lower-case."""
    if not wire.endswith(ancestor):
        return False
    # The suffix must begin at a label, not inside one.
    position = 0
    start = len(wire) - len(ancestor)
    while position < start:
        position += 1 + wire[position]
    return position == start


@lru_cache(maxsize=4096)
def _label_text(label: bytes) -> str:
    if _PLAIN.fullmatch(label):
        return label.decode("ascii")
    return "".join(chr(byte) if _PLAIN.fullmatch(bytes([byte])) else f"\\{byte:03d}" for byte in label)
