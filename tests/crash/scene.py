"""What the crash test plays with: a workspace of broken customers, the sandbox in a process of its own, the sender.

Under test is everything from the plan to the ledger: client, lock, claim, call, settlement, reconciliation. The DNS is
not: every domain is broken in the same way, examined once by the real thing and then shown for each.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.demo.sandbox import Fault, Faults, Sandbox
from spfcheck.demo.sandbox_contract import VARIABLE, Contract
from spfcheck.demo.sandbox_state import SandboxWorkspace
from spfcheck.intercom.answers import SendOutcome, Sent
from spfcheck.intercom.client import Intercom
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.model import NoticeState, NotifyError, Progress, RefusedError
from spfcheck.notify.notifier import Notifier
from spfcheck.notify.planning.checks import CheckHealth, DnsChecks
from spfcheck.notify.sending import reconcile, send
from spfcheck.notify.sending.lock import Holder
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.settings import Settings, load
from spfcheck.store.error import StoreError
from tests.notify.world import DESCRIPTION

ZONE = """
_spf.mail.example  TXT "v=spf1 ip4:192.0.2.0/25 -all"
broken.example     TXT "v=spf1 mx -all"
broken.example     MX  10 mx.broken.example
mx.broken.example  A   198.51.100.7
"""

INDEX_LAG = 0.25
"""Seconds by which the sandbox's search lags behind."""
SLOWEST_ACCEPT = 0.01
QUIET = 0.7
"""Seconds: more than the lag, the slowest acceptance and the claim's age together."""
CLAIM_MAX_AGE = 0.25
READ_TIMEOUT = 0.4
PATIENCE = 60.0
SHARE = 0.01

POLICY = replace(
    Guards().demo(),
    name="crash-test",
    min_runs=1,
    min_between_runs=0.0,
    ceiling_per_run=1_000_000,
    rate_per_second=1_000_000.0,
    first_pause=0.0,
    mark_tag="",
    unclear_quiet=QUIET,
    claim_max_age=CLAIM_MAX_AGE,
    unclear_stop=1_000,
    api_errors_max=1.0,
    max_attempts=12,
)
"""Everything at once; brakes that would rightly stop such a night are opened, since its end is what is looked at."""


class KnownChecks:
    """Shows every domain as broken as the one that was examined."""

    def __init__(self, report: Report) -> None:
        self._report = report

    @classmethod
    async def examined(cls) -> KnownChecks:
        profiles = [SenderProfile(name="default", include="_spf.mail.example")]
        lookup = ZoneLookup(Zone.parse(ZONE))
        checks = DnsChecks(profiles, mail_from="postmaster@{domain}", helo="mail.invalid", night=lambda: lookup)
        return cls(await checks.again("broken.example"))

    async def health(self) -> CheckHealth:
        return CheckHealth()

    async def night(self, domain: str, *, opinion: bool) -> Report:
        return self._as(domain)

    async def again(self, domain: str) -> Report:
        return self._as(domain)

    async def second(self, domain: str) -> Report | None:
        return None

    def _as(self, domain: str) -> Report:
        findings = tuple(replace(found, domain=domain) for found in self._report.findings)
        remedy = replace(self._report.remedy, name=domain)
        return replace(self._report, domain=domain, findings=findings, remedy=remedy, checked_at=time.time())


