"""Each hint for what is wrong, and for nothing else: texts that must get it, and near relatives that must not."""

from __future__ import annotations

import pytest

from spfcheck.audit.judgement.review import record_findings
from spfcheck.audit.text.hints import slip_at
from spfcheck.audit.text.slips import HINTS, Slip
from spfcheck.rfc7208.record import parse

HINTED: dict[Slip, tuple[list[str], list[str]]] = {
    Slip.IPV4_WORD: (["ipv4:192.0.2.1", "ipv6:2001:db8::1", "ip:192.0.2.1"], ["ip5:192.0.2.1", "ip4:192.0.2.300"]),
    Slip.FAMILY_SWAPPED: (
        ["ip6:192.0.2.1", "ip4:2001:db8::1"],
        ["ip6:fe80::1%eth0", "ip4:192.0.2", "ip6:2001:db8::1::1"],
    ),
    Slip.BARE_ADDRESS: (["192.0.2.1", "2001:db8::/48"], ["192.0.2", "192.0.2.1.5"]),
    Slip.BARE_NAME: (["host.example.com", "_spf.example.com"], ["include.host.example.com", "ip4:host.example.com"]),
    Slip.ADDRESS_AS_NAME: (["a:192.0.2.1", "mx:192.0.2.1", "include:192.0.2.1", "a:2001:db8::1"], ["a:192.0.2"]),
    Slip.NAME_AS_ADDRESS: (["ip4:host.example.com", "+ip6:host.example.com"], ["ip4:192.0.2.1.2", "ip4:192.0.2"]),
    Slip.SCOPE_ID: (
        ["ip6:fe80::1%eth0", "fe80::1%2", "ip6:fe80::1%eth0/64"],
        ["ip6:fe80::1::", "exists:%{x}.example.com"],
    ),
    Slip.NETMASK: (
        ["ip4:192.0.2.0/255.255.255.0", "ip4:192.0.2.0/0.0.0.255"],
        ["ip4:192.0.2.0/33", "ip4:192.0.2.0/24/24"],
    ),
    Slip.WORD_MISSPELT: (
        ["inlcude:example.com", "ip44:192.0.2.1", "exist:%{i}.example.com"],
        ["b:example.com", "foo:example.com"],
    ),
    Slip.SEPARATOR: (["include.spf.example.com", "ip4.192.0.2.1", "include;example.com"], ["host.example.com"]),
    Slip.MISSING_COLON: (["include _spf.example.com", "ip4 192.0.2.1"], ["include: _spf.example.com", "include mx"]),
    Slip.MISSING_ARGUMENT: (["include mx", "ip4 -all", "exists a"], ["ip4: a"]),
    Slip.SPACE_AFTER_COLON: (["include: example.com", "ip4: 192.0.2.1"], ["include example.com"]),
    Slip.SPACE_AFTER_SIGN: (["- all", "~ all"], ["+ mx", "-- all"]),
    Slip.REPEATED_SIGN: (["++include:example.com", "--all", "-~all"], ["+ mx"]),
    Slip.SIGN_ON_MODIFIER: (["~redirect=example.com", "-exp=example.com"], ["redirect:example.com", "redirect="]),
    Slip.SIGN_BEHIND: (["all-", "all~"], ["-all-all"]),
    Slip.PUNCTUATION: (["a,", "a,mx", "a;mx;"], ["a.", "include;example.com"]),
    Slip.STRAY_PUNCTUATION: (["-all.", "-all)", "|", "(mx"], ["a,mx", "-all<br>"]),
    Slip.MARKUP: (["-all<br>", "include:<example.com>", "<b>mx</b>"], ["(mx"]),
    Slip.TYPOGRAPHY: (["\u2013all", "mx\u00a0a", "\uff5eall"], ["\u043fx"]),
    Slip.FOREIGN_LETTER: (["\u043fx", "mxé"], ["a:mail.büro.example", "\u2192"]),
    Slip.UNICODE_NAME: (["a:mail.büro.example", "include:spf.bücher.example"], ["büro"]),
    Slip.QUOTES: (['"mx', "mx\u201d"], ["mx)"]),
    Slip.CONTROL: (["mx\ta", "mx\r\n"], ["mx a."]),
    Slip.GLUED: (["ip4:192.0.2.1ip4:192.0.2.2", "a:host.example.com~all", "ip4:192.0.2.1-all"], ["ip4:192.0.2.1.5"]),
    Slip.GLUED_TOKEN: (["~allgoogle-site-verification=abc", "-allMS=ms123"], ["~allx"]),
    Slip.ALL_MISSPELT: (["-al", "~alll", "-a11", "?lal"], ["al", "+al", "-axx"]),
    Slip.EMPTY_ARGUMENT: (["include:", "ip4:"], ["include"]),
    Slip.DOUBLED: (["ip4:ip4:192.0.2.1", "ip4::192.0.2.1"], ["ip4:192.0.2.1:25"]),
    Slip.PREFIX_ON_NAME: (["include:example.com/24"], ["include:example.com/"]),
    Slip.REDIRECT_COLON: (["redirect:example.com"], ["~redirect=example.com"]),
    Slip.URL: (["include:https://example.com/", "include:example.com/"], ["include:me@example.com/"]),
    Slip.MAIL_ADDRESS: (["include:me@example.com/"], ["include:example.com/24"]),
    Slip.BAD_ADDRESS: (
        ["ip4:192.0.2.300", "ip4:010.0.0.1", "ip4:192.0.2", "ip6:2001:db8::1::1"],
        ["ip4:host.example.com"],
    ),
    Slip.BAD_PREFIX: (["ip4:192.0.2.0/33", "ip4:192.0.2.0/24/24", "ip6:2001:db8::/129"], ["ip4:192.0.2.0/255.255.0.0"]),
    Slip.LONE_SIGN: (["+", "+ mx", "-"], ["- all", "--all"]),
    Slip.UNKNOWN_WORD: (["aaaa", "b:host.example.com", "foo"], ["redirect:example.com", "inlcude:example.com"]),
}
"""For each slip that one word can have: texts that must get its hint, and texts that must not."""

