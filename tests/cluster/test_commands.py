"""The commands of workers: what they refuse, how they end, and that one machine needs none of it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.cluster import schema
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.tables import chunks, nights
from spfcheck.store import database
from tests.cluster.stage import BIN, ROOT, stage, wait

ONE_MACHINE = """
import sys
from spfcheck.cli import run
import spfcheck.serve.app, spfcheck.cli.notify, spfcheck.demo.run
import spfcheck.notify.notifier, spfcheck.notify.planning.settle
assert run(["db", "upgrade"]) == 0
assert run(["notify", "status"]) == 0
found = sorted(name for name in sys.modules
               if name.split(".")[0] in ("procrastinate", "psycopg", "psycopg_pool", "croniter")
               or name.startswith("spfcheck.cluster"))
assert not found, found
"""

HIDDEN = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "procrastinate":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import importlib.util
honest = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "procrastinate" else honest(name, package)
from spfcheck.cli import main
main(sys.argv[1:])
"""


def environment(tmp_path: Path, **named: str) -> dict[str, str]:
    values = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.sqlite3'}",
        "INTERCOM_TOKEN": "t",
        "INTERCOM_WORKSPACE": "w1",
        "NOTIFY_HASH_KEY": "k",
        **named,
    }
    return {**os.environ, **{f"SPFCHECK_{name}": value for name, value in values.items()}}


def test_one_machine_imports_nothing_of_the_workers(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ONE_MACHINE],
        env=environment(tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [["worker"], ["night", "begin"], ["night", "status"], ["night", "send"]])
def test_without_the_extra_it_is_one_sentence(tmp_path: Path, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, *words],
        env=environment(tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    told = "spfcheck: Workers need procrastinate: install spfcheck with its extra, `spfcheck[cluster]`.\n"
    assert (done.returncode, done.stderr) == (2, told)


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({}, "Workers share a night through Postgres, and DATABASE_URL names none"),
        ({"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/none"}, "cannot be opened"),
        (
            {"DATABASE_URL": "postgresql://127.0.0.1/none", "NIGHT_AT": "at dawn"},
            "The setting night.at (SPFCHECK_NIGHT_AT) cannot be used",
        ),
        ({"DATABASE_URL": "postgresql://127.0.0.1/none", "NIGHT_SEND_AT": "61 * * * *"}, "The setting night.send_at"),
    ],
)
def test_what_no_worker_can_run_on_is_one_sentence(tmp_path: Path, named: dict[str, str], sentence: str) -> None:
    done = subprocess.run(
        [BIN, "worker"], env=environment(tmp_path, **named), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_tables_that_are_not_there_are_one_sentence(tmp_path: Path, address: str) -> None:
    env = environment(tmp_path, DATABASE_URL=address)
    for made in (migration.upgrade, schema.upgrade):
        done = subprocess.run([BIN, "worker"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "not up to date: run spfcheck db upgrade." in done.stderr
        engine = database.open_engine(address)
        made(engine)
        engine.dispose()
    done = subprocess.run([BIN, "db", "upgrade"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "The database is up to date, the tables of the workers too.\n")


def test_the_status_names_what_was_given_up_and_what_is_tried_again(
    tmp_path: Path, address: str, postgres_engine: Engine
) -> None:
    def rows(numbers: range, state: str, size: int, trouble: str = "It burns.") -> list[dict[str, object]]:
        return [
            {
                "plan_id": "plan-1", "number": number, "first": f"a{number}.example", "last": f"b{number}.example",
                "size": size, "state": state, "changed_at": float(number), "trouble": trouble,
            }
            for number in numbers
        ]  # fmt: skip

    night = {
        "plan_id": "plan-1",
        "workspace": "w1",
        "due": 1,
        "state": "auditing",
        "started_at": 1.0,
        "changed_at": 2.0,
    }
    with postgres_engine.begin() as connection:
        connection.execute(sa.insert(nights), [night])
        for made in (
            rows(range(1), "parted", 70),
            rows(range(1, 31), "given-up", 1),
            rows(range(31, 33), "given-up", 20),
            rows(range(33, 34), "waiting", 7, "It smokes."),
        ):
            connection.execute(sa.insert(chunks), made)
    env = environment(tmp_path, DATABASE_URL=address)
    words = [BIN, "night", "status"]
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    told = done.stdout.splitlines()
    assert "chunks: 32 given-up, 1 parted, 1 waiting; 77 domains" in told
    assert "a chunk failed, and is tried again: It smokes." in told
    assert told[-21] == "GIVEN UP chunk 1, a1.example was not checked: It burns."
    assert told[-1] == "GIVEN UP 12 more chunks, 50 domains were not checked"
    with postgres_engine.begin() as connection:
        connection.execute(sa.delete(chunks).where(chunks.c.number.between(1, 30)))
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == (
        "GIVEN UP chunk 32, 20 domains (a32.example to b32.example) were not checked: It burns."
    )


def test_a_worker_ends_in_order_and_hands_back_what_it_has(tmp_path: Path, address: str) -> None:
    """Each time in the middle of a chunk; it costs no attempt, and the next one goes on at once."""
    with stage(tmp_path, address, 2_000, 20, NIGHT_STALLED_SECONDS="30") as s:
        plan_id = s.begin()
        for _ in range(2):
            worker = s.start("--queues", "audit", "night")
            wait(lambda worker=worker: bool(worker.events("chunk-claimed")), 240.0, s.trouble)  # type: ignore[misc]
            assert worker.end() == 0, worker.log.read_text()
            assert s.chunks("running") == 0
            assert s.ask("SELECT max(attempts) FROM chunks WHERE state = 'waiting'")[0][0] in (0, None)
        s.start("--queues", "audit", "night")
        wait(lambda: s.state() == "sending", 240.0, s.trouble)
        s.every_domain_once(plan_id)
        s.start("--queues", "send")
        s.until("done")
        assert s.ask("SELECT max(attempts) FROM chunks") == [(1,)]


def test_nights_that_begin_at_once_make_one_plan(tmp_path: Path, address: str) -> None:
    """By the clock of two workers, and by two hands; and one machine plans nothing meanwhile."""
    with stage(tmp_path, address, 600, 6, NIGHT_AT="* * * * * */2", NOTIFY_ENABLED="false") as s:
        with ThreadPoolExecutor(2) as pool:
            begun = list(pool.map(lambda _: s.spfcheck("night", "begin"), range(2)))
        assert sorted(done.returncode for done in begun) == [0, 3]
        refused = s.spfcheck("notify", "plan")
        assert refused.returncode == 3
        assert "Workers are making plan-" in refused.stderr
        for _ in range(2):
            s.start("--queues", "audit", "night")
        wait(lambda: s.ask("SELECT count(*) FROM plans")[0][0] >= 2, 240.0, s.trouble)
        for worker in s.workers:
            assert worker.end() == 0
        engine = database.open_engine(address)
        with engine.connect() as connection:
            query = "SELECT due, count(*) FROM nights GROUP BY due HAVING count(*) > 1"
            assert connection.execute(sa.text(query)).all() == []
            query = "SELECT count(*) FROM nights WHERE state NOT IN ('done', 'sending') "
            assert connection.scalar(sa.text(query)) in (0, 1)
            twice = "SELECT workspace, number, count(*) FROM plans GROUP BY 1, 2 HAVING count(*) > 1"
            assert connection.execute(sa.text(twice)).all() == []
        engine.dispose()
