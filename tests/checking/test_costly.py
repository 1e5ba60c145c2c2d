"""Costly checks are made in processes of their own, say the same as on the spot, and end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from spfcheck.api.reports.entries import Made, fresh_until, made_whole
from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report, as_json
from spfcheck.audit.report.serialise import json_bytes
from spfcheck.audit.second_opinion import completed
from spfcheck.audit.senders import Ours
from spfcheck.checking import costly
from spfcheck.checking.connection import host_question, judge, verdict_document
from spfcheck.checking.costly import A_PAIR, LIGHT, LONG, CostlyChecks, weight
from spfcheck.processes import CutBy
from spfcheck.resolver.types import Answer, Lookup, Outcome, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.audit.golden_file import OURS

ZONE = """
_spf.mail.example  TXT "v=spf1 ip4:203.0.113.0/24 -all"
customer.example   TXT "v=spf1 include:a.customer.example include:b.customer.example ~all"
a.customer.example TXT "v=spf1 ip4:192.0.2.1 a mx -all"
a.customer.example A   192.0.2.2
b.customer.example TXT "v=spf1 exists:%{i}.list.example -all"
"""
WHO = {"mail_from": "postmaster@{domain}", "helo": "mail.invalid"}


class Asynchronous:
    """A zone whose answers have to be waited for; knows how many questions stood at once."""

    def __init__(self, zone: str = ZONE, *, delay: float = 0.0) -> None:
        self._zone = ZoneLookup(Zone.parse(zone))
        self._delay = delay
        self._going = self.most = 0

    def cached(self, question: Question) -> Answer | None:
        return None

    async def ask(self, question: Question) -> Answer:
        self._going += 1
        self.most = max(self.most, self._going)
        await asyncio.sleep(self._delay)
        self._going -= 1
        return self._zone.cached(question)


class Spinning(Asynchronous):
    """A zone with a record on which work never ends: pyspf expands its macros for minutes."""

    async def ask(self, question: Question) -> Answer:
        if question == Question("customer.example", Rtype.TXT):
            record = b"v=spf1 exists:" + b"%{i}." * 12_000 + b"example -all"
            return Answer(question=question, outcome=Outcome.OK, records=((record,),), ttl=300)
        return await super().ask(question)


@pytest.fixture
async def ours() -> Ours:
    return await prepare(OURS, ZoneLookup(Zone.parse(ZONE)), clock=lambda: 5.0)


@pytest.fixture
async def checks() -> AsyncIterator[CostlyChecks]:
    made = CostlyChecks()
    yield made
    made.processes.close()


@pytest.fixture
def heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is taken for costly."""
    monkeypatch.setattr(costly, "LIGHT", 20)
    monkeypatch.setattr(costly, "LONG_REPORT", 100)
    monkeypatch.setattr(costly._on_the_spot, "__defaults__", (20,))


def text(report: Report) -> str:
    return json.dumps(as_json(report))


async def examined(checks: CostlyChecks, lookup: Lookup, ours: Ours, **options: Any) -> Any:
    return await checks.examine(
        "customer.example", lambda: lookup, ours, **{**WHO, **options}, clock=lambda: 5.0, new_id=lambda: "id"
    )


async def alone(ours: Ours, **options: Any) -> Report:
    return await examine(
        "customer.example", Asynchronous(), ours, **{**WHO, **options}, clock=lambda: 5.0, new_id=lambda: "id"
    )


async def test_a_light_check_is_made_on_the_spot(checks: CostlyChecks, ours: Ours) -> None:
    report = await examined(checks, Asynchronous(), ours)
    assert text(report) == text(await alone(ours))
    assert (checks.count, checks.processes.pids()) == (0, [])


@pytest.mark.usefixtures("heavy")
@pytest.mark.parametrize("lookup", [Asynchronous(), ZoneLookup(Zone.parse(ZONE))], ids=["asked", "cached"])
@pytest.mark.parametrize("options", [{}, {"opinion": True}, {"record": "v=spf1 a -all"}, {"search": True}], ids=str)
async def test_a_costly_check_says_the_same(lookup: Lookup, options: dict[str, Any], ours: Ours) -> None:
    told: list[str] = []
    checks = CostlyChecks(1, told.append)
    report = await examined(checks, lookup, ours, **options)
    assert text(report) == text(await alone(ours, **options))
    assert (told, checks.count, len(checks.processes.pids())) == (["customer.example"], 1, 1)
    checks.processes.close()


@pytest.mark.usefixtures("heavy")
async def test_bytes_are_made_over_there(checks: CostlyChecks, ours: Ours) -> None:
    made: Made = await examined(checks, Asynchronous(), ours, made=made_whole)
    assert made == made_whole(await alone(ours))
    assert checks.count == 1


@pytest.mark.usefixtures("heavy")
async def test_what_is_asked_at_once_is_asked_at_once(checks: CostlyChecks, ours: Ours) -> None:
    lookup = Asynchronous(delay=0.01)
    await examined(checks, lookup, ours)
    assert checks.count == 1
    assert lookup.most == 3, "addresses of both families and mail hosts of one name"


