"""One worker of a night, as a process of its own: audits its part of the domains by chunks, with a cache of its own.

`python -m bench.capacity.worker HOST PORT FILE`: the domains of FILE, one a line, through the resolver at HOST and
PORT. It does what `spfcheck worker` does for a chunk, all but the database. A line of JSON tells what that took.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
import tracemalloc
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvloop

from bench.engine import most_memory
from spfcheck.audit.report.model import Status
from spfcheck.audit.senders import SenderProfile
from spfcheck.cluster.chunks import CHUNK
from spfcheck.notify.guards import Guards
from spfcheck.notify.planning.checks import DnsChecks
from spfcheck.notify.planning.plan import Examined, Examiner
from spfcheck.resolver.stub import Resolver
from tests.made.customers import INCLUDE


async def audit(host: str, port: int, domains: list[str]) -> dict[str, Any]:
    """What auditing *domains* took, and what was found."""
    async with Resolver([(host, port)]) as resolver:
        checks = DnsChecks(
            [SenderProfile(name="mail", include=INCLUDE)],
            mail_from="postmaster@{domain}",
            helo="mail.invalid",
            night=resolver.with_deadline,
        )
        health = await checks.health()
        assert not health.senders, health
        examiner = Examiner(checks, Guards(), time.time)
        found, sound = [], []
        began, before = time.monotonic(), time.process_time()
        for start in range(0, len(domains), CHUNK):
            async for sighting, examined in examiner.each(domains[start : start + CHUNK]):
                if sighting.status != Status.ACTION_NEEDED:
                    sound.append(sighting.domain)
                if examined is not None:
                    found.append(examined)
        seconds, cpu = time.monotonic() - began, time.process_time() - before
        tally = examiner.tally
        texts = [json.dumps(asdict(one), default=str) for one in found[:1_000]]
        memory = _memory(found[:1_000])
        return {
            "domains": sum(tally.statuses.values()),
            "seconds": seconds,
            "cpu": cpu,
            "questions": resolver.counts.sent,
            "rss_mb": most_memory(),
            "found": len(found),
            "sound": sound,
            "failed": tally.failed,
            "opinions": tally.opinions,
            "found_bytes": sum(map(len, texts)) / max(1, len(texts)),
            "found_memory": memory / max(1, len(texts)),
        }


def _memory(found: list[Examined]) -> int:
    """Bytes that *found* and the texts of their rows take in the process that makes the plan."""
    tracemalloc.start()
    held = [(pickle.loads(pickle.dumps(one)), json.dumps(asdict(one), default=str)) for one in found]
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken if held else 0


if __name__ == "__main__":
    names = Path(sys.argv[3]).read_text(encoding="ascii").split()
    print(json.dumps(uvloop.run(audit(sys.argv[1], int(sys.argv[2]), names))))
