"""What workers do for a night: each step claims its row, does what one machine does, and hands the row on.

Nothing here relies on the engine: a step that comes twice, late, or to the wrong worker finds that its row is not to be
had, and ends. Nothing raises: what went wrong is written into the row, which is tried again or given up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from sqlalchemy.engine import Engine

from spfcheck.cluster.chunks import Chunks, Claim, Examination
from spfcheck.cluster.errands import Errands
from spfcheck.cluster.found import total
from spfcheck.cluster.nights import Errand, Night, Nights, NightState, StaleError, Task, clear, move, touch
from spfcheck.cluster.room import Room
from spfcheck.cluster.roster import SharedBook, SharedRoster
from spfcheck.intercom.answers import ApiError, TokenRefusedError, UnavailableError
from spfcheck.intercom.client import Intercom
from spfcheck.notify.audience.gather import enter, gather
from spfcheck.notify.audience.query import People
from spfcheck.notify.audience.roster import Gathered
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.archive import Archive, Sighting
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.shared_night import ChunkState
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import NotifyError, Plan, Reason, RefusedError
from spfcheck.notify.notifier import Notifier
from spfcheck.notify.planning.checks import DomainChecks, our_domains
from spfcheck.notify.planning.plan import Examined, Examiner
from spfcheck.notify.planning.settle import Around, Settlement, Sum, look_around
from spfcheck.settings import Settings
from spfcheck.store.database import PatientThread, passes
from spfcheck.store.error import StoreError

T = TypeVar("T")

LOOKS = 3
"""How often a plan is sent again for messages that were unclear; then the next night sees to it, or a person."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Stopping(Exception):  # noqa: N818 - an order, not a fault
    """The work goes back, for no fault of its own: the worker is to end, or lost the database in the middle."""


class UnfitError(NotifyError):
    """This worker's own view of the DNS is not to be trusted."""


