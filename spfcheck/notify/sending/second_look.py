"""The second look, right before a message: the contact as it is now, the domain as the DNS says it now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from spfcheck.audit.report.model import Report, Status
from spfcheck.intercom.answers import Contact
from spfcheck.intercom.client import Intercom
from spfcheck.notify.audience import query
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.register import Letter
from spfcheck.notify.model import MessageStep, NoticeState, Reason
from spfcheck.notify.planning import evidence
from spfcheck.notify.planning.checks import DomainChecks
from spfcheck.notify.sending.consent import Consent
from spfcheck.settings import AudienceSettings

FOR_GOOD = frozenset(
    {Reason.UNSUBSCRIBED, Reason.BOUNCED, Reason.MARKED_SPAM, Reason.OPTED_OUT, Reason.SUPPRESSED, Reason.REPAIRED}
)
"""Reasons after which a notice is closed; every other one is for the next night to decide."""


def state_for(reason: Reason) -> NoticeState:
    """Where a notice goes that is not sent for *reason*."""
    return NoticeState.SUPPRESSED if reason in FOR_GOOD else NoticeState.WAITING


class Recipient(NamedTuple):
    """A contact as it is now; *reason* says why it is not messaged."""

    contact: Contact | None
    domains: frozenset[str]
    """The domains of the letter that the person's contacts still name."""
    reason: Reason | None
    tags: frozenset[str] = frozenset()
    """All tags of all contacts of the mailbox."""


class SecondLook:
    """Checks a letter again from the beginning; nothing of the night's verdict is taken for granted."""

    def __init__(
        self,
        *,
        intercom: Intercom,
        checks: DomainChecks,
        people: query.People,
        audience_settings: AudienceSettings,
        consent: Consent,
        guards: Guards,
        clock: Callable[[], float],
    ) -> None:
        self._intercom = intercom
        self._checks = checks
        self._people = people
        self._audience = audience_settings
        self._consent = consent
        self._guards = guards
        self._clock = clock

    async def recipient(self, letter: Letter) -> Recipient:
        """The contact of *letter*, with consent asked of the person once more, and what the person's contacts name now.

        A person with several contacts is written to through one of them; each domain must still stand at its own. A
        contact that was merged is followed to the one that it is now.
        """
        contact = await self._consent.contact(letter.contact_id)
        if contact is None:
            return Recipient(None, frozenset(), Reason.CONTACT_GONE)
        answer = await self._consent.of(contact, letter.person)
        if answer.reason is not None:
            return Recipient(contact, frozenset(), answer.reason, answer.tags)
        named = {letter.contact_id: await self._domains(contact)}
        for other in set(letter.contacts) - {letter.contact_id}:
            theirs = await self._consent.contact(other)
            same = theirs is not None and bool(theirs.email) and self._people.person(theirs.email) == letter.person
            named[other] = await self._domains(theirs) if theirs is not None and same else frozenset()
        pairs = zip(letter.domains, letter.contacts, strict=True)
        domains = frozenset(domain for domain, where in pairs if domain in named[where])
        return Recipient(contact, domains, None, answer.tags)

    async def _domains(self, contact: Contact) -> frozenset[str]:
        companies: dict[str, list[str]] = {}
        sources = [source for source in self._audience.domain_sources if source.origin == "company"]
        if sources and contact.companies:
            for company in await self._intercom.contact_companies(contact.id):
                texts = [text for source in sources for text in query.texts_at(company, source)]
                read = [query.read_domain(text)[0] for text in texts]
                companies[str(company.get("id"))] = [domain for domain in read if domain]
            # The contact itself lists ten at most.
            contact = replace(contact, companies=tuple(companies))
        return frozenset(query.domains_of(contact, self._audience, companies).domains)

    async def verdict(self, domain: str, step: MessageStep, fault: str) -> tuple[Report | None, Reason | None]:
        """The report on *domain* as the DNS says it now, or why it is not written about."""
        report = await self._checks.again(domain)
        now = self._clock()
        if step is MessageStep.THANKS:
            return (report, None) if report.status in (Status.OK, Status.AT_RISK) else (None, Reason.CHANGED)
        judgement = evidence.judge(report, now=now, guards=self._guards)
        if judgement.reason in (Reason.PASSES, Reason.AT_RISK):
            return None, Reason.REPAIRED
        if judgement.reason is None and evidence.fault_of(report) != fault:
            return None, Reason.CHANGED
        if judgement.reason is None:
            second = await self._checks.second(domain)
            judgement = evidence.confirm(report, second, now=now, guards=self._guards)
        return (report, None) if judgement.reason is None else (None, judgement.reason)
