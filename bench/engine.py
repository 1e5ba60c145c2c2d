"""spfcheck as one of the engines that are measured, with the peers' command line (see `bench.peers.timing`).

`python -m bench.engine MODE HOST PORT CLIENT FILE IN_FLIGHT VARIANT`. Variants: `check_host` judges CLIENT as the peers
do; `audit` makes the whole report and its JSON as the service does; `opinion` is an audit that pyspf looks at too. An
audit judges our senders, of whose networks CLIENT should be a part: its result is that network's.
"""

from __future__ import annotations

import ipaddress
import platform
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

import uvloop

from bench.peers.timing import Job, Run, by_lanes, job
from spfcheck import COMPILED
from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.report.serialise import json_bytes
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.resolver.drive import drive
from spfcheck.resolver.stub import Resolver
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.serve.collector import freeze
from tests.made.customers import INCLUDE

Judge = Callable[[str], Awaitable[str]]


def judge_by(resolver: Resolver, ours: Ours, work: Job) -> Judge:
    """What is measured: one domain, from its name to its result."""
    network = _network_of(ours, work.client)

    async def by_check_host(domain: str) -> str:
        evaluation = check_host(work.client, domain, f"postmaster@{domain}", "mail.invalid")
        return (await drive(evaluation, resolver.with_deadline())).result.value

    async def by_audit(domain: str) -> str:
        report = await examine(domain, resolver.with_deadline(), ours, opinion=work.variant == "opinion")
        assert json_bytes(report)
        return _result(report, network)

    return by_check_host if work.variant == "check_host" else by_audit


def _network_of(ours: Ours, client: str) -> str:
    address = ipaddress.ip_address(client)
    texts = [network.text for sender in ours.senders for network in sender.networks]
    return next((text for text in texts if address in ipaddress.ip_network(text)), "")


def _result(report: Report, network: str) -> str:
    """What becomes of the one network of *report* that is compared; the report's own result where there is none."""
    return next((one.result for one in report.senders if one.network == network), report.result)


def most_memory() -> float:
    """The most megabytes that this program had; what getrusage() tells includes the parent before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) / 1024


async def work_on(work: Job) -> Run:
    """One run in this process; answers of earlier checks are at hand only within it."""
    how = " (compiled)" if COMPILED else ""
    run = Run(f"spfcheck{how} on CPython {platform.python_version()}, uvloop {version('uvloop')}")
    async with Resolver([(work.host, work.port)]) as resolver:
        ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], resolver)
        assert ours.ready, ours.reasons
        judge = judge_by(resolver, ours, work)
        freeze()
        if work.mode == "latency":
            await judge("warm.invalid")  # imports what is imported at the first check
            for domain in work.domains:
                resolver.forget()
                began = time.perf_counter()
                run.results.append(await judge(domain))
                run.times.append(time.perf_counter() - began)
            return run
        await by_lanes(work, run, judge)
        run.queries = resolver.counts.sent
        run.rss_mb = most_memory()
    return run


if __name__ == "__main__":
    uvloop.run(work_on(job())).print()
