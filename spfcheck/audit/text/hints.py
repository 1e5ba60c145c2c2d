"""Which slip a fault is, for its hint, and what a word that cannot be read may mean."""

from __future__ import annotations

import re
from typing import Final

from spfcheck.audit.text.addresses import network_in
from spfcheck.audit.text.apart import together
from spfcheck.audit.text.characters import plain, readable
from spfcheck.audit.text.meanings import WordMeaning, readings
from spfcheck.audit.text.own_names import NAME
from spfcheck.audit.text.slips import Slip
from spfcheck.rfc7208.effort import Effort
from spfcheck.rfc7208.record import Span

__all__ = ["possible", "slip_at", "why_unreadable"]

MOST_READINGS: Final = 3
"""Readings of one word that are told; more help nobody."""

_FOLLOWING: Final = re.compile(" *(?P<word>[^ ]+)")
_NEEDS_ARGUMENT: Final = re.compile(r"[+\-?~]?(?:include|exists|ip[46]|ipv[46])\Z", re.IGNORECASE | re.ASCII)
_NETWORK_WORD: Final = re.compile(r"[+\-?~]?ipv?[46]?[:=](?P<rest>.*)\Z", re.IGNORECASE | re.ASCII)
_REASONS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.ASCII), slip)
    for pattern, slip in (
        (r"[+\-?~]+\Z", Slip.LONE_SIGN),
        (r"[+\-?~]{2,}.", Slip.REPEATED_SIGN),
        (r".*://", Slip.URL),
        (r"[+\-?~](?:redirect|exp)=", Slip.SIGN_ON_MODIFIER),
        (r"redirect:", Slip.REDIRECT_COLON),
        (r"[+\-?~]?all[+\-?~]\Z", Slip.SIGN_BEHIND),
        (r"[+\-?~]?(?:ipv?[46]?:)?[0-9a-f:]+%[a-z0-9]+(?:/[0-9]+)?\Z", Slip.SCOPE_ID),
        (r"[^%]*@", Slip.MAIL_ADDRESS),
        (r".+[^+\-?~](?:ip4|ip6|include|exists):", Slip.GLUED),
        (r"[+\-?~]?(?:ipv?[46]?[:=])?[0-9.]+/[0-9.]+\.[0-9.]+\Z", Slip.NETMASK),
        (r"[+\-?~]?(?:ipv?[46]?[:=]).*/", Slip.BAD_PREFIX),
        (r"[+\-?~]?(?:ipv?[46]?[:=]).", Slip.BAD_ADDRESS),
        (r"[0-9.]+(?:/[0-9]+)?\Z", Slip.BAD_ADDRESS),
        (r"(?:include|exists|redirect|ip[46])[.;,]", Slip.SEPARATOR),
        (r".*/[0-9]", Slip.BAD_PREFIX),
        (r"[+\-?~]?(?:include|ip[46]|exists|redirect|exp|a|mx)[:=]\Z", Slip.EMPTY_ARGUMENT),
    )
)


def why_unreadable(text: str) -> Slip:
    """What is wrong with a word that has no reading, by what it is."""
    if not text.isascii():
        if not any(char.isalpha() for char in text if not char.isascii()):
            return Slip.TYPOGRAPHY
        return (
            Slip.UNICODE_NAME
            if re.match(r"[+\-?~]?[a-z]+[:=]", text, re.IGNORECASE | re.ASCII)
            else Slip.FOREIGN_LETTER
        )
    if network_in(text) is not None:
        return Slip.TOO_WIDE
    if _NEEDS_ARGUMENT.match(text):
        return Slip.MISSING_ARGUMENT
    if (match := _NETWORK_WORD.match(text)) and NAME.match(match["rest"]):
        return Slip.NAME_AS_ADDRESS
    for pattern, slip in _REASONS:
        if pattern.match(text):
            return slip
    if NAME.match(text):
        return Slip.BARE_NAME
    slips = {one.slip for one in _optimistic(text)}
    return slips.pop() if len(slips) == 1 else Slip.UNKNOWN_WORD


def possible(text: str) -> tuple[str, ...]:
    """The terms that a word may be meant as, where more than one comes to mind."""
    if "@" in text:
        return ()  # which of its parts is meant nobody knows
    match = _NETWORK_WORD.match(text)
    if match and NAME.match(match["rest"]):
        return (f"a:{match['rest']}", f"include:{match['rest']}")
    if NAME.match(text):
        return (f"a:{text}", f"include:{text}")
    if text.lower().startswith("redirect:"):
        return (f"include:{text[len('redirect:') :]}", f"redirect={text[len('redirect:') :]}")
    return tuple(" ".join(one.terms) for one in _optimistic(text)[:MOST_READINGS])


def _optimistic(text: str) -> list[WordMeaning]:
    """The readings of *text* if every name existed."""
    return [one for one in readings(text, _Anything(Effort()), has_end=True) if one.terms]


class _Anything:
    """Names of which nothing is known, all of which may exist: for a hint nobody is asked."""

    domain = ""
    own: frozenset[str] = frozenset()

    def __init__(self, work: Effort) -> None:
        self.work = work

    def has_record(self, _: str) -> bool:
        """Any name may have one."""
        return True

    def publishes(self, _: str) -> bool:
        """The same."""
        return True

    def has_address(self, _: str) -> bool:
        """The same."""
        return True

    def has_mail(self, _: str) -> bool:
        """The same."""
        return True


def slip_at(text: str, span: Span, work: Effort | None = None) -> Slip | None:
    """The slip that the fault at *span* of *text* looks like, for its hint; None for none that is known.

    Raises `TooLargeError` where that takes more than *work* allows.
    """
    begin = text.rfind(" ", 0, span.start) + 1
    end = text.find(" ", max(span.stop, begin))
    end = len(text) if end < 0 else end
    marked, _, changes = plain(text[begin:end])
    if changes:
        return changes[0].slip
    following = _FOLLOWING.match(text, end)
    return _slip_of(marked.text, readable(following["word"]) if following else "", work or Effort())


def _slip_of(word: str, following: str, work: Effort) -> Slip | None:
    joined = together(word, following) if following else None
    if joined is not None:
        return joined[0]
    address = network_in(word)
    if address is not None:
        return address[0]
    found = readings(word, _Anything(work), has_end=True)
    reasons = {one.slip for one in found}
    return reasons.pop() if len(reasons) == 1 else why_unreadable(word)
