"""Asks the engine for work in the transaction of the row that makes it due: both are there, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby

import sqlalchemy as sa
from procrastinate import App, SyncPsycopgConnector
from procrastinate.types import JSONDict
from sqlalchemy.engine import Connection

from spfcheck.cluster.nights import Errand, Task
from spfcheck.cluster.schema import SCHEMA


class Queue(StrEnum):
    """What a worker can be told to serve."""

    AUDIT = "audit"
    """Examining domains: the bulk of the work, on as many machines as there are."""
    NIGHT = "night"
    """Gathering the audience and making the plan: one worker at a time."""
    SEND = "send"
    """Sending: one worker at a time."""
    CARE = "care"
    """Beginning nights by the clock and rescuing what dead workers left; every worker serves it."""


QUEUE_OF = {Task.PLAN: Queue.NIGHT, Task.AUDIT: Queue.AUDIT, Task.FINISH: Queue.NIGHT, Task.SEND: Queue.SEND}
ONE_AT_A_TIME = frozenset({Task.PLAN, Task.SEND})


def queue_name(queue: Queue, workspace: str) -> str:
    """The queue as the engine knows it: two workspaces may share a database."""
    return f"{queue}:{workspace}"


class Errands:
    """`spfcheck.cluster.nights.Ask` for the workers of one workspace."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        # Never opened: it only ever speaks over the connections that are handed to it.
        self._app = App(connector=SyncPsycopgConnector())

    def __call__(self, connection: Connection, errands: Sequence[Errand]) -> None:
        """Ask for *errands* in the transaction of *connection*."""
        see_jobs(connection)
        ordered = sorted(errands, key=lambda errand: (errand.task, errand.after))
        for (task, after), group in groupby(ordered, key=lambda errand: (errand.task, errand.after)):
            deferrer = self._app.configure_task(
                task,
                queue=queue_name(QUEUE_OF[task], self._workspace),
                lock=f"{task}:{self._workspace}" if task in ONE_AT_A_TIME else None,
                schedule_in={"seconds": round(after)} if after else None,
                connection=connection.connection.driver_connection,
            )
            arguments: list[JSONDict] = [{"plan_id": errand.plan_id, "number": errand.number} for errand in group]
            deferrer.batch_defer(*arguments)


def see_jobs(connection: Connection) -> None:
    """Let the engine's names be found in this transaction, before all others."""
    path = f"""SELECT set_config('search_path', '{SCHEMA}, ' || current_setting('search_path'), true)
               WHERE current_setting('search_path') NOT LIKE '{SCHEMA},%'"""
    connection.execute(sa.text(path))
