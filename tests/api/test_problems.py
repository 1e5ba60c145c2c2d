"""Every error of every route has one shape, says one sentence, and never what it should not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import yaml

from spfcheck.api.problems import ProblemKind
from spfcheck.api.routes import contract
from spfcheck.audit import examine as examine_module
from tests.api.running import Client, make_keys, running, settings_of

MEMBERS = {"type", "title", "status", "detail", "request_id"}

CASES: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/v1/check/localhost", {}, 400, "not-a-domain-name"),
    ("GET", "/v1/check/192.0.2.1", {}, 400, "not-a-domain-name"),
    ("GET", "/v1/check/https%3A%2F%2Ffine.example%2F", {}, 400, "not-a-domain-name"),
    ("GET", "/v1/check/" + "a" * 4000 + ".example", {}, 400, "not-a-domain-name"),
    ("GET", "/v1/check/a%00b.example", {}, 400, "not-a-domain-name"),
    ("GET", "/v1/check/%ff%fe.example", {}, 400, "not-a-domain-name"),
    ("GET", "/v1/check/fine.example?wait=1", {}, 400, "unknown-parameter"),
    ("GET", "/v1/check/fine.example?wait_ms=x", {}, 400, "invalid-parameter"),
    ("GET", "/v1/check/fine.example?wait_ms=-1", {}, 400, "invalid-parameter"),
    ("GET", "/v1/check/fine.example?wait_ms=99999999999", {}, 400, "invalid-parameter"),
    ("GET", "/v1/check/fine.example?fresh=yes", {}, 400, "invalid-parameter"),
    ("GET", "/v1/check/fine.example?view=full&view=full", {}, 400, "invalid-parameter"),
    ("POST", "/v1/check/fine.example", {}, 405, "method-not-allowed"),
    ("GET", "/v1/check", {}, 405, "method-not-allowed"),
    ("GET", "/v1/nothing", {}, 404, "not-found"),
    ("GET", "/v1/reports/nothing", {}, 404, "report-not-found"),
    ("GET", "/v1/reports/%F0%9F%92%A9", {}, 404, "report-not-found"),
    ("POST", "/v1/check", {"data": b"{}"}, 415, "unsupported-media-type"),
    ("POST", "/v1/check", {"json": {}}, 400, "invalid-body"),
    ("POST", "/v1/check", {"json": []}, 400, "invalid-body"),
    ("POST", "/v1/check", {"json": {"domain": 1}}, 400, "invalid-body"),
    ("POST", "/v1/check", {"json": {"domain": "fine.example", "recrod": ""}}, 400, "invalid-body"),
    ("POST", "/v1/check", {"json": {"domain": "fine.example", "record": "x" * 5000}}, 400, "invalid-body"),
    ("POST", "/v1/check", {"json": {"domain": "fine.example", "record": "x" * 70000}}, 413, "body-too-large"),
    ("POST", "/v1/check", {"json": {"domain": "jane@fine.example"}}, 400, "not-a-domain-name"),
    ("POST", "/v1/check?x=1", {"json": {"domain": "fine.example"}}, 400, "unknown-parameter"),
    ("POST", "/v1/check-host", {"json": {"ip": "1.2.3", "sender": "a@b.example"}}, 400, "not-an-ip-address"),
    ("POST", "/v1/check-host", {"json": {"ip": "10.0.0.0/8", "sender": "a@b.example"}}, 400, "not-an-ip-address"),
    (
        "POST",
        "/v1/check/batch",
        {"data": b"x", "headers": {"Content-Type": "image/png"}},
        415,
        "unsupported-media-type",
    ),
    ("GET", "/healthz?x=1", {}, 400, "unknown-parameter"),
    ("GET", "/healthz", {"headers": {"Host": "rebound.example"}}, 403, "not-local"),
    ("GET", "/v1/check/fine.example", {"headers": {"X-Forwarded-For": "192.0.2.1"}}, 403, "not-local"),
]


@pytest.mark.parametrize(("method", "path", "options", "status", "slug"), CASES)
async def test_problems_have_one_shape(method: str, path: str, options: dict[str, Any], status: int, slug: str) -> None:
    async with running() as client, client.request(method, path, **options) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        body = await answer.json()
        assert body.keys() - {"likely"} == MEMBERS
        assert body["type"] == f"/problems/{slug}"
        assert body["status"] == status
        assert body["detail"].endswith(".")
        assert body["detail"].isprintable()
        assert body["request_id"] == answer.headers["X-Request-Id"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if status == 405:
            assert answer.headers["Allow"]
        async with client.get(body["type"]) as page:
            assert page.status == 200


async def test_the_likely_domain_stands_in_the_problem() -> None:
    async with running() as client, client.post("/v1/check", json={"domain": "https://fine.example/x"}) as answer:
        assert (await answer.json())["likely"] == "fine.example"


async def test_an_unknown_exception_is_a_bare_500(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret is mellon")

    monkeypatch.setattr("spfcheck.checking.costly.examine", fail)
    async with running() as client, client.get("/v1/check/fine.example") as answer:
        text = await answer.text()
        body = json.loads(text)
    assert answer.status == 500
    assert "mellon" not in text
    logged = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    failed = [line for line in logged if line["event"] == "failed"]
    assert failed[0]["id"] == body["request_id"]
    assert "the secret is mellon" in failed[0]["exception"]
    assert examine_module is not None


async def test_every_problem_has_a_page_for_everybody() -> None:
    keys = make_keys()
    async with running(settings_of(api_keys=list(keys.lines))) as client:
        for kind in ProblemKind:
            async with client.get(f"/problems/{kind.slug}") as answer:
                assert answer.status == 200
                assert kind.value.title in await answer.text()


def test_the_contract_names_every_problem() -> None:
    text = contract().decode()
    pages_only = {
        ProblemKind.NOT_FOUND,
        ProblemKind.METHOD_NOT_ALLOWED,
        ProblemKind.URI_TOO_LONG,
        ProblemKind.NOT_LOCAL,
    }
    for kind in set(ProblemKind) - pages_only:
        assert kind.slug in text
    assert yaml.safe_load(text)["openapi"].startswith("3.1")


async def raw(client: Client, request: str) -> tuple[int, dict[str, str], bytes]:
    """What comes for bytes that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(client.url.rpartition(":")[2]))
    writer.write(request.encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize(
    "target", ["OPTIONS *", "CONNECT a.example:443", "GET http://a.example", "GET /a%0ab", "TRACE /"]
)
async def test_what_names_no_route_is_refused_with_all_headers(target: str, capfd: pytest.CaptureFixture[str]) -> None:
    async with running() as client:
        status, headers, _ = await raw(client, f"{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status in (404, 405)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "spfcheck"
    logged = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (line,) = [line for line in logged if line["event"] == "request"]
    assert (line["id"], line["route"], line["status"]) == (headers["X-Request-Id"], "unknown", status)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/check/fine.example", "GET, HEAD"),
        ("GET", "/v1/check/batch", "POST"),
        ("PUT", "/sign-in", "GET, HEAD, POST"),
    ],
)
async def test_allow_names_the_methods_of_the_route(method: str, path: str, allowed: str) -> None:
    async with running() as client, client.request(method, path) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/v1/check/https%3A%2F%2Ffine.example", "/v1/nothing", "/v1/check?x=%0d%0aX-Evil:1"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://spf.company.example"])
async def test_every_way_of_asking_gets_the_same_refusal(path: str, url: str) -> None:
    """A refusal whose bytes are ready is one that aiohttp would make."""
    asked: list[tuple[int, dict[str, str], bytes]] = []
    async with running(settings_of(public_url=url)) as client:
        for head in ("GET {} HTTP/1.1", "GET {} HTTP/1.0", "HEAD {} HTTP/1.1"):
            lines = (head.format(path), "Host: localhost", "Connection: close", "X-Request-Id: same-for-all", "", "")
            status, headers, body = await raw(client, "\r\n".join(lines))
            told = {name.lower(): value for name, value in headers.items()}
            del told["date"]
            told.pop("connection", None)
            asked.append((status, told, body or asked[0][2]))
    assert asked[1:] == asked[:1] * 2
    status, headers, body = asked[0]
    assert json.loads(body)["status"] == status
    assert headers["content-length"] == str(len(body))
    assert ("strict-transport-security" in headers) == url.startswith("https")
