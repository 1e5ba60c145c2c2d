"""Several processes on one listening socket: gunicorn starts, watches and replaces them, aiohttp's worker serves.

A worker that dies is replaced, and so is one whose loop stands still for `SILENT_SECONDS`. Each makes an application of
its own after the fork: no connection, thread or cache is shared.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

from aiohttp import web
from aiohttp.worker import GunicornUVLoopWebWorker
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from spfcheck.api import frame
from spfcheck.api.context import SERVICE
from spfcheck.api.observe import fleet
from spfcheck.api.observe.fleet import Fleet
from spfcheck.serve import server
from spfcheck.serve.app import DRAIN_SECONDS
from spfcheck.serve.collector import freeze
from spfcheck.settings import Settings

SILENT_SECONDS = 30
"""A worker tells each second that its loop runs; one that was silent for so long is killed and replaced."""

CLEANUP_SECONDS = 5.0
"""For what is left to close after the grace and the drain; all three lie within an orchestrator's usual 30 s."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory for gunicorn's nameless heartbeat files
"""Where a heartbeat never waits for a disk, and can be written although the root file system is read-only."""

IN_MEMORY = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)


class Processes(BaseApplication):  # type: ignore[misc]
    """*count* workers on *sock*, which they inherit; *make* is called in each and yields its application."""

    def __init__(
        self,
        settings: Settings,
        sock: socket.socket,
        count: int,
        make: Callable[[Fleet], Awaitable[web.Application]],
        *,
        on_ready: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.service_app: web.Application | None = None
        """The application of this worker; None in the parent."""
        self.runner: web.AppRunner | None = None
        """What runs it."""
        place = SHARED_MEMORY if IN_MEMORY else None
        self.counts = Path(tempfile.mkdtemp(prefix=f"spfcheck-counts-{os.getpid()}-", dir=place))
        """The folder of a `Fleet`; the parent removes it."""
        fleet.begin(self.counts)
        self._make = make
        self._count = count
        self._url = server.url_of(sock)
        self._on_ready = on_ready
        # From here on the socket is gunicorn's. It would look for passed sockets again by the same variables.
        self._fd = sock.detach()
        for name in ("LISTEN_FDS", "LISTEN_PID"):
            os.environ.pop(name, None)
        super().__init__()

    def load_config(self) -> None:
        """What gunicorn is told; nothing comes from its own files and variables."""
        grace = self.settings.stop_grace_seconds
        chosen: dict[str, Any] = {
            "bind": f"fd://{self._fd}",
            "backlog": server.BACKLOG,
            "workers": self._count,
            "worker_class": Worker,
            "keepalive": math.ceil(server.KEEP_ALIVE_SECONDS),
            "timeout": SILENT_SECONDS,
            "graceful_timeout": math.ceil(grace + DRAIN_SECONDS + CLEANUP_SECONDS),
            "worker_tmp_dir": str(SHARED_MEMORY) if IN_MEMORY else None,
            "control_socket_disable": True,
            "logger_class": OurLog,
            "loglevel": "warning",
            "child_exit": lambda _, worker: self._ended(worker.pid),
            "when_ready": lambda _: self._on_ready(self._url),
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def _ended(self, pid: int) -> None:
        """Keep what a worker has counted that has ended."""
        try:
            fleet.bury(self.counts, pid)
        except (OSError, ValueError, KeyError) as error:
            logging.getLogger(__name__).warning("The counts of the process %d are lost: %s", pid, error)

    def load(self) -> Callable[[], Awaitable[web.AppRunner]]:
        """What the worker awaits, in its own process."""
        return self._start

    async def _start(self) -> web.AppRunner:
        frame.begin_ids()
        self.service_app = app = await self._make(fleet.Fleet(self.counts))
        service = app[SERVICE]
        service.log.info("serving", url=self._url, keys=len(service.keyring), process=os.getpid())
        freeze()
        self.runner = server.runner_of(app)
        return self.runner


class Worker(GunicornUVLoopWebWorker):
    """aiohttp's worker, ending in our order: not ready, then answering for the grace time, then the drain."""

    _ending: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, stack: FrameType | None) -> None:
        """SIGTERM."""
        app = self.app.service_app
        if app is None:  # it was still starting
            super().handle_exit(sig, stack)
            return
        service = app[SERVICE]
        if not service.readiness.stopping:
            service.readiness.stopping = True
            service.log.info("stopping", under_way=service.checks.flights, process=os.getpid())
            self._ending = self.loop.create_task(self._end(service.settings.stop_grace_seconds))

    async def _end(self, grace: float) -> None:
        await asyncio.sleep(grace)
        await server.stop_listening(self.app.runner)
        self.alive = False
        self._notify_waiter_done()


class OurLog(Logger):  # type: ignore[misc]
    """gunicorn's warnings as lines of our log."""

    def setup(self, cfg: Any) -> None:
        """Leave the handlers to the root logger, which `spfcheck.api.observe.logs` has set up."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.setLevel(logging.WARNING)
        self.error_log.propagate = True


def serve(processes: Processes) -> int:
    """Run until SIGTERM or SIGINT; the exit code comes back."""
    parent = os.getpid()
    try:
        processes.run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    finally:
        if os.getpid() == parent:  # a worker ends by this way too
            shutil.rmtree(processes.counts, ignore_errors=True)
    return 0
