"""The prover: accepts or refuses a proposed record. It knows nothing of how the record was made (repair, section A).

It rests on two lemmas and on sets of addresses. *Insertion*: one of our includes, which holds plain networks only (I0),
never matches outside what it authorises and never errs, so it leaves every other term the same answers in the same
order; only the count of lookups moves. *Deletion*: a term that asks what an earlier one asked, one after ``all``, and a
redirect beside ``all`` can never decide. What the lemmas say holds for every address and every message, macros and
``ptr`` included; the sets confirm it for the terms that can be listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spfcheck.audit.fetch import live_terms
from spfcheck.audit.flat.record import NotPlain
from spfcheck.audit.judgement.tree import RecordState, Survey
from spfcheck.audit.repair.case import STRING_BYTES, Case, Unanswered, split_strings
from spfcheck.audit.repair.claims import LOOKUPS, Proof, Proposal, Refusal, for_nobody
from spfcheck.audit.repair.meant import Base, NoBase, Origin, base_of
from spfcheck.audit.repair.proof_flat import prove_plain
from spfcheck.audit.text.mend import WIDEST_V4, WIDEST_V6
from spfcheck.audit.text.terms import ends_in, ignored_own, is_own, key
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.ranges import Ranges, everything, intersect, subtract, union
from spfcheck.rfc7208.record import Record, Result, Term, parse
from spfcheck.rfc7208.verdict import Cause, Cell, Partition

__all__ = ["Proof", "Proposal", "Refusal", "deletable", "for_nobody", "prove"]

_LIMIT_CAUSES: Final = frozenset({Cause.LOOKUP_LIMIT, Cause.VOID_LIMIT, Cause.INCLUDE_LOOP})
_MESSAGE_TERMS: Final = frozenset({"exists", "a", "mx", "ptr"})


class _Refused(Exception):  # noqa: N818 - an outcome, not an error
    def __init__(self, invariant: str, why: str, lookups: int | None = None) -> None:
        super().__init__(why)
        self.refusal = Refusal(invariant, why, lookups)


def prove(case: Case, proposal: Proposal, *, by_parts: bool = True) -> Proof | Refusal:
    """Accept or refuse *proposal* for *case*.

    *by_parts*: where both records are plain, a proof by what their terms hold is enough (`plain_proof`).
    Raises `Missing` where DNS answers are wanted that are not at hand.
    """
    try:
        return _prove(case, proposal, by_parts)
    except _Refused as refused:
        return refused.refusal
    except Unanswered as failed:
        return Refusal("unknown", f"The DNS did not answer {failed}.")


def _prove(case: Case, proposal: Proposal, by_parts: bool) -> Proof | Refusal:
    text = _text(case, proposal)
    base = base_of(case)
    if isinstance(base, NoBase):
        raise _Refused("base", "What is published has no single reading.")
    if base is not None:
        _intent(base)
    quick = _plainly(case, base, text) if by_parts else None
    if quick is not None:
        return quick
    new = _form(text)
    by: list[str] = []
    if base is None:
        _publishable(case, new)
        by.append("publish")
    else:
        # No plain record is like that.
        if base.origin is not Origin.PUBLISHED and ends_in(base.record) is Result.PASS:
            raise _Refused("I3", "The record authorises everybody, and is not what is published.")
        by += _structure(new, base.record, case)
    found, assumes = _limits(case, new)
    worst_voids, cells = _ours_pass(case, new, base.record if base is not None else None)
    if base is not None:
        if text != base.text:  # which nobody could tell apart
            _nobody_else(case, new, base.record)
            _no_new_error(case, base, found)
        by.append("sets")
    first = next((term for term in new.terms if not term.is_modifier), None)
    at_front = first is not None and is_own(first, case.ours.names)
    return Proof(
        lookups=found.lookups,
        void_lookups=worst_voids,
        by=tuple(by),
        holds={
            "ours-pass": "as long as our include stands" if at_front else "today",
            "nobody-else-notices": "for all time" if base is not None else "today",
            "limits": "today",
        },
        assumes=assumes,
        cells=cells,
    )


def _plainly(case: Case, base: Base | None, text: str) -> Proof | Refusal | None:
    """The verdict by what the terms of plain records hold, where both are plain and it can be had that way."""
    before = case.plain(base.text) if base is not None else None
    after = case.plain(text) if base is None or before is not None else None
    if after is None:
        return None
    if base is not None and before is not None:
        same = base.text[len(before.text) :] == text[len(after.text) :]
        if not same and _unread(case, base.record) != _unread(case, _form(text)):
            return None
    try:
        made = prove_plain(before, after, case.ours, case.sure)
    except NotPlain:
        return None
    return made if isinstance(made, Proof) or made.invariant in ("I1", "I4") else None


def _unread(case: Case, record: Record) -> list[str]:
    """The terms behind the first ``all``, ours left out."""
    end = record.terms.index(record.all_term) if record.all_term is not None else len(record.terms)
    return [term.text for term in record.terms[end:] if not _ours(term, case.ours.names)]


def _form(text: str) -> Record:
    """I5: the record can be read."""
    new = parse(text)
    if not new.valid:
        raise _Refused("I5", f"The record does not parse: {new.problems[0].detail}.")
    return new


def _text(case: Case, proposal: Proposal) -> str:
    """I5 of the text alone, and that nothing else stays published beside it."""
    text = proposal.value
    if not text.isascii() or text != text.strip(" "):
        raise _Refused("I5", "The record is not plain text, or begins or ends with a space.")
    strings = split_strings(text)
    if "".join(strings) != text or any(len(one) > STRING_BYTES or one != one.strip(" ") for one in strings):
        raise _Refused("I5", "The record cannot be split into character-strings.")
    stays = [raw for raw in case.texts if raw.decode("latin-1") not in proposal.delete]
    if stays:
        raise _Refused("I5", "An SPF record would stay beside the proposed one.")
    return text


def _intent(base: Base) -> None:
    """I3: what was mended authorises nothing wide."""
    for change in base.changes:
        for word in change.becomes.split(" "):
            record = parse(f"v=spf1 {word}")
            for term in record.terms:
                if term.network is not None and (term.cidr4 < WIDEST_V4 or term.cidr6 < WIDEST_V6):
                    raise _Refused("I3", f"{term.text} was mended and is too wide.")


def _structure(new: Record, base: Record, case: Case) -> list[str]:
    """I2 and I7 by the two lemmas: the other terms are those of the base, in its order, byte for byte."""
    if new.text[:6] != base.text[:6]:
        raise _Refused("I7", "The version was changed.")
    own = case.ours.names
    for term in live_terms(base):
        if is_own(term, own) and term.result is Result.FAIL:
            raise _Refused("I2", f"{term.text} turns our servers away by name.")
    wanted = [term for term in base.terms if not _ours(term, own)]
    given = [term for term in new.terms if not _ours(term, own)]
    for term in new.terms:
        if is_own(term, own) and term.result is not Result.PASS and term.text not in {old.text for old in base.terms}:
            raise _Refused("I7", f"{term.text} is new and does not authorise.")
    dropped: list[Term] = []
    position = 0
    for term in wanted:
        if position < len(given) and given[position].text == term.text:
            position += 1
        else:
            dropped.append(term)
    if position < len(given):
        raise _Refused("I7", f"{given[position].text} is not in the record that is meant, or not at that place.")
    by = ["insertion"]
    dead = {id(term) for term in deletable(base, case.domain)}
    for term in dropped:
        if id(term) not in dead:
            raise _Refused("I2", f"{term.text} was dropped, and may decide.")
        by = ["insertion", "deletion"]
    return by


def _ours(term: Term, own: frozenset[str]) -> bool:
    return is_own(term, own) or ignored_own(term, own)


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


def _limits(case: Case, new: Record) -> tuple[Survey, tuple[str, ...]]:
    """I4 for the whole tree: no path costs more than ten lookups."""
    found = case.survey(new)
    if any(use.state is RecordState.LOOP for use in found.uses):
        raise _Refused("loop", "The record leads back to itself.", found.lookups)
    if found.lookups > LOOKUPS:
        raise _Refused("I4", f"The record would need {found.lookups} of {LOOKUPS} lookups.", found.lookups)
    if found.failed:
        question = next(iter(found.failed))
        raise _Refused("unknown", f"The DNS did not answer for {question.name}.")
    if found.at_least:
        raise _Refused("unknown", "The include tree is too large to be counted.")
    assumes = tuple(
        f"{term.text} costs one lookup" for _, term, _ in found.depends if term.name in ("include", "redirect")
    )
    return found, assumes


def _ours_pass(case: Case, new: Record, base: Record | None) -> tuple[int, int]:
    """I1: every address that our includes authorise passes, for every message; the most void lookups on the way.

    A base that never named us may do without our include where all that it authorises passes all the same.
    """
    own = [term for term in live_terms(new) if is_own(term, case.ours.names) and term.result is Result.PASS]
    if not own and (base is None or any(_ours(term, case.ours.names) for term in base.terms)):
        raise _Refused("I1", "None of our includes is read in the record.")
    worst = cells = 0
    judged: dict[int, Ranges] = {}
    for family, ranges in case.ours.allowed.items():
        wanted = _named(case, own, family) if own else ranges
        if not wanted:
            continue
        parts = case.partition(new.text, wanted, family)
        for cell in parts.cells:
            _passes(cell, new, own)
            worst = max(worst, cell.void_lookups)
        cells += len(parts.cells)
        judged[family] = wanted
    for sender in case.ours.senders:
        for network in sender.networks:
            if not subtract(network.ranges, judged.get(network.family, ())):
                continue  # each of its addresses was evaluated above, and passes
            parts = case.partition(new.text, network.ranges, network.family)
            if any(cell.result is not Result.PASS for cell in parts.cells):
                raise _Refused("I1", f"{network.text} does not pass.")
    return worst, cells


def _named(case: Case, own: Sequence[Term], family: int) -> Ranges:
    """What those of our includes authorise that are in the record."""
    names = {term.target for term in own}
    ranges: Ranges = ()
    for sender in case.ours.senders:
        if sender.include in names:
            ranges = union(ranges, sender.allowed[family])
    return ranges


def _passes(cell: Cell, new: Record, own: Sequence[Term]) -> None:
    if cell.result is Result.TEMPERROR:
        raise _Refused("unknown", "The DNS did not answer on the way to our include.")
    if cell.result is not Result.PASS:
        raise _Refused("I1", f"Some of our addresses get {cell.result.value} ({cell.cause.value}).")
    if not cell.depends:
        return
    # A term that asks about the message was taken as no match. It may match, so it must not do harm if it does.
    for step in cell.depends:
        term = step.term
        if term is None or term.name not in _MESSAGE_TERMS or term.result is not Result.PASS:
            raise _Refused("I1", "A term in front of our include depends on the message.")
    before = new.terms[: new.terms.index(own[0])] if own else new.terms
    for term in before:
        if not term.is_modifier and term.network is None and term.result is not Result.PASS:
            raise _Refused("I1", f"{term.text} in front of our include may turn it away.")


def _nobody_else(case: Case, new: Record, base: Record) -> None:
    """I2 by sets: outside what our includes authorise, every address gets what the base says."""
    for family in (4, 6):
        others = subtract(everything(family), case.ours.allowed[family])
        after = case.partition(new.text, others, family)
        before = case.partition(base.text, others, family)
        if all(after.having(result) == before.having(result) for result in Result):
            continue
        lifted: Partition | None = None
        for cell in after.cells:
            for old in before.cells:
                shared = intersect(cell.addresses, old.addresses)
                if not shared or cell.result is old.result:
                    continue
                if old.cause not in _LIMIT_CAUSES:
                    raise _Refused("I2", f"Other addresses get {cell.result.value} instead of {old.result.value}.")
                lifted = lifted or case.partition(base.text, others, family, UNLIMITED)
                if any(intersect(shared, free.addresses) and free.result is not cell.result for free in lifted.cells):
                    raise _Refused("I2", f"Other addresses get {cell.result.value}, which the record does not say.")


def _no_new_error(case: Case, base: Base, found: Survey) -> None:
    """I6: nothing that is wrong with the new record was not wrong with what is published."""
    before = case.survey(base.record)
    known = {(use.target, use.state) for use in before.uses}
    for use in found.uses:
        if (
            use.state is not RecordState.RECORD
            and use.state is not RecordState.DEPENDS
            and (use.target, use.state) not in known
        ):
            raise _Refused("I6", f"{use.term.text} is broken and was not in the record before.")


def _publishable(case: Case, new: Record) -> None:
    """P: where nothing is published, the recognised provider or the mail hosts pass beside us, and nobody else."""
    own = case.ours.names
    others = [term for term in new.terms if not (is_own(term, own) and term.result is Result.PASS)]
    if not others or others[-1] is not new.all_term:
        raise _Refused("P", "The record must end in all.")
    wanted, end = for_nobody(case.domain, case.sure)
    given = [f"include:{term.target}" if term.name == "include" else term.text for term in others[:-1]]
    if given != wanted or any(term.result is not Result.PASS for term in others[:-1]):
        raise _Refused("P", f"Beside us the record must list {' '.join(wanted) or 'nobody'}.")
    assert new.all_term is not None
    if new.all_term.result is not end:
        raise _Refused("P", f"The record must say {end.value} of everyone else.")
