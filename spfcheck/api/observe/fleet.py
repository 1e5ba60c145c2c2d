"""What several processes of one service count, told as one by whichever is asked.

Each process writes its counts into a file of its own once a second, under a new name and then renamed, so a reader
finds all of one second or all of another. Values that all processes share in memory would make each addition several
times dearer, on every request, for the sake of that second.

The parent adds the counts of a process that has ended to `ended.json` before it deletes its file. Between the two the
counts stand in both, so `ended.json` names the files that are part of it; and a reader begins anew when it has changed.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from spfcheck.api.observe.metrics import Metrics

WRITE_SECONDS = 1.0
"""How often a process tells the others."""

SILENT_SECONDS = 10.0
"""A process that has not told for so long is not counted among those that run; what it has counted still is."""

ENDED = "ended.json"


class Fleet:
    """The counts of all processes in *folder*, as one of them sees it; *clock* is Unix time."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        # The kernel gives a process's number again; its file must not be taken over with it.
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}.json"

    def tell(self, metrics: Metrics, *, last: bool = False) -> None:
        """Write what this process has counted; with *last* it does not count among those that run."""
        _write(self._folder / self._name, {**metrics.told(), "told_at": 0.0 if last else self._clock()})

    def whole(self, own: Metrics) -> Metrics:
        """*own* counts and those that the other processes have told. Raises `OSError` or `ValueError`."""
        while True:
            ended = _read(self._folder / ENDED)
            others = list(self._others(set(ended["names"])))
            if _read(self._folder / ENDED)["names"] == ended["names"]:
                break
        whole = Metrics(CollectorRegistry())
        whole.now.ready = True
        whole.join(own.told())
        whole.join(ended["told"], alive=False)
        for told in others:
            whole.join(told, alive=self._clock() - told["told_at"] < SILENT_SECONDS)
        return whole

    def _others(self, without: set[str]) -> Iterator[dict[str, Any]]:
        for path in self._folder.glob("*-*.json"):
            if path.name != self._name and path.name not in without:
                try:
                    yield _read(path)
                except FileNotFoundError:  # it has just become part of the ended ones
                    continue


def begin(folder: Path) -> None:
    """Make *folder* ready, before the first process starts."""
    _write(folder / ENDED, {"names": [], "told": Metrics(CollectorRegistry()).told()})


def bury(folder: Path, pid: int) -> None:
    """Keep what the process *pid* has counted, which has ended; only the parent may. Raises `OSError`."""
    for path in folder.glob(f"{pid}-*.json"):
        ended = _read(folder / ENDED)
        whole = Metrics(CollectorRegistry())
        whole.join(ended["told"])
        whole.join(_read(path))
        left = [name for name in ended["names"] if (folder / name).exists()]
        _write(folder / ENDED, {"names": [*left, path.name], "told": whole.told()})
        path.unlink()


def _read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_bytes())
    return loaded


def _write(path: Path, document: dict[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document))
    fresh.replace(path)
