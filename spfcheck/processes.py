"""Work in processes of its own, one job at a time each, bounded in processor time, time and memory.

What a stranger's record may make slow must hold nobody else: no loop, no lock of the interpreter, no memory of the
service. A process that goes past its bounds is ended by the kernel or from here, and the next job gets a new one. The
threads here only wait for the processes, and none of them outlives its program.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib
import logging
import os
import pickle
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

__all__ = ["Bounds", "CutBy", "CutShortError", "JobProcesses", "main"]

MB = 1024 * 1024

NICE = 10
"""How far a job stands back for the program: it is there for what is much work, and others wait for an answer."""

LAST_SECONDS = 1.0
"""How long a closing program waits for the threads here; they have nothing left to do but to notice."""

_LENGTH = struct.Struct("!Q")
_PROGRAM = "import sys; sys.path[:] = {path!r}; from spfcheck.processes import main; main({memory})"

log = logging.getLogger(__name__)


class CutBy(StrEnum):
    """What ended a job before it was done."""

    CPU = "cpu"
    """It used more processor time than it may."""
    TIME = "time"
    """It was not done in time."""
    MEMORY = "memory"
    """It wanted more memory than it may."""
    ENDED = "ended"
    """Its process ended by itself, or was ended by somebody else."""
    BUSY = "busy"
    """No process was free in time, so it was never begun."""


class CutShortError(Exception):
    """A job was not done; *why* says what ended it."""

    def __init__(self, why: CutBy) -> None:
        super().__init__(f"A job in a process of its own was cut short: {why}.")
        self.why = why


class JobError(Exception):
    """A job raised; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one job may take."""

    cpu: float
    """Seconds of processor time."""
    seconds: float
    """Seconds from its begin to its end."""
    waiting: float
    """Seconds until a process is free."""
    memory: int = 768 * MB
    """Bytes of address space of a process; the interpreter and what a job imports take a fifth of it."""


Answering = Callable[[Any], Awaitable[Any]]


@dataclass(slots=True)
class _Job:
    frame: bytes
    about: str
    result: Future[Any]
    loop: asyncio.AbstractEventLoop
    answer: Answering | None


class JobProcesses:
    """At most *number* processes for jobs of one *kind*; each is started when it is needed, and kept."""

    def __init__(self, kind: str, number: int, bounds: Bounds) -> None:
        self.kind = kind
        self.number = number
        self.bounds = bounds
        self.cut: Counter[CutBy] = Counter()
        """How many jobs were cut short, by what."""
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._children: set[_Child] = set()
        self._lock = threading.Lock()
        self._closed = False
        atexit.register(self.close)

    async def run(self, function: str, *args: Any, about: str = "", answer: Answering | None = None) -> Any:
        """What *function*, named as ``module:function``, gives for *args* in a process of its own.

        It is called with a function first that asks: what it is called with goes to *answer* here, and what that gives
        comes back. Raises `CutShortError`, also where the processes are closed, and `JobError` for what it raised.
        """
        loop = asyncio.get_running_loop()
        frame = pickle.dumps((function, self.bounds.cpu, args))
        job = _Job(frame, about, Future(), loop, answer)
        with self._lock:
            if self._closed:
                raise CutShortError(CutBy.ENDED)
            if self._jobs.qsize() >= self._idle and len(self._threads) < self.number:
                self._hire()
            self._jobs.put(job)
        done = asyncio.wrap_future(job.result)
        try:
            await asyncio.wait({done}, timeout=self.bounds.waiting)
        except asyncio.CancelledError:
            job.result.cancel()  # who has gone away has nothing begun any more
            raise
        if not done.done() and job.result.cancel():
            self._count(job, CutBy.BUSY)
            raise CutShortError(CutBy.BUSY)
        return await done

    def pids(self) -> list[int]:
        """The processes that run now."""
        with self._lock:
            return [child.process.pid for child in self._children]

    def close(self) -> None:
        """End every process at once, whatever it does; what waits is cut short."""
        with self._lock:
            self._closed = True
            children, threads = list(self._children), list(self._threads)
        for child in children:
            child.process.kill()  # its thread sees that the line broke, and does the rest
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join(LAST_SECONDS)
        atexit.unregister(self.close)

    def _hire(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"{self.kind}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        child: _Child | None = None
        while True:
            with self._lock:
                self._idle += 1
            job = self._jobs.get()
            with self._lock:
                self._idle -= 1
            if job is None:
                break
            if not job.result.set_running_or_notify_cancel():
                continue
            try:
                if child is None or not child.alive:
                    self._drop(child)
                    child = self._start()
                job.result.set_result(child.do(job, self.bounds.seconds))
            except JobError as error:
                job.result.set_exception(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, the job is over and the next one gets a process
                self._drop(child)
                why = child.why(error) if child is not None else CutBy.ENDED
                child = None
                self._count(job, why)
                job.result.set_exception(CutShortError(why))
        self._drop(child)

    def _start(self) -> _Child:
        child = _Child(self.bounds.memory)
        with self._lock:
            if not self._closed:
                self._children.add(child)
                return child
        child.end()
        raise ConnectionError

    def _drop(self, child: _Child | None) -> None:
        if child is not None:
            child.end()
            with self._lock:
                self._children.discard(child)

    def _count(self, job: _Job, why: CutBy) -> None:
        if self._closed:
            return
        self.cut[why] += 1
        log.warning("A job in a process of its own was cut short: %s, %s, %s", self.kind, why, job.about or "-")


class _Child:
    """One process and the line to it."""

    def __init__(self, memory: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own text
                [sys.executable, "-c", _PROGRAM.format(path=sys.path, memory=memory)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the program; this one ends with the line to it
            )
        self._line = ours

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def do(self, job: _Job, seconds: float) -> Any:
        """What *job* gives. Raises `TimeoutError`, `MemoryError`, or `OSError` where the process has ended."""
        until = time.monotonic() + seconds
        _send(self._line, job.frame, until)
        while True:
            kind, value = pickle.loads(_receive(self._line, until))  # noqa: S301 - of our own process
            if kind == "asked":
                assert job.answer is not None
                answering = asyncio.run_coroutine_threadsafe(_answered(job.answer, value), job.loop)
                try:
                    given = answering.result(max(0.0, until - time.monotonic()))
                finally:
                    answering.cancel()
                _send(self._line, pickle.dumps(given), until)
            elif kind == "memory":
                raise MemoryError
            elif kind == "raised":
                raise JobError(value)
            else:
                return value

    def why(self, error: Exception) -> CutBy:
        """What *error* of `do` stands for, once the process was ended."""
        if isinstance(error, MemoryError):
            return CutBy.MEMORY
        if isinstance(error, TimeoutError):
            return CutBy.TIME
        return CutBy.CPU if self.process.returncode == -signal.SIGPROF else CutBy.ENDED

    def end(self) -> None:
        """End it, if it has not ended."""
        try:
            # One whose line broke is ending by itself, and how it ended says why.
            self.process.wait(0.0 if self.process.poll() is None and not _broken(self._line) else 1.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._line.close()


def _broken(line: socket.socket) -> bool:
    """True when the other end of *line* is closed."""
    try:
        line.settimeout(0)
        return not line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


async def _answered(answer: Answering, value: Any) -> Any:
    return await answer(value)


def _send(line: socket.socket, frame: bytes, until: float) -> None:
    line.settimeout(max(0.001, until - time.monotonic()))
    line.sendall(_LENGTH.pack(len(frame)) + frame)


def _receive(line: socket.socket, until: float | None = None) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(line, _LENGTH.size, until))
    return _exactly(line, length, until)


def _exactly(line: socket.socket, length: int, until: float | None) -> bytes:
    parts: list[bytes] = []
    while length:
        line.settimeout(None if until is None else max(0.001, until - time.monotonic()))
        part = line.recv(min(length, MB))
        if not part:
            raise ConnectionError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def main(memory: int) -> NoReturn:
    """The process itself: do what is asked on standard input, which is the line, until that is closed."""
    import resource  # noqa: PLC0415 - not on every system, and needed in the process only

    line = socket.socket(fileno=0)
    # It ends with the line: whoever ends the program may signal the whole of its group, while work is still under way.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # a sandbox may forbid it, and the bounds hold all the same
        os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    def ask(value: Any) -> Any:
        _tell(line, "asked", value)
        return pickle.loads(_receive(line))  # noqa: S301 - of the program that started us

    while True:
        try:
            frame = _receive(line)
        except OSError:
            os._exit(0)
        function, cpu, args = pickle.loads(frame)  # noqa: S301 - of the program that started us
        module, _, name = function.partition(":")
        try:
            called = getattr(importlib.import_module(module), name)
            # The kernel counts and ends: a regular expression that never returns would notice nothing else.
            signal.setitimer(signal.ITIMER_PROF, cpu)
            given = called(ask, *args)
            signal.setitimer(signal.ITIMER_PROF, 0)
        except MemoryError:
            _tell(line, "memory", None)
            os._exit(1)
        except Exception as error:  # noqa: BLE001 - what it was is said over there
            signal.setitimer(signal.ITIMER_PROF, 0)
            _tell(line, "raised", f"{type(error).__name__}: {error}"[:500])
            continue
        _tell(line, "done", given)


def _tell(line: socket.socket, kind: str, value: Any) -> None:
    frame = pickle.dumps((kind, value))
    line.sendall(_LENGTH.pack(len(frame)) + frame)
