"""The demo finds in each customer what its cast says is the matter, and writes to the right people only."""

from __future__ import annotations

import re

import pytest

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import RemedyKind, Status
from spfcheck.audit.senders import SenderProfile
from spfcheck.demo import run
from spfcheck.demo.customers import INCLUDE, Customer, load
from spfcheck.resolver.zone import Zone, ZoneLookup

CAST = load()
ZONE = Zone.parse(CAST.zone)


@pytest.mark.parametrize("customer", CAST.customers, ids=lambda customer: customer.domain)
async def test_each_customer_has_what_the_cast_says(customer: Customer) -> None:
    lookup = ZoneLookup(ZONE)
    ours = await prepare([SenderProfile(name=INCLUDE, include=INCLUDE)], lookup)
    report = await examine(customer.domain, lookup, ours)
    if customer.wants in set(RemedyKind):
        assert report.status is Status.ACTION_NEEDED
        assert report.remedy.kind == customer.wants
        assert bool(report.remedy.proof) == (customer.wants in ("publish", "replace"))
        assert bool(report.remedy.certificate) == (customer.wants == "manual")
    elif customer.wants in set(Status):
        assert report.status == customer.wants
    else:
        assert customer.wants in {finding.code for finding in report.findings}


def test_there_are_enough_customers_and_every_status() -> None:
    assert len(CAST.customers) >= 40
    assert {"ok", "at_risk", "replace", "publish", "manual", "unknown"} <= {
        customer.wants for customer in CAST.customers
    }


def test_two_nights_and_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(once=True) == 0
    out = capsys.readouterr().out
    wrote_to = set(re.findall(r"<(.*)>: Action needed", out))
    fine = {"ok", "at_risk", "unknown", "manual", "declared-no-mail"}
    for person in CAST.people:
        wants = next((c.wants for c in CAST.customers if c.domain == person.sending_domain), "ok")
        if wants in fine or person.flags or person.tags:
            assert person.address not in wrote_to, person
    broken = {
        person.address.lower()
        for person in CAST.people
        for customer in CAST.customers
        if customer.domain == person.sending_domain and customer.wants in ("publish", "replace")
        if not person.flags and not person.tags
    }
    assert {address.lower() for address in wrote_to} == broken
    assert f"Sent {len(broken)}, suppressed 0, rejected 0, unclear 0." in out
    assert "right away: sent 0." in out
    assert "hears: action_needed: plumber.example does not authorise our servers" in out
    assert "(shipped: " in out, "the relaxed guards are printed line by line"
