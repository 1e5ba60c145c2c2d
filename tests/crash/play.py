"""One night under fire: senders in processes of their own, blows at random instants, and what came of it."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from tests.crash.scene import Run, Shared, mutate, plan, serve, watch, work

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
