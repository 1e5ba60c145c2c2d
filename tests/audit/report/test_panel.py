"""Steps for a DNS panel."""

from __future__ import annotations

import pytest

from spfcheck.audit.report.panel import panel_host, panel_steps
from tests.audit.golden_file import GOLDEN, Golden


@pytest.mark.parametrize(
    ("name", "host"), [("customer.example", "@"), ("news.customer.example", "news"), ("a.b.shop.co.uk", "a.b")]
)
def test_the_host_field(name: str, host: str) -> None:
    assert panel_host(name) == host


async def steps_of(name: str) -> tuple[str, ...]:
    return panel_steps((await Golden.read(GOLDEN / f"{name}.txt").report()).remedy, 300)


async def test_replace_one_record() -> None:
    steps = await steps_of("law-01-insert-at-the-end")
    assert steps[1].endswith("that reads: v=spf1 include:spf.protection.outlook.com -all")
    assert steps[2] == (
        "Replace its value by: v=spf1 include:spf.protection.outlook.com include:_spf.mail.example -all"
    )
    assert steps[-1].startswith("Wait 5 minutes")


async def test_merge_two_records() -> None:
    steps = await steps_of("law-24-two-records")
    assert [step.split()[0] for step in steps] == ["Open", "Delete", "Delete", "Add", "Save,", "Wait"]


async def test_a_long_record_is_also_given_in_pieces() -> None:
    (pieces,) = [step for step in await steps_of("law-28-over-255-bytes") if "in pieces" in step]
    assert pieces.count('"') == 4


async def test_nothing_to_publish_nothing_to_do() -> None:
    assert await steps_of("law-15-ten-lookups") == ()
    assert await steps_of("find-fine") == ()
