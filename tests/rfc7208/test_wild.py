"""What records in the wild taught: each row is a defect that somebody shipped, with the verdict and the cause we give.

The groups follow a survey of 26 implementations and 35,965 real records: rules, contested cases, and pathologies of
finding a record, of its syntax, and of its policy.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.limits import LENIENT, STRICT, UNLIMITED, Policy
from spfcheck.rfc7208.lookup import Rtype
from spfcheck.rfc7208.message import identity
from spfcheck.rfc7208.record import parse
from spfcheck.rfc7208.verdict import Cause

from .zones import MemoryZone, from_text

PASS, FAIL, SOFTFAIL, NEUTRAL, NONE = "pass", "fail", "softfail", "neutral", "none"
PERM, TEMP = "permerror", "temperror"
HOSTS = """
h.example A 192.0.2.1
h.example AAAA 2001:db8::1
four1.example A 192.0.2.9
four2.example A 192.0.2.9
four3.example A 192.0.2.9
ok.example TXT v=spf1 ip4:192.0.2.1 -all
norecord.example TXT something else
broken.example TXT v=spf1 ip4:300.0.0.1 -all
two.example TXT v=spf1 -all
two.example TXT v=spf1 +all
"""


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    record: str | bytes | tuple[str | bytes, ...]
    """The TXT records of d.example, if any."""
    result: str
    cause: Cause
    code: str | None = None
    """The code of the first problem, for a syntax error."""
    zone: str = ""
    ip: str = "192.0.2.1"
    sender: str = "user@d.example"
    helo: str = "helo.example"
    policy: Policy = STRICT


def texts(row: Row) -> list[bytes]:
    records = row.record if isinstance(row.record, tuple) else (row.record,)
    return [item if isinstance(item, bytes) else item.encode() for item in records]


def zone_of(row: Row) -> MemoryZone:
    zone = from_text(HOSTS + row.zone)
    if row.record != ():
        zone.records.setdefault("d.example", {})[Rtype.TXT] = tuple((text,) for text in texts(row))
    return zone


def include_chain(count: int) -> str:
    return "\n".join(f"i{n}.example TXT v=spf1 ip4:10.0.0.{n}" for n in range(count))


MATCHED, DEFAULT, SYNTAX = Cause.MATCHED, Cause.DEFAULT, Cause.SYNTAX_ERROR
MX_HOSTS = "\n".join(f"d.example MX {n} m{n}.example\nm{n}.example A 192.0.2.{n + 1}" for n in range(11))
LONG = "a" * 63
PTR = "1.2.0.192.in-addr.arpa PTR"

RULES = [
    Row("names in any case", "V=SPF1 IP4:192.0.2.1 -ALL", PASS, MATCHED),
    Row("modifiers in any case", "v=spf1 REDIRECT=ok.example", PASS, MATCHED),
    Row("kelvin sign is no k", "v=spf1 un\u212anown=x -all", PERM, SYNTAX, "non-ascii"),
    Row("long s is no s", "v=\u017fpf1 -all", NONE, Cause.NO_RECORD),
    Row("a dollar does not end before a line break", "v=spf1 -all\n", PERM, SYNTAX, "control-character"),
    Row("the whole record is read first", "v=spf1 ip4:192.0.2.1 moo -all", PERM, SYNTAX, "unknown-mechanism"),
    Row("a void name again counts again", "v=spf1 a:nx.example a:nx.example a:nx.example -all", PERM, Cause.VOID_LIMIT),
    Row("redirect beside all is not counted", f"v=spf1 {'a:h.example ' * 10}redirect=x.example -all", PASS, MATCHED),
    Row("ten terms", f"v=spf1 {'a:four1.example ' * 10}-all", FAIL, MATCHED),
    Row("eleven terms", f"v=spf1 {'a:four1.example ' * 11}-all", PERM, Cause.LOOKUP_LIMIT),
    Row(
        "one counter for the whole evaluation",
        f"v=spf1 include:i.example {'a:four1.example ' * 5}-all",
        PERM,
        Cause.LOOKUP_LIMIT,
        zone=f"i.example TXT v=spf1 {'a:four1.example ' * 5}",
    ),
    Row(
        "an early match hides what is beyond",
        f"v=spf1 ip4:192.0.2.1 {'a:four1.example ' * 11}-all",
        PASS,
        MATCHED,
    ),
    Row(
        "labels are cut until the name fits",
        f"v=spf1 exists:%{{l}}.{'.'.join([LONG] * 3)}.example.com -all",
        PASS,
        MATCHED,
        sender=f"{'b' * 50}.{'c' * 10}@d.example",
        zone=f"{'c' * 10}.{'.'.join([LONG] * 3)}.example.com A 127.0.0.2",
    ),
    Row("split at the last at-sign", "v=spf1 ip4:192.0.2.1 -all", PASS, MATCHED, sender='"a@b"@d.example'),
    Row("backslash in a name", "v=spf1 a:a\\b.example -all", FAIL, MATCHED),
    Row("bar and slash in a name", "v=spf1 a:a|b/c.example -all", FAIL, MATCHED),
    Row(
        "ptr is aligned to labels",
        "v=spf1 ptr:x.ample -all",
        FAIL,
        MATCHED,
        zone=f"{PTR} ax.ample\nax.ample A 192.0.2.1",
    ),
    Row(
        "ptr is confirmed",
        "v=spf1 ptr:b.example -all",
        FAIL,
        MATCHED,
        zone=f"{PTR} a.b.example",
    ),
    Row(
        "ptr matches below its target",
        "v=spf1 ptr:b.example -all",
        PASS,
        MATCHED,
        zone=f"{PTR} a.b.example\na.b.example A 192.0.2.1",
    ),
    Row("ptr without an answer is no match", "v=spf1 ptr -all", FAIL, MATCHED, zone=f"{PTR} FAIL"),
    Row(
        "a ptr name without an answer is skipped",
        "v=spf1 ptr:b.example -all",
        PASS,
        MATCHED,
        zone=f"{PTR} a.b.example\n{PTR} c.b.example\na.b.example A FAIL\nc.b.example A 192.0.2.1",
    ),
]

CONTESTED = [
    Row(
        "a-targets without AAAA, IPv6 client",
        "v=spf1 a:four1.example a:four2.example a:four3.example -all",
        PERM,
        Cause.VOID_LIMIT,
        ip="2001:db8::9",
    ),
    Row(
        "the same, lenient",
        "v=spf1 a:four1.example a:four2.example a:four3.example ip6:2001:db8::9 -all",
        PASS,
        MATCHED,
        ip="2001:db8::9",
        policy=LENIENT,
    ),
    Row(
        "mx hosts without addresses",
        "v=spf1 mx -all",
        PERM,
        Cause.VOID_LIMIT,
        zone="d.example MX 1 a.example\nd.example MX 2 b.example\nd.example MX 3 c.example",
    ),
    Row(
        "the same, lenient: names that do not exist are void",
        "v=spf1 mx -all",
        PERM,
        Cause.VOID_LIMIT,
        zone="d.example MX 1 a.example\nd.example MX 2 b.example\nd.example MX 3 c.example",
        policy=LENIENT,
    ),
    Row(
        "mx hosts with the other family only, lenient",
        "v=spf1 mx -all",
        FAIL,
        MATCHED,
        zone="d.example MX 1 four1.example\nd.example MX 2 four2.example\nd.example MX 3 four3.example",
        ip="2001:db8::9",
        policy=LENIENT,
    ),
    Row("a void name three times", f"v=spf1 {'a:nx.example ' * 3}-all", PERM, Cause.VOID_LIMIT),
    Row("a void name three times, lenient", f"v=spf1 {'a:nx.example ' * 3}-all", FAIL, MATCHED, policy=LENIENT),
    Row("eleven mx, the first matches", "v=spf1 mx -all", PERM, Cause.MX_LIMIT, zone=MX_HOSTS),
    Row("eleven mx, the first matches, lenient", "v=spf1 mx -all", PASS, MATCHED, zone=MX_HOSTS, policy=LENIENT),
    Row(
        "eleven mx, none matches, lenient",
        "v=spf1 mx -all",
        PERM,
        Cause.MX_LIMIT,
        zone=MX_HOSTS,
        ip="10.0.0.1",
        policy=LENIENT,
    ),
    Row("redirect that all makes dead", f"v=spf1 {'a:four1.example ' * 10}-all redirect=x.example", FAIL, MATCHED),
    Row("ip6 with a mapped network, IPv4 client", "v=spf1 ip6:::ffff:192.0.2.0/120 -all", FAIL, MATCHED),
    Row("a mapped client is an IPv4 client", "v=spf1 ip4:192.0.2.1 -all", PASS, MATCHED, ip="::ffff:192.0.2.1"),
    Row(
        "exists asks for A only",
        "v=spf1 exists:six.example -all",
        FAIL,
        MATCHED,
        zone="six.example AAAA 2001:db8::1",
        ip="2001:db8::1",
    ),
    Row("a syntax error after all", "v=spf1 +all foo:bar", PERM, SYNTAX, "unknown-mechanism"),
    Row("exists with a prefix length", "v=spf1 exists:x.example/24 -all", PERM, SYNTAX, "unexpected-argument"),
    Row("an upper-case reversal", "v=spf1 exists:%{DR}.example -all", PERM, SYNTAX, "invalid-macro"),
    Row("a zero digit", "v=spf1 exists:%{d0}.example -all", PERM, SYNTAX, "invalid-macro"),
    Row("sender with a trailing dot", "v=spf1 ip4:192.0.2.1 -all", PASS, MATCHED, sender="user@d.example."),
    Row("sender of a single label", "v=spf1 +all", NONE, Cause.INVALID_DOMAIN, sender="user@localhost"),
    Row(
        "sender in Unicode",
        (),
        PASS,
        MATCHED,
        sender="user@b\u00fccher.example",
        zone="xn--bcher-kva.example TXT v=spf1 ip4:192.0.2.1 -all",
    ),
    Row(
        "sender with an underscore",
        (),
        PASS,
        MATCHED,
        sender="user@_x.d.example",
        zone="_x.d.example TXT v=spf1 ip4:192.0.2.1 -all",
    ),
    Row("default= is obsolete", "v=spf1 default=deny", NEUTRAL, DEFAULT),
    Row(
        "eleven ptr names: the first ten count",
        "v=spf1 ptr:b.example -all",
        PASS,
        MATCHED,
        zone="\n".join(f"{PTR} n{n:02}.b.example\nn{n:02}.b.example A 192.0.2.1" for n in range(11)),
    ),
    Row(
        "a matching eleventh ptr name is ignored",
        "v=spf1 ptr:b.example -all",
        FAIL,
        MATCHED,
        zone="\n".join(f"{PTR} n{n:02}.a.example\nn{n:02}.a.example A 192.0.2.1" for n in range(10))
        + f"\n{PTR} z.b.example\nz.b.example A 192.0.2.1",
    ),
    Row("empty label, literal", "v=spf1 a:a..example -all", PERM, SYNTAX, "impossible-name"),
    Row("long label, literal", f"v=spf1 a:{LONG}a.example -all", PERM, SYNTAX, "impossible-name"),
    Row("long name, literal", f"v=spf1 a:{'.'.join([LONG] * 4)}.example -all", PERM, SYNTAX, "impossible-name"),
    Row("empty label, macro", "v=spf1 a:%{l}.example -all", FAIL, MATCHED, sender="a..b@d.example"),
    Row("long label, macro", "v=spf1 a:%{l}.example -all", FAIL, MATCHED, sender=f"{LONG}a@d.example"),
    Row("impossible include, macro", "v=spf1 include:%{l}.example -all", FAIL, MATCHED, sender="a..b@d.example"),
    Row(
        "impossible redirect, macro",
        "v=spf1 redirect=%{l}.example",
        PERM,
        Cause.REDIRECT_NO_RECORD,
        sender="a..b@d.example",
    ),
    Row("tab after the version", "v=spf1\t-all", NONE, Cause.NO_RECORD),
    Row("tab later", "v=spf1 ip4:192.0.2.1\t-all", PERM, SYNTAX, "control-character"),
]

FINDING = [
    Row("two records", ("v=spf1 ip4:192.0.2.1 -all", "v=spf1 -all"), PERM, Cause.MULTIPLE_RECORDS),
    Row("two equal records", ("v=spf1 -all", "v=spf1 -all"), PERM, Cause.MULTIPLE_RECORDS),
    Row("leading space", " v=spf1 -all", NONE, Cause.NO_RECORD),
    Row("byte order mark", "\ufeffv=spf1 -all", NONE, Cause.NO_RECORD),
    Row("no-break space after the version", "v=spf1\u00a0-all", NONE, Cause.NO_RECORD),
    Row("quotes in the value", '"v=spf1" -all', NONE, Cause.NO_RECORD),
    Row("quotes later", 'v=spf1 "include:x.example" -all', PERM, SYNTAX, "unknown-mechanism"),
    Row("v=spf1;", "v=spf1; ip4:192.0.2.1; -all", NONE, Cause.NO_RECORD),
    Row("v=spf2", "v=spf2 -all", NONE, Cause.NO_RECORD),
    Row("spf2.0/pra", "spf2.0/pra -all", NONE, Cause.NO_RECORD),
    Row("spf1", "spf1 -all", NONE, Cause.NO_RECORD),
    Row("v=spf1a:", "v=spf1a:x.example -all", NONE, Cause.NO_RECORD),
    Row("v=spf1amxip4:", "v=spf1amxip4:192.0.2.1 -all", NONE, Cause.NO_RECORD),
    Row("v=spf10", "v=spf10 -all", NONE, Cause.NO_RECORD),
    Row("version again is an unknown modifier", "v=spf1 ip4:192.0.2.1 v=spf1 -all", PASS, MATCHED),
    Row("type 99 only", (), NONE, Cause.NO_RECORD, zone="d.example SPF v=spf1 +all"),
    Row("an unreadable other record", ("v=spf1 ip4:192.0.2.1 -all", b"\xff\xfe\x96"), PASS, MATCHED),
    Row(
        "59 other records",
        ("v=spf1 ip4:192.0.2.1 -all", *(f"token-{n}={'x' * 60}" for n in range(59))),
        PASS,
        MATCHED,
    ),
    Row("over 450 bytes", f"v=spf1 {'ip4:192.0.2.200 ' * 40}ip4:192.0.2.1 -all", PASS, MATCHED),
    Row("a CNAME", (), PASS, MATCHED, zone="d.example CNAME ok.example"),
    Row(
        "one target under two names is not two records",
        "v=spf1 include:x.example include:y.example -all",
        FAIL,
        MATCHED,
        zone="x.example CNAME ok.example\ny.example CNAME ok.example",
        ip="192.0.2.2",
    ),
    Row("a subdomain inherits nothing", "v=spf1 +all", NONE, Cause.NO_DOMAIN, sender="user@www.d.example"),
    Row("no such domain", (), NONE, Cause.NO_DOMAIN),
    Row("no TXT", (), NONE, Cause.NO_RECORD, zone="d.example A 192.0.2.1"),
    Row("no answer", (), TEMP, Cause.DNS_FAILURE, zone="d.example TXT FAIL"),
    Row("address literal", "v=spf1 +all", NONE, Cause.INVALID_DOMAIN, sender="user@[192.0.2.1]"),
    Row("empty label in the sender", "v=spf1 +all", NONE, Cause.INVALID_DOMAIN, sender="user@d..example"),
    Row("a sender that is no IDN", "v=spf1 +all", NONE, Cause.INVALID_DOMAIN, sender="user@\u2603\u200d.example"),
    Row("two trailing dots in the sender", "v=spf1 +all", NONE, Cause.INVALID_DOMAIN, sender="user@d.example.."),
    Row("a label of 64 in the sender", "v=spf1 +all", NONE, Cause.INVALID_DOMAIN, sender=f"user@{LONG}a.example"),
    Row("a sender of 300 bytes", "v=spf1 +all", NONE, Cause.INVALID_DOMAIN, sender=f"user@{'a.' * 150}example"),
    Row("an empty sender stands for HELO", (), PASS, MATCHED, sender="", helo="ok.example"),
]

SYNTAX_ROWS = [
    Row(
        "strings joined without a space", "v=spf1 ip4:192.0.2.1include:x.example -all", PERM, SYNTAX, "invalid-network"
    ),
    Row("en dash", "v=spf1 ip4:192.0.2.1 \u2013all", PERM, SYNTAX, "non-ascii"),
    Row("smart quote", "v=spf1 \u201cip4:192.0.2.1\u201d -all", PERM, SYNTAX, "non-ascii"),
    Row("zero-width space", "v=spf1 ip4:192.0.2.1\u200b -all", PERM, SYNTAX, "non-ascii"),
    Row("carriage return", "v=spf1 ip4:192.0.2.1\r -all", PERM, SYNTAX, "control-character"),
    Row("line feed", "v=spf1 ip4:192.0.2.1\n -all", PERM, SYNTAX, "control-character"),
    Row("NUL", b"v=spf1 ip4:192.0.2.1\x00 -all", PERM, SYNTAX, "control-character"),
    Row("DEL", b"v=spf1 a:x\x7f.example -all", PERM, SYNTAX, "control-character"),
    Row("double and trailing spaces", "v=spf1   ip4:192.0.2.1  -all  ", PASS, MATCHED),
    Row("space after ip4:", "v=spf1 ip4: 192.0.2.1 -all", PERM, SYNTAX, "invalid-network"),
    Row("empty include:", "v=spf1 include: -all", PERM, SYNTAX, "missing-domain"),
    Row("include without a colon", "v=spf1 include -all", PERM, SYNTAX, "missing-domain"),
    Row("empty a:", "v=spf1 a: -all", PERM, SYNTAX, "missing-domain"),
    Row("empty exp=", "v=spf1 exp= -all", PERM, SYNTAX, "missing-domain"),
    Row("empty redirect=", "v=spf1 redirect=", PERM, SYNTAX, "missing-domain"),
    Row("ipv4:", "v=spf1 ipv4:192.0.2.1 -all", PERM, SYNTAX, "unknown-mechanism"),
    Row("ip:", "v=spf1 ip:192.0.2.1 -all", PERM, SYNTAX, "unknown-mechanism"),
    Row("bare address", "v=spf1 192.0.2.1 -all", PERM, SYNTAX, "unknown-mechanism"),
    Row("bare host name", "v=spf1 mail.example -all", PERM, SYNTAX, "unknown-mechanism"),
    Row("include= is an unknown modifier", "v=spf1 include=ok.example -all", FAIL, MATCHED),
    Row("ip4= is an unknown modifier", "v=spf1 ip4=192.0.2.1 -all", FAIL, MATCHED),
    Row("redirect:", "v=spf1 redirect:ok.example", PERM, SYNTAX, "unknown-mechanism"),
    Row("IPv6 in ip4", "v=spf1 ip4:2001:db8::1 -all", PERM, SYNTAX, "invalid-network"),
    Row("IPv4 in ip6", "v=spf1 ip6:192.0.2.1 -all", PERM, SYNTAX, "invalid-network"),
    Row("leading zero", "v=spf1 ip4:192.0.2.01 -all", PERM, SYNTAX, "invalid-network"),
    Row("three octets", "v=spf1 ip4:192.0.2/24 -all", PERM, SYNTAX, "invalid-network"),
    Row("zone index", "v=spf1 ip6:fe80::1%eth0 -all", PERM, SYNTAX, "invalid-network"),
    Row("/33", "v=spf1 ip4:192.0.2.1/33 -all", PERM, SYNTAX, "invalid-prefix"),
    Row("/032", "v=spf1 ip4:192.0.2.1/032 -all", PERM, SYNTAX, "invalid-prefix"),
    Row("/29/29", "v=spf1 ip4:192.0.2.1/29/29 -all", PERM, SYNTAX, "invalid-prefix"),
    Row("/ alone", "v=spf1 a/ -all", PERM, SYNTAX, "invalid-prefix"),
    Row("host bits set", "v=spf1 ip4:192.0.2.77/24 -all", PASS, MATCHED),
    Row("private range", "v=spf1 ip4:10.0.0.0/8 -all", PASS, MATCHED, ip="10.1.2.3"),
    Row("a: and an address", "v=spf1 a:192.0.2.1 -all", PERM, SYNTAX, "invalid-domain"),
    Row("mx: and an address", "v=spf1 mx:192.0.2.1 -all", PERM, SYNTAX, "invalid-domain"),
    Row("include: and an address", "v=spf1 include:192.0.2.1 -all", PERM, SYNTAX, "invalid-domain"),
    Row("e-mail address in include", "v=spf1 include:user@ok.example -all", PERM, Cause.INCLUDE_NO_RECORD),
    Row("URL in include", "v=spf1 include:https://ok.example/ -all", PERM, SYNTAX, "invalid-domain"),
    Row("comma", "v=spf1 ip4:192.0.2.1, -all", PERM, SYNTAX, "invalid-network"),
    Row("semicolon", "v=spf1 ip4:192.0.2.1; -all", PERM, SYNTAX, "invalid-network"),
    Row(
        "a token glued to all",
        "v=spf1 ip4:192.0.2.1 ~allgoogle-site-verification=abc",
        PERM,
        SYNTAX,
        "unknown-mechanism",
    ),
    Row("lone minus", "v=spf1 ip4:192.0.2.1 -", PERM, SYNTAX, "unknown-mechanism"),
    Row("- all", "v=spf1 ip4:192.0.2.1 - all", PERM, SYNTAX, "unknown-mechanism"),
    Row("-all / 3600", "v=spf1 ip4:192.0.2.1 -all / 3600", PERM, SYNTAX, "unknown-mechanism"),
    Row("two signs", "v=spf1 ip4:192.0.2.1 --all", PERM, SYNTAX, "unknown-mechanism"),
    Row("a sign before a modifier", "v=spf1 -redirect=ok.example", PERM, SYNTAX, "unknown-mechanism"),
    Row("all with an argument", "v=spf1 -all:x.example", PERM, SYNTAX, "unexpected-argument"),
    Row("ptr with a prefix length", "v=spf1 ptr/24 -all", PERM, SYNTAX, "unexpected-argument"),
    Row("upper case throughout", "V=SPF1 IP4:192.0.2.9 INCLUDE:OK.EXAMPLE -ALL", PASS, MATCHED),
    Row("reporting modifiers", "v=spf1 ra=postmaster rp=100 rr=all ip4:192.0.2.1 -all", PASS, MATCHED),
    Row("exp twice", "v=spf1 exp=a.example exp=b.example -all", PERM, SYNTAX, "duplicate-modifier"),
    Row("redirect twice", "v=spf1 redirect=ok.example redirect=ok.example", PERM, SYNTAX, "duplicate-modifier"),
    Row("exp with a dead literal name is no error", "v=spf1 ip4:192.0.2.1 exp=a..example -all", PASS, MATCHED),
    Row("an error after all", "v=spf1 -all ip4:300.1.1.1", PERM, SYNTAX, "invalid-network"),
    Row("terms after all", "v=spf1 -all ip4:192.0.2.1", FAIL, MATCHED),
    Row("two all", "v=spf1 ~all -all", SOFTFAIL, MATCHED),
    Row("percent sign", "v=spf1 exists:50%.example -all", PERM, SYNTAX, "invalid-macro"),
    Row("open macro", "v=spf1 exists:%{d.example -all", PERM, SYNTAX, "invalid-macro"),
    Row("unknown letter", "v=spf1 exists:%{x}.example -all", PERM, SYNTAX, "invalid-macro"),
    Row("letter of explanations", "v=spf1 exists:%{c}.example -all", PERM, SYNTAX, "explanation-macro"),
    Row("macro with a dot behind", "v=spf1 exists:%{d}. -all", PERM, SYNTAX, "invalid-domain"),
    Row("single label", "v=spf1 include:localhost -all", PERM, SYNTAX, "invalid-domain"),
]

POLICY = [
    Row("no all and no redirect", "v=spf1 ip4:192.0.2.9", NEUTRAL, DEFAULT),
    Row("nothing but the version", "v=spf1", NEUTRAL, DEFAULT),
    Row("+all", "v=spf1 +all", PASS, MATCHED),
    Row("?all", "v=spf1 ?all", NEUTRAL, MATCHED),
    Row("~all", "v=spf1 ~all", SOFTFAIL, MATCHED),
    Row("redirect ignored due to all", "v=spf1 -all redirect=ok.example", FAIL, MATCHED),
    Row("redirect", "v=spf1 redirect=ok.example", PASS, MATCHED),
    Row("redirect to a domain without a record", "v=spf1 redirect=norecord.example", PERM, Cause.REDIRECT_NO_RECORD),
    Row("redirect to nothing", "v=spf1 redirect=nx.example", PERM, Cause.REDIRECT_NO_RECORD),
    Row("redirect to a broken record", "v=spf1 redirect=broken.example", PERM, SYNTAX),
    Row("redirect to two records", "v=spf1 redirect=two.example", PERM, Cause.MULTIPLE_RECORDS),
    Row("include without a record", "v=spf1 include:norecord.example -all", PERM, Cause.INCLUDE_NO_RECORD),
    Row("include of nothing", "v=spf1 include:nx.example -all", PERM, Cause.INCLUDE_NO_RECORD),
    Row("include of a broken record", "v=spf1 include:broken.example -all", PERM, SYNTAX),
    Row("include of two records", "v=spf1 include:two.example -all", PERM, Cause.MULTIPLE_RECORDS),
    Row(
        "include without an answer", "v=spf1 include:f.example -all", TEMP, Cause.DNS_FAILURE, zone="f.example TXT FAIL"
    ),
    Row("a without an answer", "v=spf1 a:f.example +all", TEMP, Cause.DNS_FAILURE, zone="f.example A FAIL"),
    Row("exists without an answer", "v=spf1 exists:f.example +all", TEMP, Cause.DNS_FAILURE, zone="f.example A FAIL"),
    Row(
        "mx host without an answer",
        "v=spf1 mx +all",
        TEMP,
        Cause.DNS_FAILURE,
        zone="d.example MX 1 f.example\nf.example A FAIL",
    ),
    Row("an included all does not leak", "v=spf1 include:ok.example ~all", SOFTFAIL, MATCHED, ip="192.0.2.2"),
    Row("an included +all does pass", "v=spf1 include:p.example -all", PASS, MATCHED, zone="p.example TXT v=spf1 +all"),
    Row("?include that passes is neutral", "v=spf1 ?include:ok.example -all", NEUTRAL, MATCHED),
    Row("-include that passes is fail", "v=spf1 -include:ok.example +all", FAIL, MATCHED),
    Row("self include", "v=spf1 include:d.example -all", PERM, Cause.LOOKUP_LIMIT),
    Row("self redirect", "v=spf1 redirect=d.example", PERM, Cause.LOOKUP_LIMIT),
    Row("self include, unlimited", "v=spf1 include:d.example -all", FAIL, MATCHED, policy=UNLIMITED),
    Row("self redirect, unlimited", "v=spf1 redirect=d.example", PERM, Cause.INCLUDE_LOOP, policy=UNLIMITED),
    Row(
        "a loop of two",
        "v=spf1 include:e.example -all",
        PERM,
        Cause.LOOKUP_LIMIT,
        zone="e.example TXT v=spf1 include:d.example -all",
    ),
    Row(
        "a loop of two, unlimited",
        "v=spf1 include:e.example -all",
        PERM,
        Cause.INCLUDE_LOOP,
        zone="e.example TXT v=spf1 include:d.example -all",
        policy=UNLIMITED,
    ),
    Row(
        "a duplicate include counts twice",
        f"v=spf1 {'include:ok.example ' * 10}a:h.example -all",
        PERM,
        Cause.LOOKUP_LIMIT,
        ip="192.0.2.2",
    ),
    Row(
        "eleven includes",
        f"v=spf1 {' '.join(f'include:i{n}.example' for n in range(11))} -all",
        PERM,
        Cause.LOOKUP_LIMIT,
        zone=include_chain(11),
    ),
    Row(
        "eleven includes, the first matches",
        f"v=spf1 {' '.join(f'include:i{n}.example' for n in range(11))} -all",
        PASS,
        MATCHED,
        zone=include_chain(11),
        ip="10.0.0.0",
    ),
    Row("null MX", "v=spf1 mx -all", FAIL, MATCHED, zone="d.example MX 0 ."),
    Row("an MX that no host is called", "v=spf1 mx -all", FAIL, MATCHED, zone="d.example MX 1 a\\200.example"),
    Row("no MX is not the domain itself", "v=spf1 mx -all", FAIL, MATCHED, zone="d.example A 192.0.2.1"),
    Row("two voids", "v=spf1 a:n1.example a:n2.example -all", FAIL, MATCHED),
    Row("three voids", "v=spf1 a:n1.example a:n2.example a:n3.example -all", PERM, Cause.VOID_LIMIT),
    Row(
        "three voids behind the match",
        "v=spf1 ip4:192.0.2.1 a:n1.example a:n2.example a:n3.example -all",
        PASS,
        MATCHED,
    ),
    Row("a/0 matches any address where there is one", "v=spf1 a:four1.example/0 -all", PASS, MATCHED),
    Row("a/0 matches nothing where there is none", "v=spf1 a:nx.example/0 -all", FAIL, MATCHED),
    Row(
        "a vendor's macros",
        "v=spf1 include:%{i}._ip.%{h}._ehlo.%{d}._spf.vali.example ~all",
        PASS,
        MATCHED,
        zone="192.0.2.1._ip.helo.example._ehlo.d.example._spf.vali.example TXT v=spf1 +all",
    ),
    Row(
        "a vendor's macros without a record",
        "v=spf1 include:%{ir}.%{v}.%{d}.spf.has.example ~all",
        PERM,
        Cause.INCLUDE_NO_RECORD,
    ),
    Row(
        "exists with the address",
        "v=spf1 exists:%{i}._spf.mta.example -all",
        PASS,
        MATCHED,
        zone="192.0.2.1._spf.mta.example A 127.0.0.2",
    ),
    Row(
        "exists with an IPv6 address",
        "v=spf1 exists:%{i}._spf.mta.example -all",
        PASS,
        MATCHED,
        ip="2001:db8::1",
        zone=f"{'.'.join('20010db8000000000000000000000001')}._spf.mta.example A 127.0.0.2",
    ),
    Row(
        "exists with a local part in UTF-8",
        "v=spf1 exists:%{l}.d.example -all",
        FAIL,
        MATCHED,
        sender="j\u00fcrgen@d.example",
    ),
    Row("exp without a text", "v=spf1 exp=nx.example -all", FAIL, MATCHED),
    Row("exp in Latin-1", "v=spf1 exp=e.example -all", FAIL, MATCHED, zone="e.example TXT caf\u00e9", ip="192.0.2.2"),
]

GROUPS = {"rule": RULES, "contested": CONTESTED, "finding": FINDING, "syntax": SYNTAX_ROWS, "policy": POLICY}


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{group}: {row.name}") for group, rows in GROUPS.items() for row in rows]
)
def test_row(row: Row) -> None:
    zone = zone_of(row)
    who = identity(row.sender, row.helo)
    evaluation = check_host(row.ip, who.domain, row.sender, row.helo, policy=row.policy, explain=True)
    verdict = run(evaluation, zone)
    assert (verdict.result, verdict.cause) == (row.result, row.cause)
    assert verdict.explanation is None
    if row.code is not None:
        (text,) = texts(row)
        problem = parse(text).problems[0]
        assert problem.code == row.code


def test_rows_have_names_of_their_own() -> None:
    names = [row.name for rows in GROUPS.values() for row in rows]
    assert len(names) == len(set(names))
