"""Whatever a client does on its connection, it holds nobody else, is told so where it can be, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spfcheck.api import batch, params
from spfcheck.api.context import SERVICE, Service
from spfcheck.serve import connections
from spfcheck.serve.connections import KEPT_FREE, BoundedServer, most_connections
from tests.api.running import Client, SlowLookup, free_port, make_keys, running, settings_of, until, zone_lookup

SPFCHECK = Path(sys.executable).with_name("spfcheck")
HEAD = "HTTP/1.1\r\nHost: 127.0.0.1\r\n"
GET = f"GET /v1/check/fine.example {HEAD}\r\n".encode()


def service_of(client: Client) -> Service:
    return client.app[SERVICE]


def server_of(client: Client) -> BoundedServer:
    assert isinstance(client.runner.server, BoundedServer)
    return client.runner.server


async def said(client: Client, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """What the service answers to *request* before it closes the connection."""
    reader, writer = await client.connect()
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}, body


async def healthy(client: Client) -> None:
    async with client.get("/healthz", timeout=2) as answer:
        assert answer.status == 200


async def test_a_body_that_does_not_come_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "BODY_SECONDS", 0.2)
    monkeypatch.setattr("spfcheck.serve.server.LINGERING_SECONDS", 0.1)
    async with running() as client:
        for path, kind in (("/v1/check", "application/json"), ("/", "application/x-www-form-urlencoded")):
            request = f'POST {path} {HEAD}Content-Type: {kind}\r\nContent-Length: 99\r\n\r\n{{"domain":'
            status, _, _ = await said(client, request.encode())
            assert status == 408, path
        request = (
            f'POST /v1/check-host {HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{"ip'
        )
        status, headers, body = await said(client, request.encode())
        assert (status, json.loads(body)["type"]) == (408, "/problems/request-timeout")
        assert headers["server"] == "spfcheck"


async def test_who_expects_to_be_told_to_go_on_and_does_not_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "BODY_SECONDS", 0.2)
    monkeypatch.setattr("spfcheck.serve.server.LINGERING_SECONDS", 0.1)
    async with running() as client:
        reader, writer = await client.connect()
        head = (
            f"POST /v1/check {HEAD}Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 408 ")


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTT", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_a_connection_without_a_whole_request_is_closed(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spfcheck.serve.server.KEEP_ALIVE_SECONDS", 0.2)
    async with running() as client:
        reader, writer = await client.connect()
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()


async def test_a_batch_whose_next_line_does_not_come_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank lines are no lines: whoever sends only such does not hold it."""
    monkeypatch.setattr(batch, "LINE_SECONDS", 0.3)
    async with running() as client:
        reader, writer = await client.connect()
        head = f"POST /v1/check/batch {HEAD}Content-Type: {batch.NDJSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode() + b"d\r\nfine.example\n\r\n")
        answers: list[bytes] = []
        while not answers or b"request-timeout" not in answers[-1]:
            writer.write(b"1\r\n\n\r\n")
            line = await asyncio.wait_for(reader.readline(), 20)
            answers += [line] if line.startswith(b"{") else []
        writer.close()
    assert [json.loads(line)["line"] for line in answers] == [1, 5] or len(answers) == 2


async def large(client: Client, monkeypatch: pytest.MonkeyPatch, size: int = 500_000) -> None:
    """Have the report of fine.example be of *size* bytes."""
    monkeypatch.setattr(service_of(client).checks, "bulk_at_hand", lambda *_, **__: b'{"x":"' + b"x" * size + b'"}')


async def test_a_reader_that_stops_is_cut_off_and_holds_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READER_SECONDS", 0.3)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.05)
    async with running() as client:
        await large(client, monkeypatch)
        _, writer = await client.connect()
        lines = b"fine.example\n" * 600
        head = (
            f"POST /v1/check/batch?view=full {HEAD}Content-Type: {batch.NDJSON}\r\nContent-Length: {len(lines)}\r\n\r\n"
        )
        held: list[int] = []
        stream = batch._Stream.__init__

        def watched(self: batch._Stream, *args: Any) -> None:
            stream(self, *args)
            self_held = self
            held.append(0)

            async def look() -> None:
                while True:
                    held[0] = max(held[0], sum(map(len, self_held._ready)))
                    await asyncio.sleep(0)

            service_of(client).background.add(asyncio.ensure_future(look()))

        monkeypatch.setattr(batch._Stream, "__init__", watched)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(head.encode() + lines)
        metrics = service_of(client).metrics
        await until(lambda: metrics.closed["does-not-read"] == 1)
        await until(lambda: not service_of(client).batches)
        assert 0 < held[0] <= batch.READY_BYTES
        await healthy(client)
        writer.close()


