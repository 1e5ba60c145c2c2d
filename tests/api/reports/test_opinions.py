"""The second opinion beside the service's reports: a report is there at once, and complete as soon as it can be."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from spfcheck.api.context import SERVICE
from spfcheck.api.reports.checks import Checks
from spfcheck.audit.report.model import Report
from spfcheck.audit.second_opinion import BOUNDS, engines
from tests.api.running import Client, SlowLookup, make_keys, running, settings_of
from tests.made.held import held_engine

ASKED = {"asked": True, "result": "agrees", "agrees": True}


def checks_of(client: Client) -> Checks:
    return client.app[SERVICE].checks


async def got(client: Client, path: str, **options: Any) -> dict[str, Any]:
    async with client.get(path, **options) as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


def opinion(report: dict[str, Any]) -> dict[str, Any]:
    return {name: report["opinion"][name] for name in ASKED}


async def kept(client: Client, report_id: str) -> dict[str, Any]:
    """What the keeper holds, the shelf aside."""
    entry = await checks_of(client).keeper.find(report_id)
    assert entry is not None
    return entry.document()


async def landed(client: Client) -> None:
    """Wait until no opinion is asked for any more."""
    tasks = checks_of(client).opinions.tasks()
    assert tasks, "an opinion is under way"
    await asyncio.wait(tasks)


async def test_a_summary_neither_waits_nor_asks() -> None:
    async with running() as client:
        with held_engine():
            summary = await got(client, "/v1/check/other.example?view=summary")
            assert (summary["status"], summary["remedy"]["kind"]) == ("action_needed", "replace")
            assert checks_of(client).opinions.tasks() == []
        assert (await kept(client, summary["report_id"]))["opinion"]["asked"] is False


async def test_the_whole_report_waits_no_longer_than_it_was_told() -> None:
    async with running() as client:
        with held_engine() as let_go:
            async with client.get("/v1/check/other.example?wait_ms=50") as answer:
                early = await answer.json()
                assert "ETag" not in answer.headers, "it is not what it will be"
                assert answer.headers["Cache-Control"] == "no-store"
            assert (early["status"], early["remedy"]["kind"]) == ("action_needed", "replace")
            assert (early["opinion"]["asked"], early["opinion"]["may_message"], early["retry_after_s"]) == (
                False, False, 2,
            )  # fmt: skip
            assert await checks_of(client).keeper.find(early["report_id"]) is None, "it is kept once it is complete"
            summary = await got(client, "/v1/check/other.example?view=summary")
            assert "retry_after_s" not in summary
            let_go.set()
            await landed(client)
        async with client.get("/v1/check/other.example") as answer:
            whole = await answer.json()
            assert answer.headers["ETag"] == f'"{early["report_id"]}-full"'
        assert (opinion(whole), whole["opinion"]["may_message"]) == (ASKED, True)
        assert "retry_after_s" not in whole
        same = ("report_id", "status", "headline", "remedy", "findings", "checked_at")
        assert {name: whole[name] for name in same} == {name: early[name] for name in same}
        assert await got(client, f"/v1/reports/{whole['report_id']}") == whole
        assert await kept(client, whole["report_id"]) == whole
        (told,) = await checks_of(client).keeper.history("other.example", 10)
        assert told.document() == whole


async def test_the_whole_report_after_a_summary_is_the_same_report_completed() -> None:
    keys, lookup = make_keys(), SlowLookup()
    headers = {"Authorization": f"Bearer {keys.check}"}
    async with running(settings_of(api_keys=list(keys.lines), cold_per_minute=1), lookup) as client:
        path = "/v1/check/other.example"
        async with client.get(f"{path}?view=summary", headers=headers) as answer:
            summary, etag = await answer.json(), answer.headers["ETag"]
        asked = len(lookup.asked)
        whole = await got(client, path, headers=headers)  # which costs no second check of the quota
        assert (whole["report_id"], opinion(whole)) == (summary["report_id"], ASKED)
        assert len(lookup.asked) == asked
        assert await kept(client, whole["report_id"]) == whole
        (told,) = await checks_of(client).keeper.history("other.example", 10)
        assert told.document() == whole
        async with client.get(f"{path}?view=summary", headers={**headers, "If-None-Match": etag}) as answer:
            assert answer.status == 200, "its bytes were made anew"
            assert await answer.json() == summary


async def test_a_permalink_that_is_opened_while_its_answers_are_good_asks_too() -> None:
    now = [1_000_000.0]
    async with running(clock=lambda: now[0]) as client:
        first = await got(client, "/v1/check/other.example?view=summary")
        assert opinion(await got(client, f"/v1/reports/{first['report_id']}")) == ASKED
        now[0] += 7_200
        second = await got(client, "/v1/check/other.example?view=summary")
        now[0] += 7_200
        old = await got(client, f"/v1/reports/{second['report_id']}")
        assert (old["opinion"]["asked"], "retry_after_s" in old) == (False, False)


@pytest.mark.parametrize("record", [None, "v=spf1 ip4:198.51.100.8 -all"])
async def test_a_post_gives_the_report_and_completes_it(record: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spfcheck.api.routes.DEFAULT_WAIT_MS", 50)
    body = {"domain": "other.example", **({"record": record} if record else {})}
    async with running() as client:
        with held_engine() as let_go:
            async with client.post("/v1/check", json=body) as answer:
                early = await answer.json()
            assert (early["status"], early["opinion"]["asked"], early["retry_after_s"]) == ("action_needed", False, 2)
            pending = await got(client, f"/v1/reports/{early['report_id']}")
            assert pending == early
            let_go.set()
            await landed(client)
        whole = await got(client, f"/v1/reports/{early['report_id']}")
        assert (opinion(whole), whole["hypothetical"]) == (ASKED, record is not None)
        assert await kept(client, early["report_id"]) == whole


async def test_two_who_share_one_flight_get_the_same_report() -> None:
    lookup = SlowLookup()
    lookup.gate.clear()
    async with running(lookup=lookup) as client:
        both = asyncio.gather(
            got(client, "/v1/check/other.example?view=summary&wait_ms=20000"),
            got(client, "/v1/check/other.example?wait_ms=20000"),
            got(client, "/v1/check/other.example?wait_ms=20000"),
        )
        while not lookup.asked:  # noqa: ASYNC110 - the lookup says nothing when it is asked
            await asyncio.sleep(0.005)
        lookup.gate.set()
        summary, first, second = await both
    assert first == second
    assert (summary["report_id"], opinion(first)) == (first["report_id"], ASKED)
    assert len(set(lookup.asked)) == len(lookup.asked)


async def test_who_goes_away_leaves_a_report_that_is_complete() -> None:
    async with running() as client:
        with held_engine() as let_go:
            _, writer = await asyncio.open_connection("127.0.0.1", int(client.url.rpartition(":")[2]))
            writer.write(b"GET /v1/check/other.example?wait_ms=20000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            checks = checks_of(client)
            while not checks.opinions.tasks():  # noqa: ASYNC110 - nothing says when a request has come
                await asyncio.sleep(0.005)
            writer.transport.abort()
            let_go.set()
            await landed(client)
        entry = checks.shelf.get("other.example")
        assert entry is not None
        assert opinion(await kept(client, entry.report_id)) == ASKED


async def test_an_engine_that_hangs_costs_its_opinion_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines(), "bounds", replace(BOUNDS, seconds=0.05))
    async with running() as client:
        with held_engine():
            report = await got(client, "/v1/check/other.example")
            assert report["opinion"]["result"] == "no-opinion"
            assert report["opinion"]["detail"].endswith("pyspf has not answered within 0.05 s")
            assert (report["opinion"]["asked"], report["opinion"]["may_message"]) == (True, False)
            assert await kept(client, report["report_id"]) == report
            fine = await got(client, "/v1/check/fine.example?wait_ms=0")
            assert (fine["status"], fine["opinion"]["asked"]) == ("ok", False)
            await landed(client)


async def test_a_fault_of_ours_in_it_costs_no_report(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> Report:
        raise LookupError("our fault")

    async with running() as client:
        with monkeypatch.context() as patch:
            patch.setattr("spfcheck.checking.costly.completed", broken)
            report = await got(client, "/v1/check/other.example")
            assert (report["status"], report["opinion"]["asked"]) == ("action_needed", False)
            assert "retry_after_s" not in report
            assert await kept(client, report["report_id"]) == report
        assert opinion(await got(client, "/v1/check/other.example")) == ASKED, "who asks later has it asked again"
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    faults = [line for line in lines if line["event"] == "no second opinion"]
    assert {line["domain"] for line in faults} == {"other.example"}
    assert "our fault" in json.dumps(faults[0])


async def test_no_more_are_asked_for_than_checks_may_be_under_way() -> None:
    async with running(settings_of(cold_lane=1)) as client:
        with held_engine() as let_go:
            first = await got(client, "/v1/check/other.example?wait_ms=10")
            second = await got(client, "/v1/check/fine.example?wait_ms=10")
            assert (first["retry_after_s"], first["opinion"]["asked"]) == (2, False)
            assert (second["status"], second["opinion"]["asked"]) == ("ok", False)
            assert "retry_after_s" not in second, "nothing comes to it"
            assert await kept(client, second["report_id"]) == second
            let_go.set()
            await landed(client)
        assert opinion(await got(client, "/v1/check/fine.example")) == ASKED


async def test_the_end_of_the_service_keeps_the_report_without_its_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spfcheck.serve.app.DRAIN_SECONDS", 0.05)
    with held_engine():
        async with running() as client:
            report = await got(client, "/v1/check/other.example?wait_ms=10")
            keeper = checks_of(client).keeper
        entry = await keeper.find(report["report_id"])
    assert entry is not None
    del report["retry_after_s"]
    assert entry.document() == report


async def test_without_our_own_senders_there_is_nothing_to_ask() -> None:
    async with running(settings_of(sender_include="_spf.gone.example")) as client:
        report = await got(client, "/v1/check/other.example")
        assert (report["status"], report["opinion"]["asked"]) == ("unknown", False)
        assert "retry_after_s" not in report
        assert await got(client, "/v1/check/other.example") == report, "and it is at hand as long as it is fresh"
