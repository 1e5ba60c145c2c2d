"""A load test of the service on loopback: `python -m tests.api.load`. Prints figures; exits 1 when a bar is missed.

Two processes share one inherited listening socket, as under a process manager. What is asked: cached answers at a
steady rate, the same beside a flood of new checks by one key and beside each attack of `tests.api.hostile` (with
/healthz), rolling restarts under load, and memory. ``--only hostile`` leaves out the rest.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from spfcheck.api.keys import Scope, new_key
from spfcheck.demo import customers
from tests.api import hostile
from tests.profile import scale

SECONDS = scale(15, 60)
RATE = 300
RESTARTS = scale(4, 20)
ONLY_HOSTILE = sys.argv[1:] == ["--only", "hostile"]
SPFCHECK = str(Path(sys.executable).with_name("spfcheck"))


class Service:
    """Two `spfcheck serve` on one socket."""

    def __init__(self, folder: Path, keys: list[str], more: str = "", **settings: str) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=1_024)
        self.port: int = self.sock.getsockname()[1]
        self._folder = folder
        zone = folder / "demo.zone"
        zone.write_text(f"{customers.load().zone}\n{more}\n")
        self._command = [SPFCHECK, "serve", "--zone", str(zone)]
        self._variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SPFCHECK_")},
            "SPFCHECK_SENDER_INCLUDE": "_spf.mail.example",
            "SPFCHECK_API_KEYS": ",".join(keys),
            "SPFCHECK_DATABASE_URL": f"sqlite:///{folder}/load.sqlite3",
            "SPFCHECK_STOP_GRACE_SECONDS": "0.5",
            **{f"SPFCHECK_{name}": value for name, value in settings.items()},
            "LISTEN_FDS": "1",
        }
        # The first one makes the tables.
        self.processes = [asyncio.run(self.start()), asyncio.run(self.start())]

    async def start(self) -> subprocess.Popen[bytes]:
        """One more of them, once it serves; no supervisor ends the old one before."""
        path = self._folder / f"log-{time.monotonic_ns()}"
        fd = self.sock.fileno()
        with path.open("wb") as log:
            process = subprocess.Popen(  # noqa: ASYNC220 - it is forked in a millisecond
                self._command, env=self._variables, stderr=log, pass_fds=(3,) if fd == 3 else (fd, 3),
                preexec_fn=lambda: os.dup2(fd, 3), cwd=self._folder,  # noqa: PLW1509 - there are no threads yet
            )  # fmt: skip
        while b'"serving"' not in path.read_bytes():
            if process.poll() is not None:
                raise SystemExit(path.read_text())
            await asyncio.sleep(0.05)
        return process

    def rss_mb(self) -> float:
        def of(pid: int) -> float:
            line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
            return int(line.split()[1]) / 1024

        return max(of(process.pid) for process in self.processes)

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(30)
        self.sock.close()


async def ask(port: int, key: str, domain: str, path: str = "") -> tuple[int, float]:
    """The status of one request over a connection of its own, and how long it took; 0 when it broke."""
    began = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = path or f"/v1/check/{domain}?view=summary"
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        writer.write((head + "Connection: close\r\n\r\n").encode())
        answer = await reader.read()
        writer.close()
        return int(answer[9:12] or 0), time.perf_counter() - began
    except (OSError, ValueError):
        return 0, time.perf_counter() - began


async def steady(port: int, key: str, seconds: float, rate: int) -> list[tuple[int, float]]:
    """An open loop: a request each 1/rate s, whether or not the earlier ones are answered."""
    tasks = []
    began = time.perf_counter()
    for number in range(int(seconds * rate)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(port, key, "bakery.example")))
    return await asyncio.gather(*tasks)


async def flood(port: int, key: str, until: asyncio.Event) -> int:
    """New checks by one key, as fast as 64 connections go; how many were asked."""
    number = 0

    async def one(lane: int) -> None:
        nonlocal number
        while not until.is_set():
            number += 1
            await ask(port, key, f"n{number}.flood{lane}.example")

    await asyncio.gather(*(one(lane) for lane in range(64)))
    return number


def tell(name: str, answers: list[tuple[int, float]], p99_ms: float, good: float) -> bool:
    times = sorted(took for _, took in answers)
    p50, p99 = (times[int(len(times) * share)] * 1e3 for share in (0.5, 0.99))
    share = sum(status == 200 for status, _ in answers) / len(answers)
    met = p99 <= p99_ms and share >= good
    print(
        f"{name:<42} {len(answers):>6} requests  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms (at most {p99_ms:.0f})  "
        f"good {share:.4%} (at least {good:.2%})  {'met' if met else 'MISSED'}",
        flush=True,
    )
    return met


async def health(port: int, seconds: float) -> list[tuple[int, float]]:
    """/healthz, twenty times a second."""
    answers = []
    for _ in range(int(seconds * 20)):
        answers.append(await ask(port, "", "", "/healthz"))
        await asyncio.sleep(0.05)
    return answers


async def attacked(service: Service, check: str, other: str) -> bool:
    """Cached answers and /healthz beside each attack."""
    for _ in range(20):
        await ask(service.port, check, "bakery.example")
    met = True
    for name in hostile.ATTACKS:
        words = [sys.executable, "-m", "tests.api.hostile", name, str(service.port), other]
        attacking = subprocess.Popen(words)  # noqa: ASYNC220 - it is forked in a millisecond
        await asyncio.sleep(2.0)
        cached, alive = await asyncio.gather(steady(service.port, check, SECONDS, RATE), health(service.port, SECONDS))
        met &= tell(f"cached beside {name}", cached, 20, 0.999)
        met &= tell(f"/healthz beside {name}", alive, 50, 1.0)
        attacking.terminate()
        await asyncio.to_thread(attacking.wait, 60)
    rss = service.rss_mb()
    print(f"memory of the larger process: {rss:.0f} MB (at most 300)  {'met' if rss <= 300 else 'MISSED'}")
    return met and rss <= 300


async def run(service: Service, check: str, other: str) -> bool:
    met = True
    for _ in range(20):
        await ask(service.port, check, "bakery.example")  # both processes have it now
    met &= tell("cached, 300/s", await steady(service.port, check, SECONDS, RATE), 20, 1.0)
    over = asyncio.Event()
    flooding = asyncio.create_task(flood(service.port, other, over))
    met &= tell("cached beside a flood by one key", await steady(service.port, check, SECONDS / 2, RATE), 250, 0.99)
    over.set()
    print(f"{'':<42} {await flooding:>6} requests of the flood")

    async def restart() -> None:
        for number in range(RESTARTS):
            await asyncio.sleep(0.5)
            old = service.processes[number % 2]
            fresh = await service.start()
            old.send_signal(signal.SIGTERM)
            await asyncio.to_thread(old.wait, 30)
            service.processes[number % 2] = fresh

    restarting = asyncio.create_task(restart())
    answers: list[tuple[int, float]] = []
    while not restarting.done():
        answers += await steady(service.port, check, 1.0, 100)
    await restarting
    met &= tell(f"{RESTARTS} restarts, 100/s", answers, 3_000, 1.0)
    rss = service.rss_mb()
    print(f"memory of the larger process: {rss:.0f} MB (at most 300)  {'met' if rss <= 300 else 'MISSED'}")
    return met and rss <= 300


def main() -> int:
    (check, line), (other, other_line) = (
        (text, key.line()) for text, key in (new_key([Scope.CHECK], os.urandom) for _ in range(2))
    )
    keys, met = [line, other_line], True
    parts = [] if ONLY_HOSTILE else [(run, {})]
    # No ceiling of new checks: what one key may not, many may.
    parts.append((attacked, {"more": "\n".join(hostile.zone()), "COLD_PER_MINUTE": "1000000"}))
    for part, settings in parts:
        with tempfile.TemporaryDirectory() as folder:
            service = Service(Path(folder), keys, **settings)
            try:
                met &= asyncio.run(part(service, check, other))
            finally:
                service.stop()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
