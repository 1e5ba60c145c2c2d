from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spfcheck import names
from spfcheck.names import NotADomainName, domain_name, is_public_suffix, registrable, shown, unicode_name
from tests.profile import scale

ACCEPTED = [
    ("example.com", "example.com"),
    ("EXAMPLE.Com", "example.com"),
    ("example.com.", "example.com"),
    ("_spf.mail.example", "_spf.mail.example"),
    ("a_b.example", "a_b.example"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER.example", "xn--bcher-kva.example"),
    ("straße.example", "xn--strae-oqa.example"),
    ("日本語。jp", "xn--wgv71a119e.jp"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("r3---sn.example", "r3---sn.example"),
    ("123.example", "123.example"),
    ("ex\N{FULLWIDTH LATIN SMALL LETTER A}mple.com", "example.com"),
    ("a" * 63 + ".example", "a" * 63 + ".example"),
    (".".join(["a" * 49] * 5) + ".ab", ".".join(["a" * 49] * 5) + ".ab"),
]


@pytest.mark.parametrize(("text", "name"), ACCEPTED)
def test_names_are_accepted(text: str, name: str) -> None:
    assert domain_name(text) == name


REFUSED = [
    ("", "No domain was given", None),
    ("localhost", "no dot", None),
    ("com.", "no dot", None),
    ("example..com", "between two dots is empty", "example.com"),
    ("example.com..", "between two dots is empty", "example.com"),
    (".example.com", "between two dots is empty", "example.com"),
    ("192.0.2.1", "IP address", None),
    ("2001:db8::1", "IP address", None),
    ("[192.0.2.1]", "IP address", None),
    ("[IPv6:2001:db8::1]", "IP address", None),
    ("1.2.3", "last part is a number", None),
    ("example.0x7f", "no top-level domain", None),
    ("example._com", "no top-level domain", None),
    ("https://www.example.com/path?q=1", "web address", "www.example.com"),
    ("example.com/", "web address", "example.com"),
    ("http://user:pw@example.com:8080/", "web address", "example.com"),
    ("jane@example.com", "e-mail address", "example.com"),
    ("mailto:jane@example.com", "e-mail address", "example.com"),
    ("Jane <jane@example.com>", "space", "example.com"),
    (" example.com", "space", "example.com"),
    ("example.com\n", "control character", "example.com"),
    ("example,com", "no dot", "example.com"),
    ("example .com", "space", "example.com"),
    ("example, com", "space", "example.com"),
    ("the domain is fine.example, please", "space", "fine.example"),
    ("please check fine.example!", "space", "fine.example"),
    ("example.com,", "character ,", "example.com"),
    ('"example.com"', 'character "', "example.com"),
    ("example.com:25", "character :", "example.com"),
    ("v=spf1 -all", "space", None),
    ("v=spf1", "SPF record", None),
    ("-a.example", "hyphen", None),
    ("a-.example", "hyphen", None),
    ("a\x00b.example", "control character", "ab.example"),
    ("exam\u200bple.com", "U+200B", "example.com"),
    ("exam\u202eple.com", "U+202E", "example.com"),
    ("exam\u00adple.com", "U+00AD", "example.com"),
    ("exam\ufe0fple.com", "U+FE0F", None),
    ("💩.example", "no domain name can have", None),
    ("xn--a.example", "not a valid encoded label", None),
    ("xn--bcher-KVA8445foa.example", "not a valid encoded label", None),
    ("a" * 64 + ".example", "longer than 63", None),
    ("ü" * 63 + ".example", "longer than 63", None),
    ("a." * 127 + "com", "too long", None),
    ("<script>alert(1)</script>.example", "web address", None),
    ("${jndi:ldap://a.example/x}", "web address", "a.example"),
]


@pytest.mark.parametrize(("text", "reason", "likely"), REFUSED)
def test_other_texts_are_refused_with_one_sentence(text: str, reason: str, likely: str | None) -> None:
    with pytest.raises(NotADomainName) as caught:
        domain_name(text)
    assert reason in caught.value.sentence
    assert caught.value.sentence.endswith(".")
    assert caught.value.likely == likely
    assert caught.value.sentence.isprintable()
    assert len(caught.value.sentence) < 300


@given(st.from_regex(r"\A[a-z0-9_.\-xn]{1,70}(\.[a-z0-9\-]{1,5})?\Z"))
@settings(max_examples=scale(1_500, 20_000), deadline=None)
def test_the_short_way_says_the_same_as_the_rules(text: str) -> None:
    if names._PLAIN.fullmatch(text) and "xn--" not in text:
        assert names._strict(text) == text


def test_a_megabyte_is_refused() -> None:
    for junk in ("a" * 1_000_000, "ü" * 1_000_000, "a." * 500_000, "@" * 1_000_000, "\u0300" * 1_000_000):
        with pytest.raises(NotADomainName):
            domain_name(junk)


@given(st.text(max_size=300))
@settings(max_examples=scale(1_500, 20_000), deadline=None)
def test_any_text_is_a_name_or_a_refusal(text: str) -> None:
    _accepts_or_refuses(text)


@given(st.from_regex(r"\A[a-zA-Z0-9_.\-xn@/: üβ日\u200b]{1,80}\Z"))
@settings(max_examples=scale(1_500, 20_000), deadline=None)
def test_any_near_name_is_a_name_or_a_refusal(text: str) -> None:
    _accepts_or_refuses(text)


def _accepts_or_refuses(text: str) -> None:
    try:
        name = domain_name(text)
    except NotADomainName as refusal:
        likely = refusal.likely
        assert likely is None or (likely != text and domain_name(likely) == likely)
        return
    assert name.isascii()
    assert name == name.lower()
    assert 3 <= len(name) <= 253
    assert all(0 < len(label) <= 63 for label in name.split("."))
    assert domain_name(name) == name


@pytest.mark.parametrize(
    ("domain", "owner"),
    [
        ("a.b.example.co.uk", "example.co.uk"),
        ("example.com", "example.com"),
        ("co.uk", "co.uk"),
        ("x.y.zz", "y.zz"),
        ("customer.com", "customer.com"),
        ("_spf.mail.customer.co.uk", "customer.co.uk"),
        ("customer.co.uk", "customer.co.uk"),
        ("a.b.example", "b.example"),
        ("x.www.ck", "www.ck"),
        ("a.foo.ck", "a.foo.ck"),
        ("3.2.1.in-addr.arpa", "1.in-addr.arpa"),
        ("localhost", "localhost"),
    ],
)
def test_the_registrable_domain(domain: str, owner: str) -> None:
    assert registrable(domain) == owner


def test_public_suffixes() -> None:
    assert is_public_suffix("co.uk")
    assert is_public_suffix("github.io")
    assert not is_public_suffix("example.co.uk")


@pytest.mark.parametrize(
    ("domain", "written"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("xn--wgv71a119e.jp", "日本語.jp"),
        ("example.com", "example.com"),
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),  # all Cyrillic, reads as a Latin brand
        ("xn--pypal-4ve.com", "xn--pypal-4ve.com"),  # Latin with one Cyrillic letter
        ("xn--a.example", "xn--a.example"),
    ],
)
def test_unicode_names_do_not_deceive(domain: str, written: str) -> None:
    assert unicode_name(domain) == written


def test_hostile_text_is_made_visible() -> None:
    assert shown("a\r\n\x1b[31mb\u202e\u2028") == "a\\x0d\\x0a\\x1b[31mb\\u202e\\u2028"
    assert shown("x" * 100, 10) == "x" * 10 + "..."


def test_the_public_suffix_list_is_loaded_late() -> None:
    code = "import sys, spfcheck.names as n; n.domain_name('example.com'); print('publicsuffixlist' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert out.stdout.strip() == "False"
