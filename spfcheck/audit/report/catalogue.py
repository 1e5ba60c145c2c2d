"""The closed catalogue of findings: code, severity, sentence and advice, in words that every face shows as they are.

A finding is made from its code and parameters; the text is rendered here and nowhere else, so that the page, the API,
the command line and the message to a customer say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from spfcheck.audit.report.model import Finding, Severity
from spfcheck.audit.text.slips import HINTS
from spfcheck.rfc7208.making import maker

__all__ = ["CATALOGUE", "Code", "FindingKind", "authorises_all", "finding", "printable", "threatens"]


class Code(StrEnum):
    """Every finding there is. Stable: programs, translations and help pages hang on these words."""

    NO_RECORD = "no-record"
    NEAR_MISS_RECORD = "near-miss-record"
    STRAY_RECORD = "stray-record"
    MULTIPLE_RECORDS = "multiple-records"
    TYPE_SPF_ONLY = "type-spf-only"
    SYNTAX_ERROR = "syntax-error"
    NON_ASCII = "non-ascii"
    STRING_OVER_255 = "string-over-255"
    RECORD_TOO_LONG = "record-too-long"
    LOOKUP_LIMIT = "lookup-limit"
    LOOKUP_LIMIT_NEAR = "lookup-limit-near"
    VOID_LOOKUP = "void-lookup"
    VOID_LIMIT_NEAR = "void-limit-near"
    VOID_LIMIT = "void-limit"
    MX_LIMIT = "mx-limit"
    INCLUDE_LOOP = "include-loop"
    INCLUDE_NO_RECORD = "include-no-record"
    INCLUDE_BROKEN = "include-broken"
    REDIRECT_IGNORED = "redirect-ignored"
    REDIRECT_NO_RECORD = "redirect-no-record"
    DOMAIN_NOT_FOUND = "domain-not-found"
    DECLARED_NO_MAIL = "declared-no-mail"
    NO_MX = "no-mx"
    NAME_IS_A_CNAME = "name-is-a-cname"
    TERMS_AFTER_ALL = "terms-after-all"
    NO_ALL = "no-all"
    NEUTRAL_ALL = "neutral-all"
    PASS_ALL = "pass-all"  # noqa: S105 - no password
    DUPLICATE_TERM = "duplicate-term"
    DEPRECATED_PTR = "deprecated-ptr"
    HOST_BITS_SET = "host-bits-set"
    PRIVATE_NETWORK = "private-network"
    WIDE_NETWORK = "wide-network"
    VERSION_REPEATED = "version-repeated"
    IGNORED_TERM = "ignored-term"
    UNKNOWN_MODIFIER = "unknown-modifier"
    DEPENDS_ON_MESSAGE = "depends-on-message"
    SENDER_NOT_INCLUDED = "sender-not-included"
    SENDER_PARTLY_INCLUDED = "sender-partly-included"
    SENDER_DENIED = "sender-denied"
    SENDER_NOT_READY = "sender-not-ready"
    RECEIVERS_DIFFER = "receivers-differ"
    CNAME_CONFLICT = "cname-conflict"
    ABSENCE_UNCONFIRMED = "absence-unconfirmed"
    SLOW_DNS = "slow-dns"
    STALE_ANSWER = "stale-answer"
    DNS_SERVFAIL = "dns-servfail"
    DNS_REFUSED = "dns-refused"
    DNS_RCODE = "dns-rcode"
    DNS_TIMEOUT = "dns-timeout"
    DNS_TRUNCATED = "dns-truncated"
    DNS_MALFORMED = "dns-malformed"
    DNS_REFERRAL = "dns-referral"
    DNS_BOGUS = "dns-bogus"
    DNS_FILTERED = "dns-filtered"
    DNS_CHAIN = "dns-chain"
    DNS_UNREACHABLE = "dns-unreachable"
    DNS_LIMITED = "dns-limited"


@dataclass(frozen=True, slots=True)
class FindingKind:
    """What a code means: how bad, whether it threatens mail that passes today, and its words.

    *message* and *advice* are format strings over the parameters named in *params*.
    """

    severity: Severity
    message: str
    advice: str
    threatens: bool = False
    params: tuple[str, ...] = ()
    names: frozenset[str] = field(init=False)
    """The parameters, to be compared with those that are given."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(self.params))


