"""How long `spfcheck check` takes from its start to its answer: a zone text, one domain, one process."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from bench.registry import Table, part

ALLOWED = 0.4
"""Seconds after which a person at a terminal calls a command slow."""
ZONE = Path(__file__).resolve().parent.parent / "tests" / "readme.zone"
CODE = """
import sys, time
from spfcheck.cli import run
run(["check", "--zone", sys.argv[1], "--include", "_spf.mail.example", "--json", "customer.example"])
print(time.process_time(), file=sys.stderr)
"""


def one_run() -> float:
    """Processor seconds of a whole process, which other programs disturb less than its wall time."""
    command = [sys.executable, "-c", CODE, str(ZONE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stderr.splitlines()[-1])


@part("start")
def measure(quick: bool) -> Table:
    one_run()
    seconds = statistics.median(one_run() for _ in range(3 if quick else 11))
    return Table(
        title="spfcheck check, a whole process over a zone text",
        columns=("what", "CPU s", "allowed"),
        rows=(("start to answer, median", f"{seconds:.3f}", f"{ALLOWED:.1f}"),),
        ratios={"within_goal": ALLOWED / seconds},
    )
