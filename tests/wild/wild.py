"""Inputs as people publish them: what the report says, and what check_host() says once its proposal is published."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.audit.text.characters import plain
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host

OURS = ("203.0.113.0", "203.0.113.200", "203.0.113.255", "2001:db8:5::", "2001:db8:5::25")
OUTSIDER = "192.0.2.250"
MAILBOX, TOOLS, HOST, MX, SELF = "198.51.100.130", "192.0.2.65", "198.51.100.9", "198.51.100.2", "198.51.100.1"
"""An address of each sender of the zone."""

ZONE = """
_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all"
spf.mailbox.example TXT "v=spf1 ip4:198.51.100.128/25 ip6:2001:db8:600::/48 ~all"
spf.tools.example TXT "v=spf1 ip4:192.0.2.64/28 -all"
host.partner.example A 198.51.100.9
host.partner.example AAAA 2001:db8:9::9
both.partner.example A 198.51.100.10
both.partner.example TXT "v=spf1 ip4:198.51.100.10 -all"
plumber.example MX 10 mx.plumber.example
plumber.example A 198.51.100.1
plumber.example AAAA 2001:db8:1::1
mx.plumber.example A 198.51.100.2
mx.plumber.example AAAA 2001:db8:1::2
"""
"""Made-up names on documentation addresses: two providers, a host, a name that is both, and the customer."""

DOMAIN = "plumber.example"
Text = str | tuple[str, ...]


@dataclass(frozen=True)
class Wild:
    """What is published, and what must come of it; without a *value* it stays with a person, for *reason*."""

    texts: Text | Sequence[Text]
    """A TXT record as one string, as a tuple of its strings, or a list of several records."""
    value: str = ""
    passes: tuple[str, ...] = ()
    """Senders that the text lists, an address each."""
    others: str = "fail"
    """What everybody else gets once the proposal is published."""
    result: str = "permerror"
    findings: tuple[str, ...] = ("syntax-error",)
    reason: str = ""
    """Of the certificate: its reason, else its code."""
    remains: tuple[str, ...] = ()
    """What the proposal leaves wrong for the mail of others."""
    zone: str = ""
    kind: str = ""
    says: str = ""
    """A part of one sentence about what changes."""

    def __str__(self) -> str:
        return repr(self.texts)[:70]

    @property
    def records(self) -> list[tuple[str, ...]]:
        """The TXT records, each as its strings."""
        if isinstance(self.texts, str):
            return [(self.texts,)]
        if isinstance(self.texts, tuple):
            return [self.texts]
        return [(one,) if isinstance(one, str) else one for one in self.texts]


def quoted(text: str) -> str:
    """*text* as a zone file has it."""
    shown = (f"\\{byte:03d}" if byte in b'"\\;' or not 32 <= byte < 127 else chr(byte) for byte in text.encode())
    return '"' + "".join(shown) + '"'


def zone_of(records: Sequence[tuple[str, ...]], more: str = "") -> str:
    """The zone with *records* as the customer's TXT."""
    lines = [f"{DOMAIN} TXT {' '.join(map(quoted, strings))}" for strings in records]
    return "\n".join([ZONE, more, *lines])


async def report_of(wild: Wild) -> Report:
    lookup = ZoneLookup(Zone.parse(zone_of(wild.records, wild.zone)))
    ours = await prepare([SenderProfile(name="mail", include="_spf.mail.example")], lookup)
    return await examine(DOMAIN, lookup, ours, clock=lambda: 5.0, new_id=lambda: "id")


def result_for(address: str, value: str, more: str = "") -> str:
    """What check_host() says of *address* with *value* as the one record."""
    lookup = ZoneLookup(Zone.parse(zone_of([(value,)], more)))
    return run(check_host(address, DOMAIN, f"postmaster@{DOMAIN}", "mail.invalid"), lookup.cached).result.value


def _says_nothing(edit: str) -> bool:
    """What the sentence says that a text becomes looks the same as the text."""
    words, becomes, _ = (*re.split("“ becomes ”|” becomes “", edit.strip("“")), "", "")[:3]
    return bool(becomes) and plain(words.encode().decode("latin-1"))[0].text == becomes.partition("”")[0]


async def holds(wild: Wild) -> Report:
    """Assert all that *wild* says of its report; it comes back."""
    report = await report_of(wild)
    remedy = report.remedy
    codes = [found.code for found in report.findings]
    assert report.result == wild.result
    assert set(wild.findings) <= set(codes), codes
    assert not [edit for edit in remedy.edits if _says_nothing(edit)]
    if not wild.value:
        assert remedy.kind == (wild.kind or "manual"), remedy.value
        certificate = dict(remedy.certificate or {})
        assert certificate.get("reason", certificate.get("code", "")) == wild.reason
        return report
    assert tuple(left.code for left in remedy.remaining) == wild.remains
    assert all(left.severity == "error" for left in remedy.remaining)
    assert report.status == "action_needed"
    assert remedy.value == wild.value
    assert remedy.kind == (wild.kind or "replace")
    published = {"".join(one).encode().decode("latin-1") for one in wild.records}
    assert {one.value for one in remedy.delete} <= published
    for address in (*OURS, *wild.passes):
        assert result_for(address, remedy.value, wild.zone) == "pass", address
    assert result_for(OUTSIDER, remedy.value, wild.zone) == wild.others
    assert any(wild.says in edit for edit in remedy.edits) or not wild.says, remedy.edits
    return report
