"""The application: everything that the routes share, put together once. Tests and the demo run it in their process."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from spfcheck.api import frame
from spfcheck.api.context import SERVICE, Readiness, Service
from spfcheck.api.fast_response import fields
from spfcheck.api.keys import Key, Keyring, parse_line
from spfcheck.api.observe.fleet import WRITE_SECONDS, Fleet
from spfcheck.api.observe.gauges import LedgerGauges
from spfcheck.api.observe.logs import RequestLines, request_now
from spfcheck.api.observe.metrics import Metrics
from spfcheck.api.observe.seldom import Seldom
from spfcheck.api.observe.telemetry import Tracing
from spfcheck.api.params import MAX_BODY
from spfcheck.api.problems import protection
from spfcheck.api.quota.gcra import Ceiling, Quotas, Rate
from spfcheck.api.quota.leases import Leases
from spfcheck.api.quota.shared import QuotaTable, SharedQuotas
from spfcheck.api.reports.checks import Bench, Checks, ReportKeeper
from spfcheck.api.reports.entries import Shelf, wall_clock
from spfcheck.api.reports.in_memory import Shelved
from spfcheck.api.reports.opinions import Opinionated
from spfcheck.api.routes import ROUTES, reasons_not_ready, take_stock
from spfcheck.api.signed_out import SignedOut
from spfcheck.audit.second_opinion import engines, load_pyspf
from spfcheck.audit.senders import Ours
from spfcheck.checking.costly import CostlyChecks
from spfcheck.checking.senders import OurSenders, profiles_of
from spfcheck.processes import CutShortError, JobError
from spfcheck.resolver.canary import EVERY_SECONDS, ResolverCheck
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.types import Lookup
from spfcheck.settings import Settings

SHELF_BYTES = 48 * 1024 * 1024
"""Memory for reports at hand: several thousand in full."""

DRAIN_SECONDS = 8.0
"""How long checks under way may go on once the service stops; an orchestrator kills after 30 s by default."""

KEYS_SECONDS = 10.0
"""How often stored keys are read again: a revoked one is refused everywhere within so long and a database's answer."""


IDS_AT_ONCE = 64
"""Report ids made by one call of the system, which costs as much as fifteen of them."""

READY_SECONDS = 1.0
"""How often a process looks whether it is ready, for its metrics; `/readyz` looks each time."""


class ReportIds:
    """Ids that nobody guesses: at least 128 random bits each, asked of the system for many at a time."""

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._texts: list[str] = []

    def __call__(self) -> str:
        """The next one, in letters, digits, `-` and `_`."""
        if not self._texts:
            raw = self._random_bytes(18 * IDS_AT_ONCE)
            text = base64.urlsafe_b64encode(raw).decode("ascii")
            self._texts = [text[start : start + 22] for start in range(0, len(text), 24)]
        return self._texts.pop()


def create_app(
    settings: Settings,
    lookup: Lookup,
    ours: Callable[[], Awaitable[Ours]] | None = None,
    *,
    keeper: ReportKeeper | None = None,
    stored_keys: Callable[[], Iterable[Key]] | None = None,
    signed_out: SignedOut | None = None,
    notifier: Any = None,
    ledger: LedgerGauges | None = None,
    tracing: Tracing | None = None,
    quota_table: QuotaTable | None = None,
    fleet: Fleet | None = None,
    clock: Callable[[], float] = wall_clock,
    new_id: Callable[[], str] | None = None,
    registry: CollectorRegistry | None = None,
    secret: bytes | None = None,
) -> web.Application:
    """The service over *lookup*.

    *ours* yields our senders as they are known; by default they are read from the settings through *lookup*.
    *keeper* holds reports for their permalinks, in memory by default. *ledger* tells a monitor of the notifier.
    *tracing* makes spans, and is closed with the application. *quota_table* is where ceilings are counted for all
    processes together; without it each process has its own. By *fleet* processes tell each other what they count.
    *stored_keys* yields the keys that a database holds, *signed_out* the sessions that were left. *secret* signs
    sessions, which end with the process unless it is given.
    Raises `KeyFormatError` for a line of `api_keys` that is none.
    """
    keyring = Keyring([parse_line(line) for line in settings.api_keys], stored_keys or tuple)
    metrics = Metrics(registry or CollectorRegistry())
    profiles = profiles_of(settings)
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    def disagreed(found: Opinionated) -> None:
        metrics.disagreements += 1
        log.warning(
            "opinions differ", domain=found.entry.domain, report_id=found.entry.report_id, result=found.result,
            detail=found.detail,
        )  # fmt: skip

    def costs(domain: str) -> None:
        log.info("costly check", domain=domain, id=request_now.get())

    def decided_alone() -> None:
        metrics.local_spends += 1

    def ceiling(kind: str, per_minute: int) -> Ceiling:
        own = Quotas(Rate(per_minute, 60.0), clock)
        return own if quota_table is None else SharedQuotas(quota_table, kind, own, clock, decided_alone)

    watch = None
    if isinstance(lookup, Resolver):
        watch = ResolverCheck(lookup, [profile.include for profile in profiles], clock=time.monotonic)
    bench = Bench(
        lookup=lookup,
        mail_from=settings.mail_from,
        helo=settings.helo,
        clock=clock,
        new_id=new_id or ReportIds(),
    )
    checks = Checks(
        bench,
        ours or OurSenders(profiles, lookup, clock, watch).current,
        shelf=Shelf(SHELF_BYTES),
        keeper=keeper or Shelved(),
        costly=CostlyChecks(settings.costly_processes, costs),
        cold_lane=settings.cold_lane,
        on_disagreement=disagreed,
        tracing=tracing,
    )
    engines().number = settings.opinion_processes
    headers = protection(settings.public_url)
    service = Service(
        settings=settings,
        protection=headers,
        json_fields=fields({"Content-Type": "application/json", **headers}),
        checks=checks,
        keyring=keyring,
        keys_required=bool(len(keyring)),
        quotas=ceiling("check", settings.cold_per_minute),
        leases=Leases(ceiling("batch", settings.batch_per_minute), clock) if settings.batch_per_minute else None,
        metrics=metrics,
        clock=clock,
        readiness=Readiness(),
        batch_places=asyncio.Semaphore(settings.batch_lane),
        processes=(engines(), checks.costly.processes),
        log=log,
        lines=RequestLines(log),
        seldom=Seldom(log),
        watch=watch,
        notifier=notifier,
        ledger=ledger,
        fleet=fleet,
        tracing=tracing,
        secret=secret or secrets.token_bytes(32),
        signed_out=signed_out or SignedOut(),
    )
    return _application(service)


