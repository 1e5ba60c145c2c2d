"""Our own name, misspelt or with the wrong word in front of it: what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.meant import Base, base_of
from spfcheck.audit.repair.naming import AskedNames
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, Severity
from spfcheck.audit.text.heal import misspelt_own
from spfcheck.audit.text.own_names import own_meant
from spfcheck.audit.text.slips import Correction, Slip
from spfcheck.rfc7208.record import parse

__all__ = ["misspelt_beside", "with_misspelt"]

_SAID_ALREADY = (Code.INCLUDE_NO_RECORD, Code.REDIRECT_NO_RECORD, Code.VOID_LOOKUP)
"""What is said of a name that does not exist, whoever is meant."""


def with_misspelt(case: Case, findings: Sequence[Finding]) -> list[Finding]:
    """*findings*, and for each term that the repair takes for ours misspelt that it is."""
    base = base_of(case) if "base" in case.found else None
    changes = [one for one in base.changes if one.slip is Slip.OWN_NAME] if isinstance(base, Base) else []
    if not changes:
        return list(findings)
    places = [_place(case, change) for change in changes]
    known = {(case.domain, span) for span in places}
    said = [one for one in findings if one.code not in _SAID_ALREADY or (one.domain, one.span) not in known]
    for span, change in zip(places, changes, strict=True):
        meant = change.becomes or f"include:{_own(case, change.words)}"
        said.append(finding(Code.INCLUDE_MISSPELT, _where(case, change), span, written=change.words, meant=meant))
    return said


def _where(case: Case, change: Correction) -> str:
    """The name at which the record with these words stands."""
    words = change.words.encode("latin-1", "replace")
    places = (place.name for place in case.places if any(words in text for text in place.texts))
    return next(places, case.domain)


def _place(case: Case, change: Correction) -> tuple[int, int] | None:
    """Where the words stand in the one published record."""
    text = case.texts[0].decode("latin-1") if len(case.texts) == 1 else ""
    if text[slice(*change.span)] == change.words:
        return change.span.start, change.span.stop
    at = text.find(change.words)
    return (at, at + len(change.words)) if at >= 0 else None


def _own(case: Case, words: str) -> str:
    name = words.partition(":")[2] or words.partition("=")[2] or words
    return own_meant(name, case.ours.names, case.domain) or ""


def misspelt_beside(case: Case) -> Iterator[Finding]:
    """The same as a warning where ours pass all the same: a misspelt copy in the one valid record of *case*."""
    record = parse(case.texts[0]) if len(case.texts) == 1 else None
    if record is None or not record.valid:
        return
    named = AskedNames(case)
    for term in record.terms:
        own = misspelt_own(term, named)
        if own is not None:
            span = (term.span.start, term.span.stop)
            meant = f"include:{own}"
            yield finding(
                Code.INCLUDE_MISSPELT, case.domain, span, severity=Severity.WARNING, written=term.text, meant=meant
            )