@pytest.mark.usefixtures("heavy")
async def test_an_opinion_on_a_long_report_is_asked_for_over_there(checks: CostlyChecks, ours: Ours) -> None:
    full = json_bytes(await alone(ours))
    lookup = ZoneLookup(Zone.parse(ZONE))
    whole: Report = await checks.complete(full, lookup, ours, costly._same)
    assert text(whole) == text(await completed(await alone(ours), lookup, ours))
    assert (whole.opinion.asked, checks.count) == (True, 1)


@pytest.mark.usefixtures("heavy")
async def test_check_host_says_the_same(checks: CostlyChecks) -> None:
    question = host_question("192.0.2.9", "a@customer.example", "h.example")
    document = await checks.judge(question, Asynchronous)
    assert document == verdict_document(await judge(question, Asynchronous()))
    assert (document["result"], checks.count) == ("softfail", 1)


@pytest.mark.parametrize(
    ("bounds", "reason", "why", "again_in"),
    [
        ({"cpu": 0.2}, "it takes more than 0.2 s of processor time", CutBy.CPU, 600.0),
        ({"seconds": 0.2}, "it was not done within 0.2 s", CutBy.TIME, 600.0),
        ({"waiting": 0.05}, "all processes for such checks are at work", CutBy.BUSY, 10.0),
    ],
)
async def test_a_check_that_is_cut_short_says_so(
    checks: CostlyChecks, ours: Ours, bounds: dict[str, float], reason: str, why: CutBy, again_in: float
) -> None:
    held: list[asyncio.Task[None]] = []
    if why is CutBy.BUSY:
        held.append(asyncio.create_task(checks.processes.run("tests.test_processes:stand")))
        while not checks.processes.pids():  # noqa: ASYNC110 - nothing says when a process has started
            await asyncio.sleep(0.01)
    checks.processes.bounds = replace(checks.processes.bounds, **bounds)
    report = await examined(checks, Spinning(), ours, opinion=True)
    assert (report.status, report.result) == ("unknown", "temperror")
    assert [(found.code, found.severity) for found in report.findings] == [("too-costly", "warning")]
    assert report.findings[0].message.endswith(f"too much work: {reason}.")
    assert report.headline.endswith(report.findings[0].message)
    assert (report.report_id, report.checked_at, report.evidence) == ("id", 5.0, ())
    assert checks.processes.cut[why] == 1
    assert fresh_until(report) == 5.0 + again_in
    checks.processes.close()
    await asyncio.gather(*held, return_exceptions=True)


async def test_an_opinion_that_is_cut_short_is_none(checks: CostlyChecks, ours: Ours) -> None:
    report = await alone(ours)
    padded = replace(report, record=replace(report.record, text="x" * costly.LONG_REPORT))  # type: ignore[type-var]
    checks.processes.bounds = replace(checks.processes.bounds, seconds=0.0)
    whole: Report = await checks.complete(json_bytes(padded), Asynchronous(), ours, costly._same)
    assert (whole.opinion.asked, whole.opinion.result, whole.opinion.may_message) == (True, "no-opinion", False)


@pytest.mark.usefixtures("heavy")
async def test_a_check_host_that_is_cut_short_is_a_temperror(checks: CostlyChecks) -> None:
    checks.processes.bounds = replace(checks.processes.bounds, seconds=0.0)
    document = await checks.judge(host_question("192.0.2.9", "a@customer.example", "h.example"), Asynchronous)
    assert (document["result"], document["cause"]) == ("temperror", "dns-failure")


@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
async def test_each_way_to_an_answer_weighs_it(several: bool) -> None:
    """Also in a task of the check's own, which another one waits for."""
    question = Question("customer.example", Rtype.TXT)

    async def work(lookup: Lookup) -> None:
        assert isinstance(lookup, costly.Weighed)
        asking = lookup.ask_all([question]) if several else lookup.ask(question)
        await asyncio.gather(asyncio.ensure_future(asking))

    await costly._on_the_spot(work, Asynchronous(), 500)
    with pytest.raises(costly.HeavyError):
        await costly._on_the_spot(work, Asynchronous(), 10)


async def test_who_is_cancelled_is_not_taken_for_costly(checks: CostlyChecks, ours: Ours) -> None:
    task = asyncio.create_task(examined(checks, Asynchronous(delay=60), ours))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert checks.count == 0


def answer(record: str, rtype: Rtype = Rtype.TXT) -> Answer:
    return Answer(question=Question("a.example", rtype), outcome=Outcome.OK, records=((record.encode(),),))


def test_weights() -> None:
    networks = "v=spf1" + " ip4:192.0.2.1 ip6:2001:db8::1" * 20
    assert weight(answer(networks)) == len(networks) + len(networks) ** 2 // LONG
    assert weight(answer("v=spf1 a mx")) == 11 + 4 * A_PAIR
    assert weight(answer("V=SPF1 a mx")) == 11 + 4 * A_PAIR
    assert weight(answer("v=spf1" + " a" * 21)) < LIGHT < weight(answer("v=spf1" + " a" * 22))
    assert weight(answer("a b c d")) == 7
    assert weight(answer("", Rtype.MX)) == 32


async def test_the_weight_of_a_record_that_is_tried_out_counts(checks: CostlyChecks, ours: Ours) -> None:
    await examined(checks, Asynchronous(), ours, record="v=spf1" + " a" * 26)
    assert checks.count == 1
