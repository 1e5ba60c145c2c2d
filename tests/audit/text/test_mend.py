"""Mends: one reading or none, and the slip by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spfcheck.audit.text.hints import slip_at
from spfcheck.audit.text.mend import Mended, Unclear, mend
from spfcheck.audit.text.slips import Slip
from spfcheck.rfc7208.record import parse
from tests.audit.text.facts import Facts

NAMES = Facts()


def bytes_of(text: str) -> str:
    return text.encode().decode("latin-1")


READINGS = [
    ("v=spf1 ipv4:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 -all", Slip.IPV4_WORD),
    ("v=spf1 IPV6:2001:db8::1 -all", "v=spf1 ip6:2001:db8::1 -all", Slip.IPV4_WORD),
    ("v=spf1 ip6:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 -all", Slip.FAMILY_SWAPPED),
    ("v=spf1 -ipv4:192.0.2.1 ~all", "v=spf1 -ip4:192.0.2.1 ~all", Slip.IPV4_WORD),
    ("v=spf1 2001:db8::/48 -all", "v=spf1 ip6:2001:db8::/48 -all", Slip.BARE_ADDRESS),
    ("v=spf1 mx:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 -all", Slip.ADDRESS_AS_NAME),
    ("v=spf1 a: host.example.com -all", "v=spf1 a:host.example.com -all", Slip.SPACE_AFTER_COLON),
    ("v=spf1 ~ all", "v=spf1 ~all", Slip.SPACE_AFTER_SIGN),
    ("v=spf1 a, mx, -all", "v=spf1 a mx -all", Slip.PUNCTUATION),
    ("v=spf1 a;mx;-all", "v=spf1 a mx -all", Slip.PUNCTUATION),
    ("v=spf1 exists:%{l,}.example.com a, -all", "v=spf1 exists:%{l,}.example.com a -all", Slip.PUNCTUATION),
    ("v=spf1 mx −all", "v=spf1 mx -all", Slip.TYPOGRAPHY),
    ("v=spf1 mx‑all", "v=spf1 mx -all", Slip.TYPOGRAPHY),
    ('"v=spf1 a " "mx -all"', "v=spf1 a mx -all", Slip.QUOTES),
    ("v=spf1\ta\tmx\r\n-all", "v=spf1 a mx -all", Slip.CONTROL),
    (
        "v=spf1 include:spf.example.comip4:192.0.2.1 -all",
        "v=spf1 include:spf.example.com ip4:192.0.2.1 -all",
        Slip.GLUED,
    ),
    ("v=spf1 ip4:192.0.2.1ip4:192.0.2.2 -all", "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all", Slip.GLUED),
    ("v=spf1 host.example.com -all", "v=spf1 a:host.example.com -all", Slip.BARE_NAME),
    ("v=spf1 spf.example.com -all", "v=spf1 include:spf.example.com -all", Slip.BARE_NAME),
    ("v=spf1 both.example.com -all", None, Slip.BARE_NAME),
    ("v=spf1 other.example.com -all", None, Slip.BARE_NAME),
    ("v=spf1 ip4: ~all", "v=spf1 ~all", Slip.EMPTY_ARGUMENT),
    ("v=spf1 +ip4:ip4:192.0.2.1 ~all", "v=spf1 +ip4:192.0.2.1 ~all", Slip.DOUBLED),
    ("v=spf1 redirect:spf.example.com", "v=spf1 redirect=spf.example.com", Slip.REDIRECT_COLON),
    ("v=spf1 redirect:spf.example.com ~all", None, Slip.REDIRECT_COLON),
    ("  v=spf1 mx -all", "v=spf1 mx -all", Slip.LEADING_SPACE),
    ("v=spf1:mx -all", "v=spf1 mx -all", Slip.PUNCTUATION),
    ("spf1 mx -all", "v=spf1 mx -all", Slip.VERSION),
    ("v=spf10 mx -all", None, Slip.VERSION),
    ("v=spf1 ip4:1.2.3.4.5 -all", None, Slip.BAD_ADDRESS),
    ("v=spf1 ip4:010.0.0.1 -all", None, Slip.BAD_ADDRESS),
    ("v=spf1 ip4:192.0.2.0/24/24 -all", None, Slip.BAD_PREFIX),
    ("v=spf1 ipv4:10.0.0.0/8 -all", None, Slip.TOO_WIDE),
    ("v=spf1 2001::/16 -all", None, Slip.TOO_WIDE),
    ("v=spf1 include:https://spf.example.com/ -all", "v=spf1 include:spf.example.com -all", Slip.URL),
    ("v=spf1 include:me@example.com/ -all", None, Slip.MAIL_ADDRESS),
    ("v=spf1 + mx -all", None, Slip.LONE_SIGN),
    ("v=spf1 inlcude:spf.example.com -all", "v=spf1 include:spf.example.com -all", Slip.WORD_MISSPELT),
    ("v=spf1 exp=a.example.com exp=b.example.com -all", None, Slip.REPEATED_MODIFIER),
    ("v=spf1 mx é -all", None, Slip.FOREIGN_LETTER),
]


@pytest.mark.parametrize(("text", "meant", "slip"), READINGS, ids=lambda value: str(value)[:60])
def test_readings(text: str, meant: str | None, slip: Slip) -> None:
    raw = bytes_of(text)
    found = mend(raw, NAMES)
    if meant is None:
        assert isinstance(found, Unclear), found
        assert found.slip is slip
        assert raw[found.span.start : found.span.stop] == found.words
    else:
        assert isinstance(found, Mended), found
        assert found.text == meant
        assert slip in {change.slip for change in found.changes}
        for change in found.changes:
            assert 0 <= change.span.start <= change.span.stop <= len(raw)


@given(st.text(alphabet='v=spf1 ap4:mx.0129/+-~?,;"incluedrt_%{}\xa0–\t', max_size=60), st.booleans())
def test_a_reading_always_parses(text: str, versioned: bool) -> None:
    raw = bytes_of(("v=spf1 " if versioned else "") + text)
    found = mend(raw, NAMES)
    if isinstance(found, Mended):
        assert parse(found.text).valid
        assert found.text.isascii()
    else:
        assert raw[found.span.start : found.span.stop] == found.words


@given(st.text(alphabet='v=spf1 ap4:mx.0129/+-~?,;"incluedrt_%{}\xa0–\t', max_size=60))
def test_a_hint_is_always_found_or_not(text: str) -> None:
    record = parse(bytes_of("v=spf1 " + text))
    for problem in record.problems:
        assert slip_at(record.text, problem.span) in {*Slip, None}
