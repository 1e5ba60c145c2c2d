"""Where character-strings meet: joined without a space (RFC 7208 3.3), meant with one, or pasted with quotes."""

from __future__ import annotations

import pytest

from tests.wild.wild import HOST, MAILBOX, MX, SELF, TOOLS, Wild, holds

NEAR = {"result": "none", "findings": ("near-miss-record",)}
FULL = "v=spf1 mx include:spf.mailbox.example include:_spf.mail.example -all"
BARE = {"result": "neutral", "findings": ("no-all",)}
ROWS = [
    # FuseCP #52, a panel makes a string of each word
    Wild(("v=spf1", "mx", "include:spf.mailbox.example", "-all"), FULL, (MX, MAILBOX), **NEAR, says="A space is added"),
    Wild(("v=spf1 mx", "include:spf.mailbox.example", "-all"), FULL, (MX, MAILBOX)),
    # joined it parses, but the name over the joint does not exist
    Wild(
        ("v=spf1 include:spf.mailbox.example", "include:spf.tools.example -all"),
        "v=spf1 include:spf.mailbox.example include:spf.tools.example include:_spf.mail.example -all",
        (MAILBOX, TOOLS),
        findings=("include-no-record",),
    ),
    # checkdmarc #36: a long record is cut anywhere, here inside an address; the joint is none
    Wild(
        ("v=spf1 ip4:198.51.10", "0.9 include:spf.mail", "box.example ~all"),
        "v=spf1 ip4:198.51.100.9 include:spf.mailbox.example include:_spf.mail.example ~all",
        (HOST, MAILBOX),
        others="softfail",
        result="softfail",
        findings=("sender-not-included",),
    ),
    Wild(
        ("v=spf1 ipv4:198.51.10", "0.9 include:spf.mail", "box.example ~all"),
        "v=spf1 ip4:198.51.100.9 include:spf.mailbox.example include:_spf.mail.example ~all",
        (HOST, MAILBOX),
        others="softfail",
    ),
    # libspf2 #30: some strings end in a space and some do not
    Wild(
        ("v=spf1 ", "ip4:198.51.100.9 ", "include:spf.mailbox.example", "mx ~all"),
        "v=spf1 ip4:198.51.100.9 include:spf.mailbox.example mx include:_spf.mail.example ~all",
        (HOST, MAILBOX, MX),
        others="softfail",
        findings=("include-no-record",),
    ),
    # filtermail #60: pasted with the quotes that a zone file has
    Wild(
        '"v=spf1 ip4:198.51.10" "0.9 mx -all"',
        "v=spf1 ip4:198.51.100.9 mx include:_spf.mail.example -all",
        (HOST, MX),
        **NEAR,
    ),
    Wild('"v=spf1 mx" "include:spf.mailbox.example" "-all"', FULL, (MX, MAILBOX), **NEAR),
    Wild('v=spf1 mx" "include:spf.mailbox.example -all', FULL, (MX, MAILBOX)),
    # an address that is none either way
    Wild(("v=spf1 ip4:198.51.100.9", "9.7 mx -all"), reason="bad-address"),
    # half a name that nobody owns
    Wild(("v=spf1 include:spf.mail", "box.exmaple ipv4:198.51.100.300 -all"), reason="bad-address"),
    # one record in two TXT
    Wild(
        ["v=spf1", "mx include:spf.mailbox.example -all"],
        FULL,
        (MX, MAILBOX),
        result="neutral",
        findings=("no-all",),
        says="becomes a part of this one",
    ),
    Wild(
        ["v=spf1 ", "a include:_spf.mail.example ~all"],
        "v=spf1 a include:_spf.mail.example ~all",
        (SELF,),
        others="softfail",
        result="neutral",
        findings=("no-all",),
    ),
    # the list has slips of its own: mended with it, or left to a person with it
    *(
        Wild(["v=spf1", text], "v=spf1 a mx include:_spf.mail.example -all", (SELF, MX), **BARE)
        for text in ("a mx;-all", "a mx -all<br>", "a mx --all", "a mx - all")
    ),
    Wild(
        ["v=spf1", "ip4:198.51.100.9 include: spf.mailbox.example -all"],
        "v=spf1 ip4:198.51.100.9 include:spf.mailbox.example include:_spf.mail.example -all",
        (HOST, MAILBOX),
        **BARE,
    ),
    Wild(
        ["v=spf1", "mx a ip4\uff1a198.51.100.9"],
        "v=spf1 mx a ip4:198.51.100.9 include:_spf.mail.example",
        (MX, SELF, HOST),
        others="neutral",
        **BARE,
    ),
    Wild(["v=spf1", "a mx all-"], reason="sign-behind", **BARE),
    Wild(["v=spf1", "ip4:198.51.100.9 includespf.mailbox.example -all"], reason="bare-name", **BARE),
    # two lists: in which order they are meant, and which end counts, nobody can say
    Wild(["v=spf1", "mx -all", "a ~all"], reason="split", result="neutral", findings=("stray-record",)),
    Wild(["v=spf1", "ip4:198.51.100.9", "-all"], reason="split", result="neutral", findings=("stray-record",)),
    Wild(["v=spf1 ", "-all", "mx"], reason="split", result="neutral", findings=("stray-record",)),
    # a word alone that may be any word is not looked at
    Wild(
        ["v=spf1", "mx"], "v=spf1 include:_spf.mail.example", others="neutral", result="neutral", findings=("no-all",)
    ),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_strings(wild: Wild) -> None:
    await holds(wild)
