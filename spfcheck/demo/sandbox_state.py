"""The state of a made-up workspace of the messaging API: contacts, tags, messages, conversations, and its search.

It models what the notifier depends on: consent flags, an index that lags behind, both conversation modes, and the rules
by which a search is refused.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

MOST_FILTERS = 15
MOST_LEVELS = 2
"""Of a search, by the API's description."""


SCROLL_EXPIRES = 60.0
"""Seconds after which a scroll that nobody uses is over, by the API's description."""


class RefusedByApi(Exception):  # noqa: N818 - an answer of the API, not a fault of the program
    """An error envelope: HTTP status, code and message; *link* is the header of a contact that was merged."""

    def __init__(self, status: int, code: str, message: str, link: str = "") -> None:
        super().__init__(message)
        self.link = link
        self.status = status
        self.code = code
        self.message = message


@dataclass(slots=True, kw_only=True)
class SandboxContact:
    """A contact of the workspace."""

    id: str
    email: str
    name: str = ""
    role: str = "user"
    created_at: int = 0
    updated_at: int = 0
    last_contacted_at: int | None = None
    unsubscribed_from_emails: bool | None = False
    has_hard_bounced: bool | None = False
    marked_email_as_spam: bool | None = False
    attributes: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    companies: list[str] = field(default_factory=list)
    opted_out_of: list[str] = field(default_factory=list)
    """Names of the kinds of e-mail that it opted out of."""
    merged_into: str = ""
    indexed_at: float = 0.0
    """From when on search finds it."""

    def as_json(self, workspace: str) -> dict[str, Any]:
        """As the API shows it; its listings end at ten."""
        return {
            "type": "contact",
            "id": self.id,
            "workspace_id": workspace,
            "external_id": f"customer-{self.id[-6:]}",
            "role": self.role,
            "email": self.email,
            "email_domain": self.email.rpartition("@")[2],
            "name": self.name,
            "has_hard_bounced": self.has_hard_bounced,
            "marked_email_as_spam": self.marked_email_as_spam,
            "unsubscribed_from_emails": self.unsubscribed_from_emails,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "last_contacted_at": self.last_contacted_at,
            "custom_attributes": self.attributes,
            "tags": _listing("tag", f"/contacts/{self.id}/tags", self.tags),
            "companies": _listing("company", f"/contacts/{self.id}/companies", self.companies),
        }


