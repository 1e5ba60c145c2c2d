"""Merges: the one record that several records of a domain mean together, where there is exactly one.

RFC 7208 4.5 makes more than one record a permerror, so today nobody passes by any of them. What their owner meant is
taken to be: every sender of each of them, and for everyone else the softest thing that any of them says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from spfcheck.audit.text.terms import ends_in, is_own, key, softest
from spfcheck.rfc7208.record import Record, Result, Term

__all__ = ["Merged", "NoMerge", "Unmergeable", "merge"]

_ALL: Final = {Result.FAIL: "-all", Result.SOFTFAIL: "~all", Result.NEUTRAL: "?all"}


class Unmergeable(StrEnum):
    """Why several records have no single reading together."""

    NON_PASS_TERM = "non-pass-term"  # noqa: S105 - no password
    PASS_ALL = "pass-all"  # noqa: S105 - no password
    SEVERAL_REDIRECTS = "several-redirects"
    REDIRECT_TARGET = "redirect-target"


@dataclass(frozen=True, slots=True)
class Merged:
    """The record that they mean together, and a sentence for each thing that was done."""

    text: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoMerge:
    """Why there is none, and the words that stand in the way."""

    why: Unmergeable
    words: str


def merge(
    records: Sequence[Record], domain: str, own: frozenset[str], ends_of: Callable[[str], Result | None]
) -> Merged | NoMerge:
    """The one reading of *records*, each of them valid.

    *own* are our includes. *ends_of* tells what the record of a redirect's target says of everyone else, or None where
    it has no usable record. The result does not depend on the order of the records, which the DNS leaves open.
    """
    distinct = sorted({_sameness(record, domain): record for record in _sorted(records)}.values(), key=_bytes)
    changes = []
    if len(distinct) < len(records):
        changes.append("Identical records become one.")
    listing = [record for record in distinct if not _is_parking(record)]
    if listing and len(listing) < len(distinct):
        parked = " and ".join(f"“{record.text.rstrip(' ')}”" for record in distinct if _is_parking(record))
        changes.append(f"{parked} lists nobody and goes; what the other record says of everyone else stands.")
        distinct = listing
    kept = [record for record in distinct if not _only_ours(record, own)]
    if kept and len(kept) < len(distinct):
        changes.append("The record that names only our servers is dropped; they are added to the other one.")
        distinct = kept
    if len(distinct) == 1:
        return Merged(distinct[0].text.rstrip(" "), tuple(changes))
    return _union(distinct, domain, ends_of, changes)


def _sorted(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=_bytes, reverse=True)


def _bytes(record: Record) -> bytes:
    return record.text.encode("latin-1")


def _sameness(record: Record, domain: str) -> tuple[object, ...]:
    """Records that say the same term by term are equal, whatever their spaces, case and optional signs."""
    return tuple((key(term, domain), None if term.is_modifier else term.result) for term in record.terms)


def _only_ours(record: Record, own: frozenset[str]) -> bool:
    """The record says nothing but one of our includes and an ``all`` that is not ``+all``."""
    ours = [term for term in record.terms if is_own(term, own) and term.result is Result.PASS]
    known = set(ours)
    others = [term for term in record.terms if term not in known and term is not record.all_term]
    return bool(ours) and not others and ends_in(record) is not Result.PASS


def _is_parking(record: Record) -> bool:
    """The record is an ``all`` alone that authorises nobody, as registrars and panels put it there."""
    return len(record.terms) == 1 and record.all_term is not None and ends_in(record) is not Result.PASS


def _live(record: Record) -> list[Term]:
    """The mechanisms that receivers test: those before the first ``all``."""
    live: list[Term] = []
    for term in record.terms:
        if term.name == "all" and not term.is_modifier:
            break
        if not term.is_modifier:
            live.append(term)
    return live


def _unknown(record: Record) -> list[Term]:
    """Modifiers that receivers ignore, such as ``ra=postmaster`` (RFC 6652): kept, and each once."""
    return [term for term in record.terms if term.is_modifier and term.name not in ("redirect", "exp", "v")]


def _unread(records: Sequence[Record], domain: str, kept: Mapping[tuple[object, ...], str]) -> list[str]:
    """What stands behind an ``all`` and in no other place of the merged record."""
    unread: dict[tuple[object, ...], str] = {}
    for record in records:
        live = set(_live(record))
        for term in record.terms:
            if term in live or term is record.all_term or key(term, domain) in kept:
                continue
            if not term.is_modifier or term.name == "v" or (term.name == "redirect" and record.all_term):
                unread[key(term, domain)] = term.text
    return list(unread.values())


def _union(
    records: Sequence[Record], domain: str, ends_of: Callable[[str], Result | None], changes: list[str]
) -> Merged | NoMerge:
    for record in records:
        if ends_in(record) is Result.PASS:
            assert record.all_term is not None
            return NoMerge(Unmergeable.PASS_ALL, record.all_term.text)
        for term in _live(record):
            if term.result is not Result.PASS:
                return NoMerge(Unmergeable.NON_PASS_TERM, term.text)
    terms: dict[tuple[object, ...], str] = {}
    for record in records:
        for term in _live(record):
            terms.setdefault(key(term, domain), term.text)
    # RFC 7208 6.1: a redirect beside all is ignored, so it is no part of what the record says.
    redirects = {key(r.redirect, domain): r.redirect for r in records if r.redirect and not r.all_term}
    ends = [end for end in map(ends_in, records) if end is not None]
    if len(redirects) > 1:
        return NoMerge(Unmergeable.SEVERAL_REDIRECTS, " ".join(term.text for term in redirects.values()))
    tail: list[str] = []
    for redirect in redirects.values():
        if not ends:
            tail.append(redirect.text)
            continue
        end = ends_of(redirect.target) if redirect.target is not None else None
        if end is None or end is Result.PASS:
            return NoMerge(Unmergeable.REDIRECT_TARGET, redirect.text)
        ends.append(end)
        terms.setdefault(("include", redirect.target, 32, 128), f"include:{redirect.domain_spec}")
        changes.append(f"{redirect.text} becomes an include, since another record ends in all.")
    end = softest(ends)
    tail += [_ALL[end]] if end is not None else []
    explanations = {key(r.exp, domain): r.exp.text for r in records if r.exp}
    tail += list(explanations.values()) if len(explanations) == 1 else []
    if len(explanations) > 1:
        shown = " and ".join(f"“{text}”" for text in explanations.values())
        changes.append(f"{shown} go: one record may have one explanation only.")
    terms |= {key(term, domain): term.text for record in records for term in _unknown(record)}
    changes += [f"“{text}” goes: no receiver reads it." for text in _unread(records, domain, terms)]
    changes.append(f"{len(records)} records become one: every sender of each, and the softest end of any of them.")
    return Merged(" ".join(["v=spf1", *terms.values(), *tail]), tuple(changes))
