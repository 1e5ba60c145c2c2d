"""Several records, and several pasted into one: parking gives way, and nothing is dropped unsaid."""

from __future__ import annotations

import pytest

from tests.wild.wild import MAILBOX, MX, SELF, TOOLS, Wild, holds

MANY = {"findings": ("multiple-records",)}
PASTED = {"findings": ("terms-after-all",)}
BOX = "v=spf1 include:spf.mailbox.example include:_spf.mail.example "
ROWS = [
    Wild(
        ["v=spf1 -all", "v=spf1 include:_spf.mail.example ~all"],
        "v=spf1 include:_spf.mail.example ~all",
        others="softfail",
        **MANY,
    ),
    Wild(["v=spf1 ~all", "v=spf1 include:spf.mailbox.example -all"], f"{BOX}-all", (MAILBOX,), **MANY),
    Wild(["v=spf1 ?all", "v=spf1 include:spf.mailbox.example -all"], f"{BOX}-all", (MAILBOX,), **MANY),
    Wild(
        ["V=SPF1 -ALL", "v=spf1 include:spf.mailbox.example ~all"], f"{BOX}~all", (MAILBOX,), others="softfail", **MANY
    ),
    Wild(
        ["v=spf1 -all", "v=spf1 include:_spf.mail.example ~all", "v=spf1 include:spf.mailbox.example ?all"],
        f"{BOX}?all",
        (MAILBOX,),
        others="neutral",
        **MANY,
    ),
    # two that authorise nobody: the softer end
    Wild(["v=spf1 -all", "v=spf1 ~all"], "v=spf1 include:_spf.mail.example ~all", others="softfail", **MANY),
    # stalwart #942: ra= once
    Wild(
        ["v=spf1 mx ra=postmaster -all", "v=spf1 a ra=postmaster -all"],
        "v=spf1 a mx include:_spf.mail.example ra=postmaster -all",
        (SELF, MX),
        **MANY,
    ),
    Wild(
        ["v=spf1 mx ra=a -all", "v=spf1 a rp=10 -all"],
        "v=spf1 a mx include:_spf.mail.example rp=10 ra=a -all",
        (SELF, MX),
        **MANY,
    ),
    Wild(
        ["v=spf1 mx -all a:host.partner.example", "v=spf1 a -all"],
        "v=spf1 a mx include:_spf.mail.example -all",
        (SELF, MX),
        **MANY,
        says="a:host.partner.example",
    ),
    Wild(
        ["v=spf1 mx -all exp=a.plumber.example", "v=spf1 a -all exp=b.plumber.example"],
        "v=spf1 a mx include:_spf.mail.example -all",
        (SELF, MX),
        **MANY,
        says="one record may have one explanation only",
    ),
    # each is healed first
    Wild(
        ["v=spf1 inlcude:spf.mailbox.example -all", "v=spf1 include:spf.mail.example ~all"],
        f"{BOX}-all",
        (MAILBOX,),
        **MANY,
    ),
    # our line pasted behind the old record
    Wild(
        "v=spf1 include:spf.mailbox.example ~all include:_spf.mail.example ~all",
        f"{BOX}~all",
        (MAILBOX,),
        others="softfail",
        result="softfail",
        **PASTED,
    ),
    Wild(
        "v=spf1 include:spf.mailbox.example ~all v=spf1 include:_spf.mail.example ~all",
        f"{BOX}~all",
        (MAILBOX,),
        others="softfail",
        result="softfail",
        **PASTED,
    ),
    Wild(
        "v=spf1 include:spf.mailbox.example -all v=spf1 include:spf.mail.example ~all",
        f"{BOX}-all",
        (MAILBOX,),
        result="fail",
        **PASTED,
    ),
    Wild("v=spf1 include:spf.mailbox.example -allv=spf1 include:_spf.mail.example ~all", f"{BOX}-all", (MAILBOX,)),
    # what has nothing to do with us stays, with its finding
    Wild(
        "v=spf1 mx -all include:spf.tools.example -all v=spf1 include:_spf.mail.example ~all",
        "v=spf1 mx include:_spf.mail.example -all include:spf.tools.example -all",
        (MX,),
        result="fail",
        **PASTED,
        remains=("terms-after-all",),
    ),
    Wild(
        "v=spf1 mx -all include:spf.tools.example",
        "v=spf1 mx include:_spf.mail.example -all include:spf.tools.example",
        (MX,),
        result="fail",
        **PASTED,
        remains=("terms-after-all",),
    ),
    # a sender that is turned away, everybody let in, two redirects, two that are no record
    Wild(["v=spf1 -mx a -all", "v=spf1 include:spf.tools.example ~all"], reason="non-pass-term", **MANY),
    Wild(["v=spf1 a +all", "v=spf1 mx -all"], reason="pass-all-in-broken-record", **MANY),
    Wild(["v=spf1 -all", "v=spf1 a +all"], reason="pass-all-in-broken-record", **MANY),
    Wild(
        ["v=spf1 redirect=spf.tools.example", "v=spf1 redirect=spf.mailbox.example"], reason="several-redirects", **MANY
    ),
    Wild(["v=spf1 mx -all", "v=spf1 b:host.partner.example -all"], reason="unknown-word", **MANY),
    # two providers, and neither is lost
    Wild(
        ["v=spf1 include:spf.tools.example -all", "v=spf1 include:spf.mailbox.example ~all"],
        "v=spf1 include:spf.mailbox.example include:spf.tools.example include:_spf.mail.example ~all",
        (MAILBOX, TOOLS),
        others="softfail",
        **MANY,
    ),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_several(wild: Wild) -> None:
    await holds(wild)
