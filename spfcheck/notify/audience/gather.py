"""Reads the audience of a night from the messaging API into a roster, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from spfcheck.intercom.answers import Contact, EndlessSearchError, Me, identifier
from spfcheck.intercom.client import Intercom
from spfcheck.notify.audience import query
from spfcheck.notify.audience.roster import Company, Gathered, Member
from spfcheck.notify.model import NotifyError, OnProgress, Progress
from spfcheck.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What is known of the workspace before anything is asked of it."""

    me: Me
    exclude_tags: frozenset[str]
    """Ids of the tags that opt out."""
    mark_tag: str
    """Id of the tag that we put on whom we messaged; empty while nobody was."""


class Book(Protocol):
    """Where the audience is written down as it comes."""

    async def take(self, members: Sequence[Member], so_far: Gathered) -> int:
        """Add a page of members, and how far it has come with it; how many members were new."""

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
    excluded = frozenset(tags[name.lower()] for name in settings.audience.exclude_tags if name.lower() in tags)
    return Workspace(me=me, exclude_tags=excluded, mark_tag=tags.get(mark_tag.lower(), "") if mark_tag else "")


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
    """Read all contacts of the audience into *book*; what another began (*so_far*) is gone on with."""
    gathered = so_far or Gathered()
    if _by_company(settings) and not gathered.cursor:
        await _companies(settings, intercom, book, gathered)
    wanted = query.query(settings.audience, sorted(workspace.exclude_tags))
    everybody = query.query(settings.audience, (), consent=False)
    async for page in intercom.search_contacts(wanted, after=gathered.cursor):
        gathered.counted = max(gathered.counted, page.total)
        gathered.received += len(page.contacts)
        gathered.cursor = page.cursor
        members = await _members(settings, people, workspace, book, page.contacts, gathered)
        added = await book.take(members, gathered)
        if members and not added and page.cursor:
            raise EndlessSearchError("The contact search repeats itself: a page brought nobody new.")
        if progress:
            progress(Progress("contacts", gathered.received, gathered.counted))
    gathered.kept_out = max(0, await intercom.count_contacts(everybody) - gathered.counted)
    return gathered


def _by_company(settings: Settings) -> bool:
    return any(source.origin == "company" for source in settings.audience.domain_sources)


async def _members(
    settings: Settings,
    people: query.People,
    workspace: Workspace,
    book: Book,
    contacts: Sequence[Contact],
    gathered: Gathered,
) -> list[Member]:
    """The members that a page of contacts makes; what is none is counted."""
    companies: Mapping[str, Sequence[str]] = {}
    if _by_company(settings):
        companies = await book.companies({company for contact in contacts for company in contact.companies})
    members: list[Member] = []
    for contact in contacts:
        mapped = query.domains_of(contact, settings.audience, companies)
        gathered.refuse(mapped.refused)
        gathered.without_domain += not mapped.domains
        hold = query.hold(contact, settings.audience.roles, workspace.exclude_tags)
        person = people.person(contact.email) if contact.email else f"contact:{contact.id}"
        tagged = bool(workspace.mark_tag) and workspace.mark_tag in contact.tags
        members += [Member(contact.id, person, domain, hold or "", tagged) for domain in mapped.domains]
    return members


async def _companies(settings: Settings, intercom: Intercom, book: Book, gathered: Gathered) -> None:
    """The domains of all companies: one scroll, finished before anything else, since the API allows only one."""
    sources = [source for source in settings.audience.domain_sources if source.origin == "company"]
    async for page in intercom.companies():
        found: list[Company] = []
        for company in page:
            company_id = identifier(company.get("id"))
            texts = next(filter(None, (query.texts_at(company, source) for source in sources)), [])
            read = [query.read_domain(text) for text in texts]
            gathered.refuse((text[:80], why) for text, (domain, why) in zip(texts, read, strict=True) if not domain)
            domains = [domain for domain, _ in read if domain]
            if company_id and domains:
                found.append((company_id, domains))
        await book.add_companies(found)
