"""A short run of the fuzzing of the whole audit; a long one is `make fuzz`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from spfcheck.rfc7208.lookup import Question, Rtype
from tests.audit.fuzz_audit import PIECES, target, zone_of
from tests.made.hostile import DOMAIN
from tests.profile import scale

SECONDS = scale(5, 300)
ROOT = Path(__file__).parents[2]


def test_an_input_is_a_zone_and_is_judged_in_all_ways() -> None:
    data = bytes([0x20, 0, 0, PIECES.index("mx "), 6, PIECES.index("-all "), 0])
    strings = zone_of(data)[Question(DOMAIN, Rtype.TXT)][0]
    assert b"".join(strings) == b"v=spf1 " + b"mx " * 40 + b"-all "
    target(data)


def test_a_short_run_at_random() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit.fuzz_audit", "-blind", f"-max_total_time={SECONDS}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS + 120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "inputs are drawn at random" in done.stderr
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None, done.stderr[-1000:]
    assert int(runs[1]) >= 3
