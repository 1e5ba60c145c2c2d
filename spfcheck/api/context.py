"""What the parts of the service find in the application and in a request; typed keys, made once in `app.create_app`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web

from spfcheck.api.keys import Key, Keyring, Scope
from spfcheck.api.observe.fleet import Fleet
from spfcheck.api.observe.gauges import LedgerGauges
from spfcheck.api.observe.logs import RequestLines
from spfcheck.api.observe.metrics import Metrics
from spfcheck.api.observe.seldom import Seldom
from spfcheck.api.observe.telemetry import Tracing
from spfcheck.api.quota.gcra import Ceiling
from spfcheck.api.quota.leases import Leases
from spfcheck.api.reports.checks import Checks
from spfcheck.api.signed_out import SignedOut
from spfcheck.processes import JobProcesses
from spfcheck.resolver.canary import ResolverCheck
from spfcheck.settings import Settings


@dataclass(slots=True)
class Readiness:
    """Whether the service wants requests, and if not, why."""

    stopping: bool = False
    reasons: Callable[[], Awaitable[tuple[str, ...]]] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    name: str
    """The key's id, the signed-in person, or ``local``."""
    key: Key | None
    scopes: frozenset[Scope]
    signed_in: bool = False
    """True when a cookie says so, which a form that acts has to confirm by its token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything that the routes share."""

    settings: Settings
    protection: Mapping[str, str]
    """The headers of every answer that protect whoever reads it in a browser."""
    json_fields: str
    """The same as they are sent with a report, for answers whose bytes are ready."""
    checks: Checks
    keyring: Keyring
    keys_required: bool
    quotas: Ceiling
    leases: Leases | None
    """What batches may check, where there is a ceiling for them."""
    metrics: Metrics
    clock: Callable[[], float]
    readiness: Readiness
    batch_places: asyncio.Semaphore
    """Checks under way for all batches together; a full lane stops the reading of their lines."""
    processes: Sequence[JobProcesses]
    """Those in which pyspf and costly checks run."""
    batches: Counter[str] = field(default_factory=Counter)
    """How many batches each caller has under way."""
    log: structlog.typing.FilteringBoundLogger
    lines: RequestLines
    seldom: Seldom
    """The log for what may come with every request."""
    watch: ResolverCheck | None = None
    """Looks at the resolvers, where they are on the network."""
    notifier: Any = None
    """The notifier's view for the pages, where there is a ledger."""
    ledger: LedgerGauges | None = None
    """What a monitor is told of the notifier, where there is a ledger."""
    fleet: Fleet | None = None
    """Where the processes of a service tell each other what they count; None where there is one."""
    tracing: Tracing | None = None
    """Makes spans, where OpenTelemetry is on."""
    secret: bytes = b""
    """Signs sessions."""
    signed_out: SignedOut = field(default_factory=SignedOut)
    """The sessions that people have left."""
    background: set[Any] = field(default_factory=set)


SERVICE = web.AppKey("service", Service)
REQUEST_ID = web.RequestKey("request_id", str)
CALLER = web.RequestKey("caller", Caller)
NOTES: web.RequestKey[dict[str, Any]] = web.RequestKey("notes", dict)
"""What a handler adds to the request's line in the log."""


def service_of(request: web.Request) -> Service:
    """The service that answers *request*."""
    return request.app[SERVICE]
