"""The prover for plain records: `spfcheck.audit.repair.proof` over the remembered cells of their includes.

It knows nothing of how a record was made, reads the proposed text itself, and proves the same invariants (repair,
section A): what our includes hold, by the cells that the engine made of them, is reached within the limits or held
before (I1, I4), and every other term is the very one of the base, in its order and up to the same end, so that no other
address sees a difference (I2). What it cannot judge is `NotPlain`, and goes to the prover for every record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spfcheck.audit.flat.outcome import stop_of, touching, voids_before
from spfcheck.audit.flat.record import NotPlain, Part, Plain, Stop
from spfcheck.audit.judgement.networks import FAMILIES
from spfcheck.audit.repair.case import split_strings
from spfcheck.audit.repair.claims import LOOKUPS, Proof, Refusal, for_nobody
from spfcheck.audit.senders import Ours
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.ranges import Ranges
from spfcheck.rfc7208.record import Result

__all__ = ["prove_plain"]


def prove_plain(base: Plain | None, proposed: Plain, ours: Ours, sure: Callable[[Question], Answer]) -> Proof | Refusal:
    """Accept or refuse *proposed*, resolved, in place of *base*; without one, as the first record of its domain.

    *sure* answers what a first record hangs on. Raises `NotPlain`.
    """
    text = proposed.text
    if text != text.strip(" ") or "".join(split_strings(text)) != text:
        raise NotPlain
    own = [(place, part) for place, part in enumerate(proposed.parts) if _is_own(part, ours)]
    if base is None and (_texts(proposed, ours)[:-1], proposed.result) != for_nobody(proposed.domain, sure):
        return Refusal("P", "Beside us the record must list those who are known to send, and nobody else.")
    if base is not None and (proposed.text[:6] != base.text[:6] or _texts(base, ours) != _texts(proposed, ours)):
        return Refusal("I7", "Something beside our includes was changed.")
    if proposed.lookups > LOOKUPS:
        return Refusal("I4", f"The record would need {proposed.lookups} of {LOOKUPS} lookups.", proposed.lookups)
    stops = {family: stop_of(proposed, family) for family in FAMILIES}
    reached = _ours_pass(proposed, own, stops, ours)
    if isinstance(reached, Refusal):
        return reached
    if base is not None and any(_others(base, family, ours) != _others(proposed, family, ours) for family in FAMILIES):
        return Refusal("I2", "Other addresses get another result.")
    at_front = own[0][0] == 0
    return Proof(
        lookups=proposed.lookups,
        void_lookups=reached[0],
        by=("publish",) if base is None else ("insertion", "sets"),
        holds={
            "ours-pass": "as long as our include stands" if at_front else "today",
            "nobody-else-notices": "today" if base is None else "for all time",
            "limits": "today",
        },
        assumes=(),
        cells=reached[1],
    )


def _is_own(part: Part, ours: Ours) -> bool:
    return part.known is not None and part.name in ours.names


def _texts(plain: Plain, ours: Ours) -> list[str]:
    """The terms beside our includes, in their order, byte for byte (I2, I7)."""
    return [part.text for part in (*plain.parts, plain.end) if not _is_own(part, ours)]


def _ours_pass(
    proposed: Plain, own: Sequence[tuple[int, Part]], stops: dict[int, Stop | None], ours: Ours
) -> tuple[int, int] | Refusal:
    """I1: all that our includes authorise passes, and so does all that we send from; the most voids, and the cells."""
    if [index for index, _ in touching(proposed, ours)] != [index for index, _ in own]:
        raise NotPlain
    if not own:
        return Refusal("I1", "None of our includes is read in the record.")
    worst = cells = 0
    covered: set[str] = set()
    for index, part in own:
        known = part.known
        assert known is not None
        sender = next(one for one in ours.senders if one.include == known.target)
        for family in FAMILIES:
            if known.passing[family] != sender.allowed[family]:
                raise NotPlain
            if not known.passing[family]:
                continue
            stop = stops[family]
            if stop is not None and stop.index <= index:
                return Refusal("I1", f"Some of our addresses get permerror ({stop.cause.value}).")
            worst = max(worst, voids_before(proposed, index, family))
            cells += sum(cell.result is Result.PASS for cell in known.cells[family])
        covered.add(sender.name)
    if len(own) > 1 or len(covered) < len(ours.senders):
        # Several profiles may overlap, or one may pass by another's include.
        raise NotPlain
    return worst, cells


def _others(plain: Plain, family: int, ours: Ours) -> tuple[list[Ranges], str | None]:
    """What decides about the addresses that are not ours, term by term, and the limit that ends it."""
    stop = stop_of(plain, family)
    read = plain.parts if stop is None else plain.parts[: stop.index]
    return [part.held[family] for part in read if not _is_own(part, ours)], None if stop is None else stop.cause.value
