"""``python -m tests.cluster.poisoned worker ...``: a worker that one domain kills."""

from __future__ import annotations

import os
import signal
import sys

from spfcheck.audit.report.model import Report
from spfcheck.cli import main
from spfcheck.notify.planning.checks import DnsChecks
from tests.cluster.outside import domain

POISON = domain(1234)


def poison() -> None:
    honest = DnsChecks.night

    async def night(self: DnsChecks, name: str, *, opinion: bool) -> Report:
        if name == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return await honest(self, name, opinion=opinion)

    DnsChecks.night = night  # type: ignore[method-assign]


if __name__ == "__main__":
    poison()
    main(sys.argv[1:])
