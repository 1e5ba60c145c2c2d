"""The routes of the main app and of operations; those of people are in `spfcheck.web`."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict
from importlib.resources import files
from typing import NamedTuple

from aiohttp import web

from spfcheck.api.access.guard import NOBODY
from spfcheck.api.batch import batch
from spfcheck.api.context import CALLER, NOTES, Service, service_of
from spfcheck.api.frame import Route
from spfcheck.api.keys import Scope
from spfcheck.api.observe.metrics import Metrics
from spfcheck.api.params import StrictBody, body, choice, flag, query, whole
from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.api.reports.checks import LaneFullError
from spfcheck.api.responses import (
    answer_in_time,
    answer_of,
    busy,
    entry_answer,
    find_report,
    json_answer,
    report_answer,
    spend_quota,
)
from spfcheck.audit.report.serialise import json_bytes
from spfcheck.checking.connection import host_question
from spfcheck.checking.senders import one_check
from spfcheck.names import domain_name
from spfcheck.pasted import read

DEFAULT_WAIT_MS = 3_000
"""How long a person or a program waits before it takes what there is."""

READY_SECONDS = 1.0
"""How long whoever asks for it waits to hear whether our own senders are known."""

MAX_WAIT_MS = 20_000
"""An evaluation ends by itself within 20 s (RFC 7208 4.6.4)."""

MAX_RECORD = 4_096
"""Characters of a record that somebody tries out; a published one that long could not be answered over UDP."""

CHECK_PARAMETERS = frozenset({"fresh", "view", "wait_ms"})


class CheckBody(StrictBody):
    """What `POST /v1/check` takes."""

    domain: str
    record: str | None = None


class HostBody(StrictBody):
    """What `POST /v1/check-host` takes."""

    ip: str
    sender: str
    helo: str = ""


class ReadBody(StrictBody):
    """What `POST /v1/read` takes."""

    text: str


class Wishes(NamedTuple):
    """What the query of `GET /v1/check/{domain}` asks for; *wait* in seconds."""

    view: str
    fresh: bool
    wait: float


MANY_WISHES = 256
LONG_QUERY = 80
_WISHES: dict[str, Wishes] = {}
"""Queries that were read before: a program asks with the same one every time."""


def _read_wishes(request: web.Request) -> Wishes:
    values = query(request, CHECK_PARAMETERS)
    return Wishes(
        choice(values, "view", ("full", "summary")),
        flag(values, "fresh"),
        whole(values, "wait_ms", DEFAULT_WAIT_MS, 0, MAX_WAIT_MS) / 1000,
    )


async def get_check(request: web.Request) -> web.StreamResponse:
    """The report of a domain, in time."""
    service = service_of(request)
    text = request.rel_url.raw_query_string
    wishes = _WISHES.get(text)
    if wishes is None:
        wishes = _read_wishes(request)
        if len(_WISHES) < MANY_WISHES and len(text) < LONG_QUERY:
            _WISHES[text] = wishes
    view, fresh, wait = wishes
    domain = domain_name(request.match_info["domain"])
    notes = request[NOTES]
    notes["domain"] = domain
    whole = view == "full"
    entry = service.checks.at_hand(domain, fresh=fresh, whole=whole)
    if entry is not None:  # the same as below, without what only a check needs
        notes["source"], notes["answer"] = "fresh", entry.status
        service.metrics.answers["fresh", entry.status] += 1
        return entry_answer(request, entry, view, service)
    opinion = wait if whole else None
    served, decision = await answer_in_time(request, service, domain, wait, fresh=fresh, opinion=opinion)
    return answer_of(request, served, domain, view, service, decision)


async def post_check(request: web.Request) -> web.StreamResponse:
    """What if this record were published? Without a record the same as the GET route."""
    service = service_of(request)
    query(request, frozenset())
    wanted = await body(request, CheckBody)
    domain = domain_name(wanted.domain)
    request[NOTES]["domain"] = domain
    if wanted.record is None:
        wait = DEFAULT_WAIT_MS / 1000
        served, _ = await answer_in_time(request, service, domain, wait, fresh=False, opinion=wait)
        return answer_of(request, served, domain, "full", service)
    record = record_text(wanted.record)
    await spend_quota(request, service)
    try:
        entry = await service.checks.what_if(domain, record, opinion=DEFAULT_WAIT_MS / 1000)
    except LaneFullError as full:
        raise busy(full) from None
    return report_answer(service, entry)


def record_text(text: str) -> str:
    """A record that somebody tries out, each byte of its UTF-8 form one character, as a record from the DNS is."""
    if len(text) > MAX_RECORD:
        raise ProblemError(ProblemKind.INVALID_BODY, f"The record is longer than {MAX_RECORD} characters.")
    try:
        return text.encode("utf-8").decode("latin-1")
    except UnicodeEncodeError:
        raise ProblemError(ProblemKind.INVALID_BODY, "The record has a character that no text can have.") from None


async def get_report(request: web.Request) -> web.StreamResponse:
    """A report as it was."""
    service = service_of(request)
    query(request, frozenset())
    entry = await find_report(service, request.match_info["id"])
    return report_answer(service, await service.checks.shown(entry, DEFAULT_WAIT_MS / 1000))


async def post_check_host(request: web.Request) -> web.StreamResponse:
    """The result of check_host(), with the mechanism that decided, the counts and the trace."""
    service = service_of(request)
    query(request, frozenset())
    wanted = await body(request, HostBody)
    question = host_question(wanted.ip, wanted.sender, wanted.helo)
    await spend_quota(request, service)
    try:
        async with service.checks.cold.place():
            verdict = await service.checks.costly.judge(question, lambda: one_check(service.checks.bench.lookup))
    except LaneFullError as full:
        raise busy(full) from None
    request[NOTES]["result"] = verdict["result"]
    return json_answer(json_bytes(verdict))


async def post_read(request: web.Request) -> web.StreamResponse:
    """Which domain, and which connection, a pasted text means. Nothing is looked up."""
    query(request, frozenset())
    wanted = await body(request, ReadBody)
    await spend_quota(request, service_of(request))
    understood = await asyncio.to_thread(read, wanted.text)
    return json_answer(json_bytes(asdict(understood)))


async def healthz(request: web.Request) -> web.StreamResponse:
    """The process runs. Touches nothing."""
    query(request, frozenset())
    return json_answer(b'{"status":"alive"}')


async def readyz(request: web.Request) -> web.StreamResponse:
    """Whether the service wants requests, with reasons."""
    service = service_of(request)
    query(request, frozenset())
    reasons = await reasons_not_ready(service)
    # The reasons name resolvers and our own records, which is nobody's business who has no key.
    told = reasons if request[CALLER] is not NOBODY else ()
    document = {"status": "not ready" if reasons else "ready", "reasons": list(told)}
    return web.json_response(document, status=503 if reasons else 200)


async def reasons_not_ready(service: Service) -> tuple[str, ...]:
    """Why the service does not want requests; empty when it does."""
    if service.readiness.stopping:
        return ("The service is stopping.",)
    try:
        async with asyncio.timeout(READY_SECONDS):
            reasons = list((await service.checks.ours()).reasons)
    except TimeoutError:
        reasons = ["Our own senders are still being looked up."]
    if service.watch is not None and not service.watch.state.may_judge:
        reasons += [reason for reason in service.watch.state.reasons if reason not in reasons]
    return tuple(reasons)


async def metrics(request: web.Request) -> web.StreamResponse:
    """The counts of all processes, for Prometheus; the notifier's too, where its ledger can be read."""
    service = service_of(request)
    query(request, frozenset())
    take_stock(service)
    text = _counts(service).text()
    if service.ledger is not None:
        try:
            text += await service.ledger.text()
        except Exception as error:  # the service's own counts are needed most when something is broken
            service.log.error("the ledger cannot be read", exc_info=error)
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _counts(service: Service) -> Metrics:
    if service.fleet is None:
        return service.metrics
    try:
        return service.fleet.whole(service.metrics)
    except (OSError, ValueError, KeyError) as error:
        service.log.error("the counts of the other processes cannot be read", exc_info=error)
        return service.metrics


