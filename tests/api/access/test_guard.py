"""Each refusal of the guard at its own door: where a request comes from, who sends it, what they may."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from spfcheck.api.access import guard
from spfcheck.api.access.guard import LOCAL, NOBODY, caller_of, covered, demand, host_of, is_in, is_loopback
from spfcheck.api.access.sessions import COOKIE, session_text
from spfcheck.api.context import SERVICE, Caller, Service
from spfcheck.api.keys import Keyring, Scope, new_key
from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.serve.app import create_app
from tests.api.running import Keys, make_keys, running, settings_of, zone_lookup

EVERY_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


def service_of(keys: Keys | None = None, **settings: object) -> Service:
    lines = list(keys.lines) if keys else []
    return create_app(settings_of(api_keys=lines, **settings), zone_lookup())[SERVICE]


class Line(asyncio.Transport):
    """A connection from *address*."""

    def __init__(self, address: str | None) -> None:
        super().__init__({"peername": (address, 50_000) if address else ""})


def request(address: str | None = "127.0.0.1", **headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/", headers={"Host": "localhost", **named}, transport=Line(address))


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost", "localhost"), ("localhost:8080", "localhost"), ("127.0.0.1:8080", "127.0.0.1"),
        ("[::1]", "::1"), ("[::1]:8080", "::1"), ("::1", "::1"), ("2001:db8::25", "2001:db8::25"), ("", ""),
    ],
)  # fmt: skip
def test_a_host_is_read_without_port_and_brackets_and_a_bare_ipv6_address_is_whole(header: str, host: str) -> None:
    assert host_of(header) == host


async def test_a_bare_ipv6_host_header_is_judged_by_all_of_it() -> None:
    # Cut at the first colon it would be an empty name, which nobody trusts, and a name before it would be trusted.
    async with running() as client:
        for host, status in (("::1", 200), ("2001:db8::1", 403), ("127.0.0.1::x", 403), ("localhost::1", 403)):
            async with client.get("/v1/check/fine.example", headers={"Host": host}) as answer:
                assert (host, answer.status) == (host, status)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True), ("127.0.0.1", True), ("127.255.255.254", True), ("::1", True),
        ("localhost.", False), ("local", False), ("10.0.0.1", False), ("128.0.0.1", False), ("::", False), ("", False),
    ],
)  # fmt: skip
def test_only_what_this_machine_alone_can_reach_is_loopback(host: str, is_ours: bool) -> None:
    assert is_loopback(host) is is_ours


def test_a_forwarded_request_is_told_by_any_of_its_headers() -> None:
    assert guard.FORWARDED == EVERY_FORWARDED


@pytest.mark.parametrize("header", EVERY_FORWARDED)
def test_without_keys_a_forwarded_request_on_loopback_is_refused(header: str) -> None:
    service = service_of()
    assert caller_of(request(), service) is LOCAL
    with pytest.raises(ProblemError, match="that a proxy forwarded") as refused:
        caller_of(request(**{header: ""}), service)
    assert refused.value.kind is ProblemKind.NOT_LOCAL


def test_without_keys_a_foreign_name_is_refused_also_from_this_machine() -> None:
    service = service_of()
    foreign = make_mocked_request("GET", "/", headers={"Host": "rebound.example"}, transport=Line("127.0.0.1"))
    for one in (foreign, make_mocked_request("GET", "/", headers={}, transport=Line("127.0.0.1"))):
        with pytest.raises(ProblemError, match="only requests to a loopback name") as refused:
            caller_of(one, service)
        assert refused.value.kind is ProblemKind.NOT_LOCAL


def test_with_keys_neither_name_nor_proxy_matters_and_nobody_is_local() -> None:
    service = service_of(make_keys())
    assert caller_of(request(), service) is NOBODY
    assert caller_of(request(Host="spf.example", Via="1.1 proxy"), service) is NOBODY


def test_a_key_is_believed_by_its_scheme_and_its_text() -> None:
    keys = make_keys()
    service = service_of(keys)
    for text in (f"Bearer {keys.check}", f"bearer  {keys.check} "):
        caller = caller_of(request(Authorization=text), service)
        assert (caller.name, caller.scopes) == (keys.check.split("_")[1], frozenset({Scope.CHECK}))
        assert caller.key is not None
        assert not caller.signed_in
    for text in (f"Basic {keys.check}", keys.check, "Bearer", "", f"Bearer {keys.check}x"):
        assert caller_of(request(Authorization=text), service) is NOBODY, text


def test_who_sends_a_wrong_key_is_nobody_whatever_else_they_are() -> None:
    keys = make_keys()
    service = service_of(keys, identity_header="X-Email", trusted_proxies=["192.0.2.0/24"])
    trusted = {"X_Email": "jane@company.example"}
    assert caller_of(request("192.0.2.7", **trusted), service).name == "jane@company.example"
    assert caller_of(request("192.0.2.7", Authorization="Bearer x", **trusted), service) is NOBODY


def test_who_signed_in_is_known_by_the_cookie_and_stays_it_behind_a_trusted_proxy() -> None:
    keys = make_keys()
    service = service_of(keys, identity_header="X-Email", trusted_proxies=["192.0.2.0/24"])
    key = service.keyring.find(keys.admin)
    assert key is not None
    cookie = f"{COOKIE}={session_text(key, service)}"
    caller = caller_of(request("192.0.2.7", Cookie=cookie, X_Email="jane@company.example"), service)
    assert (caller.name, caller.scopes, caller.signed_in) == (key.id, frozenset({Scope.ADMIN}), True)
    assert caller_of(request("192.0.2.7", Cookie=f"{cookie}x"), service) is NOBODY


def test_a_person_is_whom_a_trusted_proxy_names_and_nobody_else() -> None:
    keys = make_keys()

    def named(address: str | None, header: str, proxies: list[str], sent: Mapping[str, str]) -> Caller:
        service = service_of(keys, identity_header=header, trusted_proxies=proxies)
        headers = {"Host": "spf.example", **sent}
        return caller_of(make_mocked_request("GET", "/", headers=headers, transport=Line(address)), service)

    jane = {"X-Email": "jane@company.example"}
    proxies = ["198.51.100.9/32", "192.0.2.0/24"]
    believed = named("192.0.2.7", "X-Email", proxies, jane)
    assert (believed.name, believed.key, believed.scopes) == (
        "jane@company.example",
        None,
        frozenset({Scope.CHECK, Scope.SUPPORT}),
    )
    assert named("192.0.2.7", "X-Email", proxies, {"X-Email": "j" * 300}).name == "j" * 100 + "..."
    assert named("192.0.3.7", "X-Email", proxies, jane) is NOBODY, "not from a proxy"
    assert named(None, "X-Email", proxies, jane) is NOBODY, "a socket of this machine has no address"
    assert named("192.0.2.7", "X-Email", [], jane) is NOBODY
    assert named("192.0.2.7", "X-Email", proxies, {}) is NOBODY
    assert named("192.0.2.7", "X-Email", proxies, {"X-Email": ""}) is NOBODY
    assert named("192.0.2.7", "", proxies, jane) is NOBODY
    assert named("192.0.2.7", "", proxies, {"": "jane"}) is NOBODY, "no header is trusted where none is set"


@pytest.mark.parametrize(
    ("address", "network", "inside"),
    [
        ("192.0.2.7", "192.0.2.0/24", True), ("192.0.2.7", "192.0.2.7", True), ("192.0.2.7", "192.0.2.9/24", True),
        ("192.0.3.7", "192.0.2.0/24", False), ("2001:db8::1", "192.0.2.0/24", False),
        ("nonsense", "192.0.2.0/24", False), ("192.0.2.7", "nonsense", False),
    ],
)  # fmt: skip
def test_an_address_lies_in_a_network_or_it_does_not(address: str, network: str, inside: bool) -> None:
    assert is_in(address, network) is inside


def refusal(caller: Caller, scope: Scope) -> tuple[ProblemKind, str] | None:
    try:
        demand(caller, scope)
    except ProblemError as problem:
        return problem.kind, str(problem)
    return None


def test_without_keys_who_is_local_may_all_but_administer() -> None:
    assert refusal(LOCAL, Scope.CHECK) is refusal(LOCAL, Scope.SUPPORT) is None
    assert refusal(LOCAL, Scope.ADMIN) == (ProblemKind.FORBIDDEN, "A service without access keys has no administrator.")


def test_nobody_is_asked_for_a_key_and_told_how() -> None:
    for scope in Scope:
        with pytest.raises(ProblemError, match="needs a valid access key") as refused:
            demand(NOBODY, scope)
        assert refused.value.kind is ProblemKind.UNAUTHORIZED
        assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="spfcheck"'}


def test_a_key_opens_what_its_scopes_cover_and_is_refused_the_rest() -> None:
    may = {
        Scope.CHECK: {Scope.CHECK},
        Scope.SUPPORT: {Scope.CHECK, Scope.SUPPORT},
        Scope.ADMIN: set(Scope),
    }
    for own, covers in may.items():
        _, key = new_key([own], os.urandom)
        caller = Caller(name=key.id, key=key, scopes=key.scopes)
        for scope in Scope:
            expected = None if scope in covers else (
                ProblemKind.FORBIDDEN, f"The key {key.id} does not have the scope {scope}.",
            )  # fmt: skip
            assert refusal(caller, scope) == expected
    assert not covered(frozenset(), Scope.CHECK)
    assert covered(frozenset({Scope.CHECK, Scope.ADMIN}), Scope.ADMIN)
    assert Keyring([]).find("") is None
