"""A plan as people read it, and what `doctor` says of a workspace."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spfcheck.cli.doctor import workspace_faults
from spfcheck.cli.plans import SHOWN_ROWS, plan_lines
from spfcheck.notify.model import Plan
from spfcheck.settings import load
from tests.notify.world import broken, world

NAMES = [f"d{number:02}.example" for number in range(8)]


async def a_plan(directory: Path, **changes: Any) -> Plan:
    """Ann has eight broken domains, Bob one that waits for the ceiling, Eve unsubscribed, and Max typed nonsense."""
    async with world(directory, broken(*NAMES, "bob.example", "eve.example")) as w:
        for name in NAMES:
            w.workspace.add_contact(email="ann@agency.example", sending_domain=name)
        w.workspace.add_contact(email="bob@bob.example", sending_domain="bob.example")
        w.workspace.add_contact(email="eve@eve.example", sending_domain="eve.example", unsubscribed_from_emails=True)
        w.workspace.add_contact(email="max@max.example", sending_domain="=cmd()")
        await w.baseline()
        async with w.notifier(**changes) as notifier:
            return await notifier.plan()


async def test_a_plan_says_who_gets_what_and_who_waits_and_why(tmp_path: Path) -> None:
    made = await a_plan(tmp_path, ceiling_per_run=1)
    lines = list(plan_lines(made))
    (goes,) = [line for line in lines if line.startswith("  message ")]
    (waits,) = [line for line in lines if line.startswith("  waits ")]
    ann, bob = (goes, waits) if NAMES[0] in goes else (waits, goes)
    assert all(f"{name}: v=spf1 mx include:_spf.mail.example -all" in ann for name in NAMES), "all eight, not five"
    assert "bob.example: v=spf1 mx include:_spf.mail.example -all" in bob
    assert waits.endswith("(The ceiling of the run is reached; it waits for the next.)")
    assert "  left alone  eve.example: The contact unsubscribed." in lines
    (refused,) = [line for line in lines if line.startswith("  no domain ")]
    assert "=cmd() (006762f2391bb6" in refused
    assert not any("@" in line for line in lines), "no address"


async def test_the_csv_has_a_line_for_each_person_and_domain(tmp_path: Path) -> None:
    made = await a_plan(tmp_path)
    rows = list(csv.DictReader(io.StringIO(made.as_csv())))
    assert [row["domain"] for row in rows if row["person"]] == ["bob.example", *NAMES]
    assert len({row["ref"] for row in rows if row["domain"] in NAMES}) == 1
    (eve,) = [row for row in rows if row["domain"] == "eve.example"]
    assert (eve["reason"], eve["person"], eve["ref"]) == ("unsubscribed", "", "")


async def test_what_is_more_is_counted(tmp_path: Path) -> None:
    made = await a_plan(tmp_path)
    many = replace(made, refused=tuple((f"text {number}", "no domain", "c1") for number in range(SHOWN_ROWS + 5)))
    assert list(plan_lines(many))[-1] == "  no domain   ... and 5 more; --json and --csv FILE have them all"


@pytest.mark.parametrize(
    ("url", "region", "admins", "tags", "said"),
    [
        ("https://api.intercom.io", "US", {7}, {"spf-no-notify"}, []),
        ("http://127.0.0.1:8090", "EU", {7}, {"spf-no-notify"}, []),
        ("https://api.intercom.io", "EU", {7}, {"spf-no-notify"}, ["set the URL to https://api.eu.intercom.io."]),
        ("https://api.eu.intercom.io", "AU", {7}, {"spf-no-notify"}, ["set the URL to https://api.au.intercom.io."]),
        ("https://api.intercom.io", "US", set(), {"spf-no-notify"}, ["no admin 7"]),
        ("https://api.intercom.io", "US", {7}, {"spf-notified"}, ["no tag spf-no-notify"]),
    ],
)
def test_the_doctor_compares_the_workspace_with_the_settings(
    url: str, region: str, admins: set[int], tags: set[str], said: list[str]
) -> None:
    settings = load(intercom={"url": url, "admin_id": 7, "token": "t"})
    faults = workspace_faults(settings, region=region, admins=admins, tags=tags)
    assert len(faults) == len(said)
    assert all(words in fault for words, fault in zip(said, faults, strict=True))
