"""A thin client of the messaging API (Intercom, version 2.16): the ten calls that the notifier needs.

Reads are repeated; the one call that must not be, ``POST /messages``, is made exactly once and its outcome told apart
(`SendOutcome`). Every request carries the version, follows no redirect, waits its turn by the rate-limit headers, and
reads at most 8 MB of an answer.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx

from spfcheck.intercom.answers import (
    ApiError,
    Contact,
    ContactPage,
    EndlessSearchError,
    ErrorEntry,
    GoneError,
    MalformedAnswerError,
    Me,
    SendOutcome,
    Sent,
    TokenRefusedError,
    UnavailableError,
    admin_ids,
    attribute_types,
    canonical,
    companies_of,
    company_scroll,
    contact_of,
    conversation_with,
    decode,
    email_opt_outs,
    fault_of,
    following_page,
    identifier,
    me_of,
    outcome_of,
    page_of,
    scroll_is_open,
    tag_names,
)
from spfcheck.intercom.pace import Pace
from spfcheck.settings import IntercomSettings

__all__ = [
    "ApiError",
    "Contact",
    "ContactPage",
    "EndlessSearchError",
    "GoneError",
    "Intercom",
    "MalformedAnswerError",
    "Me",
    "SendOutcome",
    "Sent",
    "TokenRefusedError",
    "UnavailableError",
]

USER_AGENT = "spfcheck/0.1"

TIMEOUT = httpx.Timeout(connect=5.0, read=30.0, write=10.0, pool=5.0)
"""The API answers in well under a second; thirty is its slowest documented gateway time-out."""

DEADLINE = 45.0
"""Seconds for a whole exchange: an answer that drips in a byte at a time never meets a time-out of reading."""

MAX_BODY = 8 * 1024 * 1024
"""A page of 150 contacts with every attribute filled stays under 2 MB."""

READ_TRIES = 5
PER_PAGE = 150
"""The largest page that the API gives."""

SCROLLS = 4
"""How often the scroll of companies is begun: after an error it cannot be gone on with."""

SCROLL_LOOK = 10.0
"""Seconds between two looks whether another scroll is over; one that nobody uses expires after a minute."""

SCROLL_WAIT = 180.0
"""Seconds to wait for another scroll in all: a second app that reads companies takes less, or never ends."""

MOST_SCROLL_PAGES = 100_000
"""Of one scroll, where the API does not say how many companies there are: ten million companies."""

MOST_LINKED_PAGES = 100
"""Of the companies of one contact."""


@cache
def _tls() -> ssl.SSLContext:
    """One for all clients of this process: reading the system's authorities takes longer than a request."""
    return ssl.create_default_context()


