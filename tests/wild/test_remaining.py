"""What stays without effect for the mail of others once a proposal is published, and is named beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wild.wild import HOST, MAILBOX, MX, Wild, holds

OURS = "include:_spf.mail.example"
MISSED = {"result": "fail", "findings": ("sender-not-included",)}
NO_V6 = "v1.example A 198.51.100.31\nv2.example A 198.51.100.32\nv3.example A 198.51.100.33\n"
NONE = "".join(f"n{number}.example TXT nothing\n" for number in range(3))

BEHIND_ALL = [
    # a slip behind the end is put right, and is dead all the same
    Wild("v=spf1 mx -all ipv4:198.51.100.9", f"v=spf1 mx {OURS} -all ip4:198.51.100.9", (MX,)),
    Wild(
        f"v=spf1 include:spf.mailbox.example ~all inlcude:spf.tools.example {OURS}",
        f"v=spf1 include:spf.mailbox.example {OURS} ~all include:spf.tools.example",
        (MAILBOX,),
        others="softfail",
    ),
    Wild(
        f"v=spf1 include:spf.mailbox.example ~all incude:spf.tools.example {OURS} ~all",
        f"v=spf1 include:spf.mailbox.example {OURS} ~all include:spf.tools.example",
        (MAILBOX,),
        others="softfail",
    ),
    # without any other slip
    Wild(
        "v=spf1 mx -all a:host.partner.example", f"v=spf1 mx {OURS} -all a:host.partner.example", (MX,), result="fail",
        findings=("terms-after-all",),
    ),
]  # fmt: skip
IGNORED_BEHIND_ALL = [
    Wild(
        "v=spf1 mx -all include=spf.tools.example",
        f"v=spf1 mx {OURS} -all include=spf.tools.example",
        (MX,),
        result="fail",
        findings=("ignored-term",),
        remains=("ignored-term",),
    ),
]
NOTHING_LOST = [
    # what stands in front of the end as well is not lost, and what turns somebody away lists nobody
    Wild("v=spf1 mx -all MX", f"v=spf1 mx {OURS} -all MX", (MX,), result="fail", findings=("terms-after-all",)),
    Wild("v=spf1 mx -all -a", f"v=spf1 mx {OURS} -all -a", (MX,), result="fail", findings=("terms-after-all",)),
    Wild("v=spf1 mx -all exp=e.example", f"v=spf1 mx {OURS} -all exp=e.example", (MX,), **MISSED),
]
REDIRECTS = [
    Wild(
        "v=spf1 ipv4:198.51.100.9 redirect=spf.mailbox.example -all",
        f"v=spf1 ip4:198.51.100.9 {OURS} redirect=spf.mailbox.example -all",
        (HOST,),
        remains=("redirect-ignored",),
    ),
    Wild(
        ("v=spf1 redirect=spf.mailbox.example", "~all"),
        f"v=spf1 {OURS} redirect=spf.mailbox.example ~all",
        others="softfail",
        remains=("redirect-ignored",),
    ),
    Wild(
        "v=spf1 include:spf.mailbox.example redirect=spf.mailbox.example -all",
        f"v=spf1 include:spf.mailbox.example {OURS} redirect=spf.mailbox.example -all",
        (MAILBOX,),
        **MISSED,
    ),
]
LIMITS = [
    # three hosts without IPv6 in front of a provider that has it
    Wild(
        "v=spf1 a:v1.example a:v2.example a:v3.example inlcude:spf.mailbox.example -all",
        f"v=spf1 {OURS} a:v1.example a:v2.example a:v3.example include:spf.mailbox.example -all",
        (MAILBOX, "198.51.100.31"),
        remains=("void-limit",),
        zone=NO_V6,
    ),
    Wild(
        "v=spf1 a:v1.example a:v2.example a:v3.example include:spf.mailbox.example -all",
        f"v=spf1 {OURS} a:v1.example a:v2.example a:v3.example include:spf.mailbox.example -all",
        (MAILBOX,),
        result="permerror",
        findings=("void-limit",),
        remains=("void-limit",),
        zone=NO_V6,
    ),
    # by the long way as well: a term that asks for the address
    Wild(
        "v=spf1 a:v1.example a:v2.example a:v3.example inlcude:spf.mailbox.example exists:%{i}.l.example -all",
        f"v=spf1 {OURS} a:v1.example a:v2.example a:v3.example include:spf.mailbox.example exists:%{{i}}.l.example "
        "-all",
        (MAILBOX,),
        remains=("void-limit",),
        zone=NO_V6 + "192.0.2.250.l.example TXT nothing\n",
    ),
    # hosts that do not exist, in both families
    Wild(
        "v=spf1 a:n0.example a:n1.example a:n2.example inlcude:spf.mailbox.example -all",
        f"v=spf1 {OURS} a:n0.example a:n1.example a:n2.example include:spf.mailbox.example -all",
        others="permerror",
        remains=("void-limit", "void-limit"),
        zone=NONE,
    ),
    # nobody stands behind them
    Wild(
        "v=spf1 ipv4:198.51.100.9 a:v1.example a:v2.example a:v3.example -all",
        f"v=spf1 {OURS} ip4:198.51.100.9 a:v1.example a:v2.example a:v3.example -all",
        (HOST, "198.51.100.33"),
        zone=NO_V6,
    ),
    # more mail hosts than one term may lead to
    Wild(
        "v=spf1 mx:many.example inlcude:spf.mailbox.example -all",
        f"v=spf1 {OURS} mx:many.example include:spf.mailbox.example -all",
        others="permerror",
        remains=("mx-limit",),
        zone="".join(f"many.example MX 10 h{n}.many.example\nh{n}.many.example A 192.0.2.{n}\n" for n in range(11)),
    ),
]
STRAYS = [
    Wild(["v=spf1 mx -all", text], f"v=spf1 mx {OURS} -all", (MX,), result="fail", findings=("stray-record",),
         remains=("stray-record",))
    for text in ("v=spf1include:spf.mailbox.example -all", "include:spf.mailbox.example -all", "ip4:198.51.100.9",
                 "spf1 include:spf.mailbox.example -all", "\"v=spf1 a -all\"", "v=spf1;inlcude:spf.tools.example;-all")
]  # fmt: skip
STRAYS += [
    Wild(
        ["v=spf1 mx", "ip4:198.51.100.9", "-all"],
        f"v=spf1 mx {OURS}",
        (MX,),
        others="neutral",
        result="neutral",
        findings=("stray-record",),
        remains=("stray-record",),
    ),
    # they list nobody else: the same servers, ours, or none
    Wild(["v=spf1 mx -all", "spf1 mx -all"], f"v=spf1 mx {OURS} -all", (MX,), **MISSED),
    Wild(["v=spf1 mx -all", OURS], f"v=spf1 mx {OURS} -all", (MX,), **MISSED),
    Wild(["v=spf1 mx -all", "-all"], f"v=spf1 mx {OURS} -all", (MX,), **MISSED),
    Wild(["v=spf1 mx -all", "google-site-verification=all"], f"v=spf1 mx {OURS} -all", (MX,), **MISSED),
]


@pytest.mark.parametrize("wild", BEHIND_ALL, ids=str)
async def test_what_stays_behind_the_end_is_named(wild: Wild) -> None:
    report = await holds(replace(wild, remains=("terms-after-all",)))
    (left,) = report.remedy.remaining
    assert left.params["text"] == report.remedy.value.partition("all ")[2]


@pytest.mark.parametrize("wild", [*IGNORED_BEHIND_ALL, *NOTHING_LOST, *REDIRECTS, *LIMITS, *STRAYS], ids=str)
async def test_remaining(wild: Wild) -> None:
    await holds(wild)
