"""A copy of the tree in which one mutation after the other is made and tested."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutate.mutation import ROOT, Mutation

LONGEST = 300.0
"""Seconds after which tests that do not come to their end count as failed; those of a room take some seconds."""
LONGEST_SOUND = 1_800.0
"""The same for all of them together without any mutation: 200 s on a quiet machine."""
_PASSED, _FAILED = 0, 1
"""What pytest exits with (its `ExitCode`); anything else is no verdict about the code."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests said: *by* is the test that failed, empty where none did; *broken* where they could not be run."""

    by: str = ""
    broken: str = ""


class Scratch:
    """One copy of the tree. It has no reference data beside it, so that what catches a mutation does so everywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _files():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)

    def run(self, mutation: Mutation) -> Outcome:
        """Make *mutation*, run its tests, and take it back."""
        with self._made(mutation):
            return self.test(mutation.tests, mutated=True)

    @contextlib.contextmanager
    def _made(self, mutation: Mutation) -> Iterator[None]:
        path = self.folder / mutation.file
        text, written = path.read_text(), path.stat()
        path.write_text(mutation.applied(text))
        try:
            yield
        finally:
            path.write_text(text)
            os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))  # so that what was compiled of it holds again

    def test(self, tests: tuple[str, ...], *, mutated: bool) -> Outcome:
        """What *tests* say of the copy as it is now."""
        command = [sys.executable, "-m", "pytest", "-x", "-n0", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "1000"}
        if mutated:
            # Compiled code is found by time and size, and a mutation may change neither: none is kept of one.
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        process = subprocess.Popen(
            [*command, *tests],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        longest = LONGEST if mutated else LONGEST_SOUND
        try:
            said, _ = process.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Outcome(by=f"no end within {longest:.0f} s")
        if process.returncode == _PASSED:
            return Outcome()
        if process.returncode != _FAILED:
            return Outcome(broken=said.strip()[-2_000:])
        found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.MULTILINE)
        return Outcome(by=found[1] if found else "a test")


def _files() -> list[str]:
    """What git tracks or would, as it is in the working tree now."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    named = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in named if name and (ROOT / name).is_file()]
