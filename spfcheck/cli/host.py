"""`spfcheck check-host`: RFC 7208's check_host() for one address."""
# ruff: noqa: T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from spfcheck.checking.connection import HostQuestion, host_question, judge, verdict_document
from spfcheck.checking.senders import one_check
from spfcheck.cli.ending import COULD_NOT_CHECK, FINE, FOUND, UsageError
from spfcheck.cli.lookups import lookup_for
from spfcheck.names import shown
from spfcheck.rfc7208.verdict import Event, Result, Verdict
from spfcheck.settings import Settings, load


def check_host(
    *,
    ip: str,
    sender: str = "",
    helo: str = "",
    zone: Path | None = None,
    nameserver: Annotated[list[str] | None, Parameter(negative="")] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """RFC 7208's check_host(): may this address send as this sender?

    The exit code is 0 for pass, neutral and none, 1 for fail, softfail and permerror, 3 for temperror.

    Parameters
    ----------
    ip
        The address that connects.
    sender
        The MAIL FROM address as the client said it, with or without brackets; empty or <> for a bounce, which is judged
        by its HELO name.
    helo
        The HELO name.
    zone
        Answer from this zone file instead of the network.
    nameserver
        Ask this resolver, as ip[:port]; may be given again.
    as_json
        Print the verdict and its trace as JSON.
    """
    if not sender and not helo:
        raise UsageError("Give a sender, or a HELO name when the sender is empty: SPF judges one of them.")
    question = host_question(ip, sender, helo)
    settings = load(nameservers=nameserver)
    verdict = asyncio.run(_judged(question, settings, zone))
    if as_json:
        print(json.dumps(verdict_document(verdict), indent=2))
    else:
        _print(question, verdict)
    if verdict.result is Result.TEMPERROR:
        return COULD_NOT_CHECK
    return FOUND if verdict.result in (Result.FAIL, Result.SOFTFAIL, Result.PERMERROR) else FINE


async def _judged(question: HostQuestion, settings: Settings, zone: Path | None) -> Verdict:
    async with lookup_for(settings, zone) as lookup:
        return await judge(question, one_check(lookup))


def _print(question: HostQuestion, verdict: Verdict) -> None:
    why = f"by {shown(verdict.mechanism, 300)}" if verdict.mechanism else f"({verdict.cause})"
    where = f" of {shown(verdict.mechanism_domain, 253)}" if verdict.mechanism_domain else ""
    print(f"{verdict.result}: {question.ip} as {shown(question.identity, 330)}, decided {why}{where}")
    if verdict.explanation:
        print(f"The domain's owner explains (a stranger's text): {shown(verdict.explanation, 500)}")
    print(f"lookups {verdict.lookups} of 10, void lookups {verdict.void_lookups} of 2")
    for event in verdict.trace:
        print(f"  {'  ' * event.depth}{_told(event)}")


def _told(event: Event) -> str:
    asked = ", ".join(f"{shown(q.name, 253)} {q.rtype.name}" for q, _ in event.asked)
    result = f" -> {event.result}" if event.result else ""
    return f"{shown(event.term or event.domain, 300)}: {event.why}{result}" + (f"  [{asked}]" if asked else "")
