"""What a pasted text may mean, and where in it that was read."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from spfcheck.names import NotADomainName, domain_name

LONGEST_SENDER: Final = 320
"""Octets of a local part (64), the sign and a domain (RFC 5321 4.5.3.1)."""

_AROUND: Final = "<>[](){}\"'`*,;:!?|"
"""What people and programs put around a name."""

_SCHEME: Final = re.compile(r"(?i)(?:https?|ftp|mailto|smtp):(?://)?")


class ReadFrom(StrEnum):
    """Where in a text a meaning was read."""

    WHY_LINK = "why-link"
    RECEIVED_SPF = "received-spf"
    AUTHENTICATION_RESULTS = "authentication-results"
    BOUNCE = "bounce"
    ARC = "arc"
    LOG = "log"
    RETURN_PATH = "return-path"
    FROM = "from"
    LABEL = "label"
    DNS_ANSWER = "dns-answer"
    JSON = "json"
    TYPED = "typed"
    TEXT = "text"


RANK: Final = {
    ReadFrom.WHY_LINK: 0, ReadFrom.RECEIVED_SPF: 0, ReadFrom.AUTHENTICATION_RESULTS: 0, ReadFrom.BOUNCE: 0,
    ReadFrom.LOG: 0, ReadFrom.ARC: 1, ReadFrom.RETURN_PATH: 2, ReadFrom.FROM: 3, ReadFrom.TYPED: 4, ReadFrom.LABEL: 4,
    ReadFrom.JSON: 4, ReadFrom.DNS_ANSWER: 5, ReadFrom.TEXT: 6,
}  # fmt: skip
"""How near a source is to what a receiver judged: first its own words, then the message's, then any name at all.

An ARC set tells of an earlier receiver (RFC 8617), so the last one's own words come before it.
"""


class Nothing(StrEnum):
    """Why nothing could be read from a text."""

    EMPTY = "empty"
    RECORD = "record"
    """It is an SPF record, which does not say whose it is."""
    ADDRESS = "address"
    """It is an IP address."""
    NO_NAME = "no-name"


@dataclass(frozen=True, slots=True)
class Meant:
    """A domain (A-labels) that a text may mean, and the connection that a receiver judged, as far as it tells.

    *ip* is an address in its shortest form; *sender* the MAIL FROM with its local part, *helo* the client's name, both
    as they stand in the text; *result* a word of RFC 7208 2.6. Each is empty where the text does not say.
    """

    domain: str
    source: ReadFrom
    ip: str = ""
    sender: str = ""
    helo: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood: the meanings, the nearest first, one for each domain; or why there are none.

    *sure* where one of them is meant and no other can be: a person need not be asked.
    """

    meanings: tuple[Meant, ...]
    sure: bool = False
    nothing: Nothing | None = None


def name_in(text: str) -> str | None:
    """The domain that the word *text* names: itself, a web address's host or an e-mail address's domain; or None."""
    word = _SCHEME.sub("", text.strip().strip(_AROUND), count=1).rpartition("@")[2]
    word = re.split(r"[/?#:\\]", word, maxsplit=1)[0].strip(_AROUND).rstrip(".")
    try:
        return domain_name(word)
    except NotADomainName:
        return None


def sender_in(text: str) -> str:
    """The mail address *text*, where it is one; else nothing."""
    word = text.strip().strip(_AROUND)
    if word[:7].lower() == "mailto:":
        word = word[7:].partition("?")[0]
    local, at, domain = word.rpartition("@")
    fit = at and local and len(word) <= LONGEST_SENDER and word.isprintable() and not set(" /:") & set(word)
    return word if fit and name_in(domain) else ""


def address_in(text: str) -> str:
    """The IP address *text* in its shortest form, where it is one; else nothing. A v4-mapped one is the v4 one."""
    word = re.sub(r"(?i)^ipv6:", "", text.strip().strip("<>[](){}\"',;"))
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return ""
        return str(address.ipv4_mapped or address)
    return str(address)


def helo_in(text: str) -> str:
    """The HELO name *text*, in characters that can be shown and typed again; else nothing."""
    word = text.strip().strip("<>\"',;()")
    return word if word.isprintable() and " " not in word and len(word) <= LONGEST_SENDER else ""


def told(source: ReadFrom, who: str, *, ip: str = "", helo: str = "", result: str = "") -> Meant | None:
    """The meaning of *who*, a domain or an address, and what else was said; None where that names no domain."""
    domain = name_in(who)
    if domain is None:
        return None
    return Meant(domain, source, address_in(ip), sender_in(who), helo_in(helo), result.lower())


def nearest_first(found: Iterable[Meant]) -> tuple[Meant, ...]:
    """One meaning for each domain: the nearest, which takes from the others what it does not know itself.

    Two that tell of different connections are not mixed: what is taken comes from a meaning with the same address, or
    with none.
    """
    kept: dict[str, Meant] = {}
    for one in sorted(found, key=lambda one: RANK[one.source]):
        mine = kept.get(one.domain)
        if mine is None:
            kept[one.domain] = one
        elif one.ip in ("", mine.ip) or not mine.ip:
            kept[one.domain] = replace(
                mine,
                ip=mine.ip or one.ip,
                sender=mine.sender or one.sender,
                helo=mine.helo or one.helo,
                result=mine.result or one.result,
            )
    return tuple(kept.values())
