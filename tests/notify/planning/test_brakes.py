"""Each brake at its threshold and one beyond it; the stage; quiet hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.archive import BaselineChange
from spfcheck.notify.model import Brake
from spfcheck.notify.planning.brakes import (
    NightFigures,
    RecentOutcomes,
    brakes,
    bucket,
    in_stage,
    quiet,
    zone,
)
from spfcheck.values import hours

GUARDS = Guards()

CALM = NightFigures(
    resolver_trouble="",
    sender_trouble="",
    contacts=1_000,
    received=1_000,
    baseline_contacts=1_000,
    domains=1_000,
    failed=0,
    unchecked=0,
    change=BaselineChange(compared=1_000, newly_broken=0, was_broken=1_000, recovered=0),
    opinions=1_000,
    disagreements=0,
    asked_twice=1_000,
    resolver_disagreements=0,
    messaged=1_000,
    turned_away=0,
    clock_skew=0.0,
    went_back=0.0,
    rate_limit=1_667,
)
"""A thousand of everything, and nothing wrong with any."""


def change(compared: int, newly_broken: int, was_broken: int, recovered: int) -> dict[str, BaselineChange]:
    return {"change": BaselineChange(compared, newly_broken, was_broken, recovered)}


def tripped(**figures: Any) -> dict[str, Brake]:
    return {brake.name: brake for brake in brakes(GUARDS, replace(CALM, **figures)) if brake.tripped}


EDGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("resolver", {"resolver_trouble": ""}, {"resolver_trouble": "It lies."}),
    ("senders", {"sender_trouble": ""}, {"sender_trouble": "It cannot be read."}),
    ("opt-out-tags", {"missing_tags": ()}, {"missing_tags": ("do-not-mail",)}),
    (
        "empty-audience",
        {"contacts": 1, "received": 1, "baseline_contacts": 0},
        {"contacts": 0, "received": 0, "baseline_contacts": 0},
    ),
    ("half-a-search", {"received": 980}, {"received": 979}),
    ("audience-drift", {"contacts": 1_200, "received": 1_200}, {"contacts": 1_201, "received": 1_201}),
    ("audience-drift", {"contacts": 800, "received": 800}, {"contacts": 799, "received": 799}),
    ("dns-failures", {"failed": 50}, {"failed": 51}),
    ("dns-failures", {"failed": 48, "unchecked": 40}, {"failed": 49, "unchecked": 40}),
    ("dns-failures", {"failed": 5, "domains": 10}, {"failed": 6, "domains": 10}),
    ("dns-failures", {"failed": 2, "domains": 5}, {"failed": 3, "domains": 5}),
    ("dns-failures", {"failed": 60, "usual_failed": 0.02}, {"failed": 61, "usual_failed": 0.02}),
    ("dns-failures", {"failed": 150, "usual_failed": 0.1}, {"failed": 151, "usual_failed": 0.1}),
    ("dns-failures", {"failed": 50, "usual_failed": 0.01}, {"failed": 51, "usual_failed": 0.01}),
    ("not-checked", {"unchecked": 50}, {"unchecked": 51}),
    ("newly-broken", change(1_000, 20, 1_000, 0), change(1_000, 21, 1_000, 0)),
    ("newly-broken", change(10, 5, 10, 0), change(10, 6, 10, 0)),
    ("newly-broken", change(5, 2, 5, 0), change(5, 3, 5, 0)),
    ("newly-broken", change(3, 2, 3, 0), change(3, 3, 3, 0)),
    ("newly-broken", change(4, 2, 4, 0), change(5, 5, 5, 0)),
    ("mass-recovery", change(1_000, 0, 1_000, 100), change(1_000, 0, 1_000, 101)),
    ("mass-recovery", change(1_000, 0, 10, 5), change(1_000, 0, 10, 6)),
    ("mass-recovery", change(1_000, 0, 5, 5), change(1_000, 0, 6, 6)),
    ("not-checked", {"unchecked": 2, "domains": 5}, {"unchecked": 3, "domains": 5}),
    ("engines-disagree", {"opinions": 5, "disagreements": 2}, {"opinions": 5, "disagreements": 3}),
    (
        "resolvers-disagree",
        {"asked_twice": 5, "resolver_disagreements": 2},
        {"asked_twice": 5, "resolver_disagreements": 3},
    ),
    ("turned-away", {"messaged": 5, "turned_away": 2}, {"messaged": 5, "turned_away": 3}),
    ("engines-disagree", {"disagreements": 10}, {"disagreements": 11}),
    ("resolvers-disagree", {"resolver_disagreements": 10}, {"resolver_disagreements": 11}),
    ("turned-away", {"turned_away": 20}, {"turned_away": 21}),
    ("clock", {"clock_skew": 600.0}, {"clock_skew": 601.0}),
    ("clock", {"clock_skew": -600.0}, {"clock_skew": -601.0}),
    ("clock", {"went_back": 600.0}, {"went_back": 601.0}),
    ("rate-limit", {"rate_limit": 10}, {"rate_limit": 9}),
    ("rate-limit", {"rate_limit": 0}, {"rate_limit": 1}),
]


@pytest.mark.parametrize(("name", "holds", "trips"), EDGES, ids=lambda value: str(value)[:60])
def test_a_brake_trips_beyond_its_threshold_and_not_at_it(
    name: str, holds: dict[str, Any], trips: dict[str, Any]
) -> None:
    assert tripped(**holds) == {}
    assert list(tripped(**trips)) == [name]


def test_every_brake_is_shown_also_while_it_does_not_trip() -> None:
    assert [brake.name for brake in brakes(GUARDS, CALM)] == list(dict.fromkeys(name for name, _, _ in EDGES))


def test_without_a_baseline_there_is_no_drift_and_of_no_contacts_none_is_missing() -> None:
    assert tripped(baseline_contacts=0) == {}
    assert list(tripped(contacts=0, received=0)) == ["empty-audience", "audience-drift"]
    assert tripped(received=1_100) == {}, "more came than were counted: people sign up meanwhile"


def test_a_brake_says_what_it_measured() -> None:
    (brake,) = tripped(failed=49, unchecked=40).values()
    assert (brake.value, brake.threshold) == (49, 48)
    assert brake.sentence == "49 of 960 domains had no DNS answer (usually 0.0%); 48 may."
    (brake,) = tripped(resolver_trouble="It lies.").values()
    assert (brake.value, brake.threshold, brake.sentence) == (1.0, 0.0, "It lies.")
    calm = {brake.name: brake for brake in brakes(GUARDS, CALM)}
    assert calm["resolver"] == ("resolver", 0.0, 0.0, False, "The resolver answers its canaries as it should.")
    (brake,) = tripped(received=900).values()
    assert (brake.value, brake.threshold) == (pytest.approx(0.1), 0.02)
    assert calm["empty-audience"].threshold == 1
    assert calm["audience-drift"].value == 0.0
    assert calm["audience-drift"].sentence == "1000 contacts; the baseline had 1000."
    (drift,) = [one for one in brakes(GUARDS, replace(CALM, baseline_contacts=0)) if one.name == "audience-drift"]
    assert drift.sentence == "1000 contacts; the baseline had none to compare with."


def test_the_brake_while_sending_looks_at_the_last_hundred() -> None:
    recent = RecentOutcomes()
    for failed in [True] * 6 + [False] * 94:
        recent.add(failed=failed)
    brake = recent.brake(GUARDS)
    assert (brake.name, brake.value, brake.threshold, brake.tripped) == ("api-errors", 6, 5, True)
    recent.add(failed=False)
    assert not recent.brake(GUARDS).tripped, "the oldest failure is a hundred and one messages ago"


@pytest.mark.parametrize(("failed", "trips"), [(5, False), (6, True)])
def test_of_a_handful_of_messages_a_handful_may_end_unclear(failed: int, trips: bool) -> None:
    recent = RecentOutcomes()
    for _ in range(failed):
        recent.add(failed=True)
    assert recent.brake(GUARDS).tripped is trips


def test_a_domain_keeps_its_place_in_the_roll_out_for_ever() -> None:
    # Whoever changes the hash moves the whole roll-out: these numbers were true of the first cohort.
    assert {name: bucket(name) for name in ("example.com", "d0.example")} == PLACES


PLACES = {"example.com": 46, "d0.example": 77}


@pytest.mark.parametrize("name", PLACES)
def test_a_cohort_holds_the_domains_below_its_share(name: str) -> None:
    place = PLACES[name]
    assert not in_stage(replace(GUARDS, stage="cohort", percent=place), name, "c1")
    assert in_stage(replace(GUARDS, stage="cohort", percent=place + 1), name, "c1")


def test_a_cohort_of_nought_is_nobody_and_of_a_hundred_everybody() -> None:
    names = [f"d{number}.example" for number in range(1_000)]
    assert not any(in_stage(replace(GUARDS, stage="cohort", percent=0), name, "c1") for name in names)
    assert all(in_stage(replace(GUARDS, stage="cohort", percent=100), name, "c1") for name in names)


def test_in_stage_self_only_who_is_allowed_by_domain_or_contact() -> None:
    guards = replace(GUARDS, stage="self", percent=100, allow=frozenset({"ours.example", "c7"}))
    assert in_stage(guards, "ours.example", "c1")
    assert in_stage(guards, "d0.example", "c7")
    assert not in_stage(guards, "d0.example", "c1"), "the share is that of a cohort only"


def test_in_stage_everyone_the_share_does_not_count() -> None:
    assert in_stage(replace(GUARDS, stage="everyone", percent=0), "d0.example", "c1")


def at(clock: str, day: int = 24) -> float:
    """So much o'clock in Berlin; 2025-11-24 is a Monday."""
    return datetime.fromisoformat(f"2025-11-{day:02}T{clock}").replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


