"""`spfcheck demo`: two nights of a made-up company in a few seconds, then its support page.

Everything but the addresses, the clock and the guards is what runs in production: the resolver, the checks, the client
of the messaging API, the ledger. The guards are relaxed by a named policy, which is printed.
"""
# ruff: noqa: T201 - it is a command, and prints

from __future__ import annotations

import asyncio
import logging
import socket
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import structlog

from spfcheck.api.observe import logs
from spfcheck.api.reports.stored import KeyTable, StoredReports, upgrade
from spfcheck.demo.customers import INCLUDE
from spfcheck.demo.stage import HOUR, Stage, staged
from spfcheck.intercom.client import Intercom
from spfcheck.names import shown
from spfcheck.notify.guards import Guards
from spfcheck.notify.model import Decision, Plan, PlanRow, Reason, SendSummary
from spfcheck.notify.notifier import Notifier
from spfcheck.notify.planning.checks import DnsChecks
from spfcheck.resolver.canary import ResolverCheck
from spfcheck.resolver.stub import Resolver
from spfcheck.serve import server
from spfcheck.serve.app import create_app
from spfcheck.store.database import open_engine
from spfcheck.web.notices import Notices

NIGHTS_APART = 21 * HOUR
"""The evidence for a message is two runs at least 20 hours apart."""

PORT = 8080
"""Where the support page is looked for first; any free port when it is taken."""

WIDTH = 26
"""Columns for a domain: the longest of the demo's."""


def main(once: bool) -> int:
    """Run the demo; *once* ends it after the nightly batch. The exit code comes back."""
    with tempfile.TemporaryDirectory(prefix="spfcheck-demo-") as folder:
        try:
            asyncio.run(_play(Path(folder), once))
        except KeyboardInterrupt:
            print()
    return 0


async def _play(folder: Path, once: bool) -> None:
    async with staged(folder) as stage:
        _introduce(stage)
        await _nights(stage)
        await _support_page(stage, once)


def _introduce(stage: Stage) -> None:
    print(
        f"A made-up company sends mail for {len(stage.cast.customers)} customers; each must include {INCLUDE}.\n"
        f"  name servers    {stage.first.host}:{stage.first.port} and, asked again before a message, "
        f"{stage.second.host}:{stage.second.port}\n"
        f"  messaging API   {stage.sandbox.url} (a sandbox: no message leaves this machine)\n"
        f"  database        {stage.settings.database_url} (gone when the demo ends)"
    )
    print(
        f"\nThe policy `demo` relaxes these guards; the clock is moved by {NIGHTS_APART / HOUR:g} hours between nights:"
    )
    for line in Guards.from_settings(stage.settings.notify).demo().lines():
        if "(shipped: " in line:
            print(f"  {line}")


async def _nights(stage: Stage) -> None:
    """A first night as the baseline that a person approves, a second that confirms it and sends, and a run too many."""
    stage.clock.offset = -NIGHTS_APART
    first, _ = await _night(stage, sends=False)
    waiting = first.reasons.get(Reason.NOT_YET_CONFIRMED, 0)
    print(
        f"\nFirst night: {_counts(first)}.\n"
        f"  Nobody is written to after one look: {waiting} domains wait to be seen broken again.\n"
        "  A person reads the plan and approves it as the baseline."
    )
    stage.clock.offset = 0.0
    second, summary = await _night(stage, sends=True)
    print(f"\nSecond night: {_counts(second)}.")
    _tell(stage, second, summary)
    _, again = await _night(stage, sends=True)
    print(f"\nThe same run once more, right away: sent {again.sent}. The ledger knows who was told.")


async def _night(stage: Stage, *, sends: bool) -> tuple[Plan, SendSummary]:
    async with AsyncExitStack() as stack:
        resolver = await stack.enter_async_context(stage.resolver())
        second = await stack.enter_async_context(stage.resolver(stage.second))
        intercom = await stack.enter_async_context(Intercom(stage.settings.intercom, clock=stage.clock))
        checks = DnsChecks.over(
            stage.settings, resolver, second=second, canary=_canary(stage, resolver), clock=stage.clock
        )
        guards = Guards.from_settings(stage.settings.notify).demo()
        notifier = await stack.enter_async_context(
            Notifier(stage.settings, intercom=intercom, checks=checks, guards=guards, clock=stage.clock)
        )
        plan = await notifier.plan()
        for brake in plan.tripped:
            print(f"BRAKE {brake.name}: {brake.sentence}")
        await notifier.approve(plan.id, who="demo")
        return plan, await notifier.send(plan.id) if sends else SendSummary(plan_id=plan.id)


