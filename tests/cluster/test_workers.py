"""Real workers on a real Postgres: whatever strikes them, every domain is examined once and everybody is told once."""

from __future__ import annotations

import random
import time
from pathlib import Path

from spfcheck.cluster.pulse import FAILED
from tests import postgres
from tests.cluster.poisoned import LAST_SECONDS, POISON
from tests.cluster.stage import Stage, Worker, stage, wait
from tests.profile import scale

DOMAINS = scale(8_000, 100_000)
"""So many that a worker can be caught in a chunk before the night is over."""
MESSAGES = scale(60, 2_000)
STALLED = scale(2, 5)
LONG = scale(240, 900)


def holding(s: Stage, workers: list[Worker]) -> Worker:
    """One of *workers*, brought to a stand in the middle of a chunk."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        for worker in workers:
            claimed = worker.events("chunk-claimed")
            if not claimed:
                continue
            worker.stand_still()
            time.sleep(0.2)  # what it told the database to commit right before is committed by now
            if s.ask("SELECT 1 FROM chunks WHERE state = 'running' AND worker = %s", claimed[-1]["worker"]):
                return worker
            worker.go_on()
        time.sleep(0.01)
    raise TimeoutError(s.trouble())


def taken_for_dead(s: Stage, table: str, worker: Worker) -> None:
    """Wait until what *worker* had in *table* is no longer its own."""
    claimed = worker.events("chunk-claimed" if table == "chunks" else "night-claimed")[-1]["worker"]
    wait(lambda: (claimed,) not in s.ask(f"SELECT worker FROM {table}"), LONG, s.trouble)


def sender(s: Stage, plan_id: str, many: int) -> Worker:
    """The worker that sends, once so many messages went out."""
    wait(lambda: s.letters() >= many, LONG, s.trouble)
    found: list[Worker] = []

    def holds() -> bool:
        # Between a worker that was taken for dead and the next one nobody holds it, and a claim is told once it stands.
        rows = s.ask("SELECT worker FROM nights WHERE plan_id = %s", plan_id)
        found.extend(
            worker
            for worker in s.workers
            if any((e["worker"],) in rows and e["state"] == "sending" for e in worker.events("night-claimed"))
        )
        return bool(found)

    wait(holds, LONG, s.trouble)
    return found[0]


def test_one_worker_is_killed_and_one_stands_still(tmp_path: Path, address: str) -> None:
    begun = time.monotonic()
    with stage(tmp_path, address, DOMAINS, MESSAGES, contract=True, NIGHT_STALLED_SECONDS=str(STALLED)) as s:
        for _ in range(3):
            s.start()
        opened = time.monotonic()
        plan_id = s.begin()
        wait(lambda: s.chunks() >= 1, LONG, s.trouble)
        stopped = holding(s, s.workers)
        killed = holding(s, [worker for worker in s.workers if worker is not stopped])
        killed.kill()
        taken_for_dead(s, "chunks", stopped)
        stopped.go_on()
        s.until("done", LONG)
        planned = time.monotonic()
        wait(lambda: bool(stopped.events("chunk-taken-over")), 120.0, s.trouble)
        s.every_domain_once(plan_id)
        s.approve(plan_id)
        assert s.spfcheck("night", "send").returncode == 0
        first = sender(s, plan_id, MESSAGES // 6)
        first.stand_still()
        taken_for_dead(s, "nights", first)
        first.go_on()
        sender(s, plan_id, MESSAGES // 3)
        first.kill()
        sending = time.monotonic()
        s.until("done", LONG)
        print(
            f"{DOMAINS} domains, {MESSAGES} messages: set up in {opened - begun:.0f} s, planned in "
            f"{planned - opened:.0f} s, sent in {time.monotonic() - planned:.0f} s "
            f"({time.monotonic() - sending:.0f} s after the kill)"
        )
        s.everybody_told_once()


def test_a_domain_that_brings_workers_down_is_singled_out_and_reported(tmp_path: Path, address: str) -> None:
    """1,500 domains are three chunks; one domain is poisoned. Everybody else is checked, and told.

    What ran beside it died with it, and is not taken for guilty.
    """
    with stage(tmp_path, address, 1_500, 30, NIGHT_STALLED_SECONDS="1") as s:
        worker = s.start("--concurrency", "2", poison="kill")
        plan_id = s.begin()
        while s.state() not in ("done", "failed"):
            if not worker.alive:
                worker = s.start("--concurrency", "2", poison="kill")
            time.sleep(0.05)
        assert s.state() == "done", s.trouble()
        assert s.ask("SELECT first, last, size, attempts FROM chunks WHERE state = 'given-up'") == [
            (POISON, POISON, 1, 3)
        ]
        assert (s.chunks("parted"), s.chunks("done")) == (3, 2 + 7 + 7 + 7)
        assert [w.alive for w in s.workers].count(False) == 3 + 1 + 1 + 1
        made = s.plan(plan_id)
        assert [row["domain"] for row in made["rows"]] == sorted({*s.customers(bad=True), POISON})
        assert [row["domain"] for row in made["rows"] if row["reason"] == "not-checked"] == [POISON]
        assert made["totals"]["not_checked"] == made["totals"]["unknown"] == 1
        assert made["totals"]["action_needed"] == 30
        told = s.spfcheck("night", "status")
        assert told.returncode == 1
        assert f"{POISON} was not checked: The worker that had it ended in the middle." in told.stdout
        assert "NOT CHECKED: 1 of the unknown domains" in s.spfcheck("notify", "show").stdout
        errors = [event for one in s.workers for event in one.events("chunk-given-up")]
        assert [(event["level"], event["domains"]) for event in errors] == [("error", 1)]
        s.approve(plan_id)
        assert s.spfcheck("night", "send").returncode == 0
        s.until("done")
        s.everybody_told_once()


def test_a_loop_that_is_busy_is_no_dead_worker(tmp_path: Path, address: str) -> None:
    """One domain holds the loop for eight times as long as after which a silent worker is taken for dead."""
    with stage(tmp_path, address, 1_500, 30, NIGHT_STALLED_SECONDS="1") as s:
        worker, other = s.start(poison="rest"), s.start(poison="rest")
        s.begin()
        s.until("done")
        assert s.chunks() == 3
        for one in (worker, other):
            assert not one.events("chunk-rescued")
            assert not one.events("chunk-taken-over")
        assert s.ask("SELECT max(attempts) FROM chunks") == [(1,)]


def test_a_worker_whose_loop_is_busy_ends_when_it_is_told_to(tmp_path: Path, address: str) -> None:
    with stage(tmp_path, address, 1_500, 30, NIGHT_STALLED_SECONDS="5") as s:
        worker = s.start(poison="spin")
        s.begin()
        wait(lambda: bool(worker.events("spinning")), LONG, s.trouble)
        assert worker.end(LAST_SECONDS + 20.0) == FAILED
        (said,) = worker.events("not-ended-in-time")
        assert "work_until" in said["where"][-1]


def test_a_loop_that_stands_still_for_good_ends_its_worker(tmp_path: Path, address: str) -> None:
    with stage(tmp_path, address, 1_500, 30, NIGHT_STALLED_SECONDS="1") as s:
        worker = s.start(poison="spin")
        s.begin()
        assert worker.process.wait(120.0) == FAILED
        (said,) = worker.events("loop-stands-still")
        assert "work_until" in said["where"][-1]


def test_a_domain_that_is_too_costly_is_given_up_alone_at_the_first_try(tmp_path: Path, address: str) -> None:
    with stage(tmp_path, address, 1_500, 30) as s:
        worker = s.start(poison="costly")
        plan_id = s.begin()
        s.until("done")
        assert s.ask("SELECT state, max(attempts) FROM chunks GROUP BY state") == [("done", 1)]
        (said,) = worker.events("domain-given-up")
        assert (said["level"], said["domain"]) == ("error", POISON)
        made = s.plan(plan_id)
        assert [row["domain"] for row in made["rows"] if row["reason"] == "not-checked"] == [POISON]
        assert made["totals"]["not_checked"] == made["totals"]["unknown"] == 1


def test_workers_survive_a_restart_of_postgres(tmp_path: Path, address: str, server: postgres.Server) -> None:
    """Twice, as a power cut would: in the middle of examining, and in the middle of sending."""
    with stage(tmp_path, address, 4_000, 60, NIGHT_STALLED_SECONDS="2") as s:
        workers = [s.start(), s.start()]
        plan_id = s.begin()
        wait(lambda: s.chunks() >= 1, 240.0, s.trouble)
        cut(server, s)
        s.until("done")
        s.every_domain_once(plan_id)
        s.approve(plan_id)
        assert s.spfcheck("night", "send").returncode == 0
        wait(lambda: s.letters() >= 10, 240.0, s.trouble)
        cut(server, s)
        s.until("done")
        assert all(worker.alive for worker in workers), s.trouble()
        s.everybody_told_once()


def cut(server: postgres.Server, s: Stage) -> None:
    """Stop the database, and start it once a worker that wanted something of it has noticed."""
    noticed = sum(len(worker.events("database-lost")) for worker in s.workers)
    server.stop()
    wait(lambda: sum(len(worker.events("database-lost")) for worker in s.workers) > noticed, LONG, s.trouble)
    server.start()


def test_everything_is_stopped_in_every_phase_and_started_again(tmp_path: Path, address: str) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with stage(tmp_path, address, 4_000, 60, NIGHT_STALLED_SECONDS="1") as s:
        plan_id = s.begin()
        for state, most in (("gathering", 0.5), ("auditing", 0.7), ("deciding", 0.2)):
            start_two(s)
            wait(lambda state=state: s.state() == state, 240.0, s.trouble, every=0.002)  # type: ignore[misc]
            time.sleep(rng.random() * most)
            kill_all(s)
        start_two(s)
        s.until("done")
        s.every_domain_once(plan_id)
        s.approve(plan_id)
        assert s.spfcheck("night", "send").returncode == 0
        for many in (10, 35):
            wait(lambda many=many: s.letters() >= many, 240.0, s.trouble)  # type: ignore[misc]
            time.sleep(rng.random() * 0.2)
            kill_all(s)
            start_two(s)
        s.until("done")
        s.everybody_told_once()


def start_two(s: Stage) -> None:
    s.start()
    s.start()


def kill_all(s: Stage) -> None:
    for worker in s.workers:
        if worker.alive:
            worker.kill()
