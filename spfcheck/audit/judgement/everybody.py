"""What a record does to everybody, whoever sends: it lets all of a family in, or ends in an error for all.

Sets of addresses say it of every term that asks the same of each message. Terms that hang on the message are asked with
a few addresses that have nothing to do with us or with the record: what all of them run into, everybody does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from spfcheck.audit.fetch import Witness
from spfcheck.audit.judgement.samples import MessageIdentity, verdicts
from spfcheck.audit.judgement.tree import Survey
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding
from spfcheck.audit.senders import Ours
from spfcheck.resolver.drive import drive
from spfcheck.rfc7208.effort import Effort, TooLargeError
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.limits import STRICT, UNLIMITED, Policy
from spfcheck.rfc7208.lookup import Rtype
from spfcheck.rfc7208.ranges import BITS, Ranges, everything, normalise, size, subtract
from spfcheck.rfc7208.record import Record, Result, Term
from spfcheck.rfc7208.verdict import Cause, Partition, PathStep, Verdict

__all__ = ["WIDEST_HOSTS", "covering", "everybody_findings", "may_cover"]

WIDEST_HOSTS: Final = {4: 8, 6: 16}
"""Prefix lengths of an ``a`` or ``mx`` below which its hosts alone may cover a family: ten terms with ten hosts each do
not, of any longer prefix (RFC 7208 4.6.4)."""
PROBES: Final = {4: 2, 6: 1}
"""Addresses of each family that are asked about where terms hang on the message."""
_PART_WORTH_NAMING: Final = 64
"""A term is named among those that cover a family if it holds at least this fraction of it."""


async def everybody_findings(
    record: Record, found: Survey, witness: Witness, ours: Ours, who: MessageIdentity
) -> list[Finding]:
    """The findings about what the valid *record* does to everybody; *found* is the survey of its tree."""
    opaque = any(term.name != "ptr" for _, term, _ in found.depends)
    families = [family for family in BITS if opaque or may_cover(found.records.values(), family)]
    parts = await _partitions(families, witness, who, STRICT)
    said = list(_unlimited(record, found, parts, who.domain))
    if opaque:
        policy, wanted = STRICT, _strangers(parts, ours)
        if not wanted:
            # A limit or a loop stands in front of it; what comes once that is mended is wrong already.
            policy, wanted = UNLIMITED, _strangers(await _unlimited_partitions(families, witness, who), ours)
        probed = await verdicts(wanted, witness, who, policy)
        said += _of_all(list(probed.values()), record, found, witness, who.domain)
    return said


async def _partitions(
    families: Iterable[int], witness: Witness, who: MessageIdentity, policy: Policy, work: Effort | None = None
) -> dict[int, Partition]:
    parts: dict[int, Partition] = {}
    for family in families:
        evaluation = partition(
            everything(family), family, who.domain, who.mail_from, who.helo, policy=policy, work=work
        )
        parts[family] = await drive(evaluation, witness)
    return parts


async def _unlimited_partitions(
    families: Iterable[int], witness: Witness, who: MessageIdentity
) -> dict[int, Partition]:
    """The same with the limits lifted, which then no longer bound the work; none where that is too much."""
    try:
        return await _partitions(families, witness, who, UNLIMITED, Effort())
    except TooLargeError:
        return {}


def may_cover(records: Iterable[Record], family: int) -> bool:
    """Whether the terms of *records* may hold a whole family: a quick look that never says no wrongly."""
    bits = BITS[family]
    held = 0
    for record in records:
        for term in record.terms:
            if term.is_modifier or term.result is not Result.PASS:
                continue
            prefix = term.cidr4 if family == 4 else term.cidr6
            if term.name in ("all", "exists") or (term.name in ("a", "mx") and prefix < WIDEST_HOSTS[family]):
                return True
            if term.network is not None and term.family == family:
                held += size((term.network,))
    return held >= 1 << (bits - 1)


def _unlimited(record: Record, found: Survey, parts: Mapping[int, Partition], domain: str) -> Iterator[Finding]:
    """What lets every address of a family pass, but for a quarter at most that another term turns away by name."""
    known = {_place(term) for term in _said_of_all(record, found)}
    by_terms: dict[tuple[Term, ...], list[int]] = {}
    for family, part in parts.items():
        terms = covering(part, family)
        if terms and known.isdisjoint(map(_place, terms)):
            same = next((one for one in by_terms if [*map(_place, one)] == [*map(_place, terms)]), terms)
            by_terms.setdefault(same, []).append(family)
    for terms, families in by_terms.items():
        yield _passes_all(terms, families, domain)


def _place(term: Term) -> tuple[int, str]:
    """By what a term is told from the others of its record, which may be read more than once."""
    return term.span.start, term.text


def _said_of_all(record: Record, found: Survey) -> Iterator[Term]:
    """The terms of *record* of which `review` says that they let everybody pass."""
    if record.all_term is not None and record.all_term.result is Result.PASS:
        yield record.all_term
    for use in found.uses:
        inner = found.records.get(use.target)
        if not use.depth and inner is not None and inner.all_term is not None and inner.all_term.result is Result.PASS:
            yield use.term


def covering(part: Partition, family: int) -> tuple[Term, ...]:
    """The terms by which all of *family* passes, but for a quarter at most that others turn away by name."""
    passing = part.passing()
    named = normalise(
        one
        for cell in part.cells
        if cell.cause is Cause.MATCHED and cell.result is not Result.PASS and not _is_all(cell.path)
        for one in cell.addresses
    )
    whole = 1 << BITS[family]
    if size(passing) * 4 < whole * 3 or subtract(subtract(everything(family), passing), named):
        return ()
    terms: dict[tuple[int, str], Term] = {}
    held: dict[tuple[int, str], int] = {}
    for cell in part.cells:
        term = cell.path[0].term if cell.path else None
        if cell.result is Result.PASS and term is not None:
            place = _place(term)
            terms.setdefault(place, term)
            held[place] = held.get(place, 0) + size(cell.addresses)
    large = [place for place, count in held.items() if count * _PART_WORTH_NAMING >= whole]
    return tuple(terms[place] for place in sorted(large or held))


def _is_all(path: Sequence[PathStep]) -> bool:
    """Whether what decided is the end of the record, or of the one that it redirects to."""
    return bool(path) and (path[-1].term is None or path[-1].term.name == "all")


def _passes_all(terms: Sequence[Term], families: Sequence[int], domain: str) -> Finding:
    servers = "every server" if len(families) > 1 else f"every IPv{families[0]} server"
    text = " ".join(term.text for term in terms)
    return finding(Code.PASS_ALL, domain, (terms[0].span.start, terms[-1].span.stop), term=text, servers=servers)


def _strangers(parts: Mapping[int, Partition], ours: Ours) -> list[tuple[int, int]]:
    """Addresses, with their families, that terms which hang on the message decide about, spread over a set of such."""
    found: list[tuple[int, int]] = []
    for family, part in parts.items():
        cells = [subtract(cell.addresses, ours.allowed[family]) for cell in part.cells if cell.depends]
        largest: Ranges = max(cells, key=size, default=())
        count = size(largest)
        number = min(PROBES[family], count)
        found += [(family, _nth(largest, count * place // (number + 1))) for place in range(1, number + 1)]
    return found


def _nth(ranges: Ranges, number: int) -> int:
    for low, high in ranges:
        if number <= high - low:
            return low + number
        number -= high - low + 1
    return ranges[-1][1]


def _of_all(
    probed: Sequence[Verdict], record: Record, found: Survey, witness: Witness, domain: str
) -> Iterator[Finding]:
    """What all that were asked run into, at a term that hangs on the message or behind one."""
    opaque = {(at, *_place(term)) for at, term, _ in found.depends}
    ways = [verdict.path for verdict in probed]
    if not probed or not all(any(_step_place(step) in opaque for step in way) for way in ways):
        return
    if all(verdict.result is Result.PASS for verdict in probed):
        terms = {_place(way[0].term): way[0].term for way in ways if way[0].term is not None}
        if terms.keys().isdisjoint(map(_place, _said_of_all(record, found))):
            yield _passes_all([terms[place] for place in sorted(terms)], (4, 6), domain)
    if any(verdict.result is not Result.PERMERROR for verdict in probed):
        return
    seen: set[tuple[str, str, tuple[int, int] | None]] = set()
    for verdict in probed:
        for one in _error(verdict, opaque, found, witness):
            if (one.code, one.domain, one.span) not in seen:
                seen.add((one.code, one.domain, one.span))
                yield one


_RECORD: Final = {
    Cause.INCLUDE_NO_RECORD: Code.INCLUDE_NO_RECORD,
    Cause.REDIRECT_NO_RECORD: Code.REDIRECT_NO_RECORD,
    Cause.SYNTAX_ERROR: Code.INCLUDE_BROKEN,
    Cause.MULTIPLE_RECORDS: Code.INCLUDE_BROKEN,
}
_REASONS: Final = {Cause.SYNTAX_ERROR: "it cannot be read", Cause.MULTIPLE_RECORDS: "several SPF records"}


def _step_place(step: PathStep) -> tuple[str, int, str] | None:
    return (step.domain, *_place(step.term)) if step.term is not None else None


def _error(verdict: Verdict, opaque: set[tuple[str, int, str]], found: Survey, witness: Witness) -> Iterator[Finding]:
    """The finding for the permerror that one address gets, with the term that leads to it."""
    steps = [(step, step.term) for step in verdict.path if step.term is not None]
    last, term = steps[-1]
    if verdict.cause in _RECORD:
        beyond = verdict.path[-1]
        target = beyond.domain if beyond.term is None else term.domain_spec or ""
        params: dict[str, Any] = {"term": term.text, "target": target}
        if verdict.cause in _REASONS:
            params["reason"] = _REASONS[verdict.cause]
        yield finding(_RECORD[verdict.cause], last.domain, (term.span.start, term.span.stop), **params)
    elif verdict.cause is Cause.MX_LIMIT:
        hosts = [answer.records for answer in witness.answers.values() if answer.question.rtype is Rtype.MX]
        count = max(map(len, hosts), default=0)
        yield finding(Code.MX_LIMIT, last.domain, (term.span.start, term.span.stop), term=term.text, count=count)
    elif verdict.cause is Cause.LOOKUP_LIMIT and found.lookups <= STRICT.lookups:
        first, leads = next((step, one) for step, one in steps if _step_place(step) in opaque)
        span = (leads.span.start, leads.span.stop)
        again = [step.record.text for step, _ in steps if step.record is not None]
        if len(set(again)) < len(again):  # one text leads to itself
            beyond = verdict.path[verdict.path.index(first) + 1]
            yield finding(Code.INCLUDE_LOOP, first.domain, span, term=leads.text, target=beyond.domain)
        else:
            shown = f"at least {verdict.lookups}"
            yield finding(Code.LOOKUP_LIMIT, first.domain, span, count=verdict.lookups, shown=shown, at_least=True)
