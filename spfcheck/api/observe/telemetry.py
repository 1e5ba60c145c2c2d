"""OpenTelemetry: one span a request and one a check, for whoever has a collector.

On where the extra `otel` is installed and `OTEL_EXPORTER_OTLP_ENDPOINT` is set; the exporter and the sampler read the
other variables of OpenTelemetry's specification themselves. Nothing of it is imported otherwise. A span holds what the
request's line in the log holds, but no domain: spans are often kept by others.
"""
# ruff: noqa: PLC0415 - an optional extra is imported only when it is asked for

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

PRIVATE = frozenset({"domain"})
"""Notes of a request that stay in the log."""


class Checked(Protocol):
    """What a check came to, as far as its span tells of it."""

    @property
    def status(self) -> str:
        """The report's status."""

    @property
    def result(self) -> str:
        """The RFC's result for our senders."""

    @property
    def questions(self) -> int:
        """How many the DNS was asked."""


C = TypeVar("C", bound=Checked)


class Tracing:
    """The spans of one process, sent to *exporter* from a thread of their own."""

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before our name.
        named = Resource({SERVICE_NAME: "spfcheck"}).merge(Resource.create())
        if str(named.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            named = named.merge(Resource({SERVICE_NAME: "spfcheck"}))
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("spfcheck")

    @contextmanager
    def request(self, method: str, route: str, headers: Mapping[str, str]) -> Iterator[Span]:
        """A span of one request; part of the caller's trace where its `traceparent` says so."""
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind

        with self._tracer.start_as_current_span(
            f"{method} {route}",
            context=extract(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route},
            # An exception's text may name a domain.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    async def check(self, work: Awaitable[C]) -> C:
        """*work* in a span of one check, below the request that began it."""
        from opentelemetry.trace import StatusCode

        with self._tracer.start_as_current_span("check", record_exception=False, set_status_on_exception=False) as span:
            try:
                made = await work
            except BaseException as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise
            span.set_attribute("spfcheck.status", made.status)
            span.set_attribute("spfcheck.result", made.result)
            span.set_attribute("spfcheck.questions", made.questions)
            return made

    def close(self) -> None:
        """Send what waits, and end; may block for some seconds."""
        self._provider.shutdown()


def note_request(span: Span, status: int, notes: dict[str, Any], *, request_id: str, caller: str) -> None:
    """Say how a request ended."""
    from opentelemetry.trace import StatusCode

    span.set_attribute("http.response.status_code", status)
    span.set_attribute("spfcheck.request_id", request_id)
    span.set_attribute("spfcheck.caller", caller)
    for name, value in notes.items():
        if name not in PRIVATE:
            span.set_attribute(f"spfcheck.{name}", value)
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def tracing_of(environ: Mapping[str, str]) -> Tracing | None:
    """Tracing as *environ* asks for it; None where it does not, or where the extra is not installed."""
    if not environ.get(ENDPOINT):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        return None
    return Tracing(OTLPSpanExporter())
