"""Every case of the OpenSPF suites, over a zone in memory."""

from __future__ import annotations

import pytest

from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.message import identity

from . import suite
from .zones import from_suite

CASES = [
    pytest.param(scenario, case, id=f"{name}/{scenario.description.replace(' ', '-')}/{case.name}")
    for name in suite.SUITES
    for scenario, case in suite.cases(name)
]


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_case(scenario, case):
    who = identity(case.mailfrom, case.helo)
    evaluation = check_host(
        case.host, who.domain, case.mailfrom or f"postmaster@{case.helo}", case.helo, explain=True, receiver="unknown"
    )
    verdict = run(evaluation, from_suite(scenario.zonedata))
    assert verdict.result in case.results, f"{verdict}\n{case.command}"
    if case.explanation is not None:
        expected = None if case.explanation == "DEFAULT" else case.explanation
        assert verdict.explanation == expected, case.command
