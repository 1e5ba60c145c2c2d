"""Everybody let in, however it is written: no mend makes it so where nobody passes today."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair.certificates import accepts
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.audit.cases import case_of
from tests.wild.wild import DOMAIN, OUTSIDER, Text, Wild, holds, report_of, result_for, zone_of

CODE = "pass-all-in-broken-record"
WORLD = """
world.example TXT "v=spf1 +all"
six.example TXT "v=spf1 ip6:::/0 -all"
halves.example TXT "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all"
silent.example TXT SERVFAIL
silent.example A SERVFAIL
"""
TERMS = [
    "ip4:0.0.0.0/0",
    "ip4:0.0.0.0/1 ip4:128.0.0.0/1",
    "ip6:::/0",
    "ip6:::/1 ip6:8000::/1",
    "a/0",
    "mx/0",
    "mx//0",
    "a:host.partner.example/0",
    "exists:plumber.example",
    "exists:%{d}",
    "include:world.example",
    "include:six.example",
    "include:halves.example",
]
BROKEN: list[tuple[Text | Sequence[Text], str]] = [
    *((f"v=spf1 ipv4:192.0.2.7 {terms} -all", terms) for terms in TERMS),
    *(([f"v=spf1 {terms} -all", "v=spf1 include:spf.mailbox.example ~all"], terms) for terms in TERMS[:4]),
    ('"v=spf1 ipv4:192.0.2.7 ip4:0.0.0.0/0 -all"', "ip4:0.0.0.0/0"),
    (('"v=spf1 ipv4:192.0.2.7 ', 'ip4:0.0.0.0/0 -all"'), "ip4:0.0.0.0/0"),
    ("v=spf1 ipv4:192.0.2.7 redirect=world.example", "redirect=world.example"),
    ("v=spf1 mx/0, -all", "mx/0"),
    ("v=spf1 include:_spf.mial.example ip4:0.0.0.0/0 ~all", "ip4:0.0.0.0/0"),
    # a repetition that is over the limit of lookups, and can be dropped
    (f"v=spf1 ipv4:192.0.2.7 {'a ' * 11}ip4:0.0.0.0/0 -all", "ip4:0.0.0.0/0"),
]


@pytest.mark.parametrize(("texts", "terms"), BROKEN, ids=str)
async def test_what_is_broken_is_not_mended_to_let_everybody_in(texts: Text | Sequence[Text], terms: str) -> None:
    findings = ("multiple-records",) if isinstance(texts, list) else ()
    result = "none" if str(texts[0]).startswith('"') else "permerror"
    report = await holds(Wild(texts, reason=CODE, result=result, findings=findings, zone=WORLD))
    assert report.status == "action_needed"
    assert report.remedy.certificate == {"code": CODE, "term": terms}


async def test_what_is_no_record_is_not_mended_to_let_everybody_in() -> None:
    report = await holds(Wild("spf1 ip4:0.0.0.0/0 ~all", reason=CODE, result="none", findings=("near-miss-record",)))
    assert report.remedy.certificate == {"code": CODE, "term": "ip4:0.0.0.0/0"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("v=spf1 ip4:0.0.0.0/0 ~all", "v=spf1 ip4:0.0.0.0/0 include:_spf.mail.example ~all"),
        ("v=spf1 a:_spf.mail.example ip4:0.0.0.0/0 ~all", "v=spf1 include:_spf.mail.example ip4:0.0.0.0/0 ~all"),
    ],
)
async def test_a_record_that_lets_everybody_in_today_is_repaired(text: str, value: str) -> None:
    report = await report_of(Wild(text))
    assert (report.status, report.remedy.kind, report.remedy.value) == ("action_needed", "replace", value)
    assert result_for(OUTSIDER, text) == "pass"


async def test_a_published_record_is_repaired_whatever_it_says() -> None:
    """Ten lookups stand in front of the world: its owner wrote it, and every word of it is valid."""
    report = await report_of(Wild(f"v=spf1 {'a ' * 11}ip4:0.0.0.0/0 -all"))
    assert (report.result, report.remedy.kind) == ("permerror", "replace")
    assert "ip4:0.0.0.0/0" in report.remedy.value


@pytest.mark.parametrize("terms", ["ip4:0.0.0.0/1", "ip4:0.0.0.0/1 ip4:128.0.0.0/2", "exists:nobody.example"])
async def test_a_part_of_the_world_is_not_everybody(terms: str) -> None:
    report = await report_of(Wild(f"v=spf1 ipv4:192.0.2.7 {terms} -all"))
    assert (report.remedy.kind, report.remedy.certificate) == ("replace", None)


@pytest.mark.parametrize("terms", ["include:silent.example ip4:0.0.0.0/0", "exists:silent.example"])
async def test_while_the_dns_does_not_answer_nothing_is_proposed(terms: str) -> None:
    report = await report_of(Wild(f"v=spf1 ipv4:192.0.2.7 {terms} -all", zone=WORLD))
    assert report.remedy.kind == "none"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v=spf1 ipv4:192.0.2.7 ip4:0.0.0.0/0 -all", True),
        ("v=spf1 ipv4:192.0.2.7 include:world.example -all", True),
        ("v=spf1 ipv4:192.0.2.7 ip4:0.0.0.0/1 -all", False),
        ("v=spf1 ip4:0.0.0.0/0 -all", False),
    ],
)
async def test_the_certificate_is_looked_at_afresh(text: str, said: bool) -> None:
    lookup = ZoneLookup(Zone.parse(zone_of([(text,)], WORLD)))
    ours = await prepare([SenderProfile(name="mail", include="_spf.mail.example")], lookup)
    case = case_of(DOMAIN, lookup, ours)
    assert accepts(case, {"code": CODE, "term": "any"}, ["_spf.mail.example"], DOMAIN) is said
