"""spftrace on asyncio; the variant `prefetch` lets it ask ahead."""

from __future__ import annotations

import asyncio
import time

import spftrace
from timing import Job, Run, by_lanes, job


async def work_on(work: Job) -> Run:
    run = Run(f"spftrace {spftrace.__version__}")
    resolver = spftrace.LiveResolver([work.host])
    resolver.resolver.port = work.port

    async def judge(domain: str) -> str:
        try:
            found = await spftrace.acheck(
                work.client,
                f"postmaster@{domain}",
                "mail.invalid",
                resolver=resolver,
                prefetch=work.variant == "prefetch",
            )
        except Exception as error:  # noqa: BLE001 - what escapes from a peer is its result
            return type(error).__name__
        return str(found.verdict)

    if work.mode == "latency":
        for domain in work.domains:
            began = time.perf_counter()
            run.results.append(await judge(domain))
            run.times.append(time.perf_counter() - began)
        return run
    await by_lanes(work, run, judge)
    return run


asyncio.run(work_on(job())).print()
