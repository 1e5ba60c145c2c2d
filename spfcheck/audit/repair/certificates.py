"""Why no record is proposed: the certificates of kind manual (repair I8), and the checker that accepts them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spfcheck.audit.flat.record import Plain
from spfcheck.audit.judgement.networks import FAMILIES
from spfcheck.audit.judgement.tree import RecordState
from spfcheck.audit.judgement.vendors import ReturnPath, return_path_of, vendor_of
from spfcheck.audit.repair.case import Case, Missing
from spfcheck.audit.repair.claims import LOOKUPS
from spfcheck.audit.repair.deletion import deletable
from spfcheck.audit.repair.meant import Base, NoBase, Origin, base_of
from spfcheck.audit.repair.size import is_so_large
from spfcheck.audit.repair.world import letting_in
from spfcheck.audit.report.model import TreeNode
from spfcheck.audit.text.addresses import is_wide
from spfcheck.audit.text.slips import Slip
from spfcheck.audit.text.terms import ends_in, is_own
from spfcheck.names import is_public_suffix, registrable
from spfcheck.rfc7208.effort import Measure, TooLargeError
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import contains, everything, intersect, normalise, subtract
from spfcheck.rfc7208.record import Record, Result, Term, live_terms, parse, spf_texts
from spfcheck.rfc7208.verdict import Cell, Partition

__all__ = [
    "accepts",
    "denied_by_name",
    "least",
    "lets_everybody_in",
    "no_room",
    "not_editable",
    "not_here",
    "obstacle",
    "pass_all",
    "passes_all",
    "probe_name",
]


def accepts(case: Case, certificate: dict[str, Any], needed: Sequence[str], name: str) -> bool:
    """Whether *certificate* is true of *case*; looked at afresh, whoever wrote it."""
    code = certificate.get("code")
    if code == "not-editable-here":
        return not_editable(case, name) == certificate
    base = base_of(case)
    if code in ("no-single-reading", "pass-all-in-broken-record", "too-large") and isinstance(base, NoBase):
        return base.certificate == certificate
    if code == "pass-all-in-broken-record":
        return isinstance(base, Base) and (passes_all(base) or lets_everybody_in(case, base))
    record = parse("v=spf1 ?all") if base is None else base.record if isinstance(base, Base) else None
    if record is None:
        return False
    if code == "denied-by-name":
        return denied_by_name(case, record) == certificate
    if code == "too-large":
        return is_so_large(case, record, certificate)
    if code in ("no-room", "loop"):
        return _no_way(case, record, certificate, needed)
    return False


def _no_way(case: Case, record: Record, certificate: dict[str, Any], needed: Sequence[str]) -> bool:
    """Even with every deletion that cannot matter, the record has no room or leads back to itself."""
    found = case.survey(least(case, record))
    if certificate["code"] == "loop":
        return any(use.state is RecordState.LOOP for use in found.uses)
    return bool(
        found.lookups == certificate["lookups"]
        and _cost(case, record, needed) == certificate["cost"]
        and found.lookups + certificate["cost"] > LOOKUPS
    )


def least(case: Case, record: Record) -> Record:
    """*record* without what can never decide, and without our own terms, which would be put in anew."""
    gone = {id(term) for term in deletable(record, case.domain)}
    gone |= {id(term) for term in record.terms if is_own(term, case.ours.names)}
    return parse(" ".join(["v=spf1", *(term.text for term in record.terms if id(term) not in gone)]))


def _cost(case: Case, record: Record, needed: Sequence[str]) -> int:
    """Lookups that our includes add: those needed, and those that the record has."""
    present = {term.target for term in live_terms(record) if is_own(term, case.ours.names)}
    return sum(sender.cost for sender in case.ours.senders if sender.include in present | set(needed))


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one term of a record costs, with all that it leads to."""

    term: str
    cost: int
    vendor: str

    def row(self) -> dict[str, Any]:
        return {"term": self.term, "cost": self.cost, "vendor": self.vendor}


