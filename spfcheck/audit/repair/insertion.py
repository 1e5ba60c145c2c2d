"""The remedy for a plain record: our include put in, or the certificate that it has no room.

It makes what `spfcheck.audit.repair.propose` makes, in the same order, and hands out nothing that
`proof_flat` does not prove.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from spfcheck.audit.flat.include import Get
from spfcheck.audit.flat.outcome import stop_of
from spfcheck.audit.flat.record import NotPlain, Part, Plain
from spfcheck.audit.flat.record_text import read_plain
from spfcheck.audit.judgement.networks import FAMILIES
from spfcheck.audit.judgement.vendors import vendor_of
from spfcheck.audit.repair.case import split_strings
from spfcheck.audit.repair.claims import LOOKUPS, Proof, Refusal
from spfcheck.audit.repair.proof_flat import prove_plain
from spfcheck.audit.report.model import DeleteRecord, Remedy, RemedyKind
from spfcheck.audit.senders import Ours
from spfcheck.names import is_registered
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.ranges import contains, subtract
from spfcheck.rfc7208.verdict import Cause

__all__ = ["inserted", "ladder"]

_new_remedy: Final = maker(Remedy)


def inserted(plain: Plain, needed: Sequence[str], get: Get, ours: Ours) -> Remedy:
    """The remedy for *plain*, which does not authorise *needed*. Raises `NotPlain`."""
    domain = plain.domain
    if not is_registered(domain):
        raise NotPlain  # what may be editable only in part goes the long way (repair I8)
    refusals: list[Refusal] = []
    for text, edit in islice(ladder(plain, needed), _first_hope(plain, needed, ours), None):
        proposed = read_plain(text, domain, plain.memory, plain)
        if proposed.resolve(_with(plain, get)):
            raise NotPlain
        made = prove_plain(plain, proposed, ours, plain.answers.__getitem__)
        if isinstance(made, Proof):
            return _new_remedy(
                kind=RemedyKind.REPLACE,
                name=domain,
                value=text,
                strings=split_strings(text),
                delete=(DeleteRecord(name=domain, type="TXT", value=plain.text),),
                edits=(edit,),
                proof=made.facts(),
            )
        refusals.append(made)
    if any(refusal.invariant not in ("I1", "I4") for refusal in refusals):
        raise NotPlain
    return Remedy(kind=RemedyKind.MANUAL, name=domain, certificate=_no_room(plain, needed, ours))


def _first_hope(plain: Plain, needed: Sequence[str], ours: Ours) -> int:
    """The place in the `ladder` of the first that may be proven, for what limits say: the end, the front, or none."""
    others = sum(part.lookups for part in plain.parts if part.known is None or part.name not in needed)
    if others + sum(sender.cost for sender in ours.senders if sender.include in needed) > LOOKUPS:
        return 2
    stops = [stop_of(plain, family) for family in FAMILIES if ours.allowed[family]]
    return int(any(stop is not None and stop.cause is Cause.VOID_LIMIT for stop in stops))


def _with(plain: Plain, get: Get) -> Get:
    """The answers that the record rests on, before any other."""
    return lambda question: plain.answers.get(question) or get(question)


def ladder(plain: Plain, needed: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Our includes behind the last term in front of the end, then at the front; every other byte as it was."""
    old = [part for part in plain.parts if part.known is not None and part.name in needed]
    text = plain.text
    kept: list[str] = []
    position = len("v=spf1")
    for part in plain.parts:
        _, stop = plain.span(part)
        if part not in old:
            kept.append(text[position:stop])
        position = stop
    new = "".join(f" include:{name}" for name in needed)
    shown = new.strip()
    verb = "moves" if old else "is added"
    head, rest = text[: len("v=spf1")], text[position:]
    yield head + "".join(kept) + new + rest, f"“{shown}” {verb} behind the last term before the end."
    yield head + new + "".join(kept) + rest, f"“{shown}” {verb} to the front of the record."


def _no_room(plain: Plain, needed: Sequence[str], ours: Ours) -> dict[str, Any]:
    """The certificate that the record has no room for our includes, as `certificates.no_room` writes it."""
    present = {part.name for part in plain.parts if part.known is not None and part.name in ours.names}
    others = [part for part in plain.parts if part.name not in present or part.known is None]
    costly = [part for part in others if part.lookups]
    table = [
        {"term": part.text, "cost": part.lookups, "vendor": vendor_of(part.name) if part.known else ""}
        for part in costly
    ]
    return {
        "code": "no-room",
        "lookups": sum(part.lookups for part in costly),
        "cost": sum(sender.cost for sender in ours.senders if sender.include in present | set(needed)),
        "table": sorted(table, key=lambda row: -int(str(row["cost"]))),
        "choices": [
            {"term": part.text, "saves": part.lookups, "why": "redundant-today"}
            for part in costly
            if _is_redundant(part, others)
        ],
    }


def _is_redundant(part: Part, others: Sequence[Part]) -> bool:
    """Without *part* every address gets what it gets now, by today's answers."""
    for family in FAMILIES:
        rest = part.held[family]
        if not rest:
            continue
        beside = [other.held[family] for other in others if other is not part]
        # Of most the first address already is in no other.
        if not any(contains(held, rest[0][0]) for held in beside):
            return False
        for held in beside:
            rest = subtract(rest, held)
        if rest:
            return False
    return True
