"""What a domain costs the machines of a night: processor time, questions, and the resolver's share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.servers import Stack, pinned, stack
from tests.made.customers import customers

__all__ = ["Audits", "audits"]

TICK = os.sysconf("SC_CLK_TCK")
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Audits:
    """Costs of a domain; seconds of one core unless they say otherwise."""

    sound_cpu: float
    broken_cpu: float
    """Of a domain that needs its owner, which a second engine looks at too."""
    questions: float
    """To the resolver; what a worker has in its cache is not asked for again."""
    resolver_cpu: float
    """Of the resolver for a question."""
    rss_mb: float
    """Of one worker, at its highest."""
    rate_one: float
    """Domains a second by one worker, and by two."""
    rate_two: float
    broken: float
    """Share of the domains behind the two rates."""
    cpu_two: float
    """Processor time of a domain by two workers, against one: each has to ask for what customers share."""
    found_bytes: float
    """What the database holds of a domain that is not fine until the plan is made."""
    found_memory: float
    """What the process that makes the plan holds of it, at least."""
    servers: str
    domains: int


def audits(quick: bool) -> Audits:
    """Measure, with an Unbound whose cache is empty and workers whose caches are; the median of some rounds counts."""
    made = customers(2_000 if quick else 6_000)
    ones: list[dict[str, Any]] = []
    twos: list[dict[str, Any]] = []
    sounds: list[dict[str, Any]] = []
    resolver_cpu: list[float] = []
    with stack(made.zone) as servers:
        for _ in range(1 if quick else ROUNDS):
            for count, runs in ((1, ones), (2, twos)):
                servers.forget()
                before = resolver_seconds()
                run = _run(servers, made.domains, count)
                runs.append(run)
                resolver_cpu.append((resolver_seconds() - before) / run["questions"])
            servers.forget()
            sounds.append(_run(servers, ones[-1]["sound"], 1))
    one, two, sound = _median(ones), _median(twos), _median(sounds)
    sound_cpu, broken = sound["cpu"] / sound["domains"], one["domains"] - sound["domains"]
    return Audits(
        sound_cpu=sound_cpu,
        broken_cpu=(one["cpu"] - sound_cpu * sound["domains"]) / broken,
        questions=one["questions"] / one["domains"],
        resolver_cpu=sorted(resolver_cpu)[len(resolver_cpu) // 2],
        rss_mb=one["rss_mb"],
        rate_one=one["domains"] / one["seconds"],
        rate_two=two["domains"] / two["seconds"],
        broken=broken / one["domains"],
        cpu_two=two["cpu"] / two["domains"] / (one["cpu"] / one["domains"]),
        found_bytes=one["found_bytes"],
        found_memory=one["found_memory"],
        servers=servers.what,
        domains=len(made.domains),
    )


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(runs, key=lambda run: run["cpu"] / run["domains"])[len(runs) // 2]


def _run(servers: Stack, domains: Sequence[str], count: int) -> dict[str, Any]:
    """*count* workers at once, each with every count-th chunk; their sums, and the seconds of the slowest."""
    with ExitStack() as context:
        folder = Path(context.enter_context(tempfile.TemporaryDirectory(prefix="spfcheck-bench-")))
        workers = []
        ending = pinned(os.sched_getaffinity(0))
        for number in range(count):
            file = folder / f"part{number}"
            file.write_text("\n".join(domains[number::count]))
            command = [sys.executable, "-m", "bench.capacity.worker", *map(str, servers.address), str(file)]
            workers.append(subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=ending))  # noqa: PLW1509
        told = [json.loads(worker.communicate()[0]) for worker in workers]
    total = {name: sum(one[name] for one in told) for name in told[0] if name != "sound"}
    return {
        **total,
        "sound": [name for one in told for name in one["sound"]],
        "seconds": max(one["seconds"] for one in told),
        "rss_mb": max(one["rss_mb"] for one in told),
        **{name: total[name] / count for name in ("found_bytes", "found_memory")},
    }


def resolver_seconds() -> float:
    """Processor seconds of the Unbound that this process started; 0.0 where there is none."""
    spent = 0
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            stat = Path(f"/proc/{pid}/stat").read_text()
            name, _, rest = stat.rpartition(")")
            if name.endswith("(unbound"):
                fields = rest.split()
                spent += int(fields[11]) + int(fields[12])
    return spent / TICK
