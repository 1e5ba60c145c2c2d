"""A sign that denies stays with what it was typed for; what may be denied is let in by no mend."""

from __future__ import annotations

import pytest

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.audit.golden_file import OURS

ZONE = """
_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/28 -all"
_spf.provider.example TXT "v=spf1 ip4:198.51.100.0/24 ~all"
other.example TXT "v=spf1 ip4:192.0.2.7 -all"
customer.example A 192.0.2.9
customer.example MX 10 customer.example
host.customer.example A 192.0.2.7
customer.example TXT "{record}"
"""
OURS_ADDED = "include:_spf.mail.example"

HEALED = [
    ("v=spf1 -ip4 : 192.0.2.7 a -all", f"v=spf1 -ip4:192.0.2.7 a {OURS_ADDED} -all"),
    ("v=spf1 ip4 : 192.0.2.7 a -all", f"v=spf1 ip4:192.0.2.7 a {OURS_ADDED} -all"),
    ("v=spf1 ?include : other.example -all", f"v=spf1 ?include:other.example {OURS_ADDED} -all"),
    ("v=spf1 -ip4: 192.0.2.7 -all", f"v=spf1 -ip4:192.0.2.7 {OURS_ADDED} -all"),
    ("v=spf1 ip4:192.0.2.6 192.0.2.7 ~all", f"v=spf1 ip4:192.0.2.6 ip4:192.0.2.7 {OURS_ADDED} ~all"),
    (
        "v=spf1 include:_spf.provider.exampleip4:192.0.2.128/25 ~all",
        f"v=spf1 include:_spf.provider.example ip4:192.0.2.128/25 {OURS_ADDED} ~all",
    ),
]
MANUAL = [
    ("v=spf1 -ip4: mx -all", "empty-argument", ()),
    ("v=spf1 -a host.customer.example ~all", "bare-name", ("-a:host.customer.example", "a:host.customer.example")),
    ("v=spf1 ~mx other.example ~all", "bare-name", ("~include:other.example", "include:other.example")),
    ("v=spf1 -ip4:192.0.2.6 192.0.2.7 ~all", "bare-address", ("-ip4:192.0.2.7", "ip4:192.0.2.7")),
    ("v=spf1 !mx other.example ~all", "bare-name", ("-include:other.example", "include:other.example")),
    ("v=spf1 mx ! ip4:192.0.2.7 -all", "unknown-word", ()),
    ("v=spf1 include:_spf.provider.exampleip4:8.0.0.0/8 ~all", "glued", ()),
    ("v=spf1ip4:192.0.2.0/15 -all", "too-wide", ()),
    ("v=spf1ip6:2001:db8::/20 mx -all", "too-wide", ()),
]


@pytest.mark.parametrize(("record", "proposed"), HEALED)
async def test_a_sign_stays_with_its_term(record: str, proposed: str) -> None:
    lookup = ZoneLookup(Zone.parse(ZONE.format(record=record)))
    report = await examine("customer.example", lookup, await prepare(OURS, lookup))
    assert report.remedy.value == proposed


@pytest.mark.parametrize(("record", "reason", "readings"), MANUAL)
async def test_what_may_be_denied_is_left_to_its_owner(record: str, reason: str, readings: tuple[str, ...]) -> None:
    lookup = ZoneLookup(Zone.parse(ZONE.format(record=record)))
    report = await examine("customer.example", lookup, await prepare(OURS, lookup))
    certificate = report.remedy.certificate or {}
    assert (report.remedy.value, certificate["code"], certificate["reason"]) == ("", "no-single-reading", reason)
    assert tuple(certificate.get("readings", ())) == readings
