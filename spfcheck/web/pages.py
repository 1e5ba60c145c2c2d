"""The support page: look a domain up, see what is wrong and what to do, and everything that it rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from spfcheck.api.access.guard import NOBODY, demand
from spfcheck.api.context import CALLER, NOTES, Service, service_of
from spfcheck.api.frame import PAGE_ERROR, SIGN_IN, Route
from spfcheck.api.keys import Scope
from spfcheck.api.params import flag, form, query
from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.api.reports.checks import LaneFullError, Source
from spfcheck.api.reports.entries import Entry
from spfcheck.api.responses import answer_in_time, busy, find_report, pending_document, report_answer, spend_quota
from spfcheck.api.routes import DEFAULT_WAIT_MS, MAX_RECORD
from spfcheck.audit.judgement.status import decisive
from spfcheck.checking.connection import AddressError, host_question
from spfcheck.checking.senders import one_check
from spfcheck.names import NotADomainName, domain_name, shown
from spfcheck.web import help as help_pages
from spfcheck.web import look_up, people, render
from spfcheck.web.difference import changes
from spfcheck.web.view import report_view, when
from spfcheck.web.words import safe, words

OPINION_SECONDS = 0.25
"""How long a page waits for the second opinion: it takes some milliseconds, and else the page fills it in later."""

HISTORY = 12
"""Changes of a domain on its page."""

TYPED_PARAMETERS = frozenset({"record", "ip", "sender", "helo"})
DOMAIN_PARAMETERS = TYPED_PARAMETERS | look_up.PASTED_PARAMETERS | {"fresh", "expand"}

LONGEST_TYPED = 64 * 1024
"""Characters of what was typed that stay in the field: all that a body may bring."""


async def domain_page(request: web.Request) -> web.StreamResponse:
    """All about one domain."""
    values = query(request, DOMAIN_PARAMETERS)
    typed = request.match_info["domain"]
    try:
        domain = domain_name(typed)
    except NotADomainName as error:
        answer = look_up.home_page(
            request, asked=shown(typed, LONGEST_TYPED), fault=error.sentence, likely=error.likely
        )
        answer.set_status(404)
        return answer
    if domain != typed:
        return look_up.go(f"/domains/{quote(domain)}")
    return await _about(request, domain, values)


async def typed_on_domain_page(request: web.Request) -> web.StreamResponse:
    """The forms of `domain_page`, sent as a body; what fits into an address is answered under one."""
    domain = domain_name(request.match_info["domain"])
    typed = {name: value for name, value in (await form(request)).items() if name in TYPED_PARAMETERS}
    address = urlencode(typed)
    if len(address) <= look_up.LONGEST_ADDRESS:
        return look_up.go(f"/domains/{quote(domain)}?{address}{'#test' if 'ip' in typed else ''}")
    if request[CALLER] is NOBODY:
        return people.ask_to_sign_in(request)
    demand(request[CALLER], Scope.SUPPORT)
    return await _about(request, domain, typed)


async def _about(request: web.Request, domain: str, values: Mapping[str, str]) -> web.StreamResponse:
    service = service_of(request)
    request[NOTES]["domain"] = domain
    fresh = flag(values, "fresh")
    wait = DEFAULT_WAIT_MS / 1000
    served, _ = await answer_in_time(request, service, domain, wait, fresh=fresh, opinion=OPINION_SECONDS)
    if fresh and served.source is not Source.PENDING:
        return look_up.go(f"/domains/{quote(domain)}")  # so that reloading does not ask again
    if served.entry is None:
        return _page(request, service, pending_document(domain, service), refresh=True)
    document = served.entry.document()
    if served.source is Source.STALE:
        document["stale"] = True
    extra: dict[str, Any] = {"pasted": look_up.pasted_from(values)}
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
    place = decisive([(found["code"], found["severity"]) for found in document["findings"]])
    code = document["findings"][place]["code"] if place is not None else ""
    keep = urlencode({name: value for name, value in request.query.items() if name not in ("expand", "fresh")})
    values: dict[str, Any] = {
        "frozen": False, "test": None, "try_fault": "", "tried": "", "today_diff": [], "history": [], "notices": None,
        "pasted": None,
        "asking": not document["opinion"]["asked"] and service.checks.opinions.under_way(document["report_id"]),
        "asked": document["domain"], "help_url": f"{base}/help/{code}" if code else f"{base}/help",
        "keep": None if request.method == "POST" else f"{keep}&" if keep else "",
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
        tried = "\n".join(shown(line, LONGEST_TYPED) for line in text.splitlines())
        return _page(request, service, today, try_fault=fault, tried=tried, history=await _history(service, domain))
    await spend_quota(request, service)
    try:
        text = record.encode("utf-8", "replace").decode("latin-1")
        entry = await service.checks.what_if(domain, text, opinion=OPINION_SECONDS)
    except LaneFullError as full:
        raise busy(full) from None
    published = today["record"]["text"] if today["record"] else ""
    return _page(
        request, service, entry.document(), tried=shown(record, MAX_RECORD), today_diff=changes(published, record)
    )


async def _test(
    request: web.Request, service: Service, document: dict[str, Any], values: Mapping[str, str]
) -> dict[str, Any]:
    """What a receiver would answer to one address."""
    sender = values.get("sender", "").strip() or document["identity"]["mail_from"]
    helo = values.get("helo", "").strip() or document["identity"]["helo"]
    typed = {name: shown(values.get(name, ""), LONGEST_TYPED) for name in ("ip", "sender", "helo")}
    try:
        question = host_question(values["ip"].strip(), sender, helo)
    except AddressError as error:
        return {**typed, "fault": str(error), "result": ""}
    await spend_quota(request, service)
    try:
        async with service.checks.cold.place():
            verdict = await service.checks.costly.judge(question, lambda: one_check(service.checks.bench.lookup))
    except LaneFullError as full:
        raise busy(full) from None
    return {
        **typed,
        "fault": "",
        "result": verdict["result"],
        "cause": verdict["cause"],
        "identity": safe(question.identity),
        "mechanism": safe(verdict["mechanism"]) if verdict["mechanism"] else "",
        "where": safe(verdict["mechanism_domain"] or ""),
        "explanation": safe(verdict["explanation"]) if verdict["explanation"] else "",
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
    entry: Entry = await service.checks.shown(await find_report(service, request.match_info["id"]), OPINION_SECONDS)
    if values.get("format") == "json":
        return report_answer(service, entry)
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
    raise ProblemError(ProblemKind.NOT_FOUND, "There is no finding of that name.")


async def problem_page(request: web.Request) -> web.StreamResponse:
    """What a problem's `type` means."""
    query(request, frozenset())
    slug = request.match_info["slug"]
    for kind in ProblemKind:
        if kind.slug == slug:
            return _problem(request, kind)
    raise ProblemError(ProblemKind.NOT_FOUND, "There is no problem of that name.")


def _problem(request: web.Request, kind: ProblemKind) -> web.Response:
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
        raise ProblemError(ProblemKind.NOT_FOUND, "There is no such file.")
    content, kind = found
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"Cache-Control": "public, max-age=300", "ETag": etag}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=content, headers=headers, content_type=kind, charset="utf-8")


ROUTES = (
    Route("GET", "/", look_up.home, Scope.SUPPORT, page=True),
    # These two only turn what was typed into an address, which needs the scope; so the text outlives a sign-in.
    Route("POST", "/", look_up.looked_up, None, page=True),
    Route("POST", "/domains/{domain}", typed_on_domain_page, None, page=True),
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
