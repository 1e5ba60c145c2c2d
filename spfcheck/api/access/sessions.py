"""Sign-in of people: an access key once, then a signed cookie that names it; and tokens for the forms that act.

A cookie holds the key's id, an end and a name of its own, nothing secret. Each request looks the key up again, so that
revoking a key ends its sessions too; who signs out ends that session, wherever a copy of its cookie lies.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets

from aiohttp import web

from spfcheck.api.context import Caller, Service
from spfcheck.api.keys import Key

COOKIE = "spfcheck_session"
LASTS = 12 * 3600
"""Seconds of a session: a working day."""


def session_text(key: Key, service: Service) -> str:
    """The cookie's value for somebody who has shown *key*."""
    until = int(service.clock()) + LASTS
    # The digest is part of what is signed: a key that was made anew under its old id ends the old sessions.
    name = secrets.token_hex(8)
    return f"{key.id}.{until}.{name}.{_sign(service.secret, 'session', key.id, str(until), name, key.digest.hex())}"


def caller_of_session(request: web.Request, service: Service) -> Caller | None:
    """The person whom the request's cookie names, if it is ours, not over, and its key is still valid."""
    parts = request.cookies.get(COOKIE, "").split(".")
    if len(parts) != 4 or not service.secret:
        return None
    key_id, until, name, signature = parts
    key = service.keyring.get(key_id)
    if key is None or not (until.isascii() and until.isdigit() and len(until) < 12):
        return None
    expected = _sign(service.secret, "session", key_id, until, name, key.digest.hex())
    if not hmac.compare_digest(signature.encode(), expected.encode()) or int(until) <= service.clock():
        return None
    if name in service.signed_out:
        return None
    return Caller(name=key.id, key=key, scopes=key.scopes, signed_in=True)


async def end_session(request: web.Request, service: Service) -> None:
    """End the session of *request*, which was found good, in this process at once and in the others soon."""
    _, until, name, _ = request.cookies.get(COOKIE, "").split(".")
    service.signed_out.add(name, float(until))
    try:
        await asyncio.to_thread(service.signed_out.tell, name, float(until))
    except Exception as error:  # noqa: BLE001 - it is over here, whatever the database says
        service.seldom.error("a sign-out cannot be kept", why=str(error)[:500])


def form_token(request: web.Request, service: Service) -> str:
    """The token that a form of this session carries, so that no other site can send it."""
    return _sign(service.secret, "form", request.cookies.get(COOKIE, ""))


def token_is_good(request: web.Request, service: Service, token: str) -> bool:
    """True when *token* was given out in a form of this session."""
    return bool(request.cookies.get(COOKIE)) and hmac.compare_digest(
        form_token(request, service).encode(), token.encode("utf-8", "surrogatepass")
    )


def set_cookie(response: web.StreamResponse, value: str, *, secure: bool) -> None:
    """Give the session to the browser: out of reach of scripts, and sent to no other site's forms."""
    response.set_cookie(COOKIE, value, max_age=LASTS, httponly=True, samesite="Lax", secure=secure, path="/")


def _sign(secret: bytes, *parts: str) -> str:
    return hmac.new(secret, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
