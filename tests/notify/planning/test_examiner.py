"""What a night asks of whom: the second engine, the second resolver, and no more at once than it may."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from spfcheck.audit.report.model import Report
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.archive import Sighting
from spfcheck.notify.model import Progress, Reason
from spfcheck.notify.planning import plan as planning
from spfcheck.notify.planning.checks import DnsChecks
from spfcheck.notify.planning.plan import BATCH, Examined, Examiner, Tally, examine_all
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.notify.world import MONDAY, SHARED, broken, mended

MANUAL = '"v=spf1 ' + " ".join(f"include:i{n}.example" for n in range(11)) + ' -all"'
INCLUDES = "\n".join(f'i{n}.example TXT "v=spf1 ip4:198.51.100.{n} -all"' for n in range(11))
ZONE = "\n".join(
    (
        SHARED,
        broken("broken.example"),
        mended("fine.example"),
        f"manual.example TXT {MANUAL}",
        INCLUDES,
        "silent.example TXT TIMEOUT",
    )
)
NAMES = ("broken.example", "fine.example", "manual.example", "silent.example")


class Watched(DnsChecks):
    """Checks that count what is asked of them, and how many are under way."""

    def __init__(self, zone: str = ZONE, *, second: str = "", opinions: bool = True) -> None:
        from spfcheck.audit.senders import SenderProfile

        super().__init__(
            [SenderProfile(name="default", include="_spf.mail.example")],
            mail_from="postmaster@{domain}",
            helo="mail.invalid",
            night=lambda: ZoneLookup(Zone.parse(zone)),
            second=(lambda: ZoneLookup(Zone.parse(second))) if second else None,
            clock=lambda: MONDAY,
        )
        self.asked: Counter[tuple[str, str]] = Counter()
        self.under_way = self.most = 0
        self._opinions = opinions
        self.gate = asyncio.Event()
        self.gate.set()

    async def night(self, domain: str, *, opinion: bool) -> Report:
        self.asked[domain, "opinion" if opinion else "verdict"] += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
            return await super().night(domain, opinion=opinion and self._opinions)
        finally:
            self.under_way -= 1

    async def second(self, domain: str) -> Report | None:
        self.asked[domain, "second"] += 1
        return await super().second(domain)

    def of(self, what: str) -> list[str]:
        return sorted(domain for domain, kind in self.asked if kind == what)


async def night(
    checks: Watched, names: tuple[str, ...] = NAMES, **guards: Any
) -> tuple[dict[str, Examined | None], Tally]:
    examiner = Examiner(checks, Guards(**guards), lambda: MONDAY)
    found = {sighting.domain: examined async for sighting, examined in examiner.each(names)}
    return found, examiner.tally


async def test_each_domain_is_seen_once_and_what_is_fine_is_not_listed() -> None:
    checks = Watched()
    found, _ = await night(checks)
    assert sorted(found) == sorted(NAMES)
    assert found["fine.example"] is None
    reasons = {name: one.judgement.reason for name, one in found.items() if one is not None}
    assert reasons == {
        "broken.example": None,
        "manual.example": Reason.NEEDS_A_PERSON,
        "silent.example": Reason.DNS_FAILED,
    }
    one = found["broken.example"]
    assert one is not None
    assert (one.status, one.remedy, one.record) == (
        "action_needed",
        "replace",
        "v=spf1 mx include:_spf.mail.example -all",
    )
    assert one.fault == "sender-not-included"
    silent = found["silent.example"]
    assert silent is not None
    assert silent.fault == "", "what nobody could look at has no fault"


async def test_the_second_engine_is_asked_only_where_a_message_may_follow() -> None:
    checks = Watched()
    _, tally = await night(checks)
    assert checks.of("opinion") == ["broken.example"]
    assert checks.of("verdict") == sorted(NAMES)
    assert set(checks.asked.values()) == {1}
    assert (tally.opinions, tally.disagreements) == (1, 0)


async def test_without_the_second_engine_nobody_is_written_about() -> None:
    checks = Watched()
    found, _ = await night(checks)
    assert found["broken.example"] is not None
    assert found["broken.example"].judgement.reason is None
    found, tally = await night(Watched(opinions=False))
    assert found["broken.example"] is not None
    assert found["broken.example"].judgement.reason is Reason.NO_OPINION
    assert tally.opinions == 0


async def test_the_second_resolver_is_asked_of_those_that_would_be_written_about() -> None:
    checks = Watched(second=ZONE)
    found, tally = await night(checks)
    assert checks.of("second") == ["broken.example"]
    assert (tally.asked_twice, tally.resolver_disagreements) == (1, 0)
    assert found["broken.example"] is not None
    assert found["broken.example"].judgement.reason is None
    _, alone = await night(Watched())
    assert (alone.asked_twice, alone.resolver_disagreements) == (0, 0), "there is no second resolver"


async def test_a_second_resolver_that_differs_is_heard_and_counted() -> None:
    other = ZONE.replace(broken("broken.example"), mended("broken.example"))
    found, tally = await night(Watched(second=other))
    assert found["broken.example"] is not None
    assert found["broken.example"].judgement.reason is Reason.RESOLVERS_DIFFER
    assert (tally.asked_twice, tally.resolver_disagreements) == (1, 1)


async def test_the_figures_for_the_brakes_are_counted() -> None:
    class Disagreeing(Watched):
        async def night(self, domain: str, *, opinion: bool) -> Report:
            report = await super().night(domain, opinion=opinion)
            return replace(report, opinion=replace(report.opinion, result="disagrees", agrees=False))

    _, tally = await night(Disagreeing())
    assert tally.statuses == {"ok": 1, "action_needed": 2, "unknown": 1}
    assert (tally.failed, tally.opinions, tally.disagreements) == (1, 1, 1)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_no_more_are_examined_at_once_than_the_guard_says(concurrency: int) -> None:
    names = tuple(f"d{n}.example" for n in range(10))
    checks = Watched(SHARED + broken(*names))
    found, _ = await night(checks, names, concurrency=concurrency)
    assert len(found) == 10
    assert checks.most == concurrency


async def test_who_stops_listening_leaves_nothing_running() -> None:
    names = tuple(f"d{n}.example" for n in range(6))
    checks = Watched(SHARED + broken(*names))
    examiner = Examiner(checks, Guards(concurrency=3), lambda: MONDAY)
    each = examiner.each(names)
    await anext(each)
    checks.gate.clear()
    await each.aclose()  # type: ignore[attr-defined]
    for _ in range(10):
        await asyncio.sleep(0)
    assert checks.under_way == 0


async def test_a_whole_roster_is_written_down_in_batches_and_told_as_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "BATCH", 2)
    written: list[list[Sighting]] = []

    class Everybody:
        def domains(self) -> tuple[str, ...]:
            return (*reversed(NAMES), "good.example")

        def domain_count(self) -> int:
            return 5

    class Kept:
        def see(self, plan_id: str, sightings: list[Sighting], now: float) -> None:
            assert (plan_id, now) == ("p1", MONDAY)
            written.append(list(sightings))

    async def write(work: Any, *arguments: Any) -> None:
        work(*arguments)

    told: list[Progress] = []
    examiner = Examiner(Watched(), Guards(), lambda: MONDAY)
    found = await examine_all(
        examiner,
        "p1",
        Everybody(),
        Kept(),
        write,
        lambda: MONDAY,
        told.append,  # type: ignore[arg-type]
    )
    assert [item.domain for item in found] == ["broken.example", "manual.example", "silent.example"]
    assert [len(batch) for batch in written] == [2, 2, 1]
    assert {sighting.domain for batch in written for sighting in batch} == {*NAMES, "good.example"}
    assert [(one.stage, one.done, one.total) for one in told] == [("domains", n, 5) for n in range(1, 6)]
    assert BATCH == 500
