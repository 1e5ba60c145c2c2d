"""What receivers wrote into a message's head: Received-SPF (RFC 7208 9.1), Authentication-Results (RFC 8601), ARC."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.utils import getaddresses
from ipaddress import ip_address, ip_network
from typing import Final

from spfcheck.pasted.meaning import Meant, ReadFrom, address_in, name_in, told

RESULTS: Final = ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
"""RFC 7208 2.6."""

_OLD_NAMES: Final = {"hardfail": "fail", "error": "temperror", "unknown": "permerror"}
"""Words of RFC 4408's drafts and of RFC 8601's forerunners, which some receivers still write."""

_PAIR: Final = re.compile(
    r"(?i)\b(client-ip|envelope-from|helo|identity|smtp\.(?:mailfrom|mail|helo)|ip|fqdn|from)\s{0,3}=\s{0,3}(\"[^\"]{0,320}\"|<[^<>]{0,320}>|[^\s;,()\"]{1,320})"
)
_SPF: Final = re.compile(r"(?i)(?:^|[;\s])spf\s{0,3}=\s{0,3}(\w{1,12})\b")
_JUDGED: Final = re.compile(r"(?i)\bdomain of (?:transitioning )?<?([^\s<>()]{1,320})>?")
_JUDGED_NONE: Final = re.compile(r"(?i)([^\s<>():]{1,320}) does not designate permitted sender hosts")
_LOOKUP_OF: Final = re.compile(r"(?i)lookup of <?([^\s<>():]{1,320})")
_CLIENT: Final = re.compile(
    r"(?i)\b(?:designates?|discourages use of|sender ip is|client-ip\s?=)\s{0,3}\[?([0-9a-f:.]{2,45})"
    r"|([0-9a-f:.]{2,45})\]? is (?:neither|not)\b"
)
_RECEIVED: Final = re.compile(r"(?i)\bfrom\s+([^\s()]{1,255})\s{0,3}\(([^()]{0,400})")
_INSIDE: Final = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                 "::1/128", "fc00::/7", "fe80::/10")
)  # fmt: skip
"""Addresses of networks that no receiver on the internet sees as a client (RFC 1918, 6598, 3927, 4193, 4291)."""

_BRACKETED: Final = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F:.]{2,45})\]")


def said_by_receivers(found: Sequence[tuple[str, str]]) -> Iterator[Meant]:
    """What the header fields *found* say that SPF judged: the receivers' words, and the message's own names."""
    hop = _hop(found)
    for name, value in found:
        match name:
            case "received-spf" | "x-received-spf":
                yield from _received_spf(value)
            case "authentication-results" | "x-authentication-results" | "authentication-results-original":
                yield from _results(value, ReadFrom.AUTHENTICATION_RESULTS, hop)
            case "arc-authentication-results":
                yield from _results(value, ReadFrom.ARC)
            case "return-path" | "x-envelope-from" | "x-original-return-path" | "envelope-from" | "x-postfix-sender":
                yield from _maybe(told(ReadFrom.RETURN_PATH, value.rpartition("rfc822;")[2]))
            case "from" | "x-google-original-from":
                yield from (one for address in _addresses(value) if (one := told(ReadFrom.FROM, address)))
            case _:
                pass


def _addresses(value: str) -> list[str]:
    return [address for _, address in getaddresses([value[:2_000]])][:5]


def _maybe(one: Meant | None) -> Iterator[Meant]:
    if one is not None:
        yield one


def _received_spf(value: str) -> Iterator[Meant]:
    word, _, _ = value.partition(" ")
    pairs = _pairs(value)
    yield from _judged(ReadFrom.RECEIVED_SPF, result_in(word), value, pairs, pairs.get("envelope-from", ""))


def _results(value: str, source: ReadFrom, hop: tuple[str, str] = ("", "")) -> Iterator[Meant]:
    """The SPF results of one field. Microsoft's has no name of the receiver in front, which RFC 8601 2.2 asks for."""
    for match in _SPF.finditer(value):
        # What belongs to the result ends where the next one begins: a semicolon outside of its comments.
        own = value[match.start(1) :]
        own = own[: _end_of_result(own)]
        pairs = _pairs(own)
        who = pairs.get("smtp.mailfrom") or pairs.get("smtp.mail") or ""
        if not name_in(who) and (helo := pairs.get("smtp.helo")):
            pairs["identity"], pairs["helo"] = "helo", helo
        yield from _judged(source, result_in(match[1]), own, pairs, who, hop)


def _end_of_result(text: str) -> int:
    depth = 0
    for place, char in enumerate(text):
        if char == "(":
            depth += 1
        elif char == ")":
            depth = max(depth - 1, 0)
        elif char == ";" and not depth:
            return place
    return len(text)


def _judged(
    source: ReadFrom, result: str, text: str, pairs: dict[str, str], envelope: str, hop: tuple[str, str] = ("", "")
) -> Iterator[Meant]:
    """What one result is about. HELO is what counts where the receiver says so, and where MAIL FROM is empty (2.4)."""
    client = _CLIENT.search(text)
    ip = pairs.get("client-ip") or (client and (client[1] or client[2])) or hop[0]
    helo = pairs.get("helo") or pairs.get("smtp.helo") or hop[1]
    spoken = _JUDGED.search(text) or _JUDGED_NONE.search(text) or _LOOKUP_OF.search(text)
    who = spoken[1] if spoken else ""
    if pairs.get("identity", "").lower() == "helo" or (not name_in(envelope) and not name_in(who)):
        who, envelope = helo, ""
    # Google's comment says only the domain where the field has the whole address, and the reverse.
    if name_in(envelope) and (not who or name_in(who) == name_in(envelope)):
        who = envelope if "@" in envelope else who or envelope
    yield from _maybe(told(source, who or envelope, ip=ip or "", helo=helo, result=result))


def _pairs(value: str) -> dict[str, str]:
    """The ``name=value`` pairs, the first of each name; an address may stand in quotes or angle brackets."""
    pairs: dict[str, str] = {}
    for match in _PAIR.finditer(value):
        pairs.setdefault(match[1].lower(), match[2].strip('"<>'))
    return pairs


def result_in(word: str) -> str:
    """A result of RFC 7208 2.6, as receivers spell it; else nothing."""
    plain = word.strip(" \"'()[].,;:=").lower()
    plain = _OLD_NAMES.get(plain, plain)
    return plain if plain in RESULTS else ""


def _hop(found: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The address and HELO name of who handed the message over: those of the topmost Received with an address.

    A receiver adds its own on top (RFC 5321 4.4), so those below are what others claim. Hops inside of the receiver's
    own network come before it at some, and have private addresses; they are passed over.
    """
    for name, value in found:
        if name != "received" or not (match := _RECEIVED.search(value)):
            continue
        inside = _BRACKETED.search(match[2])
        ip = inside[1] if inside else ""
        if ip and _is_public(ip):
            return ip, match[1]
    return "", ""


def _is_public(text: str) -> bool:
    address = address_in(text)
    return bool(address) and not any(ip_address(address) in network for network in _INSIDE)
