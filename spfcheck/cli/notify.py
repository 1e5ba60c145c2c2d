"""`spfcheck notify`: the nightly batch and everything that a person decides about it."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from spfcheck.cli.desk import COMMANDS, at_desk
from spfcheck.cli.ending import COULD_NOT_CHECK, FINE, UsageError
from spfcheck.cli.lookups import look_at_resolver, lookup_for, nameservers
from spfcheck.cli.plans import plan_lines
from spfcheck.names import domain_name, shown
from spfcheck.notify.model import Plan, Progress, SendSummary
from spfcheck.settings import Settings, load

if TYPE_CHECKING:
    from spfcheck.intercom.client import Intercom
    from spfcheck.notify.planning.checks import DnsChecks

app = App(name="notify", help="Find the users whose domain is affected, and send each the repair, once.")

for _command in COMMANDS:
    app.command(_command)

Flag = Annotated[bool, Parameter(negative="")]


@asynccontextmanager
async def _notifier(settings: Settings) -> AsyncIterator[Any]:
    """The notifier over the real resolver, API and ledger; a signal ends it after the row in hand."""
    from spfcheck.notify.guards import Guards
    from spfcheck.notify.notifier import Notifier

    stop = on_signals()
    async with (
        reach(settings) as (intercom, checks),
        Notifier(settings, intercom=intercom, checks=checks, stop=stop, present=Guards.now) as notifier,
    ):
        yield notifier


def on_signals(told: threading.Event | None = None) -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; *told* is set as well, also while the loop is busy."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(*_: object) -> None:
        if told is not None:
            told.set()
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        # Not the loop's own way, by which a loop hears of a signal only once it is idle.
        signal.signal(number, tell)
    return stop


@asynccontextmanager
async def reach(settings: Settings) -> AsyncIterator[tuple[Intercom, DnsChecks]]:
    """The real messaging API, and checks over the real resolvers. Raises `UsageError`."""
    from spfcheck.intercom.client import Intercom
    from spfcheck.notify.planning.checks import DnsChecks
    from spfcheck.resolver.stub import Resolver

    if not settings.intercom.token.get_secret_value():
        raise UsageError("No token of the messaging API is set (SPFCHECK_INTERCOM_TOKEN); try `spfcheck demo` first.")
    async with lookup_for(settings) as lookup, Intercom(settings.intercom) as intercom:
        second: Resolver | None = None
        if settings.second_nameservers:
            second = Resolver(nameservers(settings.second_nameservers), zone_rate=settings.zone_rate)

        async def canary() -> str:
            may_judge, reasons = await look_at_resolver(lookup, [s.include for s in settings.sender_profiles()])
            return "" if may_judge else " ".join(reasons)

        try:
            assert isinstance(lookup, Resolver), "without a zone file it is one"
            yield intercom, DnsChecks.over(settings, lookup, second=second, canary=canary)
        finally:
            if second is not None:
                await second.close()


def _with(work: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with _notifier(load()) as notifier:
            return await work(notifier)

    return asyncio.run(run())


def _progress() -> Callable[[Progress], None] | None:
    """A line on standard error that tells how far the night has come, where a person watches."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def show(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < 0.1 and progress.done != progress.total:
            return
        last = now
        of = f" of {progress.total}" if progress.total else ""
        end = "\n" if progress.total and progress.done == progress.total else ""
        print(f"\r\x1b[K{progress.stage}: {progress.done}{of} {shown(progress.item, 60)}", end=end, file=sys.stderr)

    return show


@app.command
def plan(
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    csv: Path | None = None,
) -> int:
    """The whole night but the last call: whom we would message, and why we leave the others alone. Nothing is sent.

    Parameters
    ----------
    as_json
        Print the plan as JSON.
    csv
        Write its domains to this file, for a spreadsheet.
    """
    made: Plan = _with(lambda notifier: notifier.plan(progress=_progress()))
    if csv is not None:
        try:
            csv.write_text(made.as_csv(), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{csv} cannot be written: {error.strerror}.") from None
    print(json.dumps(made.as_json(), indent=2)) if as_json else _print_plan(made)
    return COULD_NOT_CHECK if made.tripped else FINE


@app.command
def show(plan_id: str = "", *, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Show a stored plan again, the newest by default."""
    made: Plan = at_desk(lambda desk: desk.show(plan_id))
    print(json.dumps(made.as_json(), indent=2)) if as_json else _print_plan(made)
    return FINE


def _print_plan(made: Plan) -> None:
    print("\n".join(plan_lines(made)))
    if made.tripped:
        print("A brake holds this plan: `spfcheck notify status` says how to lift what you looked at.")
    elif not made.approved_by:
        print(f"When it is right: spfcheck notify approve {made.id}")


@app.command
def send(plan_id: Annotated[str, Parameter(name="--plan")]) -> int:
    """Send an approved plan, each message checked again right before it goes.

    Parameters
    ----------
    plan_id
        The plan's id, or `latest`.
    """
    summary: SendSummary = _with(lambda notifier: notifier.send(plan_id, progress=_progress()))
    return _print_summary(summary)


@app.command
def run() -> int:
    """Plan, and send what stays within the approved baseline: for cron."""
    done = _with(lambda notifier: notifier.run(progress=_progress()))
    print(f"Plan {done.plan.id}: {done.plan.totals.get('messages', 0)} messages in it.")
    if done.sending is None:
        print(f"Nothing was sent: {done.refused}")
        return COULD_NOT_CHECK
    return _print_summary(done.sending)


def _print_summary(summary: SendSummary) -> int:
    print(
        f"Sent {summary.sent}, suppressed {summary.suppressed}, waiting {summary.waiting}, "
        f"rejected {summary.rejected}, unclear {summary.unclear}."
    )
    for reason, number in sorted(summary.reasons.items()):
        print(f"  {number:>6}  {reason}")
    if summary.stopped:
        print(f"Stopped early: {summary.stopped}")
    if summary.rejected or summary.unclear:
        print("Who got none, and why: spfcheck notify unclear")
    return COULD_NOT_CHECK if summary.stopped or summary.rejected or summary.unclear else FINE


@app.command
def preview(domain: str, *, html: Flag = False) -> int:
    """The first message as that domain's owner would get it.

    Parameters
    ----------
    domain
        The domain.
    html
        Print the HTML instead of the text.
    """
    name = domain_name(domain)
    message = _with(lambda notifier: notifier.preview(name))
    print(f"Subject: {message.subject}\n\n{message.html if html else message.text}")
    return FINE


@app.command
def reconcile() -> int:
    """Look up unclear messages whose quiet time is over."""
    done = _with(lambda notifier: notifier.reconcile())
    print(f"Found {done.found}, missing {done.missing} (will be sent again), still unclear {done.undecided}.")
    return COULD_NOT_CHECK if done.undecided else FINE
