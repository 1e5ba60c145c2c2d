"""What the service counts. No label ever holds a domain, an address or a key's text: their number has no bound."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)


class Metrics:
    """The counters of one service; the registry is passed in so that two services in one process do not mix."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "spfcheck_requests_total", "Requests answered, by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "spfcheck_request_seconds", "Seconds to answer, by route.", ["route"], buckets=SECONDS, registry=registry
        )
        self.answers = Counter(
            "spfcheck_answers_total",
            "Answers about a domain, by source and status.",
            ["source", "status"],
            registry=registry,
        )
        self.disagreements = Counter(
            "spfcheck_opinion_disagreements_total", "Reports on which the second engine disagrees.", registry=registry
        )
        self.refusals = Counter(
            "spfcheck_refusals_total", "Requests refused before any work, by problem.", ["problem"], registry=registry
        )
        self.flights = Gauge("spfcheck_checks_under_way", "Checks under way now.", registry=registry)
        self.shelf = Gauge("spfcheck_reports_at_hand", "Domains whose latest report is in memory.", registry=registry)
        self.ready = Gauge("spfcheck_ready", "1 when the service is ready.", registry=registry)

    def text(self) -> bytes:
        """All of them in the text format that Prometheus reads."""
        return generate_latest(self.registry)
