"""Invariants I1 to I8 of the repair, checked from outside: by check_host() on single addresses, never by the prover."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings

from spfcheck.audit.examine import examine
from spfcheck.audit.judgement.networks import FAMILIES
from spfcheck.audit.judgement.status import needed_includes
from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair import certificates
from spfcheck.audit.repair.case import Case, Missing
from spfcheck.audit.repair.meant import Base, base_of
from spfcheck.audit.report.model import RemedyKind, Report, Status
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.audit.text.terms import ignored_own, is_own
from spfcheck.resolver.types import Lookup
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.limits import STRICT, UNLIMITED, Policy
from spfcheck.rfc7208.ranges import contains, everything, format_address
from spfcheck.rfc7208.record import Record, Result, parse
from spfcheck.rfc7208.verdict import Cause, Verdict
from tests.audit.cases import case_of
from tests.audit.zones import Generated, zones
from tests.made.corpus import CORPUS, INCLUDE, OURS_TEXTS, CorpusLookup, read_corpus
from tests.profile import scale

DOMAIN = "customer.example"
MESSAGES = (("postmaster@customer.example", "mail.invalid"), ("o'neil@customer.example", "h1.example"))
LIMITS = (Cause.LOOKUP_LIMIT, Cause.VOID_LIMIT, Cause.INCLUDE_LOOP)


@given(zones())
@settings(max_examples=scale(250, 4_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_generated_zones(generated: Generated) -> None:
    asyncio.run(_check_zone(generated))


async def _check_zone(generated: Generated) -> None:
    lookup = ZoneLookup(Zone.parse(generated.text))
    ours = await prepare([SenderProfile(name="mail", include="_spf.mail.example")], lookup)
    assert ours.ready, ours.reasons
    report = await examine(DOMAIN, lookup, ours)
    event(f"{report.status} {report.remedy.kind} {(report.remedy.certificate or {}).get('code', '')}")
    await check_invariants(DOMAIN, lookup, ours, report, random.Random(0))


async def check_invariants(domain: str, lookup: Lookup, ours: Ours, report: Report, rng: random.Random) -> None:
    """All that the law says of one report."""
    case = case_of(domain, lookup, ours)
    kind = report.remedy.kind
    if report.status is Status.UNKNOWN:
        assert kind is RemedyKind.NONE
        return
    if report.status is Status.OK:
        assert kind is RemedyKind.NONE
    if report.status is Status.ACTION_NEEDED:
        assert kind is not RemedyKind.NONE
    if kind is RemedyKind.MANUAL:
        certificate = dict(report.remedy.certificate or {})
        needed = needed_includes(report.senders, ours)
        assert certificates.accepts(case, certificate, needed, report.remedy.name), certificate
    if kind in (RemedyKind.PUBLISH, RemedyKind.REPLACE):
        await _check_record(case, report, lookup, rng)


async def _check_record(case: Case, report: Report, lookup: Lookup, rng: random.Random) -> None:
    value = report.remedy.value
    new = parse(value)
    # I5
    assert new.valid
    assert "".join(report.remedy.strings) == value
    assert all(0 < len(one) <= 255 and one == one.strip(" ") for one in report.remedy.strings)
    assert report.remedy.proof
    # I4
    assert case.survey(new).lookups <= 10
    # I1
    for family in FAMILIES:
        for address in _samples(case.ours.allowed[family], rng):
            for sender, helo in MESSAGES:
                verdict = _verdict(case, value, format_address(address, family), sender, helo)
                assert verdict.result is Result.PASS, (value, format_address(address, family), verdict)
                assert verdict.lookups <= 10
                assert verdict.void_lookups <= 2
    base = base_of(case)
    if isinstance(base, Base):
        _nobody_else(case, base.record, new, rng)
        _untouched(base.record, new, case.ours)
    # I6
    after = await examine(case.domain, lookup, case.ours, record=value)
    assert after.status in (Status.OK, Status.AT_RISK), after.headline
    assert after.remedy.kind is RemedyKind.NONE
    if report.record is not None and parse(report.record.text).valid:
        errors = {one.code for one in report.findings if one.severity == "error"}
        assert {one.code for one in after.findings if one.severity == "error"} <= errors


def _nobody_else(case: Case, base: Record, new: Record, rng: random.Random) -> None:
    """I2: every other address and every message gets what the base says, limits aside."""
    for family in FAMILIES:
        for address in _others(base, family, rng):
            if contains(case.ours.allowed[family], address):
                continue
            text = format_address(address, family)
            for sender, helo in MESSAGES:
                before = _verdict(case, base.text, text, sender, helo)
                after = _verdict(case, new.text, text, sender, helo)
                if after.result is before.result:
                    continue
                assert before.cause in LIMITS, (base.text, new.text, text, before.result, after.result)
                lifted = _verdict(case, base.text, text, sender, helo, UNLIMITED)
                assert after.result is lifted.result, (base.text, new.text, text)


def _untouched(base: Record, new: Record, ours: Ours) -> None:
    """I7: what is not ours stands in the base, byte for byte and in its order."""
    rest = iter([term.text for term in base.terms])
    for term in new.terms:
        if not is_own(term, ours.names) and not ignored_own(term, ours.names):
            assert term.text in rest, term.text


def _verdict(case: Case, text: str, address: str, sender: str, helo: str, policy: Policy = STRICT) -> Verdict:
    overlaid = case_of(case.domain, _Bare(case), case.ours, record=text)
    return run(check_host(address, case.domain, sender, helo, policy=policy), overlaid.answer)


class _Bare:
    """The answers of a case as a lookup."""

    def __init__(self, case: Case) -> None:
        self.cached = case.answers.__getitem__
        self._case = case

    async def ask(self, question):  # type: ignore[no-untyped-def]
        raise Missing([question])


def _samples(ranges: tuple[tuple[int, int], ...], rng: random.Random) -> list[int]:
    found: list[int] = []
    for low, high in ranges:
        found += [low, high, rng.randint(low, high)]
    return found[:12]


def _others(record: Record, family: int, rng: random.Random) -> Iterator[int]:
    """Both sides of every boundary that the record writes, and some addresses from anywhere."""
    highest = everything(family)[0][1]
    for term in record.terms:
        if term.network is not None and term.family == family:
            low, high = term.network
            yield from {max(low - 1, 0), low, high, min(high + 1, highest)}
    if family == 4:
        yield from (0xC0000201, 0xC0000203, 0xC0000204, 0xC0000209, 0xC6336407, 0xCB007020)
    else:
        base = 0x20010DB8 << 96
        yield from (base | 1 << 80 | 1, base | 1 << 80 | 2, base | 9 << 80 | 9, base | 5 << 80 | 0x20)
    for _ in range(3):
        yield rng.randint(0, highest)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="LOUD: the corpus is not at ../shared/corpus; real records untested")
async def test_real_records() -> None:
    rows, includes = read_corpus()
    lookup = CorpusLookup(rows, includes, OURS_TEXTS[1])
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    rng = random.Random(1)
    odd = [row for row in rows if row.text and (not parse(row.text).valid or len(row.text) > 400)]
    for row in [*rng.sample(rows, scale(150, 3_000)), *odd[: scale(60, 10_000)]]:
        report = await examine(row.domain, lookup, ours)
        await check_invariants(row.domain, lookup, ours, report, rng)
