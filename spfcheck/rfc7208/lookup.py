"""What an evaluation asks of the DNS, and all that it needs to know of what came back.

This room does no I/O: an evaluation is a generator that yields a `Question` and is sent a `Reply`. Whoever drives it
decides where the reply comes from: the network, a cache, recorded evidence or a zone text.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple, Protocol


class Rtype(IntEnum):
    """The resource record types that this product asks for or reads (IANA "DNS Parameters")."""

    A = 1
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28
    SPF = 99


class Question(NamedTuple):
    """One name and one type to ask the DNS for.

    *name* is lower-case, without a trailing dot, labels joined by ``.``; each character stands for one byte
    (latin-1). It may be a name that the DNS cannot carry (a label over 63 bytes after a macro): whoever answers then
    says so by a reply without records, since such a name cannot exist.
    """

    name: str
    rtype: Rtype


class Reply(Protocol):
    """What an evaluation reads of an answer; `spfcheck.resolver.types.Answer` is one.

    The records are plain values, ready to compare:

    ======  ====================================================================================
    TXT     a tuple of ``bytes``, one for each character-string
    A       an ``int`` of 32 bits
    AAAA    an ``int`` of 128 bits
    MX      ``(preference, exchange name)``
    PTR     the name, as in `Question`; a byte that is no printable ASCII, a dot or a backslash
            inside a label stands as ``\\DDD``
    ======  ====================================================================================
    """

    @property
    def failed(self) -> bool:
        """True when the DNS did not answer: RFC 7208 2.6.6 makes that temperror. NXDOMAIN is an answer."""

    @property
    def nxdomain(self) -> bool:
        """True when the name does not exist (RCODE 3)."""

    @property
    def records(self) -> tuple[Any, ...]:
        """The records of the type asked for, in the order in which they came; empty on failure."""
