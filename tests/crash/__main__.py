"""``make crash-test``: kills and stops the sender at random instants, and counts what arrived.

The last line is one JSON object. Exit code 0 means that no message arrived twice, none was lost, and that the same test
caught every mutant of the protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spfcheck.notify.notifier import upgrade
from tests import postgres
from tests.crash.scene import Run, Shared, mutate, plan, serve, watch, work

MUTANTS = ("no-quiet-time", "5xx-is-not-sent", "timeout-is-not-sent", "no-lock")
PARTS = ("search", "no-search", "postgres", *MUTANTS)
LONGEST = 1_800.0
"""Seconds after which a play that does not come to its end has failed."""


def fork(work_: Callable[[], None]) -> int:
    """Run *work_* in a child of its own. Everything is imported already, so a restart costs next to nothing."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        work_()
        code = 0
    except BaseException:  # noqa: BLE001 - the child must not go on as the parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(pid: int) -> int | None:
    """The exit status of a child that ended, or None."""
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


class Play:
    """One night under fire."""

    def __init__(self, run: Run, kills: int, stops: int) -> None:
        self.run = run
        self.rng = random.Random(run.seed)
        self.shared = Shared()
        self.kills_wanted, self.stops_wanted = kills, stops
        self.kills = self.stops = 0
        self.senders: dict[int, int] = {}
        self.plan_id = ""
        self.url = ""

    def play(self) -> dict[str, Any]:
        started = time.monotonic()
        with self._sandbox():
            wait_for(fork(self._plan))
            self.plan_id = (self.run.directory / "plan").read_text()
            self._night()
        return {**self._figures(), "seconds": round(time.monotonic() - started, 1)}

    @contextlib.contextmanager
    def _sandbox(self) -> Iterator[None]:
        address = self.run.directory / "url"
        pid = fork(lambda: serve(self.run, lambda url: [address.write_text(url), None][1]))
        while not (address.exists() and address.read_text()):
            time.sleep(0.02)
        self.url = address.read_text()
        try:
            yield
        finally:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)

    def _plan(self) -> None:
        (self.run.directory / "plan").write_text(asyncio.run(plan(self.run, self.url)))

    def _sender(self, number: int) -> None:
        mutate(self.run.mutant)
        watch(self.shared, number)
        asyncio.run(work(self.run, self.url, self.plan_id, self.shared, number))

    def _start(self, number: int) -> None:
        self.senders[number] = fork(lambda: self._sender(number))

    @property
    def dealt_with(self) -> int:
        return self.shared.seen(0, Shared.DONE) + self.shared.seen(1, Shared.DONE)

    def _night(self) -> None:
        """Two senders, one of which waits for the other's lock; blows fall as the night goes on."""
        blows = self._blows()
        for number in (0, 1):
            self._start(number)
        deadline = time.monotonic() + LONGEST
        finished: set[int] = set()
        while len(finished) < 2:
            if time.monotonic() > deadline:
                raise TimeoutError("the night does not end")
            for number in (0, 1):
                if number in finished:
                    continue
                code = ended(self.senders[number])
                if code == 0:
                    finished.add(number)
                elif code is not None:
                    raise RuntimeError(f"sender {number} ended with {code}")
            if blows and self.dealt_with >= blows[-1][0] and not finished:
                blows.pop()[1]()
            else:
                time.sleep(0.002)

    def _blows(self) -> list[tuple[int, Callable[[], None]]]:
        """When how many messages were dealt with, which blow falls; the next is last."""
        # Not in the last twentieth: what is left then may be over before a blow falls.
        most = max(1, int(self.run.messages * 0.95))
        kinds = [self._kill] * self.kills_wanted + [self._stop] * self.stops_wanted
        drawn = sorted((self.rng.randrange(most) for _ in kinds), reverse=True)
        self.rng.shuffle(kinds)
        return list(zip(drawn, kinds, strict=True))

    def _active(self, what: int) -> int:
        """The sender that works now: whose count moves, at the instant at which it moves."""
        before = [self.shared.seen(number, what) for number in (0, 1)]
        until = time.monotonic() + 5.0
        while time.monotonic() < until:
            for number in (0, 1):
                if self.shared.seen(number, what) != before[number]:
                    return number
        return 0

    def _kill(self) -> None:
        """Kill -9 at any instant, now and then both."""
        struck = self._active(Shared.CLAIMED)
        time.sleep(self.rng.random() * 0.02)
        for number in (0, 1) if self.rng.random() < 0.1 else (struck,):
            if ended(self.senders[number]) is None:
                os.kill(self.senders[number], signal.SIGKILL)
                os.waitpid(self.senders[number], 0)
                self.kills += number == struck
            self._start(number)

    def _stop(self) -> None:
        """Stop the sender that works after a claim or in the middle of a call, give another all the time that it
        needs to take over, and let the first go on."""
        struck = self._active(self.rng.choice((Shared.CLAIMED, Shared.CALLING, Shared.CALLING)))
        other = 1 - struck
        os.kill(self.senders[struck], signal.SIGSTOP)
        self.stops += 1
        if ended(self.senders[other]) is None:
            os.kill(self.senders[other], signal.SIGKILL)
            os.waitpid(self.senders[other], 0)
        self._start(other)
        time.sleep(2.2 + self.rng.random())
        os.kill(self.senders[struck], signal.SIGCONT)

    def _figures(self) -> dict[str, Any]:
        oracle = json.loads((self.run.directory / "oracle.json").read_text())
        arrived = collections.Counter(oracle["accepted"])
        states, unclear_without_reason, early = ledger_figures(self.run.database_url)
        open_ = {contact for contact, state in states.items() if state not in ("sent", "suppressed", "rejected")}
        unclear = {contact for contact, state in states.items() if state == "unclear"}
        return {
            "duplicates": sum(count - 1 for count in arrived.values()),
            "lost": len([contact for contact in open_ - unclear if not arrived[contact]])
            + self.run.messages
            - len(states)
            + len([contact for contact, state in states.items() if state == "sent" and not arrived[contact]]),
            "messages": self.run.messages,
            "sent": sum(state == "sent" for state in states.values()),
            "unclear": len(unclear),
            "unclear_without_reason": unclear_without_reason,
            "unclear_that_arrived": len([contact for contact in unclear if arrived[contact]]),
            "reconciled": early,
            "kills": self.kills,
            "stops": self.stops,
            "violations": oracle["violations"][:3],
            "checked_against_description": oracle["contract"],
        }


