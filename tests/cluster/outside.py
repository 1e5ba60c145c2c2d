"""The world outside, each part a process of its own: the customers' DNS, and the sandbox of the messaging API.

``python -m tests.cluster.outside dns|api DIRECTORY DOMAINS BROKEN [--contract]`` writes its address into the
directory, and at its end what it saw.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spfcheck.demo.sandbox import Sandbox
from spfcheck.demo.sandbox_contract import VARIABLE, Contract
from spfcheck.demo.sandbox_state import SandboxWorkspace
from spfcheck.resolver.authoritative import serve
from spfcheck.resolver.zone import Zone
from tests.notify.world import DESCRIPTION


def domain(number: int) -> str:
    return f"customer{number:06}.example"


def broken(number: int, domains: int, many: int) -> bool:
    """Every so many-th customer has a record that leaves us out."""
    return number % (domains // many) == 0 and number // (domains // many) < many


def zone_text(domains: int, many: int) -> Iterator[str]:
    yield '_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"'
    for number in range(domains):
        name = domain(number)
        if broken(number, domains, many):
            yield f'{name} TXT "v=spf1 mx -all"\n{name} MX 10 mx.{name}\nmx.{name} A 198.51.100.7'
        else:
            yield f'{name} TXT "v=spf1 include:_spf.mail.example -all"'


class LargeWorkspace(SandboxWorkspace):
    """Remembers what a search found: its contacts do not change, and pages of 150 of 100,000 are many."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._found: dict[str, list[dict[str, Any]]] = {}

    def search(self, query: Any, after: str, limit: int) -> tuple[list[dict[str, Any]], int, str]:
        key = json.dumps(query, sort_keys=True)
        if key not in self._found:
            self._found[key] = super().search(query, "", len(self.contacts) + 1)[0]
        found = self._found[key]
        start = int(after or 0)
        following = str(start + limit) if start + limit < len(found) else ""
        return found[start : start + limit], len(found), following


async def dns(directory: Path, domains: int, many: int) -> None:
    zone = Zone.parse("\n".join(zone_text(domains, many)))
    async with serve(zone) as authority:
        tell(directory / "dns", str(authority))
        await ordered_to_end()


async def api(directory: Path, domains: int, many: int) -> None:
    workspace = LargeWorkspace(clock=time.time)
    for number in range(domains):
        workspace.add_contact(email=f"owner@{domain(number)}", sending_domain=domain(number))
    named = os.environ.get(VARIABLE)
    contract = Contract.at_hand(Path(named) if named else DESCRIPTION) if "--contract" in sys.argv else None
    sandbox = Sandbox(workspace, limit=10_000_000, contract=contract)
    tell(directory / "api", await sandbox.start())
    await ordered_to_end()
    told = {
        "arrived": [message.email for message in workspace.messages],
        "violations": sandbox.violations,
        "requests": sandbox.requests,
    }
    tell(directory / "oracle", json.dumps(told))


def tell(path: Path, text: str) -> None:
    """Written in one step: whoever waits for it sees all of it."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)


async def ordered_to_end() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


if __name__ == "__main__":
    part = {"dns": dns, "api": api}[sys.argv[1]]
    asyncio.run(part(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
