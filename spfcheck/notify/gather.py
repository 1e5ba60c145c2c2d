"""Reads the audience of a night from the messaging API into a roster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spfcheck.intercom import Intercom
from spfcheck.intercom_answers import Contact, EndlessSearchError, Me, identifier
from spfcheck.notify import audience
from spfcheck.notify.model import NotifyError, Progress, Report
from spfcheck.notify.roster import Member, Roster
from spfcheck.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What is known of the workspace before anything is asked of it."""

    me: Me
    exclude_tags: frozenset[str]
    """Ids of the tags that opt out."""
    mark_tag: str
    """Id of the tag that we put on whom we messaged; empty while nobody was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """How large the audience is."""

    counted: int
    received: int
    kept_out: int
    """Contacts that the query leaves out for consent."""


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
    people: audience.People,
    workspace: Workspace,
    roster: Roster,
    progress: Report | None,
) -> Gathered:
    """Read all contacts of the audience into *roster*."""
    if any(source.origin == "company" for source in settings.audience.domain_sources):
        await _companies(settings, intercom, roster)
    wanted = audience.query(settings.audience, sorted(workspace.exclude_tags))
    everybody = audience.query(settings.audience, (), consent=False)
    counted = received = 0
    async for page in intercom.search_contacts(wanted):
        counted = max(counted, page.total)
        members, contacts = [], 0
        for contact in page.contacts:
            found = _members(settings, people, workspace, roster, contact)
            members += found
            contacts += bool(found)
        added = roster.add(members)
        if contacts and not added and page.cursor:
            raise EndlessSearchError("The contact search repeats itself: a page brought nobody new.")
        received += len(page.contacts)
        if progress:
            progress(Progress("contacts", received, counted))
    roster.index()
    return Gathered(
        counted=counted, received=received, kept_out=max(0, await intercom.count_contacts(everybody) - counted)
    )


def _members(
    settings: Settings, people: audience.People, workspace: Workspace, roster: Roster, contact: Contact
) -> list[Member]:
    mapped = audience.domains_of(contact, settings.audience, _companies_of(settings, roster, contact))
    roster.refuse(mapped.refused)
    roster.contacts += 1
    roster.without_domain += not mapped.domains
    if not mapped.domains:
        return []
    hold = audience.hold(contact, settings.audience.roles, workspace.exclude_tags)
    person = people.person(contact.email) if contact.email else f"contact:{contact.id}"
    tagged = bool(workspace.mark_tag) and workspace.mark_tag in contact.tags
    return [Member(contact.id, person, domain, hold or "", tagged) for domain in mapped.domains]


def _companies_of(settings: Settings, roster: Roster, contact: Contact) -> Mapping[str, Sequence[str]] | None:
    if not contact.companies or not any(source.origin == "company" for source in settings.audience.domain_sources):
        return None
    return roster.companies(contact.companies)


async def _companies(settings: Settings, intercom: Intercom, roster: Roster) -> None:
    """The domains of all companies: one scroll, finished before anything else, since the API allows only one."""
    sources = [source for source in settings.audience.domain_sources if source.origin == "company"]
    async for page in intercom.companies():
        for company in page:
            company_id = identifier(company.get("id"))
            texts = next(filter(None, (audience.texts_at(company, source) for source in sources)), [])
            read = [audience.read_domain(text) for text in texts]
            roster.refuse((text[:80], why) for text, (domain, why) in zip(texts, read, strict=True) if not domain)
            domains = [domain for domain, _ in read if domain]
            if company_id and domains:
                roster.add_company(company_id, domains)
