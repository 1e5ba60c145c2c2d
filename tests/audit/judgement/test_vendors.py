"""Vendors: what is known of them is documented, and what is not is not said."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib.resources import files

import pytest

from spfcheck.audit.examine import examine
from spfcheck.audit.judgement.vendors import return_path_of, vendor_of
from spfcheck.audit.prepare import prepare
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.audit.golden_file import OURS

DATA = tomllib.loads(files("spfcheck.audit.judgement").joinpath("vendors.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", DATA["return-path"], ids=lambda entry: entry["includes"][0])
def test_each_return_path_is_documented(entry: dict) -> None:  # type: ignore[type-arg]
    assert entry.keys() == {"includes", "own", "source", "date"}
    assert entry["source"].startswith("https://")
    assert type(entry["date"]) is date
    assert type(entry["own"]) is bool
    for include in entry["includes"]:
        assert vendor_of(include), f"{include} has no name"


def test_no_include_has_two_return_paths() -> None:
    listed = [include for entry in DATA["return-path"] for include in entry["includes"]]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ("servers.mcsv.net", True),
        ("sendgrid.net", True),
        ("u1234.wl.sendgrid.net", True),
        ("_spf.sparkpostmail.com", True),
        ("mail.zendesk.com", False),
        ("_spf.salesforce.com", False),
        ("spf.protection.outlook.com", None),
        ("net", None),
        ("sendgrid.net.example", None),
    ],
)
def test_a_name_below_belongs_to_the_same_vendor(target: str, own: bool | None) -> None:
    known = return_path_of(target)
    assert (known.own if known else None) is own


ZONE = """
_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"
servers.mcsv.net TXT "v=spf1 ip4:192.0.2.32/28 ?all"
sendgrid.net TXT "v=spf1 include:more.sendgrid.net ~all"
more.sendgrid.net TXT "v=spf1 ip4:192.0.2.64/28 ~all"
mail.zendesk.com TXT "v=spf1 ip4:192.0.2.16/28 ~all"
big.example TXT "v=spf1 include:b1.example include:b2.example include:b3.example include:b4.example include:b5.example ~all"
b1.example TXT "v=spf1 ip4:192.0.2.1 ~all"
b2.example TXT "v=spf1 ip4:192.0.2.2 ~all"
b3.example TXT "v=spf1 ip4:192.0.2.3 ~all"
b4.example TXT "v=spf1 ip4:192.0.2.4 ~all"
b5.example TXT "v=spf1 ip4:192.0.2.5 ~all"
"""  # noqa: E501 - one record
BIG, REST = "include:big.example", "include:servers.mcsv.net include:mail.zendesk.com include:sendgrid.net"


@pytest.mark.parametrize(
    ("terms", "choices"),
    [
        # the includes that do nothing come first, in their order, each with all that it saves
        (
            f"{BIG} {REST}",
            [
                ("include:servers.mcsv.net", 1, "return-path"),
                ("include:sendgrid.net", 2, "return-path"),
                ("", 1, "subdomain"),
            ],
        ),
        # one that turns away is no include to do without; one that is redundant today comes last
        (
            f"-include:servers.mcsv.net {BIG} include:mail.zendesk.com include:sendgrid.net include:b1.example",
            [
                ("include:sendgrid.net", 2, "return-path"),
                ("", 1, "subdomain"),
                ("include:b1.example", 1, "redundant-today"),
            ],
        ),
        # nothing is known of any
        (f"{BIG} include:b1.example include:b2.example include:b3.example include:b4.example", [("", 1, "subdomain")]),
    ],
)
async def test_what_makes_room(terms: str, choices: list[tuple[str, int, str]]) -> None:
    lookup = ZoneLookup(Zone.parse(f'{ZONE}customer.example TXT "v=spf1 {terms} ~all"'))
    report = await examine("customer.example", lookup, await prepare(OURS, lookup))
    certificate = report.remedy.certificate or {}
    assert certificate["code"] == "no-room"
    said = [(one["term"], one["saves"], one["why"]) for one in certificate["choices"]]
    assert said[: len(choices)] == choices
    for one in certificate["choices"]:
        assert one["why"] != "return-path" or (one["vendor"], one["source"][:8]) == (
            vendor_of(one["term"][8:]),
            "https://",
        )


async def test_below_the_registered_domain_an_include_may_be_the_one_that_counts() -> None:
    lookup = ZoneLookup(Zone.parse(f'{ZONE}em.customer.example TXT "v=spf1 {BIG} {REST} ~all"'))
    report = await examine("em.customer.example", lookup, await prepare(OURS, lookup))
    assert [one["why"] for one in (report.remedy.certificate or {})["choices"]] == ["subdomain"]
