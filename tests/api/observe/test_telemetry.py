"""Spans of real requests, kept by the in-memory exporter of OpenTelemetry's own kit."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from spfcheck.api.observe.telemetry import ENDPOINT, Tracing, tracing_of
from tests.api.running import running

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


async def spans_of(*paths: str, **headers: str) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    async with running(tracing=Tracing(exporter)) as client:
        for path in paths:
            async with client.get(path, headers=headers) as answer:
                await answer.read()
    # The application is closed, so everything was sent.
    return list(exporter.get_finished_spans())


async def test_one_span_a_request_and_one_a_check() -> None:
    path = "/v1/check/fine.example?view=summary"
    check, first, second = await spans_of(path, path, traceparent=PARENT)
    assert (check.name, first.name) == ("check", "GET /v1/check/{domain}")
    assert first.kind is SpanKind.SERVER
    assert first.context.trace_id == check.context.trace_id == int(TRACE, 16)
    assert check.parent is not None
    assert check.parent.span_id == first.context.span_id
    assert first.attributes is not None
    assert first.attributes["http.response.status_code"] == 200
    assert (first.attributes["spfcheck.source"], second.attributes["spfcheck.source"]) == ("checked", "fresh")  # type: ignore[index]
    assert check.attributes is not None
    assert check.attributes["spfcheck.status"] == "ok"
    assert first.resource.attributes["service.name"] == "spfcheck"


async def test_no_span_names_a_domain() -> None:
    spans = await spans_of(
        "/v1/check/fine.example",
        "/v1/check/slow.example?wait_ms=0",
        "/v1/check/https%3A%2F%2Fsecret.example",
        "/nowhere",
    )
    assert len(spans) == 6
    for span in spans:
        told = span.to_json()
        assert "fine" not in told
        assert "slow" not in told
        assert "secret" not in told
        assert span.status.status_code is StatusCode.UNSET


def test_off_unless_an_endpoint_is_set() -> None:
    assert tracing_of({}) is None
    assert tracing_of({ENDPOINT: ""}) is None


def test_off_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert tracing_of({ENDPOINT: "http://127.0.0.1:4318"}) is None


def test_nothing_is_imported_while_it_is_off() -> None:
    code = (
        "import sys, spfcheck.serve.app\nfrom spfcheck.api.observe.telemetry import tracing_of\ntracing_of({})\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_on_with_an_endpoint() -> None:
    tracing = tracing_of({ENDPOINT: "http://127.0.0.1:9"})
    assert tracing is not None
    tracing.close()
