"""What must be known before anybody is messaged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.model import (
    Evidence,
    Finding,
    Opinion,
    PublishedRecord,
    Remedy,
    RemedyKind,
    Report,
    Severity,
    Status,
)
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


def checks_of(zone: str, mail_from: str = "postmaster@{domain}") -> DnsChecks:
    lookup = ZoneLookup(Zone.parse(OURS + zone))
    return DnsChecks(
        [SenderProfile(name="default", include="_spf.mail.example")],
        mail_from=mail_from,
        helo="mail.invalid",
        night=lambda: lookup,
        second=lambda: lookup,
        clock=lambda: MONDAY,
    )


async def report(zone: str) -> Report:
    return await checks_of(zone).again("d.example")


@pytest.mark.parametrize("name", ZONES)
async def test_what_the_dns_says_and_what_follows(name: str) -> None:
    zone, reason = ZONES[name]
    judged = evidence.judge(await report(zone), now=MONDAY, guards=GUARDS)
    assert judged.reason is reason, judged.detail


DOMAIN = 'd.example TXT "v=spf1 mx -all"\nd.example MX 10 m.d.example\nm.d.example A 198.51.100.1\n'


@pytest.mark.parametrize(
    ("zone", "domain", "reason"),
    [
        # what the return-path's own name says counts, whatever the domain itself does
        ('bounce.d.example TXT "v=spf1 -all"', "d.example", Reason.SENDS_NO_MAIL),
        ("", "d.example", None),
        ("bounce.d.example A 192.0.2.1", "d.example", None),
        ("", "nobody.example", Reason.NO_SUCH_DOMAIN),
        ("", "typo.d.example", Reason.NO_SUCH_DOMAIN),
        ("bounce.d.example TXT TIMEOUT", "d.example", Reason.DNS_FAILED),
        # a host without mail of a domain that has some
        ("www.d.example A 198.51.100.1", "www.d.example", Reason.ANOTHER_DOMAIN),
    ],
)
async def test_the_guards_read_the_name_that_is_judged(zone: str, domain: str, reason: Reason | None) -> None:
    found = await checks_of(DOMAIN + zone, "bounce@bounce.{domain}").again(domain)
    assert evidence.judge(found, now=MONDAY, guards=GUARDS).reason is reason


async def test_a_domain_that_sends_no_mail_may_hand_a_name_of_it_to_us() -> None:
    zone = 'd.example TXT "v=spf1 -all"\nd.example MX 0 .\n'
    found = await checks_of(zone, "bounce@bounce.{domain}").again("d.example")
    assert evidence.judge(found, now=MONDAY, guards=GUARDS).reason is None


async def test_a_host_is_never_written_about_for_the_domain_that_was_meant() -> None:
    checks = checks_of(DOMAIN + "www.d.example A 198.51.100.1")
    for found in (await checks.night("www.d.example", opinion=True), await checks.again("www.d.example")):
        assert evidence.judge(found, now=MONDAY, guards=GUARDS).reason is Reason.ANOTHER_DOMAIN
    assert Reason.ANOTHER_DOMAIN.sentence


async def test_a_record_in_the_wrong_place_is_the_same_fault_for_all_who_look() -> None:
    zone = "d.example MX 10 m.d.example\nm.d.example A 198.51.100.1\n"
    checks = checks_of(f'{zone}_spf.d.example TXT "v=spf1 mx include:_spf.mail.example ~all"')
    found, second = await checks.again("d.example"), await checks.second("d.example")
    assert second is not None
    assert evidence.fault_of(found) == evidence.fault_of(second) == "record-misplaced"
    assert evidence.judge(found, now=MONDAY, guards=GUARDS).reason is None
    assert evidence.confirm(found, second, now=MONDAY, guards=GUARDS).reason is None
    plain = await checks.night("d.example", opinion=False)
    assert evidence.fault_of(plain) == "no-record", "nothing is looked for where no message may follow"


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


def answer(outcome: str, *, soa: bool = False, name: str = "n.example") -> Evidence:
    return Evidence(
        name=name,
        type="TXT",
        outcome=outcome,
        data=(),
        ttl=0,
        resolver="r",
        authenticated=False,
        soa_seen=soa,
        ms=0.0,
    )


async def test_a_name_whose_absence_is_vouched_for_is_not_listed() -> None:
    answers = (
        answer("nodata", soa=True, name="a.example"),
        answer("ok", name="b.example"),
        answer("nodata", name="c.example"),
        answer("nxdomain", name="d.example"),
        answer("nxdomain", soa=True, name="e.example"),
    )
    doubtful = replace(await broken(), evidence=answers)
    assert evidence.unconfirmed_negatives(doubtful) == ("c.example", "d.example")
    assert evidence.confirm(doubtful, None, now=MONDAY, guards=GUARDS).detail == (
        "A negative answer came without its SOA, and no second resolver confirms it. (c.example)"
    )


# One condition at a time: everything else about the report warrants a message.


async def judged(**changes: object) -> evidence.Judgement:
    return evidence.judge(replace(await broken(), **changes), now=MONDAY, guards=GUARDS)  # type: ignore[arg-type]


async def test_a_report_in_which_nothing_is_doubtful_warrants_a_message() -> None:
    assert await judged() == (None, "")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.OK, Reason.PASSES),
        (Status.AT_RISK, Reason.AT_RISK),
        (Status.UNKNOWN, Reason.DNS_FAILED),
        (Status.ACTION_NEEDED, None),
    ],
)
async def test_only_a_domain_that_needs_action_is_written_about(status: Status, reason: Reason | None) -> None:
    found = await judged(status=status)
    assert found == (reason, reason.sentence if reason else "")


async def test_an_unknown_that_a_resolver_filtered_is_told_from_silence() -> None:
    both = (answer("timeout"), answer("filtered"))
    assert (await judged(status=Status.UNKNOWN, evidence=both)).reason is Reason.FILTERED
    assert (await judged(status=Status.UNKNOWN, evidence=both[:1])).reason is Reason.DNS_FAILED


def finding(code: str, domain: str = "d.example", severity: Severity = Severity.ERROR, message: str = "") -> Finding:
    return Finding(code=code, severity=severity, domain=domain, message=message or f"It is {code}.", advice="")


@pytest.mark.parametrize(
    ("code", "reason"),
    [(Code.DOMAIN_NOT_FOUND, Reason.NO_SUCH_DOMAIN), (Code.DECLARED_NO_MAIL, Reason.SENDS_NO_MAIL)],
)
async def test_what_a_domain_is_said_to_be_is_said_of_itself_and_not_of_an_include(code: str, reason: Reason) -> None:
    assert (await judged(findings=(finding(code),))).reason is reason
    assert (await judged(findings=(finding(code, "include.example"),))).reason is None


async def test_any_answer_with_a_cname_beside_it_needs_a_person_and_says_why() -> None:
    odd = (answer("ok"), replace(answer("ok"), illegal_cname=True))
    assert await judged(evidence=odd) == (
        Reason.NEEDS_A_PERSON,
        "A CNAME stands beside other records; resolvers answer differently.",
    )


async def test_any_stale_answer_makes_the_report_stale() -> None:
    assert (await judged(evidence=(answer("ok"), replace(answer("ok"), stale=True)))).reason is Reason.STALE


@pytest.mark.parametrize(("age", "reason"), [(900.0, None), (900.1, Reason.STALE)])
@pytest.mark.parametrize("sign", [1, -1])
async def test_a_report_is_fresh_for_a_quarter_of_an_hour_also_by_a_clock_that_went_back(
    age: float, reason: Reason | None, sign: int
) -> None:
    assert (await judged(checked_at=MONDAY - sign * age)).reason is reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": RemedyKind.PUBLISH}, None),
        ({"kind": RemedyKind.REPLACE}, None),
        ({"kind": RemedyKind.MANUAL}, Reason.NEEDS_A_PERSON),
        ({"kind": RemedyKind.NONE}, Reason.NOT_PROVEN),
        ({"proof": {}}, Reason.NOT_PROVEN),
        ({"proof": None}, Reason.NOT_PROVEN),
        ({"value": "v=spf1 {{7*7}} -all"}, Reason.NEEDS_A_PERSON),
        ({"value": ""}, Reason.NEEDS_A_PERSON),
    ],
)
async def test_only_a_proven_record_to_publish_is_mailed(change: dict[str, object], reason: Reason | None) -> None:
    sure = (await broken()).remedy
    assert (await judged(remedy=replace(sure, **change))).reason is reason  # type: ignore[arg-type]


async def test_a_record_that_must_not_be_mailed_is_told_from_one_that_nobody_can_write() -> None:
    sure = (await broken()).remedy
    for value, why in (
        ("v=spf1 a:{{x}} -all", "The proven record holds {{, which a template along the way might take for its own."),
        ("v=spf1 a:\u00fc.example -all", "The proven record holds a character that no record may hold (U+00FC)."),
        ("v=spf1 -all\n", "The proven record holds a character that no record may hold (U+000A)."),
        ("v=spf10 -all", "The proven record does not begin with v=spf1 and a space."),
    ):
        assert await judged(remedy=replace(sure, value=value)) == (Reason.NEEDS_A_PERSON, why)
    for ordinary in ("v=spf1  -all", "v=spf1 -all  ", "V=SPF1 -all"):
        assert await judged(remedy=replace(sure, value=ordinary)) == (None, "")
    manual = await judged(remedy=Remedy(kind=RemedyKind.MANUAL))
    assert manual == (Reason.NEEDS_A_PERSON, Reason.NEEDS_A_PERSON.sentence)


SURE = Opinion(engine="pyspf", asked=True, result="agrees", agrees=True, may_message=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"asked": False}, Reason.NO_OPINION),
        ({"agrees": None}, Reason.NO_OPINION),
        ({"agrees": False}, Reason.ENGINES_DIFFER),
        ({"may_message": False}, Reason.ENGINES_DIFFER),
    ],
)
async def test_a_second_engine_must_have_been_asked_agree_and_let_us_write(
    change: dict[str, object], reason: Reason | None
) -> None:
    opinion = replace(SURE, **change)  # type: ignore[arg-type]
    assert await judged(opinion=opinion) == (reason, reason.sentence if reason else "")
    if reason:
        assert await judged(opinion=replace(opinion, detail="Its own words.")) == (reason, "Its own words.")


@pytest.mark.parametrize(
    ("record", "may"),
    [
        ("v=spf1", True),
        ("v=spf1 -all", True),
        ("v=spf1 include:_spf.mail.example ~all", True),
        ("v=spf1 exists:%{i}.x.example -all", True),
        ("v=spf1 exists:%{i}%{d}.x.example -all", True),
        ("v=spf1  -all", True),
        ("v=spf1 -all ", True),
        ("v=spf1  a   mx ~all   ", True),
        ("V=SPF1 -all", True),
        ("V=sPf1  -all ", True),
        (" v=spf1 -all", False),
        ("v=spf1\u00a0-all", False),
        ("v=spf1 -all\n", False),
        ("v=spf1\t-all", False),
        ("v=spf1 ä -all", False),
        ("v=spf1 \x7f -all", False),
        ("spf1 -all", False),
        ("xv=spf1 -all", False),
        ("", False),
        *((f"v=spf1 x{mark}y -all", False) for mark in ("{{", "}}", "{%", "%}{", "<%", "${")),
    ],
)
def test_a_message_carries_only_what_a_record_may_hold_and_no_template_runs(record: str, may: bool) -> None:
    assert evidence.mailable(record) is may


async def test_the_fault_is_the_finding_that_every_face_speaks_of_first() -> None:
    sure = await broken()
    found = (
        finding("aside", severity=Severity.INFO, message="The head."),
        finding("other"),
        finding(Code.LOOKUP_LIMIT),
        finding(Code.MULTIPLE_RECORDS),
    )
    assert evidence.fault_of(replace(sure, headline="The head.", findings=found)) == Code.MULTIPLE_RECORDS
    assert evidence.fault_of(replace(sure, findings=found[:3])) == Code.LOOKUP_LIMIT
    assert evidence.fault_of(replace(sure, findings=found[:2])) == "other"
    assert evidence.fault_of(replace(sure, findings=found[:1])) == ""
    assert evidence.fault_of(sure) == Code.SENDER_NOT_INCLUDED


async def test_a_second_resolver_confirms_by_status_fault_and_record_each() -> None:
    sure = await broken()
    assert sure.record is not None
    changes: list[dict[str, object]] = [
        {"status": Status.UNKNOWN},
        {"findings": tuple(replace(found, code="another") for found in sure.findings)},
        {"record": replace(sure.record, text="v=spf1 mx ~all")},
        {"record": None},
    ]
    for change in changes:
        second = replace(sure, **change)  # type: ignore[arg-type]
        for one, other in ((sure, second), (second, sure)) if "status" not in change else ((sure, second),):
            assert evidence.confirm(one, other, now=MONDAY, guards=GUARDS).reason is Reason.RESOLVERS_DIFFER, change
    assert evidence.confirm(sure, replace(sure, report_id="2"), now=MONDAY, guards=GUARDS).reason is None
    bare = replace(sure, record=None)
    assert evidence.confirm(bare, bare, now=MONDAY, guards=GUARDS).reason is None
    empty = replace(sure, record=PublishedRecord(name="d.example", text="", strings=(), ttl=0))
    assert evidence.confirm(bare, empty, now=MONDAY, guards=GUARDS).reason is None


def test_how_often_a_fault_was_seen_is_said_with_its_figures() -> None:
    state = DomainState(fault="f", fault_runs=1, fault_first_at=MONDAY - 40 * HOUR)
    assert evidence.seen_enough(state, "f", now=MONDAY, guards=GUARDS) == (
        Reason.NOT_YET_CONFIRMED,
        "Seen in 1 run(s) over 40 hours; 2 runs 20 hours apart are needed.",
    )
    another = evidence.seen_enough(state, "g", now=MONDAY, guards=GUARDS)
    never = evidence.seen_enough(replace(state, fault_runs=0), "f", now=MONDAY, guards=GUARDS)
    assert another == never == (Reason.NOT_YET_CONFIRMED, Reason.NOT_YET_CONFIRMED.sentence)


def test_a_first_sighting_counts_where_one_run_is_enough() -> None:
    at_once = replace(GUARDS, min_runs=1, min_between_runs=0.0)
    # It was written down some seconds after the night began.
    state = DomainState(fault="f", fault_runs=1, fault_first_at=MONDAY + 5.0)
    assert evidence.seen_enough(state, "f", now=MONDAY, guards=at_once).reason is None
    a_second = replace(at_once, min_between_runs=1.0)
    assert evidence.seen_enough(state, "f", now=MONDAY, guards=a_second).reason is Reason.NOT_YET_CONFIRMED
