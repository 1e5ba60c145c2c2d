"""Two services as on two machines: real processes that share nothing but a real Postgres."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from spfcheck.serve.app import KEYS_SECONDS
from tests import postgres
from tests.api.load import SPFCHECK
from tests.api.running import ZONE, free_port

COLD = 20
BATCH = 600
BLOCK = BATCH // 20


@dataclass(slots=True)
class Machine:
    """One service."""

    process: subprocess.Popen[bytes]
    port: int

    def ask(self, path: str, key: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and content over a connection of its own; 0 where nothing answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
        try:
            connection.request("GET" if body is None else "POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()


@dataclass(slots=True)
class Fleet:
    """Two services, and the command line beside them."""

    folder: Path
    variables: dict[str, str]
    key: str
    machines: list[Machine]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [SPFCHECK, *arguments], cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_key(self) -> str:
        told = self.run("keys", "new", "--store", "--note", "a test")
        return next(line.strip() for line in told.splitlines() if line.strip().startswith("spfk_"))

    def start(self) -> Machine:
        port = free_port()
        with (self.folder / f"log-{port}").open("w") as log:
            process = subprocess.Popen(
                [SPFCHECK, "serve", "--zone", "x.zone", "--port", str(port)],
                cwd=self.folder, env=self.variables, stderr=log,
            )  # fmt: skip
        return Machine(process, port)

    def until_up(self) -> None:
        ends = time.monotonic() + 30
        while any(machine.ask("/readyz", "")[0] != 200 for machine in self.machines):
            assert time.monotonic() < ends, [path.read_text() for path in self.folder.glob("log-*")]
            time.sleep(0.1)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with postgres.running() as server:
        if server is None:
            pytest.skip("POSTGRES IS NOT INSTALLED: what several machines share was not tested")
        folder = tmp_path_factory.mktemp("fleet")
        (folder / "x.zone").write_text(ZONE)
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SPFCHECK_")},
            "SPFCHECK_SENDER_INCLUDE": "_spf.mail.example",
            "SPFCHECK_DATABASE_URL": server,
            "SPFCHECK_COLD_PER_MINUTE": str(COLD),
            "SPFCHECK_BATCH_PER_MINUTE": str(BATCH),
            "SPFCHECK_STOP_GRACE_SECONDS": "0",
        }
        made = Fleet(folder, variables, "", [])
        made.key = made.new_key()
        made.machines = [made.start() for _ in range(2)]  # together: both would make what is missing
        try:
            made.until_up()
            yield made
        finally:
            for machine in made.machines:
                machine.process.terminate()
            for machine in made.machines:
                assert machine.process.wait(30) == 0


def decided_alone(fleet: Fleet) -> int:
    """Spends that took longer than a quarter of a second, as on a very busy machine; each may let one through."""
    texts = [machine.ask("/metrics", fleet.key)[1].decode() for machine in fleet.machines]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("spfcheck_local_quota_decisions_")]
    counts = [float(line.split()[1]) for line in lines if line.startswith("spfcheck_local_quota_decisions_total ")]
    assert len(counts) == 2
    return int(sum(counts))


def test_new_checks_of_both_together_stay_below_the_ceiling(fleet: Fleet) -> None:
    began = time.monotonic()
    domains = [f"/v1/check/cold{number}.example" for number in range(2 * COLD)]
    with ThreadPoolExecutor(8) as threads:
        work = [
            threads.submit(fleet.machines[n % 2].ask, path, fleet.key) for n, path in enumerate(domains)
        ]  # each could have allowed its half alone
        statuses = [done.result()[0] for done in work]
    back = (time.monotonic() - began) * COLD / 60
    assert set(statuses) == {200, 429}
    assert COLD <= statuses.count(200) <= COLD + 1 + back + decided_alone(fleet)


def test_batches_of_both_together_stay_below_theirs(fleet: Fleet) -> None:
    bodies = [b"".join(b"b%d-%d.example\n" % (n, line) for line in range(340)) for n in range(2)]
    began = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        work = [
            threads.submit(machine.ask, "/v1/check/batch", fleet.key, body)
            for machine, body in zip(fleet.machines, bodies, strict=True)
        ]
        answers = [done.result() for done in work]
    took = time.monotonic() - began
    lines = [json.loads(line) for status, text in answers for line in text.splitlines() if status == 200]
    assert len(lines) == 680
    assert all("status" in line for line in lines), "a batch waits, it is not refused"
    # 600 at once and ten a second: what is above the ceiling came one after the other.
    assert took > (680 - decided_alone(fleet) * BLOCK - BATCH) / (BATCH / 60) - 1
    assert took < (680 + 2 * BLOCK - BATCH) / (BATCH / 60) + 5


def test_a_key_that_is_revoked_on_one_machine_is_refused_on_all(fleet: Fleet) -> None:
    key = fleet.new_key()
    over = threading.Event()
    seen: dict[int, float] = {}

    def watch(machine: Machine) -> None:
        while not over.is_set():
            if machine.ask("/v1/check/fine.example", key)[0] == 401:
                seen.setdefault(machine.port, time.monotonic())
                return
            time.sleep(0.1)

    for machine in fleet.machines:
        _wait_for(lambda machine=machine: machine.ask("/v1/check/fine.example", key)[0] == 200)
    revoked = time.monotonic()
    fleet.run("keys", "revoke", key.split("_")[1])
    assert "revoked" in fleet.run("keys", "list")
    watching = [threading.Thread(target=watch, args=(machine,)) for machine in fleet.machines]
    for thread in watching:
        thread.start()
    for thread in watching:
        thread.join(KEYS_SECONDS + 10)
    over.set()
    assert len(seen) == 2, "a machine still takes it"
    assert max(seen.values()) - revoked < KEYS_SECONDS + 5


def _wait_for(true: object) -> None:
    assert callable(true)
    ends = time.monotonic() + KEYS_SECONDS + 10
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.1)
