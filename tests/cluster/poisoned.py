"""``python -m tests.cluster.poisoned raise|kill worker ...``: a worker with a check that one domain brings down."""

from __future__ import annotations

import os
import signal
import sys

from spfcheck.audit.report import Report
from spfcheck.cli import main
from spfcheck.notify.checks import DnsChecks
from tests.cluster.outside import domain

POISON = domain(1234)


def poison(how: str) -> None:
    honest = DnsChecks.night

    async def night(self: DnsChecks, name: str, *, opinion: bool) -> Report:
        if name == POISON:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ZeroDivisionError("a record nobody had thought of")
        return await honest(self, name, opinion=opinion)

    DnsChecks.night = night  # type: ignore[method-assign]


if __name__ == "__main__":
    poison(sys.argv[1])
    main(sys.argv[2:])
