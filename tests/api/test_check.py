"""GET and POST /v1/check: in time, once for all who ask, and with what a cache needs."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest

from spfcheck.api.context import SERVICE
from spfcheck.api.reports.checks import Checks
from spfcheck.serve.app import ReportIds
from tests.api.running import ZONE, SlowLookup, make_keys, running, settings_of


async def test_a_report_and_its_summary_say_the_same() -> None:
    async with running() as client:
        async with client.get("/v1/check/other.example") as answer:
            assert answer.status == 200
            assert answer.content_type == "application/json"
            report = await answer.json()
        async with client.get("/v1/check/other.example?view=summary") as answer:
            summary = await answer.json()
    assert report["status"] == summary["status"] == "action_needed"
    assert report["remedy"]["value"] == summary["remedy"]["value"]
    assert "include:_spf.mail.example" in summary["remedy"]["value"]
    assert report["opinion"]["asked"] is True
    assert report["report_id"] == summary["report_id"]
    assert "evidence" not in summary


async def test_etag_and_cache_control_come_from_the_report() -> None:
    async with running() as client:
        async with client.get("/v1/check/fine.example") as answer:
            etag = answer.headers["ETag"]
            assert answer.headers["Cache-Control"] == "private, max-age=300" or answer.headers[
                "Cache-Control"
            ].startswith("private, max-age=29")
        async with client.get("/v1/check/fine.example", headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
            assert await answer.read() == b""
        async with client.get("/v1/check/fine.example?view=summary", headers={"If-None-Match": etag}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://spf.company.example"])
@pytest.mark.parametrize("view", ["full", "summary"])
async def test_every_way_of_asking_gets_the_same_headers_and_the_same_report(url: str, view: str) -> None:
    """The answer whose bytes are ready is one that aiohttp would make of the same report."""
    path = f"/v1/check/fine.example?view={view}"
    asked: list[tuple[dict[str, str], bytes]] = []
    async with running(settings_of(public_url=url), clock=lambda: 1_000_000.0) as client:
        for method, headers in (
            ("GET", {}), ("GET", {}), ("GET", {"Connection": "close"}), ("HEAD", {}), ("HEAD", {"Connection": "close"}),
        ):  # fmt: skip
            async with client.request(method, path, headers={**headers, "X-Request-Id": "same-for-all"}) as answer:
                assert answer.status == 200
                told = {name.lower(): value for name, value in answer.headers.items()}
                del told["date"]
                told.pop("connection", None)
                asked.append((told, await answer.read() if method == "GET" else asked[0][1]))
                assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()) < 5
    assert all(one == asked[0] for one in asked)
    assert ("strict-transport-security" in asked[0][0]) == url.startswith("https")
    assert asked[0][0]["x-request-id"] == "same-for-all"


async def test_two_requests_sent_at_once_are_answered_in_turn() -> None:
    async with running() as client:
        async with client.get("/v1/check/fine.example"):
            pass
        reader, writer = await asyncio.open_connection("127.0.0.1", int(client.url.rpartition(":")[2]))
        head = "GET /v1/check/fine.example?view={} HTTP/{}\r\nHost: 127.0.0.1\r\n\r\n"
        writer.write((head.format("summary", "1.1") + head.format("full", "1.1") + head.format("full", "1.0")).encode())
        text = await asyncio.wait_for(reader.read(), 5)  # the last one ends the connection
        writer.close()
    first, second, third = [part.partition(b"\r\n\r\n")[2] for part in re.split(rb"(?=HTTP/1\.[01] )", text) if part]
    assert json.loads(first)["status"] == "ok"
    assert json.loads(second) == json.loads(third)


def test_report_ids_never_repeat_and_use_all_their_characters() -> None:
    new_id = ReportIds()
    made = [new_id() for _ in range(20_000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", one) for one in made)
    assert all(len({one[place] for one in made}) == 64 for place in range(22))


async def test_a_thousand_who_ask_at_once_cost_one_check() -> None:
    lookup = SlowLookup(delay=0.02)
    async with running(lookup=lookup) as client:

        async def ask() -> tuple[int, str]:
            async with client.get("/v1/check/fine.example?view=summary") as answer:
                return answer.status, (await answer.json())["status"]

        answers = await asyncio.gather(*(ask() for _ in range(1_000)))
    assert set(answers) == {(200, "ok")}
    assert len(lookup.asked) <= 12


async def test_an_answer_comes_in_time_whatever_the_dns_does() -> None:
    lookup = SlowLookup()
    lookup.gate.clear()
    async with running(lookup=lookup) as client:
        # The DNS is silent until the gate opens, so what is answered before was not waited for.
        async with client.get("/v1/check/fine.example?wait_ms=20") as answer:
            report = await answer.json()
        assert report["status"] == "unknown"
        assert report["retry_after_s"] >= 1
        assert report["record"] is None
        lookup.gate.set()
        async with client.get("/v1/check/fine.example") as answer:
            assert (await answer.json())["status"] == "ok"
    assert len(set(lookup.asked)) == len(lookup.asked)


async def test_an_old_report_is_shown_as_stale_while_a_new_one_is_made() -> None:
    now = [1_000_000.0]
    lookup = SlowLookup()
    async with running(lookup=lookup, clock=lambda: now[0]) as client:
        async with client.get("/v1/check/fine.example") as answer:
            assert (await answer.json())["stale"] is False
        now[0] += 7_200
        lookup.gate.clear()
        async with client.get("/v1/check/fine.example?wait_ms=50") as answer:
            old = await answer.json()
        assert (old["status"], old["stale"], old["retry_after_s"]) == ("ok", True, 2)
        now[0] += 90_000
        async with client.get("/v1/check/fine.example?wait_ms=50&view=summary") as answer:
            assert (await answer.json())["status"] == "unknown"
        lookup.gate.set()


async def test_fresh_asks_again_but_not_more_often_than_every_30_s() -> None:
    now = [1_000_000.0]
    lookup = SlowLookup()
    async with running(lookup=lookup, clock=lambda: now[0]) as client:

        async def asked_for(path: str) -> int:
            before = len(lookup.asked)
            async with client.get(path) as answer:
                assert answer.status == 200
            return len(lookup.asked) - before

        assert await asked_for("/v1/check/fine.example") > 0
        assert await asked_for("/v1/check/fine.example") == 0
        assert await asked_for("/v1/check/fine.example?fresh=true") == 0
        now[0] += 31
        assert await asked_for("/v1/check/fine.example") == 0
        assert await asked_for("/v1/check/fine.example?fresh=true") > 0


async def test_what_if_is_not_taken_for_what_is() -> None:
    async with running() as client:
        body = {"domain": "other.example", "record": "v=spf1 include:_spf.mail.example -all"}
        async with client.post("/v1/check", json=body) as answer:
            tried = await answer.json()
        async with client.get("/v1/check/other.example") as answer:
            published = await answer.json()
        async with client.get(f"/v1/reports/{tried['report_id']}") as answer:
            assert (await answer.json()) == tried
    assert (tried["status"], tried["hypothetical"]) == ("ok", True)
    assert (published["status"], published["hypothetical"]) == ("action_needed", False)


async def test_the_dns_failing_is_unknown_and_not_a_fault_of_the_service() -> None:
    async with running() as client, client.get("/v1/check/slow.example") as answer:
        assert answer.status == 200
        report = await answer.json()
    assert report["status"] == "unknown"
    assert report["remedy"]["kind"] == "none"


async def test_without_our_own_senders_every_status_is_unknown_and_the_service_not_ready() -> None:
    zone = ZONE.replace("_spf.mail.example    TXT", "_spf.gone.example    TXT")
    async with running(lookup=SlowLookup(zone)) as client:
        async with client.get("/readyz") as answer:
            assert answer.status == 503
            assert (await answer.json())["reasons"]
        async with client.get("/v1/check/other.example") as answer:
            assert (await answer.json())["status"] == "unknown"
        async with client.get("/healthz") as answer:
            assert answer.status == 200


async def test_check_host() -> None:
    async with running() as client:
        for ip, result in (("192.0.2.7", "pass"), ("198.51.100.9", "fail"), ("::ffff:192.0.2.7", "pass")):
            body = {"ip": ip, "sender": "jane@fine.example"}
            async with client.post("/v1/check-host", json=body) as answer:
                verdict = await answer.json()
            assert verdict["result"] == result
            assert verdict["trace"]
        async with client.post(
            "/v1/check-host", json={"ip": "192.0.2.7", "sender": "", "helo": "fine.example"}
        ) as answer:
            assert (await answer.json())["result"] == "pass"


async def test_a_pasted_text_is_read_and_nothing_is_looked_up() -> None:
    text = "550-5.7.26 SPF [fine.example] with ip: [198.51.100.9] = did not pass"
    async with running() as client:
        async with client.post("/v1/read", json={"text": text}) as answer:
            assert await answer.json() == {
                "meanings": [
                    {
                        "domain": "fine.example",
                        "source": "bounce",
                        "ip": "198.51.100.9",
                        "sender": "",
                        "helo": "",
                        "result": "",
                    }
                ],
                "sure": True,
                "nothing": None,
            }
        async with client.post("/v1/read", json={"text": "192.0.2.1"}) as answer:
            assert await answer.json() == {"meanings": [], "sure": False, "nothing": "address"}


async def test_quota_counts_cold_checks_and_spares_cached_ones() -> None:
    keys = make_keys()
    settings = settings_of(api_keys=list(keys.lines), cold_per_minute=3)
    now = [1_000_000.0]
    async with running(settings, clock=lambda: now[0]) as client:

        async def ask(domain: str, key: str) -> tuple[int, str | None]:
            headers = {"Authorization": f"Bearer {key}"}
            async with client.get(f"/v1/check/{domain}", headers=headers) as answer:
                return answer.status, answer.headers.get("Retry-After")

        assert [(await ask(f"d{n}.example", keys.check))[0] for n in range(3)] == [200, 200, 200]
        status, retry = await ask("d3.example", keys.check)
        assert status == 429
        assert retry is not None
        assert 1 <= int(retry) <= 60
        assert (await ask("d0.example", keys.check))[0] == 200
        assert (await ask("d3.example", keys.support))[0] == 200
        now[0] += int(retry)
        assert (await ask("d4.example", keys.check))[0] == 200


async def test_a_full_lane_refuses_and_cached_answers_pass_by() -> None:
    lookup = SlowLookup()
    async with running(settings_of(cold_lane=2), lookup) as client:
        async with client.get("/v1/check/fine.example") as answer:
            assert answer.status == 200
        lookup.gate.clear()
        for n in range(2):
            async with client.get(f"/v1/check/d{n}.example?wait_ms=10") as answer:
                assert (await answer.json())["status"] == "unknown"
        async with client.get("/v1/check/d2.example?wait_ms=10") as answer:
            assert answer.status == 503
            assert 1 <= int(answer.headers["Retry-After"]) <= 5
        async with client.get("/v1/check/d0.example?wait_ms=10") as answer:
            assert answer.status == 200
        async with client.get("/v1/check/fine.example") as answer:
            assert answer.status == 200
        lookup.gate.set()


@pytest.mark.parametrize("count", [1, 3_000])
async def test_batch_answers_every_line_in_its_place(count: int) -> None:
    async with running() as client:
        good = ["fine.example", '{"domain": "broken.example"}', '"other.example"', "BARE.example."]
        lines = [good[n % 4] for n in range(count)] + [
            "not a domain",
            "",
            "https://fine.example/",
            '{"x": 1}',
            "y" * 3_000,
        ]
        async with client.post(
            "/v1/check/batch", data="\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
        ) as answer:
            assert answer.status == 200
            told = [json.loads(line) async for line in answer.content]
    by_line = {item["line"]: item for item in told}
    assert len(told) == len(by_line) == count + 4
    assert by_line[1]["status"] == "ok"
    assert {by_line[n]["problem"]["type"] for n in (count + 1, count + 3, count + 4, count + 5)} == {
        "/problems/invalid-body"
    }
    assert by_line[count + 3]["problem"]["likely"] == "fine.example"
    if count > 4:
        assert (by_line[2]["status"], by_line[3]["status"]) == ("action_needed", "action_needed")


PLACES = (
    ZONE
    + """
