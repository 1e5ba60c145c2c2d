"""Mechanisms that are nearly right: one slip of a finger, another sign, brackets, a web address."""

from __future__ import annotations

import pytest

from tests.wild.wild import HOST, MAILBOX, MX, Wild, holds

BOX = "v=spf1 include:spf.mailbox.example include:_spf.mail.example -all"
ENDED = "v=spf1 mx include:_spf.mail.example "
DEAD = {"findings": ("include-no-record",)}
WORDS = ["inlcude", "includes", "incude", "inlude", "inclued", "INCLUD", "imclude", "iinclude", "includ"]
ROWS = [
    *(Wild(f"v=spf1 {word}:spf.mailbox.example -all", BOX, (MAILBOX,)) for word in WORDS),
    # ValiMail/coppertone #57, MicrosoftDocs #295
    Wild("v=spf1 include.spf.mailbox.example -all", BOX, (MAILBOX,)),
    Wild("v=spf1 include;spf.mailbox.example -all", BOX, (MAILBOX,)),
    # MicrosoftDocs/dynamics-365 #2248
    Wild("v=spf1 include: spf.mailbox.example -all", BOX, (MAILBOX,)),
    Wild("v=spf1 include spf.mailbox.example -all", BOX, (MAILBOX,)),
    Wild("v=spf1 include :spf.mailbox.example -all", BOX, (MAILBOX,)),
    Wild("v=spf1 include::spf.mailbox.example -all", BOX, (MAILBOX,), **DEAD),
    Wild("v=spf1 include:<spf.mailbox.example> -all", BOX, (MAILBOX,)),
    Wild("v=spf1 include:[spf.mailbox.example] -all", BOX, (MAILBOX,)),
    Wild("v=spf1 include:http://spf.mailbox.example/ -all", BOX, (MAILBOX,)),
    Wild("v=spf1 include:https://spf.mailbox.example -all", BOX, (MAILBOX,), **DEAD),
    Wild("v=spf1 include:@spf.mailbox.example -all", BOX, (MAILBOX,), **DEAD),
    Wild("v=spf1 include:spf.mailbox.example/24 -all", BOX, (MAILBOX,)),
    Wild("v=spf1 include:spf.mailbox.example, -all", BOX, (MAILBOX,)),
    # edgefloor/cloudattrib #10
    Wild("v=spf1 ++include:spf.mailbox.example -all", BOX.replace("include:spf", "+include:spf"), (MAILBOX,)),
    # dnscontrol #4634
    Wild(
        "v=spf1 mx ~redirect=spf.mailbox.example",
        "v=spf1 mx include:_spf.mail.example redirect=spf.mailbox.example",
        (MX, MAILBOX),
        others="softfail",
    ),
    Wild("v=spf1 mxx:plumber.example -all", "v=spf1 mx:plumber.example include:_spf.mail.example -all", (MX,)),
    *(
        Wild(f"v=spf1 mx {end}", f"{ENDED}-all", (MX,))
        for end in ("-all.", "--all", "-al", "-alll", "-a11", "-aII", "-lal", '-all"', "-all;", "- all")
    ),
    *(
        Wild(f"v=spf1 mx {end}", f"{ENDED}~all", (MX,), others="softfail")
        for end in ("~all<br>", "~all</p>", "~al", "~~all", "~ all", "~all)")
    ),
    # a name that has no record; two mechanisms as near; a word that may be any; a sign that would let in the world
    Wild("v=spf1 inlcude:spf.retired.example -all", reason="word-misspelt"),
    Wild("v=spf1 b:host.partner.example -all", reason="unknown-word"),
    Wild("v=spf1 amx:plumber.example -all", reason="unknown-word"),
    Wild("v=spf1 exits:host.partner.example -all", reason="unknown-word"),
    Wild("v=spf1 include:me@spf.mailbox.example/ -all", reason="mail-address"),
    Wild("v=spf1 mx all-", reason="sign-behind"),
    Wild("v=spf1 mx +al", reason="unknown-word"),
    Wild("v=spf1 mx al", reason="unknown-word"),
    Wild("v=spf1 mx -~all", reason="repeated-sign"),
    Wild("v=spf1 -al mx -all", reason="all-misspelt"),
    Wild("v=spf1 both.partner.example -all", reason="bare-name"),
    Wild("v=spf1 redirect:spf.mailbox.example -all", reason="redirect-colon"),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_words(wild: Wild) -> None:
    await holds(wild)


async def test_what_a_word_may_mean_is_told() -> None:
    report = await holds(Wild("v=spf1 ip4:host.partner.example -all", reason="name-as-address"))
    assert report.remedy.certificate is not None
    assert report.remedy.certificate["words"] == "ip4:host.partner.example"
    assert report.remedy.certificate["readings"] == ["a:host.partner.example", "include:host.partner.example"]


async def test_a_host_is_named_by_a() -> None:
    await holds(
        Wild(
            "v=spf1 host.partner.example -all", "v=spf1 a:host.partner.example include:_spf.mail.example -all", (HOST,)
        )
    )
