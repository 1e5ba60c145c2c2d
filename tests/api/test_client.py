"""The main app is not hurt: whatever becomes of the service, calls end within the second and raise nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from spfcheck.client import FAILURES_TO_OPEN, OPEN_SECONDS, WAITING_AT_MOST, AsyncClient, Breaker, Client
from spfcheck.serve.app import create_app
from tests.api.running import free_port, in_a_thread, settings_of, zone_lookup
from tests.profile import scale

CALLS = scale(2_000, 10_000)


@contextmanager
def misbehaving(kind: str) -> Iterator[str]:
    """A server that takes connections and then does what *kind* says."""
    if kind == "killed":
        yield f"http://127.0.0.1:{free_port()}"
        return
    done = threading.Event()
    server = socket.create_server(("127.0.0.1", 0), backlog=512)
    server.settimeout(0.2)

    def treat(connection: socket.socket) -> None:
        with connection:
            try:
                if kind == "stopped":
                    done.wait(30)
                elif kind == "500":
                    connection.recv(4_096)
                    connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                elif kind == "dripping":
                    connection.recv(4_096)
                    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1_000:
                        connection.sendall(bytes([byte]))
                        if done.wait(1.0):
                            return
                elif kind == "garbage":
                    connection.recv(4_096)
                    connection.sendall(b"\x00\xff" * 1_000)
                elif kind == "endless":
                    connection.recv(4_096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
                    while not done.is_set():
                        connection.sendall(b" " * 65_536)
            except OSError:
                return

    def accept() -> None:
        while not done.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=treat, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        done.set()
        server.close()


@pytest.mark.parametrize("kind", ["killed", "stopped", "500", "dripping", "garbage", "endless"])
def test_ten_thousand_calls_hurt_nobody(kind: str) -> None:
    slowest: list[float] = []
    when_open: list[float] = []
    reasons: Counter[str] = Counter()
    lock = threading.Lock()

    with misbehaving(kind) as url, Client(url) as client:

        def call_many(number: int) -> None:
            for _ in range(number):
                time.sleep(0.002)  # an app does something else between two calls; twenty busy threads measure the GIL
                began = time.perf_counter()
                hint = client.check("customer.example")
                took = time.perf_counter() - began
                with lock:
                    assert hint.status == "unknown"
                    reasons[hint.reason] += 1
                    slowest.append(took)
                    if hint.reason == "open":
                        when_open.append(took)

        threads = [threading.Thread(target=call_many, args=(CALLS // 20,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(reasons.values()) == CALLS
    assert max(slowest) <= 1.05
    when_open.sort()
    assert reasons["open"] + reasons["full"] >= CALLS * 0.99
    assert len(when_open) > CALLS * 0.2
    assert when_open[int(len(when_open) * 0.99)] <= 0.005
    # Beside the open breaker, only those that found it closed have waited.
    assert CALLS - reasons["open"] - reasons["full"] <= FAILURES_TO_OPEN + WAITING_AT_MOST


async def test_at_most_eight_wait() -> None:
    with misbehaving("stopped") as url:
        async with AsyncClient(url) as client:
            hints = await asyncio.gather(*(client.check("customer.example") for _ in range(100)))
    reasons = Counter(hint.reason for hint in hints)
    assert reasons["timeout"] == WAITING_AT_MOST
    assert reasons["full"] == 100 - WAITING_AT_MOST


def test_answers_are_hints() -> None:
    with in_a_thread(lambda: create_app(settings_of(), zone_lookup())) as url, Client(url) as client:
        good = client.check("fine.example")
        assert (good.status, good.record, good.reason) == ("ok", "", "")
        broken = client.check("broken.example")
        assert (broken.status, broken.record_name) == ("action_needed", "broken.example")
        assert broken.record == "v=spf1 include:_spf.mail.example ~all"
        assert broken.report["remedy"]["kind"] == "replace"
        slow = client.check("slow.example")
        assert (slow.status, slow.reason) == ("unknown", "")
        for _ in range(10):
            wrong = client.check("https://fine.example/")
            assert (wrong.status, wrong.reason, wrong.likely) == ("unknown", "invalid", "fine.example")
        host = client.check("www.other.example")
        assert (host.status, host.reason, host.likely) == ("action_needed", "", "other.example")
        assert (good.likely, broken.likely, slow.likely) == ("", "", "")
        assert client.check("../../metrics?x=\r\n").reason == "invalid"
        assert not client.breaker.open


def test_a_refused_key_opens_no_breaker_and_raises_nothing() -> None:
    from tests.api.running import make_keys

    keys = make_keys()
    settings = settings_of(api_keys=list(keys.lines))
    with in_a_thread(lambda: create_app(settings, zone_lookup())) as url:
        with Client(url) as client:
            for _ in range(10):
                assert client.check("fine.example").reason == "refused"
            assert not client.breaker.open
        with Client(url, keys.check) as client:
            assert client.check("fine.example").status == "ok"


def test_the_breaker_opens_probes_and_closes() -> None:
    now = [0.0]
    breaker = Breaker(lambda: now[0])
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.allows()
        breaker.failed()
    assert breaker.open
    assert not breaker.allows()
    now[0] += OPEN_SECONDS
    assert breaker.allows()
    assert not breaker.allows()  # one probe at a time
    breaker.failed()
    assert not breaker.allows()
    now[0] += OPEN_SECONDS
    assert breaker.allows()
    breaker.succeeded()
    assert not breaker.open
    assert all(breaker.allows() for _ in range(20))
