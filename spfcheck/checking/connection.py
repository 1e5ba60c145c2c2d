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
from spfcheck.rfc7208.message import ascii_domain
from spfcheck.rfc7208.verdict import Cause, Event, Result, Verdict

FINAL_SECONDS = 20.0
"""RFC 7208 4.6.4: a check should be given at least 20 seconds, after which it is a temperror."""


class AddressError(Exception):
    """The text is no IP address; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class HostQuestion:
    """One connection: who connects, and the identities that it gives (RFC 7208 2.3, 2.4)."""

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    sender: str
    helo: str

    @property
    def identity(self) -> str:
        """The identity that is judged: MAIL FROM, or ``postmaster@`` the HELO name when it is empty."""
        # RFC 7208 4.3: a sender without a local part has the local part "postmaster".
        return f"{self.sender.rpartition('@')[0] or 'postmaster'}@{self.domain}"

    @property
    def domain(self) -> str:
        """The domain whose record is asked for; what it is, if it is one, check_host() says."""
        return self.sender.rpartition("@")[2] if self.sender else self.helo


def host_question(ip: str, sender: str, helo: str) -> HostQuestion:
    """What is to be judged, of whatever an SMTP client may say. Raises `AddressError`.

    *sender* may stand in the brackets of its command, ``<>`` for a bounce. Neither it nor *helo* is refused: what is no
    domain to be checked is ``none`` (RFC 7208 4.3).
    """
    return HostQuestion(ip_address(ip), _path(sender), _in_a_labels(helo))


def _path(text: str) -> str:
    """The mailbox of a reverse path (RFC 5321 4.1.2): without its brackets, and without a source route."""
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    if text.startswith("@") and ":" in text:
        text = text.partition(":")[2]
    return text


def _in_a_labels(helo: str) -> str:
    """RFC 8616 3: macros and look-ups are made of A-labels; what is no name stays as it was said."""
    return helo if helo.isascii() else ascii_domain(helo) or helo


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
