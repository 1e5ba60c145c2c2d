"""The version misspelt, said twice, or forgotten: without it a text is no record at all (RFC 7208 4.5)."""

from __future__ import annotations

import pytest

from tests.wild.wild import MAILBOX, MX, Wild, holds

NEAR = {"result": "none", "findings": ("near-miss-record",)}
REST = "mx include:spf.mailbox.example -all"
FULL = "v=spf1 mx include:spf.mailbox.example include:_spf.mail.example -all"
VERSIONS = [
    "v=sfp1",
    "v:spf1",
    "v-spf1",
    "=spf1",
    "spf1",
    "v = spf1",
    "v= spf1",
    "v =spf1",
    "v=spf",
    "v=spfl",
    "V=SPFI",
    "v==spf1",
    "vspf1",
    "v=spf1;",
    "v=spf1,",
    "v=spf1:",
    "v=spf1.",
    "v=psf1",
    "v=spf1 v:spf1",
]
ROWS = [
    *(Wild(f"{version} {REST}", FULL, (MX, MAILBOX), **NEAR) for version in VERSIONS[:-1]),
    Wild(f"v=spf1{REST}", FULL, (MX, MAILBOX), **NEAR),
    Wild(f"v=spf1;{REST}", FULL, (MX, MAILBOX), **NEAR),
    Wild(f"v=spf1\t{REST}", FULL, (MX, MAILBOX), **NEAR),
    Wild(f" v=spf1 {REST}", FULL, (MX, MAILBOX), **NEAR),
    Wild(f"v=spf1 v=spf1 {REST}", FULL, (MX, MAILBOX), result="fail", findings=("version-repeated",)),
    Wild(f"v=spf1 v=spf1 v=spf1 {REST}", FULL, (MX, MAILBOX), result="fail", findings=("version-repeated",)),
    Wild(REST, FULL, (MX, MAILBOX), **NEAR),
    # another version of the standard, which nobody has written yet; a record that was put out of use
    Wild(f"v=spf2 {REST}", reason="version", **NEAR),
    Wild(f"v=spf11 {REST}", reason="version", **NEAR),
    Wild(f"#v=spf1 {REST}", reason="version", **NEAR),
    Wild(f"old v=spf1 {REST}", reason="version", **NEAR),
    # what is meant as SPF is not overlooked for a slip of its own, wherever it stands
    Wild(f"v=sfp1 {REST.removesuffix(' -all')}", FULL.removesuffix(" -all"), (MX, MAILBOX), others="neutral", **NEAR),
    Wild("v=sfp1 a mx", "v=spf1 a mx include:_spf.mail.example", (MX,), others="neutral", **NEAR),
    Wild("MS=ms12345678 v=spf1a mx include:spf.mailbox.example -all", reason="version", **NEAR),
    Wild(
        "v=sfp1 ip4 :198.51.100.9 mx -all", "v=spf1 ip4:198.51.100.9 mx include:_spf.mail.example -all", (MX,), **NEAR
    ),
    Wild(f"x v=spf9 {REST}", reason="version", **NEAR),
    # the version is clear, and the rest is not
    Wild("v=sfp1 include:spf.retired.example b:host.partner.example -all", reason="unknown-word", **NEAR),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_versions(wild: Wild) -> None:
    await holds(wild)


OTHERS = [
    "hello",
    "spf2.0/pra mx -all",
    "v=DMARC1; p=none",
    "MS=ms12345",
    "see all",
    "mail to all: see https://www.plumber.example/all",
    "note: ip4:198.51.100.9 is our old server",
    "a",
    "v=STSv1; id=1",
    "k=rsa; p=MIGfMA0GCSqGSIb3DQ",
]


@pytest.mark.parametrize("text", OTHERS)
async def test_other_texts_are_not_meant_as_spf(text: str) -> None:
    value = "v=spf1 mx include:_spf.mail.example ?all"
    await holds(Wild(text, value, (MX,), others="neutral", result="none", findings=("no-record",), kind="publish"))
