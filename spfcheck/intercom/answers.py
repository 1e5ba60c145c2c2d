"""What the messaging API's answers mean: facts taken from hostile JSON, and the table of outcomes of one message.

Pure: nothing here asks anybody. Answers are input: a field of the wrong type is as good as missing, an unknown field is
ignored, and what cannot be done without raises `MalformedAnswerError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

MAX_ID = 64
"""Ids are 24 hexadecimal digits or short numbers; anything longer is no id."""


class ApiError(Exception):
    """The messaging API did not do what was asked; the message is one sentence."""

    def __init__(self, sentence: str, *, status: int = 0, code: str = "", request_id: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.request_id = request_id


class TokenRefusedError(ApiError):
    """The token is refused (401), or may not do this (403)."""


class UnavailableError(ApiError):
    """The API could not be reached, or went on failing."""


class MalformedAnswerError(ApiError):
    """An answer came that cannot be used."""


class EndlessSearchError(ApiError):
    """A search does not come to an end: a cursor repeats, a page brings nothing new, or there are too many pages."""


class GoneError(ApiError):
    """The contact does not exist (404), or was merged into another (410), which *moved_to* names where it is known."""

    def __init__(
        self, sentence: str, *, moved_to: str = "", status: int = 0, code: str = "", request_id: str = ""
    ) -> None:
        super().__init__(sentence, status=status, code=code, request_id=request_id)
        self.moved_to = moved_to


class SendOutcome(StrEnum):
    """How one attempt to send a message ended."""

    ACCEPTED = "accepted"
    """Accepted, which is not delivered."""
    NOT_SENT = "not-sent"
    """The connection was never made."""
    THROTTLED = "throttled"
    """429: refused before it was processed."""
    REJECTED = "rejected"
    """400, 422: our fault, or bad data."""
    UNSUBSCRIBED = "unsubscribed"
    """The API says that the person unsubscribed."""
    NOT_FOUND = "not-found"
    """The contact is too new, or gone."""
    TOKEN_REFUSED = "token-refused"  # noqa: S105 - the name of an outcome
    """401: nothing will be accepted."""
    FORBIDDEN = "forbidden"
    """403, 405, a redirect: the plan, the app or the admin may not send at all."""
    UNCLEAR = "unclear"
    """408, 409, 5xx, a time-out, a reset: it may have been processed."""


_BY_STATUS: Mapping[int, SendOutcome] = {
    400: SendOutcome.REJECTED,
    401: SendOutcome.TOKEN_REFUSED,
    403: SendOutcome.FORBIDDEN,
    404: SendOutcome.NOT_FOUND,
    405: SendOutcome.FORBIDDEN,
    408: SendOutcome.UNCLEAR,
    409: SendOutcome.UNCLEAR,
    410: SendOutcome.NOT_FOUND,
    422: SendOutcome.REJECTED,
    429: SendOutcome.THROTTLED,
}


def outcome_of(status: int, fault: ErrorEntry) -> SendOutcome:
    """The outcome of ``POST /messages`` by its *status* and error envelope."""
    if 200 <= status < 300:
        return SendOutcome.ACCEPTED
    if status in (400, 403, 422) and "unsubscrib" in f"{fault.code} {fault.message}".lower():
        return SendOutcome.UNSUBSCRIBED
    if 300 <= status < 400:
        return SendOutcome.FORBIDDEN
    if 400 <= status < 500:
        return _BY_STATUS.get(status, SendOutcome.REJECTED)
    return SendOutcome.UNCLEAR


class ErrorEntry(NamedTuple):
    """The first error of an error envelope; empty where the body was none."""

    code: str = ""
    message: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came of one attempt."""

    outcome: SendOutcome
    status: int = 0
    message_id: str = ""
    conversation_id: str = ""
    request_id: str = ""
    code: str = ""
    detail: str = ""
    """In a few words, for the ledger; never a body."""
    wait: float = 0.0
    """Seconds to wait before anything else is asked, when throttled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Whose token it is."""

    workspace: str
    region: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact, as far as the notifier needs it."""

    id: str
    role: str
    email: str
    unsubscribed: bool | None
    bounced: bool | None
    marked_spam: bool | None
    tags: frozenset[str]
    """Ids; only the first ten where *more_tags*."""
    more_tags: bool
    companies: tuple[str, ...]
    more_companies: bool
    last_contacted_at: float = 0.0
    """When anybody of the workspace last wrote to it; 0 when nobody did."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The contact as it came, for configured paths such as ``custom_attributes.sending_domain``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPage:
    """One page of a search."""

    contacts: tuple[Contact, ...]
    dropped: int
    """Entries that were no contact."""
    total: int
    cursor: str
    """Empty on the last page."""


