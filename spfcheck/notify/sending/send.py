"""Sends the letters of a plan, one at a time, each checked again right before.

The order is the promise: look again, wait for the turn, read the switch, claim and commit, post once, write down what
came of it. Whatever ends this process between two of these steps, the next one knows what may have gone out.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from spfcheck.intercom.answers import ApiError, Contact, SendOutcome, Sent
from spfcheck.intercom.client import Intercom
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.register import Letter
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import Brake, MessageStep, NoticeState, OnProgress, Progress, Reason
from spfcheck.notify.planning.brakes import RecentOutcomes, in_stage, quiet
from spfcheck.notify.sending.lock import SenderLock
from spfcheck.notify.sending.message import Named, RenderedMessage, Writer
from spfcheck.notify.sending.second_look import SecondLook, state_for
from spfcheck.store.database import WriterThread

NOT_SENT_TRIES = 3
THROTTLED_TRIES = 5
SLICE = 1.0
"""Seconds between two looks at the switch while waiting."""


class Halt(Exception):  # noqa: N818 - the end of a run, not a fault of the program
    """The run ends here; the message is a sentence."""

    def __init__(self, sentence: str, reason: Reason = Reason.STOPPED, brake: Brake | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.brake = brake


@dataclass(slots=True)
class Figures:
    """What a run of sending did so far."""

    states: Counter[NoticeState] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    attempted: int = 0
    rejected_in_a_row: int = 0
    unclear_in_a_row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A letter that passed every check and is rendered."""

    letter: Letter
    contact: Contact
    message: RenderedMessage
    domains: tuple[Named, ...]


