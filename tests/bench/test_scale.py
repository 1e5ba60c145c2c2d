"""The capacity plan: its arithmetic, and that its page can be written anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.capacity.audits import Audits
from bench.capacity.ledger import Databases
from bench.capacity.scale import ASSUMED, DOCUMENT, SIZES, Costs, blocks, needs, write

COSTS = Costs(
    audits=Audits(
        sound_cpu=0.001, broken_cpu=0.011, questions=3.0, resolver_cpu=1e-4, rss_mb=100.0, rate_one=500.0,
        rate_two=800.0, broken=0.3, cpu_two=1.1, found_bytes=500.0, found_memory=1e3, servers="Unbound", domains=1_000,
    ),
    databases=Databases(
        sqlite_message=0.01, postgres_message=0.02, message_bytes=4_000.0, sighting=36e-6, sighting_log=200.0,
        domain_bytes=600.0, accept=6e-6, member_bytes=300.0, spend=1e-3, pruned=1e-4, version="15",
    ),
    contact_cpu=36e-6,
)  # fmt: skip


def test_what_a_night_needs_follows_from_its_costs() -> None:
    night = needs(COSTS, 10_800_000)
    assert night.audit_core_hours == pytest.approx(10.8e6 * 0.002 / 3600)  # one in ten costs eleven times as much
    assert night.audit_cores == pytest.approx(10.8e6 * 0.002 / 21_600 / 0.7)
    assert night.questions_second == pytest.approx(1_500)
    assert night.resolver_cores == pytest.approx(1_500 * 3 * 1e-4 / 0.7)
    assert night.read_hours == pytest.approx(16.2e6 / 150 / (10_000 / 60 * 0.2) / 3600)
    assert night.read_core_hours == pytest.approx(0.162)
    assert night.write_hours == pytest.approx(0.108)
    assert night.settle_minutes == pytest.approx(1.08)
    assert night.messages == pytest.approx(10_800)
    assert night.send_hours == pytest.approx(3.0)
    assert night.found_gigabytes == pytest.approx(0.54)
    assert night.finish_gigabytes == pytest.approx(1.08)
    assert night.ledger_gigabytes == pytest.approx(10_800 * 730 * 4e-6)


def test_sending_is_bound_by_the_api_where_the_operator_allows_more() -> None:
    quick = replace(ASSUMED, sends=1_000.0)
    assert needs(COSTS, 1_000_000, quick).send_hours == pytest.approx(1_000 / (10_000 / 60 * 0.2 / 5) / 3600)


def test_twice_the_domains_need_twice_of_everything() -> None:
    one, two = needs(COSTS, 1_000_000), needs(COSTS, 2_000_000)
    for name in one.__dataclass_fields__:
        assert getattr(two, name) == pytest.approx(getattr(one, name) * (1 if name == "sendable" else 2)), name


def test_the_page_has_a_place_for_every_table_and_keeps_the_rest() -> None:
    page = DOCUMENT.read_text()
    made = blocks(COSTS, "Measured nowhere.")
    written = write(page, made)
    assert "Measured nowhere." in written
    assert written.count("domains |") >= len(SIZES)
    assert write(written, made) == written
    for line in page.splitlines():
        if line.startswith("#"):
            assert line in written


def test_without_a_postgres_the_page_says_so() -> None:
    alone = replace(COSTS, databases=Databases(sqlite_message=0.01))
    assert "on Postgres" not in blocks(alone, "")["measured"]
