"""The walls of what a record comes to: every address evaluated, ours and everybody else's (repair, section A)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from spfcheck.audit.judgement.tree import RecordState
from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.deletion import deciding
from spfcheck.audit.repair.trial import Refused, Trial, Wall, is_ours
from spfcheck.audit.text.terms import is_own
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.ranges import Range, Ranges, everything, normalise, subtract, union
from spfcheck.rfc7208.record import Record, Result, Term, live_terms, parse
from spfcheck.rfc7208.verdict import Cause, Cell, Partition

__all__ = ["BY_SETS"]

_LIMIT_CAUSES: Final = frozenset({Cause.LOOKUP_LIMIT, Cause.VOID_LIMIT, Cause.INCLUDE_LOOP})
_MESSAGE_TERMS: Final = frozenset({"exists", "a", "mx", "ptr"})


def _own(trial: Trial) -> list[Term]:
    """Our includes that are read in the new record, and authorise us."""
    own = trial.case.ours.names
    return [term for term in live_terms(trial.new) if is_own(term, own) and term.result is Result.PASS]


def _ours_pass(trial: Trial) -> None:
    """I1: every address that our includes authorise passes, for every message.

    A base that never named us may do without our include where all that it authorises passes all the same.
    """
    case, own, base = trial.case, _own(trial), trial.base
    if not own and (base is None or any(is_ours(term, case.ours.names) for term in base.record.terms)):
        raise Refused("I1", "None of our includes is read in the record.")
    for family, ranges in case.ours.allowed.items():
        wanted = _named(case, own, family) if own else ranges
        cells = case.partition(trial.text, wanted, family).cells
        for cell in cells:
            _passes(cell)
            trial.void_lookups = max(trial.void_lookups, cell.void_lookups)
        if any(cell.depends for cell in cells):
            _harmless(trial.new, own)
        trial.cells += len(cells)
        trial.judged[family] = wanted


def _named(case: Case, own: Sequence[Term], family: int) -> Ranges:
    """What those of our includes authorise that are in the record."""
    names = {term.target for term in own}
    ranges: Ranges = ()
    for sender in case.ours.senders:
        if sender.include in names:
            ranges = union(ranges, sender.allowed[family])
    return ranges


def _harmless(new: Record, own: Sequence[Term]) -> None:
    """Nothing that asks the DNS in front of our includes turns anybody away: it may do so for some message."""
    for term in new.terms:
        if own and term is own[0]:
            return
        if term.network is None and term.result is not Result.PASS:
            raise Refused("I1", f"{term.text} in front of our include may turn it away.")


def _passes(cell: Cell) -> None:
    if cell.result is Result.TEMPERROR:
        raise Refused("unknown", "The DNS did not answer on the way to our include.")
    if cell.result is not Result.PASS:
        raise Refused("I1", f"Some of our addresses get {cell.result.value} ({cell.cause.value}).")
    # A term that asks about the message was taken as no match. It may match, so it must not do harm if it does.
    for step in cell.depends:
        term = step.term
        if term is None or term.name not in _MESSAGE_TERMS or term.result is not Result.PASS:
            raise Refused("I1", "A term in front of our include depends on the message.")


def _sending_pass(trial: Trial) -> None:
    """I1: so does every network that we send from, by whichever term."""
    for sender in trial.case.ours.senders:
        for network in sender.networks:
            if not subtract(network.ranges, trial.judged.get(network.family, ())):
                continue  # each of its addresses was evaluated, and passes
            parts = trial.case.partition(trial.text, network.ranges, network.family)
            if any(cell.result is not Result.PASS for cell in parts.cells):
                raise Refused("I1", f"{network.text} does not pass.")


def _nobody_else(trial: Trial) -> None:
    """I2 by sets: outside what our includes authorise, every address gets what the base says."""
    base = trial.base
    if base is None or trial.text == base.text:  # which nobody could tell apart
        return
    for family in (4, 6):
        others = subtract(everything(family), trial.case.ours.allowed[family])
        after = trial.case.partition(trial.text, others, family)
        before = trial.case.partition(base.text, others, family)
        if any(after.having(result) != before.having(result) for result in Result):
            _only_limits(trial.case, base.text, others, after, before)


def _only_limits(case: Case, base: str, others: Ranges, after: Partition, before: Partition) -> None:
    """Where *after* differs from *before*, a limit decided before, and *base* says the same without it."""
    differing: dict[Result, list[Range]] = {}
    for part, cell, old in _side_by_side(after, before):
        if cell.result is old.result:
            continue
        if old.cause not in _LIMIT_CAUSES:
            raise Refused("I2", f"Other addresses get {cell.result.value} instead of {old.result.value}.")
        differing.setdefault(cell.result, []).append(part)
    lifted = case.partition(deciding(parse(base), case.domain), others, after.family, UNLIMITED)
    for result, parts in differing.items():
        if subtract(normalise(parts), lifted.having(result)):
            raise Refused("I2", f"Other addresses get {result.value}, which the record does not say.")


def _side_by_side(after: Partition, before: Partition) -> Iterator[tuple[Range, Cell, Cell]]:
    """The ranges that lie in one cell of each of two partitions, rising: one sweep over the boundaries of both."""
    left = sorted([(low, high, place) for place, cell in enumerate(after.cells) for low, high in cell.addresses])
    right = sorted([(low, high, place) for place, cell in enumerate(before.cells) for low, high in cell.addresses])
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            yield (low, high), after.cells[left[i][2]], before.cells[right[j][2]]
        if left[i][1] == high:
            i += 1
        else:
            j += 1


def _no_new_error(trial: Trial) -> None:
    """I6: nothing that is wrong with the new record was not wrong with what is published."""
    base = trial.base
    if base is None or trial.text == base.text:
        return
    known = {(use.target, use.state) for use in trial.case.survey(base.record).uses}
    for use in trial.found.uses:
        if use.state is not RecordState.RECORD and (use.target, use.state) not in known:
            raise Refused("I6", f"{use.term.text} is broken and was not in the record before.")


BY_SETS: Final = (
    Wall("ours-pass", _ours_pass),
    Wall("sending-pass", _sending_pass),
    Wall("nobody-else", _nobody_else),
    Wall("no-new-error", _no_new_error),
)
"""In the order in which they refuse."""