def decode(body: bytes) -> Any:
    """*body* as JSON; raises `MalformedAnswerError` for HTML, half a document, or nesting without end."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError("The messaging API answered with something that is no JSON.") from error


def fault_of(body: bytes, headers: Mapping[str, str]) -> ErrorEntry:
    """The error of an answer, whatever its body is."""
    request_id = text_of(headers.get("x-request-id"))
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorEntry(request_id=request_id)
    if not isinstance(document, dict):
        return ErrorEntry(request_id=request_id)
    request_id = text_of(document.get("request_id")) or request_id
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return ErrorEntry(text_of(first.get("code")), text_of(first.get("message"))[:200], request_id)


def me_of(document: Any) -> Me:
    """``GET /me``."""
    app = _mapping(_mapping(document).get("app"))
    workspace = text_of(app.get("id_code"))
    if not workspace:
        raise MalformedAnswerError("The messaging API does not say which workspace the token belongs to.")
    return Me(workspace=workspace, region=text_of(app.get("region")), timezone=text_of(app.get("timezone")) or "UTC")


def admin_ids(document: Any) -> frozenset[int]:
    """``GET /admins``: ids, which come as text."""
    admins = _mapping(document).get("admins")
    found = [text_of(_mapping(admin).get("id")) for admin in admins] if isinstance(admins, list) else []
    return frozenset(int(text) for text in found if text.isascii() and text.isdigit())


def attribute_types(document: Any) -> Mapping[str, str]:
    """``GET /data_attributes``: the type by full name, archived ones left out."""
    data = _mapping(document).get("data")
    found: dict[str, str] = {}
    for entry in data if isinstance(data, list) else []:
        attribute = _mapping(entry)
        if attribute.get("archived") is not True:
            found[text_of(attribute.get("full_name"))] = text_of(attribute.get("data_type"))
    return found


def tag_names(document: Any) -> Mapping[str, str]:
    """``GET /tags``: the id by lower-cased name; the API knows no difference of case."""
    data = _mapping(document).get("data")
    tags = [_mapping(entry) for entry in data] if isinstance(data, list) else []
    return {text_of(tag.get("name")).lower(): identifier(tag.get("id")) for tag in tags}


def contact_of(document: Any) -> Contact | None:
    """A contact, or None when it has no usable id."""
    raw = _mapping(document)
    contact_id = identifier(raw.get("id"))
    if not contact_id:
        return None
    tags, more_tags = _ids(raw.get("tags"))
    companies, more_companies = _ids(raw.get("companies"))
    return Contact(
        id=contact_id,
        role=text_of(raw.get("role")),
        email=text_of(raw.get("email")),
        unsubscribed=_flag(raw.get("unsubscribed_from_emails")),
        bounced=_flag(raw.get("has_hard_bounced")),
        marked_spam=_flag(raw.get("marked_email_as_spam")),
        tags=frozenset(tags),
        more_tags=more_tags,
        companies=companies,
        more_companies=more_companies,
        last_contacted_at=_moment(raw.get("last_contacted_at")),
        fields=raw,
    )


def page_of(document: Any) -> ContactPage:
    """One page of ``POST /contacts/search``; raises `MalformedAnswerError` when it is none."""
    raw = _mapping(document)
    data, total = raw.get("data"), raw.get("total_count")
    if not isinstance(data, list) or not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise MalformedAnswerError("A page of the contact search has no list of contacts or no count.")
    contacts = [contact_of(entry) for entry in data]
    kept = tuple(contact for contact in contacts if contact is not None)
    following = _mapping(_mapping(raw.get("pages")).get("next"))
    cursor = following.get("starting_after")
    return ContactPage(
        contacts=kept,
        dropped=len(contacts) - len(kept),
        total=total,
        cursor=cursor if isinstance(cursor, str) else "",
    )


def conversation_with(document: Any, word: str) -> str:
    """``POST /conversations/search``: the first conversation whose own first message holds *word*, else nothing.

    A search that finds something else does not do what it was asked. Raises where there is no list at all.
    """
    found = _mapping(document).get("conversations")
    if not isinstance(found, list):
        raise MalformedAnswerError("The conversation search has no list of conversations.")
    for entry in map(_mapping, found):
        body = re.sub(r"<[^>]*>", " ", text_of(_mapping(entry.get("source")).get("body")))
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", body, re.IGNORECASE):
            return identifier(entry.get("id")) or "unnamed"
    return ""


def email_opt_outs(document: Any) -> frozenset[str]:
    """``GET /contacts/{id}/subscriptions``: the kinds of e-mail that a contact opted out of, each by id and by name.

    The listing holds explicit choices only: opt-outs of what comes unasked, and opt-ins, which are no refusal.
    """
    data = _mapping(document).get("data")
    if not isinstance(data, list):
        raise MalformedAnswerError("The subscriptions of a contact are no list.")
    found: set[str] = set()
    for entry in map(_mapping, data):
        kinds = entry.get("content_types")
        # A list that is missing may well hold e-mail.
        if entry.get("consent_type") != "opt_in" and (not isinstance(kinds, list) or "email" in kinds):
            name = text_of(_mapping(entry.get("default_translation")).get("name"))
            found |= {identifier(entry.get("id")), name.strip().lower()}
    return frozenset(found - {""})


def canonical(link: str) -> str:
    """The contact that a merged one's ``Link`` header leads to; empty where it names none."""
    found = re.fullmatch(r'\s*<(?:https?://[^/<>]+)?/contacts/([^/<>?]+)>\s*;\s*rel="?canonical"?\s*', link)
    return identifier(found[1]) if found else ""


