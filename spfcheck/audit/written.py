"""JSON as the service writes it: reports and their parts, without spaces, in ASCII."""

from __future__ import annotations

import codecs
import json
from typing import Any

import msgspec

from spfcheck.audit.report import as_json

__all__ = ["json_bytes"]

_ESCAPED = "spfcheck.json"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(_ESCAPED, _escaped)
_encode = msgspec.json.Encoder(enc_hook=as_json).encode


def json_bytes(value: Any) -> bytes:
    """What `json.dumps(as_json(value))` says, in a tenth of its time.

    In ASCII: whatever a stranger's DNS said is escaped, line separators and controls too.
    """
    try:
        text = _encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair, as a client's JSON can hold it
        return json.dumps(as_json(value), separators=(",", ":")).encode("ascii")
    if text.isascii() and b"\x7f" not in text:
        return text
    return text.decode().replace("\x7f", r"\u007f").encode("ascii", _ESCAPED)
