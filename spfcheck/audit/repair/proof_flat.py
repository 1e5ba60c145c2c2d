"""The prover for plain records: `spfcheck.audit.repair.proof` over the remembered cells of their includes.

It knows nothing of how a record was made, reads the proposed text itself, and proves the same invariants (repair,
section A): what our includes hold, by the cells that the engine made of them, is reached within the limits or held
before (I1, I4), and every other term is the very one of the base, in its order and up to the same end, so that no other
address sees a difference (I2). What it cannot judge is `NotPlain`, and goes to the prover for every record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from spfcheck.audit.flat.memory import Known, Part
from spfcheck.audit.flat.outcome import stop_of, touching, voids_before
from spfcheck.audit.flat.record import NotPlain, Plain
from spfcheck.audit.judgement.networks import FAMILIES
from spfcheck.audit.repair.claims import LOOKUPS, Proof, Refusal, for_nobody
from spfcheck.audit.repair.trial import Refused, Wall
from spfcheck.audit.report.strings import split_strings
from spfcheck.audit.senders import Ours, OurSender
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.ranges import Ranges
from spfcheck.rfc7208.record import Result

__all__ = ["PLAIN_WALLS", "PlainTrial", "prove_plain"]


class PlainTrial:
    """A plain record on trial, in place of *base* or as the first of its domain; *own* are our includes in it."""

    __slots__ = ("base", "ours", "own", "proposed", "sure")

    def __init__(self, base: Plain | None, proposed: Plain, ours: Ours, sure: Callable[[Question], Answer]) -> None:
        self.base = base
        self.proposed = proposed
        self.ours = ours
        self.sure = sure
        self.own = [(place, part) for place, part in enumerate(proposed.parts) if _is_own(part, ours)]

    def held(self) -> Iterator[tuple[int, Known, OurSender]]:
        """Our includes as they are known, by place, each with the profile that it stands for."""
        for place, part in self.own:
            assert part.known is not None
            target = part.known.target
            yield place, part.known, next(one for one in self.ours.senders if one.include == target)


def prove_plain(
    base: Plain | None,
    proposed: Plain,
    ours: Ours,
    sure: Callable[[Question], Answer],
    walls: Sequence[Wall[PlainTrial]] | None = None,
) -> Proof | Refusal:
    """Accept or refuse *proposed*, resolved, in place of *base*; without one, as the first record of its domain.

    *sure* answers what a first record hangs on. *walls* are those that stand, if not all: then nothing is proven, but
    what is refused shows that the others hold. Raises `NotPlain`.
    """
    trial = PlainTrial(base, proposed, ours, sure)
    try:
        for wall in PLAIN_WALLS if walls is None else walls:
            wall.refuse(trial)
    except Refused as refused:
        return refused.refusal
    worst = cells = 0
    for place, known, _ in trial.held():
        for family in FAMILIES:
            if known.passing[family]:
                worst = max(worst, voids_before(proposed, place, family))
                cells += sum(cell.result is Result.PASS for cell in known.cells[family])
    by = ("publish",) if base is None else ("insertion", "sets")
    return Proof(proposed.lookups, worst, by, (), cells, bool(trial.own) and trial.own[0][0] == 0)


def _is_own(part: Part, ours: Ours) -> bool:
    return part.known is not None and part.name in ours.names


def _text(trial: PlainTrial) -> None:
    """I5: no character-string begins or ends with a space; whether that can be had is not for here to say."""
    if any(one != one.strip(" ") for one in split_strings(trial.proposed.text)):
        raise NotPlain


def _publishable(trial: PlainTrial) -> None:
    """P: where nothing is published, those pass beside us who are known to send, and nobody else."""
    proposed = trial.proposed
    if trial.base is None:
        beside = _texts(proposed, trial.ours)[:-1], proposed.result
        if beside != for_nobody(proposed.domain, trial.sure):
            raise Refused("P", "Beside us the record must list those who are known to send, and nobody else.")


def _same_terms(trial: PlainTrial) -> None:
    """I2 and I7: the version and the other terms are those of the base, in their order, byte for byte."""
    base, proposed, ours = trial.base, trial.proposed, trial.ours
    if base is not None and (proposed.text[:6] != base.text[:6] or _texts(base, ours) != _texts(proposed, ours)):
        raise Refused("I7", "Something beside our includes was changed.")


def _texts(plain: Plain, ours: Ours) -> list[str]:
    return [part.text for part in (*plain.parts, plain.end) if not _is_own(part, ours)]


def _lookups(trial: PlainTrial) -> None:
    """I4: no address costs more than ten lookups (RFC 7208 4.6.4)."""
    lookups = trial.proposed.lookups
    if lookups > LOOKUPS:
        raise Refused("I4", f"The record would need {lookups} of {LOOKUPS} lookups.", lookups)


def _ours_by_name(trial: PlainTrial) -> None:
    """I1: what our includes authorise is held by them alone, so that it is reached where they stand."""
    if [place for place, _ in touching(trial.proposed, trial.ours)] != [place for place, _ in trial.own]:
        raise NotPlain
    if not trial.own:
        raise Refused("I1", "None of our includes is read in the record.")


def _as_allowed(trial: PlainTrial) -> None:
    """I1: our includes, as they are known, hold exactly what they authorise."""
    for _, known, sender in trial.held():
        if any(known.passing[family] != sender.allowed[family] for family in FAMILIES):
            raise NotPlain


def _reached(trial: PlainTrial) -> None:
    """I1: no limit ends the evaluation before, or in, our include."""
    for place, known, _ in trial.held():
        for family in FAMILIES:
            stop = stop_of(trial.proposed, family) if known.passing[family] else None
            if stop is not None and stop.index <= place:
                raise Refused("I1", f"Some of our addresses get permerror ({stop.cause.value}).")


def _covered(trial: PlainTrial) -> None:
    """I1: all that we send from passes. Several profiles may overlap, or one may pass by another's include."""
    if len(trial.own) > 1 or len(trial.ours.senders) > 1:
        raise NotPlain


def _nobody_else(trial: PlainTrial) -> None:
    """I2: every other address meets the same terms, up to the same limit."""
    base = trial.base
    if base is None:
        return
    for family in FAMILIES:
        if _others(base, family, trial.ours) != _others(trial.proposed, family, trial.ours):
            raise Refused("I2", "Other addresses get another result.")


def _others(plain: Plain, family: int, ours: Ours) -> tuple[list[Ranges], str | None]:
    """What decides about the addresses that are not ours, term by term, and the limit that ends it."""
    stop = stop_of(plain, family)
    read = plain.parts if stop is None else plain.parts[: stop.index]
    return [part.held[family] for part in read if not _is_own(part, ours)], None if stop is None else stop.cause.value


PLAIN_WALLS: Final[tuple[Wall[PlainTrial], ...]] = (
    Wall("text", _text),
    Wall("publishable", _publishable),
    Wall("same-terms", _same_terms),
    Wall("lookups", _lookups),
    Wall("ours-by-name", _ours_by_name),
    Wall("as-allowed", _as_allowed),
    Wall("reached", _reached),
    Wall("covered", _covered),
    Wall("nobody-else", _nobody_else),
)
"""All walls, in the order in which they refuse; what one cannot judge is `NotPlain`."""
