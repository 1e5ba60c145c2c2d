"""The command line. Each command is imported when it is asked for: `check` must start in the blink of an eye."""
# ruff: noqa: PLC0415 - a room is imported only when it is asked for

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from spfcheck.cli.ending import ended

COMMANDS = {
    "check": ("spfcheck.cli.check:check", "What is wrong with a domain's SPF record, and what to publish instead."),
    "check-host": ("spfcheck.cli.host:check_host", "RFC 7208's check_host(): may this address send as this sender?"),
    "serve": ("spfcheck.cli.service:serve", "Serve the API and the support page."),
    "health": ("spfcheck.cli.service:health", "Ask a running service whether it is well (for HEALTHCHECK)."),
    "doctor": (
        "spfcheck.cli.doctor:doctor",
        "Look at the settings, the resolver, the database and the token, a line each.",
    ),
    "demo": ("spfcheck.cli.service:demo", "Try everything on made-up customers, without any network."),
    "worker": ("spfcheck.cli.worker:worker", "Take part in the nights that many machines share."),
    "help-site": ("spfcheck.cli.service:help_site", "Write the customers' help as static pages."),
}
GROUPS = {
    "notify": ("spfcheck.cli.notify:app", "Find the users whose domain is affected, and send each the repair, once."),
    "night": ("spfcheck.cli.worker:app", "The nights that workers share: begin one, look at it, have it sent."),
    "keys": ("spfcheck.cli.keys:app", "Access keys of the service."),
    "db": ("spfcheck.cli.db:app", "The database: bring it up to date, delete what is old."),
}

EXAMPLES = """\
Examples:

    spfcheck check example.com
    spfcheck check --record "v=spf1 include:_spf.mail.example ~all" example.com
    spfcheck check --ndjson - < domains.txt
    spfcheck check-host --ip 192.0.2.7 --sender jane@example.com

Exit codes: 0 fine, 1 a finding at or above --fail-on, 2 wrong usage or settings, 3 could not check, 70 a fault of
spfcheck itself, 74 input or output failed, 130 Ctrl-C, 141 nobody reads the output any more.
"""


def build() -> Any:
    """The command line as cyclopts knows it."""
    from importlib.metadata import version

    from cyclopts import App

    from spfcheck import COMPILED

    app = App(
        name="spfcheck",
        help="May we send mail as this domain, and if not, what exactly must its owner publish?",
        help_epilogue=EXAMPLES,
        version=lambda: version("spfcheck") + (" (compiled)" if COMPILED else ""),
        default_parameter=None,
    )
    for name, (path, text) in {**COMMANDS, **GROUPS}.items():
        app.command(path, name=name, help=text)
    app.register_install_completion_command()
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that *argv* says and exit with its code."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run the command that *argv* says; its exit code comes back. Whatever ends it is one sentence at most."""
    return ended(lambda: build()(list(argv), exit_on_error=False, print_error=False, result_action="return_value"))
