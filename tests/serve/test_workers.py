"""`spfcheck serve --workers 2` as it runs in production: real processes, real signals, one socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from spfcheck.api.observe.fleet import WRITE_SECONDS
from spfcheck.serve.workers import IN_MEMORY, SHARED_MEMORY
from tests.api.load import SPFCHECK
from tests.api.running import ZONE, free_port

GRACE = 1.5


@dataclass(slots=True)
class Running:
    process: subprocess.Popen[str]
    port: int
    log: Path

    def workers(self) -> set[int]:
        """The children that live, as the kernel knows them."""
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in text.split()}

    def events(self, name: str) -> list[dict[str, object]]:
        told = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [event for event in told if event["event"] == name]

    def until(self, true: object, seconds: float = 20.0) -> None:
        assert callable(true)
        ends = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < ends, self.log.read_text()
            time.sleep(0.05)

    def ask(self, path: str = "/v1/check/fine.example?view=summary") -> int:
        """The status over a connection of its own; 0 when it broke."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()


@dataclass(slots=True)
class Load:
    """Four threads that ask one request after the other."""

    service: Running
    statuses: Counter[int] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in self.threads:
            thread.start()
        return self

    def _ask(self) -> None:
        while not self.over.is_set():
            self.statuses[self.service.ask()] += 1
            time.sleep(0.005)

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


@contextmanager
def serving(folder: Path) -> Iterator[Running]:
    (folder / "x.zone").write_text(ZONE)
    port = free_port()
    log = folder / "log"
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SPFCHECK_")},
        "SPFCHECK_SENDER_INCLUDE": "_spf.mail.example",
        "SPFCHECK_DATABASE_URL": f"sqlite:///{folder}/x.sqlite3",
        "SPFCHECK_STOP_GRACE_SECONDS": str(GRACE),
    }
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [SPFCHECK, "serve", "--zone", "x.zone", "--port", str(port), "--workers", "2"],
            cwd=folder, env=variables, stderr=stderr, text=True,
        )  # fmt: skip
    running = Running(process, port, log)
    try:
        running.until(lambda: len(running.events("serving")) == 2)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()


def test_two_workers_answer_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        first = service.workers()
        assert len(first) == 2
        with Load(service) as load:
            service.until(lambda: load.statuses[200] > 200)
        assert set(load.statuses) == {200}
        ids = [str(event["id"]) for event in service.events("request")]
        assert len(ids) == len(set(ids))
        assert len({text[:10] for text in ids}) == 2, "one worker got every request"

        killed = first.pop()
        os.kill(killed, signal.SIGKILL)
        service.until(lambda: len(service.events("serving")) == 3)
        assert len(service.workers()) == 2
        assert killed not in service.workers()
        with Load(service) as load:
            service.until(lambda: load.statuses[200] > 100)
        assert set(load.statuses) == {200}
        service.process.terminate()
        assert service.process.wait(20) == 0
        assert len(service.events("stopping")) == 2


def test_a_worker_that_is_told_to_end_fails_no_request(tmp_path: Path) -> None:
    with serving(tmp_path) as service, Load(service) as load:
        for old in list(service.workers()):
            began = len(service.events("serving"))
            os.kill(old, signal.SIGTERM)
            service.until(lambda old=old: old not in service.workers())
            service.until(lambda began=began: len(service.events("serving")) > began)
        load.over.set()
        assert load.statuses[200] > 200
        assert set(load.statuses) == {200}


CHECKS = "spfcheck_requests_total", ("/v1/check/{domain}", "200")


def counts(service: Running) -> dict[tuple[str, tuple[str, ...]], float]:
    """What one of the processes tells a monitor."""
    with urlopen(f"http://127.0.0.1:{service.port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def folders(service: Running) -> list[Path]:
    place = SHARED_MEMORY if IN_MEMORY else Path(tempfile.gettempdir())
    return list(place.glob(f"spfcheck-counts-{service.process.pid}-*"))


def test_metrics_are_those_of_all_processes_whichever_answers_and_however_they_end(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        with Load(service) as load:
            service.until(lambda: load.statuses[200] > 200)
        asked = load.statuses[200]
        answered = Counter(str(event["id"])[:10] for event in service.events("request"))
        assert len(answered) == 2
        service.until(lambda: counts(service)[CHECKS] == asked)
        # Two seconds on, every process tells the same, whichever is asked.
        time.sleep(2 * WRITE_SECONDS)
        assert {counts(service)[CHECKS] for _ in range(30)} == {asked}
        assert counts(service)["spfcheck_ready", ()] == 1
        assert counts(service)["spfcheck_reports_at_hand", ()] == 2  # one domain, by two processes

        for sent in (signal.SIGKILL, signal.SIGTERM):
            began = len(service.events("serving"))
            os.kill(min(service.workers()), sent)
            service.until(lambda began=began: len(service.events("serving")) > began)
            time.sleep(2 * WRITE_SECONDS)
            assert {counts(service)[CHECKS] for _ in range(30)} == {asked}
        assert service.ask() == 200
        service.until(lambda: counts(service)[CHECKS] == asked + 1)
        assert len(folders(service)) == 1
        service.process.terminate()
        assert service.process.wait(20) == 0
    assert folders(service) == []


def test_sigterm_under_load_says_not_ready_and_answers_for_the_grace_time(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        with Load(service) as load:
            time.sleep(0.5)
            service.process.terminate()
            service.until(lambda: len(service.events("stopping")) == 2)
            assert service.ask("/readyz") == 503
            connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
            connection.request("GET", "/v1/check/fine.example")
            assert connection.getresponse().headers["Connection"] == "close"
            connection.close()
            time.sleep(GRACE * 0.6)
        assert load.statuses[200] > 100
        assert set(load.statuses) == {200}
        assert service.process.wait(20) == 0
        assert service.ask() == 0


def test_what_is_wrong_is_told_once_before_any_process_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        [SPFCHECK, "serve", "--port", "0", "--workers", "2", "--zone", "missing.zone"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "missing.zone cannot be read" in done.stderr
    assert done.stderr.count("\n") == 1