async def test_a_batch_whose_client_reads_is_answered_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of half a megabyte each, of which two may wait."""
    async with running() as client:
        await large(client, monkeypatch)
        headers = {"Content-Type": batch.NDJSON}
        async with client.post("/v1/check/batch?view=full", data=b"fine.example\n" * 40, headers=headers) as answer:
            numbers = [json.loads(line)["line"] async for line in _lines(answer)]
    assert sorted(numbers) == list(range(1, 41))


async def _lines(answer: Any) -> Any:
    kept = b""
    async for chunk in answer.content.iter_any():
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            yield line


@pytest.mark.parametrize("path", ["/v1/check/batch", "/v1/check", "/v1/check-host", "/", "/sign-in"])
async def test_no_body_is_unpacked(path: str) -> None:
    bomb = gzip.compress(b"\n" * 50_000_000)
    async with running() as client:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        async with client.post(path, data=bomb, headers=headers) as answer:
            assert answer.status == 415
            assert "Content-Encoding" in await answer.text()
        await healthy(client)


async def test_a_key_has_so_many_batches_and_another_key_as_many() -> None:
    keys, lookup = make_keys(), SlowLookup()
    lookup.gate.clear()
    async with running(settings_of(api_keys=list(keys.lines), batches_per_key=2), lookup) as client:

        def begin(key: str) -> asyncio.Task[int]:
            async def go() -> int:
                headers = {"Content-Type": batch.NDJSON, "Authorization": f"Bearer {key}"}
                async with client.post("/v1/check/batch", data=b"other.example\n", headers=headers) as answer:
                    await answer.read()
                    return int(answer.status)

            return asyncio.create_task(go())

        going = [begin(keys.check), begin(keys.check), begin(keys.support)]
        await until(lambda: sum(service_of(client).batches.values()) == 3)
        assert await asyncio.wait_for(begin(keys.check), 10) == 429
        lookup.gate.set()
        assert await asyncio.gather(*going) == [200, 200, 200]
        assert not service_of(client).batches
        assert await begin(keys.check) == 200


async def test_who_waits_without_a_request_gives_way(capfd: pytest.CaptureFixture[str]) -> None:
    async with running(settings_of(max_connections=8)) as client:
        idle = [await client.connect() for _ in range(8)]
        await until(lambda: len(server_of(client).connections) == 8)
        for _ in range(3):
            status, _, _ = await said(client, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert status == 200
        assert (
            service_of(client).metrics.closed == {"gave-way": 3} or service_of(client).metrics.closed["gave-way"] == 1
        )
        assert await asyncio.wait_for(idle[0][0].read(), 5) == b"", "the oldest was the first"
        for _, writer in idle:
            writer.close()
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["most"] for line in told if line["event"] == "connections are full"] == [8], "once a minute"


async def test_where_all_are_at_work_one_more_is_refused_and_told_so() -> None:
    lookup = SlowLookup()
    lookup.gate.clear()
    async with running(settings_of(max_connections=8), lookup) as client:
        busy = [await client.connect() for _ in range(8)]
        for number, (_, writer) in enumerate(busy):
            writer.write(f"GET /v1/check/n{number}.example?wait_ms=20000 {HEAD}\r\n".encode())
        await until(lambda: service_of(client).checks.flights == 8)
        reader, writer = await client.connect()
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in answer
        assert b"/problems/busy" in answer
        writer.close()
        lookup.gate.set()
        for reader, writer in busy:
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            writer.close()
        assert service_of(client).metrics.closed == {"refused": 1}


def test_descriptors_bound_the_connections() -> None:
    assert most_connections(2_000, lambda: (10, 64)) == 64 - KEPT_FREE
    assert most_connections(2_000, lambda: (10, 40)) == 8
    assert most_connections(100, lambda: (10, 1_024)) == 100


@pytest.mark.parametrize(("left", "told"), [(0, True), (2, True), (20, False)])
def test_descriptors_that_run_out_are_told(left: int, told: bool) -> None:
    """Also where there is not even one left to count them."""
    program = f"""
