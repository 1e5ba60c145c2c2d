"""How large a repair may become: the certificate for what takes more work than one check may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from spfcheck.audit.judgement.tree import survey
from spfcheck.audit.repair.case import Case
from spfcheck.resolver.types import Outcome
from spfcheck.rfc7208.effort import Effort, Measure, TooLargeError
from spfcheck.rfc7208.limits import STRICT
from spfcheck.rfc7208.record import Record

__all__ = ["hold_texts", "is_so_large", "too_large"]

SMALL: Final = 100
"""Terms and lookups of a tree up to which no search for a repair takes more work than a check may do."""


def too_large(error: TooLargeError) -> dict[str, Any]:
    """The certificate that no repair was looked for, or to the end, and the figure that it would have taken more than.

    *count* is how much there is, 0 where the count was ended.
    """
    return {"code": "too-large", "reason": error.measure.value, "most": error.most, "count": error.count}


def hold_texts(texts: Sequence[bytes], work: Effort) -> None:
    """Raise `TooLargeError` where *texts*, which are to become one record, are too large for that."""
    work.hold(Measure.BYTES, sum([len(text) for text in texts]))
    work.hold(Measure.TERMS, sum([len(text.split()) for text in texts]))


def is_so_large(case: Case, record: Record, certificate: Mapping[str, Any]) -> bool:
    """Whether the tree of *record* is as large as *certificate* says, or large enough to take the work that it names.

    How much a search takes is known to whoever searches; what is looked at afresh is that nothing small is given up.
    """
    measure = next((one for one in Measure if one == certificate["reason"]), None)
    found = survey(record, case.domain, case.answers, drawn=False)
    terms = sum([len(one.terms) for one in found.records.values()])
    if measure is Measure.TREE_TERMS:
        return terms > int(certificate["most"])
    if measure is Measure.QUESTIONS:
        refused = any(answer.outcome is Outcome.LIMITED for answer in case.answers.values())
        return refused or found.lookups > STRICT.lookups
    return measure is not None and terms + found.lookups > SMALL
