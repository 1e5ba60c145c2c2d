"""What a proposed record would still do to the mail of others: its findings of severity error.

A repair lets our servers pass and changes nothing for anybody else, so a dead include stays, and so does a limit that
others meet, or a server that is listed where no receiver looks. Whoever publishes the proposal has to know.
"""

from __future__ import annotations

from collections.abc import Iterator

from spfcheck.audit.flat.outcome import stop_of
from spfcheck.audit.flat.record import NotPlain, Plain
from spfcheck.audit.judgement.networks import FAMILIES, family_name
from spfcheck.audit.judgement.review import tree_findings
from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.unread import unread
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, Severity
from spfcheck.rfc7208.limits import STRICT, UNLIMITED
from spfcheck.rfc7208.ranges import everything, intersect, subtract
from spfcheck.rfc7208.record import parse
from spfcheck.rfc7208.verdict import Cause

__all__ = ["remaining"]


def remaining(case: Case, text: str) -> tuple[Finding, ...]:
    """The findings of severity error that *text*, published for *case*, would have, whoever sends.

    Too many void lookups count where they keep some address from passing. Raises `Missing` where answers are wanted.
    """
    return (*_limits(case, text), *unread(case, text))


def _limits(case: Case, text: str) -> list[Finding]:
    """What the tree below the record runs into."""
    plain = case.plain(text)
    if plain is not None:
        try:
            return list(_plainly(plain))
        except NotPlain:  # a limit is met among the hosts of one term
            pass
    found = case.survey(parse(text))
    said = [one for one in tree_findings(found, case.domain) if one.severity is Severity.ERROR]
    if max(found.voids.values()) > STRICT.voids:
        said += _voids(case, text)
    return said


def _plainly(plain: Plain) -> Iterator[Finding]:
    """The same of a plain record, of which nothing but too many void lookups can be wrong."""
    for family in FAMILIES:
        stop = stop_of(plain, family, STRICT)
        if stop is None or stop.cause is not Cause.VOID_LIMIT:
            continue
        behind = plain.parts[stop.index :]
        if any(part.known.passing[family] if part.known is not None else part.held[family] for part in behind):
            yield finding(Code.VOID_LIMIT, plain.domain, count=stop.voids, family=family_name(family))


def _voids(case: Case, text: str) -> Iterator[Finding]:
    for family in FAMILIES:
        others = subtract(everything(family), case.ours.allowed[family])
        met = [
            cell
            for cell in case.partition(text, others, family).cells
            # What hangs on the message was counted as void, and need not be.
            if cell.cause is Cause.VOID_LIMIT and not cell.depends
        ]
        if not met:
            continue
        passing = case.partition(text, others, family, UNLIMITED).passing()
        if any(intersect(cell.addresses, passing) for cell in met):
            count = max(cell.void_lookups for cell in met)
            yield finding(Code.VOID_LIMIT, case.domain, count=count, family=family_name(family))
