"""The support page: look a domain up, see what is wrong and what to do, and everything that it rests on."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from spfcheck.api.answers import answer_in_time, busy, find_report, json_answer, pending_document, spend_quota
from spfcheck.api.checks import LaneFullError, Source, one_check
from spfcheck.api.context import NOTES, Service, service_of
from spfcheck.api.entries import Entry
from spfcheck.api.frame import PAGE_ERROR, SIGN_IN, Route
from spfcheck.api.hosts import AddressError, IdentityError, host_question, judge
from spfcheck.api.keys import Scope
from spfcheck.api.params import flag, query
from spfcheck.api.problems import Kind, Problem
from spfcheck.api.routes import DEFAULT_WAIT_MS, MAX_RECORD, reasons_not_ready
from spfcheck.audit.names import NotADomainName, domain_name, shown
from spfcheck.web import help as help_pages
from spfcheck.web import people, render
from spfcheck.web.view import changes, report_view, safe, when
from spfcheck.web.words import words

HISTORY = 12
"""Changes of a domain on its page."""

DOMAIN_PARAMETERS = frozenset({"fresh", "expand", "record", "ip", "sender", "helo"})


async def home(request: web.Request) -> web.StreamResponse:
    """The field to look a domain up; what was typed is understood as far as it can be."""
    asked = query(request, frozenset({"q"})).get("q", "")
    text = asked.strip()
    values: dict[str, Any] = {"asked": shown(asked, 2_000), "fault": "", "likely": None, "reasons": ()}
    if "q" in request.query:
        try:
            raise web.HTTPSeeOther(f"/domains/{quote(domain_name(text))}")
        except NotADomainName as error:
            values.update(fault=error.sentence, likely=error.likely)
    else:
        values["reasons"] = await reasons_not_ready(service_of(request))
    return render.page(request, "home.html", **values)


async def domain_page(request: web.Request) -> web.StreamResponse:
    """All about one domain."""
    service = service_of(request)
    values = query(request, DOMAIN_PARAMETERS)
    typed = request.match_info["domain"]
    try:
        domain = domain_name(typed)
    except NotADomainName as error:
        return render.page(
            request, "home.html", status=404, asked=shown(typed, 2_000), fault=error.sentence, likely=error.likely,
            reasons=(),
        )  # fmt: skip
    if domain != typed:
        raise web.HTTPSeeOther(f"/domains/{quote(domain)}")
    request[NOTES]["domain"] = domain
    fresh = flag(values, "fresh")
    served, _ = await answer_in_time(request, service, domain, DEFAULT_WAIT_MS / 1000, fresh=fresh)
    if fresh and served.source is not Source.PENDING:
        raise web.HTTPSeeOther(f"/domains/{quote(domain)}")  # so that reloading does not ask again
    if served.entry is None:
        return _page(request, service, pending_document(domain, service), refresh=True)
    document = served.entry.document()
    if served.source is Source.STALE:
        document["stale"] = True
    extra: dict[str, Any] = {}
    if "ip" in values:
        extra["test"] = await _test(request, service, document, values)
    if "record" in values:
        return await _tried(request, service, domain, document, values["record"])
    extra["history"] = await _history(service, domain)
    extra["notices"] = await service.notifier.of_domain(domain) if service.notifier else None
    return _page(request, service, document, everything=values.get("expand") == "all", **extra)


def _page(
    request: web.Request, service: Service, document: dict[str, Any], *, everything: bool = False, **extra: Any
) -> web.Response:
    base = service.settings.public_url.rstrip("/") or str(request.url.origin())
    code = document["findings"][0]["code"] if document["findings"] else ""
    keep = urlencode({name: value for name, value in request.query.items() if name not in ("expand", "fresh")})
    values: dict[str, Any] = {
        "frozen": False, "test": None, "try_fault": "", "tried": "", "today_diff": [], "history": [], "notices": None,
        "asked": document["domain"], "help_url": f"{base}/help/{code}" if code else f"{base}/help",
        "keep": f"{keep}&" if keep else "",
        **report_view(document, now=service.clock(), everything=everything),
        **extra,
    }  # fmt: skip
    return render.page(request, "domain.html", **values)


async def _tried(
    request: web.Request, service: Service, domain: str, today: dict[str, Any], text: str
) -> web.StreamResponse:
    """The report that *domain* would get if it published what was typed."""
    record = " ".join(text.split())
    fault = ""
    if not record:
        fault = "Type the record that you want to try."
    elif len(record) > MAX_RECORD:
        fault = f"The record is longer than {MAX_RECORD} characters."
    if fault:
        return _page(request, service, today, try_fault=fault, tried=text, history=await _history(service, domain))
    spend_quota(request, service)
    try:
        entry = await service.checks.what_if(domain, record.encode("utf-8", "replace").decode("latin-1"))
    except LaneFullError as full:
        raise busy(full) from None
    published = today["record"]["text"] if today["record"] else ""
    return _page(request, service, entry.document(), tried=record, today_diff=changes(published, record))


async def _test(request: web.Request, service: Service, document: dict[str, Any], values: Any) -> dict[str, Any]:
    """What a receiver would answer to one address."""
    sender = values.get("sender", "").strip() or document["identity"]["mail_from"]
    helo = values.get("helo", "").strip() or document["identity"]["helo"]
    typed = {"ip": values["ip"], "sender": values.get("sender", ""), "helo": values.get("helo", "")}
    try:
        question = host_question(values["ip"].strip(), sender, helo)
    except (AddressError, IdentityError) as error:
        return {**typed, "fault": str(error), "result": ""}
    spend_quota(request, service)
    try:
        async with service.checks.cold.place():
            verdict = await judge(question, one_check(service.checks.bench.lookup))
    except LaneFullError as full:
        raise busy(full) from None
    return {
        **typed,
        "fault": "",
        "result": str(verdict.result),
        "cause": str(verdict.cause),
        "identity": safe(question.identity),
        "mechanism": safe(verdict.mechanism) if verdict.mechanism else "",
        "where": safe(verdict.mechanism_domain or ""),
        "explanation": safe(verdict.explanation) if verdict.explanation else "",
    }


async def _history(service: Service, domain: str) -> list[dict[str, Any]]:
    entries = await service.checks.keeper.history(domain, HISTORY)
    documents = [entry.document() for entry in entries]
    texts = [document["record"]["text"] if document["record"] else "" for document in documents]
    befores = [*texts, None][1:]
    return [
        {
            "report_id": document["report_id"],
            "when": when(document["checked_at"]),
            "status": document["status"],
            "headline": safe(document["headline"]),
            "changed": changes(before, text) if before is not None and before != text else [],
        }
        for document, text, before in zip(documents, texts, befores, strict=True)
    ]


async def report_page(request: web.Request) -> web.StreamResponse:
    """A report as it was."""
    service = service_of(request)
    values = query(request, frozenset({"format", "expand"}))
    entry: Entry = await find_report(service, request.match_info["id"])
    if values.get("format") == "json":
        return json_answer(entry.full)
    return _page(request, service, entry.document(), frozen=True, everything=values.get("expand") == "all")


async def help_page(request: web.Request) -> web.StreamResponse:
    """The customers' help."""
    query(request, frozenset())
    return render.page(request, "help.html", **help_pages.help_values(service_of(request).settings))


