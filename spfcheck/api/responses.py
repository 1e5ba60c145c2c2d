"""Answers about a domain as HTTP has them: in time, within the caller's quota, with what a cache needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from spfcheck.api.context import CALLER, NOTES, Service
from spfcheck.api.fast_response import Sealed, fields, may_be_sealed
from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.api.quota.gcra import Grant
from spfcheck.api.reports.checks import LaneFullError, Served, Source
from spfcheck.api.reports.entries import Entry, summary_of
from spfcheck.audit.report.serialise import json_bytes

RETRY_SECONDS = 2
"""When to ask again while a check or a second opinion is going on; most end within it."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


async def answer_in_time(
    request: web.Request, service: Service, domain: str, wait: float, *, fresh: bool, opinion: float | None
) -> tuple[Served, Grant | None]:
    """An answer within *wait* seconds, and what the caller's quota says where a new check was spent on it.

    *opinion* is how many of the seconds the second opinion may take; None where the report is not shown.
    """
    checks = service.checks
    decision = None
    if checks.at_hand(domain, fresh=fresh, whole=False) is None and not checks.under_way(domain):
        decision = await spend_quota(request, service, domain)
    try:
        served = await checks.within(domain, wait, fresh=fresh, opinion=opinion)
    except LaneFullError as full:
        raise busy(full) from None
    status = served.entry.status if served.entry else "pending"
    service.metrics.answers[served.source, status] += 1
    request[NOTES].update(source=str(served.source), answer=status)
    return served, decision


async def spend_quota(request: web.Request, service: Service, subject: str = "") -> Grant | None:
    """Spend one new check of the caller's quota; None where there are no keys and so nobody to tell apart.

    Requests for the same *subject* that come while the first one's spend is under way cost nothing more.
    """
    caller = request[CALLER]
    if caller.key is None:
        return None
    decision = await service.quotas.spend(caller.name, subject=subject)
    if not decision.allowed:
        raise ProblemError(
            ProblemKind.QUOTA_EXHAUSTED,
            f"The key {caller.name} may ask for {service.quotas.rate.count} new checks a minute.",
            headers={"Retry-After": str(max(1, math.ceil(decision.retry_after))), **rate_headers(service, decision)},
        )
    return decision


def rate_headers(service: Service, decision: Grant) -> dict[str, str]:
    """The `RateLimit` fields of the IETF's httpapi draft."""
    rate = service.quotas.rate
    return {
        "RateLimit-Policy": f'"checks";q={rate.count};w={math.ceil(rate.seconds)}',
        "RateLimit": f'"checks";r={decision.remaining};t={math.ceil(decision.reset)}',
    }


def busy(full: LaneFullError) -> ProblemError:
    """The problem that a full lane is to the caller."""
    return ProblemError(ProblemKind.BUSY, str(full), headers={"Retry-After": str(full.retry_after)})


def answer_of(
    request: web.Request, served: Served, domain: str, view: str, service: Service, decision: Grant | None = None
) -> web.StreamResponse:
    """*served* as the HTTP answer of one *view*, with what the quota says where a check was spent on it."""
    entry = served.entry
    rate = rate_headers(service, decision) if decision is not None else {}
    if served.source is Source.STALE and entry is not None:
        document = {**entry.document(), "stale": True}
    elif entry is not None and view == "full" and service.checks.asking(entry):
        return report_answer(service, entry, rate)
    elif entry is not None:
        return entry_answer(request, entry, view, service, rate)
    else:
        document = pending_document(domain, service)
    chosen = summary_of(document) if view == "summary" else document
    return json_answer(json_bytes({**chosen, "retry_after_s": RETRY_SECONDS}), rate)


def report_answer(service: Service, entry: Entry, more: Mapping[str, str] = NO_HEADERS) -> web.Response:
    """A whole report, or one whose second opinion is still asked for with the word to ask again; *more* headers."""
    content = entry.full
    if service.checks.asking(entry):
        # A report is a JSON object already: its closing brace gives way to one field more.
        content = b'%s,"retry_after_s":%d}' % (content[:-1], RETRY_SECONDS)
    return json_answer(content, more)


def entry_answer(
    request: web.Request, entry: Entry, view: str, service: Service, more: Mapping[str, str] = NO_HEADERS
) -> web.StreamResponse:
    """A fresh *entry*, with what a cache and the next request need, and *more* headers."""
    # The second opinion changes a report and not its id.
    etag = f'"{entry.report_id}-{view}{"" if entry.whole else "-alone"}"'
    lasts = f"private, max-age={max(0, int(entry.fresh_until - service.clock()))}"
    known = request.headers.get("If-None-Match")
    unchanged = known is not None and etag in known
    content = entry.summary if view == "summary" else entry.full
    if not unchanged and may_be_sealed(request):
        extra = fields(more) if more else ""
        return Sealed(200, f"{service.json_fields}ETag: {etag}\r\nCache-Control: {lasts}\r\n{extra}", content)
    headers = {"ETag": etag, "Cache-Control": lasts, **more}
    return web.Response(status=304, headers=headers) if unchanged else json_answer(content, headers)


def json_answer(content: bytes, headers: Mapping[str, str] | None = None) -> web.Response:
    """*content*, which is JSON already."""
    return web.Response(body=content, headers=headers, content_type="application/json")


def pending_document(domain: str, service: Service) -> dict[str, Any]:
    """A report that says nothing yet: the check goes on, and the caller should ask again."""
    bench = service.checks.bench
    return {
        "schema": 1,
        "report_id": "",
        "domain": domain,
        "identity": {"mail_from": bench.mail_from.replace("{domain}", domain), "helo": bench.helo},
        "status": "unknown",
        "headline": "The check is still going on; ask again in 2 seconds.",
        "result": "temperror",
        "lenient_result": "temperror",
        "record": None,
        "lookups": 0,
        "lookups_at_least": True,
        "void_lookups": 0,
        "senders": [],
        "findings": [],
        "remedy": {
            "kind": "none", "name": "", "value": "", "strings": [], "delete": [], "edits": [],
            "newly_authorised": [], "proof": None, "certificate": None, "remaining": [],
        },
        "opinion": {"engine": "", "asked": False, "result": "", "agrees": None, "detail": "", "may_message": False},
        "tree": None,
        "evidence": [],
        "questions": 0,
        "authorised_v4": -1,
        "hypothetical": False,
        "stale": False,
        "likely": "",
        "checked_at": service.clock(),
        "expires_at": service.clock(),
        "retry_after_s": RETRY_SECONDS,
    }  # fmt: skip


async def find_report(service: Service, report_id: str) -> Entry:
    """The stored report of that id. Raises `ProblemError` when there is none."""
    known = report_id.isascii() and len(report_id) <= 64
    entry = service.checks.shelf.by_id(report_id) or (await service.checks.keeper.find(report_id) if known else None)
    if entry is None:
        raise ProblemError(
            ProblemKind.REPORT_NOT_FOUND, "There is no report of that id; it may have been too old to be kept."
        )
    return entry
