"""The text of a plain record, word by word.

A term is right or wrong by itself (RFC 7208 4.6.1; only modifiers look at each other), so those that many records share
are read once for all, and a usual network is read by a shorter way.
"""

from __future__ import annotations

import re
from typing import Final

from spfcheck.audit.flat.memory import Memory, Part
from spfcheck.audit.flat.record import NotPlain, Plain
from spfcheck.audit.judgement.everybody import WIDEST_HOSTS
from spfcheck.audit.judgement.review import network_findings
from spfcheck.audit.text.terms import key
from spfcheck.rfc7208.grammar import read_term
from spfcheck.rfc7208.record import Problem, Result, Term

__all__ = ["read_plain", "usual_network"]

MOST_COSTLY: Final = 20
"""Terms that ask the DNS; records with more are rare, and may come near our ceiling on questions."""


def read_plain(text: str, domain: str, memory: Memory, like: Plain | None = None) -> Plain:
    """The terms of *text*, published at *domain*. Raises `NotPlain` for every record that is more than that.

    Nothing may be to be said of a single term, and none may stand twice. What *like*, another record of the domain, has
    found out about a term holds here as well.
    """
    if not text.isascii() or not text.isprintable():
        raise NotPlain
    words = text.split()
    same = {part.text: part for part in like.parts} if like is not None else {}
    parts: list[Part] = []
    waiting: list[int] = []
    for place, word in enumerate(words[1:-1]):
        part = same.get(word)
        if part is None:
            part = memory.parts.get(word) or _part(word, domain, memory)
            if part.term is not None and part.term.cost:
                waiting.append(place)
        parts.append(part)
    keys = {part.key for part in parts}
    end = memory.parts.get(words[-1]) or _part(words[-1], domain, memory)
    if not parts or len(keys) < len(parts) or not keys.isdisjoint((domain, _ALL)) or end.key != _ALL:
        raise NotPlain
    if len(waiting) > MOST_COSTLY:
        raise NotPlain
    return Plain(text, domain, memory, parts, end, waiting)


_ALL: Final = ("all",)


def _part(word: str, domain: str, memory: Memory) -> Part:
    """The part that *word* is."""
    if word[:2] == "ip":
        network = usual_network(word)
        if network is not None:
            held = {4: (network,), 6: ()} if word[2] == "4" else {4: (), 6: (network,)}
            return Part(word, None, "", network, held)
    term = memory.terms.get(word) or _read(word, memory)
    if term.name == "include":
        return Part(word, term, term.target or "", term.target)
    part = Part(word, term, term.target or domain, key(term, domain))
    if part.key == _ALL:
        memory.trim()
        memory.parts[word] = part
    elif term.network is not None:
        if next(network_findings(term, domain), None) is not None:
            raise NotPlain
        part.key = term.network
        part.held = {4: (), 6: (), term.family or 4: (term.network,)}
    return part


def _read(word: str, memory: Memory) -> Term:
    """One term; remembered where many records may have it."""
    problems: list[Problem] = []
    term = read_term(word, 0, problems)
    if problems or term.is_modifier or (term.name == "all") is (term.result is Result.PASS):
        raise NotPlain
    if term.network is not None:
        return term
    if term.name not in ("include", "a", "mx", "all") or (term.spec is not None and term.target is None):
        raise NotPlain
    if term.name in ("a", "mx") and (term.cidr4 < WIDEST_HOSTS[4] or term.cidr6 < WIDEST_HOSTS[6]):
        raise NotPlain  # it may let a whole family in
    if term.target is None or term.name == "include":
        memory.trim()
        memory.terms[word] = term
    return term


_OCTET: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_USUAL: Final = re.compile(rf"ip4:{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?:/(1[6-9]|2[0-9]|3[0-2]))?\Z", re.ASCII)


_USUAL_V6: Final = re.compile(
    r"ip6:(2[0-9a-f]{3}(?::[0-9a-f]{1,4}){1,6})::/(3[3-9]|[4-9][0-9]|1[01][0-9]|12[0-8])\Z", re.ASCII
)


def usual_network(word: str) -> tuple[int, int] | None:
    """The network of an ``ip4`` or ``ip6`` term without a finding: not wide, no host bits, not private.

    Reads what `spfcheck.rfc7208.grammar.read_term` reads, for these alone, in a fifth of its time.
    """
    match = _USUAL.match(word)
    if match is None:
        return _usual_v6(word)
    first, second, third, fourth, prefix = match.groups()
    if first in _ODD_FIRST:
        return None
    low = int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)
    if prefix is None:
        return low, low
    rest = (1 << 32 - int(prefix)) - 1
    return None if low & rest else (low, low | rest)


def _usual_v6(word: str) -> tuple[int, int] | None:
    """The same of an ``ip6`` of the usual form: the first groups of a network and its prefix length."""
    match = _USUAL_V6.match(word)
    if match is None:
        return None
    text, prefix = match.groups()
    groups = text.split(":")
    low = int("".join([group.zfill(4) for group in groups]), 16) << 128 - 16 * len(groups)
    rest = (1 << 128 - int(prefix)) - 1
    return None if low & rest else (low, low | rest)


_ODD_FIRST: Final = frozenset({"10", "100", "127", "169", "172", "192"})
"""First bytes of the networks that cannot send over the Internet, among others."""
