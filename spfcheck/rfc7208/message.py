"""What an evaluation knows of the message: who sends, from where, and what macros make of it (RFC 7208 2, 4.1, 7.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from spfcheck.rfc7208.macro import dns_name
from spfcheck.rfc7208.ranges import format_address

_LONGEST_DOMAIN: Final = 1024
"""Longer text is refused before it is converted: IDNA takes its time with long input."""
_PLAIN: Final = re.compile(r"(?:[a-z0-9_\-]{1,63}\.)+[a-z0-9_\-]{1,63}\Z", re.ASCII)
"""What nearly every name looks like: needs no conversion."""


class Message(NamedTuple):
    """The message side of macros. *sender* and *helo* are None where they differ from message to message."""

    domain: str
    """The domain that is checked."""
    sender: str | None = None
    helo: str | None = None
    receiver: str = "unknown"
    """Who checks (``%{r}``, explanations only)."""
    timestamp: int = 0
    """Unix time in seconds (``%{t}``, explanations only)."""

    def values(self, family: int, address: int, domain: str) -> dict[str, str]:
        """The value of each macro letter but ``p``; *domain* is the one whose record is evaluated (RFC 7208 7.2)."""
        readable = format_address(address, family)
        who = identity(self.sender or f"@{self.domain}", self.domain)
        sender_domain = ascii_domain(who.domain) or self.domain
        return {
            "s": f"{who.local_part}@{sender_domain}",
            "l": who.local_part,
            "o": sender_domain,
            "d": domain,
            "i": readable if family == 4 else ".".join(f"{address:032X}"),
            "v": "in-addr" if family == 4 else "ip6",
            "h": as_bytes(self.helo) if self.helo is not None else "unknown",
            "c": readable,
            "r": self.receiver,
            "t": str(self.timestamp),
        }


@dataclass(frozen=True, slots=True)
class CheckedIdentity:
    """Whom a check judges: the MAIL FROM domain, or the HELO name where MAIL FROM is empty (RFC 7208 2.4)."""

    domain: str
    local_part: str
    is_helo: bool


def identity(sender: str, helo: str) -> CheckedIdentity:
    """Split a MAIL FROM address; an empty one stands for ``postmaster@`` the HELO name (RFC 7208 2.4, 4.3).

    The address is split at its last ``@``: a quoted local part may hold others. Text outside latin-1 becomes its UTF-8
    bytes, each standing as one character.
    """
    is_helo = not sender
    local_part, _, domain = (f"@{helo}" if is_helo else sender).rpartition("@")
    # RFC 7208 4.3: "If the <sender> has no local-part, substitute the string "postmaster"".
    return CheckedIdentity(domain, as_bytes(local_part) or "postmaster", is_helo)


def as_bytes(text: str) -> str:
    """Text of which each character stands for one byte: beyond ASCII, a byte of its UTF-8 form."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str | None:
    """The name to check, lower-case, in A-labels, without a trailing dot; None where it is no such name.

    RFC 7208 4.3: a name must have at least two labels of 1 to 63 bytes. An address literal is no name.
    """
    if len(domain) <= 253 and _PLAIN.match(domain):
        return domain
    if len(domain) > _LONGEST_DOMAIN or domain.startswith("["):
        return None
    if not domain.isascii():
        import idna  # noqa: PLC0415  (slow to import, and few names need it)

        try:
            domain = idna.encode(domain.removesuffix("."), uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    name = domain.lower().removesuffix(".")
    # Unlike a name that macros make (7.3), this one is not cut to fit.
    if len(name) > 253 or "." not in name or name.endswith("."):
        return None
    return dns_name(name)


def client(ip: str | IPv4Address | IPv6Address) -> tuple[int, int]:
    """The family and the integer of an address; raises `ValueError` for text that is no address.

    RFC 7208 5: an IPv4-mapped IPv6 address is judged as the IPv4 address that it holds.
    """
    if isinstance(ip, str):
        # What nearly every address looks like.
        try:
            first, second, third, fourth = ip.split(".")
            return 4, _FIRST[first] + _SECOND[second] + _THIRD[third] + _FOURTH[fourth]
        except (KeyError, ValueError):
            pass
    return _client(ip)


_FIRST, _SECOND, _THIRD, _FOURTH = ({str(byte): byte << shift for byte in range(256)} for shift in (24, 16, 8, 0))
"""The bytes of a dotted quad by their text, each in its place."""


@lru_cache(maxsize=4096)
def _client(ip: str | IPv4Address | IPv6Address) -> tuple[int, int]:
    address = ip_address(ip)
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"{ip!r} has a zone index, which means nothing on another host")
        if address.ipv4_mapped is not None:
            return 4, int(address.ipv4_mapped)
        return 6, int(address)
    return 4, int(address)


def reverse_name(address: int, family: int) -> str:
    """The name under which the names of an address are published (RFC 1035 3.5, RFC 3596 2.5)."""
    if family == 4:
        return ".".join(str(byte) for byte in reversed(address.to_bytes(4, "big"))) + ".in-addr.arpa"
    return ".".join(reversed(f"{address:032x}")) + ".ip6.arpa"
