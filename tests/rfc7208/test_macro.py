"""Macro strings: the standard's own examples, and what broke other implementations."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from spfcheck.rfc7208.macro import MacroError, compile_explanation, compile_macros, dns_name, expand
from spfcheck.rfc7208.message import Message, identity, reverse_name

MESSAGE = Message(
    "email.example.com", "strong-bad@email.example.com", "mx.example.org", "mail.example.net", 1_700_000_000
)
V4, V6 = 0xC0000203, 0x20010DB8000000000000000000CB01


def expanded(text: str, *, family: int = 4, message: Message = MESSAGE, explanation: bool = False) -> str:
    values = message.values(family, V4 if family == 4 else V6, "email.example.com") | {"p": "mx.example.org"}
    return expand(compile_macros(text, explanation=explanation), values)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        # RFC 7208 7.4
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{h}", "mx.example.org"),
        ("%{p2}", "example.org"),
        ("50%% %_ %-", "50%   %20"),
        # Values at their edges: more parts than there are, more digits than a number has.
        ("%{d127}", "email.example.com"),
        (f"%{{d{'9' * 5000}}}", "email.example.com"),
        ("%{D2}", "example.com"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("%{l1-+,/_=.}", "bad"),
    ],
)
def test_expansion(text: str, result: str) -> None:
    assert expanded(text) == result


def test_expansion_of_an_ipv6_address() -> None:
    assert expanded("%{i}", family=6) == ".".join("20010DB8000000000000000000CB01".zfill(32))
    text = expanded("%{ir}.%{v}._spf.%{d2}", family=6)
    assert text.endswith(".ip6._spf.example.com")
    assert dns_name(text) == f"{reverse_name(V6, 6).removesuffix('.ip6.arpa')}.ip6._spf.example.com"
    assert expanded("%{c}", family=6, explanation=True) == str(IPv6Address(V6))


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("%", 0),
        ("a%", 1),
        ("a%b", 1),
        ("%{", 0),
        ("%{d", 0),
        ("%{}", 0),
        ("%{1}", 0),
        ("%{d0}", 0),
        ("%{d00}", 0),
        ("%{x}", 0),
        ("%{dd}", 0),
        ("%{d2x}", 0),
        ("%{dR}", 0),
        ("%{dr2}", 0),
        ("%{d }", 0),
        ("%(d)", 0),
        ("%{d}%{c}", 4),
        ("%{\u0131}", 0),
        ("%{d\u0662}", 0),
    ],
)
def test_grammar(text: str, offset: int) -> None:
    with pytest.raises(MacroError) as caught:
        compile_macros(text)
    assert caught.value.offset == offset
    assert caught.value.explanation_only is text.endswith("%{c}")


@pytest.mark.parametrize("letter", "crt")
def test_letters_of_explanations(letter: str) -> None:
    compile_explanation(f"at %{{{letter}}} and %{{{letter.upper()}}}")
    with pytest.raises(MacroError):
        compile_macros(f"%{{{letter}}}")


@pytest.mark.parametrize("text", ["tab\there", "caf\u00e9", "\x00", "line\nbreak", "\x7f"])
def test_explanations_are_printable_ascii(text: str) -> None:
    with pytest.raises(MacroError):
        compile_explanation(text)


def test_bytes_above_ascii_pass_and_are_escaped() -> None:
    message = Message("d.example", "j\u00fcrgen@d.example", "h.example")
    assert expanded("%{l}", message=message) == "j\u00c3\u00bcrgen"
    assert expanded("%{L}", message=message) == "j%C3%BCrgen"
    # Upper case is folded in ASCII only: a byte of UTF-8 must stay what it is.
    assert dns_name("J\u00c3\u009cRGEN.Example") == "j\u00c3\u009crgen.example"
    assert identity("\U0001f600@d.example", "h.example").local_part == "\u00f0\u009f\u0098\u0080"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM.", "example.com"),
        ("a..b", None),
        ("", None),
        (".", None),
        ("a..", None),
        (".a", None),
        ("a" * 63 + ".b", "a" * 63 + ".b"),
        ("a" * 64 + ".b", None),
        ("a" * 300, None),
        ("x" * 60 + "." + ".".join(["b" * 49] * 5), ".".join(["b" * 49] * 5)),
        ("x.y.z." + ".".join(["b" * 49] * 5), "y.z." + ".".join(["b" * 49] * 5)),
        ("a b", "a b"),
    ],
)
def test_names(text: str, name: str | None) -> None:
    assert dns_name(text) == name


@pytest.mark.parametrize(
    ("sender", "helo", "wanted"),
    [
        ("user@d.example", "h.example", ("d.example", "user", False)),
        ("", "h.example", ("h.example", "postmaster", True)),
        ("@d.example", "h.example", ("d.example", "postmaster", False)),
        ('"a@b"@d.example', "h.example", ("d.example", '"a@b"', False)),
        ("d.example", "h.example", ("d.example", "postmaster", False)),
    ],
)
def test_identity(sender: str, helo: str, wanted: tuple[str, str, bool]) -> None:
    made = identity(sender, helo)
    assert (made.domain, made.local_part, made.is_helo) == wanted
