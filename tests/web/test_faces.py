"""Page and command line say the same of every golden situation, and of everything that only a network can do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from spfcheck.api.context import SERVICE
from spfcheck.api.reports.entries import entry_of
from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report import catalogue
from spfcheck.audit.report.catalogue import CATALOGUE, Code
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.cli.draw import draw
from spfcheck.resolver.types import Answer, Outcome, Question
from spfcheck.web.view import safe
from tests.api.running import Client, running, zone_lookup
from tests.audit.golden_file import GOLDEN, Golden
from tests.web.test_pages import Page, assert_nothing_runs

PATHS = sorted(GOLDEN.glob("*.txt"))
PARTS = 4
"""The golden situations are shared out over as many tests, so that several processes can take some."""


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with running() as made:
        yield made


def flat(text: str) -> str:
    return " ".join(text.split())


async def assert_both_faces_say_it(client: Client, report: Report) -> None:
    """Headline, and each finding's sentence and advice, on the page and on a terminal; its help one link away."""
    client.app[SERVICE].checks.keeper.keep(entry_of(replace(report, report_id="golden")))
    async with client.get("/reports/golden?expand=all") as answer:
        assert answer.status == 200
        page = Page(await answer.text())
    assert_nothing_runs(page)
    shown = flat(page.text)
    out = StringIO()
    draw(report, console=Console(file=out, width=10_000))
    drawn = flat(out.getvalue())
    links = {attributes.get("href") for _, attributes in page.tags}
    for text in (report.headline, report.remedy.value):
        assert flat(safe(text)) in shown
        assert flat(safe(text)) in drawn
    for finding in report.findings:
        for text in (finding.message, finding.advice):
            assert flat(safe(text)) in shown, finding.code
            assert flat(safe(text)) in drawn, finding.code
        assert f"/help/{finding.code}" in links
    if report.record is not None:
        told = {n for n, found in enumerate(report.findings) if found.span and found.domain == report.record.name}
        marks = [attributes for tag, attributes in page.tags if tag == "mark"]
        assert bool(marks) == bool(told)
        assert ("^" in drawn) == bool(told)


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_golden_report_stands_on_both_faces(client: Client, part: int) -> None:
    assert len(PATHS) > 200
    for path in PATHS[part::PARTS]:
        try:
            await assert_both_faces_say_it(client, await Golden.read(path).report())
        except AssertionError as error:
            error.add_note(f"in {path.name}")
            raise


class Faulty:
    """A zone over a network that does one thing wrong with one question."""

    def __init__(self, name: str, **wrong: Any) -> None:
        self._zone = zone_lookup()
        self._name, self._wrong = name, wrong

    def cached(self, question: Question) -> Answer | None:
        return None

    async def ask(self, question: Question) -> Answer:
        answer = self._zone.cached(question)
        return replace(answer, **self._wrong) if question.name == self._name else answer


FAULTS: dict[Code, tuple[str, dict[str, Any]]] = {
    Code.SLOW_DNS: ("fine.example", {"took_ms": 4_321.0}),
    Code.STALE_ANSWER: ("fine.example", {"stale": True}),
    Code.ABSENCE_UNCONFIRMED: ("nothing.example", {"soa_seen": False}),
    Code.DNS_RCODE: ("fine.example", {"outcome": Outcome.RCODE, "records": (), "rcode": 4}),
    Code.DNS_REFERRAL: ("fine.example", {"outcome": Outcome.REFERRAL, "records": ()}),
    Code.DNS_FILTERED: (
        "fine.example",
        {"outcome": Outcome.FILTERED, "records": (), "detail": "Blocked by <b>us</b>."},
    ),
    Code.DNS_UNREACHABLE: ("fine.example", {"outcome": Outcome.UNREACHABLE, "records": ()}),
    Code.DNS_LIMITED: ("fine.example", {"outcome": Outcome.LIMITED, "records": ()}),
}


@pytest.mark.parametrize("code", FAULTS)
async def test_what_only_a_network_can_do_stands_on_both_faces(client: Client, code: Code) -> None:
    name, wrong = FAULTS[code]
    lookup = Faulty(name, **wrong)
    ours = await prepare([SenderProfile(name="default", include="_spf.mail.example")], lookup, clock=lambda: 1e9)
    report = await examine(name, lookup, ours, clock=lambda: 1e9, new_id=lambda: "golden")
    assert code.value in {found.code for found in report.findings}
    await assert_both_faces_say_it(client, report)


async def test_a_check_that_is_given_up_stands_on_both_faces(client: Client) -> None:
    lookup = Faulty("fine.example", outcome=Outcome.TIMEOUT, records=())
    ours = await prepare([SenderProfile(name="default", include="_spf.mail.example")], lookup, clock=lambda: 1e9)
    report = await examine("fine.example", lookup, ours, clock=lambda: 1e9, new_id=lambda: "golden")
    said = catalogue.finding(Code.TOO_COSTLY, "fine.example", reason="It took more than 4 s of processor time.")
    await assert_both_faces_say_it(client, replace(report, findings=(said,)))


def test_no_finding_is_forgotten() -> None:
    """Between them the situations above have every finding of the catalogue."""
    golden = {line.split()[0] for path in PATHS for line in Golden.read(path).expect.get("finding", [])}
    assert golden | {code.value for code in FAULTS} | {Code.TOO_COSTLY.value} == {code.value for code in CATALOGUE}
