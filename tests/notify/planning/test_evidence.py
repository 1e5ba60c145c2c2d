"""What must be known before anybody is messaged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spfcheck.audit.report.model import Evidence, Opinion, Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.notify.guards import HOUR, Guards
from spfcheck.notify.ledger.archive import DomainState
from spfcheck.notify.model import Reason
from spfcheck.notify.planning import evidence
from spfcheck.notify.planning.checks import DnsChecks
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.notify.world import MONDAY

GUARDS = Guards()
OURS = '_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"\n'

ZONES = {
    "broken": ('d.example TXT "v=spf1 mx -all"\nd.example MX 10 m.d.example\nm.d.example A 198.51.100.1', None),
    "no record": ("d.example MX 10 m.d.example\nm.d.example A 198.51.100.1", None),
    "fine": ('d.example TXT "v=spf1 include:_spf.mail.example -all"\nd.example MX 10 d.example', Reason.PASSES),
    "timeout": ("d.example TXT TIMEOUT", Reason.DNS_FAILED),
    "servfail": ("d.example TXT SERVFAIL", Reason.DNS_FAILED),
    "refused": ("d.example TXT REFUSED", Reason.DNS_FAILED),
    "bogus": ("d.example TXT BOGUS", Reason.DNS_FAILED),
    "malformed": ("d.example TXT MALFORMED", Reason.DNS_FAILED),
    "truncated": ("d.example TXT TRUNCATED", Reason.DNS_FAILED),
    "include times out": ('d.example TXT "v=spf1 include:x.example -all"\nx.example TXT TIMEOUT', Reason.DNS_FAILED),
    "no such domain": ("other.example A 192.0.2.1", Reason.NO_SUCH_DOMAIN),
    "sends no mail": ('d.example TXT "v=spf1 -all"\nd.example MX 0 .', Reason.SENDS_NO_MAIL),
    "needs a person": (
        'd.example TXT "v=spf1 '
        + " ".join(f"include:i{n}.example" for n in range(11))
        + ' -all"\n'
        + "\n".join(f'i{n}.example TXT "v=spf1 ip4:198.51.100.{n} -all"' for n in range(11)),
        Reason.NEEDS_A_PERSON,
    ),
}


async def report(zone: str) -> Report:
    lookup = ZoneLookup(Zone.parse(OURS + zone))
    checks = DnsChecks(
        [SenderProfile(name="default", include="_spf.mail.example")],
        mail_from="postmaster@{domain}",
        helo="mail.invalid",
        night=lambda: lookup,
        clock=lambda: MONDAY,
    )
    return await checks.again("d.example")


@pytest.mark.parametrize("name", ZONES)
async def test_what_the_dns_says_and_what_follows(name: str) -> None:
    zone, reason = ZONES[name]
    judged = evidence.judge(await report(zone), now=MONDAY, guards=GUARDS)
    assert judged.reason is reason, judged.detail


async def broken() -> Report:
    return await report(ZONES["broken"][0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stale": True}, Reason.STALE),
        ({"hypothetical": True}, Reason.STALE),
        ({"checked_at": MONDAY - 16 * 60}, Reason.STALE),
        ({"checked_at": MONDAY + 16 * 60}, Reason.STALE),
        ({"opinion": Opinion(engine="pyspf", asked=False)}, Reason.NO_OPINION),
        ({"opinion": Opinion(engine="pyspf", asked=True, result="no-opinion")}, Reason.NO_OPINION),
        ({"opinion": Opinion(engine="pyspf", asked=True, result="disagrees", agrees=False)}, Reason.ENGINES_DIFFER),
        ({"opinion": Opinion(engine="pyspf", asked=True, result="known-defect", agrees=False)}, Reason.ENGINES_DIFFER),
        ({"opinion": Opinion(engine="pyspf", asked=True, agrees=True, may_message=False)}, Reason.ENGINES_DIFFER),
    ],
)
async def test_any_doubt_is_a_reason(change: dict[str, object], reason: Reason) -> None:
    doubtful = replace(await broken(), **change)
    assert evidence.judge(doubtful, now=MONDAY, guards=GUARDS).reason is reason


async def test_a_remedy_without_proof_is_not_sent() -> None:
    sure = await broken()
    unproven = replace(sure, remedy=replace(sure.remedy, proof=None))
    assert evidence.judge(unproven, now=MONDAY, guards=GUARDS).reason is Reason.NOT_PROVEN


async def test_one_stale_answer_spoils_the_evidence() -> None:
    sure = await broken()
    stale = replace(sure, evidence=(replace(sure.evidence[0], stale=True), *sure.evidence[1:]))
    assert evidence.judge(stale, now=MONDAY, guards=GUARDS).reason is Reason.STALE


async def test_a_cname_beside_the_record_needs_a_person() -> None:
    sure = await broken()
    odd = replace(sure, evidence=(replace(sure.evidence[0], illegal_cname=True), *sure.evidence[1:]))
    assert evidence.judge(odd, now=MONDAY, guards=GUARDS).reason is Reason.NEEDS_A_PERSON


async def test_a_negative_without_its_soa_needs_a_second_resolver() -> None:
    sure = await report(ZONES["no record"][0])
    assert evidence.confirm(sure, None, now=MONDAY, guards=GUARDS).reason is None
    naked = tuple(replace(answer, soa_seen=False) for answer in sure.evidence)
    doubtful = replace(sure, evidence=naked)
    assert any(answer.outcome == "nodata" for answer in naked)
    assert evidence.confirm(doubtful, None, now=MONDAY, guards=GUARDS).reason is Reason.UNCONFIRMED_NEGATIVE
    assert evidence.confirm(doubtful, sure, now=MONDAY, guards=GUARDS).reason is None


async def test_a_second_resolver_must_see_the_same() -> None:
    sure = await broken()
    for other in ("fine", "timeout", "no record"):
        second = await report(ZONES[other][0])
        assert evidence.confirm(sure, second, now=MONDAY, guards=GUARDS).reason is Reason.RESOLVERS_DIFFER


@pytest.mark.parametrize(
    ("state", "enough"),
    [
        (DomainState(), False),
        (DomainState(fault="f", fault_runs=1, fault_first_at=MONDAY - 40 * HOUR), False),
        (DomainState(fault="f", fault_runs=2, fault_first_at=MONDAY - 19.9 * HOUR), False),
        (DomainState(fault="f", fault_runs=2, fault_first_at=MONDAY - 20 * HOUR), True),
        (DomainState(fault="other", fault_runs=9, fault_first_at=MONDAY - 90 * HOUR), False),
    ],
)
def test_two_runs_twenty_hours_apart(state: DomainState, enough: bool) -> None:
    judged = evidence.seen_enough(state, "f", now=MONDAY, guards=GUARDS)
    assert (judged.reason is None) is enough


def test_a_name_whose_absence_is_vouched_for_is_not_listed() -> None:
    def answer(outcome: str, *, soa: bool) -> Evidence:
        return Evidence(
            name="n.example",
            type="TXT",
            outcome=outcome,
            data=(),
            ttl=0,
            resolver="r",
            authenticated=False,
            soa_seen=soa,
            ms=0.0,
        )

    from types import SimpleNamespace

    seen = SimpleNamespace(
        evidence=(answer("nodata", soa=True), answer("ok", soa=False), answer("nxdomain", soa=False))
    )
    assert evidence.unconfirmed_negatives(seen) == ("n.example",)  # type: ignore[arg-type]