_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_ASK_AGAIN: Final = "Nothing in the record needs to change for this. Check again later."

CATALOGUE: Mapping[Code, FindingKind] = {
    Code.NO_RECORD: FindingKind(
        _ERROR,
        "{domain} publishes no SPF record, so nobody is authorised to send as it.",
        "Publish one TXT record at {domain}, as proposed.",
    ),
    Code.NEAR_MISS_RECORD: FindingKind(
        _ERROR,
        "A TXT record at {domain} is meant as SPF but does not begin as one ({slip}), so receivers see no policy.",
        "Replace it by a record that begins with v=spf1 and a space.",
        params=("slip", "text"),
    ),
    Code.STRAY_RECORD: FindingKind(
        _INFO,
        "Beside its SPF record {domain} publishes a text that looks like a part of one; receivers ignore it.",
        "Delete that TXT record, or move what it says into the SPF record.",
        params=("text",),
    ),
    Code.MULTIPLE_RECORDS: FindingKind(
        _ERROR,
        "{domain} publishes {count} SPF records; with more than one, receivers use none of them.",
        "Merge them into one record and delete the others.",
        params=("count",),
    ),
    Code.TYPE_SPF_ONLY: FindingKind(
        _ERROR,
        "{domain} publishes its policy only in the obsolete record type SPF (99), which receivers do not read.",
        "Publish the same text as a TXT record.",
        params=("text",),
    ),
    Code.SYNTAX_ERROR: FindingKind(
        _ERROR,
        "The record of {domain} cannot be read at “{text}”; the whole record counts as broken.",
        "{hint}",
        threatens=True,
        params=("text", "reason", "hint"),
    ),
    Code.NON_ASCII: FindingKind(
        _ERROR,
        "The record of {domain} holds a character that is not allowed: {character}.",
        "Type the record again as plain text, without typographic dashes, quotes or special spaces.",
        threatens=True,
        params=("character",),
    ),
    Code.STRING_OVER_255: FindingKind(
        _INFO,
        "The record of {domain} is {length} bytes long; one character-string holds 255 at most.",
        "Enter it as several quoted strings in one TXT record, split as proposed; many panels do so by themselves.",
        params=("length",),
    ),
    Code.RECORD_TOO_LONG: FindingKind(
        _WARNING,
        "The record of {domain} is {length} bytes long; over 450 the answer may not fit into one UDP packet.",
        "Move a part of it into a record of its own and include that.",
        params=("length",),
    ),
    Code.LOOKUP_LIMIT: FindingKind(
        _ERROR,
        "The record of {domain} needs {shown} of 10 DNS lookups; beyond ten, receivers answer permerror.",
        "Remove an include that is no longer used; the tree shows what each one costs.",
        threatens=True,
        params=("count", "shown", "at_least"),
    ),
    Code.LOOKUP_LIMIT_NEAR: FindingKind(
        _WARNING,
        "The record of {domain} needs {count} of 10 DNS lookups; little more, also inside an include, breaks it.",
        "Remove an include that is no longer used before adding another.",
        threatens=True,
        params=("count",),
    ),
    Code.VOID_LOOKUP: FindingKind(
        _INFO,
        "The term {term} of {domain} asks for {name}, which has no {type} record.",
        "Remove the term if that host no longer exists; receivers accept two such lookups.",
        params=("term", "name", "type"),
    ),
    Code.VOID_LIMIT_NEAR: FindingKind(
        _WARNING,
        "Evaluating {domain} meets {count} empty DNS answers for {family}; a third makes receivers answer permerror.",
        "Remove terms whose hosts do not exist.",
        threatens=True,
        params=("count", "family"),
    ),
    Code.VOID_LIMIT: FindingKind(
        _ERROR,
        "Evaluating {domain} meets {count} empty DNS answers for {family}; from the third on it is permerror.",
        "Remove terms whose hosts do not exist.",
        threatens=True,
        params=("count", "family"),
    ),
    Code.MX_LIMIT: FindingKind(
        _ERROR,
        "The term {term} of {domain} leads to {count} mail hosts; SPF allows ten.",
        "Replace mx by the networks or the include that these hosts belong to.",
        threatens=True,
        params=("term", "count"),
    ),
    Code.INCLUDE_LOOP: FindingKind(
        _ERROR,
        "The record of {domain} leads back to itself through {term}; such a loop uses up all lookups.",
        "Remove {term} from the record of {domain}.",
        threatens=True,
        params=("term", "target"),
    ),
    Code.INCLUDE_NO_RECORD: FindingKind(
        _ERROR,
        "{domain} includes {target}, which publishes no SPF record; receivers that get that far answer permerror.",
        "Correct the name or remove {term}; ask the provider which name is right.",
        threatens=True,
        params=("term", "target"),
    ),
    Code.INCLUDE_BROKEN: FindingKind(
        _ERROR,
        "{domain} includes {target}, whose own record is broken ({reason}).",
        "Ask the provider behind {target} to repair it, or remove {term}.",
        threatens=True,
        params=("term", "target", "reason"),
    ),
    Code.REDIRECT_IGNORED: FindingKind(
        _INFO,
        "The record of {domain} has both all and {term}; receivers ignore the redirect.",
        "Keep the one that is meant and remove the other.",
        params=("term",),
    ),
    Code.REDIRECT_NO_RECORD: FindingKind(
        _ERROR,
        "{domain} redirects to {target}, which publishes no SPF record; receivers that get that far answer permerror.",
        "Correct the name in {term}.",
        threatens=True,
        params=("term", "target"),
    ),
    Code.DOMAIN_NOT_FOUND: FindingKind(
        _ERROR,
        "The domain {domain} does not exist in the DNS.",
        "Check the spelling, and whether the domain is still registered.",
    ),
    Code.DECLARED_NO_MAIL: FindingKind(
        _WARNING,
        "{domain} declares that no server may send mail as it.{null_mx}",
        "If mail is to be sent as {domain}, authorise the senders as proposed; otherwise send from another domain.",
        params=("null_mx",),
    ),
    Code.NO_MX: FindingKind(
        _WARNING,
        "{domain} has no mail host (MX), so replies cannot arrive.",
        "Publish an MX record, or send from a domain that receives mail.",
    ),
    Code.NAME_IS_A_CNAME: FindingKind(
        _INFO,
        "{domain} is an alias of {target}; its SPF record is the one that is published there.",
        "Changes belong at {target} and serve every name that points to it.",
        params=("target",),
    ),
    Code.TERMS_AFTER_ALL: FindingKind(
        _WARNING,
        "The record of {domain} goes on after {term}; receivers never read {text}.",
        "Move what is still meant in front of {term} and delete the rest.",
        params=("term", "text"),
    ),
    Code.NO_ALL: FindingKind(
        _WARNING,
        "The record of {domain} has neither all nor redirect, so it says nothing about other servers.",
        "End it with ~all once every sender is listed.",
    ),
    Code.NEUTRAL_ALL: FindingKind(
        _INFO,
        "The record of {domain} ends in ?all, which says nothing about servers that are not listed.",
        "End it with ~all once every sender is listed.",
    ),
    Code.PASS_ALL: FindingKind(
        _WARNING,
        "The record of {domain} authorises every server in the world ({term}).",
        "List the senders and end the record with ~all; some receivers treat such a record as spam.",
        threatens=True,
        params=("term",),
    ),
    Code.DUPLICATE_TERM: FindingKind(
        _INFO,
        "The record of {domain} says {term} more than once; the repetition never matches and may cost lookups.",
        "Delete the repetition.",
        params=("term",),
    ),
    Code.DEPRECATED_PTR: FindingKind(
        _WARNING,
        "The record of {domain} uses {term}, which is slow and unreliable; some receivers ignore it.",
        "Replace it by the networks or the include that it stands for.",
        threatens=True,
        params=("term",),
    ),
    Code.HOST_BITS_SET: FindingKind(
        _INFO,
        "The term {term} of {domain} names an address inside a network; receivers read it as {network}.",
        "Write {network}, or the single address if only that is meant.",
        params=("term", "network"),
    ),
    Code.PRIVATE_NETWORK: FindingKind(
        _INFO,
        "The term {term} of {domain} lists addresses that cannot send over the Internet.",
        "Delete it; it does no harm, but takes up space.",
        params=("term",),
    ),
    Code.WIDE_NETWORK: FindingKind(
        _WARNING,
        "The term {term} of {domain} authorises {count} addresses.",
        "List only the networks that really send.",
        params=("term", "count"),
    ),
    Code.VERSION_REPEATED: FindingKind(
        _WARNING,
        "The record of {domain} says v=spf1 more than once; two records were probably pasted together.",
        "Keep one v=spf1 at the beginning and one all at the end.",
        params=("term",),
    ),
    Code.IGNORED_TERM: FindingKind(
        _WARNING,
        "The term {term} of {domain} has an equals sign where a colon belongs; receivers ignore it.",
        "Write {meant} if that is meant.",
        params=("term", "meant"),
    ),
    Code.UNKNOWN_MODIFIER: FindingKind(
        _INFO,
        "The record of {domain} holds {term}, which receivers do not know and ignore.",
        "It does no harm.",
        params=("term",),
    ),
    Code.DEPENDS_ON_MESSAGE: FindingKind(
        _INFO,
        "The term {term} of {domain} asks about each single message, so what it authorises cannot be listed.",
        "Nothing needs to change; it is kept as it is.",
        params=("term",),
    ),
    Code.SENDER_NOT_INCLUDED: FindingKind(
        _ERROR,
        "{domain} does not authorise our servers ({sender}): receivers answer {result}.",
        "Add include:{include} to the SPF record, as proposed.",
        params=("sender", "include", "result", "networks"),
    ),
    Code.SENDER_PARTLY_INCLUDED: FindingKind(
        _ERROR,
        "{domain} authorises only some of our servers ({sender}); {networks} do not pass.",
        "Add include:{include} to the SPF record, as proposed, instead of single addresses.",
        params=("sender", "include", "networks"),
    ),
    Code.SENDER_DENIED: FindingKind(
        _ERROR,
        "{domain} turns our servers ({sender}) away by name, through {term}.",
        "Ask the owner of {domain} whether that is still meant; we do not propose to undo it.",
        params=("sender", "term"),
    ),
    Code.SENDER_NOT_READY: FindingKind(
        _WARNING,
        "Our own sender data is not ready, so nothing can be said about {domain}: {reason}",
        "This is for the operator of this service to repair; the owner of {domain} has nothing to do.",
        params=("reason",),
    ),
    Code.RECEIVERS_DIFFER: FindingKind(
        _WARNING,
        "Receivers differ on {domain}: by the strict reading our servers get {strict}, by the lenient one {lenient}.",
        "Remove the terms that meet empty DNS answers, or put our include first, as proposed.",
        threatens=True,
        params=("strict", "lenient"),
    ),
    Code.CNAME_CONFLICT: FindingKind(
        _WARNING,
        "{name} is an alias (CNAME) and has other records beside it; resolvers answer differently.",
        "Keep either the alias or the other records.",
        threatens=True,
        params=("name",),
    ),
    Code.ABSENCE_UNCONFIRMED: FindingKind(
        _INFO,
        "The answer that {name} has no such record came without proof of origin (no SOA).",
        "Ask a second resolver before acting on it.",
        params=("name",),
    ),
    Code.SLOW_DNS: FindingKind(
        _WARNING,
        "The DNS answer for {name} took {ms} ms; receivers that give up earlier cannot evaluate the record.",
        "Ask the operator of that name's servers about it.",
        params=("name", "ms"),
    ),
    Code.STALE_ANSWER: FindingKind(
        _INFO,
        "The DNS answer for {name} is older than its lifetime allows and may have changed.",
        _ASK_AGAIN,
        params=("name",),
    ),
}
"""What each code means; completed below by one entry for each kind of DNS failure."""

