"""Answers of the DNS as plain facts, complete on failure too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from spfcheck.rfc7208.lookup import Question, Rtype

__all__ = ["FAILURES", "LOCAL", "Answer", "Lookup", "Outcome", "Question", "Rtype"]


class Outcome(StrEnum):
    """How a question ended. Closed: nothing is ever collapsed into "no record"."""

    OK = "ok"
    """Records of the type asked for."""
    NODATA = "nodata"
    """The name exists (or may), without records of that type."""
    NXDOMAIN = "nxdomain"
    """The name does not exist."""
    SERVFAIL = "servfail"
    """The resolver could not find out (RCODE 2)."""
    REFUSED = "refused"
    """The resolver refuses to answer (RCODE 5)."""
    RCODE = "rcode"
    """Any other response code than 0, 2, 3 and 5."""
    TIMEOUT = "timeout"
    """No usable answer in the time allowed."""
    TRUNCATED = "truncated"
    """The answer did not fit in UDP, and TCP failed."""
    MALFORMED = "malformed"
    """An answer came that cannot be read."""
    REFERRAL = "referral"
    """A server that is no resolver pointed elsewhere (neither RA nor AA)."""
    BOGUS = "bogus"
    """DNSSEC validation failed (SERVFAIL with EDE 1, 2, 5 to 12)."""
    FILTERED = "filtered"
    """The resolver blocks or censors the name (EDE 15 to 18)."""
    CHAIN = "chain"
    """A CNAME chain that loops or is too long."""
    UNREACHABLE = "unreachable"
    """No resolver could be reached at all."""
    LIMITED = "limited"
    """Our own limit on questions to one zone, or our own ceiling for one check."""


FAILURES = frozenset(Outcome) - {Outcome.OK, Outcome.NODATA, Outcome.NXDOMAIN}
"""The outcomes that are no answer: RFC 7208 2.6.6 temperror, and never the customer's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one question; satisfies `spfcheck.rfc7208.lookup.Reply`.

    *records* as described there. *ttl* in seconds: of the records, or of the negative answer (0 on failure).
    *resolver* is ``address:port`` of who said so (the last one tried on failure; one of `LOCAL` where no network was
    involved). *took_ms* is the time from the question to this answer.
    """

    question: Question
    outcome: Outcome
    records: tuple[Any, ...] = ()
    ttl: int = 0
    resolver: str = ""
    took_ms: float = 0.0
    rcode: int | None = None
    """The response code, extended by EDNS where present; None when nothing came back."""
    authenticated: bool = False
    """The AD flag: the resolver says that it validated the answer."""
    soa_seen: bool = False
    """A negative answer came with its SOA. Without, it is an answer but no evidence for a message (RFC 2308 2.2)."""
    chain: tuple[str, ...] = ()
    """The CNAME targets that were followed, in order."""
    illegal_cname: bool = False
    """A CNAME stood beside other data at one name (RFC 2181 10.1)."""
    detail: str = ""
    """One sentence about a failure, from the Extended DNS Error (RFC 8914) or the transport."""
    stale: bool = False
    """Older than its TTL: for people only, never evidence for a message."""
    received_at: float = 0.0
    """Unix time at which it came from the network; 0 where no network was involved."""

    @property
    def failed(self) -> bool:
        """True when this is no answer: temperror."""
        return self.outcome in FAILURES

    @property
    def nxdomain(self) -> bool:
        """True when the name does not exist."""
        return self.outcome is Outcome.NXDOMAIN

    @property
    def proven(self) -> bool:
        """True when this may be evidence for a message: an answer, fresh, unambiguous, and a negative with its SOA."""
        if self.failed or self.stale or self.illegal_cname:
            return False
        return self.outcome is Outcome.OK or self.soa_seen or self.resolver in LOCAL


LOCAL = frozenset(("local", "zone"))
"""*resolver* of an answer that no network gave: ``local`` for a name that no DNS message can carry, ``zone`` for a zone
text."""


class Lookup(Protocol):
    """The only door to the DNS for an audit: a resolver, a zone text, or recorded evidence."""

    def cached(self, question: Question) -> Answer | None:
        """A fresh answer that is cached, or None."""

    async def ask(self, question: Question) -> Answer:
        """The answer to *question*; never raises for what the DNS does, and waits no longer than its deadline."""
