"""What a person wants, asked of the workspace right before a letter: consent is the person's, not the contact's.

A mailbox may stand in several contacts. Whoever unsubscribed, bounced, marked spam or opted out in one of them did so
for all; and what the workspace's own rules keep out (filters, kinds of e-mail) is kept out in this moment, not as of
the night's search.
"""

from __future__ import annotations

from dataclasses import dataclass

from spfcheck.intercom.answers import Contact, GoneError
from spfcheck.intercom.client import Intercom
from spfcheck.notify.audience import query
from spfcheck.notify.audience.gather import Workspace
from spfcheck.notify.model import Reason
from spfcheck.settings import AudienceSettings

MOST_CONTACTS = 20
"""Of one mailbox: each costs a request or two. With more it is no person's mailbox, and somebody has to look."""

MOST_HOPS = 3
"""Merges of merges that are followed, as many as the API itself does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the workspace says of a person just now."""

    reason: Reason | None
    """Why nobody may be written to; None when the person may."""
    tags: frozenset[str] = frozenset()
    """All tags of all contacts of the mailbox, beyond the tenth too."""


class Consent:
    """Asks about one person at a time; *kinds* of e-mail are those of which opting out counts, all if it is empty."""

    def __init__(
        self,
        intercom: Intercom,
        people: query.People,
        audience: AudienceSettings,
        workspace: Workspace,
        kinds: frozenset[str] = frozenset(),
    ) -> None:
        self._intercom = intercom
        self._people = people
        self._audience = audience
        self._workspace = workspace
        self._kinds = kinds

    async def contact(self, contact_id: str) -> Contact | None:
        """A contact as it is now, or the one that it was merged into; None when it is gone."""
        for _ in range(MOST_HOPS + 1):
            try:
                return await self._intercom.contact(contact_id)
            except GoneError as gone:
                if not gone.moved_to:
                    return None
                contact_id = gone.moved_to
        return None

    async def of(self, contact: Contact, person: str) -> Said:
        """Whether *person*, who reads *contact*'s address, may be written to through it."""
        if contact.role not in self._audience.roles:
            return Said(reason=Reason.ROLE)
        if contact.email and self._people.person(contact.email) != person:
            return Said(reason=Reason.ADDRESS_CHANGED)
        tags: frozenset[str] = frozenset()
        mailbox = await self._mailbox(contact, person)
        if mailbox is None:
            return Said(reason=Reason.CONSENT_UNKNOWN)
        for one in mailbox:
            theirs = await self._tags(one)
            tags |= theirs
            # Of the other contacts only what they say no to counts: a lead of the same mailbox is no reason.
            reason = query.hold(one, (one.role,), frozenset())
            if reason is None and theirs & self._workspace.exclude_tags:
                reason = Reason.OPTED_OUT
            if reason is None and await self._turned_down(one):
                reason = Reason.UNSUBSCRIBED
            if reason is not None:
                return Said(reason=reason, tags=tags)
        return Said(reason=None if await self._within(contact) else Reason.OUTSIDE_AUDIENCE, tags=tags)

    async def _mailbox(self, contact: Contact, person: str) -> list[Contact] | None:
        """The contacts of one mailbox, *contact* first; None when there are too many."""
        found = {contact.id: contact}
        if not contact.email:
            return [contact]
        async for other in self._intercom.contacts_at(spellings(contact.email)):
            if other.email and self._people.person(other.email) == person:
                found.setdefault(other.id, other)
            if len(found) > MOST_CONTACTS:
                return None
        return list(found.values())

    async def _tags(self, contact: Contact) -> frozenset[str]:
        return contact.tags | await self._intercom.contact_tags(contact.id) if contact.more_tags else contact.tags

    async def _turned_down(self, contact: Contact) -> bool:
        try:
            refused = await self._intercom.email_opt_outs(contact.id)
        except GoneError:
            # Found by a search that lags behind: merged or deleted meanwhile, and no longer anybody's word.
            return False
        return bool(refused & self._kinds if self._kinds else refused)

    async def _within(self, contact: Contact) -> bool:
        """True while the audience's own filters still find *contact*."""
        filters = [*self._audience.filters, {"field": "id", "operator": "=", "value": contact.id}]
        if len(filters) == 1:
            return True
        narrowed = self._audience.model_copy(update={"filters": filters})
        return await self._intercom.count_contacts(query.query(narrowed)) > 0


def spellings(address: str) -> frozenset[str]:
    """The ways in which the workspace may spell the mailbox of *address*; search compares the text."""
    whole = address.strip()
    local, _, domain = whole.rpartition("@")
    plain = f"{local.partition('+')[0]}@{domain}"
    written = {address, whole, plain}
    return frozenset(written | {query.normalised(one) for one in written} | {one.lower() for one in written})
