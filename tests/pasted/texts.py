"""What people paste, from ``texts.toml``; and what names nobody."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, NamedTuple


class Pasted(NamedTuple):
    """One text and its first meaning; *sure* where nobody needs to be asked."""

    text: str
    domain: str
    source: str
    ip: str = ""
    sender: str = ""
    helo: str = ""
    result: str = ""
    sure: bool = True


ALL: Final = {
    name: Pasted(**values)
    for name, values in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}

NOTHING: Final = {
    "": "empty",
    " \n\t": "empty",
    "192.0.2.1": "address",
    "[IPv6:2001:db8::1]": "address",
    "v=spf1 include:_spf.mail.example ~all": "record",
    '"v=spf1 ip4:192.0.2.1 -all"': "record",
    "hello": "no-name",
    "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.mailer.example/error-codes": "no-name",
    "550 5.7.1 <bob@baker.example>: SPF fail": "no-name",
    "\x00\x01\x02\xff\xfe": "no-name",
    "{" * 5_000: "no-name",
    "<script>alert(1)</script>": "no-name",
}
"""Texts that name nobody whom SPF could have judged, and why."""
