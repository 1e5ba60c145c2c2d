"""Rendering: one environment that escapes everything, and headers that let a page load nothing from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

from spfcheck.api.access.guard import NOBODY
from spfcheck.api.access.sessions import form_token
from spfcheck.api.context import CALLER, REQUEST_ID, service_of
from spfcheck.api.problems import ProblemError
from spfcheck.web.words import safe, words

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    # Under "no-referrer" a browser sends our own forms with `Origin: null`, and we could not tell whose they are.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

LOADER = jinja2.PackageLoader("spfcheck.web", "templates")
FILTERS = {"safe_text": safe}


def set_up(app: web.Application) -> None:
    """Give *app* its templates."""
    aiohttp_jinja2.setup(
        app, loader=LOADER, filters=FILTERS, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )


@cache
def environment() -> jinja2.Environment:
    """The same templates without a server, for pages that are written to files."""
    made = jinja2.Environment(loader=LOADER, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    made.filters.update(FILTERS)
    return made


COMMON: dict[str, Any] = {"base": "", "refresh": False, "site": False, "search": True, "asked": "", "suffix": ""}


def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """*template* as an answer; what every page shows is added."""
    caller = request.get(CALLER, NOBODY)
    known = caller is not NOBODY
    values = {
        **COMMON,
        "w": words(),
        "caller": caller if known else None,
        "token": form_token(request, service_of(request)) if known and caller.signed_in else "",
        **values,
    }
    answer = aiohttp_jinja2.render_template(template, request, values, status=status)
    answer.headers.update(PAGE_HEADERS)
    return answer


def error_page(request: web.Request, problem: ProblemError) -> web.Response:
    """A problem for people."""
    meaning = problem.kind.value
    answer = page(
        request,
        "error.html",
        status=meaning.status,
        title=words()["error"]["title"] if meaning.status >= 500 else meaning.title,
        detail=problem.detail,
        likely=problem.extra.get("likely"),
        request_id=request[REQUEST_ID],
    )
    answer.headers.update(problem.headers)
    return answer


@cache
def asset(name: str) -> tuple[bytes, str] | None:
    """A file of the pages and its type; None for any other name."""
    kinds = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
    if name not in kinds:
        return None
    return (files("spfcheck.web") / "static" / name).read_bytes(), kinds[name]
