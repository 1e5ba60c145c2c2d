"""What a person decides beside the nights: it needs the ledger, and neither the API's token nor a resolver.

The kill switch must work where nothing else does. Only what names an address needs the key of the hashes as well.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Literal, NamedTuple, Self

from sqlalchemy.engine import Engine

from spfcheck.notify.audience import query
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.approvals import Approvals
from spfcheck.notify.ledger.archive import Archive
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.prune import Pruned, prune
from spfcheck.notify.ledger.shared_night import shared
from spfcheck.notify.ledger.stops import Lifted, Stops
from spfcheck.notify.model import (
    NoticeState,
    NotifyError,
    NotifyStatus,
    Plan,
    PlanRow,
    RefusedError,
    UnclearMessage,
)
from spfcheck.notify.sending.lock import Holder, SenderLock, lock_for
from spfcheck.notify.sending.message import Writer
from spfcheck.notify.sending.scope import beyond, scope_of
from spfcheck.settings import Settings
from spfcheck.store import database

OPEN = (NoticeState.UNCLEAR, NoticeState.REJECTED)
"""States that a person has to settle before a night counts as a success."""


class Forgotten(NamedTuple):
    """What forgetting a person did."""

    rows: int
    known: bool
    """Whether anything was known of the address at all."""


class Desk:
    """The ledger of one workspace as a person works with it; use as an asynchronous context manager."""

    def __init__(
        self,
        settings: Settings,
        *,
        guards: Guards | None = None,
        engine: Engine | None = None,
        clock: Callable[[], float] = time.time,
        lock: SenderLock | None = None,
    ) -> None:
        self._settings = settings
        self.guards = guards or Guards.from_settings(settings.notify)
        self._clock = clock
        self._given_engine = engine
        self._lock = lock
        self._write = database.WriterThread()
        keyed = bool(settings.notify.hash_key.get_secret_value())
        self._known_people = query.People.of(settings.notify) if keyed else None
        self._known_writer: Writer | None = None

    @property
    def _people(self) -> query.People:
        return self._known_people or query.People.of(self._settings.notify)

    @property
    def _writer(self) -> Writer:
        if self._known_writer is None:
            notify = self._settings.notify
            self._known_writer = Writer(self._settings.public_url, notify.subject_template, notify.body_template)
        return self._known_writer

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
        self._approvals = Approvals(self._engine, workspace)
        self._stops = Stops(self._engine, workspace, self.guards.pause_file)
        self._lock = self._lock or lock_for(self._engine, workspace)
        if self._known_people is not None:
            self._archive.same_key(self._known_people)

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
        """Make a plan the baseline, and let its messages and later ones go out within what is in force now.

        Only the newest can be approved. One without messages approves nothing but the baseline.
        """
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
        if plan.intents:
            scope = scope_of(self._settings, self.guards, self._writer)
            self._approvals.grant(plan.id, who=who, now=now, scope=scope)
        return self._archive.load(plan.id)

    async def revoke(self, plan_id: str, *, who: str, reason: str = "") -> None:
        """Take the approval of a plan back: nothing is sent until another is given."""
        if not await self._write(self._approvals.revoke, plan_id, who=who, now=self._clock(), reason=reason):
            approval = await self._write(self._approvals.current)
            in_force = f"{approval.plan_id} is" if approval else "none is"
            raise NotifyError(f"{plan_id} is not the approval in force: {in_force}.")

    def _unapproved(self, guards: Guards) -> str:
        """Why what is in force now goes beyond every approval; empty when one covers it."""
        approval = self._approvals.current()
        if approval is None:
            return "No approval is in force: review the newest plan that has messages and run notify approve."
        gaps = beyond(approval.scope, scope_of(self._settings, guards, self._writer))
        if not gaps:
            return ""
        more = f" (and {len(gaps) - 3} more)" if gaps[3:] else ""
        return (
            f"The approval of {approval.plan_id} does not reach so far: {'; '.join(gaps[:3])}{more}. "
            "Review the newest plan and run notify approve."
        )

    async def status(self) -> NotifyStatus:
        """The notifier at a glance."""
        return await self._write(self._status)

    def _status(self) -> NotifyStatus:
        try:
            newest: Plan | None = self._archive.load()
        except NotifyError:
            newest = None
        night = shared(self._engine, self._archive.workspace)
        approval = self._approvals.current()
        assert self._lock is not None
        return NotifyStatus(
            workspace=self._settings.intercom.workspace,
            policy=self.guards.name,
            enabled=self.guards.enabled,
            stage=self.guards.stage,
            paused=self._stops.paused(),
            pause_file=str(self.guards.pause_file.absolute()),
            brakes=self._stops.brakes(),
            stops=self._stops.names(),
            sender=_holding(self._lock.holder(), self._clock()),
            approval=approval.plan_id if approval else "",
            unapproved=self._unapproved(self.guards),
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

    async def resume(self, names: Sequence[str], reason: str, *, who: str) -> Lifted:
        """Lift the pause and the brakes called *names*, such as ``newly-broken#12``, as `status` shows them.

        One that tripped after that has another number, and stays. The pause file is the operator's to remove.
        """
        if not reason.strip():
            raise NotifyError("Say why it may go on: the reason is kept.")
        return await self._write(self._stops.lift, names, reason, who=who, now=self._clock())

    async def unclear(self) -> list[UnclearMessage]:
        """Messages of which nobody knows whether they arrived: a person must decide."""
        return await self._write(self._ledger.in_states, (NoticeState.UNCLEAR,))

    async def rejected(self) -> list[UnclearMessage]:
        """Messages that the API refused: sent again once its reason was mended, and a person says so."""
        return await self._write(self._ledger.in_states, (NoticeState.REJECTED,))

    async def decide(self, ref: str, decision: Literal["sent", "resend"], *, who: str, reason: str = "") -> None:
        """A person's word on an unclear or rejected message."""
        state = NoticeState.SENT if decision == "sent" else NoticeState.PLANNED
        if not await self._write(self._ledger.resolve, ref, state, who=who, now=self._clock(), reason=reason):
            raise NotifyError(f"No message {ref} waits for a decision.")
        await self._write(self._archive.settle_success, self._ledger.counts)

    async def forget(self, address: str, *, who: str = "operator") -> Forgotten:
        """Erase a person, and never write to them again; binds from the next message on, planned or not."""
        person = self._people.person(address)
        return await self._write(self._forget, person, who)

    def _forget(self, person: str, who: str) -> Forgotten:
        known = self._ledger.has_heard_of(person)
        return Forgotten(self._ledger.forget(person, who=who, now=self._clock()), known)

    async def suppress(self, address: str, *, reason: str, who: str) -> bool:
        """Put a person on the local suppression list; False when nothing was known of that address so far."""
        person = self._people.person(address)
        known = await self._write(self._ledger.has_heard_of, person)
        await self._write(self._stops.suppress, person, reason, who=who, now=self._clock())
        return known

    async def prune(self) -> Pruned:
        """`spfcheck db prune`: drop what is older than it is kept; how much of each kind."""
        return await self._write(prune, self._engine, self._settings.intercom.workspace, self._clock())


def _holding(holder: Holder, now: float) -> str:
    """Who sends just now, in a sentence; empty when nobody does."""
    if not holder.held:
        return ""
    since, quiet = max(0.0, now - holder.since), max(0.0, now - holder.at)
    return (
        f"{holder.who} has held the sender's lock for {_span(since)}; {_span(quiet)} ago it said: "
        f"{holder.doing or 'nothing'}."
    )


def _span(seconds: float) -> str:
    return (
        f"{seconds / 3600:.1f} h"
        if seconds >= 7200
        else f"{seconds / 60:.0f} min"
        if seconds >= 120
        else f"{seconds:.0f} s"
    )
