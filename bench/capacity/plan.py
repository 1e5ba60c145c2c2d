"""A million contacts over two hundred thousand domains: planned from the sandbox, in flat memory.

The sandbox runs in a process of its own and makes its contacts up as they are asked for; the planner, whose memory is
measured, reads them over HTTP, judges each domain by the product's own examination, and writes its plan to SQLite. DNS
answers come from a lookup that makes them up too, so that it is the planning that is measured and not a network.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import tempfile
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.engine import most_memory
from bench.registry import Table, part
from spfcheck.audit.senders import SenderProfile
from spfcheck.demo.sandbox import Sandbox
from spfcheck.demo.sandbox_state import SandboxContact, SandboxWorkspace
from spfcheck.intercom.client import Intercom
from spfcheck.notify.guards import Guards
from spfcheck.notify.notifier import Notifier
from spfcheck.notify.planning.checks import DnsChecks
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.settings import load

BROKEN_EVERY = 100
"""One domain of a hundred does not authorise us."""
KEY = "a key of the benchmark"
OURS = (b"v=spf1 ip4:192.0.2.0/25 -all",)


class MadeUpWorkspace(SandboxWorkspace):
    """So many contacts over so many domains, none of which exists before it is asked for."""

    def __init__(self, contacts: int, domains: int) -> None:
        super().__init__(clock=time.time)
        self.size, self.spread = contacts, domains

    def search(self, query: Any, after: str, limit: int) -> tuple[list[dict[str, Any]], int, str]:
        del query  # everybody consents
        start = int(after or 0)
        end = min(self.size, start + limit)
        page = [self._contact(number).as_json(self.workspace) for number in range(start, end)]
        return page, self.size, str(end) if end < self.size else ""

    def _contact(self, number: int) -> SandboxContact:
        domain = f"customer{number % self.spread}.example"
        contact = SandboxContact(id=f"{number:024x}", email=f"person{number}@{domain}", created_at=1_700_000_000)
        contact.attributes["sending_domain"] = domain
        return contact


class MadeUpLookup:
    """Answers for any name: one customer of a hundred lacks our include."""

    def cached(self, question: Question) -> Answer:
        name = question.name
        text: tuple[bytes, ...] = ()
        if question.rtype is Rtype.TXT and name == "_spf.mail.example":
            text = OURS
        elif question.rtype is Rtype.TXT and name.startswith("customer"):
            broken = int(name.removeprefix("customer").partition(".")[0]) % BROKEN_EVERY == 0
            text = (b"v=spf1 ip4:198.51.100.7 -all" if broken else b"v=spf1 include:_spf.mail.example -all",)
        records: tuple[Any, ...] = (text,) if text else ()
        if question.rtype is Rtype.MX:
            records = ((10, "mx.example"),)
        outcome = Outcome.OK if records else Outcome.NODATA
        return Answer(
            question=question,
            outcome=outcome,
            records=records,
            ttl=300,
            resolver="made up",
            rcode=0,
            soa_seen=not records,
        )

    async def ask(self, question: Question) -> Answer:
        return self.cached(question)


def serve(contacts: int, domains: int, to_parent: Connection) -> None:
    """The sandbox's process."""

    async def run() -> None:
        sandbox = Sandbox(MadeUpWorkspace(contacts, domains), limit=10_000_000)
        to_parent.send(await sandbox.start())
        await asyncio.Event().wait()

    asyncio.run(run())


def planner(url: str, to_parent: Connection) -> None:
    """The planner's process; its highest memory is what it tells."""

    async def run(directory: Path) -> dict[str, float]:
        settings = load(
            sender_include="_spf.mail.example",
            database_url=f"sqlite:///{directory / 'ledger.sqlite3'}",
            intercom={"token": "sandbox-token", "url": url, "workspace": "sandbox1", "admin_id": 814860},
            notify={"hash_key": KEY, "pause_file": str(directory / "pause")},
        )
        lookup = MadeUpLookup()
        checks = DnsChecks(
            [SenderProfile(name="default", include="_spf.mail.example")],
            mail_from=settings.mail_from,
            helo=settings.helo,
            night=lambda: lookup,
        )
        guards = replace(Guards.from_settings(settings.notify), min_runs=1, min_between_runs=0.0, stage="everyone")
        marks: dict[str, float] = {}

        def seen(progress: Any) -> None:
            marks[progress.stage] = time.monotonic()

        async with (
            Intercom(settings.intercom) as intercom,
            Notifier(settings, intercom=intercom, checks=checks, guards=guards) as notifier,
        ):
            began = time.monotonic()
            plan = await notifier.plan(seen)
            ended = time.monotonic()
        assert plan.tripped == (), plan.tripped
        return {
            "contacts": plan.contacts,
            "domains": plan.domains,
            "messages": plan.totals["messages"] + plan.totals["waiting"],
            "reading": marks["contacts"] - began,
            "checking": marks["domains"] - marks["contacts"],
            "seconds": ended - began,
            "rss": most_memory(),
        }

    with tempfile.TemporaryDirectory(prefix="spfcheck-bench-") as directory:
        to_parent.send(json.dumps(asyncio.run(run(Path(directory)))))


@part("plan")
def plan(quick: bool) -> Table:
    contacts, domains = (50_000, 10_000) if quick else (1_000_000, 200_000)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(contacts, domains, there), daemon=True)
    server.start()
    url = here.recv()
    mine, theirs = context.Pipe()
    worker = context.Process(target=planner, args=(url, theirs))
    worker.start()
    found = json.loads(mine.recv())
    worker.join()
    server.terminate()
    server.join()
    rate = found["contacts"] / found["seconds"]
    return Table(
        title="Planning a night from the sandbox",
        columns=("contacts", "domains", "letters", "seconds", "contacts/s", "reading s", "checking s", "RSS MB"),
        rows=[
            (
                f"{found['contacts']:,.0f}",
                f"{found['domains']:,.0f}",
                f"{found['messages']:,.0f}",
                f"{found['seconds']:.1f}",
                f"{rate:,.0f}",
                f"{found['reading']:.1f}",
                f"{found['checking']:.1f}",
                f"{found['rss']:.0f}",
            )
        ],
        notes=["RSS is the planner's highest; the bar is 300 MB. The sandbox runs beside it on the same machine."],
        ratios={"rss_mb": found["rss"], "contacts_per_second": rate},
    )
