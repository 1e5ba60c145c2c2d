"""A whole small world for the notifier: a zone, a sandbox of the messaging API over HTTP, a ledger on disk, a clock.

Nothing in it is a mock: the zone answers through the product's own zone lookup, the sandbox is the product's own, and
the ledger is SQLite in a temporary directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from spfcheck.audit.senders import SenderProfile
from spfcheck.demo.sandbox import Sandbox
from spfcheck.demo.sandbox_contract import Contract
from spfcheck.demo.sandbox_state import SandboxWorkspace
from spfcheck.intercom.client import Intercom
from spfcheck.notify.desk import Desk
from spfcheck.notify.guards import HOUR, Guards
from spfcheck.notify.notifier import Notifier
from spfcheck.notify.planning.checks import DnsChecks, DomainChecks
from spfcheck.notify.sending.scope import scope_of
from spfcheck.resolver.types import Lookup
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.settings import Settings, load

DESCRIPTION = Path(__file__).resolve().parents[3] / "shared" / "intercom" / "openapi-2.16.yaml"

SHARED = """
_spf.mail.example  TXT "v=spf1 ip4:192.0.2.0/25 -all"
good.example       TXT "v=spf1 include:_spf.mail.example -all"
good.example       MX  10 mx.good.example
"""

MONDAY = 1_763_978_400.0
"""2025-11-24 10:00 UTC, a Monday."""


@cache
def contract() -> Contract | None:
    """The published description, where it is at hand."""
    named = os.environ.get("INTERCOM_OPENAPI")
    return Contract.at_hand(Path(named) if named else DESCRIPTION)


@lru_cache(maxsize=16)
def lookup_in(text: str) -> ZoneLookup:
    return ZoneLookup(Zone.parse(text))


class Clock:
    """Unix time that passes when somebody sleeps, or when a test says so."""

    def __init__(self, now: float = MONDAY) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)
        await asyncio.sleep(0)

    def later(self, hours: float) -> None:
        self.now += hours * HOUR


GUARDS = replace(Guards().demo(), name="test", small_floor=3, newly_broken_floor=3)


class World:
    """See the module; made by `world`."""

    def __init__(self, directory: Path, zone: str, guards: Guards = GUARDS, **settings: Any) -> None:
        self.clock = Clock()
        self.directory = directory
        self.zone_text = SHARED + zone
        self.guards = replace(guards, pause_file=directory / "pause")
        self.workspace = SandboxWorkspace(clock=self.clock)
        self.sandbox = Sandbox(self.workspace, contract=contract())
        self.settings_values = settings
        self.stop = asyncio.Event()
        self.second_zone: str | None = None
        self.checks: DomainChecks | None = None
        self.deadline = 45.0
        self.steady: Callable[[], float] | None = None
        """The clock that nobody sets; the other one where it is not told apart."""
        self.present: Callable[[], Guards] | None = None
        """Reads the guards anew before each letter."""

    @property
    def zone(self) -> ZoneLookup:
        return lookup_in(self.zone_text)

    def settings(self) -> Settings:
        values: dict[str, Any] = {
            "public_url": "https://spf.example",
            "sender_include": "_spf.mail.example",
            "database_url": f"sqlite:///{self.directory / 'ledger.sqlite3'}",
            "intercom": {
                "token": "sandbox-token",
                "url": self.sandbox.url,
                "workspace": self.workspace.workspace,
                "admin_id": self.workspace.admin_id,
            },
            "notify": {"hash_key": "a key of the tests", "pause_file": str(self.directory / "pause")},
        }
        for name, value in self.settings_values.items():
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
        return load(**values)

    def dns(self) -> DomainChecks:
        if self.checks is not None:
            return self.checks

        def second() -> Lookup:
            return lookup_in(self.second_zone or self.zone_text)

        return DnsChecks(
            [SenderProfile(name="default", include="_spf.mail.example")],
            mail_from="postmaster@{domain}",
            helo="mail.invalid",
            night=lambda: self.zone,
            second=second if self.second_zone is not None else None,
            clock=self.clock,
        )

    @contextlib.asynccontextmanager
    async def notifier(self, **changes: Any) -> AsyncIterator[Notifier]:
        """A notifier; but for ``leave=False`` whatever is in force is approved as soon as anything ever was."""
        settings, leave = self.settings(), changes.pop("leave", True)
        intercom = Intercom(
            settings.intercom, clock=self.clock, sleep=self.clock.sleep, rng=random.Random(1), deadline=self.deadline
        )
        async with (
            intercom,
            Notifier(
                settings,
                intercom=intercom,
                checks=self.dns(),
                guards=replace(self.guards, **changes),
                clock=self.clock,
                sleep=self.clock.sleep,
                stop=self.stop,
                steady=self.steady,
                present=self.present,
            ) as notifier,
        ):
            if leave:
                await self.let_go(notifier)
            yield notifier

    async def let_go(self, notifier: Notifier) -> None:
        """A person approved whatever is in force now."""
        baseline = (await notifier.status()).baseline
        if baseline:
            scope = scope_of(self.settings(), notifier.guards, notifier._writer)
            approvals = notifier._approvals
            await notifier._write(approvals.grant, baseline, who="mira", now=self.clock(), scope=scope)

    @contextlib.asynccontextmanager
    async def desk(self) -> AsyncIterator[Desk]:
        """What a person works at without token or resolver."""
        async with Desk(self.settings(), guards=self.guards, clock=self.clock) as desk:
            yield desk

    async def baseline(self, hours: float = 24.0, **changes: Any) -> None:
        """The first night, approved; then so many hours pass."""
        async with self.notifier(**changes) as notifier:
            plan = await notifier.plan()
            assert plan.tripped == (), plan.tripped
            await notifier.approve(plan.id, who="mira")
            await self.let_go(notifier)
        self.clock.later(hours)

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(message.email, message.subject) for message in self.workspace.messages]


@contextlib.asynccontextmanager
async def world(directory: Path, zone: str, guards: Guards = GUARDS, **settings: Any) -> AsyncIterator[World]:
    """A running world; at its end the sandbox must have seen nothing that the published description forbids."""
    made = World(directory, zone, guards, **settings)
    async with made.sandbox.running():
        yield made
    assert made.sandbox.violations == []


def broken(*names: str) -> str:
    """Zone lines of domains whose record is sound but for us."""
    return "\n".join(f'{name} TXT "v=spf1 mx -all"\n{name} MX 10 mx.{name}\nmx.{name} A 198.51.100.7' for name in names)


def mended(*names: str) -> str:
    """Zone lines of the same domains after their owners published what we proposed."""
    return broken(*names).replace("v=spf1 mx -all", "v=spf1 mx include:_spf.mail.example -all")


async def resumed(desk: Desk, reason: str = "looked at", who: str = "mira") -> int:
    """Somebody looks, and lifts everything that stands."""
    names = (await desk.status()).stops
    return (await desk.resume(names, reason, who=who)).number if names else 0