def no_room(case: Case, record: Record, needed: Sequence[str]) -> dict[str, Any]:
    """The certificate that *record* has no room for our includes: what each term costs, and which choices there are.

    Where it has room, what keeps it from being proven is a network that is too wide for a mend (I3), or a loop.
    """
    shortest = least(case, record)
    plain = case.plain(shortest.text)
    if plain is not None:
        costs = [_Cost(one.text, one.lookups, vendor_of(one.name) if one.known else "") for one in plain.parts]
    else:
        found = case.survey(shortest, drawn=True)
        loop = next((use for use in found.uses if use.state is RecordState.LOOP), None)
        if loop is not None:
            return {"code": "loop", "term": loop.term.text, "domain": loop.domain}
        assert found.root is not None
        costs = list(_costs(found.root))
    lookups, cost = sum(one.cost for one in costs), _cost(case, record, needed)
    if lookups + cost <= LOOKUPS:
        words = next((term.text for term in record.terms if is_wide(term)), record.text)
        return {"code": "no-single-reading", "span": [0, 0], "reason": Slip.TOO_WIDE.value, "words": words}
    dearest = sorted((one for one in costs if one.cost), key=lambda one: -one.cost)
    return {
        "code": "no-room",
        "lookups": lookups,
        "cost": cost,
        "table": [one.row() for one in dearest],
        "choices": list(_choices(case, shortest, plain, {one.term: one.cost for one in dearest}, cost)),
    }


def _costs(root: TreeNode) -> Iterator[_Cost]:
    before = 0
    for node in root.children:
        if node.cost:
            yield _Cost(node.term, node.total - before, node.vendor)
        before = node.total


def _choices(
    case: Case, record: Record, plain: Plain | None, costs: Mapping[str, int], cost: int
) -> Iterator[dict[str, Any]]:
    """What the owner might do: never done by us, since it is documented, or proven for today only, or not at all.

    First the includes that do nothing for their own mail; then a name of its own for ours, which *cost* lookups here.
    """
    costly = [term for term in live_terms(record) if term.cost and term.result is Result.PASS and not term.is_modifier]
    for term in costly:
        known = _needless(case, term)
        if known is not None:
            yield {
                "term": term.text,
                "saves": costs.get(term.text, 1),
                "why": "return-path",
                "vendor": vendor_of(term.target or ""),
                "source": known.source,
            }
    yield {"term": "", "saves": cost, "why": "subdomain"}
    spare = _Spare(case, record)
    for term in costly:
        if _needless(case, term) is not None:
            continue
        if term.name == "ptr":
            yield {"term": term.text, "saves": 1, "why": "ptr"}
        elif _is_spare(plain, term) if plain is not None else spare.has(term):
            yield {"term": term.text, "saves": costs.get(term.text, 1), "why": "redundant-today"}


def _needless(case: Case, term: Term) -> ReturnPath | None:
    """What is documented of the vendor whose mail is judged by another name, so that *term* does nothing for it.

    Below the registered domain it may: a name there can be the very one that was handed over to the vendor.
    """
    if term.name != "include" or term.target is None or case.domain != registrable(case.domain):
        return None
    known = return_path_of(term.target)
    return known if known is not None and known.own else None


def _is_spare(plain: Plain, term: Term) -> bool:
    """Without *term* every address gets what it gets now: the other terms of the plain record hold what it holds."""
    part = next(one for one in plain.parts if one.text == term.text)
    for family in FAMILIES:
        rest = part.held[family]
        if not rest:
            continue
        beside = [other.held[family] for other in plain.parts if other is not part]
        # Of most the first address already is in no other.
        if not any(contains(held, rest[0][0]) for held in beside):
            return False
        for held in beside:
            rest = subtract(rest, held)
        if rest:
            return False
    return True


class _Spare:
    """The same of any *record*, by today's answers: what a term decides about is decided alike without it."""

    def __init__(self, case: Case, record: Record) -> None:
        self._case = case
        self._record = record
        self._decided: dict[int, dict[Term | None, list[Cell]]] | None = None
        """The cells of each family, by the term that decides; empty where nothing can be said."""

    def has(self, term: Term) -> bool:
        """Whether *term* is one that the record may do without."""
        try:
            if self._decided is None:
                self._decided = {}
                self._decided = self._by_term()
            return bool(self._decided) and all(self._is_alike(term, family) for family in FAMILIES)
        except (Missing, TooLargeError):  # our own ceiling ended the walk; a choice less is no harm
            return False

    def _by_term(self) -> dict[int, dict[Term | None, list[Cell]]]:
        found: dict[int, dict[Term | None, list[Cell]]] = {}
        for family in FAMILIES:
            cells = self._case.partition(self._record.text, everything(family), family, UNLIMITED).cells
            if any(cell.depends for cell in cells):
                return {}
            found[family] = {}
            for cell in cells:
                found[family].setdefault(cell.path[0].term if cell.path else None, []).append(cell)
        return found

    def _is_alike(self, term: Term, family: int) -> bool:
        assert self._decided is not None
        record = self._record
        cells = self._decided[family].get(term, [])
        if not cells:
            return True
        self._case.work.spend(Measure.CELLS, len(record.terms))
        shorter = " ".join(["v=spf1", *(other.text for other in record.terms if other is not term)])
        now = Partition(family=family, cells=tuple(cells))
        ranges = normalise(one for cell in cells for one in cell.addresses)
        then = self._case.partition(shorter, ranges, family, UNLIMITED)
        return all(now.having(result) == then.having(result) for result in Result)