class Intercom:
    """The messaging API of one workspace; use as an asynchronous context manager.

    *transport* replaces the network in tests. Methods raise `ApiError` and its kinds; `send_message` never raises for
    what the API or the network does.
    """

    def __init__(
        self,
        settings: IntercomSettings,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        deadline: float = DEADLINE,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._clock = clock
        self._deadline = deadline
        self.pace = Pace(clock, sleep)
        self.clock_skew: float | None = None
        """Their clock minus ours, in seconds, by the last answer's Date; None before the first."""
        headers = {
            "Authorization": f"Bearer {settings.token.get_secret_value()}",
            "Intercom-Version": settings.version,
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
        # No kept connection for messages: a kept one may be closed by the far side just as the message goes out, and
        # nobody could say whether it arrived.
        self._reads = self._client(headers, transport, timeout, keep=4)
        self._sends = self._client(headers, transport, timeout, keep=0)

    def _client(
        self, headers: dict[str, str], transport: httpx.AsyncBaseTransport | None, timeout: httpx.Timeout, keep: int
    ) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._settings.url,
            headers=headers,
            timeout=timeout,
            transport=transport,
            verify=_tls(),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=keep),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reads.aclose()
        await self._sends.aclose()

    @property
    def admin_id(self) -> int:
        """In whose name messages go out."""
        return self._settings.admin_id

    def now(self) -> float:
        """The time by the API's clock, as its last answer told it; by ours before the first."""
        return self._clock() + (self.clock_skew or 0.0)

    async def ready(self) -> None:
        """Wait until a message may go out by the rate limit; to be called before it is claimed."""
        await self.pace.turn()

    async def me(self) -> Me:
        """Whose token it is; the workspace guard stands on this."""
        return me_of(await self._read("GET", "/me"))

    async def admins(self) -> frozenset[int]:
        """The ids of the workspace's admins."""
        return admin_ids(await self._read("GET", "/admins"))

    async def attributes(self, model: str = "contact") -> Mapping[str, str]:
        """The type of each data attribute of *model* (`contact` or `company`), by its full name."""
        return attribute_types(await self._read("GET", "/data_attributes", params={"model": model}))

    async def tags(self) -> Mapping[str, str]:
        """The id of each tag, by its name in lower case."""
        return tag_names(await self._read("GET", "/tags"))

    async def make_tag(self, name: str) -> str:
        """The id of the tag called *name*, made if there is none; safe to repeat."""
        return identifier((await self._read("POST", "/tags", {"name": name})).get("id"))

    async def tag(self, contact_id: str, tag_id: str) -> None:
        """Put a tag on a contact; safe to repeat."""
        await self._read("POST", f"/contacts/{contact_id}/tags", {"id": tag_id})

    async def contact(self, contact_id: str) -> Contact:
        """A contact as it is now; raises `GoneError` when it does not exist or was merged into another."""
        contact = contact_of(await self._read("GET", f"/contacts/{contact_id}"))
        if contact is None or contact.id != contact_id:
            raise MalformedAnswerError("The messaging API answered with another contact than was asked for.")
        return contact

    async def contact_tags(self, contact_id: str) -> frozenset[str]:
        """All tag ids of a contact: its own listing ends at ten."""
        return frozenset(tag_names(await self._read("GET", f"/contacts/{contact_id}/tags")).values())

    async def contacts_at(self, addresses: Collection[str]) -> AsyncIterator[Contact]:
        """The contacts with one of *addresses*; the index lags some minutes behind."""
        query = {"field": "email", "operator": "IN", "value": sorted(addresses)}
        async for page in self.search_contacts(query):
            for contact in page.contacts:
                yield contact

    async def email_opt_outs(self, contact_id: str) -> frozenset[str]:
        """The kinds of e-mail that a contact opted out of, each by its id and by its name in lower case."""
        return email_opt_outs(await self._read("GET", f"/contacts/{contact_id}/subscriptions"))

    async def contact_companies(self, contact_id: str) -> tuple[Mapping[str, Any], ...]:
        """All companies of a contact: its own listing holds ids only, and ends at ten."""
        found: list[Mapping[str, Any]] = []
        params: dict[str, str] = {}
        for _ in range(MOST_LINKED_PAGES):
            document = await self._read("GET", f"/contacts/{contact_id}/companies", params=params)
            found += companies_of(document)
            following = following_page(document)
            if not following:
                return tuple(found)
            if following == params:
                break
            params = following
        raise EndlessSearchError("The companies of a contact do not come to an end.")

    async def count_contacts(self, query: Mapping[str, Any]) -> int:
        """How many contacts *query* finds."""
        return page_of(await self._read("POST", "/contacts/search", _search(query, 1, ""))).total

    async def search_contacts(
        self, query: Mapping[str, Any], *, per_page: int = PER_PAGE, after: str = ""
    ) -> AsyncIterator[ContactPage]:
        """All pages of a search, oldest contact first; those behind the cursor *after*, where one is given.

        Raises `EndlessSearchError` on a cursor that repeats, a page like the one before, or more pages than the count
        makes sense of.
        """
        cursor, cursors, before, pages = after, set[int](), frozenset[str](), 0
        while True:
            page = page_of(await self._read("POST", "/contacts/search", _search(query, per_page, cursor)))
            pages += 1
            ids = frozenset(contact.id for contact in page.contacts)
            if page.cursor and (hash(page.cursor) in cursors or ids <= before):
                raise EndlessSearchError("The contact search repeats itself: a page brought nothing new.")
            # The count moves while one pages, so two pages more than it says are allowed.
            if pages > -(-page.total // per_page) + 2:
                raise EndlessSearchError(f"The contact search goes on after {pages} pages for {page.total} contacts.")
            yield page
            if not page.cursor:
                return
            cursors.add(hash(page.cursor))
            cursor, before = page.cursor, ids

    async def companies(self) -> AsyncIterator[tuple[Mapping[str, Any], ...]]:
        """All companies, as they come; those of a scroll that broke off come again.

        The API allows one scroll at a time, so another one is waited for. Raises `EndlessSearchError` where pages
        repeat, or there are more than the count makes sense of.
        """
        for number in range(1, SCROLLS + 1):
            try:
                async for page in self._scroll():
                    yield page
                return
            except (UnavailableError, GoneError, MalformedAnswerError):
                # It cannot be gone on with from where it was, so the API's description says; only from the beginning.
                if number == SCROLLS:
                    raise

    async def _scroll(self) -> AsyncIterator[tuple[Mapping[str, Any], ...]]:
        document = await self._begin_scroll()
        pages, companies, seen = 0, 0, set[int]()
        while True:
            found, following, total = company_scroll(document)
            if not found:
                return
            pages, companies = pages + 1, companies + len(found)
            ids = hash(tuple(identifier(company.get("id")) for company in found))
            if ids in seen:
                raise EndlessSearchError("The company scroll repeats itself: a page came twice.")
            # The count moves while one reads; a page more than it says is allowed.
            if pages > MOST_SCROLL_PAGES or (total is not None and companies > total + len(found)):
                raise EndlessSearchError(f"The company scroll goes on after {companies} companies.")
            if not following:
                raise EndlessSearchError("The company scroll does not say how it goes on.")
            seen.add(ids)
            yield found
            document = await self._read("GET", "/companies/scroll", params={"scroll_param": following}, tries=1)

    async def _begin_scroll(self) -> Any:
        waited = 0.0
        while True:
            try:
                return await self._read("GET", "/companies/scroll", tries=1)
            except ApiError as error:
                if not scroll_is_open(error):
                    raise
                if waited >= SCROLL_WAIT:
                    raise ApiError(
                        f"Another scroll of companies is open for {waited:.0f} s: the messaging API allows one at a "
                        "time.",
                        status=error.status,
                        code=error.code,
                    ) from error
            await self._sleep(SCROLL_LOOK)
            waited += SCROLL_LOOK

    async def send_message(
        self, *, contact_id: str, role: str, subject: str, body: str, keep_open: bool, admin_id: int | None = None
    ) -> Sent:
        """Send one e-mail to one contact: one request, never repeated.

        It is in the name of *admin_id*, or of the settings' admin. *body* is HTML. *keep_open* opens a conversation, by
        which the message can be found again. It does not wait its turn (see `ready`), and never raises for what the API
        or the network does.
        """
        document = {
            "message_type": "email",
            "subject": subject,
            "body": body,
            "template": "plain",
            "from": {"type": "admin", "id": self.admin_id if admin_id is None else admin_id},
            "to": {"type": role, "id": contact_id},
            "create_conversation_without_contact_reply": keep_open,
        }
        return await self._once("/messages", document)

    async def send_event(self, *, contact_id: str, name: str, at: int, metadata: Mapping[str, str]) -> Sent:
        """Write a data event; the API takes the same contact, name and time as one, so it is safe to repeat."""
        document = {"event_name": name, "created_at": at, "id": contact_id, "metadata": dict(metadata)}
        return await self._once("/events", document)

    async def find_conversation(self, *, contact_id: str, word: str, admin_id: int) -> str:
        """The conversation with that contact that the admin began and whose first message holds *word*, or nothing."""
        query = {
            "operator": "AND",
            "value": [
                {"field": "contact_ids", "operator": "=", "value": contact_id},
                {"field": "source.author.id", "operator": "=", "value": str(admin_id)},
                {"field": "source.body", "operator": "=", "value": word},
            ],
        }
        document = {"query": query, "pagination": {"per_page": 5}}
        return conversation_with(await self._read("POST", "/conversations/search", document), word)

    async def _once(self, path: str, document: Mapping[str, Any]) -> Sent:
        try:
            status, headers, body = await self._exchange(self._sends, "POST", path, document, None)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            return Sent(outcome=SendOutcome.NOT_SENT, detail=type(error).__name__)
        except (httpx.HTTPError, httpx.InvalidURL, MalformedAnswerError, TimeoutError) as error:
            return Sent(outcome=SendOutcome.UNCLEAR, detail=type(error).__name__)
        fault = fault_of(body, headers) if status >= 300 else ErrorEntry(request_id=headers.get("x-request-id", ""))
        outcome = outcome_of(status, fault)
        wait = self.pace.wait_after_429(headers) if outcome is SendOutcome.THROTTLED else 0.0
        accepted = _message_of(body) if outcome is SendOutcome.ACCEPTED else ("", "")
        return Sent(
            outcome=outcome,
            status=status,
            message_id=accepted[0],
            conversation_id=accepted[1],
            request_id=fault.request_id[:80],
            code=fault.code[:80],
            detail=_in_words(status, fault, outcome),
            wait=wait,
        )

    async def _read(
        self,
        method: str,
        path: str,
        document: Mapping[str, Any] | None = None,
        params: dict[str, str] | None = None,
        tries: int = READ_TRIES,
    ) -> Any:
        """The JSON of an answer to a request that may be repeated; *tries* is how often, beside refusals for haste."""
        trouble, attempt, throttled = "", 0, 0
        while attempt < tries and throttled < READ_TRIES:
            await self.pace.turn()
            try:
                status, headers, body = await self._exchange(self._reads, method, path, document, params)
                if status == 429:
                    trouble = "it refuses for too many requests"
                    throttled += 1
                    await self._sleep(self.pace.wait_after_429(headers) + self._rng.random())
                    continue
                if status < 500:
                    return _answer(status, headers, body)
                trouble = f"it answers with HTTP {status}"
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
                trouble = f"{type(error).__name__}"
            except MalformedAnswerError as error:
                # Half a page is a fault of the moment; what stays unreadable is told as it is.
                if attempt == tries - 1:
                    raise
                trouble = str(error)
            await self._sleep(min(2.0**attempt, 10.0) * (0.5 + self._rng.random()))
            attempt += 1
        raise UnavailableError(f"The messaging API at {self._settings.url} does not answer: {trouble}.")

    async def _exchange(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        document: Mapping[str, Any] | None,
        params: dict[str, str] | None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        async with (
            asyncio.timeout(self._deadline),
            client.stream(method, path, json=document, params=params or None) as response,
        ):
            chunks: list[bytes] = []
            size = 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > MAX_BODY:
                    raise MalformedAnswerError(
                        "The messaging API sent an answer without end.", status=response.status_code
                    )
                chunks.append(chunk)
            self.pace.heed(response.headers)
            self._compare_clocks(response.headers.get("date", ""))
            return response.status_code, response.headers, b"".join(chunks)

    def _compare_clocks(self, date: str) -> None:
        try:
            self.clock_skew = email.utils.parsedate_to_datetime(date).timestamp() - self._clock()
        except (ValueError, OverflowError):
            return


def _answer(status: int, headers: Mapping[str, str], body: bytes) -> Any:
    if 200 <= status < 300:
        return decode(body)
    fault = fault_of(body, headers)
    told: dict[str, Any] = {"status": status, "code": fault.code, "request_id": fault.request_id}
    if status == 401:
        raise TokenRefusedError("The messaging API refuses the token.", **told)
    if status == 403:
        raise TokenRefusedError(f"The token may not do this ({fault.code or 'forbidden'}).", **told)
    if status in (404, 410):
        moved_to = canonical(headers.get("link", "")) if status == 410 else ""
        raise GoneError("What was asked for does not exist there.", moved_to=moved_to, **told)
    raise ApiError(
        f"The messaging API refuses the request: HTTP {status} {fault.code} {fault.message}".strip() + ".", **told
    )


def _in_words(status: int, fault: ErrorEntry, outcome: SendOutcome) -> str:
    """An outcome for the ledger; of a rejected message why, for that is what somebody has to mend."""
    said = f"HTTP {status} {fault.code}".strip()
    if outcome is SendOutcome.REJECTED and fault.message:
        # What may be an address stays out of the ledger.
        words = ["..." if "@" in word else word for word in fault.message.split()]
        said = f"{said}: {' '.join(words)}"
    return said[:200]


def _message_of(body: bytes) -> tuple[str, str]:
    """The ids in an accepting answer; a body that cannot be read leaves the message sent."""
    try:
        document = decode(body)
    except MalformedAnswerError:
        return "", ""
    if not isinstance(document, dict):
        return "", ""
    return identifier(document.get("id")), identifier(document.get("conversation_id"))


def _search(query: Mapping[str, Any], per_page: int, cursor: str) -> dict[str, Any]:
    # The cursor belongs into the body: as a query parameter it is ignored, and page 1 comes for ever.
    pagination: dict[str, Any] = {"per_page": per_page}
    if cursor:
        pagination["starting_after"] = cursor
    return {"query": query, "sort": {"field": "created_at", "order": "ascending"}, "pagination": pagination}