class Work:
    """The steps of a night, for one process. *stop* ends it in order; what it holds goes back."""

    def __init__(
        self,
        settings: Settings,
        *,
        engine: Engine,
        intercom: Intercom,
        checks: DomainChecks,
        stop: asyncio.Event,
        guards: Guards | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.stop = stop
        self.guards = guards or Guards.from_settings(settings.notify)
        self._present = Guards.now if guards is None else None
        self.clock = clock
        self.write = PatientThread(stop, lambda sentence: log.warning("database-lost", why=sentence))
        workspace = settings.intercom.workspace
        self.ask = Errands(workspace)
        self.nights = Nights(engine, workspace, ask=self.ask, retry_after=settings.night.stalled_seconds)
        self.chunks = Chunks(self.nights)
        self._room = Room()
        self._intercom = intercom
        self._checks = checks
        self._people = People.of(settings.notify)
        self._ledger = Ledger(engine, workspace)
        self._stops = Stops(engine, workspace, self.guards.pause_file)
        Archive(engine, workspace).same_key(self._people)

    async def begin(self, due: int) -> None:
        """Begin the night that was due then, unless it was begun, or another is being planned."""
        plan_id = await self.write(self.nights.begin, due=due, now=self.clock(), max_age=self.guards.plan_max_age)
        log.info("night-begun" if plan_id else "night-not-begun", plan=plan_id, due=due)

    async def begin_sending(self) -> None:
        """Have the newest plan sent, where one stands."""
        log.info("sending-asked", plan=await self.write(self.nights.send, self.clock()))

    async def plan_night(self, plan_id: str, worker: int) -> None:
        """Gather the audience of a night and part it into chunks."""
        night = await self._claim(plan_id, NightState.GATHERING, worker)
        if night is not None:
            await self._hold(night, self._plan(night))

    async def finish_plan(self, plan_id: str, worker: int) -> None:
        """Make the plan of a night whose chunks are all in."""
        night = await self._claim(plan_id, NightState.DECIDING, worker)
        if night is not None:
            await self._hold(night, self._finish(night))

    async def send_messages(self, plan_id: str, worker: int) -> None:
        """Send a night's plan, within what the guards allow."""
        night = await self._claim(plan_id, NightState.SENDING, worker)
        if night is not None:
            await self._hold(night, self._send(night), interrupt=False)

    async def audit_chunk(self, plan_id: str, number: int, worker: int) -> None:
        """Examine the domains of one chunk.

        One that has its last attempt is alone in its process: it may end the process, and whoever was beside it would
        be given up with it.
        """
        last = await self.write(self.chunks.last_attempt, plan_id, number)
        async with self._room.alone() if last else self._room.beside():
            await self._audit_chunk(plan_id, number, worker)

    async def _audit_chunk(self, plan_id: str, number: int, worker: int) -> None:
        claim = await self.write(self.chunks.claim, plan_id, number, worker=worker, now=self.clock())
        if claim is None:
            return
        about = {"plan": plan_id, "chunk": number, "attempt": claim.attempts}
        log.info("chunk-claimed", worker=worker, **about)
        try:
            await self._unless_stopped(self._audit(claim))
        except Stopping:
            await self._told(self.write(self.chunks.put_back, claim, self.clock()), about)
        except StaleError as error:
            log.warning("chunk-taken-over", why=str(error), **about)
        except Exception as error:
            sentence = _sentence(error)
            log.warning("chunk-failed", why=sentence, exc_info=_unexpected(error), **about)
            self.report(claim, sentence, await self._told(self.write(self.chunks.fail, claim, sentence, self.clock())))
            if isinstance(error, UnfitError):
                # It fails chunks faster than fit workers examine them: unless it waits, it has soon failed all of them.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.stop.wait(), self.nights.retry_after)

    def report(self, claim: Claim, sentence: str, stands: ChunkState | None) -> None:
        """Log a chunk that was given up, for whoever watches for errors, and one that was parted."""
        about = {"plan": claim.plan_id, "chunk": claim.number, "domains": claim.size, "why": sentence}
        if stands is ChunkState.GIVEN_UP:
            log.error("chunk-given-up", **about)
        elif stands is ChunkState.PARTED:
            log.warning("chunk-parted", **about)

    async def _claim(self, plan_id: str, state: NightState, worker: int) -> Night | None:
        return await self.write(self.nights.claim, plan_id, state, worker=worker, now=self.clock())

    async def _hold(self, night: Night, work: Coroutine[Any, Any, None], *, interrupt: bool = True) -> None:
        about = {"plan": night.plan_id, "state": night.state, "attempt": night.attempts}
        log.info("night-claimed", worker=night.worker, **about)
        try:
            await (self._unless_stopped(work) if interrupt else work)
        except Stopping:
            after = 0.0 if self.stop.is_set() else self.nights.retry_after
            await self._told(self.write(self.nights.put_back, night, self.clock(), after=after), about)
        except StaleError as error:
            log.warning("night-taken-over", why=str(error), **about)
        except Exception as error:
            sentence = _sentence(error)
            log.warning("night-step-failed", why=sentence, exc_info=_unexpected(error), **about)
            if await self._told(self.write(self.nights.fail, night, sentence, self.clock())):
                log.error("night-failed", why=sentence, **about)

    async def _told(self, writing: Awaitable[T], about: dict[str, Any] | None = None) -> T | None:
        """Write down how a step ended; None where it is another's by now, or the database is gone and we are ending."""
        try:
            return await writing
        except (NotifyError, StoreError) as error:
            log.warning("not-written-down", why=str(error), **(about or {}))
            return None

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """What *work* gives; raises `Stopping` when the worker is to end first."""
        working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise Stopping
        finally:
            stopping.cancel()
            working.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _plan(self, night: Night) -> None:
        workspace = await enter(self.settings, self._intercom, self.guards.mark_tag)
        health = await self._checks.health()
        book = SharedBook(self.engine, night, health, self.write, self.clock)

        async def read(so_far: Gathered) -> Gathered:
            return await gather(self.settings, self._intercom, self._people, workspace, book, so_far=so_far)

        try:
            gathered = await read(await book.so_far())
        except (UnavailableError, TokenRefusedError):
            raise
        except ApiError as error:
            # The API does not promise how long a cursor lives, and a page that was written twice looks like an endless
            # search: once, from the beginning.
            log.warning("gathering-anew", plan=night.plan_id, why=str(error))
            await book.forget()
            gathered = await read(Gathered())
        await book.take([], gathered)
        many = await self.write(self.chunks.cut, night, self.clock())
        log.info("night-gathered", plan=night.plan_id, contacts=gathered.received, chunks=many)

    async def _audit(self, claim: Claim) -> None:
        # Each worker judges by its own resolver: one that lies must not judge at all.
        health = await self._checks.health()
        if health.resolver or health.senders:
            raise UnfitError(f"This worker may not judge: {health.resolver or health.senders}")
        names = await self.write(self.chunks.domains, claim)
        examiner = Examiner(self._checks, self.guards, self.clock, our_domains(self.settings))
        sightings: list[Sighting] = []
        found: list[Examined] = []
        async for sighting, examined in examiner.each(names):
            sightings.append(sighting)
            if examined is not None:
                found.append(examined)
                if examined.judgement.reason is Reason.NOT_CHECKED:
                    log.error(
                        "domain-given-up", plan=claim.plan_id, domain=examined.domain, why=examined.judgement.detail
                    )
        examination = Examination(tally=examiner.tally, sightings=sightings, found=found)
        await self.write(self.chunks.complete, claim, examination, self.clock())
        log.info("chunk-done", plan=claim.plan_id, chunk=claim.number, domains=len(sightings))

    async def _finish(self, night: Night) -> None:
        await enter(self.settings, self._intercom, self.guards.mark_tag)
        around = await look_around(self._intercom, self._ledger, self.write, night.health, self.clock())
        plan = await self.write(self._settle, night, around)
        log.info("night-planned", plan=plan.id, totals=dict(plan.totals), brakes=[brake.name for brake in plan.tripped])

    def _settle(self, night: Night, around: Around) -> Plan:
        """The plan, and what follows from it, in one transaction."""
        with self.engine.begin() as connection:
            touch(connection, night, self.clock())
            tally, examined = total(connection, night.plan_id)
            plan = Settlement(connection, self._stops, self.guards, self.clock).settle(
                Sum(
                    plan_id=night.plan_id,
                    started=night.started_at,
                    gathered=night.gathered,
                    roster=SharedRoster(connection, night.plan_id),
                    examined=examined,
                    tally=tally,
                    around=around,
                )
            )
            at_once = not self.settings.night.send_at
            move(connection, night, NightState.SENDING if at_once else NightState.PLANNED, self.clock())
            clear(connection, night.plan_id)
            if at_once:
                self.ask(connection, [Errand(Task.SEND, night.plan_id)])
        return plan

    async def _send(self, night: Night) -> None:
        notifier = Notifier(
            self.settings,
            intercom=self._intercom,
            checks=self._checks,
            guards=self.guards,
            engine=self.engine,
            clock=self.clock,
            stop=self.stop,
            wait_for_lock=True,
            present=self._present,
        )
        async with notifier:
            try:
                summary = await notifier.send(night.plan_id)
            except RefusedError as refusal:
                log.warning("not-sent", plan=night.plan_id, why=str(refusal))
                await self.write(self.nights.end, night, self.clock(), f"Nothing was sent: {refusal}")
                return
            except (NotifyError, StoreError) as error:
                if self.stop.is_set() or passes(error):
                    raise Stopping from error
                raise
            unclear = await notifier.unclear()
        log.info("sent", plan=night.plan_id, sent=summary.sent, unclear=len(unclear), stopped=summary.stopped)
        if summary.stopped and self.stop.is_set():
            raise Stopping
        if summary.stopped and Reason.QUIET_HOURS not in summary.reasons:
            # A brake, a pause and a switched-off sender refuse the next attempt; whatever else it was may be over then.
            raise NotifyError(summary.stopped)
        if unclear and not summary.stopped and self.guards.open_conversation and night.looks < LOOKS:
            after = self.guards.unclear_quiet + 1.0
            await self.write(self.nights.look_again, night, self.clock(), after=after)
        else:
            await self.write(self.nights.end, night, self.clock(), summary.stopped)


def _sentence(error: Exception) -> str:
    """*error* in a sentence."""
    if isinstance(error, NotifyError | StoreError | ApiError):
        return str(error)
    return f"It ended in {type(error).__name__}: {error}"[:500]


def _unexpected(error: Exception) -> bool:
    return not isinstance(error, NotifyError | StoreError | ApiError)
