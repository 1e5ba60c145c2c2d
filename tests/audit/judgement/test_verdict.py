"""The verdict of a report is what check_host() says of our servers, with the identity that the report names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from hypothesis import HealthCheck, currently_in_test_context, event, given, settings

from spfcheck.audit.assemble import Check
from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import Witness
from spfcheck.audit.judgement.networks import PARTIAL, via, worst
from spfcheck.audit.prepare import prepare
from spfcheck.audit.quick import Attempt
from spfcheck.audit.report.model import Remedy, Report, SenderNetwork
from spfcheck.audit.senders import OurNetwork, Ours
from spfcheck.audit.thorough import examine_thoroughly
from spfcheck.resolver.types import Answer, Question
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.limits import LENIENT, STRICT, Policy
from spfcheck.rfc7208.message import identity
from spfcheck.rfc7208.ranges import format_address
from spfcheck.rfc7208.record import Result
from spfcheck.rfc7208.verdict import Verdict
from tests.audit.judgement.zones import BOTH, FIRST, FIXED, MANY, OTHER, Customer, verdicts
from tests.profile import scale

DOMAIN = "customer.example"


class Oracle:
    """check_host() over the whole zone, for single addresses and the report's own identity."""

    def __init__(self, lookup: ZoneLookup, report: Report) -> None:
        self._lookup = lookup
        self._sender, self._helo = report.identity.mail_from, report.identity.helo
        self._domain = identity(self._sender, self._helo).domain

    def _answer(self, question: Question) -> Answer:
        answer = self._lookup.cached(question)
        assert answer is not None
        return answer

    def verdict(self, address: int, family: int, policy: Policy = STRICT) -> Verdict:
        text = format_address(address, family)
        evaluation = check_host(text, self._domain, self._sender, self._helo, policy=policy)
        return run(evaluation, self._answer)

    def results(self, network: OurNetwork, policy: Policy = STRICT) -> list[Result]:
        return [self.verdict(address, network.family, policy).result for address in points(network)]


