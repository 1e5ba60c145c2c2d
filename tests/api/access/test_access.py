"""Who may ask what: every route by every scope and by no key; and the rules without keys."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml

from spfcheck.api.context import SERVICE
from spfcheck.api.keys import Key, KeyFormatError, Keyring, Scope, new_key, parse_line
from spfcheck.api.reports.stored import KeyTable
from spfcheck.api.routes import ROUTES as API_ROUTES
from spfcheck.api.routes import contract
from spfcheck.api.signed_out import SignedOut
from spfcheck.web.pages import ROUTES as PAGE_ROUTES
from tests.api.running import make_keys, running, settings_of

CALLERS = ("nobody", "check", "support", "admin")
PATHS = {
    "{domain}": "fine.example", "{id}": "none", "{finding}": "no-record", "{slug}": "busy", "{name}": "style.css",
}  # fmt: skip
BODIES = {
    "/v1/check": {"json": {"domain": "fine.example"}},
    "/v1/check-host": {"json": {"ip": "192.0.2.1", "sender": "a@fine.example"}},
    "/v1/check/batch": {"data": "fine.example", "headers": {"Content-Type": "application/x-ndjson"}},
    "/overview/pause": {"data": {"reason": "test"}},
    "/overview/resume": {"data": {"reason": "test", "standing": "pause#1"}},
}
ALLOWED = {
    None: frozenset(CALLERS),
    Scope.CHECK: frozenset({"check", "support", "admin"}),
    Scope.SUPPORT: frozenset({"support", "admin"}),
    Scope.ADMIN: frozenset({"admin"}),
}


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_route_by_every_scope(caller: str) -> None:
    keys = make_keys()
    async with running(settings_of(api_keys=list(keys.lines))) as client:
        for route in (*API_ROUTES, *PAGE_ROUTES):
            path = route.path
            for name, value in PATHS.items():
                path = path.replace(name, value)
            options = dict(BODIES.get(route.path, {}))
            headers = dict(options.pop("headers", {}))
            if caller != "nobody":
                headers["Authorization"] = f"Bearer {getattr(keys, caller)}"
            async with client.request(route.method, path, headers=headers, **options) as answer:
                status = answer.status
                where = f"{route.method} {route.path} by {caller}: {status}"
                if caller in ALLOWED[route.scope]:
                    assert status not in (401, 500), where
                    assert status != 403 or route.path == "/sign-in", where  # there is no key in that form
                elif caller != "nobody":
                    assert status == 403, where
                elif route.page and route.method == "GET":
                    assert status == 303, where
                    assert answer.headers["Location"].startswith("/sign-in?next="), where
                else:
                    assert status == 401, where


def test_every_route_of_the_api_is_in_the_contract_and_none_else() -> None:
    document = yaml.safe_load(contract())
    promised = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert promised == {(route.method, route.path) for route in API_ROUTES}
    for route in API_ROUTES:
        open_to_all = document["paths"][route.path][route.method.lower()].get("security") == []
        assert open_to_all == (route.scope is None), route.path


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic {key}", "Bearer {key}x", "Bearer {wrong}", "Bearer ü", "{key}"]
)
async def test_anything_but_a_valid_key_is_nobody(header: str) -> None:
    keys = make_keys()
    stranger, _ = new_key([Scope.ADMIN], os.urandom)
    async with running(settings_of(api_keys=list(keys.lines))) as client:
        text = header.format(key=keys.check, wrong=stranger).encode().decode("latin-1")
        async with client.get("/v1/check/fine.example", headers={"Authorization": text}) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200), ("localhost", 200), ("[::1]:8080", 200), ("127.9.9.9", 200), ("LOCALHOST", 403),
        ("rebound.example", 403), ("127.0.0.1.rebound.example", 403), ("0.0.0.0", 403), ("", 403), ("[::]", 403),
    ],
)  # fmt: skip
async def test_without_keys_only_a_loopback_host_is_answered(host: str, status: int) -> None:
    async with running() as client, client.get("/v1/check/fine.example", headers={"Host": host}) as answer:
        assert answer.status == status


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"])
async def test_without_keys_nothing_is_answered_that_a_proxy_forwarded(header: str) -> None:
    async with running() as client, client.get("/healthz", headers={header: "127.0.0.1"}) as answer:
        assert answer.status == 403


async def test_without_keys_nobody_is_an_admin() -> None:
    async with running() as client, client.post("/overview/pause", data={"reason": "x"}) as answer:
        assert answer.status == 403


async def test_a_revoked_key_is_refused_after_the_next_reading_and_a_new_one_taken() -> None:
    text, key = new_key([Scope.CHECK], os.urandom)
    stored: list[Key] = [key]
    settings = settings_of(api_keys=[make_keys().lines[0]])
    async with running(settings, stored_keys=lambda: list(stored)) as client:
        async with client.get("/metrics", headers={"Authorization": f"Bearer {text}"}) as answer:
            assert answer.status == 200
        stored.clear()
        client.app[SERVICE].keyring.reload()
        async with client.get("/metrics", headers={"Authorization": f"Bearer {text}"}) as answer:
            assert answer.status == 401


def test_a_key_is_kept_only_as_a_hash() -> None:
    text, key = new_key([Scope.CHECK, Scope.ADMIN], os.urandom)
    line = key.line()
    assert text.split("_")[2][:64] not in line
    assert parse_line(line) == key
    ring = Keyring([key])
    assert ring.find(text) == key
    assert ring.find(text[:-1] + ("0" if text[-1] != "0" else "1")) is None


@pytest.mark.parametrize("line", ["", "x", "0a1b2c3d:check", "0a1b2c3d:root:" + "0" * 64, "spfk_0a1b2c3d_secret"])
def test_a_line_that_is_no_key_is_refused_without_repeating_it(line: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        parse_line(line)
    assert "secret" not in str(caught.value)


async def test_sign_in_gives_a_cookie_that_works_and_cannot_be_forged() -> None:
    keys = make_keys()
    async with running(settings_of(api_keys=list(keys.lines))) as client:
        async with client.post("/sign-in", data={"key": keys.check, "next": "/"}) as answer:
            assert answer.status == 403
        async with client.post("/sign-in", data={"key": keys.support, "next": "//evil.example/"}) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == "/"
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert keys.support.split("_")[2] not in cookie
        async with client.get("/domains/fine.example") as answer:
            assert answer.status == 200
        async with client.post("/overview/pause", data={"reason": "x"}) as answer:
            assert answer.status == 403
        async with client.post(
            "/sign-in", data={"key": keys.admin, "next": "/"}, headers={"Origin": "http://x"}
        ) as answer:
            assert answer.status == 403
        value = cookie.split("=", 1)[1].split(";")[0]
        key_id, until, name, signature = value.split(".")
        client.session.cookie_jar.clear()
        admin_id = keys.lines[2].split(":")[0]
        others = f"{admin_id}.{until}.{name}", f"{key_id}.{int(until) + 1}.{name}", f"{key_id}.{until}.{'0' * 16}"
        for forged in (*(f"{other}.{signature}" for other in others), "...", "x"):
            async with client.get("/", headers={"Cookie": f"spfcheck_session={forged}"}) as answer:
                assert answer.status == 303


async def test_a_form_that_acts_needs_the_token_of_its_session() -> None:
    keys = make_keys()
    async with running(settings_of(api_keys=list(keys.lines))) as client:
        async with client.post("/sign-in", data={"key": keys.admin, "next": "/"}) as answer:
            assert answer.status == 303
        for token in ("", "0" * 64):
            async with client.post("/overview/pause", data={"reason": "x", "token": token}) as answer:
                assert answer.status == 403
        async with client.post("/sign-out", data={"token": "wrong"}) as answer:
            assert answer.status == 403
        async with client.get("/") as answer:
            token = (await answer.text()).split('name="token" value="')[1].split('"')[0]
        async with client.post("/sign-out", data={"token": token}) as answer:
            assert answer.status == 303
        async with client.get("/") as answer:
            assert answer.status == 303


async def test_signing_out_ends_the_session_wherever_its_cookie_lies(tmp_path: Path) -> None:
    keys = make_keys()
    settings = settings_of(api_keys=list(keys.lines))
    secret = b"s" * 32
    with KeyTable.open(f"sqlite:///{tmp_path}/keys.sqlite3") as table:
        here, there = (SignedOut(table.signed_out, table.sign_out) for _ in range(2))
        async with running(settings, secret=secret, signed_out=here) as client:
            async with client.post("/sign-in", data={"key": keys.support, "next": "/"}) as answer:
                copied = answer.headers["Set-Cookie"].split(";")[0]
            async with client.post("/sign-in", data={"key": keys.support, "next": "/"}) as answer:
                another = answer.headers["Set-Cookie"].split(";")[0]
            client.session.cookie_jar.clear()
            async with client.get("/", headers={"Cookie": copied}) as answer:
                token = (await answer.text()).split('name="token" value="')[1].split('"')[0]
            async with client.post("/sign-out", data={"token": token}, headers={"Cookie": copied}) as answer:
                assert answer.status == 303
            async with client.get("/", headers={"Cookie": copied}) as answer:
                assert answer.status == 303, "the copy is of no use"
            async with client.get("/", headers={"Cookie": another}) as answer:
                assert answer.status == 200, "the same key's other session goes on"
        there.reload(time.time())
        async with running(settings, secret=secret, signed_out=there) as client:
            async with client.get("/", headers={"Cookie": copied}) as answer:
                assert answer.status == 303, "nor in another process"
            async with client.get("/", headers={"Cookie": another}) as answer:
                assert answer.status == 200
        there.reload(time.time() + 13 * 3600)
        assert copied.split(".")[2] not in there, "what is over by itself is forgotten"


async def test_whether_it_is_ready_is_told_to_everybody_and_why_not_to_who_has_a_key() -> None:
    keys = make_keys()
    async with running(settings_of(api_keys=list(keys.lines), sender_include="_spf.gone.example")) as client:
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.json()) == (503, {"status": "not ready", "reasons": []})
        async with client.get("/readyz", headers={"Authorization": f"Bearer {keys.check}"}) as answer:
            assert "_spf.gone.example" in (await answer.json())["reasons"][0]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
    ids=str,
)
async def test_without_keys_a_page_of_another_site_can_send_nothing(
    method: str, headers: dict[str, str], status: int
) -> None:
    async with running() as client:
        body = {"json": {"domain": "fine.example"}} if method == "POST" else {}
        path = "/v1/check" if method == "POST" else "/v1/check/fine.example"
        async with client.request(method, path, headers=headers, **body) as answer:
            assert answer.status == (status if method == "POST" else 200), "a link from elsewhere may be followed"
        text = {"Content-Type": "text/plain"}
        async with client.post("/v1/check/batch", data=b"fine.example", headers=text) as answer:
            assert answer.status == 415, "a browser sends this without asking anybody"


@pytest.mark.parametrize(("proxies", "status"), [(["127.0.0.0/8"], 200), (["192.0.2.0/24"], 303), ([], 303)])
async def test_a_person_whom_a_trusted_proxy_names_may_look_and_not_act(proxies: list[str], status: int) -> None:
    keys = make_keys()
    settings = settings_of(api_keys=list(keys.lines), identity_header="X-Auth-Request-Email", trusted_proxies=proxies)
    headers = {"X-Auth-Request-Email": "jane@company.example"}
    async with running(settings) as client:
        async with client.get("/domains/fine.example", headers=headers) as answer:
            assert answer.status == status
        async with client.post("/overview/pause", data={"reason": "x"}, headers=headers) as answer:
            assert answer.status == (403 if status == 200 else 401)
