"""The text of a plain record, word by word.

A term is right or wrong by itself (RFC 7208 4.6.1; only modifiers look at each other), so those that many records share
are read once for all, and a usual network is read by a shorter way.
"""

from __future__ import annotations

import re

from spfcheck.audit.known import Memory
from spfcheck.audit.plain import NotPlain, Part, Plain
from spfcheck.audit.review import network_findings
from spfcheck.audit.terms import key
from spfcheck.rfc7208.grammar import read_term
from spfcheck.rfc7208.record import Problem, Result, Term

__all__ = ["read_plain", "usual_network"]

MOST_COSTLY = 20
"""Terms that ask the DNS; records with more are rare, and may come near our ceiling on questions."""


def read_plain(text: str, domain: str, memory: Memory, like: Plain | None = None) -> Plain:
    """The terms of *text*, published at *domain*. Raises `NotPlain` for every record that is more than that.

    Nothing may be to be said of a single term, and none may stand twice. What *like*, another record of the domain, has
    found out about a term holds here as well.
    """
    if not text.isascii() or not text.isprintable():
        raise NotPlain
    words = text.split()
    terms = memory.terms
    parts: list[Part] = []
    seen: set[object] = set()
    known = {part.text: part for part in like.parts} if like is not None else {}
    position = len("v=spf1")
    for word in words[1:-1]:
        position = text.index(word, position)
        same = known.get(word)
        if same is not None:
            part = same.at(position)
            seen.add(word)
        elif (term := terms.get(word)) is None and (network := usual_network(word)) is not None:
            part = Part(word, position, None, "")
            part.held = {4: (network,), 6: ()}
            seen.add(network)
        else:
            part = _part(term or _read(word, memory), position, domain, seen)
        position += len(word)
        parts.append(part)
    if not parts or len(seen) < len(parts) or len(parts) - sum([part.ready for part in parts]) > MOST_COSTLY:
        raise NotPlain
    last = terms.get(words[-1]) or _read(words[-1], memory)
    if last.name != "all":
        raise NotPlain
    return Plain(text, domain, memory, parts, Part(words[-1], text.index(words[-1], position), last, ""), last.result)


def _part(term: Term, start: int, domain: str, seen: set[object]) -> Part:
    """The part that *term* is; what it asks for goes to *seen*."""
    target = term.target
    part = Part(term.text, start, term, target or domain)
    if term.name == "include":
        if target == domain:
            raise NotPlain
        seen.add(target)
        part.ready = False
    elif term.network is not None:
        if next(network_findings(term, domain), None) is not None:
            raise NotPlain
        part.held = {4: (), 6: (), term.family or 4: (term.network,)}
        seen.add(term.network)
    elif term.name == "all":
        raise NotPlain
    else:
        part.ready = False
        seen.add(key(term, domain))
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
    if term.target is None or term.name == "include":
        memory.trim()
        memory.terms[word] = term
    return term


_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_USUAL = re.compile(rf"ip4:{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?:/(1[6-9]|2[0-9]|3[0-2]))?\Z", re.ASCII)


def usual_network(word: str) -> tuple[int, int] | None:
    """The network of an ``ip4`` term of which nothing is to be said: not wide, no host bits, not private.

    Reads what `spfcheck.rfc7208.grammar.read_term` reads, for these alone, in a fifth of its time.
    """
    match = _USUAL.match(word)
    if match is None:
        return None
    first, second, third, fourth, prefix = match.groups()
    if first in _ODD_FIRST:
        return None
    low = int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)
    if prefix is None:
        return low, low
    rest = (1 << 32 - int(prefix)) - 1
    return None if low & rest else (low, low | rest)


_ODD_FIRST = frozenset({"10", "100", "127", "169", "172", "192"})
"""First bytes of the networks that cannot send over the Internet, among others."""
