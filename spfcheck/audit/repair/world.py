"""What a record that had to be mended or merged would let in: everybody, however that is written (repair I3).

``+all`` is only one way to say it; a network of no length, two halves, ``mx/0``, ``exists:`` of a name that exists, or
an include of such a record come to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spfcheck.audit.flat.record import Plain
from spfcheck.audit.judgement.everybody import covering, may_cover
from spfcheck.audit.judgement.networks import FAMILIES
from spfcheck.audit.repair.case import Case, Unanswered
from spfcheck.audit.repair.deletion import deciding
from spfcheck.audit.repair.meant import Base, Origin
from spfcheck.audit.repair.trial import Refused, Trial, Wall
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.ranges import everything, normalise, size, subtract
from spfcheck.rfc7208.record import Record, Result, parse

__all__ = ["FOR_NOBODY", "holds_a_family", "letting_in"]


def letting_in(case: Case, base: Base, text: str, records: Mapping[str, Record]) -> str:
    """The terms by which *text* in place of *base* lets in a family that is not let in today; empty where none do.

    *records* are those of its tree. Raises `Missing` or `Unanswered` where that hangs on DNS answers.
    """
    if base.origin is Origin.PUBLISHED:
        return ""
    words = deciding(parse(text), case.domain)
    for family in FAMILIES:
        if not may_cover(records.values(), family):
            continue
        # With the limits lifted: not every receiver counts void lookups, and dead names come alive.
        part = case.partition(words, everything(family), family, UNLIMITED)
        terms = covering(part, family)
        if terms:
            if not _is_open_today(case, family):
                return " ".join([term.text for term in terms])
        elif not subtract(everything(family), part.having(Result.PASS, Result.TEMPERROR)):
            for cell in part.cells:
                if cell.failure is not None:
                    raise Unanswered(cell.failure)
    return ""


def _is_open_today(case: Case, family: int) -> bool:
    """What is published is used as it is, and lets in all of the family already: that is not the mend's doing."""
    if len(case.texts) != 1 or not parse(case.texts[0]).valid:
        return False
    published = case.texts[0].decode("latin-1")
    return bool(covering(case.partition(published, everything(family), family), family))


def holds_a_family(plain: Plain) -> bool:
    """Whether the terms of *plain* hold all of a family."""
    for family in FAMILIES:
        whole = everything(family)
        if sum([size(part.held[family]) for part in plain.parts]) < size(whole):
            continue
        if not subtract(whole, normalise(one for part in plain.parts for one in part.held[family])):
            return True
    return False


def _for_nobody(trial: Trial) -> None:
    """I3: where the base is not what is published, no family is let in that is not let in today."""
    base = trial.base
    terms = letting_in(trial.case, base, trial.text, trial.found.records) if base is not None else ""
    if terms:
        raise Refused("I3", "The record lets everybody in, and is not what is published.", everybody=terms)


FOR_NOBODY: Final = Wall("not-the-world", _for_nobody)
"""The last of all: it looks at every address there is."""