lost.example MX 10 mx.bare.example
_spf.lost.example TXT "v=spf1 mx include:_spf.mail.example ~all"
www.other.example A 198.51.100.7
"""
)


@pytest.mark.parametrize("view", ["full", "summary"])
async def test_a_batch_looks_in_no_wrong_place_and_who_asks_for_one_domain_is_told(view: str) -> None:
    lookup = SlowLookup(PLACES)
    async with running(lookup=lookup) as client:
        body = "lost.example\nwww.other.example"
        for _ in range(2):
            async with client.post(
                f"/v1/check/batch?view={view}", data=body, headers={"Content-Type": "application/x-ndjson"}
            ) as answer:
                told = [json.loads(line) async for line in answer.content]
            assert {finding["code"] for line in told for finding in line["findings"]} >= {"no-record"}
            assert not [one for line in told for one in line["findings"] if one["code"] == "record-misplaced"]
            assert [line["likely"] for line in told] == ["", ""]
        assert "_spf.lost.example" not in {question.name for question in lookup.asked}
        for one in ("full", "summary"):
            async with client.get(f"/v1/check/lost.example?view={one}") as answer:
                lost = await answer.json()
            assert "record-misplaced" in {finding["code"] for finding in lost["findings"]}
            assert lost["remedy"]["value"] == "v=spf1 mx include:_spf.mail.example ~all"
            async with client.get(f"/v1/check/www.other.example?view={one}") as answer:
                assert (await answer.json())["likely"] == "other.example"
        async with client.get(f"/v1/reports/{told[0]['report_id']}") as answer:
            assert answer.status == (200 if view == "full" else 404)


async def still(look: Callable[[], object]) -> None:
    """Wait until what *look* sees is the same for two thousand turns of the loop that both sides run in."""
    before, turns = look(), 0
    while turns < 2_000:
        await asyncio.sleep(0)
        now = look()
        before, turns = now, turns + 1 if now == before else 0


async def test_batch_reads_no_further_than_it_has_places_and_ends_when_the_client_goes() -> None:
    lookup = SlowLookup()
    async with running(settings_of(batch_lane=4), lookup) as client:
        checks = client.app[SERVICE].checks
        lookup.gate.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", int(client.url.rpartition(":")[2]))
        head = (
            "POST /v1/check/batch HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/x-ndjson",
            "Content-Length: 100000000",
        )
        writer.write("\r\n".join((*head, "", "")).encode())
        line = "{}." + "x" * 60 + ".example\n"
        sent = 0

        async def pour() -> None:
            nonlocal sent
            while sent < 500_000:
                writer.write(line.format(f"d{sent}").encode())
                await writer.drain()
                sent += 1

        pouring = asyncio.create_task(pour())
        await still(lambda: (sent, checks.flights))
        assert checks.flights == 4
        assert 0 < sent < 500_000
        pouring.cancel()
        writer.transport.abort()
        await asyncio.gather(pouring, return_exceptions=True)
        lookup.gate.set()
        await checks.drain(60.0)
        asked = len(lookup.asked)
        await still(lambda: (len(lookup.asked), checks.flights))
        assert len(lookup.asked) == asked < 5_000


async def test_a_batch_without_end_does_not_hold_the_end_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spfcheck.serve.app.DRAIN_SECONDS", 0.01)
    honest, left = Checks.drain, list[int]()

    async def drain(self: Checks, seconds: float) -> None:
        left.append(len(self.batches))
        await honest(self, seconds)
        left.append(len(self.batches))

    monkeypatch.setattr(Checks, "drain", drain)
    async with running() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(client.url.rpartition(":")[2]))
        head = ("POST /v1/check/batch HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/x-ndjson")
        writer.write("\r\n".join((*head, "Transfer-Encoding: chunked", "", "d", "fine.example\n", "")).encode())
        await reader.readuntil(b'"line":1,')
    assert left == [1, 0], "what was under way is ended, not waited for"
    assert not (await reader.read()).endswith(b"0\r\n\r\n")  # the client can tell that it has not got everything
    writer.close()
