"""Signing in and out, the list of last night, and the pause button: what people do, not only see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from spfcheck.api.access.guard import NOBODY, of_another_site
from spfcheck.api.access.sessions import COOKIE, end_session, session_text, set_cookie, token_is_good
from spfcheck.api.context import CALLER, NOTES, Service, service_of
from spfcheck.api.keys import IMPLIED, Scope
from spfcheck.api.params import form, query
from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.audit.report.model import Status
from spfcheck.names import NotADomainName, domain_name, shown
from spfcheck.notify.model import NotifyError
from spfcheck.web import render
from spfcheck.web.notices import Notices, plan_view


def ask_to_sign_in(request: web.Request) -> web.Response:
    """Send whoever is not signed in to the form, and back afterwards."""
    if request.method not in ("GET", "HEAD"):
        return render.page(request, "sign_in.html", status=401, next="/", refused=False)
    return web.Response(status=303, headers={"Location": "/sign-in?" + urlencode({"next": request.path_qs})})


async def sign_in_page(request: web.Request) -> web.StreamResponse:
    """The form for an access key."""
    values = query(request, frozenset({"next"}))
    return render.page(request, "sign_in.html", next=own_path(values.get("next", "/")), refused=False)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Take an access key and give a session for it."""
    service = service_of(request)
    same_site(request)
    fields = await form(request)
    goal = own_path(fields.get("next", "/"))
    text = fields.get("key", "").strip()
    key = service.keyring.find(text) if text.isascii() else None
    if key is None or not key.allows(Scope.SUPPORT):
        return render.page(request, "sign_in.html", status=403, next=goal, refused=True)
    request[NOTES]["signed_in"] = key.id
    answer = web.Response(status=303, headers={"Location": goal})
    set_cookie(answer, session_text(key, service), secure=service.settings.public_url.startswith("https://"))
    return answer


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session of this browser."""
    service = service_of(request)
    await _confirmed(request, service)
    if request[CALLER].signed_in:
        await end_session(request, service)
    answer = web.Response(status=303, headers={"Location": "/sign-in"})
    answer.del_cookie(COOKIE, path="/")
    return answer


def own_path(text: str) -> str:
    """*text* where it is a path of this service, else the first page: a sign-in must not lead elsewhere."""
    parts = urlsplit(text)
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isascii() and text.isprintable()
    return text if plain and not parts.scheme and not parts.netloc and len(text) < 2_000 else "/"


def same_site(request: web.Request) -> None:
    """Refuse a form that another site sent. Raises `ProblemError`."""
    if of_another_site(request):
        raise ProblemError(ProblemKind.FORBIDDEN, "The form was sent from another site.")


async def _confirmed(request: web.Request, service: Service) -> dict[str, str]:
    """The fields of a form that acts; refused without the token of this session. Raises `ProblemError`."""
    same_site(request)
    fields = dict(await form(request))
    caller = request[CALLER]
    if caller is NOBODY:
        return fields
    # A key in the header proves that no browser was tricked into sending it.
    if caller.signed_in and not token_is_good(request, service, fields.get("token", "")):
        raise ProblemError(ProblemKind.FORBIDDEN, "The form is too old; load the page again.")
    return fields


async def overview(request: web.Request) -> web.StreamResponse:
    """Last night: domains by status, what the notifier plans and did, its brakes and its switch."""
    service = service_of(request)
    values = query(request, frozenset({"status", "q"}))
    status = values.get("status", "")
    if status and status not in frozenset(Status):
        raise ProblemError(ProblemKind.INVALID_PARAMETER, f"The parameter status is one of {', '.join(Status)}.")
    typed = values.get("q", "").strip()
    wanted, likely = _part_of_a_name(typed)
    state = await service.notifier.state() if service.notifier else None
    plan = await service.notifier.plan() if service.notifier else None
    caller = request[CALLER]
    seen: dict[str, Any] = {"plan": None, "rows": [], "more": 0}
    if service.notifier and plan:
        seen = plan_view(plan, await service.notifier.fine(plan, status, wanted), status, wanted)
    return render.page(
        request,
        "overview.html",
        state=state,
        may_pause=any(Scope.ADMIN in IMPLIED[scope] for scope in caller.scopes),
        filter_status=status,
        filter_q=shown(typed, 2_000),
        likely=likely,
        **seen,
    )


def _part_of_a_name(typed: str) -> tuple[str, str]:
    """What to look for in the names of domains, and the domain that was meant where *typed* says one."""
    try:
        name = domain_name(typed)
    except NotADomainName as error:
        return error.likely or typed.lower(), error.likely or ""
    return name, name


async def pause(request: web.Request) -> web.StreamResponse:
    """Stop sending."""
    return await _switch(request, "pause")


async def resume(request: web.Request) -> web.StreamResponse:
    """Let sending go on."""
    return await _switch(request, "resume")


async def _switch(request: web.Request, action: str) -> web.StreamResponse:
    service = service_of(request)
    fields = await _confirmed(request, service)
    reason = shown(fields.get("reason", "").strip(), 300)
    if not reason:
        raise ProblemError(ProblemKind.INVALID_BODY, "Say why: the reason is kept.")
    if service.notifier is None or await service.notifier.state() is None:
        raise ProblemError(ProblemKind.NOT_FOUND, "There is no ledger yet, so there is nothing to pause.")
    who, now = request[CALLER].name, service.clock()
    if action == "pause":
        await service.notifier.pause(reason, who=who, now=now)
    else:
        await _lift(service.notifier, fields.get("standing", "").split(), reason, who, now)
    service.log.warning("switch", action=action, by=request[CALLER].name, reason=reason)
    return web.Response(status=303, headers={"Location": "/overview"})


async def _lift(notifier: Notices, names: Sequence[str], reason: str, who: str, now: float) -> None:
    """Lift what the page showed: what tripped since then stays, since nobody has looked at it."""
    try:
        await notifier.resume(names, reason, who=who, now=now)
    except NotifyError as error:
        raise ProblemError(ProblemKind.INVALID_BODY, f"{error} Reload the page and look again.") from error
