"""check_host() as a service: what may be asked, the asking, and the answer as plain values.

Free of the web: the command line answers by it too.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import Any

from spfcheck.names import shown
from spfcheck.resolver.drive import drive
from spfcheck.resolver.types import Lookup
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.verdict import Cause, Event, Result, Verdict

MAX_ADDRESS = 320
"""Characters of a MAIL FROM: 64 of the local part, the @, and 255 of the domain (RFC 5321 4.5.3.1)."""

MAX_HELO = 255
"""Characters of a HELO name (RFC 5321 4.5.3.1.2)."""

FINAL_SECONDS = 20.0
"""RFC 7208 4.6.4: a check should be given at least 20 seconds, after which it is a temperror."""


class AddressError(Exception):
    """The text is no IP address; the message is one sentence for a person."""


class IdentityError(Exception):
    """The sender or HELO name cannot be one; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class HostQuestion:
    """One connection: who connects, and the identities that it gives (RFC 7208 2.3, 2.4)."""

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    sender: str
    helo: str

    @property
    def identity(self) -> str:
        """The identity that is judged: MAIL FROM, or ``postmaster@`` the HELO name when it is empty."""
        sender = self.sender or f"postmaster@{self.helo}"
        # RFC 7208 4.3: a sender without a local part has the local part "postmaster".
        local, at, domain = sender.rpartition("@")
        return f"{local or 'postmaster'}@{domain}" if at else f"postmaster@{sender}"

    @property
    def domain(self) -> str:
        """The domain whose record is asked for."""
        return self.identity.rpartition("@")[2]


def host_question(ip: str, sender: str, helo: str) -> HostQuestion:
    """What is to be judged. Raises `AddressError` or `IdentityError`.

    The domain is not checked here: check_host() itself says ``none`` for what is no domain (RFC 7208 4.3).
    """
    for text, limit, name in ((sender, MAX_ADDRESS, "sender"), (helo, MAX_HELO, "HELO name")):
        if len(text) > limit:
            raise IdentityError(f"The {name} is longer than {limit} characters.")
        # RFC 8616 3: what is not ASCII never matches a macro, and the domain is judged in A-labels.
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise IdentityError(f"The {name} {shown(text)} has a character that is not printable ASCII.")
    if not sender and not helo:
        raise IdentityError("Give a sender, or a HELO name when the sender is empty: SPF judges one of them.")
    return HostQuestion(ip_address(ip), sender, helo)


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address that *text* is; an IPv4 address mapped into IPv6 counts as the former. Raises `AddressError`."""
    try:
        address = ipaddress.ip_address(text if len(text) <= 64 else "")
    except ValueError:
        hint = " It is a network; give one address of it." if "/" in text else ""
        raise AddressError(f"{shown(text, 50) or 'An empty text'} is not an IP address.{hint}") from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise AddressError(f"{shown(text, 50)} is an address with a zone, which means nothing elsewhere.")
        # RFC 7208 5: an IPv4-mapped address is treated as the IPv4 address.
        return address.ipv4_mapped or address
    return address


async def judge(question: HostQuestion, lookup: Lookup) -> Verdict:
    """The verdict on *question*, at the latest after 20 seconds."""
    evaluation = check_host(
        question.ip, question.domain, sender=question.identity, helo=question.helo, trace=True, explain=True
    )
    try:
        async with asyncio.timeout(FINAL_SECONDS):
            return await drive(evaluation, lookup)
    except TimeoutError:
        return Verdict(result=Result.TEMPERROR, cause=Cause.DNS_FAILURE)


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """*verdict* as plain values, in the shape of `openapi.yaml`."""
    return {
        "result": str(verdict.result),
        "cause": str(verdict.cause),
        "explanation": verdict.explanation,
        "mechanism": verdict.mechanism,
        "mechanism_domain": verdict.mechanism_domain,
        "lookups": verdict.lookups,
        "void_lookups": verdict.void_lookups,
        "trace": [_event(event) for event in verdict.trace],
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "depth": event.depth,
        "domain": event.domain,
        "term": event.term,
        "why": str(event.why),
        "result": str(event.result) if event.result else None,
        "asked": [
            {
                "name": question.name,
                "type": question.rtype.name,
                "records": len(reply.records),
                "failed": reply.failed,
                "nxdomain": reply.nxdomain,
            }
            for question, reply in event.asked
        ],
        "lookups": event.lookups,
        "void_lookups": event.void_lookups,
    }
