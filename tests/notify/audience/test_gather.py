"""The audience is read whole, or the night says that it was not: pages that overlap, scrolls that break, long lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spfcheck.notify.model import NotifyError, Plan
from tests.notify.audience.lies import Scroll, endless_companies, overlapping
from tests.notify.world import World, broken, world

BY_COMPANY = {"domain_sources": [{"origin": "company", "path": "custom_attributes.sending_domain"}]}


async def planned(w: World) -> Plan:
    async with w.notifier() as notifier:
        return await notifier.plan()


def company(number: int, domain: str = "good.example") -> dict[str, Any]:
    return {
        "type": "company",
        "id": f"6762f0971bb69f9f2193c{number:03x}",
        "company_id": f"co{number}",
        "name": f"Company {number}",
        "custom_attributes": {"sending_domain": domain},
    }


def people(w: World, many: int) -> None:
    """So many contacts; each of the last sixty has a broken domain of its own, which only a whole reading finds."""
    for number in range(many - 60):
        w.workspace.add_contact(email=f"p{number}@people.example", sending_domain="good.example")
    for number in range(60):
        w.workspace.add_contact(email=f"owner{number}@people.example", sending_domain=f"d{number}.example")


LAST_SIXTY = broken(*(f"d{number}.example" for number in range(60)))


@pytest.mark.parametrize("readings", [1, 2])
async def test_pages_that_overlap_are_read_again_until_everybody_came(tmp_path: Path, readings: int) -> None:
    async with world(tmp_path, LAST_SIXTY) as w:
        people(w, 450)
        w.sandbox.intercept = overlapping(w, 30, readings=readings)
        plan = await planned(w)
        assert (plan.contacts, plan.people, plan.domains) == (450, 450, 61)
        assert plan.tripped == ()


async def test_repeats_are_not_counted_and_a_search_that_stays_short_holds_the_night(tmp_path: Path) -> None:
    async with world(tmp_path, LAST_SIXTY) as w:
        people(w, 450)
        w.sandbox.intercept = overlapping(w, 30, readings=99)
        plan = await planned(w)
        assert [brake.sentence for brake in plan.tripped] == ["390 of the 450 contacts that the search counted came."]
        async with w.notifier() as notifier:
            w.clock.later(24)
            assert "half-a-search" in (await notifier.run()).refused
        assert w.sent == []


async def test_a_search_that_is_whole_is_read_once(tmp_path: Path) -> None:
    async with world(tmp_path, LAST_SIXTY) as w:
        people(w, 450)
        before = w.sandbox.requests.get("POST /contacts/search", 0)
        await planned(w)
        # Three pages of the audience, and one of whoever is held.
        assert w.sandbox.requests["POST /contacts/search"] - before == 4


def by_company(w: World, many: int) -> None:
    for number in range(many):
        made = company(number, "d0.example" if number == many - 1 else "good.example")
        w.workspace.companies[made["id"]] = made
    last = list(w.workspace.companies)[-1]
    w.workspace.add_contact(email="ann@people.example", companies=[last])
    w.workspace.scroll_page = 10


@pytest.mark.parametrize(
    ("status", "code"), [(500, "server_error"), (502, ""), (404, "not_found")], ids=["500", "502", "expired"]
)
async def test_a_scroll_that_breaks_is_begun_anew(tmp_path: Path, status: int, code: str) -> None:
    """Also that the API lets us begin only when the broken one has expired."""
    async with world(tmp_path, broken("d0.example"), audience=BY_COMPANY) as w:
        by_company(w, 35)
        scroll = Scroll({3: (status, code, "Please restart the scroll operation.")})
        w.sandbox.intercept = scroll.answer
        started = w.clock.now
        plan = await planned(w)
        assert (plan.domains, plan.people) == (1, 1)
        assert scroll.asked[2] == scroll.asked[1] != ""
        assert scroll.asked[3] == "", "it goes on from nowhere but the beginning"
        assert w.clock.now - started >= 60


async def test_a_scroll_that_always_breaks_ends_the_night_with_a_sentence(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example"), audience=BY_COMPANY) as w:
        by_company(w, 35)
        faults = dict.fromkeys(range(2, 999), (500, "server_error", "restart"))
        w.sandbox.intercept = Scroll(faults).answer
        with pytest.raises(NotifyError, match="does not answer: it answers with HTTP 500"):
            await planned(w)


@pytest.mark.parametrize("code", ["scroll_exists", ""], ids=["with a code", "without a code"])
async def test_another_scroll_is_waited_for_and_not_for_ever(tmp_path: Path, code: str) -> None:
    async with world(tmp_path, broken("d0.example"), audience=BY_COMPANY) as w:
        by_company(w, 35)
        busy = (400, code, "scroll already exists for this workspace")
        w.sandbox.intercept = Scroll(dict.fromkeys(range(1, 6), busy)).answer
        started = w.clock.now
        assert (await planned(w)).domains == 1
        assert 50 <= w.clock.now - started < 120
        w.clock.later(1)
        w.sandbox.intercept = Scroll(dict.fromkeys(range(1, 999), busy)).answer
        with pytest.raises(NotifyError, match="Another scroll of companies is open for 180 s"):
            await planned(w)


@pytest.mark.parametrize("pages", [1, 3, 999], ids=["one page", "three pages", "new pages"])
async def test_a_scroll_without_end_ends(tmp_path: Path, pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from spfcheck.intercom import client

    monkeypatch.setattr(client, "MOST_SCROLL_PAGES", 200)
    async with world(tmp_path, broken("d0.example"), audience=BY_COMPANY) as w:
        w.sandbox.intercept = endless_companies(company(1), pages=pages)
        said = "goes on after 201 companies" if pages > 200 else "repeats itself: a page came twice"
        with pytest.raises(NotifyError, match=f"The company scroll {said}"):
            await planned(w)
        assert w.sandbox.requests["GET /companies/scroll"] == min(pages, 200) + 1


async def test_companies_beyond_the_ten_that_a_contact_lists_are_read(tmp_path: Path) -> None:
    async with world(tmp_path, broken("d0.example"), audience=BY_COMPANY) as w:
        for number in range(24):
            made = company(number, "d0.example" if number == 23 else "")
            w.workspace.companies[made["id"]] = made
        w.workspace.add_contact(email="ann@people.example", companies=list(w.workspace.companies))
        w.workspace.add_contact(email="bob@people.example", companies=list(w.workspace.companies)[:3])
        await w.baseline()
        async with w.notifier() as notifier:
            await notifier.run()
        assert [email for email, _ in w.sent] == ["ann@people.example"]


async def test_a_list_of_companies_may_be_called_data(tmp_path: Path) -> None:
    """The published description calls it `companies`, and its example `data`."""
    async with world(tmp_path, broken("d0.example"), audience=BY_COMPANY) as w:
        made = [company(number, "d0.example" if number == 11 else "") for number in range(12)]
        w.workspace.companies.update({one["id"]: one for one in made})
        w.workspace.add_contact(email="ann@people.example", companies=list(w.workspace.companies))

        async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
            del body
            if not request.path.endswith("/companies"):
                return None
            return web.json_response({"type": "list", "data": made, "total_count": len(made), "pages": None})

        w.sandbox.intercept = answer
        assert (await planned(w)).domains == 1