class Shared:
    """What the senders tell the test without a system call: how often each claimed, began a call, and was done."""

    CLAIMED, CALLING, DONE = range(3)

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, 64)

    def count(self, sender: int, what: int) -> None:
        struct.pack_into("q", self._map, sender * 32 + what * 8, self.seen(sender, what) + 1)

    def seen(self, sender: int, what: int) -> int:
        return int(struct.unpack_from("q", self._map, sender * 32 + what * 8)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One play: how much, which mode, which mutant."""

    directory: Path
    database_url: str
    messages: int
    open_conversation: bool
    mutant: str
    seed: int
    mark_tag: str = ""

    @property
    def narrowed(self) -> Path:
        """While this file exists, the roll-out has come to every second domain only."""
        return self.directory / "narrowed"

    def present(self) -> Guards:
        """The guards as an operator has set them just now."""
        if not self.narrowed.exists():
            return self.guards()
        allowed = frozenset(f"customer{number}.example" for number in range(0, self.messages, 2))
        return replace(self.guards(), stage="self", allow=allowed)

    def guards(self) -> Guards:
        quiet = 0.0 if self.mutant == "no-quiet-time" else QUIET
        return replace(
            POLICY,
            open_conversation=self.open_conversation,
            unclear_quiet=quiet,
            mark_tag=self.mark_tag,
            pause_file=self.directory / "pause",
        )

    def settings(self, url: str) -> Settings:
        return load(
            public_url="https://spf.example",
            sender_include="_spf.mail.example",
            database_url=self.database_url,
            intercom={"token": "sandbox-token", "url": url, "workspace": "sandbox1", "admin_id": 814860},
            notify={"hash_key": "a key of the crash test"},
        )


class NoLock:
    """A mutant: everybody holds it."""

    def take(self, now: float = 0.0) -> bool:
        return True

    def held(self) -> bool:
        return True

    def release(self) -> None:
        return

    def note(self, now: float, doing: str, *, ref: str = "", attempt: int = 0) -> None:
        return

    def holder(self) -> Holder:
        return Holder()


def mutate(mutant: str) -> None:
    """Break the protocol in this process, as *mutant* says."""
    if mutant == "no-quiet-time":
        # The search is tried on a message that is known, and that alone makes most of a missing quiet time good.
        async def trusting(self: object, admin_id: int) -> bool:
            return True

        reconcile._Looking._search_works = trusting  # type: ignore[method-assign]
    if mutant not in ("5xx-is-not-sent", "timeout-is-not-sent"):
        return
    honest = Intercom.send_message

    async def mistaken(self: Intercom, **arguments: Any) -> Sent:
        sent = await honest(self, **arguments)
        answered = sent.status >= 500
        if sent.outcome is SendOutcome.UNCLEAR and answered == (mutant == "5xx-is-not-sent"):
            return replace(sent, outcome=SendOutcome.NOT_SENT)
        return sent

    Intercom.send_message = mistaken  # type: ignore[method-assign]
    send.NOT_SENT_TRIES = 100


def watch(shared: Shared, sender: int) -> None:
    """Let the test see when a claim is committed and when a call begins, so that it can strike right then."""
    claim, call = Ledger.claim, Intercom.send_message

    def claiming(self: Ledger, *arguments: Any, **named: Any) -> Any:
        claimed = claim(self, *arguments, **named)
        shared.count(sender, Shared.CLAIMED)
        return claimed

    async def calling(self: Intercom, **arguments: Any) -> Sent:
        shared.count(sender, Shared.CALLING)
        return await call(self, **arguments)

    Ledger.claim = claiming  # type: ignore[method-assign]
    Intercom.send_message = calling  # type: ignore[method-assign]


def serve(run: Run, ready: Callable[[str], None]) -> None:
    """The sandbox: until SIGTERM, then it writes down everything that it accepted."""

    async def main() -> None:
        workspace = SandboxWorkspace(clock=time.time, index_lag=INDEX_LAG)
        for number in range(run.messages):
            domain = f"customer{number}.example"
            workspace.add_contact(email=f"owner@{domain}", sending_domain=domain)
        shares = dict.fromkeys(Fault, SHARE)
        faults = Faults(shares, random.Random(run.seed), retry_after=0, slowest_accept=SLOWEST_ACCEPT)
        named = os.environ.get(VARIABLE)
        contract = Contract.at_hand(Path(named) if named else DESCRIPTION)
        sandbox = Sandbox(workspace, limit=10_000_000, faults=faults, contract=contract)
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        ready(await sandbox.start())
        await stopped.wait()
        accepted = [message.contact_id for message in workspace.messages]
        told = {
            "accepted": accepted,
            "times": [(message.email, message.at) for message in workspace.messages],
            "violations": sandbox.violations,
            "requests": sandbox.requests,
            "contract": contract is not None,
        }
        (run.directory / "oracle.json").write_text(json.dumps(told))
        os._exit(0)

    asyncio.run(main())


async def plan(run: Run, url: str) -> str:
    """Make the night's plan and approve it."""
    # No fault falls on the plan, and a busy machine must not count as one.
    async with _notifier(run, url, wait=False, read_timeout=PATIENCE) as notifier:
        made = await notifier.plan()
        assert not made.tripped, made.tripped
        assert len(made.intents) == run.messages, (made.totals, made.reasons)
        await notifier.approve(made.id, who="crash test")
        return made.id


def _notifier(run: Run, url: str, *, wait: bool, read_timeout: float = READ_TIMEOUT) -> Any:
    import contextlib

    @contextlib.asynccontextmanager
    async def entered() -> Any:
        settings = run.settings(url)
        timeout = httpx.Timeout(connect=2.0, read=read_timeout, write=2.0, pool=2.0)
        lock = NoLock() if run.mutant == "no-lock" else None
        checks = await KnownChecks.examined()
        async with (
            Intercom(settings.intercom, timeout=timeout) as intercom,
            Notifier(
                settings,
                intercom=intercom,
                checks=checks,
                guards=run.guards(),
                lock=lock,
                wait_for_lock=wait,
                present=run.present,
            ) as notifier,
        ):
            yield notifier

    return entered()


async def work(run: Run, url: str, plan_id: str, shared: Shared, sender: int) -> None:
    """Send until nothing is left that could be sent."""

    def count(progress: Progress) -> None:
        if progress.stage == "messages":
            shared.count(sender, Shared.DONE)

    async with _notifier(run, url, wait=True) as notifier:
        while True:
            try:
                # Whoever takes over settles what the last one left in doubt before anything else: no later could a
                # mistake of the protocol show more clearly.
                left = await notifier.reconcile()
                if left.undecided and run.open_conversation:
                    await asyncio.sleep(run.guards().unclear_quiet + 0.05)
                    await notifier.reconcile()
                await notifier.send(plan_id, count)
            except RefusedError:
                raise
            except (NotifyError, StoreError) as error:
                print(f"sender {sender}: {error}", file=sys.stderr, flush=True)
                await asyncio.sleep(0.1)
                continue
            states = (await notifier.status()).states
            busy = states.get(NoticeState.PLANNED, 0) + states.get(NoticeState.SENDING, 0)
            waits = states.get(NoticeState.UNCLEAR, 0) if run.open_conversation else 0
            if not busy and not waits:
                return
            await asyncio.sleep(0.1)
