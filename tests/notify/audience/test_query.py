"""Who is asked for, where their domains stand, and who is never messaged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spfcheck.intercom.answers import Contact, contact_of
from spfcheck.names import domain_name
from spfcheck.notify.audience import query
from spfcheck.notify.guards import Guards
from spfcheck.notify.model import NotifyError, Reason
from spfcheck.notify.planning.brakes import bucket, in_stage
from spfcheck.settings import AudienceSettings, DomainSource

FINE: dict[str, Any] = {
    "id": "c1",
    "role": "user",
    "email": "ann@acme.example",
    "unsubscribed_from_emails": False,
    "has_hard_bounced": False,
    "marked_email_as_spam": False,
}


def contact(**fields: Any) -> Contact:
    made = contact_of({**FINE, **fields})
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"unsubscribed_from_emails": True}, Reason.UNSUBSCRIBED),
        ({"has_hard_bounced": True}, Reason.BOUNCED),
        ({"marked_email_as_spam": True}, Reason.MARKED_SPAM),
        ({"unsubscribed_from_emails": None}, Reason.CONSENT_UNKNOWN),
        ({"has_hard_bounced": "false"}, Reason.CONSENT_UNKNOWN),
        ({"marked_email_as_spam": 0}, Reason.CONSENT_UNKNOWN),
        ({"role": "lead"}, Reason.ROLE),
        ({"role": None}, Reason.ROLE),
        ({"email": ""}, Reason.NO_ADDRESS),
        ({"email": "no address"}, Reason.NO_ADDRESS),
        ({"tags": {"data": [{"id": "77"}]}}, Reason.OPTED_OUT),
        ({"tags": {"data": [{"id": "78"}]}}, None),
    ],
)
def test_consent_must_be_exactly_given(fields: dict[str, Any], reason: Reason | None) -> None:
    assert query.hold(contact(**fields), ["user"], frozenset({"77"})) is reason


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.example", "acme.example"),
        (" ACME.Example. ", "acme.example"),
        ("https://www.acme.example/contact?x=1", "www.acme.example"),
        ("info@acme.example", "acme.example"),
        ("acme.example:587", "acme.example"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("mail.acme.example", "mail.acme.example"),
    ],
)
def test_what_people_type_is_read_as_it_stands(text: str, domain: str) -> None:
    assert query.read_domain(text) == (domain, "")


@pytest.mark.parametrize(
    "text",
    [
        "gmail.com",
        "GMAIL.COM.",
        "co.uk",
        "192.0.2.1",
        "localhost",
        "",
        "<script>",
        "v=spf1 -all",
        "a b.example",
        "@",
        "x" * 5000,
    ],
)
def test_what_is_no_sending_domain_is_refused_with_a_sentence(text: str) -> None:
    domain, why = query.read_domain(text)
    assert domain == ""
    assert why.endswith(".")


def test_the_first_source_that_yields_a_domain_wins() -> None:
    settings = AudienceSettings(
        domain_sources=[
            DomainSource(path="custom_attributes.sending_domain"),
            DomainSource(path="custom_attributes.sending_domains", split=",; "),
            DomainSource(origin="company", path="custom_attributes.sending_domain"),
        ]
    )
    several = contact(
        custom_attributes={"sending_domain": "gmail.com", "sending_domains": "a.example; B.example,a.example"}
    )
    assert query.domains_of(several, settings).domains == ("a.example", "b.example")
    assert query.domains_of(several, settings).refused[0][0] == "gmail.com"
    by_company = contact(companies={"data": [{"id": "co1"}]})
    assert query.domains_of(by_company, settings, {"co1": ["c.example"]}).domains == ("c.example",)


def test_mail_domain_and_website_are_off_by_default() -> None:
    one = contact(custom_attributes={"website": "https://acme.example"}, email_domain="acme.example")
    assert query.domains_of(one, AudienceSettings()).domains == ()


def test_too_many_domains_are_reported_and_not_guessed() -> None:
    settings = AudienceSettings(
        domain_sources=[DomainSource(path="custom_attributes.d", split=",")], max_domains_per_contact=2
    )
    one = contact(custom_attributes={"d": "a.example,b.example,c.example"})
    mapped = query.domains_of(one, settings)
    assert mapped.domains == ()
    assert mapped.refused == (("3 domains", "more than a contact may have"),)


@given(st.text(max_size=300))
def test_no_text_of_a_customer_does_harm(text: str) -> None:
    domain, why = query.read_domain(text)
    assert bool(domain) != bool(why)
    if domain:
        assert domain_name(domain) == domain


def test_people_are_the_same_by_address_and_strangers_by_key() -> None:
    people, others = query.People(b"key"), query.People(b"other key")
    assert people.person(" Ann@Acme.Example ") == people.person("ann@acme.example")
    assert people.person("ann@acme.example") != others.person("ann@acme.example")
    assert people.fingerprint() != others.fingerprint()
    assert "ann" not in people.person("ann@acme.example")


def test_the_query_leaves_nobody_out_for_consent_and_keeps_groups_apart() -> None:
    settings = AudienceSettings(
        filters=[
            {"field": "role", "operator": "=", "value": "user"},
            {"operator": "OR", "value": [{"field": "email", "operator": "$", "value": ".example"}]},
        ]
    )
    flat, group = query.query(settings)["value"]
    assert flat["value"] == [{"field": "role", "operator": "=", "value": "user"}]
    assert group["operator"] == "OR"
    only_groups = AudienceSettings(filters=[settings.filters[1]])
    assert query.query(only_groups) == {"operator": "AND", "value": [settings.filters[1]]}


def test_whoever_is_held_is_searched_for_by_every_flag_and_tag() -> None:
    (both,) = query.held_queries(["78", "77"])
    assert both["operator"] == "OR"
    assert [(entry["field"], entry["operator"], entry["value"]) for entry in both["value"]] == [
        ("unsubscribed_from_emails", "=", True),
        ("has_hard_bounced", "=", True),
        ("marked_email_as_spam", "=", True),
        ("tag_id", "=", "77"),
        ("tag_id", "=", "78"),
    ]
    many = query.held_queries(str(number) for number in range(20))
    assert [len(group["value"]) for group in many] == [15, 8]


def test_too_many_filters_are_one_sentence() -> None:
    settings = AudienceSettings(filters=[{"field": "role", "operator": "=", "value": str(n)} for n in range(16)])
    with pytest.raises(NotifyError, match="16 filters; the messaging API takes 15"):
        query.query(settings)


def test_raising_the_share_only_adds_domains() -> None:
    names = [f"customer{n}.example" for n in range(2000)]
    before: set[str] = set()
    for percent in (0, 5, 20, 50, 100):
        guards = Guards(stage="cohort", percent=percent)
        now = {name for name in names if in_stage(guards, name, "c")}
        assert before <= now
        assert len(now) == pytest.approx(20 * percent, abs=70)
        before = now
    assert before == set(names)
    assert bucket("acme.example") == bucket("acme.example")


def test_the_first_stage_reaches_only_those_named() -> None:
    guards = Guards(stage="self", allow=frozenset({"ours.example", "c7"}))
    assert in_stage(guards, "ours.example", "c1")
    assert in_stage(guards, "x.example", "c7")
    assert not in_stage(guards, "x.example", "c1")
