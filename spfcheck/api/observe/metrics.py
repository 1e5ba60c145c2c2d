"""What the service counts. No label ever holds a domain, an address or a key's text: their number has no bound.

Counting happens on every request, so it is an addition in a dictionary; the families that Prometheus reads are made
when it asks for them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
"""Upper bounds of the classes of request times."""


@dataclass(slots=True)
class Now:
    """What is, and is not counted: over several processes the first two are added, and all have to be ready."""

    flights: int = 0
    """Checks under way."""
    shelf: int = 0
    """Domains whose latest report is in memory."""
    ready: bool = False

    def join(self, other: Now) -> None:
        """Add what another process says."""
        self.flights += other.flights
        self.shelf += other.shelf
        self.ready = self.ready and other.ready


class Metrics:
    """The counts of one service; the registry is passed in so that two services in one process do not mix."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests: Counter[tuple[str, int]] = Counter()
        self.answers: Counter[tuple[str, str]] = Counter()
        self.refusals: Counter[str] = Counter()
        self.disagreements = 0
        self.local_spends = 0
        self.costly = 0
        self.lost_reports = 0
        self.closed: Counter[str] = Counter()
        """Connections that were ended or turned away, by why."""
        self.cut_short: Counter[tuple[str, str]] = Counter()
        """Jobs in processes of their own that a bound ended, by kind and bound."""
        self.now = Now()
        self._times: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(SECONDS) + 1))
        self._sums: defaultdict[str, float] = defaultdict(float)
        registry.register(self)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one request that was answered."""
        self.requests[route, status] += 1
        self._times[route][bisect_left(SECONDS, seconds)] += 1
        self._sums[route] += seconds

    def told(self) -> dict[str, Any]:
        """Everything as plain values, for another process to `join`."""
        return {
            "requests": [[*labels, number] for labels, number in self.requests.items()],
            "answers": [[*labels, number] for labels, number in self.answers.items()],
            "refusals": self.refusals,
            "disagreements": self.disagreements,
            "local_spends": self.local_spends,
            "costly": self.costly,
            "lost_reports": self.lost_reports,
            "closed": self.closed,
            "cut_short": [[*labels, number] for labels, number in self.cut_short.items()],
            "times": self._times,
            "sums": self._sums,
            "now": asdict(self.now),
        }

    def join(self, told: Mapping[str, Any], *, alive: bool = True) -> None:
        """Add what another process has told; of one that is no longer *alive* what it has counted."""
        for route, status, number in told["requests"]:
            self.requests[route, status] += number
        for source, status, number in told["answers"]:
            self.answers[source, status] += number
        self.refusals.update(told["refusals"])
        self.disagreements += told["disagreements"]
        self.local_spends += told["local_spends"]
        self.costly += told["costly"]
        self.lost_reports += told["lost_reports"]
        self.closed.update(told["closed"])
        for kind, why, number in told["cut_short"]:
            self.cut_short[kind, why] += number
        for route, classes in told["times"].items():
            self._times[route] = [one + other for one, other in zip(self._times[route], classes, strict=True)]
            self._sums[route] += told["sums"][route]
        if alive:
            self.now.join(Now(**told["now"]))

    def collect(self) -> Iterable[Metric]:
        """The families, for the registry."""
        requests = CounterMetricFamily(
            "spfcheck_requests", "Requests answered, by route and status.", labels=["route", "status"]
        )
        for (route, status), number in self.requests.items():
            requests.add_metric([route, str(status)], number)
        yield requests
        yield self._histogram()
        answers = CounterMetricFamily(
            "spfcheck_answers", "Answers about a domain, by source and status.", labels=["source", "status"]
        )
        for (source, status_), number in self.answers.items():
            answers.add_metric([source, status_], number)
        yield answers
        refusals = CounterMetricFamily(
            "spfcheck_refusals", "Requests refused before any work, by problem.", labels=["problem"]
        )
        for problem, number in self.refusals.items():
            refusals.add_metric([problem], number)
        yield refusals
        yield CounterMetricFamily(
            "spfcheck_opinion_disagreements",
            "Reports on which the second engine disagrees.",
            value=self.disagreements,
        )
        yield CounterMetricFamily(
            "spfcheck_local_quota_decisions",
            "Spends on a shared ceiling that this process decided alone, since the database did not answer.",
            value=self.local_spends,
        )
        yield CounterMetricFamily(
            "spfcheck_costly_checks", "Checks that were made in a process of their own.", value=self.costly
        )
        yield CounterMetricFamily(
            "spfcheck_lost_reports",
            "Reports that could not be kept: permalinks that lead nowhere.",
            value=self.lost_reports,
        )
        closed = CounterMetricFamily(
            "spfcheck_connections_closed", "Connections that were ended or turned away, by why.", labels=["why"]
        )
        for why, number in self.closed.items():
            closed.add_metric([why], number)
        yield closed
        cut_short = CounterMetricFamily(
            "spfcheck_jobs_cut_short",
            "Jobs in processes of their own that were ended by a bound, by kind and bound.",
            labels=["kind", "why"],
        )
        for (kind, why), number in self.cut_short.items():
            cut_short.add_metric([kind, why], number)
        yield cut_short
        yield GaugeMetricFamily("spfcheck_checks_under_way", "Checks under way now.", value=self.now.flights)
        yield GaugeMetricFamily(
            "spfcheck_reports_at_hand", "Domains whose latest report is in memory.", value=self.now.shelf
        )
        yield GaugeMetricFamily("spfcheck_ready", "1 when the service is ready.", value=int(self.now.ready))

    def _histogram(self) -> Metric:
        times = HistogramMetricFamily("spfcheck_request_seconds", "Seconds to answer, by route.", labels=["route"])
        for route, classes in self._times.items():
            total = 0
            buckets: list[tuple[str, float]] = []
            for bound, number in zip((*map(str, SECONDS), "+Inf"), classes, strict=True):
                total += number
                buckets.append((bound, total))
            times.add_metric([route], buckets=buckets, sum_value=self._sums[route])
        return times

    def text(self) -> bytes:
        """All of them in the text format that Prometheus reads."""
        return generate_latest(self.registry)
