"""The name servers that everybody is measured against: an authority for a zone text, Unbound before it, a slow line.

They run on the second core and the clients on the first, on loopback and free ports, in a temporary folder that goes
with them. Knot or NSD is the authority where one is installed, else the project's own server; without Unbound clients
ask the authority itself, and the tables say so.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query

__all__ = ["Stack", "client_cpus", "free_port", "pinned", "program", "running", "server_cpus", "slow_line", "stack"]

PR_SET_PDEATHSIG = 1
"""prctl(2)."""
NAMES = {"knotd": "Knot", "nsd": "NSD", "unbound": "Unbound"}
SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
HEADER = """. 3600 SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 300
. 3600 NS ns.invalid.
ns.invalid. 3600 A 127.0.0.1
"""
"""What a zone needs beside a zone text's lines: the text is served as the root, so it may hold any name."""

KNOT = """
server:
  listen: 127.0.0.1@{port}
  rundir: "{folder}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: critical
database:
  storage: "{folder}"
zone:
  - domain: "."
    file: "{folder}/zone"
    storage: "{folder}"
    zonefile-sync: -1
    journal-content: none
"""
NSD = """
server:
  ip-address: 127.0.0.1@{port}
  port: {port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  pidfile: ""
  zonesdir: "{folder}"
  xfrdfile: "{folder}/xfrd"
  zonelistfile: "{folder}/zones"
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "{folder}/zone"
"""
UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  port: {port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  verbosity: 0
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
  qname-minimisation: no
  outgoing-range: 2048
  num-queries-per-thread: 1024
  so-rcvbuf: 4m
  msg-cache-size: 256m
  rrset-cache-size: 512m
  infra-cache-numhosts: 100
  access-control: 127.0.0.0/8 allow
  local-zone: "example." nodefault
remote-control:
  control-enable: no
"""
STUB = """
stub-zone:
  name: "."
  stub-addr: 127.0.0.1@{authority}
  stub-first: no
"""
FORWARD = """
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{authority}
  forward-first: no
"""
"""For the project's own server, which knows no NS: Unbound asks an authority of the root for its NS before all else."""
OWN = """
import asyncio, sys
from pathlib import Path
from spfcheck.resolver.authoritative import serve
from spfcheck.resolver.zone import Zone

async def main():
    async with serve(Zone.parse(Path(sys.argv[1]).read_text()), port=int(sys.argv[2])):
        await asyncio.Event().wait()

asyncio.run(main())
"""


CPUS = tuple(
    int(number)
    for number in os.environ.setdefault(
        "BENCH_CPUS", ",".join(str(number) for number in sorted(os.sched_getaffinity(0)))
    ).split(",")
)
"""The cores that we may use; processes of ours that begin when something is pinned already know them from the first."""


def client_cpus() -> set[int]:
    """The core that is measured."""
    return set(CPUS[:1])


def server_cpus() -> set[int]:
    """The other cores, or the same one where there is no other."""
    return set(CPUS[1:] or CPUS)


def program(name: str) -> str | None:
    """Where *name* is installed, or None."""
    return shutil.which(name) or shutil.which(name, path=SBIN)


def free_port() -> int:
    """A port of loopback that nobody listens on, over UDP and TCP."""
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        ):
            datagram.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                stream.bind(datagram.getsockname())
                return int(datagram.getsockname()[1])
    raise SystemExit("no port of loopback is free")


