"""From what our addresses get to a status, the findings about our senders, and the headline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spfcheck.audit.judgement.networks import PARTIAL, Judged, family_name, sender_networks
from spfcheck.audit.report.catalogue import Code, authorises_all, finding, threatens
from spfcheck.audit.report.model import Finding, Remedy, RemedyKind, SenderNetwork, Severity, Status
from spfcheck.audit.senders import Ours
from spfcheck.audit.text.terms import is_own
from spfcheck.rfc7208.limits import STRICT
from spfcheck.rfc7208.record import Result, Term
from spfcheck.rfc7208.verdict import Cause

__all__ = ["Standing", "decisive", "headline", "needed_includes", "sender_findings", "standing_of", "status_of"]


@dataclass(slots=True)
class Standing:
    """What our networks get, by the strict and the lenient reading, and by family what to say of void lookups."""

    networks: tuple[SenderNetwork, ...]
    result: Result
    lenient: Result
    voids: Mapping[int, tuple[Code, int]]


def status_of(
    result: Result, lenient: Result, networks: Sequence[SenderNetwork], findings: Sequence[Finding]
) -> Status:
    """The status of a domain whose senders get *result* by the strict and *lenient* by the lenient reading."""
    if result is Result.PASS:
        return Status.AT_RISK if any(threatens(found) for found in findings) else Status.OK
    if lenient is Result.PASS:
        return Status.AT_RISK
    # A part that fails for a definite reason is one that the owner can repair, whatever the DNS says of the others;
    # but as long as the DNS is silent nothing is proven, and nobody is told.
    if result is Result.TEMPERROR or any(one.result == Result.TEMPERROR for one in networks):
        return Status.UNKNOWN
    return Status.ACTION_NEEDED


def needed_includes(networks: Sequence[SenderNetwork], ours: Ours) -> tuple[str, ...]:
    """The includes of those profiles of which some network does not pass."""
    failing = {one.sender for one in networks if one.result != Result.PASS}
    return tuple(sender.include for sender in ours.senders if sender.name in failing)


def standing_of(judged: Judged, ours: Ours) -> Standing:
    """The standing of our networks by the partitions that were *judged*."""
    voids: dict[int, tuple[Code, int]] = {}
    for family, part in judged.strict.items():
        over = [cell for cell in part.cells if cell.cause is Cause.VOID_LIMIT]
        near = [cell for cell in part.cells if cell.void_lookups == STRICT.voids and cell.result is Result.PASS]
        if over:
            voids[family] = (Code.VOID_LIMIT, max(cell.void_lookups for cell in over))
        elif near:
            voids[family] = (Code.VOID_LIMIT_NEAR, STRICT.voids)
    return Standing(sender_networks(judged, ours), judged.result(), judged.lenient_result(), voids)


def sender_findings(domain: str, terms: Sequence[Term] | None, standing: Standing, ours: Ours) -> Iterator[Finding]:
    """The findings on our senders: included, partly, denied, or read differently by receivers.

    *terms* are those that receivers read; None where they read none.
    """
    strict, lenient = standing.result, standing.lenient
    if terms is not None and lenient is not Result.PASS:
        yield from _authorisation(domain, terms, standing.networks, ours)
    if strict is not Result.PASS and lenient is Result.PASS:
        yield finding(Code.RECEIVERS_DIFFER, domain, strict=strict.value, lenient=lenient.value)
    for family in (4, 6):
        if family in standing.voids:
            code, count = standing.voids[family]
            yield finding(code, domain, count=count, family=family_name(family))


def _authorisation(
    domain: str, terms: Sequence[Term], networks: Sequence[SenderNetwork], ours: Ours
) -> Iterator[Finding]:
    for sender in ours.senders:
        mine = [one for one in networks if one.sender == sender.name]
        bad = [one for one in mine if one.result != Result.PASS]
        if not bad or any(one.result == Result.TEMPERROR for one in bad):
            continue
        names = frozenset({sender.include})
        own = [term for term in terms if is_own(term, names)]
        denied = next((term for term in own if term.result is Result.FAIL), None)
        shown = ", ".join(one.network for one in bad[:5]) + (" and more" if len(bad) > 5 else "")
        if denied is not None:
            span = (denied.span.start, denied.span.stop)
            yield finding(Code.SENDER_DENIED, domain, span, sender=sender.name, term=denied.text)
        elif len(bad) < len(mine) or any(one.result == PARTIAL for one in bad):
            yield finding(
                Code.SENDER_PARTLY_INCLUDED, domain, sender=sender.name, include=sender.include, networks=shown
            )
        elif not any(term.result is Result.PASS for term in own):
            results = {one.result for one in bad}
            yield finding(
                Code.SENDER_NOT_INCLUDED,
                domain,
                sender=sender.name,
                include=sender.include,
                result=" or ".join(sorted(results)),
                networks=shown,
            )


_MAIN_FIRST: Final = (
    Code.DOMAIN_NOT_FOUND,
    Code.MULTIPLE_RECORDS,
    Code.NON_ASCII,
    Code.SYNTAX_ERROR,
    Code.NEAR_MISS_RECORD,
    Code.TYPE_SPF_ONLY,
    Code.RECORD_MISPLACED,
    Code.NO_RECORD,
    Code.SENDER_DENIED,
    Code.INCLUDE_MISSPELT,
    Code.INCLUDE_LOOP,
    Code.LOOKUP_LIMIT,
    Code.DECLARED_NO_MAIL,
    Code.SENDER_PARTLY_INCLUDED,
    Code.SENDER_NOT_INCLUDED,
    Code.VOID_LIMIT,
    Code.INCLUDE_NO_RECORD,
    Code.REDIRECT_NO_RECORD,
    Code.INCLUDE_BROKEN,
    Code.MX_LIMIT,
)
"""What a headline says first, where several things are wrong."""


def headline(domain: str, status: Status, findings: Sequence[Finding], remedy: Remedy) -> str:
    """One sentence: what is wrong, or that nothing is."""
    if status is Status.OK:
        return authorises_all(domain)
    if status is Status.UNKNOWN:
        ours = (Code.SENDER_NOT_READY, Code.TOO_COSTLY)
        failed = next((one for one in findings if one.code.startswith("dns-") or one.code in ours), None)
        words = failed.message if failed is not None else "The DNS did not answer."
        return f"It cannot be said whether {domain} authorises our servers. {words}"
    main = _main(findings)
    if status is Status.AT_RISK:
        risk = next((one for one in findings if threatens(one)), main)
        start = f"{domain} authorises our servers today, but that is at risk."
        return f"{start} {risk.message}" if risk is not None else start
    if main is None:
        return f"{domain} does not authorise our servers."
    return main.message if remedy.kind is not RemedyKind.MANUAL else f"{main.message} A person has to look at it."


def decisive(findings: Sequence[tuple[str, str]]) -> int | None:
    """Which of *findings*, each a code and its severity, every face speaks of first; None where none is an error."""
    codes = [code for code, _ in findings]
    first = next((code for code in _MAIN_FIRST if code in codes), None)
    if first is not None:
        return codes.index(first)
    return next((index for index, (_, severity) in enumerate(findings) if severity == Severity.ERROR), None)


def _main(findings: Sequence[Finding]) -> Finding | None:
    place = decisive([(found.code, found.severity) for found in findings])
    return findings[place] if place is not None else None
