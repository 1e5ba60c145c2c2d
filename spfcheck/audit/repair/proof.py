"""The prover: accepts or refuses a proposed record. It knows nothing of how the record was made (repair, section A).

What it rests on are the walls, by structure and then by sets of addresses; each can be tried by itself. Where both
records are plain, what their terms hold is enough (`proof_flat`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spfcheck.audit.flat.record import NotPlain
from spfcheck.audit.repair.case import Case, Unanswered
from spfcheck.audit.repair.claims import Proof, Proposal, Refusal, for_nobody
from spfcheck.audit.repair.deletion import deletable
from spfcheck.audit.repair.meant import Origin
from spfcheck.audit.repair.proof_flat import prove_plain
from spfcheck.audit.repair.sets import BY_SETS
from spfcheck.audit.repair.structure import BY_STRUCTURE, form
from spfcheck.audit.repair.trial import Refused, Trial, Wall, is_ours
from spfcheck.audit.repair.world import FOR_NOBODY, holds_a_family
from spfcheck.audit.text.terms import is_own
from spfcheck.rfc7208.effort import Measure
from spfcheck.rfc7208.record import Record

__all__ = ["WALLS", "Proof", "Proposal", "Refusal", "deletable", "for_nobody", "prove"]

WALLS: Final[tuple[Wall[Trial], ...]] = (*BY_STRUCTURE, *BY_SETS, FOR_NOBODY)
"""All walls, in the order in which they refuse."""


def prove(
    case: Case, proposal: Proposal, *, by_parts: bool = True, walls: Sequence[Wall[Trial]] = WALLS
) -> Proof | Refusal:
    """Accept or refuse *proposal* for *case*.

    *by_parts*: where both records are plain, a proof by what their terms hold is enough (`proof_flat`). *walls* are
    those that stand; with any left out nothing is proven, but what is refused shows that the others hold.
    Raises `Missing` where DNS answers are wanted that are not cached, `TooLargeError` where no work is left for it.
    """
    case.work.spend(Measure.PROPOSALS)
    trial = Trial(case, proposal)
    by_parts = by_parts and walls is WALLS
    try:
        for wall in walls:
            if by_parts and not wall.early:
                by_parts = False
                made = _plainly(trial)
                if made is not None:
                    return made
            wall.refuse(trial)
        return _proof(trial)
    except Refused as refused:
        return refused.refusal
    except Unanswered as failed:
        return Refusal("unknown", f"The DNS did not answer {failed}.")


def _proof(trial: Trial) -> Proof:
    """What was proven, and what it rests on."""
    first = next((term for term in trial.new.terms if not term.is_modifier), None)
    by = ("publish",) if trial.base is None else ("insertion", *(("deletion",) if trial.dropped else ()), "sets")
    opened = [term for _, term, _ in trial.found.depends if term.name in ("include", "redirect")]
    return Proof(
        trial.found.lookups,
        trial.void_lookups,
        by,
        tuple(f"{term.text} costs one lookup" for term in opened),
        trial.cells,
        first is not None and is_own(first, trial.case.ours.names),
    )


def _plainly(trial: Trial) -> Proof | Refusal | None:
    """The verdict by what the terms of plain records hold, where both are plain and it can be had that way."""
    case, base, text = trial.case, trial.base, trial.text
    before = case.plain(base.text) if base is not None else None
    after = case.plain(text) if base is None or before is not None else None
    if after is None:
        return None
    if base is not None and base.origin is not Origin.PUBLISHED and holds_a_family(after):
        return None
    unread = text[len(after.text) :]
    if base is None or before is None:
        if unread:
            return None  # of a first record every word is to be accounted for
    elif base.text[len(before.text) :] != unread:
        form(trial)
        if _unread(case, base.record) != _unread(case, trial.new):
            return None
    try:
        made = prove_plain(before, after, case.ours, case.sure)
    except NotPlain:
        return None
    return made if isinstance(made, Proof) or made.invariant in ("I1", "I4") else None


def _unread(case: Case, record: Record) -> list[str]:
    """The terms behind the first ``all``, ours left out."""
    end = record.terms.index(record.all_term) if record.all_term is not None else len(record.terms)
    return [term.text for term in record.terms[end:] if not is_ours(term, case.ours.names)]
