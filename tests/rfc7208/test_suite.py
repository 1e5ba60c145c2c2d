"""Every case of the OpenSPF suites, over a zone in memory and over real DNS packets on loopback."""

from __future__ import annotations

import pytest

import spfcheck
from spfcheck.resolver.stub import Resolver
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.message import identity

from . import suite
from .server import serve
from .zones import from_suite

EXCLUDED: dict[str, str] = {}
"""Cases of the older suite in which the standards differ, by name, and why. There are none: what RFC 7208 changed (type
99, the limits of mx and ptr, temperror) the older suite leaves open by allowing both results."""

CASES = [
    pytest.param(scenario, case, id=f"{name}/{scenario.description.replace(' ', '-')}/{case.name}")
    for name in suite.SUITES
    for scenario, case in suite.cases(name)
    if case.name not in EXCLUDED
]


def test_the_suites_are_whole() -> None:
    assert {name: len(list(suite.cases(name))) for name in suite.SUITES} == {"rfc7208": 203, "rfc4408": 191}


def _expect(case: suite.Case, verdict: spfcheck.Verdict) -> None:
    assert verdict.result in case.results, f"{verdict}\n{case.command}"
    if case.explanation is not None:
        expected = None if case.explanation == "DEFAULT" else case.explanation
        assert verdict.explanation == expected, case.command


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_in_memory(scenario: suite.Scenario, case: suite.Case) -> None:
    who = identity(case.mailfrom, case.helo)
    sender = case.mailfrom or f"postmaster@{case.helo}"
    zone = from_suite(scenario.zonedata)
    _expect(case, run(check_host(case.host, who.domain, sender, case.helo, explain=True), zone))


@pytest.mark.parametrize(("scenario", "case"), CASES)
async def test_over_the_network(scenario: suite.Scenario, case: suite.Case) -> None:
    async with serve(from_suite(scenario.zonedata)) as address, Resolver([address], zone_rate=1e6) as resolver:
        verdict = await spfcheck.check_host(case.host, case.mailfrom, case.helo, lookup=resolver, explain=True)
    _expect(case, verdict)
