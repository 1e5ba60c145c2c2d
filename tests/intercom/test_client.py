"""The client alone, against answers that nobody would wish for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from spfcheck.intercom import answers
from spfcheck.intercom.client import (
    EndlessSearchError,
    GoneError,
    Intercom,
    MalformedAnswerError,
    SendOutcome,
    TokenRefusedError,
    UnavailableError,
)
from spfcheck.settings import IntercomSettings
from tests.notify.world import Clock

URL = "https://api.intercom.test"
SETTINGS = IntercomSettings(token="canary-token", url=URL, admin_id=991267466)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[Intercom]:
    async with Intercom(SETTINGS, clock=clock, sleep=clock.sleep) as made:
        yield made


async def send(client: Intercom) -> answers.Sent:
    return await client.send_message(
        contact_id="6762f2391bb69f9f2193bc19", role="user", subject="s", body="<p>b</p>", keep_open=False
    )


OUTCOMES = [
    (200, {"type": "admin_message", "id": "2001"}, SendOutcome.ACCEPTED),
    (200, "<html>ok</html>", SendOutcome.ACCEPTED),
    (202, "", SendOutcome.ACCEPTED),
    (301, "", SendOutcome.FORBIDDEN),
    (400, {"type": "error.list", "errors": [{"code": "parameter_invalid"}]}, SendOutcome.REJECTED),
    (401, {"type": "error.list", "errors": [{"code": "unauthorized"}]}, SendOutcome.TOKEN_REFUSED),
    (403, {"type": "error.list", "errors": [{"code": "api_plan_restricted"}]}, SendOutcome.FORBIDDEN),
    (
        403,
        {"type": "error.list", "errors": [{"code": "x", "message": "This user is unsubscribed from emails"}]},
        SendOutcome.UNSUBSCRIBED,
    ),
    (404, {"type": "error.list", "errors": [{"code": "not_found"}]}, SendOutcome.NOT_FOUND),
    (405, "", SendOutcome.FORBIDDEN),
    (408, "", SendOutcome.UNCLEAR),
    (409, "", SendOutcome.UNCLEAR),
    (410, "", SendOutcome.NOT_FOUND),
    (413, "", SendOutcome.REJECTED),
    (422, {"type": "error.list", "errors": [{"code": "parameter_not_found"}]}, SendOutcome.REJECTED),
    (429, {"type": "error.list", "errors": [{"code": "rate_limit_exceeded"}]}, SendOutcome.THROTTLED),
    (500, "<html>Oops</html>", SendOutcome.UNCLEAR),
    (502, "", SendOutcome.UNCLEAR),
    (503, {"errors": "not a list"}, SendOutcome.UNCLEAR),
    (504, "<html>Gateway time-out</html>", SendOutcome.UNCLEAR),
]


@pytest.mark.parametrize(("status", "body", "outcome"), OUTCOMES, ids=lambda value: str(value)[:30])
@respx.mock
async def test_a_message_is_posted_once_and_its_outcome_told_apart(
    client: Intercom, status: int, body: object, outcome: SendOutcome
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    route = respx.post(f"{URL}/messages").mock(return_value=httpx.Response(status, text=content))
    sent = await send(client)
    assert (sent.outcome, route.call_count) == (outcome, 1)


FAILURES = [
    (httpx.ConnectError("refused"), SendOutcome.NOT_SENT),
    (httpx.ConnectTimeout("slow"), SendOutcome.NOT_SENT),
    (httpx.PoolTimeout("busy"), SendOutcome.NOT_SENT),
    (httpx.ReadTimeout("slow"), SendOutcome.UNCLEAR),
    (httpx.WriteTimeout("slow"), SendOutcome.UNCLEAR),
    (httpx.ReadError("reset"), SendOutcome.UNCLEAR),
    (httpx.WriteError("reset"), SendOutcome.UNCLEAR),
    (httpx.RemoteProtocolError("server disconnected"), SendOutcome.UNCLEAR),
    (httpx.DecodingError("bad gzip"), SendOutcome.UNCLEAR),
]


@pytest.mark.parametrize(("error", "outcome"), FAILURES, ids=lambda value: type(value).__name__)
@respx.mock
async def test_a_broken_connection_is_unclear_unless_it_was_never_made(
    client: Intercom, error: Exception, outcome: SendOutcome
) -> None:
    route = respx.post(f"{URL}/messages").mock(side_effect=error)
    sent = await send(client)
    assert (sent.outcome, route.call_count) == (outcome, 1)


@respx.mock
async def test_a_message_has_one_recipient_and_the_version(client: Intercom) -> None:
    route = respx.post(f"{URL}/messages").mock(return_value=httpx.Response(200, json={"id": "1"}))
    await send(client)
    request = route.calls.last.request
    body = json.loads(request.content)
    assert body["to"] == {"type": "user", "id": "6762f2391bb69f9f2193bc19"}
    assert body["from"] == {"type": "admin", "id": 991267466}
    assert not {"cc", "bcc", "created_at"} & set(body)
    assert request.headers["intercom-version"] == "2.16"
    assert request.headers["authorization"] == "Bearer canary-token"


@respx.mock
async def test_a_throttled_message_says_how_long_to_wait(client: Intercom, clock: Clock) -> None:
    headers = {"X-RateLimit-Reset": str(int(clock.now) + 7)}
    respx.post(f"{URL}/messages").mock(return_value=httpx.Response(429, headers=headers))
    assert (await send(client)).wait == pytest.approx(7, abs=1)


@respx.mock
async def test_reads_are_repeated_and_then_given_up(client: Intercom) -> None:
    route = respx.get(f"{URL}/me").mock(return_value=httpx.Response(503))
    with pytest.raises(UnavailableError, match="HTTP 503"):
        await client.me()
    assert route.call_count == 5


@respx.mock
async def test_a_read_survives_a_429_a_reset_and_half_a_page(client: Intercom, clock: Clock) -> None:
    me = {"type": "admin", "id": "1", "app": {"id_code": "ecahpwf5", "timezone": "Europe/Berlin"}}
    route = respx.get(f"{URL}/me")
    route.side_effect = [
        httpx.Response(429, headers={"Retry-After": "3"}),
        httpx.ReadError("reset"),
        httpx.Response(200, text=json.dumps(me)[:30]),
        httpx.Response(200, json=me),
    ]
    before = clock.now
    assert (await client.me()).workspace == "ecahpwf5"
    assert clock.now - before >= 3


@pytest.mark.parametrize(
    ("status", "error"), [(401, TokenRefusedError), (403, TokenRefusedError), (404, GoneError), (410, GoneError)]
)
@respx.mock
async def test_a_refused_read_is_not_repeated(client: Intercom, status: int, error: type[Exception]) -> None:
    route = respx.get(f"{URL}/contacts/6762").mock(return_value=httpx.Response(status, text="<html>"))
    with pytest.raises(error):
        await client.contact("6762")
    assert route.call_count == 1


@respx.mock
async def test_an_answer_without_end_is_cut_off(client: Intercom) -> None:
    respx.get(f"{URL}/me").mock(return_value=httpx.Response(200, content=b"x" * (8 * 1024 * 1024 + 1)))
    with pytest.raises(MalformedAnswerError, match="without end"):
        await client.me()


@respx.mock
async def test_another_contact_than_asked_for_is_refused(client: Intercom) -> None:
    respx.get(f"{URL}/contacts/1").mock(return_value=httpx.Response(200, json={"id": "2"}))
    with pytest.raises(MalformedAnswerError, match="another contact"):
        await client.contact("1")


def page(ids: list[str], total: int, cursor: str = "") -> httpx.Response:
    pages = {"type": "pages", "next": {"starting_after": cursor}} if cursor else {"type": "pages"}
    contacts = [{"type": "contact", "id": one} for one in ids]
    return httpx.Response(200, json={"type": "list", "data": contacts, "total_count": total, "pages": pages})


async def read_all(client: Intercom, per_page: int = 2) -> list[str]:
    found = []
    async for one in client.search_contacts({"field": "role", "operator": "=", "value": "user"}, per_page=per_page):
        found += [contact.id for contact in one.contacts]
    return found


@respx.mock
async def test_the_cursor_goes_into_the_body(client: Intercom) -> None:
    route = respx.post(f"{URL}/contacts/search")
    route.side_effect = [page(["1", "2"], 3, "abc"), page(["3"], 3)]
    assert await read_all(client) == ["1", "2", "3"]
    assert json.loads(route.calls.last.request.content)["pagination"] == {"per_page": 2, "starting_after": "abc"}


@pytest.mark.parametrize(
    "pages",
    [
        [page(["1", "2"], 9, "a"), page(["3", "4"], 9, "b"), page(["5", "6"], 9, "a")],
        [page(["1", "2"], 9, "a"), page(["1", "2"], 9, "b")],
        [page(["1", "2"], 9, "a"), page([], 9, "b")],
        [page([str(2 * n), str(2 * n + 1)], 3, f"c{n}") for n in range(9)],
    ],
    ids=["cursor repeats", "page repeats", "empty page goes on", "more pages than the count"],
)
@respx.mock
async def test_an_endless_search_ends(client: Intercom, pages: list[httpx.Response]) -> None:
    respx.post(f"{URL}/contacts/search").side_effect = pages
    with pytest.raises(EndlessSearchError):
        await read_all(client)


@respx.mock
async def test_requests_stay_within_a_fifth_of_the_limit(client: Intercom, clock: Clock) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = {
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Remaining": "90",
            "X-RateLimit-Reset": str(int(clock.now) + 9),
        }
        return httpx.Response(200, json={"type": "list", "data": []}, headers=headers)

    respx.get(f"{URL}/tags").mock(side_effect=answer)
    before = clock.now
    for _ in range(41):
        await client.tags()
    # A fifth of 100 in ten seconds is one every half second.
    assert clock.now - before == pytest.approx(39 * 0.5, abs=0.6)


@respx.mock
async def test_a_nearly_spent_window_is_waited_out(client: Intercom, clock: Clock) -> None:
    headers = {
        "X-RateLimit-Limit": "1000",
        "X-RateLimit-Remaining": "50",
        "X-RateLimit-Reset": str(int(clock.now) + 8),
    }
    respx.get(f"{URL}/tags").mock(return_value=httpx.Response(200, json={"type": "list", "data": []}, headers=headers))
    before = clock.now
    await client.tags()
    await client.tags()
    assert clock.now - before >= 8


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "data",
                    "app",
                    "id_code",
                    "total_count",
                    "pages",
                    "next",
                    "starting_after",
                    "tags",
                    "role",
                    "email",
                    "errors",
                    "code",
                    "message",
                    "conversations",
                    "admins",
                    "scroll_param",
                    "companies",
                    "has_more",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JUNK)
def test_whatever_the_answer_is_it_is_read_or_refused(document: object) -> None:
    for read in (
        answers.me_of,
        answers.page_of,
        lambda answer: answers.conversation_with(answer, "spfref0000000000000000"),
        answers.company_scroll,
        answers.companies_of,
    ):
        try:
            read(document)
        except MalformedAnswerError:
            continue
    answers.admin_ids(document)
    answers.attribute_types(document)
    answers.tag_names(document)
    contact = answers.contact_of(document)
    assert contact is None or contact.id
    answers.fault_of(json.dumps(document).encode(), {})
