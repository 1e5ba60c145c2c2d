"""What happens around every request: an id, who asks, the answer to what goes wrong, a line in the log, the counts."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from spfcheck.api.context import CALLER, NOTES, REQUEST_ID, SERVICE, Service
from spfcheck.api.guard import NOBODY, caller_of, demand
from spfcheck.api.keys import Scope
from spfcheck.api.problems import PROTECTION, Kind, Problem, response, to_problem
from spfcheck.api.telemetry import Tracing, note_request

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

_start = secrets.token_hex(5)
_numbers = itertools.count(1)


def begin_ids() -> None:
    """Begin anew after a fork, else two processes would give the same ids."""
    global _start
    _start = secrets.token_hex(5)


def new_id() -> str:
    """An id for one request: unique over processes and starts, and no secret."""
    return f"{_start}{next(_numbers):06x}"


@dataclass(frozen=True, slots=True)
class Route:
    """One route: the only place where its scope is said."""

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    """What a caller needs; None for everybody."""
    page: bool = False
    """True when a person reads it: errors are pages, and whoever is not signed in is asked to."""


ROUTES: web.AppKey[Mapping[tuple[str, str], Route]] = web.AppKey("routes")
PAGE_ERROR: web.AppKey[Callable[[web.Request, Problem], web.Response]] = web.AppKey("page_error")
SIGN_IN: web.AppKey[Callable[[web.Request], web.Response]] = web.AppKey("sign_in")


@web.middleware
async def frame(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer *request*, whatever happens, and say so once."""
    began = time.perf_counter()
    service = request.app[SERVICE]
    given = request.headers.get("X-Request-Id", "")
    request[REQUEST_ID] = given if given and _GIVEN_ID.fullmatch(given) else new_id()
    notes: dict[str, Any] = {}
    request[NOTES] = notes
    request[CALLER] = NOBODY
    route = _route(request)
    status = 499  # the client went away before there was an answer
    try:
        if service.tracing is None:
            answer = await _answer(request, handler, service, route)
        else:
            answer = await _traced(request, handler, service, route, service.tracing)
        status = answer.status
    finally:
        _report(request, service, route, status, time.perf_counter() - began)
    return answer


async def _traced(
    request: web.Request, handler: Handler, service: Service, route: Route | None, tracing: Tracing
) -> web.StreamResponse:
    method, label = (request.method, route.path) if route else ("-", "unknown")
    with tracing.request(method, label, request.headers) as span:
        answer = await _answer(request, handler, service, route)
        note_request(span, answer.status, request[NOTES], request_id=request[REQUEST_ID], caller=request[CALLER].name)
        return answer


async def _answer(request: web.Request, handler: Handler, service: Service, route: Route | None) -> web.StreamResponse:
    try:
        if route is not None:
            request[CALLER] = caller = caller_of(request, service)
            if route.scope is not None:
                if caller is NOBODY and route.page and SIGN_IN in request.app:
                    return request.app[SIGN_IN](request)
                demand(caller, route.scope)
        return await handler(request)
    except ConnectionError:
        raise
    except Exception as error:
        if isinstance(error, web.HTTPException) and error.status < 400:
            raise
        problem = to_problem(error)
        if problem.kind is Kind.INTERNAL:
            service.log.error("failed", id=request[REQUEST_ID], exc_info=error)
        elif problem.kind.value.status < 500:
            service.metrics.refusals[problem.kind.slug] += 1
        request[NOTES]["problem"] = problem.kind.slug
        if route is not None and route.page and PAGE_ERROR in request.app:
            return request.app[PAGE_ERROR](request, problem)
        return response(problem, request[REQUEST_ID])


def _route(request: web.Request) -> Route | None:
    resource = request.match_info.route.resource
    if resource is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return request.app[ROUTES].get((method, resource.canonical))


def _report(request: web.Request, service: Service, route: Route | None, status: int, seconds: float) -> None:
    label = route.path if route else "unknown"
    service.metrics.answered(label, status, seconds)
    service.lines.add(
        request[REQUEST_ID],
        request.method if route else "-",
        label,
        status,
        round(seconds * 1000, 3),
        request[CALLER].name,
        request[NOTES],
    )


async def add_headers(request: web.Request, answer: web.StreamResponse) -> None:
    """Add to every answer, streamed ones and errors too, what protects whoever reads it in a browser."""
    headers = answer.headers
    if headers.get("Server") != PROTECTION["Server"]:  # else it was made ready with all of them
        headers["Server"] = PROTECTION["Server"]
        for name, value in PROTECTION.items():
            headers.setdefault(name, value)
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    if REQUEST_ID in request:
        headers["X-Request-Id"] = request[REQUEST_ID]
    if request.app[SERVICE].settings.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=63072000"
