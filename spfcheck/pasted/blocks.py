"""A pasted text taken apart: header fields, and everything as one line.

Messages are pasted whole, in part, quoted with ``>``, with folds that a web page turned into new lines, and inside of
other messages. So the fields are looked for line by line, wherever they stand, and the standard library's parser is
asked only for what a transfer encoding hides.
"""

from __future__ import annotations

import email
import re
from email.message import Message
from typing import Final

PARTS: Final = 64
"""Parts of a message that are decoded: a bounce has three."""

_FIELD: Final = re.compile(r"[>|\s]{0,40}([A-Za-z][A-Za-z0-9-]{0,60}):[ \t]?(.*)")
_QUOTED: Final = re.compile(r"(?m)^(?:[>|][ \t]?){1,20}")
_ENCODED: Final = re.compile(r"(?im)^[> \t]{0,9}content-transfer-encoding:[ \t]*(?:base64|quoted-printable)")
_CODES: Final = re.compile(r"(?<![\w.])[45]\d\d[- #]{0,3}(?:\(?#?[45]\.\d{1,3}\.\d{1,3}\)?)?(?=[\s:;>-])[-:;]?")
"""A reply's code at the head of each of its lines (RFC 5321 4.2.1), which programs join into one."""

_TAG: Final = re.compile(r"</?(?:br|p|div|td|tr|pre|span|li|ul|b|i|a|code)\b[^<>]{0,300}>", re.IGNORECASE)


def opened(text: str) -> str:
    """*text*, with what its transfer encodings hide added behind it."""
    if not _ENCODED.search(text):
        return text
    try:
        message = email.message_from_string(_QUOTED.sub("", text).lstrip())
        hidden = [_decoded(part) for part, _ in zip(message.walk(), range(PARTS), strict=False)]
    except (RecursionError, LookupError, ValueError):
        return text
    return "\n\n".join([text, *filter(None, hidden)])


def _decoded(part: Message) -> str:
    if part.is_multipart() or str(part.get("content-transfer-encoding", "")).strip().lower() in ("", "7bit", "8bit"):
        return ""
    if part.get_content_maintype() not in ("text", "message"):
        return ""
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def fields(text: str) -> list[tuple[str, str]]:
    """The header fields of *text* in order: names in lower case, values unfolded.

    A line that begins no field goes on with the one before it, also where a page has eaten the space of the fold
    (RFC 5322 2.2.3); a blank line ends it.
    """
    found: list[tuple[str, list[str]]] = []
    open_ = False
    for line in text.splitlines():
        match = _FIELD.fullmatch(line)
        if match and not match[2].startswith("//"):
            found.append((match[1].lower(), [match[2].strip()]))
            open_ = True
        elif not (bare := line.strip(" \t>|")):
            open_ = False
        elif open_:
            found[-1][1].append(bare)
    return [(name, " ".join(lines)) for name, lines in found]


def one_line(text: str) -> str:
    """*text* without quoting, tags, reply codes and line ends: what a phrase that was wrapped is searched in."""
    return " ".join(_CODES.sub(" ", _TAG.sub(" ", _QUOTED.sub("", text))).split())