def _application(service: Service) -> web.Application:
    from spfcheck.web import pages  # noqa: PLC0415 - the pages know the service's context

    app = web.Application(client_max_size=MAX_BODY)
    app[SERVICE] = service
    frame.add_routes(app, (*ROUTES, *pages.ROUTES))
    pages.set_up(app)
    app.on_response_prepare.append(frame.add_headers)
    app.on_startup.append(_start)
    app.on_shutdown.append(_stop)
    app.on_cleanup.append(_close)
    return app


async def _start(app: web.Application) -> None:
    service = app[SERVICE]
    service.background.add(asyncio.create_task(_reload_keys(service)))
    service.background.add(asyncio.create_task(_keep_readiness(service)))
    if service.fleet is not None:
        service.background.add(asyncio.create_task(_keep_telling(service, service.fleet)))
    service.background.add(asyncio.create_task(_load_pyspf(service)))
    if service.watch is not None:
        # The first look is what the first wait for our senders begins with; nothing else waits for it.
        service.background.add(asyncio.create_task(_keep_looking(service.watch)))


async def _load_pyspf(service: Service) -> None:
    """Have the second engine ready before somebody waits for it."""
    try:
        await engines().run(f"{load_pyspf.__module__}:{load_pyspf.__name__}")
    except (CutShortError, JobError) as error:
        service.log.error("the second engine cannot be started", exc_info=error)


async def _keep_looking(watch: ResolverCheck) -> None:
    await asyncio.sleep(EVERY_SECONDS)
    await watch.run()


async def _reload_keys(service: Service) -> None:
    while True:
        await asyncio.sleep(KEYS_SECONDS)
        try:
            await asyncio.to_thread(service.keyring.reload)
            await asyncio.to_thread(service.signed_out.reload, service.clock())
        except Exception as error:  # noqa: BLE001 - whatever it is, the next time may be better
            service.seldom.error("the stored keys cannot be read", why=str(error)[:500])


async def _keep_readiness(service: Service) -> None:
    """Know of it when a monitor asks, who must not wait for the DNS; and tell of it when that changes."""
    last: tuple[str, ...] | None = None
    while True:
        try:
            reasons = await reasons_not_ready(service)
            service.metrics.now.ready = not reasons
            if reasons != last:
                last = reasons
                if reasons:
                    service.log.warning("not ready", reasons=list(reasons))
                else:
                    service.log.info("ready")
        except Exception as error:  # noqa: BLE001 - the same
            service.metrics.now.ready = False
            service.seldom.error("whether the service is ready cannot be told", exc_info=error)
        await asyncio.sleep(READY_SECONDS)


async def _keep_telling(service: Service, fleet: Fleet) -> None:
    while True:
        try:
            take_stock(service)
            fleet.tell(service.metrics)
        except Exception as error:  # noqa: BLE001 - the same
            service.seldom.error("the counts cannot be told", exc_info=error)
        await asyncio.sleep(WRITE_SECONDS)


async def _stop(app: web.Application) -> None:
    service = app[SERVICE]
    service.readiness.stopping = True
    for task in service.background:
        task.cancel()
    await service.checks.drain(DRAIN_SECONDS)
    service.lines.flush()


async def _close(app: web.Application) -> None:
    service = app[SERVICE]
    await asyncio.to_thread(service.checks.costly.processes.close)
    if service.fleet is not None:
        with contextlib.suppress(OSError):  # what the last second brought is lost; nobody is left to be told
            service.fleet.tell(service.metrics, last=True)
    tracing = service.tracing
    if tracing is not None:
        await asyncio.to_thread(tracing.close)
