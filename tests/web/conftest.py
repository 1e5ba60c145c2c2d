"""A browser, and services to visit with it; one of each for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from spfcheck.api.keys import Scope
from spfcheck.demo import customers
from spfcheck.serve.app import create_app
from tests.api.running import in_a_thread, settings_of, zone_lookup
from tests.web.browser import browser
from tests.web.night import Morning, morning


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def open_service() -> Iterator[str]:
    """The demo's customers, without keys and without a ledger."""
    zone = customers.load().zone
    with in_a_thread(lambda: create_app(settings_of(), zone_lookup(zone))) as url:
        yield url


@pytest.fixture(scope="module")
def full_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Morning]:
    """The demo's customers the morning after a plan, behind a key of the scope admin."""
    with morning(tmp_path_factory.mktemp("night"), Scope.ADMIN) as service:
        yield service
