"""The worker's process: serves its queues until it is told to end, whatever becomes of the database meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from croniter import croniter  # type: ignore[import-untyped]
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ProcrastinateException
from procrastinate.worker import Worker
from sqlalchemy.engine import Engine

from spfcheck.cluster import schema
from spfcheck.cluster.errands import Queue, queue_name
from spfcheck.cluster.nights import Task
from spfcheck.cluster.pulse import LAST_SECONDS, Pulse
from spfcheck.cluster.rescue import Rescue
from spfcheck.cluster.work import Work
from spfcheck.intercom.client import Intercom
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger import migration
from spfcheck.notify.model import NotifyError
from spfcheck.notify.planning.checks import DomainChecks
from spfcheck.settings import Settings
from spfcheck.store import database

NEVER = 365 * 86_400.0
"""Seconds: what the engine would do by itself, and gives up on the first fault, is done here."""

BESIDE = 4
"""Steps beside examining that may run at once: planning, finishing, sending, and looking after the others."""

SOUND = 60.0
"""Seconds after which a restart of the engine counts as its first."""

KEPT_HOURS = 30 * 24
"""How long the engine's failed jobs are kept."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def ready(settings: Settings) -> Engine:
    """The engine of the database that the settings name, fit for workers; raises `NotifyError` otherwise."""
    if not settings.database_url.startswith("postgresql"):
        raise NotifyError(
            "Workers share a night through Postgres, and DATABASE_URL names none; on one machine use "
            "`spfcheck notify run`."
        )
    for name, text in (("night.at", settings.night.at), ("night.send_at", settings.night.send_at)):
        if text and not croniter.is_valid(text):
            raise NotifyError(f"The setting {name} is no time in the manner of cron: {text!r}.")
    # A worker that stands still in the middle of a transaction must not hold its locks for as long as it does.
    engine = database.open_engine(settings.database_url, idle_seconds=settings.night.stalled_seconds)
    if not (migration.is_current(engine) and schema.is_current(engine)):
        engine.dispose()
        raise NotifyError("The tables of the workers are not up to date: run spfcheck db upgrade.")
    return engine


