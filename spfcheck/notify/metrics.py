"""The state of the notifier for Prometheus: read from the ledger, since a nightly job is gone when it is asked."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from spfcheck.notify.model import NoticeState, NotifyStatus


def exposition(status: NotifyStatus) -> bytes:
    """*status* in Prometheus's text format, for ``/metrics`` or a file that a node exporter reads."""
    registry = CollectorRegistry()
    letters = Gauge("spfcheck_notify_letters", "Letters of the ledger, by state.", ["state"], registry=registry)
    for state in NoticeState:
        letters.labels(state.value).set(status.states.get(state.value, 0))
    single = {
        "spfcheck_notify_last_plan_timestamp_seconds": ("When the newest plan was made.", status.last_plan_at),
        "spfcheck_notify_last_sent_timestamp_seconds": ("When the newest message went out.", status.last_sent_at),
        "spfcheck_notify_last_success_timestamp_seconds": (
            "When a run last came to its end by itself; worth an alert after 30 hours.",
            status.last_success_at,
        ),
        "spfcheck_notify_open_episodes": ("Domains that are broken as far as plans know.", status.open_episodes),
        "spfcheck_notify_brakes": ("Brakes that tripped and were not lifted.", len(status.brakes)),
        "spfcheck_notify_unchecked_domains": (
            "Domains of the newest night that no worker could check.",
            status.unchecked,
        ),
        "spfcheck_notify_night_since_timestamp_seconds": (
            "When the night began that workers are planning now; 0 while they plan none.",
            status.night_since,
        ),
        "spfcheck_notify_paused": ("1 while sending is paused.", bool(status.paused)),
    }
    for name, (words, value) in single.items():
        Gauge(name, words, registry=registry).set(float(value))
    return generate_latest(registry)
