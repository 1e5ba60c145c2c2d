"""Two plays of an operator: an older backup of the ledger is put back under fire, and the stage is narrowed."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spfcheck.notify.desk import Desk
from spfcheck.notify.model import RefusedError
from tests.crash.play import Play, ended, fork
from tests.crash.scene import Shared, watch, work

REFUSED = 7
"""What a sender exits with that a guard refuses."""

IN_HAND = 1.0
"""Seconds in which the letter that a sender had in hand is dealt with."""

ROUNDS = 4
"""Backups that are put back in one play."""


class Alone(Play):
    """One sender at a time, which is killed at random instants."""

    def _alone(self, number: int) -> None:
        watch(self.shared, number)
        try:
            asyncio.run(work(self.run, self.url, self.plan_id, self.shared, number))
        except RefusedError as refusal:
            print(f"sender: {refusal}", file=sys.stderr, flush=True)
            os._exit(REFUSED)

    def until(self, dealt_with: int) -> int | None:
        """Let a sender work until so many messages were dealt with, and kill it; its exit code when it ended before."""
        pid = fork(lambda: self._alone(0))
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            code = ended(pid)
            if code is not None:
                return code
            if self.dealt_with >= dealt_with:
                time.sleep(self.rng.random() * 0.02)
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                self.kills += 1
                return None
            time.sleep(0.002)
        raise TimeoutError("the night does not end")


class Restored(Alone):
    """Again and again an older backup is put back, and an operator lets the sender go on."""

    restored = 0

    def _night(self) -> None:
        ledger = Path(self.run.database_url.removeprefix("sqlite:///"))
        backup = self.run.directory / "backup.sqlite3"
        step = self.run.messages // (2 * ROUNDS + 2)
        for _ in range(ROUNDS):
            if self.until(self.dealt_with + step) is not None:
                break
            with (
                contextlib.closing(sqlite3.connect(ledger)) as here,
                contextlib.closing(sqlite3.connect(backup)) as there,
            ):
                here.backup(there)
            if self.until(self.dealt_with + step) is not None:
                break
            for left in ledger.parent.glob(ledger.name + "-*"):
                left.unlink()
            shutil.copyfile(backup, ledger)
            self.restored += 1
            if (code := self.until(10**9)) != REFUSED:
                raise RuntimeError(f"a sender goes on with an older ledger ({code})")
            asyncio.run(self._looked_at())
        if self.until(10**9) not in (0, REFUSED):
            raise RuntimeError("the last sender came to no good end")

    async def _looked_at(self) -> None:
        async with Desk(self.run.settings(self.url), guards=self.run.guards()) as desk:
            await desk.resume((await desk.status()).stops, "a backup was put back", who="crash test")

    def _figures(self) -> dict[str, Any]:
        return {**super()._figures(), "restored": self.restored}


class Narrowed(Alone):
    """In the middle of the night the roll-out is taken back to every second domain; blows fall before and after."""

    def _night(self) -> None:
        self.until(self.run.messages // 3)
        pid = fork(lambda: self._alone(0))
        before = self.dealt_with
        while self.dealt_with < before + 20:
            time.sleep(0.002)
        self.run.narrowed.touch()
        while ended(pid) is None:
            time.sleep(0.01)

    def _figures(self) -> dict[str, Any]:
        oracle = json.loads((self.run.directory / "oracle.json").read_text())
        narrowed = self.run.narrowed.stat().st_mtime
        allowed = self.run.present().allow
        after = [email for email, at in oracle["times"] if at > narrowed]
        late = [email for email, at in oracle["times"] if at > narrowed + IN_HAND]
        counted = collections.Counter(oracle["accepted"])
        return {
            "duplicates": sum(count - 1 for count in counted.values()),
            "sent": len(oracle["accepted"]),
            "sent_after": len(after),
            "outside_after": len([email for email in after if email.removeprefix("owner@") not in allowed]),
            "outside_late": len([email for email in late if email.removeprefix("owner@") not in allowed]),
            "kills": self.kills,
            "violations": oracle["violations"][:3],
        }


PLAYS: dict[str, Callable[..., Play]] = {"restore": Restored, "narrow": Narrowed}


def verdict(name: str, figures: dict[str, Any]) -> bool:
    """True when a play kept every promise, and was a play at all."""
    kept = not figures["duplicates"] and not figures["violations"]
    if name == "restore":
        return kept and not figures["lost"] and figures["restored"] == ROUNDS
    # One letter may have been in hand.
    return kept and figures["sent_after"] > 0 and figures["outside_after"] <= 1 and not figures["outside_late"]


__all__ = ["PLAYS", "Shared", "verdict"]