def _listing(kind: str, url: str, ids: list[str]) -> dict[str, Any]:
    data = [{"type": kind, "id": one, "url": f"/{kind}s/{one}"} for one in ids[:10]]
    return {"type": "list", "data": data, "url": url, "total_count": len(ids), "has_more": len(ids) > 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxMessage:
    """A message that was accepted: what the test of "never twice" counts."""

    id: str
    contact_id: str
    email: str
    subject: str
    body: str
    at: float
    conversation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConversation:
    """A conversation that a message opened."""

    id: str
    contact_id: str
    author_id: str
    message_id: str
    subject: str
    body: str
    created_at: int
    visible_at: float
    """From when on search finds it."""

    def words(self) -> set[str]:
        """The words of its first message, by which search finds it."""
        return set(re.findall(r"\w+", html.unescape(re.sub(r"<[^>]*>", " ", self.body)).lower()))

    def as_json(self) -> dict[str, Any]:
        """As the API lists it."""
        return {
            "type": "conversation",
            "id": self.id,
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "open": True,
            "state": "open",
            "read": False,
            "source": {
                "type": "email",
                "id": self.message_id,
                "delivered_as": "admin_initiated",
                "subject": self.subject,
                "body": self.body,
                "author": {
                    "type": "admin",
                    "id": self.author_id,
                    "name": "Support",
                    "email": "support@sandbox.example",
                },
            },
        }


class SandboxWorkspace:
    """A workspace with state. *clock* is Unix time; *index_lag* is how many seconds search lags behind."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        workspace: str = "sandbox1",
        admin_id: int = 814860,
        timezone: str = "Europe/Berlin",
        index_lag: float = 0.0,
    ) -> None:
        self.clock = clock
        self.workspace = workspace
        self.admin_id = admin_id
        self.timezone = timezone
        self.index_lag = index_lag
        self.contacts: dict[str, SandboxContact] = {}
        self.companies: dict[str, dict[str, Any]] = {}
        self.scroll_page = 100
        """Companies of one page of the scroll."""
        self.scrolling = ("", 0, 0.0)
        """The open scroll's parameter, how far it has come, and when it was last used."""
        self.tags: dict[str, str] = {"7522900": "spf-no-notify"}
        """Name by id; a workspace that is set up has the tag that opts out."""
        self.attributes: dict[str, str] = {"custom_attributes.sending_domain": "string"}
        """Type of each contact attribute by full name."""
        self.company_attributes: dict[str, str] = {"custom_attributes.sending_domain": "string"}
        self.messages: list[SandboxMessage] = []
        self.conversations: list[SandboxConversation] = []
        self._by_contact: dict[str, list[SandboxConversation]] = {}
        self.events: dict[tuple[str, str, int], dict[str, Any]] = {}
        """By contact, name and time: the same event twice is one."""

    def add_contact(
        self, *, email: str, sending_domain: str = "", tags: Iterable[str] = (), **fields: Any
    ) -> SandboxContact:
        """A contact with that address; *tags* are names, further *fields* are those of `SandboxContact`."""
        number = len(self.contacts) + 1
        now = int(self.clock())
        contact = SandboxContact(id=f"{0x6762F2391BB60000000000 + number:024x}", email=email, updated_at=now)
        contact.created_at = now - 86_400 * 30 + number
        if sending_domain:
            contact.attributes["sending_domain"] = sending_domain
        for name, value in fields.items():
            setattr(contact, name, value)
        contact.tags += [self.tag_id(name) for name in tags]
        self.contacts[contact.id] = contact
        return contact

    def tag_id(self, name: str) -> str:
        """The id of the tag with that name, made if there is none; names know no case."""
        for tag_id, known in self.tags.items():
            if known.lower() == name.lower():
                return tag_id
        tag_id = str(7_522_900 + len(self.tags))
        self.tags[tag_id] = name
        return tag_id

    def contact(self, contact_id: str) -> SandboxContact:
        """A contact by id; refused as the API does when it is gone or was merged."""
        contact = self.contacts.get(contact_id)
        if contact is None:
            raise RefusedByApi(404, "not_found", "User Not Found")
        if contact.merged_into:
            link = f'</contacts/{contact.merged_into}>; rel="canonical"'
            raise RefusedByApi(410, "contact_merged", "This contact has been merged.", link)
        return contact

    def search(self, query: Any, after: str, limit: int) -> tuple[list[dict[str, Any]], int, str]:
        """A page of contacts, how many there are, and the position after it; empty at the end."""
        predicate = compile_query(query)
        found = [contact for contact in self._indexed() if predicate(self._field(contact))]
        found.sort(key=lambda contact: (contact.created_at, contact.id))
        start = 0
        if after:
            start = next((i for i, one in enumerate(found) if _position(one) > after), len(found))
        page = found[start : start + limit]
        following = _position(page[-1]) if page and start + limit < len(found) else ""
        return [contact.as_json(self.workspace) for contact in page], len(found), following

    def scroll(self, parameter: str) -> tuple[list[dict[str, Any]], str]:
        """A page of the companies and the parameter of the next; an app has one scroll open, and it ends by itself."""
        now = self.clock()
        opened, start, used = self.scrolling
        is_open = bool(opened) and now - used < SCROLL_EXPIRES
        if not parameter and is_open:
            raise RefusedByApi(400, "scroll_exists", "scroll already exists for this workspace")
        if parameter and (not is_open or parameter != opened):
            raise RefusedByApi(404, "not_found", "scroll parameter not found")
        if not parameter:
            opened, start = f"scroll-{now:.0f}", 0
        page = list(self.companies.values())[start : start + self.scroll_page]
        self.scrolling = (opened if page else "", start + len(page), now)
        return page, opened

    def _indexed(self) -> Iterator[SandboxContact]:
        now = self.clock()
        return (one for one in self.contacts.values() if not one.merged_into and one.indexed_at <= now)

    @staticmethod
    def _field(contact: SandboxContact) -> Callable[[str], Any]:
        def read(name: str) -> Any:
            if name.startswith("custom_attributes."):
                return contact.attributes.get(name.removeprefix("custom_attributes."))
            return _CONTACT_FIELDS[name](contact)

        return read

    def accept(
        self, *, contact: SandboxContact, subject: str, body: str, keep_open: bool, admin_id: str
    ) -> SandboxMessage:
        """Take a message in: from here on it will reach the person."""
        now = self.clock()
        message_id = str(2_000_000 + len(self.messages))
        conversation_id = str(5_000_000 + len(self.conversations)) if keep_open else ""
        message = SandboxMessage(
            id=message_id,
            contact_id=contact.id,
            email=contact.email,
            subject=subject,
            body=body,
            at=now,
            conversation_id=conversation_id,
        )
        self.messages.append(message)
        contact.last_contacted_at = contact.updated_at = int(now)
        if keep_open:
            conversation = SandboxConversation(
                id=conversation_id,
                contact_id=contact.id,
                author_id=admin_id,
                message_id=message_id,
                subject=subject,
                body=body,
                created_at=int(now),
                visible_at=now + self.index_lag,
            )
            self.conversations.append(conversation)
            self._by_contact.setdefault(contact.id, []).append(conversation)
        return message

    def search_conversations(self, query: Any) -> list[SandboxConversation]:
        """The conversations that *query* finds, as far as the index has come."""
        predicate = compile_query(query, _CONVERSATION_FIELDS)
        named = [entry["value"] for entry in _filters(query) if entry.get("field") == "contact_ids"]
        pool = self._by_contact.get(str(named[0]), []) if named else self.conversations
        now = self.clock()
        return [one for one in pool if one.visible_at <= now and predicate(partial(_conversation_field, one))]


def _conversation_field(conversation: SandboxConversation, name: str) -> Any:
    return _CONVERSATION_FIELDS[name](conversation)


def _position(contact: SandboxContact) -> str:
    return f"{contact.created_at:012d}:{contact.id}"


_CONTACT_FIELDS: Mapping[str, Callable[[SandboxContact], Any]] = {
    "id": lambda one: one.id,
    "role": lambda one: one.role,
    "email": lambda one: one.email,
    "email_domain": lambda one: one.email.rpartition("@")[2],
    "external_id": lambda one: f"customer-{one.id[-6:]}",
    "created_at": lambda one: one.created_at,
    "updated_at": lambda one: one.updated_at,
    "last_contacted_at": lambda one: one.last_contacted_at,
    "unsubscribed_from_emails": lambda one: one.unsubscribed_from_emails,
    "marked_email_as_spam": lambda one: one.marked_email_as_spam,
    "has_hard_bounced": lambda one: one.has_hard_bounced,
    "tag_id": lambda one: one.tags,
}

_CONVERSATION_FIELDS: Mapping[str, Callable[[SandboxConversation], Any]] = {
    "contact_ids": lambda one: [one.contact_id],
    "source.author.id": lambda one: one.author_id,
    "source.id": lambda one: one.message_id,
    "source.subject": lambda one: one.subject,
    "source.body": lambda one: one.words(),
    "created_at": lambda one: one.created_at,
}

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda have, want: want in have if isinstance(have, list | set) else _same(have, want),
    "!=": lambda have, want: want not in have if isinstance(have, list | set) else not _same(have, want),
    "IN": lambda have, want: any(_same(have, one) for one in want),
    "NIN": lambda have, want: not any(_same(have, one) for one in want),
    "~": lambda have, want: str(want).lower() in str(have or "").lower(),
    "!~": lambda have, want: str(want).lower() not in str(have or "").lower(),
    "^": lambda have, want: str(have or "").lower().startswith(str(want).lower()),
    "$": lambda have, want: str(have or "").lower().endswith(str(want).lower()),
    "<": lambda have, want: have is not None and have < want,
    ">": lambda have, want: have is not None and have > want,
}


