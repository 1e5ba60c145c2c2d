"""Addresses and networks in a term, whatever word stands in front of them (RFC 7208 5.6)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, NetmaskValueError
from typing import Final

from spfcheck.audit.text.slips import Slip
from spfcheck.audit.text.typos import near_words
from spfcheck.rfc7208.term import Term

__all__ = ["WIDEST_V4", "WIDEST_V6", "is_wide", "network", "network_in"]

WIDEST_V4: Final = 16
"""A mended ip4 term is never wider: a slip must not come to authorise half the Internet."""
WIDEST_V6: Final = 32
"""The same for ip6."""

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}(?:/(?:3[0-2]|[12]?[0-9]))?\Z", re.ASCII)
_MASKED: Final = re.compile(rf"(?P<base>{_OCTET}(?:\.{_OCTET}){{3}})/(?P<mask>{_OCTET}(?:\.{_OCTET}){{3}})\Z", re.ASCII)
_IP6_PREFIX: Final = re.compile(r"(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])\Z", re.ASCII)
# A word and what parts it from the rest; a dot or a semicolon only where the word can be nothing else.
_WORD: Final = re.compile(
    r"(?P<sign>[+\-?~]?)(?P<word>[a-z]+[0-9]*)(?P<mark>::?|=|;|\.)(?=[0-9a-f:+\-?~im])", re.IGNORECASE
)
_NETWORK_WORDS: Final = frozenset({"ip4", "ip6"})
_NAME_WORDS: Final = frozenset({"a", "mx", "include"})


def is_wide(term: Term) -> bool:
    """True for a network that no mend may let in (repair I3)."""
    return term.network is not None and (term.cidr4 < WIDEST_V4 or term.cidr6 < WIDEST_V6)


def network(text: str) -> str | None:
    """``ip4:`` or ``ip6:`` and *text*, where that is an address or network without any slip; a mask as its length."""
    if _IP4.match(text):
        return f"ip4:{text}"
    if match := _MASKED.match(text):
        return _masked(match["base"], match["mask"])
    address, slash, prefix = text.partition("/")
    if ":" not in address or "%" in address or (slash and not _IP6_PREFIX.match(prefix)):
        return None
    try:
        read = IPv6Address(address)
    except AddressValueError:
        return None
    if read.ipv4_mapped is not None:
        return _mapped(read.ipv4_mapped, prefix)
    return f"ip6:{text}"


def _masked(base: str, mask: str) -> str | None:
    try:
        length = IPv4Network(f"{base}/{mask}", strict=False).prefixlen
    except NetmaskValueError:
        return None
    # A mask of zeros first is a "wildcard" as routers write it: which way round it is meant is not certain.
    return f"ip4:{base}/{length}" if int(IPv4Address(mask)) == (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF else None


def _mapped(address: IPv4Address, prefix: str) -> str | None:
    """An IPv4 address as RFC 4291 2.5.5.2 writes it in IPv6: no IPv6 client has one."""
    if not prefix:
        return f"ip4:{address}"
    length = int(prefix) - 96
    return f"ip4:{address}/{length}" if length >= WIDEST_V4 else None


def network_in(text: str) -> tuple[Slip, str] | None:
    """The ``ip4`` or ``ip6`` term that *text* means, and its slip; None where no address stands at its end.

    An address is read before a mechanism of one letter: in ``a:2001:db8::1`` the word is ``a``, and not a group.
    """
    made = network(text)
    first = _WORD.match(text)
    if first is None or not _takes(first["word"], first["mark"], first["sign"]):
        if made is not None:
            return Slip.BARE_ADDRESS, made
        if text[:1] in "+-~?" and text[1:] and (signed := network(text[1:])):
            return Slip.BARE_ADDRESS, text[0] + signed
        return None
    words: list[re.Match[str]] = []
    rest, sign = text, ""
    while (match := _WORD.match(rest)) and _takes(match["word"], match["mark"], match["sign"]) and len(words) < 3:
        # ip4:::ffff:192.0.2.1 and ip6:::1: the second colon belongs to the address.
        after = rest[match.start("mark") + 1 :]
        if match["word"].lower() == "ip" and after[:2] in ("4:", "6:"):
            return None  # ip:6:2001:... is ip6: with two characters swapped, or an address that begins with 6:
        if words and words[-1]["word"].lower() == "mx":
            return None  # mx by itself and an address, or an address alone
        words.append(match)
        if match["sign"] and sign not in ("", match["sign"]):
            return None
        sign = match["sign"] or sign
        if (made := network(after)) is not None:
            return _slip(words, after), sign + made
        if match["mark"] == "::" and (made := network(rest[match.end() :])) is not None:
            return Slip.DOUBLED, sign + made
        rest = rest[match.end() :]
    return None


def _takes(word: str, mark: str, sign: str) -> bool:
    """True for a word in front of which an address may stand by mistake."""
    word = word.lower()
    sure = word in _NETWORK_WORDS or bool({"ip4", "ip6"} & set(near_words(word, sign)))
    if mark in (".", ";"):
        return sure and word[-1] in "46"
    return sure or word in _NAME_WORDS or "include" in near_words(word, sign)


def _slip(words: list[re.Match[str]], address: str) -> Slip:
    last = words[-1]["word"].lower()
    if _MASKED.match(address):
        return Slip.NETMASK
    if len(words) > 1:
        return Slip.DOUBLED
    if words[-1]["mark"] in (".", ";"):
        return Slip.SEPARATOR
    if last in _NAME_WORDS:
        return Slip.ADDRESS_AS_NAME
    if last in _NETWORK_WORDS:
        return Slip.FAMILY_SWAPPED
    return Slip.IPV4_WORD if last in ("ip", "ipv4", "ipv6") else Slip.WORD_MISSPELT
