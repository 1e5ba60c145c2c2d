"""What happens around every request: an id, who asks, the answer to what goes wrong, a line in the log, the counts."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from spfcheck.api.access.guard import NOBODY, caller_of, demand
from spfcheck.api.context import CALLER, NOTES, REQUEST_ID, SERVICE, Service
from spfcheck.api.fast_response import Sealed, fields, may_be_sealed
from spfcheck.api.keys import Scope
from spfcheck.api.observe.logs import request_now
from spfcheck.api.observe.telemetry import Tracing, note_request
from spfcheck.api.problems import ProblemError, ProblemKind, content, headers, to_problem

_GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

PROBES = frozenset({"/healthz", "/readyz"})
"""Routes that an orchestrator asks all day; whether the service is ready is told when that changes."""

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


PAGE_ERROR: web.AppKey[Callable[[web.Request, ProblemError], web.Response]] = web.AppKey("page_error")
SIGN_IN: web.AppKey[Callable[[web.Request], web.Response]] = web.AppKey("sign_in")


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Register *routes*, each in its frame, and what answers every other path and method.

    A middleware would do the same for a tenth of what a cached check costs.
    """
    service = app[SERVICE]
    resources: dict[str, web.Resource] = {}
    for route in routes:
        resource = resources.get(route.path) or resources.setdefault(route.path, app.router.add_resource(route.path))
        framed = _framed(service, route.handler, route)
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            resource.add_route(method, framed)
    for resource in resources.values():
        resource.add_route("*", _framed(service, _refuse_method({route.method for route in resource}), None))
    app.router.add_route("*", r"/{path:(?s:.*)}", _framed(service, _refuse_path, None))


def _refuse_method(allowed: set[str]) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, allowed)

    return refuse


async def _refuse_path(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


def _framed(service: Service, handler: Handler, route: Route | None) -> Handler:
    """*handler* in its frame: answers whatever happens, and says so once. *route* is None where there is none."""
    tracing = service.tracing

    async def framed(request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        _begin(request)
        status = 499  # the client went away before there was an answer
        try:
            if tracing is None:
                answer = await _answer(request, handler, service, route)
            else:
                answer = await _traced(request, handler, service, route, tracing)
            status = answer.status
            if service.readiness.stopping:  # a client that goes on asking does so elsewhere
                answer.force_close()
        finally:
            _report(request, service, route, status, time.perf_counter() - began)
        return answer

    return framed


def _begin(request: web.Request) -> None:
    given = request.headers.get("X-Request-Id")
    request[REQUEST_ID] = request_id = given if given is not None and _GIVEN_ID.fullmatch(given) else new_id()
    request_now.set(request_id)
    request[NOTES] = {}
    request[CALLER] = NOBODY


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
            if route.method == "POST" and request.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise ProblemError(
                    ProblemKind.UNSUPPORTED_MEDIA_TYPE, "The body has to be sent as it is, without Content-Encoding."
                )
        return await handler(request)
    except ConnectionError:
        raise
    except Exception as error:
        if isinstance(error, web.HTTPException) and error.status < 400:
            raise
        problem = to_problem(error)
        if problem.kind is ProblemKind.INTERNAL:
            service.log.error("failed", id=request[REQUEST_ID], exc_info=error)
        elif problem.kind.value.status < 500:
            service.metrics.refusals[problem.kind.slug] += 1
        request[NOTES]["problem"] = problem.kind.slug
        if route is not None and route.page and PAGE_ERROR in request.app:
            return request.app[PAGE_ERROR](request, problem)
        return _refusal(request, service, problem)


def _refusal(request: web.Request, service: Service, problem: ProblemError) -> web.StreamResponse:
    status, body, told = problem.kind.value.status, content(problem, request[REQUEST_ID]), headers(problem)
    if may_be_sealed(request):
        return Sealed(status, fields({**service.protection, **told}), body)
    return web.Response(status=status, body=body, headers=told)


def _report(request: web.Request, service: Service, route: Route | None, status: int, seconds: float) -> None:
    label = route.path if route else "unknown"
    service.metrics.answered(label, status, seconds)
    if label in PROBES:
        return
    service.lines.add(
        request[REQUEST_ID],
        request.method if route else "-",
        label,
        status,
        seconds * 1000,
        request[CALLER].name,
        request[NOTES],
    )


async def add_headers(request: web.Request, answer: web.StreamResponse) -> None:
    """Add to every answer, streamed ones and errors too, what protects whoever reads it in a browser."""
    given = answer.headers
    protection = request.app[SERVICE].protection
    given["Server"] = protection["Server"]
    for name, value in protection.items():
        given.setdefault(name, value)
    given.setdefault("Cache-Control", "no-store")
    if REQUEST_ID not in request:  # it names no path at all (`OPTIONS *`, CONNECT): aiohttp refuses it by itself
        _begin(request)
        _report(request, request.app[SERVICE], None, answer.status, 0.0)
    given["X-Request-Id"] = request[REQUEST_ID]