def _same(have: Any, want: Any) -> bool:
    if isinstance(have, str) and isinstance(want, str):
        return have.lower() == want.lower()
    return type(have) is type(want) and bool(have == want)


Predicate = Callable[[Callable[[str], Any]], bool]


def compile_query(query: Any, fields: Mapping[str, Any] = _CONTACT_FIELDS, level: int = 0) -> Predicate:
    """*query* as a test over a record's fields; refused as the API refuses what its description does not allow."""
    if not isinstance(query, dict) or not isinstance(query.get("operator"), str):
        raise _bad("a query needs an operator")
    if "field" in query:
        return _filter(query, fields)
    parts = query.get("value")
    if query["operator"] not in ("AND", "OR") or not isinstance(parts, list) or not parts:
        raise _bad("a group needs AND or OR and a list")
    if level >= MOST_LEVELS or len(parts) > MOST_FILTERS:
        raise _bad(f"at most {MOST_LEVELS} levels and {MOST_FILTERS} filters a group")
    if len({isinstance(part, dict) and "field" in part for part in parts}) > 1:
        raise _bad("a group holds filters or groups, not both")
    compiled = [compile_query(part, fields, level + 1) for part in parts]
    combine = all if query["operator"] == "AND" else any
    return lambda read: combine(test(read) for test in compiled)


def _filter(query: dict[str, Any], fields: Mapping[str, Any]) -> Predicate:
    name, operator, want = query["field"], query["operator"], query.get("value")
    if not isinstance(name, str) or (name not in fields and not name.startswith("custom_attributes.")):
        raise _bad(f"there is no field {name}")
    if operator not in _OPERATORS or want is None or (name == "tag_id" and operator not in ("=", "!=")):
        raise _bad(f"the field {name} cannot be searched so")
    if operator in ("IN", "NIN") and not isinstance(want, list):
        raise _bad("IN needs a list")
    compare = _OPERATORS[operator]
    if name == "source.body":
        want = str(want).lower()
    return lambda read: compare(read(name), want)


def _filters(query: Any) -> Iterator[dict[str, Any]]:
    if isinstance(query, dict):
        if "field" in query:
            yield query
        inner = query.get("value")
        for part in inner if isinstance(inner, list) else []:
            yield from _filters(part)


def _bad(message: str) -> RefusedByApi:
    return RefusedByApi(400, "bad_request", message)