def denied_by_name(case: Case, record: Record) -> dict[str, Any] | None:
    """The certificate that a term turns our servers away by name, where one does."""
    known: dict[str, bool] = {}
    for term in live_terms(record):
        if term.is_modifier or term.name == "all" or term.result is Result.PASS:
            continue
        if is_own(term, case.ours.names):
            if term.result is Result.FAIL:
                return {"code": "denied-by-name", "term": term.text}
            continue
        if _lies_inside(case, term, known):
            return {"code": "denied-by-name", "term": term.text}
    return None


def _lies_inside(case: Case, term: Term, known: dict[str, bool]) -> bool:
    """What *term* matches is a part of what our includes authorise: whoever wrote it meant us.

    *known* is what was found of terms, by their text without a sign: one may stand there again and again.
    """
    if term.network is not None and term.family is not None:
        return intersect((term.network,), case.ours.allowed[term.family]) == (term.network,)
    if term.spec is not None and term.target is None:
        return False
    bare = term.text.lstrip("+-~?")
    if bare not in known:
        known[bare] = _is_within_ours(case, f"v=spf1 {bare}")
    return known[bare]


def _is_within_ours(case: Case, plain: str) -> bool:
    matched = False
    for family in FAMILIES:
        parts = case.partition(plain, everything(family), family, UNLIMITED)
        if any(cell.depends for cell in parts.cells):
            return False
        passing = parts.passing()
        if subtract(passing, case.ours.allowed[family]):
            return False
        matched = matched or bool(passing)
    return matched


def passes_all(base: Base) -> bool:
    """A record that had to be mended or merged would authorise everybody."""
    return base.origin is not Origin.PUBLISHED and ends_in(base.record) is Result.PASS


def lets_everybody_in(case: Case, base: Base) -> bool:
    """The same by other words than ``+all``."""
    record = least(case, base.record)
    return bool(letting_in(case, base, record.text, case.survey(record).records))


def pass_all(base: Base, words: str = "") -> dict[str, Any]:
    """The certificate for that; *words* are the terms that say it, if not ``+all``."""
    if not words:
        assert base.record.all_term is not None
        words = base.record.all_term.text
    return {"code": "pass-all-in-broken-record", "term": words}


def obstacle(case: Case, name: str) -> dict[str, Any] | None:
    """The certificate that the record cannot be put right at *name*, where it cannot; found out once for a case."""
    if ("obstacle", name) not in case.found:
        case.found["obstacle", name] = not_editable(case, name)
    found: dict[str, Any] | None = case.found["obstacle", name]
    return found


def not_editable(case: Case, name: str) -> dict[str, Any] | None:
    """The same, looked at afresh."""
    if is_public_suffix(case.domain):
        return not_here("public-suffix", case.domain)
    if name != case.domain and registrable(name) != registrable(case.domain):
        return not_here("cname-out-of-zone", name)
    organisation = registrable(case.domain)
    own = case.sure(Question(case.domain, Rtype.TXT))
    if own.nxdomain and case.sure(Question(organisation, Rtype.TXT)).nxdomain:
        return not_here("nxdomain-organisation", organisation)
    if case.domain != organisation and name == case.domain and _is_wildcard(case):
        return not_here("wildcard", "*." + case.domain.partition(".")[2])
    return None


def not_here(reason: str, at: str) -> dict[str, Any]:
    """The certificate that nothing can be put right at the name *at*."""
    return {"code": "not-editable-here", "reason": reason, "at": at}


def probe_name(domain: str) -> str:
    """A sibling of *domain* that nobody publishes: what answers there comes from a wildcard (RFC 4592).

    The label is drawn from the domain itself, so that a stored check asks for the same one.
    """
    label = hashlib.sha256(domain.encode()).hexdigest()[:16]
    return f"spfcheck-{label}.{domain.partition('.')[2]}"


def _is_wildcard(case: Case) -> bool:
    """What the domain answers is what any name beside it would answer."""
    sibling = probe_name(case.domain)
    asked = [Question(name, rtype) for name in (case.domain, sibling) for rtype in (Rtype.TXT, Rtype.MX)]
    case.need(*asked)
    txt, mx, other_txt, other_mx = (case.sure(question) for question in asked)
    if spf_texts(txt):
        return sorted(spf_texts(txt)) == sorted(spf_texts(other_txt))
    # Without a text of its own, a wildcard's mail hosts would vanish as soon as a record is published (RFC 4592 2.2.1).
    return bool(mx.records) and sorted(mx.records) == sorted(other_mx.records)
