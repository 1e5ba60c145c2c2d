"""A short run of each fuzz target; a long one is `python -m tests.rfc7208.fuzz_record -max_total_time=3600`."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spfcheck import COMPILED
from tests.profile import scale

SECONDS = scale(4, 300)
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", ["fuzz_record", "fuzz_macro"])
def test_short_run(target: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed here: it has wheels for Linux on x86-64 only")
    if COMPILED:
        pytest.skip("atheris sees the coverage of Python only: run this on the modules as they are written")
    done = subprocess.run(
        [sys.executable, "-m", f"tests.rfc7208.{target}", f"-max_total_time={SECONDS}", "-max_len=300", "-seed=7208"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=SECONDS + 60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None, done.stderr[-1000:]
    assert int(runs[1]) > 1000
    assert re.search(r"cov: [1-9]\d+", done.stderr), "no coverage was seen: the fuzzing is blind"
