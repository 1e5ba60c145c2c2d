"""What a worker does beside its loop, in threads: it gives signs of life, frees what others hold who stand still, and
sees that it ends when it is told to.

A loop that works on one domain for long is no dead worker, and the order to end has to reach it all the same. One that
stands still for good is ended, so that others take over what it holds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress

import psycopg
import structlog

from spfcheck.cluster.schema import SCHEMA
from spfcheck.store import database

LAST_SECONDS = 20.0
"""How long a worker that was told to end may take: an orchestrator kills it after 30 as a rule."""

STILL = 10.0
"""So many times the time after which a worker is taken for dead, its loop may stand still: then the worker ends."""

FAILED = 70
"""What a worker exits with that did not end by itself (EX_SOFTWARE)."""

BEAT = f"UPDATE {SCHEMA}.procrastinate_workers SET last_heartbeat = NOW() WHERE id = ANY(%s)"  # noqa: S608 - our own

END_SESSIONS = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = %s
      AND pid <> pg_backend_pid() AND state = 'active' AND wait_event_type = 'Client'
      AND greatest(query_start, state_change) < clock_timestamp() - make_interval(secs => %s)"""
"""Ends the sessions of workers that stood still in the middle of sending what they write.

To Postgres such a session is at work and not idle, however long nothing comes (statements are sent in a pipeline): its
locks would hold everybody until that worker goes on, or the system finds that its machine is gone.
"""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Pulse:
    """The thread beside the loop of one worker; *workers* yields the ids by which the engine knows it.

    *told* is set once the worker is to end. Everything is called from the thread.
    """

    def __init__(
        self, url: str, stalled: float, workers: Callable[[], Iterable[int]], told: threading.Event, last: float
    ) -> None:
        self._conninfo = "postgresql://" + url.partition("://")[2]
        self._arguments = database.connect_arguments(url, stalled)
        self._stalled = stalled
        self._workers = workers
        self._told = told
        self._last = last
        self._loop = asyncio.get_running_loop()
        self._moved = time.monotonic()
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="signs-of-life", daemon=True)
        self._ending = threading.Thread(target=self._end, name="end-in-time", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._beating.start()
        self._ending.start()

    def stop(self) -> None:
        """The worker has ended in order."""
        self._over.set()
        self._told.set()
        self._beating.join(1.0)

    def _beat(self) -> None:
        connection: psycopg.Connection | None = None
        while not self._over.wait(self._stalled / 3):
            with suppress(RuntimeError):  # the loop is closed: it has ended
                self._loop.call_soon_threadsafe(self._mark)
            if time.monotonic() - self._moved > STILL * self._stalled:
                self._give_up("loop-stands-still")
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(self._conninfo, autocommit=True, **self._arguments)
                connection.execute(BEAT, [list(self._workers())])
                ended = connection.execute(END_SESSIONS, [database.WORKERS, self._stalled]).fetchone()
                if ended is not None and ended[0]:
                    log.warning("sessions-ended", many=ended[0])
            except psycopg.Error as error:
                log.warning("no-sign-of-life", why=str(error)[:300])
                if connection is not None:
                    connection.close()
                    connection = None
        if connection is not None:
            connection.close()

    def _mark(self) -> None:
        self._moved = time.monotonic()

    def _end(self) -> None:
        self._told.wait()
        if not self._over.wait(self._last):
            self._give_up("not-ended-in-time")

    def _give_up(self, event: str) -> None:
        """End at once, and say at what: what the worker holds is taken by the others."""
        main = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - there is no other way
        where = [f"{at.filename}:{at.lineno} {at.name}" for at in traceback.extract_stack(main)[-5:]] if main else []
        log.error(event, where=where)
        sys.stderr.flush()
        os._exit(FAILED)