async def help_finding(request: web.Request) -> web.StreamResponse:
    """The customers' help on one finding."""
    query(request, frozenset())
    code = request.match_info["finding"]
    values = help_pages.help_values(service_of(request).settings)
    for item in values["catalogue"]:
        if item["code"] == code:
            return render.page(request, "help_finding.html", item=item, **values)
    raise Problem(Kind.NOT_FOUND, "There is no finding of that name.")


async def problem_page(request: web.Request) -> web.StreamResponse:
    """What a problem's `type` means."""
    query(request, frozenset())
    slug = request.match_info["slug"]
    for kind in Kind:
        if kind.slug == slug:
            return _problem(request, kind)
    raise Problem(Kind.NOT_FOUND, "There is no problem of that name.")


def _problem(request: web.Request, kind: Kind) -> web.Response:
    meaning = kind.value
    return render.page(
        request,
        "problem.html",
        title=meaning.title,
        slug=kind.slug,
        explanation=meaning.explanation.replace("`", ""),
        number=meaning.status,
    )


async def static(request: web.Request) -> web.StreamResponse:
    """A file of the pages."""
    found = render.asset(request.match_info["name"])
    if found is None:
        raise Problem(Kind.NOT_FOUND, "There is no such file.")
    content, kind = found
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"Cache-Control": "public, max-age=300", "ETag": etag}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=content, headers=headers, content_type=kind, charset="utf-8")


ROUTES = (
    Route("GET", "/", home, Scope.SUPPORT, page=True),
    Route("GET", "/domains/{domain}", domain_page, Scope.SUPPORT, page=True),
    Route("GET", "/reports/{id}", report_page, Scope.SUPPORT, page=True),
    Route("GET", "/overview", people.overview, Scope.SUPPORT, page=True),
    Route("POST", "/overview/pause", people.pause, Scope.ADMIN, page=True),
    Route("POST", "/overview/resume", people.resume, Scope.ADMIN, page=True),
    Route("GET", "/sign-in", people.sign_in_page, None, page=True),
    Route("POST", "/sign-in", people.sign_in, None, page=True),
    Route("POST", "/sign-out", people.sign_out, None, page=True),
    Route("GET", "/help", help_page, None, page=True),
    Route("GET", "/help/{finding}", help_finding, None, page=True),
    Route("GET", "/problems/{slug}", problem_page, None, page=True),
    Route("GET", "/static/{name}", static, None, page=True),
)


def set_up(app: web.Application) -> None:
    """Give *app* what the pages need, and the frame around requests its pages for errors and sign-in."""
    render.set_up(app)
    words()
    app[PAGE_ERROR] = render.error_page
    app[SIGN_IN] = people.ask_to_sign_in
