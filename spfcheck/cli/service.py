"""`spfcheck serve`, `health`, `demo` and `help-site`."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import asyncio
import http.client
import os
import secrets
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from spfcheck.cli.ending import COULD_NOT_CHECK, FINE, UsageError
from spfcheck.cli.lookups import lookup_for, nameservers
from spfcheck.settings import Settings, load

if TYPE_CHECKING:
    from aiohttp import web

    from spfcheck.api.observe.fleet import Fleet

HEALTH_SECONDS = 2.0

MAX_WORKERS = 64
"""More processes than a machine for this has cores is a slip of the keyboard."""


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    zone: Path | None = None,
    nameserver: Annotated[list[str] | None, Parameter(negative="")] = None,
    workers: int = 1,
) -> int:
    """Serve the API and the support page until SIGTERM or Ctrl-C.

    Parameters
    ----------
    host
        The address to listen on; anything but loopback needs access keys.
    port
        The port to listen on; 0 takes a free one.
    zone
        Answer from this zone file instead of the network.
    nameserver
        Ask this resolver, as ip[:port]; may be given again.
    workers
        Serve by so many processes on one socket; one that dies is replaced.
    """
    settings = load(host=host, port=port, nameservers=nameserver)
    if not 1 <= workers <= MAX_WORKERS:
        raise UsageError(f"--workers takes a number from 1 to {MAX_WORKERS}.")
    _use_uvloop()
    if workers > 1:
        return _serve_by_many(settings, zone, workers)
    asyncio.run(_serve(settings, zone))
    return FINE


def _use_uvloop() -> None:
    try:
        import uvloop
    except ImportError:  # it has no build for Windows
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


async def _serve(settings: Settings, zone: Path | None) -> None:
    from spfcheck.serve import server

    secret = _prove(settings)
    async with AsyncExitStack() as stack:
        sock = stack.enter_context(server.passed_socket() or server.listen(settings.host, settings.port))
        app = await _open(stack, settings, zone, secret)
        await server.serve(app, sock, on_ready=_say)


def _serve_by_many(settings: Settings, zone: Path | None, workers: int) -> int:
    from spfcheck.serve import server

    try:
        from spfcheck.serve.workers import Processes
        from spfcheck.serve.workers import serve as run
    except ImportError:  # gunicorn and uvloop have no build for Windows
        raise UsageError("This system cannot share a socket between processes; leave --workers out.") from None
    # One for all of them, else who signs in at one process is a stranger to the next.
    secret = _prove(settings) or secrets.token_bytes(32)

    async def rehearse() -> None:
        async with AsyncExitStack() as stack:
            await _open(stack, settings, zone, secret)

    async def make(fleet: Fleet) -> web.Application:
        stack = AsyncExitStack()
        app = await _open(stack, settings, zone, secret, fleet)

        async def close(_: web.Application) -> None:
            await stack.aclose()

        app.on_cleanup.append(close)
        return app

    with server.passed_socket() or server.listen(settings.host, settings.port) as sock:
        # What a worker would stumble over is told once, here, in a sentence; the database is upgraded by one process.
        asyncio.run(rehearse())
        return run(Processes(settings, sock, workers, make, on_ready=_say))


def _prove(settings: Settings) -> bytes | None:
    """The session key, where all that may be wrong with the settings is right; nothing is opened or written before."""
    from spfcheck.api.keys import parse_line
    from spfcheck.api.observe.logs import configure

    for line in settings.api_keys:
        parse_line(line)
    secret = session_key(settings)
    nameservers(settings.nameservers)
    configure(settings.log_format)
    return secret


async def _open(
    stack: AsyncExitStack, settings: Settings, zone: Path | None, secret: bytes | None, fleet: Fleet | None = None
) -> web.Application:
    """The application over the real database and resolver, which *stack* closes."""
    from spfcheck.api.observe.gauges import LedgerGauges
    from spfcheck.api.observe.telemetry import tracing_of
    from spfcheck.api.quota.shared import QuotaTable
    from spfcheck.api.reports.stored import KeyTable, StoredReports, upgrade
    from spfcheck.api.signed_out import SignedOut
    from spfcheck.serve import server
    from spfcheck.serve.app import create_app
    from spfcheck.store.database import open_engine

    engine = open_engine(settings.database_url)
    stack.callback(engine.dispose)
    upgrade(engine)
    keys = KeyTable(engine)
    server.demand_keys(settings, len(settings.api_keys) + len(list(keys.valid())))
    lookup = await stack.enter_async_context(lookup_for(settings, zone))
    reports = StoredReports(engine)
    stack.push_async_callback(reports.close)
    quota_table = None
    if engine.dialect.name == "postgresql":  # what a file holds is shared by one machine's processes at most
        quota_table = QuotaTable(engine)
        stack.callback(quota_table.close)
    return create_app(
        settings, lookup, keeper=reports, stored_keys=keys.valid,
        signed_out=SignedOut(keys.signed_out, keys.sign_out), secret=secret, notifier=_notices(settings, engine),
        ledger=LedgerGauges(settings, engine), tracing=tracing_of(os.environ), quota_table=quota_table, fleet=fleet,
    )  # fmt: skip


def session_key(settings: Settings) -> bytes | None:
    """The key that signs sessions, or None for one of the process's own."""
    return settings.session_key.get_secret_value().encode() or None


def _notices(settings: Settings, engine: Any) -> Any:
    from spfcheck.web.notices import Notices

    return Notices(settings, engine)


def _say(url: str) -> None:
    if sys.stdout.isatty():
        print(f"The support page is at {url}/ ; Ctrl-C ends the service.", flush=True)


def health(*, url: str | None = None) -> int:
    """Ask a running service whether it is well: 0 when it is, 3 when it is not.

    Parameters
    ----------
    url
        Where it runs; by default where the settings say.
    """
    host, port = _target(url)
    connection = http.client.HTTPConnection(host, port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"spfcheck: Nothing answers at {host}:{port} ({type(error).__name__}).", file=sys.stderr)
        return COULD_NOT_CHECK
    finally:
        connection.close()
    if status == 200:
        print("alive")
        return FINE
    print(f"spfcheck: The service at {host}:{port} answers {status}.", file=sys.stderr)
    return COULD_NOT_CHECK


def _target(url: str | None) -> tuple[str, int]:
    from urllib.parse import urlsplit

    if url is None:
        settings = load()
        anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to ask, not where to listen
        return anywhere.get(settings.host, settings.host), settings.port
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname:
            return parts.hostname, parts.port or 80
    except ValueError:
        pass
    raise UsageError("--url is of the form http://host:port.")


def demo(*, once: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Try everything on made-up customers, without any network.

    Parameters
    ----------
    once
        End after the nightly batch instead of leaving the support page running.
    """
    from spfcheck.demo.run import main as run_demo

    return int(run_demo(once) or FINE)


def help_site(directory: Path) -> int:
    """Write the customers' help as static pages, to be published where the service itself is not.

    Parameters
    ----------
    directory
        Where to; it is made if it does not exist.
    """
    from spfcheck.web.help import write_site

    try:
        written = write_site(directory, load())
    except OSError as error:
        raise UsageError(f"The pages cannot be written to {directory}: {error.strerror}.") from None
    print(f"{len(written)} pages written to {directory}.")
    return FINE