@contextlib.contextmanager
def running(command: Sequence[str], cpus: set[int], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """*command* as a process on *cpus*, which ends with the block."""
    process = subprocess.Popen(command, preexec_fn=pinned(cpus), **options)  # noqa: PLW1509 - no threads run here
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def pinned(cpus: set[int]) -> Callable[[], None]:
    """What puts a process that begins on *cpus*, and ends it with its parent, however that ends."""
    prctl = ctypes.CDLL(None).prctl

    def begin() -> None:
        os.sched_setaffinity(0, cpus)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return begin


@dataclass(slots=True)
class Stack:
    """A running resolver: where clients ask, the authority behind it, and what they are."""

    address: tuple[str, int]
    authority: tuple[str, int]
    what: str
    """Names and versions, for a table's notes."""
    caches: bool
    """Whether there is an Unbound, whose cache can be cold or hot."""
    _upstream: str
    """How Unbound's configuration names the authority."""
    _folder: Path
    _context: contextlib.ExitStack
    _unbound: contextlib.ExitStack

    def forget(self) -> None:
        """Start Unbound again, with an empty cache, where it was."""
        if self.caches:
            self._unbound.close()
            self._start_unbound()

    def _start_unbound(self) -> None:
        config = self._folder / "unbound.conf"
        port, authority = self.address[1], self.authority[1]
        text = UNBOUND.format(port=port, folder=self._folder) + self._upstream.format(authority=authority)
        config.write_text(text)
        command = [program("unbound") or "", "-d", "-c", str(config)]
        self._unbound.enter_context(running(command, server_cpus(), stderr=subprocess.DEVNULL))
        wait_for(self.address, "Unbound")


@contextlib.contextmanager
def stack(zone: str) -> Iterator[Stack]:
    """Serve *zone* (lines of whole names with a dot), by an authority and Unbound where they are installed."""
    with (
        contextlib.ExitStack() as context,
        contextlib.ExitStack() as unbound,
        tempfile.TemporaryDirectory(prefix="spfcheck-bench-") as name,
    ):
        folder = Path(name)
        context.callback(unbound.close)
        authority, what, upstream = _authority(zone, folder, context)
        caches = program("unbound") is not None
        address = ("127.0.0.1", free_port()) if caches else authority
        if caches:
            what = f"{_version('unbound', '-V')} before {what}"
        made = Stack(address, authority, what, caches, upstream, folder, context, unbound)
        if caches:
            made._start_unbound()  # noqa: SLF001 - its own maker
        try:
            yield made
        finally:
            context.close()


def _authority(zone: str, folder: Path, context: contextlib.ExitStack) -> tuple[tuple[str, int], str, str]:
    address = ("127.0.0.1", free_port())
    file = folder / "zone"
    for name, text, arguments in (("knotd", KNOT, ("-c",)), ("nsd", NSD, ("-d", "-c"))):
        binary = program(name)
        if binary is None:
            continue
        file.write_text(HEADER + zone)
        config = folder / f"{name}.conf"
        config.write_text(text.format(port=address[1], folder=folder))
        command = [binary, *arguments, str(config)]
        context.enter_context(running(command, server_cpus(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for(address, name)
        return address, _version(name, "-V" if name == "knotd" else "-v"), STUB
    file.write_text(zone)
    command = [sys.executable, "-c", OWN, str(file), str(address[1])]
    context.enter_context(running(command, server_cpus()))
    wait_for(address, "the project's own server")
    return address, "the project's own server (neither Knot nor NSD is installed)", FORWARD


def _version(name: str, option: str) -> str:
    done = subprocess.run([program(name) or name, option], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(?:\.\d+)+", done.stdout or done.stderr)
    return f"{NAMES[name]} {found[0] if found else '?'}"


def wait_for(server: tuple[str, int], name: str) -> None:
    """Return when *server* answers; ends the program where it does not within 30 s."""
    query = dns.message.make_query("ns.invalid", "A")
    for _ in range(300):
        with contextlib.suppress(dns.exception.DNSException, OSError):
            dns.query.udp(query, server[0], port=server[1], timeout=0.3)
            return
        time.sleep(0.1)
    raise SystemExit(f"{name} did not start.")


# -- a slow line -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def slow_line(server: tuple[str, int], seconds: float) -> Iterator[tuple[str, int]]:
    """An address at which *server* answers *seconds* late, whatever it needs itself."""
    address = ("127.0.0.1", free_port())
    command = [sys.executable, "-S", str(Path(__file__).with_name("delay.py")), str(seconds)]
    command += [str(address[1]), str(server[1])]
    with running(command, server_cpus()):
        wait_for(address, "the slow line")
        yield address
