"""Who may ask what: keys and scopes, and the rules of a service that runs without keys."""

from __future__ import annotations

import ipaddress
from functools import cache, lru_cache
from urllib.parse import urlsplit

from aiohttp import web

from spfcheck.api.access.sessions import caller_of_session
from spfcheck.api.context import Caller, Service
from spfcheck.api.keys import IMPLIED, Key, Scope
from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.names import shown

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
"""Headers by which a proxy says that a request is not of this machine."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 9.2.1)."""

LOCAL = Caller(name="local", key=None, scopes=frozenset({Scope.CHECK, Scope.SUPPORT}))
"""Whoever asks a service without keys from its own machine; never an admin."""

NOBODY = Caller(name="", key=None, scopes=frozenset())


def is_loopback(host: str) -> bool:
    """True for an address or name that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(header: str) -> str:
    """The host of a Host header, without its port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0] if header.count(":") <= 1 else header


def caller_of(request: web.Request, service: Service) -> Caller:
    """Who sent *request*; `NOBODY` when it does not say or is not believed.

    Raises `ProblemError` where the service runs without keys and the request is not of this machine: a page in
    somebody's browser can name any host it likes (DNS rebinding), and a proxy's request comes from a loopback address
    too.
    """
    headers = request.headers
    if not service.keys_required:
        if not is_loopback(host_of(headers.get("Host", ""))):
            raise ProblemError(
                ProblemKind.NOT_LOCAL, "Without access keys only requests to a loopback name are answered."
            )
        if any(name in headers for name in FORWARDED):
            raise ProblemError(
                ProblemKind.NOT_LOCAL, "Without access keys no request is answered that a proxy forwarded."
            )
        # Every page in a browser of this machine can send a form or a text here, without asking anybody.
        if request.method not in SAFE and of_another_site(request):
            raise ProblemError(
                ProblemKind.NOT_LOCAL, "Without access keys no request is answered that another site's page sent."
            )
        return LOCAL
    sent = headers.get("Authorization")
    if sent is not None:
        scheme, _, text = sent.partition(" ")
        key = service.keyring.find(text.strip()) if scheme.lower() == "bearer" else None
        return _of_key(key) if key else NOBODY
    return caller_of_session(request, service) or _caller_of_proxy(request, service) or NOBODY


def of_another_site(request: web.Request) -> bool:
    """True where a browser says that the page of another site sent *request*."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return True
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


def _caller_of_proxy(request: web.Request, service: Service) -> Caller | None:
    """The person whom a trusted proxy names; for the pages, never an admin."""
    header = service.settings.identity_header
    if not header:
        return None
    person = request.headers.get(header, "")
    # A socket of this machine has no address, which lies in no network.
    if not person or not any(is_in(request.remote or "", network) for network in service.settings.trusted_proxies):
        return None
    return Caller(name=shown(person, 100), key=None, scopes=frozenset({Scope.CHECK, Scope.SUPPORT}))


def is_in(address: str, network: str) -> bool:
    """True when *address* lies in *network*; False where either is none."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


@lru_cache(maxsize=1_024)
def _of_key(key: Key) -> Caller:
    return Caller(name=key.id, key=key, scopes=key.scopes)


@cache
def covered(scopes: frozenset[Scope], scope: Scope) -> bool:
    """True when one of *scopes* brings *scope* with it; there are few combinations."""
    return any(scope in IMPLIED[own] for own in scopes)


def demand(caller: Caller, scope: Scope) -> None:
    """Let *caller* pass when its scopes cover *scope*. Raises `ProblemError` (401 or 403) otherwise."""
    if caller is LOCAL:
        if scope not in caller.scopes:
            raise ProblemError(ProblemKind.FORBIDDEN, "A service without access keys has no administrator.")
        return
    if caller is NOBODY:
        raise ProblemError(
            ProblemKind.UNAUTHORIZED,
            "This route needs a valid access key.",
            headers={"WWW-Authenticate": 'Bearer realm="spfcheck"'},
        )
    if not covered(caller.scopes, scope):
        raise ProblemError(ProblemKind.FORBIDDEN, f"The key {caller.name} does not have the scope {scope}.")
