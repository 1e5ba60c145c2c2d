"""Sends the letters of a plan, one at a time, each checked again right before.

The order is the promise: wait for the turn, look again, read the switch, claim and commit, post once, write down what
came of it. Whatever ends this process between two of these steps, the next one knows what may have gone out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spfcheck.intercom.answers import ApiError, SendOutcome, Sent
from spfcheck.intercom.client import Intercom
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.register import Letter, Manner
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import Brake, NoticeState, OnProgress, Progress, Reason
from spfcheck.notify.planning.brakes import RecentOutcomes
from spfcheck.notify.sending.lock import SenderLock
from spfcheck.notify.sending.message import Writer
from spfcheck.notify.sending.ready import Figures, Preparation, Ready
from spfcheck.notify.sending.second_look import SecondLook
from spfcheck.notify.sending.watch import GRACE, Clocks, Halt, Watch
from spfcheck.store.database import WriterThread

NOT_SENT_TRIES = 3
THROTTLED_TRIES = 5


class SendingRun:
    """One run of sending, by the process that holds the lock. *boot* tells this run's claims from everybody else's."""

    def __init__(
        self,
        *,
        intercom: Intercom,
        ledger: Ledger,
        stops: Stops,
        look: SecondLook,
        writer: Writer,
        watch: Watch,
        lock: SenderLock,
        write: WriterThread,
        boot: str,
        mark_tag: str,
        clocks: Clocks,
    ) -> None:
        self._intercom = intercom
        self._ledger = ledger
        self._stops = stops
        self._watch = watch
        self._lock = lock
        self._write = write
        self._boot = boot
        self._mark_tag = mark_tag
        self._writer = writer
        self._clocks = clocks
        self._clock = clocks.now
        self._recent = RecentOutcomes()
        self._next_at = 0.0
        self.figures = Figures()
        self._preparation = Preparation(
            ledger=ledger,
            stops=stops,
            look=look,
            writer=writer,
            watch=watch,
            write=write,
            mark_tag=mark_tag,
            clock=clocks.now,
            figures=self.figures,
        )

    async def run(self, refs: Sequence[str], plan_id: str, progress: OnProgress | None) -> str:
        """Send the letters *refs* in order; why it ended early, in a sentence, or nothing."""
        for number, ref in enumerate(refs):
            # The plan was made under the ceiling of its day, and what an earlier run tried comes on top of it.
            if self.figures.attempted >= self._watch.guards.ceiling_per_run:
                left = await self._write(self._ledger.leave_rest, refs[number:], Reason.CEILING, now=self._clock())
                self.figures.count(NoticeState.WAITING, Reason.CEILING, left)
                return ""
            try:
                await self._between(number)
                ended = await self._one(ref)
            except Halt as halt:
                if halt.brake is not None:
                    await self._write(self._stops.trip, [halt.brake], plan_id=plan_id, now=self._clock())
                left = await self._write(self._ledger.leave_rest, refs[number:], halt.reason, now=self._clock())
                self.figures.count(NoticeState.WAITING, halt.reason, left)
                return str(halt)
            if progress:
                progress(Progress("messages", number + 1, len(refs), ended))
        return ""

    async def _between(self, number: int) -> None:
        """Everything that may end the run between two messages."""
        if number and number % self._watch.guards.check_every == 0:
            brake = self._recent.brake(self._watch.guards)
            if brake.tripped:
                raise Halt(f"A brake stopped the run: {brake.sentence}", brake=brake)
            standing = await self._write(self._stops.brakes)
            if standing:
                raise Halt(f"A brake stopped the run: {standing[0]}")
        await self._watch.may_go_on()

    async def _one(self, ref: str) -> str:
        """Deal with one letter; how it ended, in a few words."""
        letter = await self._write(self._ledger.letter, ref)
        if letter is None or letter.state is not NoticeState.PLANNED:
            return f"{ref}: already dealt with"
        state = await self._deliver(ref)
        name = ", ".join(letter.domains) or ref
        if state is None:
            return f"{name}: not sent"
        self.figures.attempted += 1
        return f"{name}: {state}"

    async def _deliver(self, ref: str) -> NoticeState | None:
        """Look, claim and post until the answer is one that ends it; None when nothing was posted.

        Refusals that came before processing are repeated. Each wait is over before the look, and each attempt has a
        look of its own: whoever unsubscribes while we wait is heard.
        """
        throttled = not_sent = 0
        tried: NoticeState | None = None
        while True:
            await self._watch.rest(self._next_at - self._clock())
            ready = await self._preparation.ready(ref)
            if ready is None:
                return tried
            await self._turn()
            sent = await self._attempt(ready)
            if sent is None:
                return tried
            tried = NoticeState.WAITING
            if sent.outcome is SendOutcome.THROTTLED and throttled < THROTTLED_TRIES:
                throttled += 1
                await self._watch.rest(sent.wait)
                continue
            if sent.outcome is SendOutcome.NOT_SENT and not_sent < NOT_SENT_TRIES:
                not_sent += 1
                await self._watch.rest(2.0**not_sent)
                continue
            return self._heed(sent, await self._write(self._state_of, ref))

    def _state_of(self, ref: str) -> NoticeState:
        letter = self._ledger.letter(ref)
        return letter.state if letter is not None else NoticeState.SUPPRESSED

    async def _turn(self) -> None:
        """The last look at everything that may end the run; the next message's time counts from here."""
        await self._watch.during(self._intercom.ready())
        await self._watch.may_go_on()
        self._next_at = self._clock() + 1.0 / self._watch.guards.rate_per_second

    async def _attempt(self, ready: Ready) -> Sent | None:
        """One claim and one call; None when the letter is no longer ours to send."""
        now, started = self._clock(), self._clocks.steady()
        before = ready.letter.manner
        letter = await self._write(
            self._ledger.claim,
            ready.letter.ref,
            boot=self._boot,
            now=now,
            manner=self._manner(ready.letter),
            content_hash=ready.message.hash,
        )
        if letter is None:
            if await self._write(self._stops.suppressed, ready.letter.person):
                await self._preparation.leave(ready.letter, Reason.SUPPRESSED)
            return None
        doing = f"writes {letter.ref}, its attempt {letter.attempts}"
        await self._write(self._lock.note, now, doing, ref=letter.ref, attempt=letter.attempts)
        # Between the claim and here the process may have been stopped for as long as anybody likes; meanwhile another
        # sender may have taken over and found this claim.
        if max(self._clock() - now, self._clocks.steady() - started) > self._watch.guards.claim_max_age:
            await self._write(
                self._ledger.put_back, letter.ref, boot=self._boot, now=self._clock(), delivery=before.delivery
            )
            return None
        sent = await self._watch.during(self._post(letter, ready), grace=GRACE)
        if sent is None:
            sent = Sent(outcome=SendOutcome.UNCLEAR, detail="given up when the run was asked to end")
        state = await self._write(
            self._ledger.settle, letter, sent, boot=self._boot, now=self._clock(), delivery=before.delivery
        )
        if state not in (NoticeState.PLANNED, NoticeState.SENDING):
            self.figures.count(state, "")
        if state is NoticeState.SENT:
            await self._first_pause()
            await self._tag(ready)
        return sent

    def _manner(self, letter: Letter) -> Manner:
        """How *letter* goes out: as the settings are now, or as it went before where that try was never disproved."""
        at = self._intercom.now()
        if letter.manner.delivery:
            return replace(letter.manner, api_at=at)
        guards = self._watch.guards
        return Manner(
            delivery=guards.delivery,
            admin_id=self._intercom.admin_id,
            template=self._writer.digest,
            findable=guards.open_conversation or guards.delivery == "event",
            api_at=at,
        )

    async def _post(self, letter: Letter, ready: Ready) -> Sent:
        if letter.manner.delivery == "event":
            return await self._intercom.send_event(
                contact_id=ready.contact.id,
                name=self._watch.guards.event_name,
                at=int(letter.created_at),
                metadata=_metadata(ready),
            )
        return await self._intercom.send_message(
            contact_id=ready.contact.id,
            role=ready.contact.role,
            subject=ready.message.subject,
            body=ready.message.html,
            keep_open=letter.manner.findable,
            admin_id=letter.manner.admin_id,
        )

    async def _first_pause(self) -> None:
        sent = self.figures.states[NoticeState.SENT]
        if sent == self._watch.guards.first_batch and self._watch.guards.first_pause > 0:
            self._next_at = self._clock() + self._watch.guards.first_pause

    async def _tag(self, ready: Ready) -> None:
        """The visible marker for support; what fails here is made up for in the next run."""
        if not self._mark_tag:
            return
        try:
            await self._watch.during(self._intercom.tag(ready.contact.id, self._mark_tag), grace=GRACE)
        except ApiError:
            return
        await self._write(self._ledger.mark_tagged, ready.letter.ref)

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
        if figures.rejected_in_a_row >= self._watch.guards.unclear_stop:
            sentence = f"The API rejected {figures.rejected_in_a_row} messages in a row ({sent.detail})."
            raise Halt(sentence, brake=Brake("rejections", figures.rejected_in_a_row, 2, True, sentence))
        if figures.unclear_in_a_row >= self._watch.guards.unclear_stop:
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
        # Every one that is marked as told, so that the rule in the workspace can tell them.
        "domains": " ".join(named.domain for named in ready.domains),
    }
