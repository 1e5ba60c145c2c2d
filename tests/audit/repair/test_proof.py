"""The prover refuses every sabotage, and accepts what the ladder makes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.meant import Base, base_of
from spfcheck.audit.repair.proof import Proof, Proposal, Refusal, deletable, prove
from spfcheck.audit.report.model import RemedyKind, Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.audit.text.terms import ignored_own, is_own
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.record import Record, parse
from tests.audit.cases import case_of
from tests.audit.golden_file import GOLDEN, Golden
from tests.audit.zones import Generated, zones
from tests.profile import scale

FILES = [path for path in sorted(GOLDEN.glob("*.txt")) if Golden.read(path).expect.get("value")]


def sabotages(value: str, case: Case) -> Iterator[tuple[str, str]]:
    """Ways to spoil the record *value*, each with its name."""
    record = parse(value)
    texts = [term.text for term in record.terms]
    own = [index for index, term in enumerate(record.terms) if is_own(term, case.ours.names)]
    base = base_of(case)
    meant = base.record if isinstance(base, Base) else record
    dead = {term.text for term in deletable(meant, case.domain)}
    yield "our include dropped", _record(text for index, text in enumerate(texts) if index not in own)
    yield "our include softened", _record("?" + text if index in own else text for index, text in enumerate(texts))
    for index, term in enumerate(record.terms):
        if index not in own and term.text not in dead and not ignored_own(term, case.ours.names):
            yield f"{term.text} dropped", _record(texts[:index] + texts[index + 1 :])
    yield from _reordered(record, texts, own, dead)
    if record.all_term is not None:
        last = record.terms.index(record.all_term)
        if any(index < last for index in own):
            mine = [texts[index] for index in own]
            yield "ours behind all", _record([*(t for i, t in enumerate(texts) if i not in own), *mine])
        for end in ("-all", "~all", "?all", "+all"):
            if parse(f"v=spf1 {end}").terms[0].result is not record.all_term.result:
                yield f"{end} in place of {texts[last]}", _record([*texts[:last], end, *texts[last + 1 :]])
    yield "a lookup more", _record(["a:h1.example", *texts])
    yield "somebody else let in", _record(["ip4:192.0.2.250", *texts])
    for index, term in enumerate(record.terms):
        if term.network is not None and term.cidr4 < 32 and term.cidr4 > 0 and term.family == 4:
            wider = term.text.replace(f"/{term.cidr4}", f"/{term.cidr4 - 1}")
            yield f"{wider} in place of {term.text}", _record([*texts[:index], wider, *texts[index + 1 :]])


def _reordered(record: Record, texts: list[str], own: list[int], dead: set[str]) -> Iterator[tuple[str, str]]:
    for index in range(len(texts) - 1):
        left, right = record.terms[index], record.terms[index + 1]
        if index in own or index + 1 in own or left.text == right.text or left.is_modifier or right.is_modifier:
            continue
        if left.text in dead or right.text in dead:  # another repetition may be dropped as well
            continue
        swapped = [*texts[:index], right.text, left.text, *texts[index + 2 :]]
        yield f"{left.text} and {right.text} swapped", _record(swapped)


def _record(terms) -> str:  # type: ignore[no-untyped-def]
    return " ".join(["v=spf1", *terms])


def refused(case: Case, report: Report) -> int:
    """Every sabotage of the remedy of *report* is refused; how many there were."""
    remedy = report.remedy
    delete = tuple(one.value for one in remedy.delete)
    accepted = prove(case, Proposal(remedy.name, remedy.value, delete))
    assert isinstance(accepted, Proof), accepted
    if case.texts:
        second = prove(case, Proposal(remedy.name, remedy.value, delete[1:]))
        assert isinstance(second, Refusal), "a second record was let stand"
    count = 0
    plain = _record(term.text for term in parse(remedy.value).terms)
    for name, value in sabotages(remedy.value, case):
        if value == plain:
            continue
        verdict = prove(case, Proposal(remedy.name, value, delete))
        assert isinstance(verdict, Refusal), (name, remedy.value, value)
        count += 1
    return count


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_sabotage_of_goldens(path) -> None:  # type: ignore[no-untyped-def]
    golden = Golden.read(path)
    lookup = golden.lookup()
    ours = await prepare(golden.profiles(), lookup)
    report = await golden.report()
    domain = report.identity.mail_from.rpartition("@")[2]
    case = case_of(domain, lookup, ours, record=golden.ask.get("record"), search="search" in golden.ask)
    assert refused(case, report) > 0


@given(zones())
@settings(
    max_examples=scale(100, 1_500),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_sabotage_of_generated_zones(generated: Generated) -> None:
    asyncio.run(_sabotage(generated))


async def _sabotage(generated: Generated) -> None:
    lookup = ZoneLookup(Zone.parse(generated.text))
    ours = await prepare([SenderProfile(name="mail", include="_spf.mail.example")], lookup)
    report = await examine("customer.example", lookup, ours)
    assume(report.remedy.kind in (RemedyKind.PUBLISH, RemedyKind.REPLACE))
    refused(case_of("customer.example", lookup, ours), report)