class SendingRun:
    """One run of sending, by the process that holds *lock*. *boot* tells this run's claims from everybody else's."""

    def __init__(
        self,
        *,
        intercom: Intercom,
        ledger: Ledger,
        stops: Stops,
        look: SecondLook,
        writer: Writer,
        guards: Guards,
        lock: SenderLock,
        write: WriterThread,
        boot: str,
        timezone: str,
        mark_tag: str,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
    ) -> None:
        self._intercom = intercom
        self._ledger = ledger
        self._stops = stops
        self._look = look
        self._writer = writer
        self._guards = guards
        self._lock = lock
        self._write = write
        self._boot = boot
        self._timezone = timezone
        self._mark_tag = mark_tag
        self._clock = clock
        self._sleep = sleep
        self._stop = stop
        self._recent = RecentOutcomes()
        self._next_at = 0.0
        self.figures = Figures()

    async def run(self, refs: Sequence[str], plan_id: str, progress: OnProgress | None) -> str:
        """Send the letters *refs* in order; why it ended early, in a sentence, or nothing."""
        for number, ref in enumerate(refs):
            # The plan was made under the ceiling of its day, and what an earlier run tried comes on top of it.
            if self.figures.attempted >= self._guards.ceiling_per_run:
                left = await self._write(self._ledger.leave_rest, refs[number:], Reason.CEILING, now=self._clock())
                self._count(NoticeState.WAITING, Reason.CEILING, left)
                return ""
            try:
                await self._between(number)
                ended = await self._one(ref)
            except Halt as halt:
                if halt.brake is not None:
                    await self._write(self._stops.trip, [halt.brake], plan_id=plan_id, now=self._clock())
                left = await self._write(self._ledger.leave_rest, refs[number:], halt.reason, now=self._clock())
                self._count(NoticeState.WAITING, halt.reason, left)
                return str(halt)
            if progress:
                progress(Progress("messages", number + 1, len(refs), ended))
        return ""

    def _count(self, state: NoticeState, reason: str, many: int = 1) -> None:
        self.figures.states[state] += many
        if reason and many:
            self.figures.reasons[reason] += many

    async def _between(self, number: int) -> None:
        """Everything that may end the run between two messages."""
        if number and number % self._guards.check_every == 0:
            brake = self._recent.brake(self._guards)
            if brake.tripped:
                raise Halt(f"A brake stopped the run: {brake.sentence}", brake=brake)
            standing = await self._write(self._stops.brakes)
            if standing:
                raise Halt(f"A brake stopped the run: {standing[0]}")
        await self._may_go_on()

    async def _may_go_on(self) -> None:
        if self._stop.is_set():
            raise Halt("The run was asked to end.")
        paused = await self._write(self._stops.paused)
        if paused:
            raise Halt(paused)
        if quiet(self._guards, self._clock(), self._timezone):
            raise Halt("Quiet hours have begun in the workspace's time zone.", Reason.QUIET_HOURS)
        if not await self._write(self._lock.held):
            raise Halt("The sender's lock is no longer held.")

    async def _one(self, ref: str) -> str:
        """Deal with one letter; how it ended, in a few words."""
        letter = await self._write(self._ledger.letter, ref)
        if letter is None or letter.state is not NoticeState.PLANNED:
            return f"{ref}: already dealt with"
        ready = await self._prepare(letter)
        if ready is None:
            return f"{', '.join(letter.domains) or ref}: not sent"
        state = await self._deliver(ready)
        self.figures.attempted += 1
        return f"{', '.join(letter.domains)}: {state}"

    async def _prepare(self, letter: Letter) -> Ready | None:
        if await self._write(self._stops.suppressed, letter.person):
            await self._leave(letter, Reason.SUPPRESSED)
            return None
        try:
            recipient = await self._look.recipient(letter)
        except ApiError as error:
            raise Halt(str(error)) from error
        if recipient.contact is None or recipient.reason is not None:
            await self._leave(letter, recipient.reason or Reason.CONTACT_GONE)
            return None
        named = await self._named(letter, recipient.domains)
        if not named:
            await self._leave(letter, Reason.CHANGED)
            return None
        message = self._writer.write(MessageStep(letter.step), named, letter.ref)
        return Ready(letter=letter, contact=recipient.contact, message=message, domains=tuple(named))

    async def _named(self, letter: Letter, bound: frozenset[str]) -> list[Named]:
        """What the message says of each domain that still warrants it; the others are taken out of the letter."""
        faults = await self._write(self._ledger.faults, letter.ref)
        step = MessageStep(letter.step)
        named: list[Named] = []
        for domain, contact_id in zip(letter.domains, letter.contacts, strict=True):
            reason: Reason | None = Reason.DOMAIN_MOVED
            report = None
            if not in_stage(self._guards, domain, contact_id):
                reason = Reason.OUTSIDE_STAGE
            elif domain in bound:
                report, reason = await self._look.verdict(domain, step, faults.get(domain, ""))
            if report is None or reason is not None:
                reason = reason or Reason.CHANGED
                self._count(state_for(reason), reason)
                await self._write(
                    self._ledger.drop_domain, letter.ref, domain, state_for(reason), reason, now=self._clock()
                )
                continue
            named.append(self._writer.fine(domain) if step is MessageStep.THANKS else self._writer.named(report))
        return named

    async def _leave(self, letter: Letter, reason: Reason) -> None:
        self._count(state_for(reason), reason, len(letter.domains) if reason is not Reason.CHANGED else 0)
        await self._write(self._ledger.leave, letter.ref, state_for(reason), reason, now=self._clock())

    async def _deliver(self, ready: Ready) -> NoticeState:
        """Claim and post until the answer is one that ends it; refusals that came before processing are repeated."""
        throttled = not_sent = 0
        while True:
            await self._turn()
            sent = await self._attempt(ready)
            if sent is None:
                return NoticeState.WAITING
            if sent.outcome is SendOutcome.THROTTLED and throttled < THROTTLED_TRIES:
                throttled += 1
                await self._rest(sent.wait)
                continue
            if sent.outcome is SendOutcome.NOT_SENT and not_sent < NOT_SENT_TRIES:
                not_sent += 1
                await self._rest(2.0**not_sent)
                continue
            return self._heed(sent, await self._write(self._state_of, ready.letter.ref))

    def _state_of(self, ref: str) -> NoticeState:
        letter = self._ledger.letter(ref)
        return letter.state if letter is not None else NoticeState.SUPPRESSED

    async def _turn(self) -> None:
        """Wait for the next message's time; everything slow happens before the claim."""
        await self._rest(self._next_at - self._clock())
        await self._intercom.ready()
        await self._may_go_on()
        self._next_at = self._clock() + 1.0 / self._guards.rate_per_second

    async def _rest(self, seconds: float) -> None:
        """Wait, with an eye on the switch."""
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            await self._sleep(min(left, SLICE))
            if left > SLICE:
                await self._may_go_on()

    async def _attempt(self, ready: Ready) -> Sent | None:
        """One claim and one call; None when the letter is no longer ours to send."""
        now, started = self._clock(), time.monotonic()
        letter = await self._write(
            self._ledger.claim,
            ready.letter.ref,
            boot=self._boot,
            now=now,
            findable=self._guards.open_conversation or self._guards.delivery == "event",
            content_hash=ready.message.hash,
        )
        if letter is None:
            return None
        # Between the claim and here the process may have been stopped for as long as anybody likes; meanwhile another
        # sender may have taken over and found this claim.
        if max(self._clock() - now, time.monotonic() - started) > self._guards.claim_max_age:
            await self._write(self._ledger.put_back, letter.ref, boot=self._boot, now=self._clock())
            return None
        sent = await self._post(letter, ready)
        state = await self._write(self._ledger.settle, letter, sent, boot=self._boot, now=self._clock())
        if state not in (NoticeState.PLANNED, NoticeState.SENDING):
            self._count(state, "")
        if state is NoticeState.SENT:
            await self._first_pause()
            await self._tag(letter)
        return sent

    async def _post(self, letter: Letter, ready: Ready) -> Sent:
        if self._guards.delivery == "event":
            return await self._intercom.send_event(
                contact_id=letter.contact_id,
                name=self._guards.event_name,
                at=int(letter.created_at),
                metadata=_metadata(ready),
            )
        return await self._intercom.send_message(
            contact_id=letter.contact_id,
            role=ready.contact.role,
            subject=ready.message.subject,
            body=ready.message.html,
            keep_open=self._guards.open_conversation,
        )

    async def _first_pause(self) -> None:
        sent = self.figures.states[NoticeState.SENT]
        if sent == self._guards.first_batch and self._guards.first_pause > 0:
            self._next_at = self._clock() + self._guards.first_pause

    async def _tag(self, letter: Letter) -> None:
        """The visible marker for support; what fails here is made up for in the next run."""
        if not self._mark_tag:
            return
        try:
            await self._intercom.tag(letter.contact_id, self._mark_tag)
        except ApiError:
            return
        await self._write(self._ledger.mark_tagged, letter.ref)

    def _heed(self, sent: Sent, state: NoticeState) -> NoticeState:
        """What one outcome means for the run."""
        figures, outcome = self.figures, sent.outcome
        self._recent.add(failed=outcome is SendOutcome.UNCLEAR)
        figures.rejected_in_a_row = figures.rejected_in_a_row + 1 if outcome is SendOutcome.REJECTED else 0
        figures.unclear_in_a_row = figures.unclear_in_a_row + 1 if outcome is SendOutcome.UNCLEAR else 0
        if outcome in (SendOutcome.TOKEN_REFUSED, SendOutcome.FORBIDDEN):
            sentence = f"The messaging API lets us send no more ({sent.detail})."
            raise Halt(sentence, brake=Brake("api-refuses", 1, 0, True, sentence))
        if outcome in (SendOutcome.NOT_SENT, SendOutcome.THROTTLED):
            raise Halt(f"The messaging API takes no message ({sent.detail}).")
        if figures.rejected_in_a_row >= self._guards.unclear_stop:
            sentence = f"The API rejected {figures.rejected_in_a_row} messages in a row ({sent.detail})."
            raise Halt(sentence, brake=Brake("rejections", figures.rejected_in_a_row, 2, True, sentence))
        if figures.unclear_in_a_row >= self._guards.unclear_stop:
            sentence = f"{figures.unclear_in_a_row} messages in a row ended unclear ({sent.detail})."
            raise Halt(sentence, brake=Brake("unclear", figures.unclear_in_a_row, 2, True, sentence))
        return state


def _metadata(ready: Ready) -> dict[str, str]:
    """The flat values of a data event: at most ten, by the API's description."""
    first = ready.domains[0]
    return {
        "ref": ready.letter.ref,
        "step": ready.letter.step,
        "domain": first.domain,
        "finding": first.finding,
        "record_name": first.name,
        "record": first.record,
        "link": first.link,
        "more_domains": str(len(ready.domains) - 1),
    }
