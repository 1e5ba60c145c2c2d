"""The notifier as its faces call it: plan, approve, send, and what a person does beside them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Literal, Self

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.intercom.answers import ApiError
from spfcheck.intercom.client import Intercom
from spfcheck.notify.audience import query
from spfcheck.notify.audience.gather import Workspace, enter, gather
from spfcheck.notify.audience.roster import Roster
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.archive import Archive
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.prune import Pruned, prune
from spfcheck.notify.ledger.shared_night import shared
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import (
    MessageStep,
    NoticeState,
    NotifyError,
    NotifyStatus,
    OnProgress,
    Plan,
    PlanRow,
    ReconcileSummary,
    RefusedError,
    RunSummary,
    SendSummary,
    UnclearMessage,
)
from spfcheck.notify.planning import evidence
from spfcheck.notify.planning import plan as planning
from spfcheck.notify.planning.brakes import quiet_span
from spfcheck.notify.planning.checks import DomainChecks
from spfcheck.notify.planning.settle import Settlement, Sum, look_around
from spfcheck.notify.sending.lock import SenderLock, lock_for
from spfcheck.notify.sending.message import RenderedMessage, Writer
from spfcheck.notify.sending.reconcile import reconcile
from spfcheck.notify.sending.second_look import SecondLook
from spfcheck.notify.sending.send import SendingRun
from spfcheck.settings import Settings
from spfcheck.store import database

LOCK_LOOK = 0.2
"""Seconds between two looks at a lock that somebody else holds."""


class Notifier:
    """The nightly batch of one workspace; use as an asynchronous context manager.

    Everything that it reaches is passed in. *wait_for_lock* makes `send` wait for another sender instead of refusing.
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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        stop: asyncio.Event | None = None,
        lock: SenderLock | None = None,
        wait_for_lock: bool = False,
    ) -> None:
        self._settings = settings
        self._intercom = intercom
        self._checks = checks
        self.guards = guards or Guards.from_settings(settings.notify)
        self._clock = clock
        self._sleep = sleep
        self._stop = stop or asyncio.Event()
        self._lock = lock
        self._wait_for_lock = wait_for_lock
        self._boot = secrets.token_hex(8)
        self._given_engine = engine
        self._write = database.WriterThread()
        self._people = query.People.of(settings.notify)
        self._writer = Writer(settings.public_url, settings.notify.subject_template, settings.notify.body_template)
        if self.guards.quiet_hours:
            quiet_span(self.guards.quiet_hours)

    async def __aenter__(self) -> Self:
        await self._write(self._open)
        return self

    def _open(self) -> None:
        self._engine = self._given_engine or database.open_engine(self._settings.database_url)
        if not migration.is_current(self._engine):
            if self._engine.dialect.name != "sqlite":
                raise NotifyError("The tables of the ledger are not up to date: run spfcheck db upgrade.")
            migration.upgrade(self._engine)
        workspace = self._settings.intercom.workspace
        self._ledger = Ledger(self._engine, workspace)
        self._archive = Archive(self._engine, workspace)
        self._stops = Stops(self._engine, workspace, self.guards.pause_file)
        self._lock = self._lock or lock_for(self._engine, workspace)
        self._archive.same_key(self._people)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._write(self._close)
        self._write.close()

    def _close(self) -> None:
        if self._lock is not None:
            self._lock.release()
        if self._given_engine is None and hasattr(self, "_engine"):
            self._engine.dispose()

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
                examiner = planning.Examiner(self._checks, self.guards, self._clock)
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

    async def show(self, plan_id: str = "") -> Plan:
        """A stored plan; the newest by default, or when it is called `latest`."""
        return await self._write(self._archive.load, plan_id)

    async def rows(self, plan_id: str) -> AsyncIterator[PlanRow]:
        """Every row of a plan, domains that are fine included."""
        for row in (await self.show(plan_id)).rows:
            yield row
        after = ""
        while page := await self._write(self._archive.fine_rows, plan_id, after):
            for row in page:
                yield row
            after = page[-1].domain

    async def approve(self, plan_id: str, *, who: str, reason: str = "") -> Plan:
        """Make a plan the baseline that change is measured from; only the newest can be approved."""
        return await self._write(self._approve, plan_id, who, reason)

    def _approve(self, plan_id: str, who: str, reason: str) -> Plan:
        plan = self._archive.load(plan_id)
        newest = self._archive.load()
        if newest.id != plan.id:
            raise RefusedError(f"{plan.id} is not the newest plan any more: look at {newest.id} and approve that.")
        standing = self._stops.brakes()
        if plan.tripped and standing:
            raise RefusedError(f"A brake holds this plan: {standing[0]} Lift it with a reason (notify resume) first.")
        now = self._clock()
        self._archive.accept(
            plan.id, min_runs=self.guards.min_runs, min_seconds=self.guards.min_between_runs, baseline=True, now=now
        )
        self._archive.approve(plan.id, who=who, reason=reason, now=now)
        return self._archive.load(plan.id)

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

    async def _same_audience(self, plan: Plan) -> None:
        count = await self._intercom.count_contacts(query.query(self._settings.audience))
        moved = abs(count - plan.contacts) / max(plan.contacts, 1)
        if moved > self.guards.audience_change_max:
            raise RefusedError(
                f"The audience moved from {plan.contacts} to {count} contacts since {plan.id}: plan again."
            )

    async def _take_lock(self) -> None:
        assert self._lock is not None
        while not await self._write(self._lock.take):
            if not self._wait_for_lock:
                raise RefusedError("Another sender is at work.")
            if self._stop.is_set():
                raise NotifyError("Stopped while waiting for another sender.")
            await self._sleep(LOCK_LOOK)

    async def _send(
        self, plan: Plan, workspace: Workspace, before: ReconcileSummary, started: float, progress: OnProgress | None
    ) -> SendSummary:
        assert self._lock is not None
        mark = workspace.mark_tag
        if self.guards.mark_tag and not mark:
            mark = await self._intercom.make_tag(self.guards.mark_tag)
        await self._tag_late(mark)
        faults = {row.domain: row.finding for row in plan.rows}
        await self._write(self._ledger.materialise, plan.id, plan.intents, faults, self._clock())
        refs = await self._write(self._ledger.queue, plan.id, self._clock())
        sender = SendingRun(
            intercom=self._intercom,
            ledger=self._ledger,
            stops=self._stops,
            look=SecondLook(
                intercom=self._intercom,
                checks=self._checks,
                people=self._people,
                audience_settings=self._settings.audience,
                workspace=workspace,
                guards=self.guards,
                clock=self._clock,
            ),
            writer=self._writer,
            guards=self.guards,
            lock=self._lock,
            write=self._write,
            boot=self._boot,
            timezone=workspace.me.timezone,
            mark_tag=mark,
            clock=self._clock,
            sleep=self._sleep,
            stop=self._stop,
        )
        stopped = await sender.run(refs, plan.id, progress)
        if not stopped:
            await self._write(self._archive.finish, plan.id, self._clock())
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

    async def _tag_late(self, mark: str) -> None:
        if not mark:
            return
        for ref, contact_id in await self._write(self._ledger.untagged):
            try:
                await self._intercom.tag(contact_id, mark)
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

    async def status(self) -> NotifyStatus:
        """The notifier at a glance."""
        return await self._write(self._status)

    def _status(self) -> NotifyStatus:
        try:
            newest: Plan | None = self._archive.load()
        except NotifyError:
            newest = None
        night = shared(self._engine, self._archive.workspace)
        return NotifyStatus(
            workspace=self._settings.intercom.workspace,
            policy=self.guards.name,
            enabled=self.guards.enabled,
            stage=self.guards.stage,
            paused=self._stops.paused(),
            brakes=self._stops.brakes(),
            last_plan=newest.id if newest else "",
            last_plan_at=newest.created_at if newest else 0.0,
            baseline=self._archive.baseline(),
            last_sent_at=self._ledger.last_sent_at(),
            last_success_at=self._archive.last_success_at(),
            states=self._ledger.counts(),
            open_episodes=self._archive.open_episodes(),
            unchecked=night.unchecked,
            night_since=night.night_since,
        )

    async def pause(self, reason: str, *, who: str) -> None:
        """Stop sending before the very next message."""
        await self._write(self._stops.pause, reason, who=who, now=self._clock())

    async def resume(self, reason: str, *, who: str) -> int:
        """Lift the pause and every brake that tripped; how many. The pause file is the operator's to remove."""
        if not reason.strip():
            raise NotifyError("Say why it may go on: the reason is kept.")
        return await self._write(self._stops.lift, reason, who=who, now=self._clock())

    async def reconcile(self) -> ReconcileSummary:
        """Look up unclear messages whose quiet time is over."""
        await self._take_lock()
        await self._write(self._ledger.recover, boot=self._boot, now=self._clock())
        return await self._reconcile()

    async def _reconcile(self) -> ReconcileSummary:
        return await reconcile(
            intercom=self._intercom, ledger=self._ledger, guards=self.guards, write=self._write, clock=self._clock
        )

    async def unclear(self) -> list[UnclearMessage]:
        """What a person must decide."""
        return await self._write(self._ledger.unclear)

    async def decide(self, ref: str, decision: Literal["sent", "resend"], *, who: str, reason: str = "") -> None:
        """A person's word on an unclear or rejected message."""
        state = NoticeState.SENT if decision == "sent" else NoticeState.PLANNED
        if not await self._write(self._ledger.resolve, ref, state, who=who, now=self._clock(), reason=reason):
            raise NotifyError(f"No message {ref} waits for a decision.")

    async def forget(self, address: str, *, who: str = "operator") -> int:
        """Erase a person; how many rows it touched."""
        person = self._people.person(address)
        return await self._write(self._ledger.forget, person, who=who, now=self._clock())

    async def prune(self) -> Pruned:
        """`spfcheck db prune`: drop what is older than it is kept; how much of each kind."""
        return await self._write(prune, self._engine, self._settings.intercom.workspace, self._clock())

    async def suppress(self, address: str, *, reason: str, who: str) -> None:
        """Put a person on the local suppression list."""
        person = self._people.person(address)
        await self._write(self._stops.suppress, person, reason, who=who, now=self._clock())


def upgrade(url: str) -> None:
    """`spfcheck db upgrade`: bring the ledger at *url* up to date; raises `StoreError`."""
    engine = database.open_engine(url)
    try:
        migration.upgrade(engine)
    except sa.exc.SQLAlchemyError as error:
        raise NotifyError(f"The ledger cannot be brought up to date: {database.in_sentences(error)}") from error
    finally:
        engine.dispose()
