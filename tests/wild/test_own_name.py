"""Our own name misspelt, or with the wrong word in front of it: replaced, never left dead beside the right one."""

from __future__ import annotations

import pytest

from tests.wild.wild import MAILBOX, MX, OUTSIDER, Wild, holds, report_of, result_for

WRONG = {"findings": ("include-misspelt",)}
OWN = "v=spf1 mx include:_spf.mail.example ~all"
# postal #1320 and its like: dots and underscores lost, letters swapped, a zone added, another sign
MISSPELT = [
    "_spf.mailexample",
    "_spfmail.example",
    "spf.mail.example",
    "_spf_mail.example",
    "_spf.mial.example",
    "_spf.mail.exmaple",
    "_spf.mail.exampel",
    "_sfp.mail.example",
    "-spf.mail.example",
    "_spf.mail.example.plumber.example",
    "_spf.mail.examples",
    "_spf.mal.example",
    "http://_spf.mail.example",
    "@_spf.mail.example",
]
ROWS = [
    *(Wild(f"v=spf1 mx include:{name} ~all", OWN, (MX,), others="softfail", **WRONG) for name in MISSPELT),
    *(
        Wild(f"v=spf1 mx {word}:_spf.mail.example ~all", OWN, (MX,), others="softfail", result="softfail", **WRONG)
        for word in ("a", "mx", "exists", "ptr")
    ),
    Wild("v=spf1 mx ip4:_spf.mail.example ~all", OWN, (MX,), others="softfail", **WRONG),
    Wild("v=spf1 mx a:spf.mail.example ~all", OWN, (MX,), others="softfail", result="softfail", **WRONG),
    Wild("v=spf1 mx _spf.mail.example ~all", OWN, (MX,), others="softfail"),
    Wild("v=spf1 mx inlcude:_spf.mial.example ~all", OWN, (MX,), others="softfail", **WRONG),
    # what stands behind it lives again
    Wild(
        "v=spf1 include:spf.mail.example include:spf.mailbox.example -all",
        "v=spf1 include:_spf.mail.example include:spf.mailbox.example -all",
        (MAILBOX,),
        **WRONG,
    ),
    Wild(
        "v=spf1 include:_spf_mail.example include:_spf.mail.example include:spf.mailbox.example -all",
        "v=spf1 include:_spf.mail.example include:spf.mailbox.example -all",
        (MAILBOX,),
        **WRONG,
    ),
    Wild(
        "_spf.mail.example",
        "v=spf1 include:_spf.mail.example",
        others="neutral",
        result="none",
        findings=("near-miss-record",),
    ),
    Wild(
        "include:spf.mail.example",
        "v=spf1 include:_spf.mail.example",
        others="neutral",
        result="none",
        findings=("near-miss-record",),
    ),
    Wild(
        "include:_spf.mail.example ~all",
        "v=spf1 include:_spf.mail.example ~all",
        others="softfail",
        result="none",
        findings=("near-miss-record",),
    ),
    # it has a record of its own, so it is somebody else's: it stays
    Wild(
        "v=spf1 include:spf.mail.example ~all",
        "v=spf1 include:spf.mail.example include:_spf.mail.example ~all",
        ("192.0.2.9",),
        others="softfail",
        result="softfail",
        findings=("sender-not-included",),
        zone='spf.mail.example TXT "v=spf1 ip4:192.0.2.9 -all"',
    ),
    # too far from ours to be a slip: a dead include of somebody else's
    Wild(
        "v=spf1 include:_spf.post.example mx ~all",
        "v=spf1 include:_spf.mail.example include:_spf.post.example mx ~all",
        others="permerror",
        findings=("include-no-record",),
        remains=("include-no-record",),
    ),
    # it turns us away
    Wild("v=spf1 -include:_spf.mial.example mx ~all", reason="denied-by-name", **WRONG),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_own_name(wild: Wild) -> None:
    report = await holds(wild)
    for found in report.findings:
        if found.code == "include-misspelt":
            assert found.severity == "error"
            assert str(found.params["meant"]).endswith("include:_spf.mail.example")


async def test_a_misspelt_copy_behind_ours_is_a_warning() -> None:
    text = "v=spf1 include:_spf.mail.example include:spf.mail.example ~all"
    report = await report_of(Wild(text))
    assert (report.result, report.status, report.remedy.kind) == ("pass", "at_risk", "none")
    (found,) = (one for one in report.findings if one.code == "include-misspelt")
    assert found.severity == "warning"
    assert found.span is not None
    assert text[slice(*found.span)] == found.params["written"] == "include:spf.mail.example"
    assert "include-no-record" in {one.code for one in report.findings if one.severity == "error"}
    assert result_for(OUTSIDER, text) == "permerror"