class Process:
    """One worker of the cluster."""

    def __init__(
        self,
        settings: Settings,
        *,
        engine: Engine,
        intercom: Intercom,
        checks: DomainChecks,
        stop: asyncio.Event,
        queues: Sequence[Queue] = tuple(Queue),
        concurrency: int = 1,
        guards: Guards | None = None,
        told: threading.Event | None = None,
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._told = told or threading.Event()
        """The same as *stop* for a thread: a loop that is busy does not see that one."""
        self._queues = frozenset(queues) | {Queue.CARE}
        self._concurrency = concurrency
        self._stalled = settings.night.stalled_seconds
        self._serving: dict[str, Worker] = {}
        self.work = Work(settings, engine=engine, intercom=intercom, checks=checks, stop=stop, guards=guards)
        self._app = App(connector=_connector(settings.database_url, self._stalled))
        self._rescue = Rescue(self.work, self._app, self._stalled)
        self._register()

    def _name(self, queue: Queue) -> str:
        return queue_name(queue, self._settings.intercom.workspace)

    def _register(self) -> None:
        app, work, care, night = self._app, self.work, self._name(Queue.CARE), self._settings.night

        async def step(context: JobContext, plan_id: str, number: int) -> None:
            task, worker = Task(context.job.task_name), context.job.worker_id or 0
            if task is Task.AUDIT:
                await work.audit_chunk(plan_id, number, worker)
            else:
                await getattr(work, task)(plan_id, worker)

        async def begin_night(timestamp: int) -> None:
            await work.begin(timestamp)
            await app.job_manager.delete_old_jobs(KEPT_HOURS, include_failed=True, include_aborted=True)

        async def begin_sending(timestamp: int) -> None:
            del timestamp
            await work.begin_sending()

        async def rescue(timestamp: int) -> None:
            del timestamp
            await self._rescue.look()

        for task in Task:
            app.task(name=task, pass_context=True)(step)
        every = min(30, max(1, round(self._stalled / 3)))
        periodic: list[tuple[str, Any, str]] = [
            ("begin_night", begin_night, night.at),
            ("begin_sending", begin_sending, night.send_at),
            ("rescue", rescue, f"* * * * * */{every}"),
        ]
        for name, function, cron in periodic:
            if cron:
                made = app.task(name=name, queue=care, queueing_lock=f"{name}:{self._settings.intercom.workspace}")
                app.periodic(cron=cron, periodic_id=care)(made(function))

    async def run(self) -> None:
        """Serve until *stop* is set; what is in hand then goes back to the others."""
        log.info("worker-started", queues=sorted(self._queues), concurrency=self._concurrency)
        beside = [self._name(queue) for queue in sorted(self._queues - {Queue.AUDIT})]
        asyncio.get_running_loop().set_exception_handler(_heed)
        pulse = Pulse(self._settings.database_url, self._stalled, self._ids, self._told, LAST_SECONDS)
        pulse.start()
        side = asyncio.create_task(self._pass_on_stop())
        try:
            await self._open()
            serving = [self._serve("beside", beside, BESIDE)]
            if Queue.AUDIT in self._queues:
                serving.append(self._serve("audit", [self._name(Queue.AUDIT)], self._concurrency))
            await asyncio.gather(*serving)
        finally:
            await self._app.close_async()
            side.cancel()
            await asyncio.gather(side, return_exceptions=True)
            await asyncio.to_thread(self.work.write.close)
            pulse.stop()
        log.info("worker-ended")

    def _ids(self) -> list[int]:
        """By what the engine knows this worker."""
        return [worker.worker_id for worker in list(self._serving.values()) if worker.worker_id is not None]

    async def _open(self) -> None:
        try:
            await self._app.open_async()
        except (ProcrastinateException, psycopg.Error) as error:
            raise NotifyError(
                f"The database of the workers cannot be opened: {database.in_sentences(error)}"
            ) from error

    async def _serve(self, name: str, queues: list[str], concurrency: int) -> None:
        """Have the engine serve *queues*; it ends with the first fault of the database, so it is begun again."""
        pause = 0.5
        while not self._stop.is_set():
            worker = self._serving[name] = Worker(
                self._app,
                queues=queues,
                name=name,
                concurrency=concurrency,
                install_signal_handlers=False,
                delete_jobs="successful",
                fetch_job_polling_interval=min(5.0, self._stalled / 3),
                update_heartbeat_interval=NEVER,
                stalled_worker_timeout=max(3600.0, 10 * self._stalled),
            )
            begun = time.monotonic()
            try:
                await worker.run()  # type: ignore[no-untyped-call]
            except Exception as error:  # noqa: BLE001 - the engine raises what its driver raises; it is begun again
                log.warning("engine-ended", name=name, why=f"{type(error).__name__}: {error}"[:300])
            if time.monotonic() - begun > SOUND:
                pause = 0.5
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(2 * pause, 10.0)

    async def _pass_on_stop(self) -> None:
        await self._stop.wait()
        self._told.set()
        log.info("worker-ending")
        for worker in self._serving.values():
            worker.stop()  # type: ignore[no-untyped-call]


def _heed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell in a line that the engine could not note the end of a job; `Rescue` ends it, and the ledger knows anyway."""
    error = context.get("exception")
    if isinstance(error, ProcrastinateException):
        log.warning("job-not-ended", why=str(error.__cause__ or error)[:300])
    else:
        loop.default_exception_handler(context)


def _connector(url: str, stalled: float) -> PsycopgConnector:
    conninfo = "postgresql://" + url.partition("://")[2]
    return PsycopgConnector(
        conninfo=conninfo,
        kwargs=database.connect_arguments(url, stalled, f"-c search_path={schema.SCHEMA}"),
        min_size=1,
        max_size=4,
        timeout=15.0,
    )
