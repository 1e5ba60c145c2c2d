"""Slips that a record survives: put right where the record has to be mended anyway, left and named where it is used."""

from __future__ import annotations

import pytest

from tests.wild.wild import HOST, MAILBOX, MX, SELF, TOOLS, Wild, holds

OURS = "include:_spf.mail.example"
MISSED = {"result": "fail", "findings": ("sender-not-included",)}
BROKEN = [
    # what stands around a host's name, beside another slip (L5, L1)
    Wild(
        f"v=spf1 {junk} ipv4:198.51.100.77 -all",
        f"v=spf1 {meant} ip4:198.51.100.77 {OURS} -all",
        (*passes, "198.51.100.77"),
    )
    for junk, meant, passes in (
        ("a::host.partner.example", "a:host.partner.example", (HOST,)),
        ("a:http://host.partner.example", "a:host.partner.example", (HOST,)),
        ("a:https://host.partner.example/", "a:host.partner.example", (HOST,)),
        ("a:@host.partner.example", "a:host.partner.example", (HOST,)),
        ("mx::plumber.example", "mx:plumber.example", (MX,)),
        ("a:host.partner.example,mx:plumber.example", "a:host.partner.example mx:plumber.example", (HOST, MX)),
        (
            "a:host.partner.exampleinclude:spf.mailbox.example",
            "a:host.partner.example include:spf.mailbox.example",
            (HOST, MAILBOX),
        ),
        ("ip4=198.51.100.9", "ip4:198.51.100.9", (HOST,)),
        ("ip4=198.51.100.8/31", "ip4:198.51.100.8/31", (HOST,)),
        ("ipv4=198.51.100.9", "ip4:198.51.100.9", (HOST,)),
        ("a=198.51.100.9", "ip4:198.51.100.9", (HOST,)),
        ("include=spf.mailbox.example", "include:spf.mailbox.example", (MAILBOX,)),
        ("inlcude=spf.mailbox.example", "include:spf.mailbox.example", (MAILBOX,)),
        ("a=host.partner.example mx=plumber.example", "a:host.partner.example mx:plumber.example", (HOST, MX)),
    )
]
BROKEN += [
    # an include that is dead as it is written makes the record one to be mended as well
    Wild(
        "v=spf1 include:spf.mailbox.exampleinclude:spf.tools.example ip4=198.51.100.9 -all",
        f"v=spf1 include:spf.mailbox.example include:spf.tools.example ip4:198.51.100.9 {OURS} -all",
        (MAILBOX, HOST, TOOLS),
        findings=("include-no-record", "ignored-term"),
    ),
    # and so does a second record
    Wild(
        ["v=spf1 ip4=198.51.100.9 -all", "v=spf1 a::host.partner.example mx -all"],
        f"v=spf1 a:host.partner.example mx ip4:198.51.100.9 {OURS} -all",
        (HOST, MX),
        findings=("multiple-records",),
    ),
    # a redirect beside another one would make the record one that cannot be read, and beside an end a dead one
    Wild(
        "v=spf1 ipv4:198.51.100.9 redirct=spf.tools.example redirect=spf.mailbox.example",
        f"v=spf1 ip4:198.51.100.9 {OURS} redirct=spf.tools.example redirect=spf.mailbox.example",
        (HOST, MAILBOX),
        others="softfail",
        findings=("ignored-term",),
        remains=("ignored-term",),
    ),
    Wild(
        "v=spf1 ipv4:198.51.100.9 redirct=spf.tools.example -all",
        f"v=spf1 ip4:198.51.100.9 {OURS} redirct=spf.tools.example -all",
        (HOST,),
        findings=("ignored-term",),
        remains=("ignored-term",),
    ),
    # an end in front of what is listed behind it
    Wild(
        "v=spf1 ipv4:198.51.100.77 a::host.partner.example-all mx ~all",
        f"v=spf1 ip4:198.51.100.77 a::host.partner.example-all mx {OURS} ~all",
        ("198.51.100.77", MX),
        others="softfail",
        remains=("void-lookup",),
    ),
    Wild(
        "v=spf1; redirct=spf.mailbox.example",
        f"v=spf1 {OURS} redirect=spf.mailbox.example",
        (MAILBOX,),
        others="softfail",
        result="none",
        findings=("near-miss-record",),
    ),
]
LEFT = [
    # what it names does not exist: it is no reading, and stays
    Wild(
        "v=spf1 ipv4:198.51.100.9 include=spf.retired.example -all",
        f"v=spf1 ip4:198.51.100.9 {OURS} include=spf.retired.example -all",
        (HOST,),
        findings=("ignored-term",),
        remains=("ignored-term",),
    ),
    Wild(
        "v=spf1 ipv4:198.51.100.9 a:x.example,y.example -all",
        f"v=spf1 ip4:198.51.100.9 a:x.example,y.example {OURS} -all",
        (HOST,),
        remains=("void-lookup",),
    ),
    # too wide to be guessed (I3)
    Wild(
        "v=spf1 ipv4:198.51.100.9 ip4=10.0.0.0/8 -all",
        f"v=spf1 ip4:198.51.100.9 {OURS} ip4=10.0.0.0/8 -all",
        (HOST,),
        remains=("ignored-term",),
    ),
    # nothing else is wrong: the record is valid, and nobody is let in who is not let in today (I2)
    Wild(
        "v=spf1 mx ip4=198.51.100.9 include=spf.mailbox.example -all",
        f"v=spf1 mx {OURS} ip4=198.51.100.9 include=spf.mailbox.example -all",
        (MX,),
        result="fail",
        findings=("ignored-term",),
        remains=("ignored-term", "ignored-term"),
    ),
    Wild(
        "v=spf1 mx ipv4=198.51.100.9 -all",
        f"v=spf1 mx {OURS} ipv4=198.51.100.9 -all",
        (MX,),
        result="fail",
        findings=("ignored-term",),
        remains=("ignored-term",),
    ),
    Wild(
        "v=spf1 mx all=fail",
        f"v=spf1 mx {OURS} all=fail",
        (MX,),
        others="neutral",
        result="neutral",
        findings=("ignored-term", "no-all"),
        remains=("ignored-term",),
    ),
    Wild(
        "v=spf1 mx a::host.partner.example -all",
        f"v=spf1 mx a::host.partner.example {OURS} -all",
        (MX,),
        result="fail",
        findings=("void-lookup",),
        remains=("void-lookup",),
    ),
    # what is cut out of a record that works changes nothing for others
    Wild(
        "v=spf1 mx ip4=198.51.100.9 a::host.partner.example -all MS=ms12345678",
        f"v=spf1 mx ip4=198.51.100.9 a::host.partner.example {OURS} -all",
        (MX,),
        result="fail",
        findings=("ignored-term",),
        remains=("ignored-term", "void-lookup"),
    ),
    # modifiers that are called something else are no slips
    Wild(
        "v=spf1 mx ra=postmaster aspf=r moo=x.example mxx=1 -all",
        f"v=spf1 mx {OURS} ra=postmaster aspf=r moo=x.example mxx=1 -all",
        (MX,),
        result="fail",
        findings=("unknown-modifier",),
    ),
    # a sign in front of two terms in one: whom it turns away nobody can say, and the record works without
    Wild(
        "v=spf1 mx -a:host.partner.exampleinclude:spf.mailbox.example -all",
        f"v=spf1 mx -a:host.partner.exampleinclude:spf.mailbox.example {OURS} -all",
        (MX,),
        **MISSED,
        remains=("void-lookup",),
    ),
]
GLUED = [
    # two terms in one that happen to parse (L4), in one string or across two (L3)
    Wild(
        text,
        f"v=spf1 mx a:host.partner.example include:spf.mailbox.example {OURS} -all",
        (MX, HOST, MAILBOX),
        **MISSED,
    )
    for text in (
        "v=spf1 mx a:host.partner.exampleinclude:spf.mailbox.example -all",
        ("v=spf1 mx a:host.partner.example", "include:spf.mailbox.example -all"),
        ("v=spf1 mx a:host.partner.example", "include:spf.mailbox.example", " -all"),
    )
]
GLUED += [
    # a modifier that nobody knows, over the place where two strings meet, or of the version glued to the first term
    Wild(
        ("v=spf1 a mx", "include=spf.mailbox.example", "-all"),
        f"v=spf1 a mx include:spf.mailbox.example {OURS} -all",
        (SELF, MX, MAILBOX),
        result="neutral",
        findings=("no-all",),
    ),
    Wild(
        "v=spf1 v=spf1include:spf.mailbox.example mx -all",
        f"v=spf1 include:spf.mailbox.example mx {OURS} -all",
        (MX, MAILBOX),
        result="fail",
        findings=("version-repeated",),
        says="version-twice",
    ),
    Wild(
        ("v=spf1 mx ra=post", "master -all"),
        f"v=spf1 mx {OURS} ra=postmaster -all",
        (MX,),
        result="fail",
        findings=("unknown-modifier",),
    ),
    Wild(
        ("v=spf1 mx:plumber.example", "a:host.partner.example", "ip4:198.51.100.77", "-all"),
        f"v=spf1 mx:plumber.example a:host.partner.example ip4:198.51.100.77 {OURS} -all",
        (MX, HOST, "198.51.100.77"),
        result="neutral",
        findings=("no-all",),
    ),
    Wild(
        "v=spf1 a a:host.partner.example-all",
        f"v=spf1 a a:host.partner.example {OURS} -all",
        (SELF, HOST),
        result="neutral",
        findings=("no-all", "void-lookup"),
    ),
    # the name in front is no host's: a dead host, as many are
    Wild(
        "v=spf1 mx a:old.partner.example-all",
        f"v=spf1 mx a:old.partner.example-all {OURS}",
        (MX,),
        others="neutral",
        result="neutral",
        findings=("void-lookup",),
    ),
    Wild(
        "v=spf1 ipv4:198.51.100.77 a:host.partner.example-all mx:plumber.example-all",
        f"v=spf1 ip4:198.51.100.77 a:host.partner.example-all mx:plumber.example {OURS} -all",
        ("198.51.100.40", "198.51.100.77", MX),
        zone="host.partner.example-all A 198.51.100.40\nhost.partner.example-all AAAA 2001:db8:40::1\n",
    ),
    # the whole name exists
    Wild(
        "v=spf1 a:host.partner.example-all",
        f"v=spf1 a:host.partner.example-all {OURS}",
        ("198.51.100.40",),
        others="neutral",
        result="neutral",
        findings=("no-all",),
        zone="host.partner.example-all A 198.51.100.40\nhost.partner.example-all AAAA 2001:db8:40::1\n",
    ),
]
REDIRECTS = [
    # beside all it would be dead, so the end that is glued to it cannot be meant (L4), whatever else is wrong
    Wild(
        text,
        f"v=spf1 {before}{OURS} redirect=spf.mailbox.example",
        passes,
        others="softfail",
        result=result,
        findings=(code,),
    )
    for text, before, passes, result, code in (
        ("v=spf1 redirect:spf.mailbox.example~all", "", (MAILBOX,), "permerror", "syntax-error"),
        ("v=spf1 redirect:spf.mailbox.example-all", "", (MAILBOX,), "permerror", "syntax-error"),
        ("v=spf1 redirect=spf.mailbox.example~all", "", (MAILBOX,), "permerror", "syntax-error"),
        ("v=spf1 redirect=spf.mailbox.example?all", "", (MAILBOX,), "permerror", "syntax-error"),
        ("v=spf1 -redirect=spf.mailbox.example-all", "", (MAILBOX,), "permerror", "syntax-error"),
        ("v=spf1redirect:spf.mailbox.example~all", "", (MAILBOX,), "none", "near-miss-record"),
        (
            "v=spf1 ipv4:198.51.100.9 redirect:spf.mailbox.example-all",
            "ip4:198.51.100.9 ",
            (HOST, MAILBOX),
            "permerror",
            "syntax-error",
        ),
    )
]
REDIRECTS += [
    # what is glued to that end is not lost
    Wild(
        "v=spf1 redirect=spf.mailbox.example~allinclude:spf.tools.example",
        f"v=spf1 redirect=spf.mailbox.example include:spf.tools.example {OURS}",
        (MAILBOX, TOOLS),
        others="softfail",
        findings=("redirect-no-record",),
    ),
    # an end of its own beside it: two readings
    Wild("v=spf1 redirect:spf.mailbox.example ~all", reason="redirect-colon"),
]
SPACES = [
    Wild(f"v=spf1 mx{' ' * count}-all", f"v=spf1 mx {OURS} -all", (MX,), **MISSED, says="one space")
    for count in (300, 3000)
]
SPACES += [Wild(f"v=spf1 mx{' ' * 90}a -all", f"v=spf1 mx{' ' * 90}a {OURS} -all", (MX, SELF), **MISSED)]
SPACES += [Wild(f"v=spf1 mx{' ' * 240}-all", f"v=spf1 mx {OURS}{' ' * 240}-all", (MX,), **MISSED)]


@pytest.mark.parametrize("wild", [*BROKEN, *LEFT, *GLUED, *REDIRECTS, *SPACES], ids=str)
async def test_composed(wild: Wild) -> None:
    await holds(wild)
