"""check_host() over HTTP: what an SMTP client may say is judged, and both suites come out as they do in the library."""

from __future__ import annotations

import pytest

from spfcheck.resolver.stub import Resolver
from tests.api.running import running, settings_of, zone_lookup
from tests.rfc7208 import suite
from tests.rfc7208.server import serve
from tests.rfc7208.zones import from_suite

ZONE = r"""
_spf.mail.example       TXT  "v=spf1 ip4:192.0.2.0/25 -all"
fine.example            TXT  "v=spf1 ip4:192.0.2.7 -all"
xn--bcher-kva.example   TXT  "v=spf1 ip4:192.0.2.7 -all"
helo.example            TXT  "v=spf1 exists:%{h}.names.example -all"
xn--bcher-kva.example.names.example  A  127.0.0.2
local.example           TXT  "v=spf1 exists:%{l}.users.example -all"
jane.users.example      A    127.0.0.2
postmaster.users.example A   127.0.0.2
"""
SAID = [
    ("jane@fine.example", "", "pass"),
    ("<jane@fine.example>", "", "pass"),
    ("<@relay.example,@other.example:jane@fine.example>", "", "pass"),
    ('"jane doe"@fine.example', "", "pass"),
    ('"jane@home"@fine.example', "", "pass"),
    ("jané@fine.example", "", "pass"),
    ("jane@bücher.example", "", "pass"),
    ("jane@BÜCHER.example.", "", "pass"),
    ("jane@xn--bcher-kva.example", "", "pass"),
    ("jane@fine.example", "not a host", "pass"),
    ("jane@fine.example", "x" * 2_000, "pass"),
    ("x" * 2_000 + "@fine.example", "", "pass"),
    ("@fine.example", "", "pass"),
    ("fine.example", "", "pass"),
    ("jane@local.example", "", "pass"),
    ("@local.example", "", "pass"),
    ("joe@local.example", "", "fail"),
    ("jane@helo.example", "bücher.example", "pass"),
    ("jane@helo.example", "[192.0.2.7]", "fail"),
    ("", "fine.example", "pass"),
    ("<>", "fine.example", "pass"),
    ("<>", "bücher.example", "pass"),
    ("<>", "[192.0.2.7]", "none"),
    ("<>", "[IPv6:2001:db8::1]", "none"),
    ("<>", "localhost", "none"),
    ("<>", "not a host", "none"),
    ("<>", "jane@fine.example", "none"),
    ("<>", "", "none"),
    ("", "\x00\n", "none"),
    ("jane@[192.0.2.7]", "fine.example", "none"),
    ("jane@[IPv6:2001:db8::1]", "fine.example", "none"),
    ("jane@localhost", "fine.example", "none"),
    ("jane@", "fine.example", "none"),
    ("jane@" + "x" * 70 + ".example", "", "none"),
    ("jane@" + "x." * 2_000 + "example", "", "none"),
]


async def test_whatever_a_client_says_is_judged() -> None:
    async with running(lookup=zone_lookup(ZONE)) as client:
        for sender, helo, wanted in SAID:
            body = {"ip": "192.0.2.7", "sender": sender, "helo": helo}
            async with client.post("/v1/check-host", json=body) as answer:
                assert (answer.status, (await answer.json())["result"]) == (200, wanted), (sender, helo)


SCENARIOS = [
    pytest.param(scenario, id=f"{name}/{scenario.description.replace(' ', '-')}")
    for name in suite.SUITES
    for scenario in suite.load(name)
]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_the_suites_over_http_and_real_dns(scenario: suite.Scenario) -> None:
    """Every case of both suites; none is left out and none is refused."""
    zone = from_suite(scenario.zonedata)
    settings = settings_of(cold_per_minute=100_000)
    async with (
        serve(zone) as address,
        Resolver([address], zone_rate=1e6) as resolver,
        running(settings, resolver) as client,
    ):
        for case in scenario.cases:
            body = {"ip": case.host, "sender": case.mailfrom, "helo": case.helo}
            async with client.post("/v1/check-host", json=body) as answer:
                document = await answer.json()
            assert answer.status == 200, (case.name, document)
            assert document["result"] in case.results, (case.command, document)
            if case.explanation is not None:
                wanted = None if case.explanation == "DEFAULT" else case.explanation
                assert document["explanation"] == wanted, case.command
