"""`spfcheck serve`, `health`, `demo` and `help-site`."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import asyncio
import http.client
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from spfcheck.cli import COULD_NOT_CHECK, FINE, UsageError
from spfcheck.cli.answers import lookup_for, nameservers
from spfcheck.settings import Settings, load

SESSION_KEY_CHARACTERS = 32
"""Characters of a session key at least: 128 bits even when they are hexadecimal."""

HEALTH_SECONDS = 2.0


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    zone: Path | None = None,
    nameserver: Annotated[list[str] | None, Parameter(negative="")] = None,
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
    """
    settings = load(host=host, port=port, nameservers=nameserver)
    _use_uvloop()
    asyncio.run(_serve(settings, zone))
    return FINE


def _use_uvloop() -> None:
    try:
        import uvloop
    except ImportError:  # it has no build for Windows
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


async def _serve(settings: Settings, zone: Path | None) -> None:
    from spfcheck.api import server
    from spfcheck.api.app import create_app
    from spfcheck.api.keys import parse_line
    from spfcheck.api.logs import configure
    from spfcheck.api.stored import KeyTable, StoredReports, upgrade
    from spfcheck.notify.database import open_engine

    # Everything that may be wrong with the settings is found before anything is opened or written.
    configured = [parse_line(line) for line in settings.api_keys]
    secret = session_key(settings)
    nameservers(settings.nameservers)
    configure(settings.log_format)
    sock = server.passed_socket() or server.listen(settings.host, settings.port)
    async with AsyncExitStack() as stack:
        stack.callback(sock.close)
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        upgrade(engine)
        keys = KeyTable(engine)
        server.demand_keys(settings, len(configured) + len(list(keys.valid())))
        lookup = await stack.enter_async_context(lookup_for(settings, zone))
        reports = StoredReports(engine)
        stack.push_async_callback(reports.close)
        app = create_app(
            settings, lookup, keeper=reports, stored_keys=keys.valid, secret=secret,
            notifier=_notices(settings, engine),
        )  # fmt: skip
        await server.serve(app, sock, on_ready=_say)


def session_key(settings: Settings) -> bytes | None:
    """The key that signs sessions, or None for one of the process's own. Raises `UsageError` for a short one."""
    text = settings.session_key.get_secret_value()
    if text and len(text) < SESSION_KEY_CHARACTERS:
        raise UsageError(f"The setting session_key needs at least {SESSION_KEY_CHARACTERS} characters.")
    return text.encode() or None


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
