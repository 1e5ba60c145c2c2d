"""What must be known before a customer is messaged: pure judgements of a report.

Everything that is not certain leads to silence and a line on the staff's list; nothing here leads from a DNS failure to
a message.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from spfcheck.audit.judgement.status import decisive
from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.model import RemedyKind, Report, Status
from spfcheck.notify.guards import HOUR, Guards
from spfcheck.notify.ledger.archive import DomainState
from spfcheck.notify.model import Reason
from spfcheck.rfc7208.message import identity

RECORD = re.compile(r"(?i:v=spf1)(?: +[!-~]+)* *")
"""The characters that the grammar of a record has (RFC 7208 12): visible ASCII, spaces between terms and at the end,
and the version in any case."""

TEMPLATE_MARKS = ("{{", "}}", "{%", "%}{", "<%", "${")
"""What a template language along the way might take for its own."""


class Judgement(NamedTuple):
    """Whether a report warrants a message; *reason* is None when it does."""

    reason: Reason | None
    detail: str = ""


_WARRANTED = Judgement(None)


def fault_of(report: Report) -> str:
    """The code of the finding that every face speaks of first; empty where none is an error."""
    place = decisive([(found.code, found.severity) for found in report.findings])
    return report.findings[place].code if place is not None else ""


def judge(report: Report, *, now: float, guards: Guards) -> Judgement:
    """Whether *report* alone warrants a message: its status, its evidence, its remedy, both engines."""
    for question in (_status, _kind_of_domain, _freshness, _remedy, _opinion):
        judgement = question(report, now, guards)
        if judgement.reason is not None:
            return judgement
    return _WARRANTED


def _status(report: Report, now: float, guards: Guards) -> Judgement:
    del now, guards
    if report.status is Status.OK:
        return _left(Reason.PASSES)
    if report.status is Status.AT_RISK:
        return _left(Reason.AT_RISK)
    if report.status is not Status.ACTION_NEEDED:
        if any(found.code == Code.TOO_COSTLY for found in report.findings):
            return Judgement(Reason.NOT_CHECKED, report.headline)
        filtered = any(answer.outcome == "filtered" for answer in report.evidence)
        return _left(Reason.FILTERED if filtered else Reason.DNS_FAILED)
    return _WARRANTED


def _kind_of_domain(report: Report, now: float, guards: Guards) -> Judgement:
    del now, guards
    # What SPF judges may be a name below the domain (RFC 7208 2.4), and speaks for its mail.
    names = {report.domain, identity(report.identity.mail_from, report.identity.helo).domain}
    codes = {found.code for found in report.findings if found.domain in names}
    if Code.DOMAIN_NOT_FOUND in codes:
        return _left(Reason.NO_SUCH_DOMAIN)
    if Code.DECLARED_NO_MAIL in codes:
        return _left(Reason.SENDS_NO_MAIL)
    if report.likely:
        return _left(Reason.ANOTHER_DOMAIN)
    # RFC 2181 10.1: with a CNAME beside the record, resolvers differ in what they answer.
    if any(answer.illegal_cname for answer in report.evidence):
        return Judgement(Reason.NEEDS_A_PERSON, "A CNAME stands beside other records; resolvers answer differently.")
    return _WARRANTED


def _freshness(report: Report, now: float, guards: Guards) -> Judgement:
    if report.stale or report.hypothetical or any(answer.stale for answer in report.evidence):
        return _left(Reason.STALE)
    if not -guards.answers_max_age <= now - report.checked_at <= guards.answers_max_age:
        return _left(Reason.STALE)
    return _WARRANTED


def _remedy(report: Report, now: float, guards: Guards) -> Judgement:
    del now, guards
    remedy = report.remedy
    if remedy.kind is RemedyKind.MANUAL:
        return _left(Reason.NEEDS_A_PERSON)
    if remedy.kind not in (RemedyKind.PUBLISH, RemedyKind.REPLACE) or not remedy.proof:
        return _left(Reason.NOT_PROVEN)
    against = unmailable(remedy.value)
    if against:
        return Judgement(Reason.NEEDS_A_PERSON, against)
    return _WARRANTED


def _opinion(report: Report, now: float, guards: Guards) -> Judgement:
    del now, guards
    opinion = report.opinion
    if not opinion.asked or opinion.agrees is None:
        return Judgement(Reason.NO_OPINION, opinion.detail or Reason.NO_OPINION.sentence)
    if not opinion.agrees or not opinion.may_message:
        return Judgement(Reason.ENGINES_DIFFER, opinion.detail or Reason.ENGINES_DIFFER.sentence)
    return _WARRANTED


def is_ours(domain: str, ours: frozenset[str]) -> bool:
    """True for a domain of *ours*, and for every name below one."""
    parts = domain.split(".")
    return any(".".join(parts[start:]) in ours for start in range(len(parts)))


def site_of(domain: str) -> str:
    """The domain that *domain* is the web site's name of; empty where it is none."""
    parent = domain.removeprefix("www.")
    return parent if parent != domain and "." in parent else ""


