"""Records with something around them: what a panel, a mail or a help page put there, tokens and other policies."""

from __future__ import annotations

import pytest

from tests.wild.wild import MAILBOX, MX, Wild, holds

NEAR = {"result": "none", "findings": ("near-miss-record",)}
REST = "mx include:spf.mailbox.example -all"
RECORD = f"v=spf1 {REST}"
FULL = "v=spf1 mx include:spf.mailbox.example include:_spf.mail.example -all"
WRAPPED = [
    f"> {RECORD}",  # sendgrid/docs #6163
    f">{RECORD}",
    f'"{RECORD}"',  # PowerDNS #159, virtualmin #1043
    f"'{RECORD}'",  # MaraDNS #15
    f'\\"{RECORD}\\"',  # zinc #250
    f"&quot;{RECORD}&quot;",
    f"TXT @ {RECORD}",
    f"@ IN TXT {RECORD}",  # authentication_milter #163
    f'@ 3600 IN TXT "{RECORD}"',
    f'plumber.example.\t1\tIN\tTXT\t"{RECORD}"',  # virtualmin #1043, a zone as it was exported
    f"IN TXT {RECORD}",
    f'plumber.example TXT "{RECORD}"',
    f"SPF: {RECORD}",
    f"TXT: {RECORD}",
    f"SPF record: {RECORD}",
    f"Value: {RECORD}",
    f"({RECORD})",
    f"<p>{RECORD}</p>",
    f"<{RECORD}>",
    f"* {RECORD}",
]
TOKENS = ["MS=ms12345678", "google-site-verification=Ab_c-123", "facebook-domain-verification=abc123", "docusign=0a-1b"]
ROWS = [
    *(Wild(text, FULL, (MX, MAILBOX), **NEAR) for text in WRAPPED),
    *(Wild(f"{token} {RECORD}", FULL, (MX, MAILBOX), **NEAR, says=f"“{token}” is no part of SPF") for token in TOKENS),
    *(
        Wild(f"{RECORD} {token}", FULL, (MX, MAILBOX), result="fail", findings=("unknown-modifier",), says=token)
        for token in TOKENS
    ),
    *(
        Wild(f"v=spf1 {token} {REST}", FULL, (MX, MAILBOX), result="fail", findings=("unknown-modifier",), says=token)
        for token in TOKENS
    ),
    Wild(
        f"v=DMARC1; p=none; rua=mailto:a@plumber.example; {RECORD}",
        FULL,
        (MX, MAILBOX),
        **NEAR,
        says="_dmarc.plumber.example",
    ),
    # terraform #12758: a DKIM key
    Wild(
        f"{RECORD} v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ",
        FULL,
        (MX, MAILBOX),
        result="fail",
        findings=("unknown-modifier",),
        says="selector._domainkey.plumber.example",
    ),
    # a string of its own that is a token
    Wild(("v=spf1", REST, "MS=ms12345678"), FULL, (MX, MAILBOX), **NEAR, says="“MS=ms12345678” is no part of SPF"),
    # words that no panel writes: what they mean nobody knows
    Wild(f"do not use {RECORD}", reason="version", **NEAR),
    Wild(f"ip4:198.51.100.9 {RECORD}", reason="version", **NEAR),
    Wild(f"test {RECORD}", reason="version", **NEAR),
    Wild([f"SPF: {RECORD}", f"TXT: {RECORD.replace('mx', 'a')}"], reason="several-near-misses", **NEAR),
    # a modifier that is SPF's own stays
    Wild(
        "v=spf1 mx ra=postmaster rp=100 -all",
        "v=spf1 mx include:_spf.mail.example ra=postmaster rp=100 -all",
        (MX,),
        result="fail",
        findings=("unknown-modifier",),
    ),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_wrapped(wild: Wild) -> None:
    await holds(wild)
