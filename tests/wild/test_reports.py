"""Records from public reports and from the tests of other checkers, with the names of this zone in them."""

from __future__ import annotations

import pytest

from tests.wild.wild import HOST, MAILBOX, MX, SELF, TOOLS, Wild, holds

OURS = "include:_spf.mail.example"
SOFT = {"others": "softfail"}
NEAR = {"result": "none", "findings": ("near-miss-record",)}
ALL = f"v=spf1 a mx include:spf.mailbox.example {OURS} ~all"
EVERY = (SELF, MX, MAILBOX)
READ = [
    # ndb of 9front, a Polish wiki, a Chinese set-up guide: ip
    Wild("v=spf1 a mx ip:198.51.100.9 ~all", f"v=spf1 a mx ip4:198.51.100.9 {OURS} ~all", (SELF, MX, HOST), **SOFT),
    # rspamd #626
    Wild(
        "v=spf1 mx ipv4:198.51.100.9/24 ipv4:192.0.2.65/24 -all",
        f"v=spf1 mx ip4:198.51.100.9/24 ip4:192.0.2.65/24 {OURS} -all",
        (MX, HOST, TOOLS),
        others="pass",
    ),
    # a provider's guide and three configurations of servers: include=, in a record that is valid
    Wild(
        "v=spf1 include=spf.mailbox.example  ~all",
        f"v=spf1 {OURS} include=spf.mailbox.example  ~all",
        result="softfail",
        findings=("ignored-term",),
        remains=("ignored-term",),
        **SOFT,
    ),
    # coppertone #57, OfficeDocs-o365seccomp #295
    Wild(
        "v=spf1 include.spf.mailbox.example",
        f"v=spf1 include:spf.mailbox.example {OURS}",
        (MAILBOX,),
        others="neutral",
    ),
    # the Graph API's example of a domain, dynamics-365-customer-engagement #2248
    Wild("v=spf1 a mx include: spf.mailbox.example ~all", ALL, EVERY, **SOFT),
    Wild(
        "v=spf1 a: host.partner.example mx: plumber.example ~all",
        f"v=spf1 a:host.partner.example mx:plumber.example {OURS} ~all",
        (HOST, MX),
        **SOFT,
    ),
    # a book on servers: U+2013
    Wild("v=spf1 a mx include:spf.mailbox.example \u2013all", ALL.replace("~", "-"), EVERY, findings=("non-ascii",)),
    Wild("v=spf1 mx:198.51.100.9 -all", f"v=spf1 ip4:198.51.100.9 {OURS} -all", (HOST,)),
    Wild(
        "v=spf1 ip4:198.51.100.9 198.51.100.10 198.51.100.11 -all",
        f"v=spf1 ip4:198.51.100.9 ip4:198.51.100.10 ip4:198.51.100.11 {OURS} -all",
        (HOST, "198.51.100.11"),
    ),
    Wild(
        "v=spf1 ip6:198.51.100.9 ip4:2001:db8:9::9 ip6:[2001:db8:9::a] -all",
        f"v=spf1 ip4:198.51.100.9 ip6:2001:db8:9::9 ip6:2001:db8:9::a {OURS} -all",
        (HOST, "2001:db8:9::9", "2001:db8:9::a"),
    ),
    Wild("v=spf1 (a mx) include:[spf.mailbox.example] ~ALL;", ALL.replace("~all", "~ALL"), EVERY, **SOFT),
    Wild("v=spf1 a mx include: include:spf.mailbox.example/ ~ all", ALL, EVERY, **SOFT),
    Wild('"v=spf1 a mx " "include:spf.mailbox.example ~all"', ALL, EVERY, **NEAR, **SOFT),
    Wild('"v=spf1 a mx include:spf.mailbox.example ~all', ALL, EVERY, **NEAR, **SOFT),
    # what a zone file or a program writes for a space and for the end of a line
    *(
        Wild(text, ALL, EVERY, **SOFT)
        for text in (
            "v=spf1 a mx include:spf.mailbox.example\\032~all",
            "v=spf1 a mx include:spf.mailbox.example ~all\\n",
            "v=spf1 a mx include:spf.mailbox.example ~all \\r\\n",
        )
    ),
    Wild(
        "v=spf1 a:host\\name.partner.example ipv4:198.51.100.9 -all",
        f"v=spf1 a:host\\name.partner.example ip4:198.51.100.9 {OURS} -all",
        (HOST,),
        remains=("void-lookup",),
    ),
    # modoboa's tests: twice the same, which is no question
    Wild(
        "v=spf1 redirect=spf.mailbox.example redirect=spf.mailbox.example",
        f"v=spf1 {OURS} redirect=spf.mailbox.example",
        (MAILBOX,),
        **SOFT,
        says="is kept once",
    ),
    Wild(
        "v=spf1 include:spf.mailbox.example include:include:spf.tools.example -all",
        f"v=spf1 include:spf.mailbox.example include:spf.tools.example {OURS} -all",
        (MAILBOX, TOOLS),
        findings=("include-no-record",),
    ),
    Wild(
        ["v=spf1 include:spf.mailbox.example ~all", "v=spf1 a mx ~all", "spf2.0/mfrom include:spf.tools.example ~all"],
        ALL,
        EVERY,
        findings=("multiple-records",),
        **SOFT,
    ),
]
ASKED = [
    Wild(text, reason=reason)
    for text, reason in (
        ("v=spf1 a|host.partner.example ~all", "unknown-word"),
        ("v=spf1 toto ~all", "unknown-word"),
        ("v=spf1 +ip4:198.51.100. ~all", "bad-address"),
        ("v=spf1 a:host.partner.example/TOTO", "unknown-word"),
        ("v=spf1 a/1000", "bad-prefix"),
        ("v=spf1 -all bogus", "unknown-word"),
        ("v=spf1 -all:plumber.example", "unknown-word"),
        ("v=spf1 include -all", "missing-argument"),
        ("v=spf1 all:x include:spf.mailbox.example", "unknown-word"),
        ("v=spf1 spf2.0/pra ip4:198.51.100.9 ~all", "unknown-word"),
        ("v=spf1 mx a ip4:198.51.100.9-198.51.100.12 ~all", "bad-address"),
        ("v=spf1 ip4:198.51.100.* -all", "bad-address"),
        ("v=spf1 ip4:198.51.100.9:25 -all", "bad-address"),
        ("v=spf1 a mx include:spf.mailbox.example .all", "pass-all-in-broken-record"),
        ("v=spf1 a mx include:spf.mailbox.example _all", "unknown-word"),
        ("v=spf1 +a +mx + all", "lone-sign"),
        ("v=spf1 a mx ip4:{{ ip }} ~all", "bad-address"),
        ("v=spf1 a mx ip4:<your-ip> ~all", "bad-address"),
        ("v=spf1 ip6:2001:db8:9:0:0:0:0:0:9 -all", "bad-address"),
        ("v=spf1 a mx ~all # our mail", "unknown-word"),
        ("v=spf1 include:spf.mailbox.example and include:spf.tools.example ~all", "unknown-word"),
        ("v=spf1 redirect=spf.mailbox.example redirect=spf.tools.example", "repeated-modifier"),
    )
]
ASKED += [
    # a course on e-mail: terms in front of the version; OfficeDocs-Exchange #347: a part of the version
    Wild("ip4:198.51.100.9 ip4:192.0.2.65 v=spf1 include: spf.mailbox.example -all", reason="version", **NEAR),
    Wild("v= ipv4:198.51.100.9 ~all", reason="version", **NEAR),
]


@pytest.mark.parametrize("wild", [*READ, *ASKED], ids=str)
async def test_reports(wild: Wild) -> None:
    await holds(wild)