import asyncio, os, resource, sys
from spfcheck.serve import connections
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = []
try:
    while True:
        kept.append(os.dup(1))
except OSError:
    pass
for number in kept[:{left}]:
    os.close(number)
used, limit = connections.descriptors()
sys.exit(used > limit - connections.SCARCE)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == int(told)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not tell its descriptors")
async def test_a_flood_at_64_descriptors_leaves_the_service_answering(tmp_path: Path) -> None:
    """Seventy half-sent bodies, batches and readers that stop, as many as there are no descriptors for."""
    (tmp_path / "zone").write_text('_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"\n')
    port = free_port()
    command = f"ulimit -n 64; exec {SPFCHECK} serve --zone {tmp_path}/zone --port {port}"
    variables = {
        **os.environ,
        "SPFCHECK_SENDER_INCLUDE": "_spf.mail.example",
        "SPFCHECK_DATABASE_URL": f"sqlite:///{tmp_path}/s.sqlite3",
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it is forked in a millisecond
            ["/bin/sh", "-c", command], env=variables, cwd=tmp_path, stderr=log
        )
    try:
        await until(lambda: b'"serving"' in (tmp_path / "log").read_bytes(), 30)
        half = f"POST /v1/check {HEAD}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n".encode()
        opened: list[socket.socket] = []
        for number in range(70):
            opened.append(socket.create_connection(("127.0.0.1", port)))
            with contextlib.suppress(ConnectionError):
                opened[-1].sendall((b"", b"GET /hea", half)[number % 3])
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /healthz {HEAD}Connection: close\r\n\r\n".encode())
            assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200 ")
            writer.close()
        assert b'"connections are full"' in (tmp_path / "log").read_bytes()
        for one in opened:
            one.close()
    finally:
        process.terminate()
        process.wait(30)


MALFORMED: list[Callable[[str], bytes]] = [
    lambda key: f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer {key}\r\n\r\n".encode(),
    lambda key: f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\x01\r\n\r\n".encode(),
    lambda key: f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key} {'x' * 9_000}\r\n\r\n".encode(),
    lambda key: f"GET /{key} HTTP/9\r\n\r\n".encode(),
    lambda key: f"{key}\r\n\r\n".encode(),
    lambda key: f"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {key}\r\n\r\n".encode(),
    lambda key: f"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {key}\r\nContent-Length: 4\r\n\r\n".encode(),
    lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    lambda _: bytes.fromhex("16030100a5010000a10303") + os.urandom(60) + b"\r\n\r\n",
    lambda key: "".join(["GET / HTTP/1.1\r\n", *(f"X-{n}: {key}\r\n" for n in range(200)), "\r\n"]).encode(),
]


@pytest.mark.parametrize("malformed", MALFORMED)
async def test_what_is_no_http_is_answered_and_logged_without_what_it_says(
    malformed: Callable[[str], bytes], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    keys = make_keys()
    async with running(settings_of(api_keys=list(keys.lines))) as client:
        status, headers, body = await said(client, malformed(keys.check))
        refusals = service_of(client).metrics.refusals["bad-request"]
    assert (status, headers["content-type"], headers["server"]) == (400, "application/problem+json", "spfcheck")
    assert json.loads(body)["type"] == "/problems/bad-request"
    assert "aiohttp" not in str(headers).lower()
    assert headers["x-request-id"] == json.loads(body)["request_id"]
    written = capfd.readouterr().err
    for text in (written, caplog.text, body.decode()):
        assert keys.check not in text
        assert "Traceback" not in text
    assert [json.loads(line)["event"] for line in written.splitlines()].count("malformed request") == 1
    assert refusals == 1


async def test_old_and_hurried_clients_are_answered() -> None:
    async with running() as client:
        status, _, _ = await said(client, b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert status == 200
        reader, writer = await client.connect()
        writer.write(f"GET /healthz {HEAD}\r\n".encode() * 50)
        for _ in range(50):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()


async def test_probes_leave_no_line_and_readiness_one_when_it_changes(capfd: pytest.CaptureFixture[str]) -> None:
    async with running(lookup=zone_lookup("other.example TXT x")) as client:
        for _ in range(3):
            await healthy(client)
            async with client.get("/readyz") as answer:
                assert answer.status == 503
        async with client.get("/healthz?x=1") as answer:
            assert answer.status == 400
    events = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["event"] for line in events] == ["not ready"]
    assert "_spf.mail.example" in events[0]["reasons"][0]