_FAILURES: Mapping[Code, str] = {
    Code.DNS_SERVFAIL: "the name's servers may be malfunctioning (SERVFAIL)",
    Code.DNS_REFUSED: "the server refuses to answer (REFUSED)",
    Code.DNS_RCODE: "the server answered with an error code",
    Code.DNS_TIMEOUT: "no answer came in time",
    Code.DNS_TRUNCATED: "the answer was too large for UDP, and TCP failed",
    Code.DNS_MALFORMED: "the answer could not be read",
    Code.DNS_REFERRAL: "the server only pointed elsewhere",
    Code.DNS_BOGUS: "DNSSEC validation failed",
    Code.DNS_FILTERED: "the resolver blocks the name",
    Code.DNS_CHAIN: "its aliases (CNAME) lead in a circle or too far",
    Code.DNS_UNREACHABLE: "no resolver could be reached",
    Code.DNS_LIMITED: "our own limit on questions was reached",
}
CATALOGUE = {
    **CATALOGUE,
    **{
        code: FindingKind(
            _WARNING,
            "DNS did not answer for {name} ({type}): " + words + ".{detail}",
            _ASK_AGAIN,
            params=("name", "type", "detail"),
        )
        for code, words in _FAILURES.items()
    },
}

_SHOWN_CHARACTERS: Final = 120
"""A longer value of a stranger's record is cut in sentences; the whole stands in the record itself."""