def _canary(stage: Stage, resolver: Resolver) -> Callable[[], Awaitable[str]]:
    check = ResolverCheck(resolver, [INCLUDE], clock=stage.clock)

    async def canary() -> str:
        state = await check.look()
        return "" if state.may_judge else " ".join(state.reasons)

    return canary


def _counts(plan: Plan) -> str:
    states = {"ok": "ok", "at_risk": "at risk", "action_needed": "broken", "unknown": "unknown"}
    found = ", ".join(f"{plan.totals.get(name, 0)} {words}" for name, words in states.items())
    return f"{plan.contacts} contacts, {plan.people} people, {plan.domains} domains: {found}"


def _tell(stage: Stage, plan: Plan, summary: SendSummary) -> None:
    """What was found, whom we wrote to, and why the others were left alone."""
    stories = {customer.domain: customer.story for customer in stage.cast.customers}
    messaged = [row for row in plan.rows if row.decision is Decision.MESSAGE]
    print(f"\nBroken, with a repair that two engines proved ({len(messaged)} domains):")
    for row in messaged:
        print(f"  {row.domain:<{WIDTH}} {stories.get(row.domain, '')}")
        print(f"  {'':<{WIDTH}} {row.remedy}: {shown(row.record, 200)}")
    print(f"\nWrote to {len(stage.sandbox.workspace.messages)} people, once each:")
    for message in stage.sandbox.workspace.messages:
        person = stage.names[message.contact_id]
        print(f"  {person.name} <{person.address}>: {message.subject}")
    _left_alone(plan.rows, stories)
    _held(stage)
    if plan.refused:
        print("\nTyped where a domain belongs, and taken for none:")
        for typed, why, _ in plan.refused:
            print(f"  {shown(typed, 40)}: {why}")
    ends = ("sent", "suppressed", "rejected", "unclear")
    print("\n" + ", ".join(f"{end} {getattr(summary, end)}" for end in ends).capitalize() + ".")


def _left_alone(rows: Iterable[PlanRow], stories: dict[str, str]) -> None:
    alone = [row for row in rows if row.decision is Decision.LEFT_ALONE]
    print(f"\nLeft {len(alone)} domains alone, and why:")
    for reason, count in Counter(row.reason for row in alone).most_common():
        print(f"  {count} x {Reason(reason).sentence}")
        for row in alone:
            if row.reason == reason:
                print(f"    {row.domain:<{WIDTH - 2}} {stories.get(row.domain, '')}".rstrip())


def _held(stage: Stage) -> None:
    """The people who are never written to, for what their contacts say of consent."""
    held = [person for person in stage.cast.people if person.flags or person.tags]
    print(f"\nNever written to, whatever becomes of their domain ({len(held)} people):")
    for person in held:
        print(f"  {person.name} <{person.address}>: {', '.join([*person.flags, *person.tags])}")


async def _support_page(stage: Stage, once: bool) -> None:
    """Serve the page over what the nights left in the database, until Ctrl-C; *once* looks at it and ends."""
    logs.configure("console")
    # A line for each request belongs in a log, not between the lines that a newcomer reads here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    engine = open_engine(stage.settings.database_url)
    upgrade(engine)
    reports = StoredReports(engine)
    sock = _listen(stage.settings.host)
    try:
        async with stage.resolver() as resolver:
            app = create_app(
                stage.settings,
                resolver,
                keeper=reports,
                stored_keys=KeyTable(engine).valid,
                notifier=Notices(stage.settings, engine),
            )
            ready = asyncio.Event()
            serving = asyncio.create_task(server.serve(app, sock, on_ready=lambda _: ready.set()))
            await asyncio.wait([serving, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
            await _look(server.url_of(sock), once)
            if once:
                serving.cancel()
            await asyncio.gather(serving, return_exceptions=once)
    finally:
        await reports.close()
        engine.dispose()
        sock.close()


async def _look(url: str, once: bool) -> None:
    """Ask the running service about one customer, as a browser and as the main app would."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.get(f"{url}/v1/check/plumber.example", params={"view": "summary"}) as answer:
            summary = await answer.json()
        async with session.get(f"{url}/domains/plumber.example") as page:
            assert summary["headline"] in (await page.text()), "the page and the API tell different stories"
    print(f"\nThe main app asks {url}/v1/check/plumber.example and hears: {summary['status']}: {summary['headline']}")
    if not once:
        print(f"\nThe support page is at {url}/ ; try plumber.example or theatre.example. Ctrl-C ends it.", flush=True)


def _listen(host: str) -> socket.socket:
    try:
        return server.listen(host, PORT)
    except server.ServeError:
        return server.listen(host, 0)