class ScrollPage(NamedTuple):
    """One page of ``GET /companies/scroll``."""

    companies: tuple[Mapping[str, Any], ...]
    following: str
    """The parameter of the next page."""
    total: int | None
    """How many companies there are, where it says so."""


def company_scroll(document: Any) -> ScrollPage:
    """One page of ``GET /companies/scroll``; raises `MalformedAnswerError` when it is none."""
    raw = _mapping(document)
    data, total = raw.get("data"), raw.get("total_count")
    if not isinstance(data, list):
        raise MalformedAnswerError("A page of the company scroll has no list of companies.")
    counted = total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None
    return ScrollPage(tuple(_mapping(entry) for entry in data), text_of(raw.get("scroll_param")), counted)


def scroll_is_open(error: ApiError) -> bool:
    """True when a scroll is refused since another one is open (HTTP 400, and a code that older answers lack)."""
    return error.status == 400 and (error.code == "scroll_exists" or "scroll already exists" in str(error).lower())


def following_page(document: Any) -> dict[str, str]:
    """The parameters of the next page where a listing gives a link to it; empty on the last.

    Only its page numbers are taken: a link to another host or path leads nowhere.
    """
    link = text_of(_mapping(_mapping(document).get("pages")).get("next"))
    asked = parse_qs(urlsplit(link).query) if link else {}
    numbers = {name: asked[name][0] for name in ("page", "per_page") if name in asked}
    return {name: number[:9] for name, number in numbers.items() if number.isascii() and number.isdigit()}


def companies_of(document: Any) -> tuple[Mapping[str, Any], ...]:
    """``GET /contacts/{id}/companies``: the companies of one contact."""
    raw = _mapping(document)
    # The description has both: `companies` in its schema, `data` in its example.
    found = raw.get("companies", raw.get("data"))
    if not isinstance(found, list):
        raise MalformedAnswerError("The companies of a contact are no list.")
    return tuple(_mapping(entry) for entry in found)


def identifier(value: Any) -> str:
    """*value* as an id that is safe in a path and in a log; empty when it is none."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else text_of(value)
    safe = len(text) <= MAX_ID and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
    return text if safe else ""


def text_of(value: Any) -> str:
    """*value* when it is text, else empty."""
    return value if isinstance(value, str) else ""


def _moment(value: Any) -> float:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else 0.0


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _ids(value: Any) -> tuple[tuple[str, ...], bool]:
    listing = _mapping(value)
    data = listing.get("data")
    ids = [identifier(_mapping(entry).get("id")) for entry in data] if isinstance(data, list) else []
    return tuple(filter(None, ids)), listing.get("has_more") is True