def points(network: OurNetwork) -> list[int]:
    """The first, the middle and the last address."""
    low, high = network.ranges[0][0], network.ranges[-1][1]
    return [low, (low + high) // 2, high]


def contradictions(report: Report, ours: Ours, oracle: Oracle) -> Iterable[str]:
    """Whatever in *report* check_host() contradicts, a sentence each."""
    every: set[Result] = set()
    lenient: set[Result] = set()
    partial = False
    networks = [network for sender in ours.senders for network in sender.networks]
    for said, network in zip(report.senders, networks, strict=True):
        found = oracle.results(network)
        every.update(found)
        lenient.update(oracle.results(network, LENIENT))
        yield from _of_network(said, network, found, oracle)
        partial = partial or said.result == PARTIAL
    if report.result == Result.PASS and every != {Result.PASS}:
        yield f"the result is pass beside {sorted(every)}"
    # Where a network is partial, an address between those that are asked may get the worst of all.
    least = worst([*every, Result(report.result)] if partial else list(every))
    if report.result != least:
        yield f"the result is {report.result}, not the worst of {sorted(every)}"
    if report.status in ("ok", "at_risk") and every != {Result.PASS}:
        # Receivers that count fewer void lookups let all of it pass, and the report says so.
        differ = report.status == "at_risk" and any(one.code == "receivers-differ" for one in report.findings)
        if not differ or lenient != {Result.PASS}:
            yield f"the status is {report.status} beside {sorted(every)}"


def _of_network(said: SenderNetwork, network: OurNetwork, found: list[Result], oracle: Oracle) -> Iterable[str]:
    if said.result == PARTIAL:
        if len(set(found)) == 1 and not _differs_inside(network, found[0], oracle):
            yield f"{said.network} is partial, and every address gets {found[0]}"
        return
    if set(found) != {said.result}:
        yield f"{said.network} gets {said.result}, check_host() says {found}"
        return
    way = via(oracle.verdict(points(network)[0], network.family).path)
    if said.via != way:
        yield f"{said.network} is decided by {said.via!r}, check_host() says {way!r}"


def _differs_inside(network: OurNetwork, result: Result, oracle: Oracle) -> bool:
    """Whether some address gets another result, of those at which the terms of the zones begin or end."""
    low, high = network.ranges[0][0], network.ranges[-1][1]
    inside = range(low, min(high, low + 255) + 1) if network.family == 4 else (low + (1 << 79) - 1, low + (1 << 79))
    return any(oracle.verdict(address, network.family).result is not result for address in inside)


async def reports(customer: Customer) -> tuple[Report | None, Report, Ours, ZoneLookup]:
    """What the quick way, where it applies, and the long way say of *customer*."""
    lookup = ZoneLookup(Zone.parse(customer.zone))
    ours = await prepare(customer.senders, lookup)
    assert ours.ready, ours.reasons
    sender = customer.mail_from.replace("{domain}", DOMAIN)
    check = Check(DOMAIN, sender.rpartition("@")[2], sender, "mail.invalid")
    quick = Attempt(lookup, check, ours).report(lambda: 5.0, lambda: "id")
    long = await examine_thoroughly(
        Witness(lookup),
        check,
        ours,
        record=None,
        clock=lambda: 5.0,
        new_id=lambda: "id",
    )
    return quick, long, ours, lookup


def found_wrong(customer: Customer) -> list[str]:
    quick, long, ours, lookup = asyncio.run(reports(customer))
    if long.status == "unknown" and any(one.code == "dns-limited" for one in long.findings):
        return []  # our own ceiling on questions ended it: nothing is known, and nothing is claimed
    oracle = Oracle(lookup, long)
    if currently_in_test_context():
        event(f"{'quick' if quick else 'long'}: {long.status.value}")
    return [
        *(f"long: {one}" for one in contradictions(long, ours, oracle)),
        *(f"quick: {one}" for one in (contradictions(quick, ours, oracle) if quick else ())),
    ]


OF_OURS = ("void-limit", "sender-not-included", "sender-partly-included", "sender-denied")
"""Findings of a report that are about our servers; void-limit is about others where it remains."""


def once_published(customer: Customer, remedy: Remedy) -> Report:
    """The report of *customer* with the proposed record in place of what is published."""
    zone = Zone.parse(
        customer.zone.replace(f'{remedy.name} TXT "{customer.record}"', f'{remedy.name} TXT "{remedy.value}"')
    )

    async def go() -> Report:
        lookup = ZoneLookup(zone)
        ours = await prepare(customer.senders, lookup)
        return await examine(DOMAIN, lookup, ours, mail_from=customer.mail_from)

    return asyncio.run(go())


@given(verdicts())
@settings(max_examples=scale(300, 5_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_remains_is_what_the_published_proposal_has(customer: Customer) -> None:
    _, report, _, _ = asyncio.run(reports(customer))
    remedy = report.remedy
    if not remedy.value:
        assert not remedy.remaining
        return
    published = once_published(customer, remedy)
    assert published.result == "pass", (customer.record, remedy.value)
    kinds = [
        {(one.code, one.domain, one.span) for one in found if one.severity == "error" and one.code not in OF_OURS}
        for found in (published.findings, remedy.remaining)
    ]
    assert kinds[0] == kinds[1], (customer.record, remedy.value)


@given(verdicts())
@settings(max_examples=scale(1_000, 20_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_report_says_what_check_host_says(customer: Customer) -> None:
    assert found_wrong(customer) == [], customer.record


def test_a_network_whose_addresses_are_too_dear_to_ask_is_no_partial_one() -> None:
    """Each address takes eleven questions of its own here, so that some of a network of eight are not asked."""
    record = (
        f"v=spf1 include:%{{i}}.loop.example include:{FIRST} include:%{{i}}.silent.example include:around.example -all"
    )
    around = f'around.example TXT "v=spf1 include:{OTHER} -all"'
    zone = "\n".join([FIXED, MANY, around, f'{DOMAIN} TXT "{record}"'])
    assert found_wrong(Customer(zone, BOTH, "postmaster@{domain}", record)) == []