ELSEWHERE = {
    # Said of a whole text or of two terms, not of one word.
    Slip.EQUALS_SIGN, Slip.JOINT, Slip.KEY, Slip.LEADING_SPACE, Slip.OWN_NAME, Slip.PASTED, Slip.POLICY,
    Slip.REPEATED_MODIFIER, Slip.SPLIT, Slip.TOKEN, Slip.TOO_WIDE, Slip.VERSION, Slip.VERSION_TWICE, Slip.WRAPPED,
}  # fmt: skip


def slip_of(words: str) -> Slip | None:
    record = parse(f"v=spf1 {words}".encode())
    assert record.problems, words
    return slip_at(record.text, record.problems[0].span)


@pytest.mark.parametrize("slip", HINTED)
def test_hint(slip: Slip) -> None:
    wanted, others = HINTED[slip]
    assert {words: slip_of(words) for words in wanted} == dict.fromkeys(wanted, slip)
    assert slip not in {slip_of(words) for words in others}, {words: slip_of(words) for words in others}


def test_every_slip_is_tried() -> None:
    assert {*HINTED, *ELSEWHERE} == set(Slip)
    assert not ELSEWHERE & {*HINTED}


WORDS = ["ip4:192.0.2.1ip4:192.0.2.2", "mx++a", "ip4:host.example.com"]


@pytest.mark.parametrize("word", WORDS)
def test_two_strings_were_joined_only_where_there_are_two(word: str) -> None:
    raw = f"v=spf1 {word} -all".encode()
    place = len("v=spf1 ") + len(word) // 2

    def advice(*strings: bytes) -> str:
        found = [one for one in record_findings(parse(raw), "a.example", strings) if one.code == "syntax-error"]
        return found[0].advice

    assert advice(raw) != HINTS[Slip.JOINT]
    assert advice(raw[:place], raw[place:]) == HINTS[Slip.JOINT]
    assert advice(raw[:7], raw[7:]) != HINTS[Slip.JOINT]