def printable(text: str) -> str:
    """*text* with every character outside printable ASCII made visible (``\\u00a0``), and cut to a readable length."""
    if len(text) <= _SHOWN_CHARACTERS and text.isascii() and text.isprintable():
        return text
    shown = "".join(char if " " <= char <= "~" else f"\\u{ord(char):04x}" for char in text[: _SHOWN_CHARACTERS + 1])
    return shown if len(text) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "…"


_new_finding: Final = maker(Finding)


def finding(code: Code, domain: str, span: tuple[int, int] | None = None, **params: Any) -> Finding:
    """The finding *code* about the record of *domain*, with its sentence and advice.

    *params* must be exactly those that the catalogue names for the code; `ValueError` otherwise, a mistake of ours.
    """
    kind = CATALOGUE[code]
    if params.keys() != kind.names:
        raise ValueError(f"{code} takes {kind.params}, not {tuple(params)}")
    shown = params.copy()
    for name, value in params.items():
        if isinstance(value, str):
            shown[name] = printable(value)
    if "hint" in shown:
        shown["hint"] = HINTS.get(params["hint"], HINTS[""])
    shown["domain"] = domain
    message, advice = kind.message.format_map(shown), kind.advice.format_map(shown)
    return _new_finding(code._value_, kind.severity, domain, message, advice, params, span)


def threatens(found: Finding) -> bool:
    """True when *found* may stop mail tomorrow that passes today: status ``at_risk``."""
    return CATALOGUE[Code(found.code)].threatens


def authorises_all(domain: str) -> str:
    """The headline of a report without anything to repair."""
    return f"{domain} authorises all our servers."
