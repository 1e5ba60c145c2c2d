"""Running the service: the socket, the signals, and an end that fails no request.

On SIGTERM the service first says that it is not ready and goes on answering for a grace time, so that whoever balances
the load looks elsewhere; then it stops listening and lets what is under way end. aiohttp's own runner would close the
socket at once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable

from aiohttp import web

from spfcheck.api.access.guard import is_loopback
from spfcheck.api.context import SERVICE
from spfcheck.serve.collector import freeze
from spfcheck.serve.connections import LINGERING_SECONDS, BoundedRunner
from spfcheck.settings import Settings

KEEP_ALIVE_SECONDS = 5.0
"""How long an idle connection is kept; a main app under load never idles that long."""

BACKLOG = 1_024

LAST_SECONDS = 0.25
"""How long a connection that was made at the very end may take to send its request; a client sends it at once."""

FIRST_PASSED_FD = 3
"""sd_listen_fds(3): the first socket that a supervisor passes on."""


class ServeError(Exception):
    """The service cannot start; the message is one clear sentence."""


def demand_keys(settings: Settings, keys: int) -> None:
    """Refuse to serve strangers. Raises `ServeError` when others can reach the address and there are no keys."""
    if not is_loopback(settings.host) and not keys:
        raise ServeError(
            f"Others can reach {settings.host}, and no access keys are set: make one with `spfcheck keys new`, or "
            "serve on 127.0.0.1."
        )


def passed_socket() -> socket.socket | None:
    """The listening socket that a supervisor opened for us (`LISTEN_FDS`), or None."""
    if os.environ.get("LISTEN_PID") not in (None, str(os.getpid())) or os.environ.get("LISTEN_FDS") != "1":
        return None
    try:
        return socket.socket(fileno=FIRST_PASSED_FD)
    except OSError as error:
        raise ServeError(f"LISTEN_FDS promises a socket, and there is none: {error.strerror}.") from error


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `ServeError` when the port is in use or the address is none of ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise ServeError(f"{host} is no address to listen on.") from None
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise ServeError(f"Port {port} on {host} is in use by another program.") from error
        raise ServeError(f"Port {port} on {host} cannot be used: {error.strerror}.") from error
    sock.setblocking(False)
    return sock


async def serve(app: web.Application, sock: socket.socket, *, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Answer on *sock* until SIGTERM or SIGINT, then end in order."""
    stop = asyncio.Event()
    hurried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hurry() -> None:
        hurried.set()
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, hurry)
    runner = runner_of(app)
    await runner.setup()
    try:
        await web.SockSite(runner, sock, backlog=BACKLOG).start()
        service = app[SERVICE]
        service.log.info("serving", url=url_of(sock), keys=len(service.keyring))
        on_ready(url_of(sock))
        freeze()
        await stop.wait()
        service.readiness.stopping = True
        service.log.info("stopping", under_way=service.checks.flights)
        if not hurried.is_set():
            await asyncio.sleep(service.settings.stop_grace_seconds)
            await stop_listening(runner)
    finally:
        await runner.cleanup()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def runner_of(app: web.Application) -> web.AppRunner:
    """*app* as aiohttp runs it here, in one process or in several."""
    return BoundedRunner(
        app,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        handler_cancellation=False,
        lingering_time=LINGERING_SECONDS,
        # What a body of a few KB unpacks to has no bound; `frame` refuses such a body.
        auto_decompress=False,
    )


async def stop_listening(runner: web.AppRunner) -> None:
    """Take no more connections, and give those that were made last the time to send what they were made for."""
    for site in runner.sites:
        await site.stop()
    await asyncio.sleep(LAST_SECONDS)


def url_of(sock: socket.socket) -> str:
    """Where *sock* listens."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
