"""Reads the audience of a night from the messaging API into a roster, a page at a time, until it is whole.

Whoever is held is read too, whatever domain their contacts name and whatever the filters say: one mailbox may have
several contacts, and what one of them says of consent holds for the person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from spfcheck.intercom.answers import Contact, ContactPage, EndlessSearchError, Me, identifier
from spfcheck.intercom.client import Intercom
from spfcheck.notify.audience import query
from spfcheck.notify.audience.roster import FORMERLY, NO_DOMAIN, TAGGED, Against, Company, Gathered, Member
from spfcheck.notify.model import NotifyError, OnProgress, Progress
from spfcheck.settings import Settings

FEW = 0.02
"""Share of the audience that may be missing without a brake: people come and go while one reads."""

READINGS = 3
"""How often the audience is read from the beginning while pages overlap or people are missing; then a brake decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What is known of the workspace before anything is asked of it."""

    me: Me
    exclude_tags: frozenset[str]
    """Ids of the tags that opt out."""
    mark_tag: str
    """Id of the tag that we put on whom we messaged; empty while nobody was."""
    missing_tags: tuple[str, ...] = ()
    """Names of tags that opt out by the settings, and that the workspace does not have."""


class Book(Protocol):
    """Where the audience is written down as it comes."""

    async def known(self, contacts: Collection[str]) -> Collection[str]:
        """Those of *contacts* that are in it already."""

    async def take(self, members: Sequence[Member], so_far: Gathered) -> None:
        """Add a page of members, and how far it has come with it."""

    async def note(self, against: Sequence[Against], so_far: Gathered) -> None:
        """Add what a page of contacts says of people, and how far it has come with it."""

    async def add_companies(self, companies: Sequence[Company]) -> None:
        """Remember the domains of companies."""

    async def companies(self, ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        """The domains of each of *ids* that is known."""


async def enter(settings: Settings, intercom: Intercom, mark_tag: str) -> Workspace:
    """Make sure that it is the right workspace and that what is configured exists; raises `NotifyError` otherwise."""
    me = await intercom.me()
    expected = settings.intercom.workspace
    if not expected:
        raise NotifyError("Say which workspace the token must belong to (SPFCHECK_INTERCOM_WORKSPACE).")
    if me.workspace != expected:
        raise NotifyError(f"The token belongs to the workspace {me.workspace}, not to {expected}: nothing is done.")
    if settings.intercom.admin_id not in await intercom.admins():
        raise NotifyError(f"The workspace has no admin {settings.intercom.admin_id} (SPFCHECK_INTERCOM_ADMIN_ID).")
    await _attributes_exist(settings, intercom)
    tags = await intercom.tags()
    names = settings.audience.exclude_tags
    return Workspace(
        me=me,
        exclude_tags=frozenset(tags[name.lower()] for name in names if name.lower() in tags),
        mark_tag=tags.get(mark_tag.lower(), "") if mark_tag else "",
        missing_tags=tuple(name for name in names if name.lower() not in tags),
    )


async def _attributes_exist(settings: Settings, intercom: Intercom) -> None:
    for model in ("contact", "company"):
        wanted = [
            source.path
            for source in settings.audience.domain_sources
            if source.origin == model and source.path.startswith("custom_attributes.")
        ]
        if not wanted:
            continue
        known = await intercom.attributes(model)
        for path in wanted:
            kind = known.get(path) or known.get(path.removeprefix("custom_attributes."))
            if kind != "string":
                state = f"is a {kind}" if kind else "does not exist"
                raise NotifyError(f"The {model} attribute {path} {state} in the workspace; it must be a string.")


async def gather(
    settings: Settings,
    intercom: Intercom,
    people: query.People,
    workspace: Workspace,
    book: Book,
    progress: OnProgress | None = None,
    *,
    so_far: Gathered | None = None,
) -> Gathered:
    """Read all contacts of the audience, and all that are held, into *book*; what another began is gone on with."""
    gathered = so_far or Gathered()
    gathered.missing_tags = list(workspace.missing_tags)
    gathering = _Gathering(settings, intercom, people, workspace, book, gathered, progress)
    await gathering.all()
    return gathered


class _Gathering:
    """One night's reading; *gathered* says how far it has come."""

    def __init__(
        self,
        settings: Settings,
        intercom: Intercom,
        people: query.People,
        workspace: Workspace,
        book: Book,
        gathered: Gathered,
        progress: OnProgress | None,
    ) -> None:
        self._audience = settings.audience
        self._company_sources = [one for one in settings.audience.domain_sources if one.origin == "company"]
        self._intercom = intercom
        self._people = people
        self._workspace = workspace
        self._book = book
        self._gathered = gathered
        self._progress = progress
        self._total = 0
        """As the newest page of the audience counted it."""

    async def all(self) -> None:
        gathered = self._gathered
        if self._company_sources and not gathered.cursor and not gathered.search:
            await self._companies()
        tags = self._workspace.exclude_tags | ({self._workspace.mark_tag} - {""})
        held = query.held_queries(tags)
        if gathered.search == 0:
            await self._everybody()
            gathered.search = 1
        for number, wanted in enumerate(held, start=1):
            if gathered.search == number:
                await self._held(wanted)
                gathered.search, gathered.cursor = number + 1, ""

    async def _everybody(self) -> None:
        """The audience, read again from the beginning while a reading shows that it was not whole."""
        gathered = self._gathered
        trouble: EndlessSearchError | None = None
        for number in range(READINGS):
            before = gathered.received
            try:
                overlaps = await self._reading(first=number == 0)
            except EndlessSearchError as error:
                trouble = trouble or error
                gathered.cursor = ""
                continue
            trouble = None
            missing = max(0, self._total - gathered.received)
            # A count may be off by a few for good: then a second reading that brings nobody new is the proof.
            settled = number > 0 and gathered.received == before and missing <= FEW * self._total
            if settled or (not missing and not overlaps):
                return
        if trouble is not None:
            raise trouble

    async def _reading(self, *, first: bool) -> bool:
        """Read the audience once; True when a page brought somebody again, so that another may have been left out."""
        gathered, dropped, overlaps = self._gathered, 0, False
        wanted = query.query(self._audience)
        async for page in self._intercom.search_contacts(wanted, after=gathered.cursor):
            contacts = {contact.id: contact for contact in page.contacts}
            known = set(await self._book.known(contacts))
            fresh = [contact for contact_id, contact in contacts.items() if contact_id not in known]
            overlaps |= first and len(fresh) < len(page.contacts)
            if first and page.cursor and not fresh and contacts:
                raise EndlessSearchError("The contact search repeats itself: a page brought nobody new.")
            dropped += page.dropped
            gathered.counted = max(gathered.counted, page.total)
            gathered.received += len(fresh)
            gathered.cursor = page.cursor
            self._total = page.total - dropped
            await self._book.note(self._against(page), gathered)
            await self._book.take(await self._members(fresh), gathered)
            if self._progress:
                self._progress(Progress("contacts", gathered.received, gathered.counted))
        return overlaps

    async def _held(self, wanted: Mapping[str, Any]) -> None:
        gathered = self._gathered
        async for page in self._intercom.search_contacts(wanted, after=gathered.cursor):
            gathered.cursor = page.cursor
            contacts = [await self._with_all_tags(contact) for contact in page.contacts]
            await self._book.note(self._against(replace(page, contacts=tuple(contacts))), gathered)

    async def _with_all_tags(self, contact: Contact) -> Contact:
        """*contact* with the tags beyond the ten that it lists, unless it is held anyway."""
        if not contact.more_tags or self._hold(contact) in query.OF_THE_PERSON:
            return contact
        return replace(contact, tags=await self._intercom.contact_tags(contact.id), more_tags=False)

    def _against(self, page: ContactPage) -> list[Against]:
        """What the contacts of *page* say of the people behind them."""
        with_address = [contact for contact in page.contacts if contact.email]
        return [
            Against(self._people.person(contact.email), mark)
            for contact in with_address
            for mark in (*self._marks(contact), *(FORMERLY + known for known in self._people.formerly(contact.email)))
        ]

    def _marks(self, contact: Contact) -> list[str]:
        hold = self._hold(contact)
        marks = [str(hold)] if hold in query.OF_THE_PERSON else []
        return [*marks, TAGGED] if self._tagged(contact) else marks

    def _hold(self, contact: Contact) -> str:
        return query.hold(contact, self._audience.roles, self._workspace.exclude_tags) or ""

    def _tagged(self, contact: Contact) -> bool:
        return bool(self._workspace.mark_tag) and self._workspace.mark_tag in contact.tags

    async def _members(self, contacts: Sequence[Contact]) -> list[Member]:
        """The members that a page of new contacts makes; those without a domain are members of none."""
        contacts = [await self._with_all_companies(contact) for contact in contacts]
        companies: Mapping[str, Sequence[str]] = {}
        if self._company_sources:
            companies = await self._book.companies({company for contact in contacts for company in contact.companies})
        members: list[Member] = []
        for contact in contacts:
            mapped = query.domains_of(contact, self._audience, companies)
            self._gathered.refuse((text, why, contact.id) for text, why in mapped.refused)
            self._gathered.without_domain += not mapped.domains
            hold, tagged = self._hold(contact), self._tagged(contact)
            self._gathered.kept_out += hold in query.OF_THE_PERSON
            person = self._people.person(contact.email) if contact.email else f"contact:{contact.id}"
            domains = mapped.domains or (NO_DOMAIN,)
            rank, companies_of = query.rank_of(contact, self._audience), " ".join(contact.companies)
            members += [Member(contact.id, person, domain, hold, tagged, rank, companies_of) for domain in domains]
        return members

    async def _with_all_companies(self, contact: Contact) -> Contact:
        """*contact* with the companies beyond the ten that it lists, where they matter."""
        if not self._company_sources or not contact.more_companies:
            return contact
        found = [identifier(one.get("id")) for one in await self._intercom.contact_companies(contact.id)]
        every = dict.fromkeys((*contact.companies, *filter(None, found)))
        return replace(contact, companies=tuple(every), more_companies=False)

    async def _companies(self) -> None:
        """The domains of all companies: finished before anything else, since the API allows one scroll at a time."""
        async for page in self._intercom.companies():
            found: list[Company] = []
            for company in page:
                company_id = identifier(company.get("id"))
                texts = next(filter(None, (query.texts_at(company, source) for source in self._company_sources)), [])
                read = [query.read_domain(text) for text in texts]
                self._gathered.refuse(
                    (text[:80], why, f"company {company_id}")
                    for text, (domain, why) in zip(texts, read, strict=True)
                    if not domain
                )
                domains = [domain for domain, _ in read if domain]
                if company_id and domains:
                    found.append((company_id, domains))
            await self._book.add_companies(found)
