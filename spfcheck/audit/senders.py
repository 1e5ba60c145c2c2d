"""Our senders: what a customer adds to authorise us, and the networks that we send from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.ranges import Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderProfile:
    """One set of servers that sends for customers.

    *include* is the name that a customer includes (``_spf.mail.example``); *networks* are CIDR texts. Where *networks*
    is empty they are read from the include's own record.
    """

    name: str
    include: str
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OurNetwork:
    """One network that we send from: its CIDR text, its family (4 or 6) and its addresses."""

    text: str
    family: int
    ranges: Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class OurSender:
    """One profile, looked up: what its include authorises and what it costs."""

    name: str
    include: str
    cost: int
    """Lookups that the include costs a customer: itself and what it includes (RFC 7208 4.6.4)."""
    allowed: Mapping[int, Ranges]
    """What the include authorises, by family: that is what a customer really adds."""
    networks: tuple[OurNetwork, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Ours:
    """What we are: made once a process from the profiles, and again when it expires.

    Not *ready* means that nothing can be said about any domain; *reasons* say why, a sentence each, for the operator.
    """

    ready: bool
    reasons: tuple[str, ...] = ()
    expires_at: float
    """Unix time after which it should be made again."""
    senders: tuple[OurSender, ...] = ()
    names: frozenset[str] = frozenset()
    """The includes, as names are compared."""
    allowed: Mapping[int, Ranges] = field(default_factory=lambda: {4: (), 6: ()})
    """What all includes together authorise, by family."""
    sending: Mapping[int, Ranges] = field(default_factory=lambda: {4: (), 6: ()})
    """What we send from, by family; a part of *allowed*."""
    answers: Mapping[Question, Answer] = field(default_factory=dict)
    """The DNS answers that this rests on."""