def ledger_figures(url: str) -> tuple[dict[str, str], int, int]:
    """The state by contact, unclear ones without a reason, and how many were reconciled; read past the product."""
    if url.startswith("sqlite:///"):
        db = sqlite3.connect(url.removeprefix("sqlite:///"))
        rows = db.execute("SELECT contact_id, state, detail FROM letters WHERE state != 'suppressed'").fetchall()
        reconciled = db.execute("SELECT count(*) FROM audit WHERE action LIKE 'resolved-%'").fetchone()[0]
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        db.close()
    else:
        import psycopg

        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT contact_id, state, detail FROM letters WHERE state != 'suppressed'"
            ).fetchall()
            found = connection.execute("SELECT count(*) FROM audit WHERE action LIKE 'resolved-%'").fetchone()
            reconciled = found[0] if found else 0
    states = {row[0]: row[1] for row in rows}
    assert len(states) == len(rows), "a person has two letters"
    return states, sum(row[1] == "unclear" and not row[2] for row in rows), int(reconciled)


def wait_for(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("the crash test could not be set up")


def play(name: str, *, messages: int, kills: int, stops: int, seed: int, **choices: Any) -> dict[str, Any]:
    """Play once in a directory of its own, and say what came of it."""
    print(f"{name}: {messages} messages, {kills} kills, {stops} stops ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="spfcheck-crash-") as directory:
        url = choices.pop("database_url", "") or f"sqlite:///{directory}/ledger.sqlite3"
        run = Run(
            directory=Path(directory),
            database_url=url,
            messages=messages,
            open_conversation=choices.get("open_conversation", True),
            mutant=choices.get("mutant", ""),
            seed=seed,
        )
        figures = Play(run, kills, stops).play()
    print(f"{name}: {json.dumps(figures)}", flush=True)
    return figures


def parts(options: argparse.Namespace) -> dict[str, Any]:
    """Play what was asked for in this process, one after the other; the figures by name."""
    size = {"messages": options.messages, "kills": options.kills, "stops": options.stops, "seed": options.seed}
    short = {**size, "messages": options.mutant_messages, "kills": 40, "stops": 40}
    if options.only == "search":
        return {"searchable": play("searchable conversations", **size, open_conversation=True)}
    if options.only == "no-search":
        return {"unsearchable": play("no conversations", **size, open_conversation=False)}
    if options.only != "postgres":
        return {"mutants": {options.only: play(f"mutant {options.only}", **short, mutant=options.only)["duplicates"]}}
    with contextlib.nullcontext(options.postgres) if options.postgres else postgres.running() as address:
        if address is None:
            print("POSTGRES IS NOT INSTALLED: the crash test did not play on it", flush=True)
            return {}
        upgrade(address)
        return {"postgres": play("postgres", **short, database_url=address)}


def side_by_side() -> dict[str, Any]:
    """Play every part at once, each in a process of its own: most of a play is waiting for clocks to run out."""
    found: dict[str, Any] = {"mutants": {}}
    command = [sys.executable, "-m", "tests.crash", *sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="spfcheck-crash-") as directory:
        files = {part: Path(directory, part) for part in PARTS}
        running = [subprocess.Popen([*command, "--only", part, "--figures", str(file)]) for part, file in files.items()]
        try:
            for process in running:
                process.wait()
        finally:
            for process in running:
                process.kill()
        for file in files.values():
            if not file.exists():
                raise SystemExit(f"the part {file.name} came to no end")
            figures = json.loads(file.read_text())
            found["mutants"] |= figures.pop("mutants", {})
            found |= figures
    return found


def main() -> int:
    """Play both modes in full, then every mutant."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stops", type=int, default=50)
    parser.add_argument("--mutant-messages", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=7208)
    parser.add_argument("--postgres", default="", help="address of an empty database instead of a server of its own")
    parser.add_argument("--only", choices=PARTS, help="one part, in this process")
    parser.add_argument("--figures", type=Path, help="write the figures to this file instead of judging them")
    options = parser.parse_args()
    started = time.monotonic()
    found = parts(options) if options.only else side_by_side()
    if options.figures:
        options.figures.write_text(json.dumps(found))
        return 0
    return verdict(found, round(time.monotonic() - started, 1))


def verdict(found: dict[str, Any], seconds: float) -> int:
    """Print the last line; 0 when every promise held and every mutant was caught."""
    plays = [found[name] for name in ("searchable", "unsearchable", "postgres") if name in found]
    kept = all(not one["duplicates"] and not one["lost"] and not one["violations"] for one in plays)
    kept = kept and all(not one["unclear_without_reason"] for one in plays)
    caught = all(found.get("mutants", {"": 1}).values())
    last = {
        "duplicates": sum(one["duplicates"] for one in plays),
        "lost": sum(one["lost"] for one in plays),
        "kills": sum(one["kills"] for one in plays),
        "stops": sum(one["stops"] for one in plays),
        "reconciled": sum(one["reconciled"] for one in plays),
        "unclear": sum(one["unclear"] for one in plays),
        "mutants": found.get("mutants", {}),
        "seconds": seconds,
        "passed": kept and caught,
    }
    print(json.dumps(last), flush=True)
    return 0 if kept and caught else 1


if __name__ == "__main__":
    sys.exit(main())
