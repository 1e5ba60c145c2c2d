"""Characters that look like those of a record, and letters that do not."""

from __future__ import annotations

import pytest

from tests.wild.wild import HOST, MAILBOX, MX, Wild, holds

ODD = {"findings": ("non-ascii",)}
HARD = "v=spf1 mx include:_spf.mail.example -all"
SOFT = "v=spf1 mx include:_spf.mail.example ~all"
BOX = "v=spf1 mx include:spf.mailbox.example include:_spf.mail.example -all"
BUERO = 'spf.xn--bro-hoa.example TXT "v=spf1 ip4:198.51.100.9 -all"'
ROWS = [
    # toolbox-wiki #17 and #24, octodns #1126: U+2013, U+2014 and their like
    *(
        Wild(f"v=spf1 mx {dash}all", HARD, (MX,), **ODD)
        for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
    ),
    *(Wild(f"v=spf1 mx {tilde}all", SOFT, (MX,), others="softfail", **ODD) for tilde in "\u02dc\u223c\uff5e"),
    *(
        Wild(f"v=spf1 mx include:spf.mailbox.example{mark} -all", BOX, (MX, MAILBOX), **ODD)
        for mark in "\u200b\u200e\u200f\u2060\ufeff\u202c"
    ),
    *(
        Wild(f"v=spf1 mx{space}include:spf.mailbox.example -all", BOX, (MX, MAILBOX), **ODD, says="becomes a space")
        for space in "\u00a0\u2003\u2009\u202f\u3000"
    ),
    Wild("v=spf1 mx include\uff1aspf.mailbox.example -all", BOX, (MX, MAILBOX), **ODD),
    Wild("v=spf1 mx ｉｎｃｌｕｄｅ:spf.mailbox.example -all", BOX, (MX, MAILBOX), **ODD),
    Wild("v=spf1 mx \u201cinclude:spf.mailbox.example\u201d -all", BOX, (MX, MAILBOX), **ODD),
    Wild("v=spf1 \u2013all", "v=spf1 include:_spf.mail.example -all", **ODD),
    Wild(
        "v=spf1 include:spf.büro.example -all",
        "v=spf1 include:spf.xn--bro-hoa.example include:_spf.mail.example -all",
        (HOST,),
        **ODD,
        zone=BUERO,
    ),
    # Windows-1252, read as Latin-1: what it has in the place of a control
    Wild("v=spf1 mx \x96all", HARD, (MX,), **ODD, says="en dash of Windows-1252 (U+0096) becomes “-”"),
    Wild("v=spf1 mx \x96al", HARD, (MX,), **ODD, says="\\u0096al” becomes “-all”"),
    Wild("v=spf1 mx \x93-all\x94", HARD, (MX,), **ODD, says="Every left double quotation mark of Windows-1252"),
    Wild("v=spf1 mx \x84-all\x93", HARD, (MX,), **ODD, says="Every double low-9 quotation mark of Windows-1252"),
    # a character that looks the same is named
    Wild("v=spf1 mx \u2011all", HARD, (MX,), **ODD, says="(U+2011, non-breaking hyphen) becomes “-”"),
    Wild("v=spf1 mx in\u200bclude:spf.mailbox.example, -all", BOX, (MX, MAILBOX), **ODD, says="in\\u200bclude:"),
    Wild(
        "v=spf1 mx include:spf.mailbox.example\\; -all",
        BOX,
        (MX, MAILBOX),
        says="Every backslash is left out: it is not part of the record.",
    ),
    # kumo-spf: letters of another alphabet, a name that nobody owns, a letter in a word
    Wild("v=spf1 mx \u043fx -all", reason="foreign-letter", **ODD),
    Wild("v=spf1 include:spf.m\u0430ilbox.example -all", reason="unicode-name", **ODD),
    Wild("v=spf1 inclüde:spf.mailbox.example -all", reason="foreign-letter", **ODD),
    Wild("v=spf1 mx \u2192 -all", reason="typography", **ODD),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_characters(wild: Wild) -> None:
    await holds(wild)


async def test_words_are_shown_as_they_were_typed() -> None:
    report = await holds(Wild("v=spf1 mx \u043fx -all", reason="foreign-letter", **ODD))
    assert report.remedy.certificate is not None
    assert report.remedy.certificate["words"] == "\u043fx"
