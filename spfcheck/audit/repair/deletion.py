"""The deletion lemma: which terms of a record can never decide (repair, section A)."""

from __future__ import annotations

from spfcheck.audit.text.terms import key
from spfcheck.rfc7208.record import Record, Term

__all__ = ["deciding", "deletable"]


def deletable(record: Record, domain: str) -> list[Term]:
    """The terms of *record* that can never decide: repetitions, what follows ``all``, a redirect beside it.

    A direct include of the domain itself is among them: it only uses up lookups (``res`` with limits lifted).
    """
    seen: set[tuple[object, ...]] = set()
    dead: list[Term] = []
    after = False
    for term in record.terms:
        if term.is_modifier:
            if term.name == "redirect" and record.all_term is not None:
                dead.append(term)
            continue
        same = key(term, domain)
        itself = term.name == "include" and term.target == domain
        if after or same in seen or itself:
            dead.append(term)
        seen.add(same)
        after = after or term is record.all_term
    return dead


def deciding(record: Record, domain: str) -> str:
    """*record* without the terms that can never decide.

    With its limits lifted it says the same, and nothing is asked again and again on the way.
    """
    dead = {id(term) for term in deletable(record, domain)}
    return " ".join(["v=spf1", *(term.text for term in record.terms if id(term) not in dead)])
