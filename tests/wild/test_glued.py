"""Names and terms without a space between them: cut where the name has a record, and there alone."""

from __future__ import annotations

import pytest

from tests.wild.wild import HOST, MAILBOX, MX, SELF, TOOLS, Wild, holds

DEAD = {"findings": ("include-no-record",)}
BOTH = "v=spf1 include:spf.mailbox.example include:spf.tools.example include:_spf.mail.example -all"
ROWS = [
    # MicrosoftDocs/OfficeDocs-O365ITPro #393: no space in front of the end
    Wild(
        "v=spf1 mx include:spf.mailbox.example-all",
        "v=spf1 mx include:spf.mailbox.example include:_spf.mail.example -all",
        (MX, MAILBOX),
        **DEAD,
    ),
    Wild("v=spf1 include:spf.mailbox.exampleinclude:spf.tools.example -all", BOTH, (MAILBOX, TOOLS), **DEAD),
    Wild("v=spf1 include:spf.mailbox.exampleinclude:spf.tools.example-all", BOTH, (MAILBOX, TOOLS), **DEAD),
    Wild(
        "v=spf1 include:spf.mailbox.exampleip4:198.51.100.9 ~all",
        "v=spf1 include:spf.mailbox.example ip4:198.51.100.9 include:_spf.mail.example ~all",
        (MAILBOX, HOST),
        others="softfail",
    ),
    Wild(
        "v=spf1 include:spf.mailbox.examplemxa ?all",
        "v=spf1 include:spf.mailbox.example mx a include:_spf.mail.example ?all",
        (MAILBOX, MX, SELF),
        others="neutral",
        **DEAD,
    ),
    # checkdmarc #209
    Wild(
        "v=spf1 ip4:198.51.100.9~all",
        "v=spf1 ip4:198.51.100.9 include:_spf.mail.example ~all",
        (HOST,),
        others="softfail",
    ),
    # dmarcchecker.app, "Missing Spaces in the SPF Record"
    Wild(
        "v=spf1include:spf.mailbox.example?all",
        "v=spf1 include:spf.mailbox.example include:_spf.mail.example ?all",
        (MAILBOX,),
        others="neutral",
        result="none",
        findings=("near-miss-record",),
    ),
    # beside all a redirect would be dead, so the all is not what was meant
    Wild(
        "v=spf1 redirect=spf.mailbox.example-all",
        "v=spf1 include:_spf.mail.example redirect=spf.mailbox.example",
        (MAILBOX,),
        others="softfail",
        findings=("redirect-no-record",),
    ),
    # with another slip in it
    Wild(
        "v=spf1 ipv4:198.51.100.9 include:spf.mailbox.example-all",
        "v=spf1 ip4:198.51.100.9 include:spf.mailbox.example include:_spf.mail.example -all",
        (HOST, MAILBOX),
    ),
    # the name in front has no record: what is glued to what nobody knows, and the dead include is not touched
    Wild(
        "v=spf1 include:spf.retired.example-all",
        "v=spf1 include:_spf.mail.example include:spf.retired.example-all",
        others="permerror",
        remains=("include-no-record",),
        **DEAD,
    ),
    # the end would cut off mx, which its owner lists
    Wild(
        "v=spf1 include:spf.mailbox.example-all mx ~all",
        "v=spf1 include:_spf.mail.example include:spf.mailbox.example-all mx ~all",
        others="permerror",
        remains=("include-no-record",),
        **DEAD,
    ),
    # a letter behind an address, a range, a run of bare words
    Wild("v=spf1 ip4:198.51.100.9a -all", reason="bad-address"),
    Wild("v=spf1 ip4:198.51.100.9-ip4:198.51.100.12 -all", reason="bad-address"),
    Wild("v=spf1 aaaa -all", reason="unknown-word"),
    Wild("v=spf1 ip4:10.0.0.0/8ip4:198.51.100.9 -all", reason="glued"),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_glued(wild: Wild) -> None:
    await holds(wild)