def take_stock(service: Service) -> None:
    """Bring the metrics up to date that say what is, and are not counted."""
    counts = service.metrics
    counts.now.flights, counts.now.shelf = service.checks.flights, len(service.checks.shelf)
    counts.lost_reports = service.checks.keeper.lost
    counts.costly = service.checks.costly.count
    counts.cut_short = Counter({(one.kind, str(why)): n for one in service.processes for why, n in one.cut.items()})


async def openapi(request: web.Request) -> web.StreamResponse:
    """The contract."""
    query(request, frozenset())
    return web.Response(body=contract(), content_type="application/yaml", charset="utf-8")


def contract() -> bytes:
    """The text of `openapi.yaml`, which is shipped inside the package."""
    return (files("spfcheck.api") / "openapi.yaml").read_bytes()


ROUTES = (
    Route("GET", "/v1/check/{domain}", get_check, Scope.CHECK),
    Route("POST", "/v1/check", post_check, Scope.CHECK),
    Route("POST", "/v1/check/batch", batch, Scope.CHECK),
    Route("POST", "/v1/check-host", post_check_host, Scope.CHECK),
    Route("POST", "/v1/read", post_read, Scope.CHECK),
    Route("GET", "/v1/reports/{id}", get_report, Scope.CHECK),
    Route("GET", "/healthz", healthz, None),
    Route("GET", "/readyz", readyz, None),
    Route("GET", "/metrics", metrics, Scope.CHECK),
    Route("GET", "/openapi.yaml", openapi, None),
)