def of_site(site: Report) -> Judgement:
    """Whether the owner of a ``www.`` may be written to, by the report on the domain that it belongs to."""
    if site.status in (Status.OK, Status.AT_RISK):
        return _left(Reason.WWW)
    # Who cannot tell whether it is sound cannot tell either whether somebody only pasted an address.
    return _left(Reason.DNS_FAILED) if site.status is Status.UNKNOWN else _WARRANTED


def mailable(record: str) -> bool:
    """True when *record* holds nothing but what a record may hold, and nothing that a template would run."""
    return not unmailable(record)


def unmailable(record: str) -> str:
    """Why no message may carry *record*, in a sentence; empty where one may."""
    for mark in TEMPLATE_MARKS:
        if mark in record:
            return f"The proven record holds {mark}, which a template along the way might take for its own."
    odd = next((char for char in record if not " " <= char <= "~"), "")
    if odd:
        return f"The proven record holds a character that no record may hold (U+{ord(odd):04X})."
    if RECORD.fullmatch(record) is None:
        return "The proven record does not begin with v=spf1 and a space."
    return ""


def unconfirmed_negatives(report: Report) -> tuple[str, ...]:
    """Names whose absence nobody vouches for: a negative answer that came without its SOA (RFC 2308 2.2)."""
    absent = ("nodata", "nxdomain")
    return tuple(answer.name for answer in report.evidence if answer.outcome in absent and not answer.soa_seen)


def confirm(report: Report, second: Report | None, *, now: float, guards: Guards) -> Judgement:
    """Whether a second resolver sees the same fault; without one, every negative must carry its SOA."""
    if second is None:
        names = unconfirmed_negatives(report)
        if names:
            return Judgement(Reason.UNCONFIRMED_NEGATIVE, f"{Reason.UNCONFIRMED_NEGATIVE.sentence} ({names[0]})")
        return _WARRANTED
    same = (
        _status(second, now, guards).reason is None
        and fault_of(second) == fault_of(report)
        and (second.record.text if second.record else "") == (report.record.text if report.record else "")
    )
    return _WARRANTED if same else _left(Reason.RESOLVERS_DIFFER)


def seen_enough(state: DomainState, fault: str, *, now: float, guards: Guards) -> Judgement:
    """Whether the same fault was seen in enough runs, far enough apart."""
    if state.fault != fault or state.fault_runs < 1:
        return _left(Reason.NOT_YET_CONFIRMED)
    # A sighting of this very run is later than the time at which the run began.
    hours = max(0.0, now - state.fault_first_at) / HOUR
    if state.fault_runs >= guards.min_runs and hours * HOUR >= guards.min_between_runs:
        return _WARRANTED
    wanted = f"{guards.min_runs} runs {guards.min_between_runs / HOUR:g} hours apart"
    return Judgement(
        Reason.NOT_YET_CONFIRMED, f"Seen in {state.fault_runs} run(s) over {hours:.0f} hours; {wanted} are needed."
    )


def _left(reason: Reason) -> Judgement:
    return Judgement(reason, reason.sentence)
