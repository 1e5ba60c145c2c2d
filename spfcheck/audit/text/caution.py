"""What no mend settles by itself: where a wrong guess would let somebody in, or leave somebody out, unseen.

A reading may be the only one that the catalogue of slips knows and still not be what a person meant. So a mended text
is held once more against the published one, by rules that know nothing of how it was mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from spfcheck.audit.text.characters import plain
from spfcheck.audit.text.own_names import own_meant
from spfcheck.audit.text.slips import Slip
from spfcheck.audit.text.typos import almost_all
from spfcheck.rfc7208.effort import Effort, Measure
from spfcheck.rfc7208.record import Record, Result, parse

__all__ = ["doubt"]

_SIGNED: Final = re.compile(r"[\"'(<>\\+]*(?P<word>[-~?!\u00ac][^\s\"]*)")
"""A word with a sign that says something else than pass, and ``!``, which is no sign and still means "not"."""
_VERSION: Final = re.compile(r"v\W{0,2}spf", re.IGNORECASE)
_AGAIN: Final = re.compile(r"(v=spf1\W*)+", re.IGNORECASE)
"""The version at the beginning, however often it stands there."""
_MODIFIERS: Final = ("redirect=", "exp=", "v=")
_MECHANISM: Final = re.compile(r"[-~?+!]?(ip|a\b|mx|include|exists|ptr|\d)", re.IGNORECASE)
_MASK: Final = re.compile(r"ip4:255\.\d+\.\d+\.\d+\Z", re.IGNORECASE)
"""255.0.0.0 and above are no hosts (RFC 1112 4): it is the mask of the address in front of it."""
_USUAL: Final = 64
"""Characters of a word from which on it counts as several."""


def doubt(
    published: str, mended: str, own: frozenset[str], domain: str, work: Effort | None = None
) -> tuple[Slip, str] | None:
    """Why *mended* may not be what the owner of *published* meant, and the words; None where nothing speaks against it.

    *published* is as it was typed, each character a byte; *own* are our includes,
    *domain* is whose record it is. Raises `TooLargeError` where more words than *work* allows stand against each other.
    """
    typed = plain(published)[0].text
    record = parse(mended)
    doubts = chain(
        _signs(typed.split(), record, work or Effort()),
        _leftovers(published, record),
        _second_record(typed, own, domain),
    )
    return next(doubts, None)


def _signs(words: Sequence[str], record: Record, work: Effort) -> Iterator[tuple[Slip, str]]:
    """Whoever is turned away must not be let in because of a slip beside the sign, nor a neighbour of theirs."""
    let_in = [term for term in record.terms if term.result is Result.PASS and not term.is_modifier]
    for word in words:
        found = _SIGNED.match(word)
        if found is None or not _turns_away(found["word"]):
            continue
        bare = _unsigned(found["word"])
        parts = set(re.split(r"[^a-z0-9]+", bare))
        work.spend(Measure.COMPARISONS, len(let_in) * (1 + len(bare) // _USUAL))
        for term in let_in:
            argument = (term.domain_spec or "").lower()
            if (argument in bare and len(argument) > 1) if argument else term.name in parts:
                yield Slip.LONE_SIGN, word
        if bare[:1].isdigit():  # a range with a space in front of its end looks like that as well
            yield Slip.LONE_SIGN, word


def _unsigned(word: str) -> str:
    return word.lstrip("-~?!+\u00ac").lower()


def _turns_away(word: str) -> bool:
    """Whether *word*, which has a sign, speaks of somebody: not of everybody else, and not of the record itself."""
    bare = _unsigned(word)
    if not bare or bare.startswith((*_MODIFIERS, "all")):
        return False
    return not almost_all(bare.rstrip(".,;:!\"'<>)"))


def _leftovers(published: str, record: Record) -> Iterator[tuple[Slip, str]]:
    """What is left of the mended text that nobody can have meant as a term."""
    is_record = published.lower().startswith(("v=spf1 ", "v=spf1\t"))
    for term in record.terms:
        if _VERSION.match(term.text) and not is_record:
            yield Slip.VERSION, term.text
        elif _MASK.match(term.text):
            yield Slip.NETMASK, term.text
        elif term.is_modifier and term.name not in ("redirect", "exp") and not is_record:
            yield Slip.UNKNOWN_WORD, term.text


def _second_record(text: str, own: frozenset[str], domain: str) -> Iterator[tuple[Slip, str]]:
    """A second record in the same text, which lists others than us: it was meant to be read, and would be dead."""
    _, again, rest = _AGAIN.sub("", text, count=1).lower().partition("v=spf1")
    for word in rest.split() if again else ():
        if _MECHANISM.match(word) and own_meant(word.partition(":")[2], own, domain) is None:
            yield Slip.PASTED, word
