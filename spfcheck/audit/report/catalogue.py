"""The closed catalogue of findings: code, severity, sentence and advice, in words that every face shows as they are.

A finding is made from its code and parameters; the text is rendered here and nowhere else, so that the page, the API,
the command line and the message to a customer say the same.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from spfcheck.audit.report.model import Finding, Severity
from spfcheck.audit.text.characters import readable
from spfcheck.audit.text.slips import HINTS
from spfcheck.rfc7208.making import maker


class Code(StrEnum):
    """Every finding there is. Stable: programs, translations and help pages hang on these words."""

    NO_RECORD = "no-record"
    RECORD_MISPLACED = "record-misplaced"
    RECORD_ELSEWHERE = "record-elsewhere"
    JUDGED_BELOW = "judged-below"
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
    INCLUDE_MISSPELT = "include-misspelt"
    UNKNOWN_MODIFIER = "unknown-modifier"
    DEPENDS_ON_MESSAGE = "depends-on-message"
    SENDER_NOT_INCLUDED = "sender-not-included"
    SENDER_PARTLY_INCLUDED = "sender-partly-included"
    SENDER_DENIED = "sender-denied"
    SENDER_NOT_READY = "sender-not-ready"
    TOO_COSTLY = "too-costly"
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
    otherwise: str = ""
    """The advice where nothing is proposed; empty where it is the same."""
    names: frozenset[str] = field(init=False)
    """The parameters, to be compared with those that are given."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(self.params))


_ASK_AGAIN: Final = "Nothing in the record needs to change for this. Check again later."


def _read() -> dict[Code, FindingKind]:
    text = files("spfcheck.audit.report").joinpath("catalogue.toml").read_text(encoding="utf-8")
    said: dict[str, Any] = tomllib.loads(text)
    failures = said.pop("failures")
    found = {
        Code(code): FindingKind(
            Severity(one["severity"]),
            one["message"],
            one["advice"],
            threatens=one.get("threatens", False),
            params=tuple(one.get("params", ())),
            otherwise=one.get("otherwise", ""),
        )
        for code, one in said.items()
    }
    for code, words in failures.items():
        message = f"DNS did not answer for {{name}} ({{type}}): {words}.{{detail}}"
        found[Code(code)] = FindingKind(Severity.WARNING, message, _ASK_AGAIN, params=("name", "type", "detail"))
    return found


CATALOGUE: Final[Mapping[Code, FindingKind]] = _read()
"""What each code means."""

_SHOWN_CHARACTERS: Final = 120
"""A longer value of a stranger's record is cut in sentences; the whole stands in the record itself."""


def printable(text: str) -> str:
    """*text* as it was typed, what cannot be seen made visible (``\\u00a0``), and cut to a readable length."""
    if len(text) <= _SHOWN_CHARACTERS and text.isascii() and text.isprintable():
        return text
    typed = readable(text)
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in typed[: _SHOWN_CHARACTERS + 1])
    return shown if len(typed) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "…"


_new_finding: Final = maker(Finding)


def finding(
    code: Code,
    domain: str,
    span: tuple[int, int] | None = None,
    *,
    severity: Severity | None = None,
    **params: Any,
) -> Finding:
    """The finding *code* about the record of *domain*, with its sentence and advice.

    *params* must be exactly those that the catalogue names for the code; `ValueError` otherwise, a mistake of ours.
    *severity* is that of the code, unless it matters less here.
    """
    kind = CATALOGUE[code]
    if params.keys() != kind.names:
        raise ValueError(f"{code} takes {kind.params}, not {tuple(params)}")
    shown = _shown(domain, params)
    message, advice = kind.message.format_map(shown), kind.advice.format_map(shown)
    return _new_finding(code._value_, severity or kind.severity, domain, message, advice, params, span)


def _shown(domain: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """*params* as sentences show them."""
    shown = dict(params)
    for name, value in params.items():
        if isinstance(value, str):
            shown[name] = printable(value)
    if "hint" in shown:
        shown["hint"] = HINTS.get(params["hint"], HINTS[""])
    shown["domain"] = domain
    return shown


_RANK: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def settled(findings: Sequence[Finding], domain: str, *, proposed: bool) -> list[Finding]:
    """*findings* of a report on *domain* as every face shows them: the worst first, then by their place in the record.

    Where nothing is *proposed*, no advice speaks of a proposal.
    """

    if not findings:
        return []

    def place(one: Finding) -> tuple[int, bool, tuple[int, ...]]:
        return _RANK[one.severity], one.span is None or one.domain != domain, one.span or ()

    found = sorted(findings, key=place)
    return found if proposed else [_unproposed(one) for one in found]


def _unproposed(found: Finding) -> Finding:
    kind = CATALOGUE[Code(found.code)]
    if not kind.otherwise:
        return found
    return replace(found, advice=kind.otherwise.format_map(_shown(found.domain, found.params)))


def threatens(found: Finding) -> bool:
    """True when *found* may stop mail tomorrow that passes today: status ``at_risk``."""
    return CATALOGUE[Code(found.code)].threatens


def authorises_all(domain: str) -> str:
    """The headline of a report without anything to repair."""
    return f"{domain} authorises all our servers."
