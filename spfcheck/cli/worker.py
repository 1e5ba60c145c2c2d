"""`spfcheck worker` and `spfcheck night`: nights that many machines share through Postgres."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from spfcheck.cli.ending import COULD_NOT_CHECK, FINE, FOUND, UsageError
from spfcheck.names import shown
from spfcheck.settings import Settings, load

if TYPE_CHECKING:
    from spfcheck.cluster.nights import Nights

app = App(name="night", help="The nights that workers share: begin one, look at it, have it sent.")

SHOWN_CHUNKS = 20
"""Chunks that were given up and that `night status` names; where everything failed there are many."""

QueueName = Literal["audit", "night", "send"]


def _needs_the_extra() -> None:
    missing = [name for name in ("procrastinate", "psycopg", "psycopg_pool") if find_spec(name) is None]
    if missing:
        raise UsageError(f"Workers need {' and '.join(missing)}: install spfcheck with its extra, `spfcheck[cluster]`.")


def worker(
    *,
    queues: Annotated[list[QueueName] | None, Parameter(consume_multiple=True, negative="")] = None,
    concurrency: int = 1,
) -> int:
    """Take part in the nights that many machines share, until SIGTERM; what is in hand then goes back to the others.

    Parameters
    ----------
    queues
        What to do: audit (examine domains), night (gather the audience, make the plan), send. All by default; every
        worker looks after the others.
    concurrency
        How many chunks of domains to examine at once; a second one helps where DNS is slow, not where the core is busy.
    """
    _needs_the_extra()
    if not 1 <= concurrency <= 64:
        raise UsageError("--concurrency is from 1 to 64.")
    from spfcheck.api.observe import logs
    from spfcheck.cluster.worker import ready

    settings = load()
    engine = ready(settings)
    logs.configure(settings.log_format)
    try:
        asyncio.run(_serve(settings, engine, queues or ["audit", "night", "send"], concurrency))
    finally:
        engine.dispose()
    return FINE


async def _serve(settings: Settings, engine: object, queues: list[QueueName], concurrency: int) -> None:
    from sqlalchemy.engine import Engine

    from spfcheck.cli.notify import on_signals, reach
    from spfcheck.cluster.errands import Queue
    from spfcheck.cluster.worker import Process

    assert isinstance(engine, Engine)
    told = threading.Event()
    stop = on_signals(told)
    async with reach(settings) as (intercom, checks):
        process = Process(
            settings,
            engine=engine,
            intercom=intercom,
            checks=checks,
            stop=stop,
            queues=[Queue(name) for name in queues],
            concurrency=concurrency,
            told=told,
        )
        await process.run()


@contextmanager
def _nights() -> Iterator[tuple[Settings, Nights]]:
    _needs_the_extra()
    from spfcheck.cluster.errands import Errands
    from spfcheck.cluster.nights import Nights
    from spfcheck.cluster.worker import ready

    settings = load()
    engine = ready(settings)
    try:
        workspace = settings.intercom.workspace
        yield settings, Nights(engine, workspace, ask=Errands(workspace))
    finally:
        engine.dispose()


@app.command
def begin() -> int:
    """Have workers begin a night now, without waiting for the clock."""
    from spfcheck.notify.guards import Guards

    with _nights() as (settings, nights):
        now = time.time()
        plan_id = nights.begin(due=int(now), now=now, max_age=Guards.from_settings(settings.notify).plan_max_age)
        if not plan_id:
            print("A night is being planned already: spfcheck night status", file=sys.stderr)
            return COULD_NOT_CHECK
        print(f"Begun: {plan_id}. How it goes: spfcheck night status")
    return FINE


@app.command
def send(plan_id: str = "") -> int:
    """Have workers send a night's plan, the newest by default; the guards are those of `notify send`.

    Parameters
    ----------
    plan_id
        The plan's id.
    """
    with _nights() as (_, nights):
        asked = nights.send(time.time(), plan_id)
        if not asked:
            print("No plan of the workers stands to be sent: spfcheck night status", file=sys.stderr)
            return COULD_NOT_CHECK
        print(f"Asked for: {asked}. How it goes: spfcheck night status")
    return FINE


@app.command
def status(plan_id: str = "") -> int:
    """How far a night has come, the newest by default, and what was given up. Exit code 1 when something was.

    Parameters
    ----------
    plan_id
        The plan's id.
    """
    from spfcheck.cli.desk import moment
    from spfcheck.cluster.chunks import Chunks
    from spfcheck.cluster.nights import NightState

    with _nights() as (_, nights):
        night = nights.load(plan_id)
        if night is None:
            print("Workers have begun no such night." if plan_id else "Workers have begun no night yet.")
            return FINE
        far = Chunks(nights).progress(night.plan_id)
    print(f"Plan {night.plan_id}, begun {moment(night.started_at)}: {night.state} since {moment(night.changed_at)}")
    gathered = night.gathered
    print(f"contacts: {gathered.received} of {gathered.counted}")
    told = ", ".join(f"{number} {state}" for state, number in sorted(far.states.items())) or "none yet"
    print(f"chunks: {told}; {far.domains} domains")
    if night.trouble:
        print(f"last trouble: {shown(night.trouble, 500)}")
    if far.trouble:
        print(f"a chunk failed, and is tried again: {shown(far.trouble, 300)}")
    for gone in far.given_up[:SHOWN_CHUNKS]:
        who = f"{gone.first} was" if gone.size == 1 else f"{gone.size} domains ({gone.first} to {gone.last}) were"
        print(f"GIVEN UP chunk {gone.number}, {who} not checked: {shown(gone.trouble, 300)}")
    if rest := far.given_up[SHOWN_CHUNKS:]:
        print(f"GIVEN UP {len(rest)} more chunks, {sum(gone.size for gone in rest)} domains were not checked")
    return FOUND if far.given_up or night.state is NightState.FAILED else FINE
