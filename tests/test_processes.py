"""Jobs in processes of their own: each bound ends its job and nobody else's, and whoever is ended is replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from spfcheck.processes import MB, Bounds, CutBy, CutShortError, JobError, JobProcesses

BOUNDS = Bounds(cpu=5.0, seconds=20.0, waiting=20.0)


# What the processes are told to do; each is given a function that asks first.


def pid(_: object) -> int:
    return os.getpid()


def spin(_: object) -> None:
    while True:
        pass


def stand(_: object) -> None:
    time.sleep(12)


def begin_and_stand(ask: Callable[[Any], Any]) -> None:
    ask("begun")
    time.sleep(12)


def spend(_: object, seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def eat(_: object, size: int) -> int:
    return len(bytearray(size))


def leave(_: object) -> None:
    os._exit(3)


def fail(_: object) -> None:
    raise LookupError("no such thing")


def doubled(ask: Callable[[Any], Any], number: int) -> int:
    return int(ask(number)) * 2


def ignored(_: object) -> bool:
    return signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def job(function: Callable[..., object]) -> str:
    return f"{__name__}:{function.__name__}"


@pytest.fixture
async def processes() -> AsyncIterator[JobProcesses]:
    made = JobProcesses("test", 1, BOUNDS)
    yield made
    made.close()


async def cut_short(processes: JobProcesses, function: Callable[..., object], *args: Any) -> CutBy:
    with pytest.raises(CutShortError) as caught:
        await processes.run(job(function), *args, about="a.example")
    return caught.value.why


async def test_a_process_is_kept_for_the_next_job(processes: JobProcesses) -> None:
    first = await processes.run(job(pid))
    assert first == await processes.run(job(pid)) != os.getpid()
    assert processes.pids() == [first]
    assert await processes.run(job(ignored)), "it ends with its program, not with its group"


async def test_processor_time_ends_a_job_and_its_process_is_replaced(
    processes: JobProcesses, caplog: pytest.LogCaptureFixture
) -> None:
    processes.bounds = Bounds(cpu=0.2, seconds=20.0, waiting=20.0)
    first = await processes.run(job(pid))
    assert await cut_short(processes, spin) is CutBy.CPU
    assert processes.cut == {CutBy.CPU: 1}
    assert "test, cpu, a.example" in caplog.text
    assert await processes.run(job(pid)) != first
    assert not runs(first)


async def test_processor_time_is_counted_for_each_job_alone(processes: JobProcesses) -> None:
    processes.bounds = Bounds(cpu=0.5, seconds=20.0, waiting=20.0)
    for _ in range(3):
        await processes.run(job(spend), 0.3)
    assert not processes.cut


async def test_time_ends_a_job_that_does_nothing(processes: JobProcesses) -> None:
    await processes.run(job(pid))
    processes.bounds = Bounds(cpu=5.0, seconds=0.2, waiting=20.0)
    assert await cut_short(processes, stand) is CutBy.TIME
    processes.bounds = BOUNDS
    assert await processes.run(job(pid))


async def test_memory_ends_a_job(processes: JobProcesses) -> None:
    assert await processes.run(job(eat), 10 * MB) == 10 * MB
    assert await cut_short(processes, eat, 2_000 * MB) is CutBy.MEMORY
    assert await processes.run(job(pid))


async def test_a_process_that_ends_by_itself_costs_its_job_only(processes: JobProcesses) -> None:
    assert await cut_short(processes, leave) is CutBy.ENDED
    gone = await processes.run(job(pid))
    os.kill(gone, signal.SIGKILL)
    await asyncio.to_thread(ended, gone)
    assert await processes.run(job(pid)) != gone


async def test_what_a_job_raises_is_said_and_costs_no_process(processes: JobProcesses) -> None:
    first = await processes.run(job(pid))
    with pytest.raises(JobError, match="LookupError: no such thing"):
        await processes.run(job(fail))
    assert await processes.run(job(pid)) == first


async def test_nobody_waits_for_another_longer_than_he_may(processes: JobProcesses) -> None:
    await processes.run(job(pid))
    processes.bounds = Bounds(cpu=5.0, seconds=20.0, waiting=0.2)
    standing = asyncio.create_task(processes.run(job(stand)))
    await asyncio.sleep(0)
    assert await cut_short(processes, pid) is CutBy.BUSY
    processes.close()
    with pytest.raises(CutShortError):
        await standing


async def test_nothing_is_begun_for_who_has_gone_away(processes: JobProcesses) -> None:
    child = await processes.run(job(pid))
    begun = asyncio.Event()

    async def note(_: Any) -> None:
        begun.set()

    standing = asyncio.create_task(processes.run(job(begin_and_stand), answer=note))
    leaving = asyncio.create_task(processes.run(job(leave)))
    await begun.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    os.kill(child, signal.SIGKILL)
    with pytest.raises(CutShortError):
        await standing
    assert await processes.run(job(pid)) in processes.pids()
    assert processes.cut == {CutBy.ENDED: 1}


async def test_as_many_run_as_there_may_be() -> None:
    processes = JobProcesses("test", 2, BOUNDS)
    standing = asyncio.create_task(processes.run(job(stand)))
    await asyncio.sleep(0)
    assert await processes.run(job(pid)) in processes.pids()
    assert len(processes.pids()) == 2
    processes.close()
    with pytest.raises(CutShortError):
        await standing


async def test_a_job_may_ask(processes: JobProcesses) -> None:
    async def answer(number: int) -> int:
        await asyncio.sleep(0)
        return number + 1

    assert await processes.run(job(doubled), 20, answer=answer) == 42


async def test_a_question_that_is_not_answered_ends_in_time(processes: JobProcesses) -> None:
    await processes.run(job(pid))
    processes.bounds = Bounds(cpu=5.0, seconds=0.2, waiting=20.0)

    async def answer(_: int) -> int:
        await asyncio.sleep(12)
        return 0

    with pytest.raises(CutShortError) as caught:
        await processes.run(job(doubled), 1, answer=answer)
    assert caught.value.why is CutBy.TIME


async def test_closing_waits_for_nobody(processes: JobProcesses) -> None:
    standing = asyncio.create_task(processes.run(job(stand)))
    waiting = asyncio.create_task(processes.run(job(pid)))
    while not processes.pids():  # noqa: ASYNC110 - nothing says when a process has started
        await asyncio.sleep(0.01)
    (child,) = processes.pids()
    processes.close()
    for one in (standing, waiting):
        with pytest.raises(CutShortError):
            await one
    assert not runs(child)
    with pytest.raises(CutShortError):
        await processes.run(job(pid))


PROGRAM = f"""
import asyncio, sys, threading, time
from spfcheck.processes import Bounds, JobProcesses
processes = JobProcesses("test", 1, Bounds(cpu=100.0, seconds=100.0, waiting=100.0))
async def main():
    asyncio.ensure_future(processes.run("{job(spin)}"))
    while not processes.pids():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    print(*processes.pids(), flush=True)
    {{end}}
asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["pass", "import os; os.kill(os.getpid(), 9)"], ids=["ends", "is-killed"])
def test_no_process_outlives_its_program_for_long(end: str) -> None:
    """Also one that works on, for as long as its processor time lasts at most: 1 s here."""
    program = PROGRAM.format(end=end).replace("cpu=100.0", "cpu=1.0" if "kill" in end else "cpu=100.0")
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    ended(int(told.stdout))


def ended(pid: int) -> None:
    until = time.monotonic() + 30
    while runs(pid):
        assert time.monotonic() < until
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
