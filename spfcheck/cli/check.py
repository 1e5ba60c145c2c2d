"""`spfcheck check`: the report of one domain for a person, of many for a program."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report, Severity, Status, as_json
from spfcheck.audit.senders import Ours
from spfcheck.checking.senders import one_check, profiles_of
from spfcheck.cli.ending import COULD_NOT_CHECK, FINE, FOUND, WRONG_USAGE, UsageError
from spfcheck.cli.lookups import lookup_for
from spfcheck.cli.typed import lines
from spfcheck.names import NotADomainName, domain_name, shown
from spfcheck.resolver.types import Lookup
from spfcheck.settings import Settings, load

AT_ONCE = 64
"""Checks under way at a time when many domains are given."""

WATCH_SECONDS = 30.0
"""Between two looks of `--watch`: zones are seldom published faster."""

_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


def check(
    *domains: Annotated[str, Parameter(allow_leading_hyphen=True)],
    as_json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    ndjson: Annotated[bool, Parameter(negative="")] = False,
    record: str | None = None,
    zone: Path | None = None,
    nameserver: Annotated[list[str] | None, Parameter(negative="")] = None,
    include: str | None = None,
    opinion: bool = False,
    fail_on: Literal["info", "warning", "error", "never"] = "error",
    watch: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """What is wrong with a domain's SPF record, and what to publish instead.

    Parameters
    ----------
    domains
        Domains to check; `-` reads them from standard input, one a line.
    as_json_
        Print the whole report as JSON (a list of them for several domains).
    ndjson
        Print one JSON object a line, as the checks end.
    record
        Judge this record as if the domain had published it.
    zone
        Answer from this zone file instead of the network.
    nameserver
        Ask this resolver, as ip[:port]; may be given again.
    include
        What a customer includes, such as _spf.mail.example, instead of the setting.
    opinion
        Ask the second engine too, as the page does; it costs several times the check itself.
    fail_on
        The least severity that makes the exit code 1.
    watch
        Look again until the domain is fine.
    """
    if not domains:
        raise UsageError("Name a domain, as in `spfcheck check example.com`, or - to read names from standard input.")
    for word in domains:
        # A lone hyphen is a name here, so the parser lets words with one through.
        if word.startswith("-") and word != "-":
            raise UsageError(f"There is no option {shown(word, 40)}; see `spfcheck check --help`.")
    many = len(domains) > 1 or "-" in domains
    if record is not None and many:
        raise UsageError("--record is about one domain.")
    if watch and (many or zone or record is not None):
        raise UsageError("--watch is about one domain as it is published.")
    names = [name if name == "-" else domain_name(name) for name in domains]
    settings = load(nameservers=nameserver, **({"sender_include": include, "sender_networks": []} if include else {}))
    job = _Job(
        settings=settings,
        record=record.encode("utf-8", "surrogateescape").decode("latin-1") if record is not None else None,
        opinion=opinion,
        output="ndjson" if ndjson else "json" if as_json_ else "text",
        fail_on=None if fail_on == "never" else Severity(fail_on),
    )
    return asyncio.run(job.watch(names[0]) if watch else job.run(names, zone))


class _Job:
    """One run of the command."""

    def __init__(
        self, *, settings: Settings, record: str | None, opinion: bool, output: str, fail_on: Severity | None
    ) -> None:
        self._settings = settings
        self._record = record
        self._opinion = opinion
        self._output = output
        self._fail_on = fail_on
        self._code = FINE
        self._refused = False
        self._gathered: list[Any] = []
        self._printed = 0

    async def run(self, names: list[str], zone: Path | None) -> int:
        """Check *names*; the exit code comes back."""
        async with lookup_for(self._settings, zone) as lookup:
            ours = await self._ours(lookup)
            if len(names) == 1 and names[0] != "-":
                self._emit(await self._examine(names[0], lookup, ours, search=True))
            else:
                await self._many(names, lookup, ours)
        if self._output == "json":
            whole = self._gathered[0] if len(names) == 1 and names[0] != "-" else self._gathered
            print(json.dumps(whole, indent=2))
        return WRONG_USAGE if self._refused else self._code

    async def watch(self, name: str) -> int:
        """Look at *name* again until it is fine; only what changes is printed."""
        last = None
        async with lookup_for(self._settings) as lookup:
            while True:
                self._code = FINE
                report = await self._examine(name, lookup, await self._ours(lookup), fresh=True, search=True)
                seen = (report.status, report.headline, report.record.text if report.record else None)
                if seen != last:
                    self._emit(report)
                    last = seen
                if report.status is Status.OK or (report.status is Status.AT_RISK and self._code == FINE):
                    return FINE
                print(f"Looking again in {WATCH_SECONDS:.0f} s; Ctrl-C ends it.", file=sys.stderr)
                await asyncio.sleep(WATCH_SECONDS)

    async def _ours(self, lookup: Lookup) -> Ours:
        return await prepare(profiles_of(self._settings), one_check(lookup))

    async def _examine(
        self, name: str, lookup: Lookup, ours: Ours, *, fresh: bool = False, search: bool = False
    ) -> Report:
        return await examine(
            name,
            one_check(lookup, fresh=fresh),
            ours,
            mail_from=self._settings.mail_from,
            helo=self._settings.helo,
            record=self._record,
            opinion=self._opinion,
            search=search,
            clock=time.time,
            new_id=lambda: secrets.token_urlsafe(16),
        )

    async def _many(self, names: list[str], lookup: Lookup, ours: Ours) -> None:
        """Check all names, a bounded number at a time; answers in the order in which they end."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> None:
            try:
                report = await self._examine(name, lookup, ours)
                self._emit(report)
            finally:
                places.release()

        with _progress(names, self._output) as advance:
            async with asyncio.TaskGroup() as group:
                async for number, text in _texts(names):
                    try:
                        name = domain_name(text)
                    except NotADomainName as error:
                        self._refuse(number, error)
                        advance()
                        continue
                    await places.acquire()
                    group.create_task(one(name)).add_done_callback(lambda _: advance())

    def _refuse(self, number: int, error: NotADomainName) -> None:
        self._refused = True
        if self._output == "text":
            hint = f" Did you mean {error.likely}?" if error.likely else ""
            print(f"spfcheck: line {number}: {error.sentence}{hint}", file=sys.stderr)
            return
        problem = {"line": number, "problem": {"detail": error.sentence, "likely": error.likely}}
        self._print_json(problem)

    def _emit(self, report: Report) -> None:
        self._count(report)
        if self._output == "text":
            from spfcheck.cli.draw import draw

            draw(report, gap=self._printed > 0)
            self._printed += 1
        else:
            self._print_json(as_json(report))

    def _print_json(self, document: Any) -> None:
        if self._output == "json":
            self._gathered.append(document)
        else:
            print(json.dumps(document, separators=(",", ":")), flush=True)

    def _count(self, report: Report) -> None:
        worst = max((_RANK[finding.severity] for finding in report.findings), default=-1)
        # That DNS does not answer is no finding about the domain: it could not be checked.
        if report.status is Status.UNKNOWN:
            self._code = self._code or COULD_NOT_CHECK
        elif self._fail_on is not None and worst >= _RANK[self._fail_on]:
            self._code = FOUND


async def _texts(names: Iterable[str]) -> AsyncIterator[tuple[int, str]]:
    """The names in turn, those of standard input in the place of `-`; lines are numbered for complaints."""
    number = 0
    for name in names:
        if name != "-":
            number += 1
            yield number, name
            continue
        async for line in lines(sys.stdin):
            number += 1
            text = line.strip()
            if text and not text.startswith("#"):
                yield number, text


class _progress:  # noqa: N801 - used as a function
    """A bar on standard error while many domains are checked and a person watches."""

    def __init__(self, names: list[str], output: str) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._total = None if "-" in names else len(names)
        self._wanted = sys.stderr.isatty() and not (output == "text" and sys.stdout.isatty())

    def __enter__(self) -> Any:
        if self._wanted:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

            columns = "Checking", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            # What goes to standard output is for whoever reads it there, and no line above the bar.
            self._bar = Progress(*columns, console=Console(stderr=True), redirect_stdout=False, redirect_stderr=False)
            self._task = self._bar.add_task("check", total=self._total)
            self._bar.start()
        return self._advance

    def _advance(self) -> None:
        if self._bar is not None:
            self._bar.advance(self._task)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
