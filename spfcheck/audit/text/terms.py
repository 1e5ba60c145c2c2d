"""Terms as the repair sees them: when two say the same, which are ours, and how a record is put together again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from spfcheck.rfc7208.record import Record, Result, Term

__all__ = ["ends_in", "ignored_own", "is_own", "join", "key", "plain_name", "softest"]

_SOFTNESS: Final = (Result.NEUTRAL, Result.SOFTFAIL, Result.FAIL)
"""From the softest to the hardest thing that a record can say of everyone else."""


def plain_name(name: str) -> str:
    """*name* as names are compared: lower case, without the trailing dot."""
    return name.lower().removesuffix(".")


def key(term: Term, domain: str) -> tuple[object, ...]:
    """What *term* asks, in a form that two terms share exactly if they always match the same (RFC 7208 5).

    The qualifier is left out: of two terms that match the same, the later one never decides. *domain* is the name
    whose record it is: ``a`` alone means ``a:`` and that name.
    """
    if term.is_modifier:
        return ("=", term.name, term.domain_spec)
    if term.network is not None:
        return (term.name, term.network)
    target = plain_name(domain) if term.domain_spec is None else plain_name(term.domain_spec)
    if term.spec is not None and term.target is None:
        # The case of a macro letter says whether its value is escaped (RFC 7208 7.3).
        target = term.domain_spec or ""
    if term.name == "all":
        return ("all",)
    return (term.name, target, term.cidr4, term.cidr6)


def is_own(term: Term, own: frozenset[str]) -> bool:
    """True for a mechanism that includes one of our names, whatever its qualifier."""
    return term.name == "include" and not term.is_modifier and term.target is not None and term.target in own


def ignored_own(term: Term, own: frozenset[str]) -> bool:
    """True for ``include=`` and one of our names: a modifier that nobody knows, so it is silently ignored."""
    return term.is_modifier and term.name == "include" and plain_name(term.domain_spec or "") in own


def join(head: str, terms: Iterable[str]) -> str:
    """A record of the version as written (*head*) and *terms*."""
    return " ".join([head, *terms])


def ends_in(record: Record) -> Result | None:
    """What the record's own ``all`` says of everyone else, or None where it has none."""
    return record.all_term.result if record.all_term is not None else None


def softest(results: Sequence[Result]) -> Result | None:
    """The softest of what several records say of everyone else; None where none says anything."""
    return next((result for result in _SOFTNESS if result in results), None)
