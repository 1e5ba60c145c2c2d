"""``python -m tests.cluster.poisoned HOW worker ...``: a worker on which one domain has an effect.

``kill``: it ends at once. ``spin``: its loop stands still, for good. ``rest``: it does so for `REST` seconds, once.
``costly``: the domain weighs too much, and checks that do are cut short.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace

from spfcheck.audit.report.model import Report
from spfcheck.checking import costly
from spfcheck.cli import main
from spfcheck.cluster import worker
from spfcheck.notify.planning.checks import DnsChecks
from spfcheck.resolver.types import Answer
from tests.cluster.outside import domain

POISON = domain(1234)
REST = 8.0
LAST_SECONDS = 3.0
"""How long a worker may take here that was told to end."""


def work_until(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def poison(how: str) -> None:
    honest = DnsChecks.night
    rests = [REST]

    async def night(self: DnsChecks, name: str, *, opinion: bool) -> Report:
        if name == POISON:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "spin":
                print('{"event": "spinning"}', file=sys.stderr, flush=True)
                work_until(1_000.0)
            if how == "rest" and rests:
                work_until(rests.pop())
            if how == "costly":
                self._costly.processes.bounds = replace(costly.BOUNDS, seconds=0.01)
        return await honest(self, name, opinion=opinion)

    DnsChecks.night = night  # type: ignore[method-assign]
    worker.LAST_SECONDS = LAST_SECONDS
    weight = costly.weight

    def heavy(answer: Answer) -> int:
        return costly.LIGHT + 1 if answer.question.name == POISON else weight(answer)

    if how == "costly":
        costly.weight = heavy


if __name__ == "__main__":
    poison(sys.argv[1])
    main(sys.argv[2:])
