"""The list of last night: every domain of it can be found, whatever was pasted into the search."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from spfcheck.api.reports.stored import StoredReports, upgrade
from spfcheck.demo import customers
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.archive import Archive, Sighting
from spfcheck.store import database
from spfcheck.web.notices import SHOWN_ROWS, Notices
from tests.api.running import Client, running, settings_of, zone_lookup
from tests.web.night import CREATED_AT, a_plan
from tests.web.test_pages import Page, assert_nothing_runs


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = database.open_engine(f"sqlite:///{tmp_path}/night.sqlite3")
    migration.upgrade(made)
    upgrade(made)
    return made


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    settings = settings_of()
    zone = zone_lookup(customers.load().zone)
    async with running(
        settings, zone, keeper=StoredReports(engine), notifier=Notices(settings, engine)
    ) as made:  # fmt: skip
        yield made
    engine.dispose()


async def listed(client: Client, query: str) -> tuple[list[str], Page]:
    async with client.get(f"/overview{query}") as answer:
        assert answer.status == 200
        page = Page(await answer.text())
    assert_nothing_runs(page)
    links = [attributes.get("href") or "" for _, attributes in page.tags]
    return [link.removeprefix("/domains/") for link in links if link.startswith("/domains/")], page


ALL = ["plumber.example", "theatre.example", "lighthouse.example", "bakery.example", "florist.example"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("?q=&status=", ALL),
        ("?q=EXAMPLE", ALL),
        ("?q=bak", ["bakery.example"]),
        ("?q=bak&status=ok", ["bakery.example"]),
        ("?q=bak&status=at_risk", []),
        ("?status=ok", ["bakery.example", "florist.example"]),
        ("?status=action_needed", ["plumber.example", "theatre.example"]),
        ("?q=https%3A//florist.example/contact", ["florist.example"]),
        ("?q=jane%40plumber.example", ["plumber.example"]),
        ("?q=%25", []),
        ("?q=_", []),
    ],
)
async def test_every_domain_of_the_night_is_found(engine: Engine, client: Client, query: str, found: list[str]) -> None:
    a_plan(engine)
    domains, page = await listed(client, query)
    assert domains == found
    assert ("No domain of last night matches." in page.text) == (not found)


async def test_a_domain_that_was_not_there_can_be_looked_up(engine: Engine, client: Client) -> None:
    a_plan(engine)
    domains, page = await listed(client, "?q=garage.example")
    assert domains == ["garage.example"]
    assert "Look it up now: garage.example." in page.text


async def test_a_long_list_says_how_much_more_there_is(engine: Engine, client: Client) -> None:
    a_plan(engine, fine=tuple(f"d{number:04}.example" for number in range(SHOWN_ROWS + 100)))
    domains, page = await listed(client, "")
    assert len(domains) == SHOWN_ROWS
    assert "And 103 more; search for a part of the name." in page.text
    assert (await listed(client, "?q=d0599"))[0] == ["d0599.example"]


async def test_a_fine_domain_of_another_night_is_not_of_this_one(engine: Engine, client: Client) -> None:
    a_plan(engine)
    Archive(engine, "").see("plan-0", [Sighting("gym.example", "ok", "")], CREATED_AT)
    assert "gym.example" not in (await listed(client, "?q=example"))[0]


async def test_without_a_plan_the_list_says_how_to_make_one(client: Client) -> None:
    _, page = await listed(client, "")
    assert "No plan has been made yet." in page.text


async def test_a_domain_that_was_never_known_has_a_page(engine: Engine, client: Client) -> None:
    """Only reports that say something are history; a domain whose DNS never answered has none."""
    for domain in ("lighthouse.example", "bridge.example", "station.example"):
        for _ in range(2):
            async with client.get(f"/domains/{domain}") as answer:
                assert answer.status == 200
                page = Page(await answer.text())
            assert "No other report of this domain is kept." in page.text
            assert "Wait and check again." in page.text
            assert "There is no SPF record." not in page.text
        async with client.get(f"/v1/check/{domain}") as answer:
            assert json.loads(await answer.read())["status"] == "unknown"