@pytest.mark.parametrize(
    ("span", "clock", "is_quiet"),
    [
        ("17:00-09:00", "16:59:59", False),
        ("17:00-09:00", "17:00:00", True),
        ("17:00-09:00", "23:59:59", True),
        ("17:00-09:00", "00:00:00", True),
        ("17:00-09:00", "08:59:59", True),
        ("17:00-09:00", "09:00:00", False),
        ("17:00-09:00", "12:00:00", False),
        ("12:00-13:30", "11:59:59", False),
        ("12:00-13:30", "12:00:00", True),
        ("12:00-13:30", "13:29:59", True),
        ("12:00-13:30", "13:30:00", False),
        ("12:00-13:30", "23:00:00", False),
        ("09:00-09:00", "09:00:00", False),
        ("09:00-09:00", "21:00:00", False),
        ("", "03:00:00", False),
    ],
)
def test_quiet_hours_begin_on_time_end_on_time_and_go_over_midnight(span: str, clock: str, is_quiet: bool) -> None:
    assert quiet(replace(GUARDS, quiet_hours=span), at(clock), "Europe/Berlin") is is_quiet


def test_a_quiet_day_is_quiet_from_midnight_to_midnight_where_the_workspace_is() -> None:
    guards = replace(GUARDS, quiet_days=("saturday",))
    assert not quiet(guards, at("23:59:59", 28), "Europe/Berlin")
    assert quiet(guards, at("00:00:00", 29), "Europe/Berlin")
    assert quiet(guards, at("23:59:59", 29), "Europe/Berlin")
    assert not quiet(guards, at("00:00:00", 30), "Europe/Berlin")
    assert not quiet(guards, at("00:00:00", 29), "UTC"), "there it is still Friday"


def test_a_time_zone_that_this_machine_does_not_know_is_utc() -> None:
    assert zone("Nowhere/Atlantis") is UTC
    assert zone("../../etc/passwd") is UTC
    assert zone("Europe/Berlin") == ZoneInfo("Europe/Berlin")


def test_quiet_hours_that_cannot_be_read_are_one_sentence() -> None:
    assert hours(" 17:00 - 09:30 ") == (time(17), time(9, 30))
    for text in ("17:00", "17:00-09:00-10:00", "five-nine", "25:00-09:00"):
        with pytest.raises(ValueError, match="must be two times of the day such as 17:00-09:00"):
            hours(text)
