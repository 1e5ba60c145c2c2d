"""spfcheck: may we send mail as this domain, and if not, what exactly must its owner publish?

The library part is RFC 7208 itself. `check_host` judges one message over any source of DNS answers; `parse` reads a
record. Underneath, `spfcheck.rfc7208.evaluate` offers the same as generators that do no I/O, and the partition of a
whole set of addresses.

    >>> import asyncio
    >>> from spfcheck.resolver.zone import Zone, ZoneLookup
    >>> zone = ZoneLookup(Zone.parse('example.com TXT "v=spf1 ip4:192.0.2.0/24 -all"'))
    >>> asyncio.run(check_host("192.0.2.1", "alice@example.com", lookup=zone)).result
    <Result.PASS: 'pass'>
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from spfcheck.rfc7208 import evaluate as _evaluate
from spfcheck.rfc7208.limits import LENIENT, STRICT, Policy
from spfcheck.rfc7208.message import identity
from spfcheck.rfc7208.record import Problem, ProblemCode, Record, Result, Span, Term, parse
from spfcheck.rfc7208.verdict import Cause, Event, PathStep, Verdict, Why

if TYPE_CHECKING:
    from spfcheck.resolver.types import Lookup

__all__ = [
    "COMPILED",
    "LENIENT",
    "STRICT",
    "Cause",
    "Event",
    "PathStep",
    "Policy",
    "Problem",
    "ProblemCode",
    "Record",
    "Result",
    "Span",
    "Term",
    "Verdict",
    "Why",
    "check_host",
    "parse",
]


COMPILED = not (_evaluate.__file__ or "").endswith(".py")
"""True where the inner rooms were compiled: they do the same in two thirds of the time."""


async def check_host(
    ip: str | IPv4Address | IPv6Address,
    sender: str,
    helo: str = "",
    *,
    lookup: Lookup,
    policy: Policy = STRICT,
    trace: bool = False,
    explain: bool = False,
    receiver: str = "unknown",
    timestamp: int = 0,
) -> Verdict:
    """Judge whether *ip* may send mail as *sender* (RFC 7208 2.3, 2.4, 4), with DNS answers from *lookup*.

    *sender* is the MAIL FROM address; where it is empty, the *helo* name is judged instead (2.4). The address is split
    at its last ``@``; a domain in Unicode is judged by its A-labels. *policy* says how the limits of 4.6.4 are read.
    *trace* asks for an event a step. *explain* asks for the domain owner's text with a fail (6.2): text from a third
    party, in which ``%{r}`` is *receiver* and ``%{t}`` is *timestamp*, in Unix seconds.

    The verdict says temperror where the DNS does not answer, and never raises for what the DNS or a record holds;
    `ValueError` where *ip* is no address. Waits only for answers that *lookup* does not have at hand, and sets no
    deadline of its own.
    """
    from spfcheck.resolver.drive import drive  # noqa: PLC0415  (parsing a record needs no resolver)

    who = identity(sender, helo)
    evaluation = _evaluate.check_host(
        ip,
        who.domain,
        sender or f"{who.local_part}@{who.domain}",
        helo,
        policy=policy,
        trace=trace,
        explain=explain,
        receiver=receiver,
        timestamp=timestamp,
    )
    return await drive(evaluation, lookup)
