"""The notifier as its faces call it: plan, send, and look up what became of a message; the desk beside it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.intercom.answers import ApiError, GoneError
from spfcheck.intercom.client import Intercom
from spfcheck.notify.audience import query
from spfcheck.notify.audience.gather import Workspace, enter, gather
from spfcheck.notify.audience.roster import Roster
from spfcheck.notify.desk import OPEN, Desk
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.restored import Restored
from spfcheck.notify.ledger.shared_night import shared
from spfcheck.notify.model import (
    MessageStep,
    NoticeState,
    NotifyError,
    OnProgress,
    Plan,
    ReconcileSummary,
    RefusedError,
    RunSummary,
    SendSummary,
)
from spfcheck.notify.planning import evidence
from spfcheck.notify.planning import plan as planning
from spfcheck.notify.planning.checks import DomainChecks, our_domains
from spfcheck.notify.planning.settle import Settlement, Sum, look_around
from spfcheck.notify.sending.consent import Consent
from spfcheck.notify.sending.lock import SenderLock
from spfcheck.notify.sending.message import RenderedMessage
from spfcheck.notify.sending.reconcile import reconcile
from spfcheck.notify.sending.second_look import SecondLook
from spfcheck.notify.sending.send import SendingRun
from spfcheck.notify.sending.watch import Clocks, Watch, clock_brake
from spfcheck.settings import Settings
from spfcheck.store import database

LOCK_LOOK = 0.2
"""Seconds between two looks at a lock that somebody else holds."""


class Notifier(Desk):
    """The nightly batch of one workspace; use as an asynchronous context manager.

    Everything that it reaches is passed in. *wait_for_lock* makes `send` wait for another sender instead of refusing.
    *present* reads the settings anew before each letter: what was narrowed meanwhile binds the run that is under way.
    *steady* is a clock that nobody sets, beside *clock*, the time of day.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        intercom: Intercom,
        checks: DomainChecks,
        guards: Guards | None = None,
        engine: Engine | None = None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        stop: asyncio.Event | None = None,
        lock: SenderLock | None = None,
        wait_for_lock: bool = False,
        present: Callable[[], Guards] | None = None,
    ) -> None:
        # Under no key everybody would be a stranger, and templates that cannot be used are found before the night.
        query.People.of(settings.notify)
        super().__init__(settings, guards=guards, engine=engine, clock=clock, lock=lock)
        assert self._writer is not None
        self._intercom = intercom
        self._checks = checks
        self._clocks = Clocks(clock, steady or (time.monotonic if clock is time.time else clock), sleep)
        self._stop = stop or asyncio.Event()
        self._wait_for_lock = wait_for_lock
        self._present = present or (lambda: self.guards)
        self._boot = secrets.token_hex(8)

    async def plan(self, progress: OnProgress | None = None) -> Plan:
        """The whole night but the last call: stored, frozen, hashed.

        Its sightings count as evidence unless a brake tripped.
        """
        started = self._clock()
        await self._write(self._refuse_beside_workers, started)
        plan_id = planning.new_plan_id()
        try:
            workspace = await enter(self._settings, self._intercom, self.guards.mark_tag)
            health = await self._checks.health()
            with Roster() as roster:
                gathered = await gather(self._settings, self._intercom, self._people, workspace, roster, progress)
                roster.index()
                examiner = planning.Examiner(self._checks, self.guards, self._clock, our_domains(self._settings))
                examined = await planning.examine_all(
                    examiner, plan_id, roster, self._archive, self._write, self._clock, progress
                )
                around = await look_around(self._intercom, self._ledger, self._write, health, started)
                total = Sum(
                    plan_id=plan_id,
                    started=started,
                    gathered=gathered,
                    roster=roster,
                    examined=examined,
                    tally=examiner.tally,
                    around=around,
                )
                return await self._write(self._settle, total)
        except ApiError as error:
            raise NotifyError(str(error)) from error

    def _refuse_beside_workers(self, now: float) -> None:
        """Two who plan at once would take each other's sightings away."""
        night = shared(self._engine, self._archive.workspace)
        if night.planning and now - night.night_since < self.guards.plan_max_age:
            raise RefusedError(f"Workers are making {night.planning} just now: see spfcheck night status.")

    def _settle(self, total: Sum) -> Plan:
        with database.writing(self._engine) as connection:
            return Settlement(connection, self._stops, self.guards, self._clock).settle(total)

    async def send(self, plan_id: str, progress: OnProgress | None = None) -> SendSummary:
        """Send a plan; raises `RefusedError` for one that is unapproved, old, changed or held by a brake."""
        started = self._clock()
        plan = await self.show(plan_id)
        await self._write(self._refuse, plan)
        try:
            workspace = await enter(self._settings, self._intercom, self.guards.mark_tag)
            await self._same_audience(plan)
            await self._take_lock()
            # Whoever held the lock may have had it for hours, and much may have been decided meanwhile.
            await self._write(self._refuse, plan)
            await self._write(self._ledger.recover, boot=self._boot, now=self._clock())
            summary = await self._reconcile()
            return await self._send(plan, workspace, summary, started, progress)
        except ApiError as error:
            raise NotifyError(str(error)) from error
        finally:
            await self._write(self._say, "waits")

    def _say(self, doing: str) -> None:
        if self._lock is not None and self._lock.held():
            self._lock.note(self._clock(), doing)

    def _refuse(self, plan: Plan) -> None:
        """Everything that forbids sending *plan* at all."""
        if not self.guards.enabled:
            raise RefusedError("Sending is switched off (SPFCHECK_NOTIFY_ENABLED); planning goes on.")
        age = self._clock() - plan.created_at
        if not -self.guards.clock_skew_max <= age <= self.guards.plan_max_age:
            raise RefusedError(f"{plan.id} is {age / 3600:.0f} hours old; {self.guards.plan_max_age / 3600:g} may be.")
        if plan.policy != self.guards.name:
            raise RefusedError(f"{plan.id} was made under the policy {plan.policy}, not {self.guards.name}.")
        paused, standing = self._stops.paused(), self._stops.brakes()
        if paused:
            raise RefusedError(paused)
        if standing:
            raise RefusedError(f"A brake holds: {standing[0]}")
        if not self._archive.accepted(plan.id):
            raise RefusedError(f"A brake held {plan.id}: approve it, then plan again.")
        if not plan.approved_by and not plan.baseline:
            raise RefusedError(f"Nobody approved a plan yet: review {plan.id} and run notify approve {plan.id}.")
        # A plan without messages sends nothing, and may settle what an earlier one left.
        if unapproved := self._unapproved(self.guards):
            raise RefusedError(unapproved)

    async def _same_audience(self, plan: Plan) -> None:
        count = await self._intercom.count_contacts(query.query(self._settings.audience))
        moved = abs(count - plan.contacts) / max(plan.contacts, 1)
        if moved > self.guards.audience_change_max:
            raise RefusedError(
                f"The audience moved from {plan.contacts} to {count} contacts since {plan.id}: plan again."
            )

    async def _take_lock(self) -> None:
        assert self._lock is not None
        begun = self._clocks.read()
        while not await self._write(self._lock.take, self._clock()):
            if not self._wait_for_lock:
                holder = await self._write(self._lock.holder)
                raise RefusedError(
                    f"Another sender is at work: {holder.who}, {holder.doing or 'which has just begun'}."
                )
            if self._stop.is_set():
                raise NotifyError("Stopped while waiting for another sender.")
            jump = clock_brake(self._clocks.jump(begun), self.guards)
            if jump.tripped:
                await self._write(self._stops.trip, [jump], plan_id="", now=self._clock())
                raise RefusedError(jump.sentence)
            await self._clocks.sleep(LOCK_LOOK)
        brake = await self._write(Restored(self._ledger).notice, self._lock.holder(), self._clock())
        if brake is not None:
            await self._write(self._stops.trip, [brake], plan_id="", now=self._clock())
            raise RefusedError(brake.sentence)

    async def _send(
        self, plan: Plan, workspace: Workspace, before: ReconcileSummary, started: float, progress: OnProgress | None
    ) -> SendSummary:
        mark = workspace.mark_tag
        if self.guards.mark_tag and not mark:
            mark = await self._intercom.make_tag(self.guards.mark_tag)
        await self._tag_late(mark)
        faults = {row.domain: row.finding for row in plan.rows}
        await self._write(self._ledger.materialise, plan.id, plan.intents, faults, self._clock())
        refs = await self._write(self._ledger.queue, plan.id, self._clock())
        sender = self._sender(workspace, mark)
        await self._write(self._say, f"sends {plan.id}")
        stopped = await sender.run(refs, plan.id, progress)
        states = await self._write(self._ledger.counts)
        if not stopped:
            settled = not any(states.get(state) for state in OPEN)
            await self._write(self._archive.finish, plan.id, self._clock(), settled=settled)
        figures = sender.figures
        waiting = sum(1 for intent in plan.intents if intent.waiting)
        return SendSummary(
            plan_id=plan.id,
            sent=figures.states[NoticeState.SENT],
            suppressed=figures.states[NoticeState.SUPPRESSED],
            waiting=figures.states[NoticeState.WAITING] + waiting,
            rejected=figures.states[NoticeState.REJECTED],
            unclear=figures.states[NoticeState.UNCLEAR],
            reconciled=before.found + before.missing,
            stopped=stopped,
            reasons=dict(figures.reasons),
            seconds=round(self._clock() - started, 3),
        )

    def _sender(self, workspace: Workspace, mark: str) -> SendingRun:
        assert self._lock is not None
        watch = Watch(
            stops=self._stops,
            lock=self._lock,
            write=self._write,
            clocks=self._clocks,
            stop=self._stop,
            timezone=workspace.me.timezone,
            present=self._present,
            refuse=self._unapproved,
        )
        consent = Consent(self._intercom, self._people, self._settings.audience, workspace, self.guards.subscriptions)
        look = SecondLook(
            checks=self._checks,
            people=self._people,
            audience_settings=self._settings.audience,
            intercom=self._intercom,
            consent=consent,
            guards=self.guards,
            clock=self._clock,
        )
        return SendingRun(
            intercom=self._intercom,
            ledger=self._ledger,
            stops=self._stops,
            look=look,
            writer=self._writer,
            watch=watch,
            lock=self._lock,
            write=self._write,
            boot=self._boot,
            mark_tag=mark,
            clocks=self._clocks,
        )

    async def _tag_late(self, mark: str) -> None:
        if not mark:
            return
        for ref, contact_id in await self._write(self._ledger.untagged):
            try:
                await self._intercom.tag(contact_id, mark)
            except GoneError:
                continue
            except ApiError:
                return
            await self._write(self._ledger.mark_tagged, ref)

    async def run(self, progress: OnProgress | None = None) -> RunSummary:
        """Plan, wait at the barrier, send within the approved baseline: for cron."""
        plan = await self.plan(progress)
        try:
            return RunSummary(plan=plan, sending=await self.send(plan.id, progress))
        except RefusedError as refusal:
            return RunSummary(plan=plan, sending=None, refused=str(refusal))

    async def preview(self, domain: str) -> RenderedMessage:
        """The first message as that domain's people would get it; raises `NotifyError` when they would get none."""
        report = await self._checks.again(domain)
        judgement = evidence.judge(report, now=self._clock(), guards=self.guards)
        if judgement.reason is not None:
            raise NotifyError(f"Nobody would be messaged about {domain}: {judgement.detail}")
        return self._writer.write(MessageStep.FIRST, [self._writer.named(report)], "spfref0000000000000000")

    async def reconcile(self) -> ReconcileSummary:
        """Look up unclear messages whose quiet time is over."""
        await self._take_lock()
        await self._write(self._ledger.recover, boot=self._boot, now=self._clock())
        done = await self._reconcile()
        await self._write(self._archive.settle_success, self._ledger.counts)
        return done

    async def _reconcile(self) -> ReconcileSummary:
        await self._write(self._say, "looks up unclear messages")
        return await reconcile(
            intercom=self._intercom,
            ledger=self._ledger,
            guards=self.guards,
            template=self._writer.digest,
            write=self._write,
            clock=self._clock,
        )


def upgrade(url: str) -> None:
    """`spfcheck db upgrade`: bring the ledger at *url* up to date; raises `StoreError`."""
    engine = database.open_engine(url)
    try:
        migration.upgrade(engine)
    except sa.exc.SQLAlchemyError as error:
        raise NotifyError(f"The ledger cannot be brought up to date: {database.in_sentences(error)}") from error
    finally:
        engine.dispose()
