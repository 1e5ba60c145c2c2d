"""The engines that are compared, each a process of its own on the client's core, and how to build and run them."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.servers import client_cpus, pinned, program

__all__ = ["ENGINES", "Engine", "Measured", "go_in_memory", "missing", "run"]

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
PYTHON = ROOT / ".peers" / "bin" / "python"
GOCODE = Path("/usr/share/gocode")
"""Where Debian keeps the sources of Go packages."""
GO_ENGINE = "blitiri.com.ar/go/spf"
LEAST = 200
"""Domains that every engine gets, however slow it is."""
LONGEST = 1_800.0
"""Seconds after which a run is given up."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine in one configuration."""

    key: str
    title: str
    by: str
    """Which program runs it: a module of ours, a Python file of the peers', `go` or `libspf2`."""
    variant: str
    in_flight: int
    slowness: int = 1
    """It gets one domain in so many, so that its run takes no longer than the others'."""
    ours: bool = False

    def share_of(self, domains: Sequence[str]) -> Sequence[str]:
        """The domains that it gets: the first ones."""
        return domains[: max(LEAST, len(domains) // self.slowness)]


ENGINES: tuple[Engine, ...] = (
    Engine("audit", "spfcheck, whole audit and its JSON", "bench.engine", "audit", 200, ours=True),
    Engine("opinion", "spfcheck, with pyspf's second opinion", "bench.engine", "opinion", 200, 20, ours=True),
    Engine("check_host", "spfcheck, check_host() only", "bench.engine", "check_host", 200, ours=True),
    Engine("pyspf", "pyspf, 32 threads", "by_pyspf.py", "plain", 32, 10),
    Engine("pyspf_cached", "pyspf and dnspython's cache, 32 threads", "by_pyspf.py", "cached", 32, 5),
    Engine("checkdmarc", "checkdmarc, 32 threads", "by_checkdmarc.py", "plain", 32, 20),
    Engine("spftrace", "spftrace, 32 at a time", "by_spftrace.py", "plain", 32, 20),
    Engine("spftrace_prefetch", "spftrace that asks ahead, 32 at a time", "by_spftrace.py", "prefetch", 32, 20),
    Engine("go", "blitiri spf (Go), 200 goroutines", "go", "plain", 200),
    Engine("go_cached", "blitiri spf (Go), includes shared", "go", "cached", 200),
    Engine("libspf2", "libspf2 (C), 32 threads", "libspf2", "plain", 32, 2),
    Engine("libspf2_cached", "libspf2 (C) with its cache, 32 threads", "libspf2", "cached", 32),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of an engine."""

    version: str
    results: tuple[str, ...]
    times: tuple[float, ...]
    seconds: float
    cpu: float
    queries: int = 0
    """Questions that went out, where the engine tells."""
    rss_mb: float = 0.0
    """The most memory that the process had, where the engine tells."""

    @property
    def rate(self) -> float:
        """Domains a second."""
        return len(self.results) / self.seconds

    @property
    def cpu_per_thousand(self) -> float:
        """Processor seconds for a thousand domains."""
        return self.cpu / len(self.results) * 1_000


def missing(engine: Engine) -> str:
    """Why *engine* cannot be measured here, in a sentence; empty where it can."""
    if engine.ours:
        return ""
    if engine.by == "go":
        return _built_go()[1]
    if engine.by == "libspf2":
        return _built_libspf2()[1]
    return "" if PYTHON.exists() else "the Python peers are not installed (make peers)"


def run(engine: Engine, mode: str, server: tuple[str, int], client: str, domains: Sequence[str]) -> Measured:
    """Measure *engine* in a process of its own; raises `RuntimeError` where it fails."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as names:
        names.write("\n".join(domains))
        names.flush()
        flight = str(engine.in_flight)
        return _run([*_command(engine), mode, server[0], str(server[1]), client, names.name, flight, engine.variant])


def go_in_memory(records: dict[str, str], client: str, domain: str, rounds: int) -> Measured:
    """check_host() of the Go engine over *records*: `times` are the seconds of one, a round each."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(records, file)
        file.flush()
        return _run([str(_built_go()[0]), "memory", file.name, client, domain, str(rounds)])


def _command(engine: Engine) -> list[str]:
    if engine.ours:
        return [sys.executable, "-m", engine.by]
    if engine.by == "go":
        return [str(_built_go()[0])]
    if engine.by == "libspf2":
        return [str(_built_libspf2()[0])]
    return [str(PYTHON), str(PEERS / engine.by)]


def _run(command: list[str]) -> Measured:
    # A file and not a pipe: nobody has to read while it is written, and what was written can be looked at whole.
    with tempfile.TemporaryFile("w+") as out:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=LONGEST,
            preexec_fn=pinned(client_cpus()),
        )
        out.seek(0)
        text = out.read()
    name = " ".join(Path(word).name for word in command)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2_000:]}")
    try:
        said = json.loads(text)
    except ValueError as error:
        raise RuntimeError(f"{name} said {len(text):,} characters that are no JSON ({error}): {text[-100:]}") from error
    return Measured(
        version=said["version"],
        results=tuple(said["results"]),
        times=tuple(said["times"] or ()),
        seconds=said["seconds"],
        cpu=said["cpu"],
        queries=said.get("queries", 0),
        rss_mb=said.get("rss_mb", 0.0),
    )


# -- programs that are built -------------------------------------------------------------------------------------------


@functools.cache
def _built_go() -> tuple[Path | None, str]:
    """The program, or why there is none."""
    go = program("go")
    if go is None:
        return None, "Go is not installed (Debian: golang-go)"
    if not (GOCODE / "src" / GO_ENGINE).is_dir():
        return None, "the Go engine is not installed (Debian: golang-blitiri-go-spf-dev)"
    made = _build_folder() / "go-peer"
    # The distribution's sources in a GOPATH: nothing is downloaded.
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GOCODE), "GOFLAGS": ""}
    environment["GOCACHE"] = str(_build_folder() / "go-cache")
    done = subprocess.run(
        [go, "build", "-o", str(made), "."],
        cwd=PEERS / "go",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return (made, "") if done.returncode == 0 else (None, f"the Go engine could not be built: {done.stderr[-300:]}")


@functools.cache
def _built_libspf2() -> tuple[Path | None, str]:
    compiler = program("gcc") or program("cc")
    if compiler is None:
        return None, "no C compiler is installed"
    made = _build_folder() / "libspf2-peer"
    command = [compiler, "-O2", "-rdynamic", str(PEERS / "libspf2.c"), "-o", str(made), "-lspf2", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (made, "") if done.returncode == 0 else (None, "libspf2 is not installed (Debian: libspf2-dev)")


@functools.cache
def _build_folder() -> Path:
    folder = ROOT / ".peers" / "built"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
