"""The Report: what every face shows, immutable and stable as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any

SCHEMA = 1
"""The version of the JSON shape; a field may be added within a version, never removed or given another meaning."""


class Status(StrEnum):
    """The state of a domain, for programs."""

    OK = "ok"
    """Every network of our senders passes."""
    AT_RISK = "at_risk"
    """All pass today, with a finding that threatens it; or they fail by the strict reading of the RFC only."""
    ACTION_NEEDED = "action_needed"
    """Some or all of our networks do not pass, by the strict and the lenient reading, for a definite reason."""
    UNKNOWN = "unknown"
    """DNS did not answer; ask again later."""


class Severity(StrEnum):
    """How much a finding matters to our mail."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class RemedyKind(StrEnum):
    """What the owner of the domain has to do."""

    NONE = "none"
    PUBLISH = "publish"
    REPLACE = "replace"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity that SPF judges: MAIL FROM, or HELO when the sender is empty (RFC 7208 2.3, 2.4)."""

    mail_from: str
    helo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRecord:
    """The SPF record as it is published."""

    name: str
    """Where it stands: the domain, or the target of its CNAME."""
    text: str
    """The character-strings joined (RFC 7208 3.3), each character one byte (latin-1)."""
    strings: tuple[str, ...]
    ttl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderNetwork:
    """One of our networks and what SPF says of it."""

    sender: str
    """The name of the sender profile."""
    network: str
    """In CIDR notation."""
    result: str
    """The RFC result where all addresses share it, else ``partial``."""
    via: str = ""
    """The term that decides, with the path that leads to it: ``include:_spf.mail.example > ip4:192.0.2.0/24``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing worth knowing; the text is rendered from *code* and *params*, never the other way."""

    code: str
    severity: Severity
    domain: str
    """The name whose record it is about."""
    message: str
    advice: str
    span: tuple[int, int] | None = None
    """Where in the text of that record, as a slice."""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecord:
    """A record that has to go when the remedy is published."""

    name: str
    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """The least edit that is proven to repair the domain, or why there is none."""

    kind: RemedyKind
    name: str = ""
    """The TXT record's name."""
    value: str = ""
    """The record to publish, unsplit."""
    strings: tuple[str, ...] = ()
    """The same, in character-strings of at most 255 bytes, as a zone file wants them."""
    delete: tuple[DeleteRecord, ...] = ()
    edits: tuple[str, ...] = ()
    """What was changed, a sentence each."""
    newly_authorised: tuple[str, ...] = ()
    """Networks that the new text authorises and the published text does not, other than ours (repair I3)."""
    proof: Mapping[str, Any] | None = None
    """How it was proven, and what that rests on; with kind publish and replace."""
    certificate: Mapping[str, Any] | None = None
    """Why no record is proposed; with kind manual."""
    remaining: tuple[Finding, ...] = ()
    """What the proposed record would still do to the mail of others: its own findings of severity error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the second engine says of the same DNS answers."""

    engine: str
    asked: bool
    result: str = ""
    """``agrees``, ``disagrees``, ``known-defect`` or ``no-opinion``."""
    agrees: bool | None = None
    """None where it was not asked or has no opinion."""
    detail: str = ""
    may_message: bool = False
    """True only when both engines say that our senders do not pass and that the proposed record makes them pass."""


NOT_ASKED = Opinion(engine="pyspf", asked=False)
"""What a report says where no second engine was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeNode:
    """One term of the include tree, with its cost."""

    term: str
    """As written; the domain itself at the root."""
    domain: str
    """The name that it asks for or whose record it opens; empty for ip4, ip6 and all."""
    cost: int
    """Lookups that the term itself costs (0 or 1, RFC 7208 4.6.4)."""
    total: int
    """Lookups spent when the walk leaves this node, in evaluation order, as if no term matched."""
    record: str = ""
    """The record that was found there, for include, redirect and the root."""
    vendor: str = ""
    """The well-known name behind an include target, such as ``Google Workspace``."""
    answer: str = ""
    """What came back, in a few words, where it matters: ``no SPF record``, ``timeout``, ``void``."""
    children: tuple[TreeNode, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One DNS answer that the report rests on."""

    name: str
    type: str
    outcome: str
    data: tuple[Any, ...]
    """TXT: a list of character-strings; MX: ``[preference, name]``; addresses and names as text."""
    ttl: int
    resolver: str
    authenticated: bool
    soa_seen: bool
    ms: float
    chain: tuple[str, ...] = ()
    rcode: int | None = None
    stale: bool = False
    illegal_cname: bool = False
    detail: str = ""
    received_at: float = 0.0
    """Unix time at which it came from the network; 0 where no network was involved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is known of one domain at one time; the same for every face."""

    schema: int = SCHEMA
    report_id: str
    """Opaque, unguessable; the permalink's last part."""
    domain: str
    """A-labels, lower case."""
    identity: Identity
    status: Status
    headline: str
    """One sentence: what is wrong, or that nothing is."""
    result: str
    """The RFC result for our senders: one result where all share it, else the worst of them."""
    lenient_result: str
    """The same under the lenient policy."""
    record: PublishedRecord | None
    lookups: int
    """Worst case over the whole tree."""
    lookups_at_least: bool = False
    """True when our own ceiling ended the count."""
    void_lookups: int
    senders: tuple[SenderNetwork, ...]
    findings: tuple[Finding, ...]
    remedy: Remedy
    opinion: Opinion
    tree: TreeNode | None
    evidence: tuple[Evidence, ...]
    questions: int
    """How many DNS questions the report took."""
    authorised_v4: int
    """How many IPv4 addresses the record authorises in all; -1 when it cannot be said."""
    hypothetical: bool = False
    """True when the record was given (what if?) and is not what is published."""
    stale: bool = False
    likely: str = ""
    """The domain that was probably meant: *domain* is a host without any mail, and this one above it has some."""
    checked_at: float
    """Unix time."""
    expires_at: float
    """Unix time at which the shortest-lived answer runs out."""


def as_json(value: Any) -> Any:
    """*value* (a Report or a part of it) as plain dicts, lists, strings and numbers, in the order of its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    return value
