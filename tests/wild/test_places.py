"""Records in the wrong place: recognised where they name us, healed, and proposed at the right name; no other is."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.replay import replay
from spfcheck.audit.report.model import Report, as_json
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.message import identity
from tests.wild.wild import MAILBOX, MX, OURS, OUTSIDER, ZONE, quoted

PROFILES = [SenderProfile(name="mail", include="_spf.mail.example")]
BOUNCE = "bounce@bounce.{domain}"
NOBODY = "v=spf1 mx include:_spf.mail.example ?all"
"""What is proposed to a domain that has mail hosts, and nothing that could have been meant."""
ALONE = "v=spf1 include:_spf.mail.example ?all"
FULL = "v=spf1 mx include:spf.mailbox.example include:_spf.mail.example ~all"


@dataclass(frozen=True)
class Misplaced:
    """What stands where, and what must come of it; without a *value* it stays with a person, for *reason*."""

    zone: str
    value: str = ""
    at: tuple[str, ...] = ()
    """The names of the attempts, in order."""
    others: str = "neutral"
    passes: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    """Names whose record does not name us."""
    name: str = "plumber.example"
    mail_from: str = "postmaster@{domain}"
    reason: str = ""
    codes: tuple[str, ...] = ()
    likely: str = ""
    domain: str = "plumber.example"

    def __str__(self) -> str:
        return " ".join(self.zone.split())[:90]


def txt(name: str, text: str) -> str:
    return f"{name} TXT {quoted(text)}\n"


ROWS = [
    # the panel's zone behind the name, and labels of guides and panels
    *(
        Misplaced(txt(f"{label}.plumber.example", FULL), FULL, (f"{label}.plumber.example",), "softfail", (MX, MAILBOX))
        for label in ("plumber.example", "_spf", "spf", "www", "mail", "@")
    ),
    # misspelt, wrapped, glued, in several strings: healed as if it stood in the right place
    Misplaced(
        txt("_spf.plumber.example", "v=spf1 mx inlcude:_spf.mial.example ~all"),
        "v=spf1 mx include:_spf.mail.example ~all",
        ("_spf.plumber.example",),
        "softfail",
        (MX,),
        codes=("include-misspelt",),
    ),
    Misplaced(
        txt("www.plumber.example", "include:_spf.mail.example -all"),
        "v=spf1 include:_spf.mail.example -all",
        ("www.plumber.example",),
        "fail",
    ),
    Misplaced(
        'spf.plumber.example TXT "v=spf1 mx" "include:_spf.mail.example" "-all"',
        "v=spf1 mx include:_spf.mail.example -all",
        ("spf.plumber.example",),
        "fail",
        (MX,),
    ),
    Misplaced(
        txt("mail.plumber.example", "v=spf1 mx include:_spf.mail.example-all"),
        "v=spf1 mx include:_spf.mail.example -all",
        ("mail.plumber.example",),
        "fail",
        (MX,),
    ),
    # a name that only begins as ours does is somebody else's
    Misplaced(
        txt("mail.plumber.example", "v=spf1 mx include:_spf.mail.example.other.example -all")
        + txt("_spf.mail.example.other.example", "v=spf1 -all"),
        NOBODY,
        warned=("mail.plumber.example",),
        passes=(MX,),
    ),
    Misplaced(
        txt("plumber.example.plumber.example", 'plumber.example. IN TXT "v=spf1 mx include:_spf.mail.example ~all"'),
        "v=spf1 mx include:_spf.mail.example ~all",
        ("plumber.example.plumber.example",),
        "softfail",
        (MX,),
    ),
    # behind another include, which is one level more, and two
    Misplaced(
        txt("_spf.plumber.example", "v=spf1 include:list.plumber.example -all")
        + txt("list.plumber.example", "v=spf1 include:more.plumber.example ~all")
        + txt("more.plumber.example", "v=spf1 include:_spf.mail.example ~all"),
        "v=spf1 include:list.plumber.example -all",
        ("_spf.plumber.example",),
        "fail",
    ),
    # what the attempt includes is a part of it, and stays
    Misplaced(
        txt("www.plumber.example", "v=spf1 include:_spf.plumber.example -all")
        + txt("_spf.plumber.example", "v=spf1 mx include:_spf.mail.example ~all"),
        "v=spf1 include:_spf.plumber.example -all",
        ("www.plumber.example",),
        "fail",
    ),
    Misplaced(
        txt("spf.plumber.example", "v=spf1 redirect=_spf.plumber.example")
        + txt("_spf.plumber.example", "v=spf1 mx include:_spf.mail.example ~all"),
        "v=spf1 redirect=_spf.plumber.example",
        ("spf.plumber.example",),
        "softfail",
    ),
    # the same text at two names is one text, and goes from both; different ones are merged
    Misplaced(
        txt("_spf.plumber.example", FULL) + txt("spf.plumber.example", FULL),
        FULL,
        ("_spf.plumber.example", "spf.plumber.example"),
        "softfail",
        (MX, MAILBOX),
    ),
    Misplaced(
        txt("_spf.plumber.example", "v=spf1 mx include:_spf.mail.example -all")
        + txt("www.plumber.example", "v=spf1 include:spf.mailbox.example include:_spf.mail.example ~all"),
        "v=spf1 include:spf.mailbox.example include:_spf.mail.example mx ~all",
        ("_spf.plumber.example", "www.plumber.example"),
        "softfail",
        (MX, MAILBOX),
    ),
    # a name that has mail is judged by its own record: that is neither used nor deleted, nor is a part of it
    *(
        Misplaced(
            f"{label}.plumber.example MX 10 {label}.plumber.example\n{label}.plumber.example A 203.0.113.77\n"
            + txt(f"{label}.plumber.example", FULL),
            NOBODY,
            passes=(MX,),
        )
        for label in ("plumber.example", "_spf", "spf", "www", "mail", "@")
    ),
    Misplaced(
        "mail.plumber.example MX 10 mx.plumber.example\n"
        + txt("mail.plumber.example", "v=spf1 include:_spf.plumber.example -all")
        + txt("_spf.plumber.example", FULL),
        NOBODY,
        passes=(MX,),
    ),
    Misplaced(
        "mail.plumber.example MX 10 mx.plumber.example\n"
        + txt("mail.plumber.example", "v=spf1 include:list.plumber.example -all")
        + txt("list.plumber.example", "v=spf1 include:_spf.plumber.example -all")
        + txt("_spf.plumber.example", FULL),
        NOBODY,
        passes=(MX,),
    ),
    Misplaced(
        "mail.plumber.example MX 10 mx.plumber.example\n"
        + txt("mail.plumber.example", "v=spf1 mx include:_spf.mail.example -all")
        + txt("spf.plumber.example", FULL),
        FULL,
        ("spf.plumber.example",),
        "softfail",
        (MX, MAILBOX),
    ),
    # a null MX says that it has none, and without an answer nobody knows
    Misplaced(
        "www.plumber.example MX 0 .\n" + txt("www.plumber.example", FULL),
        FULL,
        ("www.plumber.example",),
        "softfail",
        (MX, MAILBOX),
    ),
    Misplaced("mail.plumber.example MX SERVFAIL\n" + txt("mail.plumber.example", FULL), NOBODY, passes=(MX,)),
    # it does not name us: said, and not used
    Misplaced(txt("mail.plumber.example", "v=spf1 a -all"), NOBODY, warned=("mail.plumber.example",), passes=(MX,)),
    Misplaced(
        txt("www.plumber.example", "v=spf1 -all") + txt("_spf.plumber.example", FULL),
        FULL,
        ("_spf.plumber.example",),
        "softfail",
        (MX, MAILBOX),
        warned=("www.plumber.example",),
    ),
    # an include that fails says nothing of us
    Misplaced(
        txt("_spf.plumber.example", "v=spf1 include:silent.example -all") + "silent.example TXT SERVFAIL",
        NOBODY,
        warned=("_spf.plumber.example",),
        passes=(MX,),
    ),
    # a wildcard answers everywhere, whatever stands elsewhere
    Misplaced(txt("*.plumber.example", FULL), NOBODY, passes=(MX,)),
    Misplaced(
        txt("*.plumber.example", FULL) + txt("_spf.plumber.example", "v=spf1 mx include:_spf.mail.example -all"),
        "v=spf1 mx include:_spf.mail.example -all",
        ("_spf.plumber.example",),
        "fail",
        (MX,),
    ),
    Misplaced("*.plumber.example CNAME host.vendor.example\n" + txt("host.vendor.example", FULL), NOBODY, passes=(MX,)),
    # of an alias the record is the vendor's
    Misplaced("mail.plumber.example CNAME o.vendor.example\n" + txt("o.vendor.example", FULL), NOBODY, passes=(MX,)),
    # where a name does not answer, nothing is said of it, and the others count
    Misplaced("_spf.plumber.example TXT SERVFAIL", NOBODY, passes=(MX,)),
    Misplaced(
        "_spf.plumber.example ANY SERVFAIL\n" + txt("www.plumber.example", FULL),
        FULL,
        ("www.plumber.example",),
        "softfail",
        (MX, MAILBOX),
    ),
    # other texts are no attempts, however they speak of us
    Misplaced(txt("mail.plumber.example", "see _spf.mail.example.invalid for help"), NOBODY, passes=(MX,)),
    Misplaced(txt("_spf.plumber.example", "MS=ms12345678"), NOBODY, passes=(MX,)),
    # what cannot be read in one way, turns us away, or lets everybody in stays with a person
    Misplaced(
        txt("_spf.plumber.example", "v=spf1 ip4:192.168.001.010 include:_spf.mail.example -all"),
        at=("_spf.plumber.example",),
        reason="bad-address",
    ),
    Misplaced(
        txt("_spf.plumber.example", "v=spf1 mx -include:_spf.mail.example ~all"),
        at=("_spf.plumber.example",),
        reason="denied-by-name",
    ),
    Misplaced(
        txt("_spf.plumber.example", "v=spf1 include:_spf.mail.example +all"),
        at=("_spf.plumber.example",),
        reason="pass-all-in-broken-record",
    ),
    Misplaced(
        txt("_spf.plumber.example", "v=spf1 ip4:0.0.0.0/0 include:_spf.mail.example -all"),
        at=("_spf.plumber.example",),
        reason="pass-all-in-broken-record",
    ),
    # below the registered domain: the zone behind the return-path's name
    Misplaced(
        txt("bounce.plumber.example.plumber.example", "v=spf1 include:_spf.mail.example -all"),
        "v=spf1 include:_spf.mail.example -all",
        ("bounce.plumber.example.plumber.example",),
        "fail",
        name="bounce.plumber.example",
        mail_from=BOUNCE,
        codes=("judged-below",),
    ),
    Misplaced(
        "bounce.plumber.example A 198.51.100.7\n"
        + txt("spf.bounce.plumber.example", "v=spf1 include:_spf.mail.example -all"),
        "v=spf1 include:_spf.mail.example -all",
        ("spf.bounce.plumber.example",),
        "fail",
        name="bounce.plumber.example",
        mail_from=BOUNCE,
    ),
    # the registered domain's own record is never misplaced, whatever it holds
    *(
        Misplaced(
            txt("plumber.example", text),
            ALONE,
            name="bounce.plumber.example",
            mail_from=BOUNCE,
            codes=("judged-below",),
        )
        for text in (
            FULL,
            "v=spf1 include:spf.mail.example -all",
            "v=spf1 mx -all",
            "v=spf1 include:l.plumber.example ~all",
        )
    ),
    # a host was typed
    Misplaced(
        "www.plumber.example A 198.51.100.1\n" + txt("plumber.example", FULL),
        ALONE,
        name="www.plumber.example",
        domain="www.plumber.example",
        likely="plumber.example",
    ),
    # one answer about the domain above is enough, and what fails there says nothing
    Misplaced(
        "www.plumber.example A 198.51.100.1\nplumber.example TXT SERVFAIL",
        ALONE,
        name="www.plumber.example",
        domain="www.plumber.example",
        likely="plumber.example",
    ),
    # who published for the host means the host
    Misplaced(
        "shop.plumber.example A 198.51.100.1\n"
        + txt("_spf.shop.plumber.example", "v=spf1 include:_spf.mail.example -all"),
        "v=spf1 include:_spf.mail.example -all",
        ("_spf.shop.plumber.example",),
        "fail",
        name="shop.plumber.example",
        domain="shop.plumber.example",
    ),
    Misplaced("", ALONE, name="shop.plumber.example", domain="shop.plumber.example", likely="plumber.example"),
    Misplaced(
        "news.plumber.example MX 10 mx.plumber.example\n" + txt("plumber.example", FULL),
        NOBODY,
        name="news.plumber.example",
        domain="news.plumber.example",
        passes=(MX,),
    ),
]


def zone_of(row: Misplaced, published: str = "") -> str:
    return "\n".join([ZONE, row.zone, f"{row.name} TXT {quoted(published)}" if published else ""])


async def test_what_the_proposal_leads_to_is_not_deleted() -> None:
    """One attempt includes the other, by a list between them."""
    zone = txt("www.plumber.example", "v=spf1 include:list.plumber.example -all")
    zone += txt("list.plumber.example", "v=spf1 include:_spf.plumber.example -all")
    zone += txt("_spf.plumber.example", "v=spf1 mx include:_spf.mail.example -all")
    report = await report_of(Misplaced(zone))
    assert report.remedy.value == "v=spf1 include:list.plumber.example mx include:_spf.mail.example -all"
    assert [one.name for one in report.remedy.delete] == ["www.plumber.example"]
    advice = {one.params["found_at"]: one.advice for one in report.findings if one.code == "record-misplaced"}
    assert advice["_spf.plumber.example"].endswith("unless another record includes it.")


async def report_of(row: Misplaced, *, search: bool = True, opinion: bool = True) -> Report:
    lookup = ZoneLookup(Zone.parse(zone_of(row)))
    ours = await prepare(PROFILES, lookup)
    return await examine(
        row.domain, lookup, ours, mail_from=row.mail_from, search=search, opinion=opinion, clock=lambda: 5.0
    )


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_misplaced(row: Misplaced) -> None:
    report = await report_of(row)
    found = [one for one in report.findings if one.code == "record-misplaced"]
    assert (report.status, report.result) == ("action_needed", "none")
    assert tuple(one.params["found_at"] for one in found) == row.at
    assert all((one.severity, one.domain) == ("error", row.name) for one in found)
    warned = [one for one in report.findings if one.code == "record-elsewhere"]
    assert tuple(one.params["found_at"] for one in warned) == row.warned
    assert all(one.severity == "warning" for one in warned)
    codes = {one.code for one in report.findings}
    assert set(row.codes) <= codes, codes
    assert not [code for code in codes if code.startswith("dns-")]
    assert {one.outcome for one in report.evidence} <= {"ok", "nodata", "nxdomain"}, "what fails says nothing"
    assert report.likely == row.likely
    assert report.remedy.name == row.name
    if not row.value:
        certificate = dict(report.remedy.certificate or {})
        assert certificate.get("reason", certificate.get("code")) == row.reason
        assert not report.opinion.may_message
        return
    assert report.remedy.value == row.value
    assert tuple(dict.fromkeys(one.name for one in report.remedy.delete)) == row.at
    lookup = ZoneLookup(Zone.parse(zone_of(row, row.value)))
    sender = row.mail_from.replace("{domain}", row.domain)
    for address in (*OURS, *row.passes, OUTSIDER):
        verdict = run(check_host(address, identity(sender, "").domain, sender, "mail.invalid"), lookup.cached)
        assert verdict.result == (row.others if address == OUTSIDER else "pass"), address
    assert report.opinion.agrees, report.opinion.detail
    # once it is published there is nothing left to find
    again = await examine(row.domain, lookup, await prepare(PROFILES, lookup), mail_from=row.mail_from, search=True)
    assert (again.result, again.remedy.kind, again.likely) == ("pass", "none", "")


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("opinion", [False, True])
@pytest.mark.parametrize("search", [False, True])
async def test_a_stored_report_evaluates_to_the_same_bytes(row: Misplaced, opinion: bool, search: bool) -> None:
    first = json.loads(json.dumps(as_json(await report_of(row, search=search, opinion=opinion))))
    again = json.loads(json.dumps(as_json(await replay(first, PROFILES))))
    assert again == first


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_without_a_search_nothing_is_asked_and_nothing_is_said(row: Misplaced) -> None:
    report = await report_of(row, search=False, opinion=False)
    assert not {"record-misplaced", "record-elsewhere"} & {one.code for one in report.findings}
    assert report.likely == ""
    assert {one.name for one in report.evidence}.isdisjoint(row.at + row.warned)
