"""What was changed in a text, a sentence each: followed by hand, they lead to the proposed text."""

from __future__ import annotations

from spfcheck.audit.text.characters import named, readable, visible
from spfcheck.audit.text.slips import Correction, Slip
from spfcheck.audit.text.tokens import where_it_belongs

__all__ = ["sentence"]

_LETTERS = frozenset({Slip.TYPOGRAPHY, Slip.CONTROL, Slip.QUOTES})


def sentence(change: Correction, domain: str) -> str:
    """What *change* did to the record of *domain*."""
    words = visible(change.words)
    if change.slip in (Slip.TOKEN, Slip.KEY, Slip.POLICY):
        return where_it_belongs(change.slip, words, domain)
    if change.slip is Slip.GLUED_TOKEN:
        token = words[len(change.becomes) :]
        return f"“{words}” becomes “{change.becomes}”. {where_it_belongs(change.slip, token, domain)}"
    if change.slip is Slip.JOINT:
        return "A space is added wherever two strings of the record meet."
    if change.slip is Slip.LEADING_SPACE:
        return "The space in front of the record goes."
    if change.slip is Slip.VERSION and not change.words:
        return f"“{change.becomes}” is added at the beginning."
    if change.slip in _LETTERS and len(readable(change.words)) == 1:
        return _character(change, words)
    if change.slip is Slip.REPEATED_MODIFIER:
        return f"“{words}”, which stands there more than once, is kept once."
    if change.becomes == " ":
        return f"“{words}” becomes a space."
    if not change.becomes:
        return f"“{words}” is dropped ({change.slip.value})."
    return f"“{words}” becomes “{change.becomes}” ({change.slip.value})."


def _character(change: Correction, shown: str) -> str:
    name = named(change.words)
    if change.becomes == " ":
        return f"The {name} becomes a space."
    if change.slip is Slip.QUOTES:
        if shown == "\\":
            return "Every backslash is left out: it is not part of the record."
        seen = shown if len(shown) == 1 else name
        return f"Every {seen} is left out: quotation marks are not part of the record."
    if not change.becomes:
        return f"The {name} is left out."
    return f"{name} becomes “{change.becomes}”."
