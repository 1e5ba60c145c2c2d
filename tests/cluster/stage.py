"""A night on real processes: Postgres, a name server, the sandbox of the messaging API, and workers to be struck."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from spfcheck.cluster import schema
from spfcheck.notify.ledger import migration
from spfcheck.store import database
from tests.cluster.outside import broken, domain

BIN = Path(sys.executable).with_name("spfcheck")
ROOT = Path(__file__).resolve().parents[2]
FEBRUARY_29 = "0 0 29 2 *"
"""A night that no test meets: they begin their own."""


class Worker:
    """A worker's process; what it logs is kept."""

    def __init__(self, stage: Stage, number: int, words: list[str | Path]) -> None:
        self.log = stage.directory / f"worker{number}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(words, env=stage.environment, cwd=ROOT, stderr=log, stdout=log)

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = self.log.read_text(errors="replace").splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [event for event in told if event["event"] == name]

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = 60.0) -> int:
        self.process.terminate()
        return self.process.wait(seconds)

    def stand_still(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


class Stage:
    """See the module; made by `stage`."""

    def __init__(
        self, directory: Path, address: str, domains: int, messages: int, contract: bool, **settings: str
    ) -> None:
        self.directory = directory
        self.address = address
        self.domains, self.messages = domains, messages
        self.workers: list[Worker] = []
        self._contract = contract
        self._settings = settings
        self._outside: list[subprocess.Popen[bytes]] = []

    def open(self) -> None:
        for part in ("dns", "api"):
            words = [
                sys.executable, "-m", "tests.cluster.outside", part,
                self.directory, str(self.domains), str(self.messages), *(["--contract"] if self._contract else []),
            ]  # fmt: skip
            self._outside.append(subprocess.Popen(words, cwd=ROOT))
        engine = database.open_engine(self.address)
        migration.upgrade(engine)
        schema.upgrade(engine)
        engine.dispose()
        wait(lambda: all((self.directory / part).exists() for part in ("dns", "api")), 120.0)

    def close(self) -> None:
        for worker in self.workers:
            if worker.alive:
                worker.go_on()
                worker.kill()
        for process in self._outside:
            process.terminate()
        for process in self._outside:
            process.wait(20)

    @property
    def environment(self) -> dict[str, str]:
        named = {
            "DATABASE_URL": self.address,
            "NAMESERVERS": (self.directory / "dns").read_text(),
            "PUBLIC_URL": "https://spf.example",
            "SENDER_INCLUDE": "_spf.mail.example",
            "LOG_FORMAT": "json",
            "INTERCOM_TOKEN": "sandbox-token",
            "INTERCOM_URL": (self.directory / "api").read_text(),
            "INTERCOM_WORKSPACE": "sandbox1",
            "INTERCOM_ADMIN_ID": "814860",
            "NOTIFY_HASH_KEY": "a key of the tests",
            "NOTIFY_ENABLED": "true",
            "NOTIFY_STAGE": "everyone",
            "NOTIFY_MIN_RUNS": "1",
            "NOTIFY_MIN_HOURS_BETWEEN_RUNS": "0",
            "NOTIFY_CEILING_PER_RUN": "1000000",
            "NOTIFY_RATE_PER_SECOND": "1000",
            "NOTIFY_FIRST_PAUSE_MINUTES": "0",
            "NOTIFY_OPEN_CONVERSATION": "true",
            "NOTIFY_UNCLEAR_QUIET_MINUTES": "0.02",
            "NOTIFY_MARK_TAG": "",
            "NOTIFY_PAUSE_FILE": str(self.directory / "pause"),
            "NIGHT_AT": FEBRUARY_29,
            "NIGHT_STALLED_SECONDS": "3",
            **self._settings,
        }
        return {**os.environ, **{f"SPFCHECK_{name}": value for name, value in named.items()}}

    def spfcheck(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN, *words], env=self.environment, cwd=self.directory, capture_output=True, text=True, check=False
        )

    def start(self, *words: str, poison: str = "") -> Worker:
        """A worker; with *poison* one on which some domain has that effect (`tests.cluster.poisoned`)."""
        command: list[str | Path] = [sys.executable, "-m", "tests.cluster.poisoned", poison] if poison else [BIN]
        worker = Worker(self, len(self.workers), [*command, "worker", *words])
        self.workers.append(worker)
        return worker

    def begin(self) -> str:
        begun = self.spfcheck("night", "begin")
        assert begun.returncode == 0, begun.stderr
        return begun.stdout.split()[1].rstrip(".")

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says, past the product; nothing while it is away."""
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.address) as connection:
            return connection.execute(query.encode(), values).fetchall()
        return []

    def state(self) -> str:
        rows = self.ask("SELECT state FROM nights ORDER BY started_at DESC LIMIT 1")
        return rows[0][0] if rows else ""

    def chunks(self, state: str = "done") -> int:
        rows = self.ask("SELECT count(*) FROM chunks WHERE state = %s", state)
        return rows[0][0] if rows else 0

    def letters(self, state: str = "sent") -> int:
        rows = self.ask("SELECT count(*) FROM letters WHERE state = %s", state)
        return rows[0][0] if rows else 0

    def until(self, state: str, seconds: float = 240.0) -> None:
        wait(lambda: self.state() in (state, "failed"), seconds, self.trouble)
        assert self.state() == state, self.trouble()

    def trouble(self) -> str:
        rows = self.ask("SELECT plan_id, state, attempts, trouble FROM nights")
        parts = self.ask("SELECT number, state, attempts, trouble FROM chunks WHERE state != 'done'")
        logs = [worker.log.read_text(errors="replace")[-3000:] for worker in self.workers]
        return "\n".join([str(rows), str(parts), *logs])

    def approve(self, plan_id: str) -> None:
        approved = self.spfcheck("notify", "approve", plan_id, "--who", "mira")
        assert approved.returncode == 0, approved.stderr

    def plan(self, plan_id: str) -> dict[str, Any]:
        shown = self.spfcheck("notify", "show", plan_id, "--json")
        assert shown.returncode == 0, shown.stderr
        return dict(json.loads(shown.stdout))

    def arrived(self) -> Counter[str]:
        """How often a message arrived, by address; ends the world outside."""
        self.close()
        told = json.loads((self.directory / "oracle").read_text())
        assert told["violations"] == []
        return Counter(told["arrived"])

    def customers(self, *, bad: bool) -> list[str]:
        return [domain(n) for n in range(self.domains) if broken(n, self.domains, self.messages) is bad]

    def every_domain_once(self, plan_id: str) -> None:
        """The plan counts each domain once, and names exactly those that are broken."""
        made = self.plan(plan_id)
        counts = {name: made["totals"][name] for name in ("ok", "at_risk", "action_needed", "unknown")}
        good = self.domains - self.messages
        assert counts == {"ok": good, "at_risk": 0, "action_needed": self.messages, "unknown": 0}
        assert (made["domains"], made["people"], made["contacts"]) == (self.domains,) * 3
        assert [row["domain"] for row in made["rows"]] == self.customers(bad=True)
        seen = self.ask("SELECT domain FROM domains WHERE seen_plan = %s", plan_id)
        assert Counter(name for (name,) in seen) == Counter(domain(n) for n in range(self.domains))
        letters = Counter(name for intent in made["intents"] for name in intent["domains"])
        assert letters == Counter(self.customers(bad=True))

    def everybody_told_once(self) -> None:
        assert self.letters() == self.messages
        assert self.arrived() == Counter(f"owner@{name}" for name in self.customers(bad=True))


@contextlib.contextmanager
def stage(
    directory: Path, address: str, domains: int, messages: int, *, contract: bool = False, **settings: str
) -> Iterator[Stage]:
    """A stage for the length of a block; with *contract* the sandbox checks every call against the description."""
    made = Stage(directory, address, domains, messages, contract, **settings)
    try:
        made.open()
        yield made
    finally:
        made.close()


def wait(done: Callable[[], bool], seconds: float, why: Callable[[], str] = str, every: float = 0.01) -> None:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(why())
        time.sleep(every)
