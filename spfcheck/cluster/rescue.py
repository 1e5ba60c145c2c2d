"""Finds what dead workers left and what the engine lost, and has it done again, or gives it up.

The ledger says what is due; the engine only has it done. So whatever the ledger waits for and the engine does not know
of is asked for again, and a row whose worker gives no sign of life is taken from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
import structlog
from procrastinate import App
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import Status
from sqlalchemy.engine import Connection

from spfcheck.cluster.chunks import Claim
from spfcheck.cluster.errands import QUEUE_OF, queue_name
from spfcheck.cluster.nights import TASK_OF, Errand, Night, NightState, StaleError, Task
from spfcheck.cluster.schema import SCHEMA
from spfcheck.cluster.work import Work
from spfcheck.notify.ledger.shared_night import ChunkState

LONGEST = 3600.0
"""Seconds for one step but sending: 500 domains take eleven minutes when every one of them runs into its deadline."""

DEAD = "The worker that had it ended in the middle."

Known = tuple[Task, str, int]
"""An errand as the engine knows it: task, plan, chunk."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Rescue:
    """Looks after the nights of one workspace; any number of workers may do so at once."""

    def __init__(self, work: Work, app: App, stalled: float) -> None:
        self._work = work
        self._app = app
        self._stalled = stalled

    async def look(self) -> None:
        """Look once."""
        alive = await self._work.write(self._alive)
        if alive is None:
            return
        nights, chunks, doing = await self._work.write(self._held)
        for night in nights:
            if self._lost(night, Errand(TASK_OF[night.state], night.plan_id), alive, doing):
                await self._take_night(night)
        for claim in chunks:
            if self._lost(claim, Errand(Task.AUDIT, claim.plan_id, claim.number), alive, doing):
                await self._take_chunk(claim)
        await self._end_jobs()
        for errand in await self._work.write(self._ask_again):
            log.warning("asked-again", task=errand.task, plan=errand.plan_id, chunk=errand.number)

    def _alive(self) -> set[int] | None:
        """The workers that gave a sign of life; None where nobody had the time to since the database came back."""
        with self._work.engine.connect() as connection:
            up = connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())"))
            if float(up or 0.0) < self._stalled:
                return None
            query = f"""SELECT id FROM {SCHEMA}.procrastinate_workers
                        WHERE last_heartbeat > clock_timestamp() - make_interval(secs => :stalled)"""  # noqa: S608
            return set(connection.scalars(sa.text(query), {"stalled": self._stalled}))

    def _held(self) -> tuple[list[Night], list[Claim], set[Known]]:
        """The nights and chunks that workers hold, and then what the engine has workers do.

        In this order: what ends in between is held by nobody any more, so that taking it changes nothing.
        """
        unfinished = self._work.nights.unfinished()
        chunks = [
            claim
            for night in unfinished
            if night.state is NightState.AUDITING
            for claim in self._work.chunks.in_state(night.plan_id, ChunkState.RUNNING)
        ]
        with self._work.engine.connect() as connection:
            doing = self._jobs(connection, ["doing"])
        return [night for night in unfinished if night.worker], chunks, doing

    def _lost(self, held: Night | Claim, errand: Errand, alive: set[int], doing: set[Known]) -> bool:
        """True for what no worker works on: its holder is dead, or claimed it and never heard that it had it."""
        too_long = errand.task is not Task.SEND and self._work.clock() - held.changed_at > LONGEST
        return held.worker not in alive or errand[:3] not in doing or too_long

    async def _take_night(self, night: Night) -> None:
        work = self._work
        try:
            given_up = await work.write(work.nights.fail, night, DEAD, work.clock(), at_once=True)
        except StaleError:
            return  # it ended meanwhile, or another worker was faster
        log.warning("night-rescued", plan=night.plan_id, state=night.state, worker=night.worker)
        if given_up:
            log.error("night-failed", plan=night.plan_id, state=night.state, why=DEAD)

    async def _take_chunk(self, claim: Claim) -> None:
        work = self._work
        try:
            stands = await work.write(work.chunks.fail, claim, DEAD, work.clock(), at_once=True)
        except StaleError:
            return  # it ended meanwhile, or another worker was faster
        log.warning("chunk-rescued", plan=claim.plan_id, chunk=claim.number, worker=claim.worker)
        work.report(claim, DEAD, stands)

    async def _end_jobs(self) -> None:
        """End the engine's jobs of dead workers: their work was asked for anew, and their locks must go."""
        manager = self._app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=self._stalled):
            try:
                await manager.finish_job(job, Status.FAILED, delete_job=False)
            except ProcrastinateException:
                continue  # it ended meanwhile

    def _ask_again(self) -> list[Errand]:
        """Ask for everything that the ledger waits for and the engine does not know of."""
        work = self._work
        with work.engine.begin() as connection:
            known = self._jobs(connection, ["todo", "doing"])
            missing = [errand for errand in self._due() if errand[:3] not in known]
            work.ask(connection, missing)
        return missing

    def _due(self) -> list[Errand]:
        nights, chunks = self._work.nights, self._work.chunks
        due: list[Errand] = []
        for night in nights.unfinished():
            if night.state is NightState.AUDITING:
                waiting = chunks.in_state(night.plan_id, ChunkState.WAITING)
                due += [Errand(Task.AUDIT, night.plan_id, claim.number) for claim in waiting]
            elif not night.worker:
                due.append(Errand(TASK_OF[night.state], night.plan_id))
        return due

    def _jobs(self, connection: Connection, states: Sequence[str]) -> set[Known]:
        query = f"""SELECT task_name, args->>'plan_id' AS plan_id, (args->>'number')::int AS number
                    FROM {SCHEMA}.procrastinate_jobs
                    WHERE status::text = ANY(:states) AND queue_name = ANY(:queues)"""  # noqa: S608 - our own constant
        queues = [queue_name(queue, self._work.nights.workspace) for queue in set(QUEUE_OF.values())]
        rows = connection.execute(sa.text(query), {"states": list(states), "queues": queues})
        return {(Task(row.task_name), row.plan_id, row.number) for row in rows}
