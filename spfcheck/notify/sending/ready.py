"""Makes a letter ready: everything that is asked anew right before it, and what of it no longer fits.

What no longer fits waits, whoever planned it and whenever: first messages, reminders, thanks, and letters that an
earlier run put back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from spfcheck.intercom.answers import ApiError, Contact
from spfcheck.notify.guards import HOUR, MINUTE, Guards
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.register import Letter
from spfcheck.notify.ledger.restored import Restored
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import MessageStep, NoticeState, NotifyError, Reason
from spfcheck.notify.planning.brakes import in_stage
from spfcheck.notify.sending.message import Named, RenderedMessage, Writer
from spfcheck.notify.sending.second_look import SecondLook, state_for
from spfcheck.notify.sending.watch import Halt, Watch
from spfcheck.store.database import WriterThread

ONE_A_NIGHT = 12 * HOUR
"""Between two messages to one person, whatever they are about: less than two nights are apart, more than one lasts."""

REMINDERS = (MessageStep.DAY7, MessageStep.DAY30)


@dataclass(slots=True)
class Figures:
    """What a run of sending did so far."""

    states: Counter[NoticeState] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    attempted: int = 0
    rejected_in_a_row: int = 0
    unclear_in_a_row: int = 0

    def count(self, state: NoticeState, reason: str, many: int = 1) -> None:
        """So *many* notices went to *state*."""
        self.states[state] += many
        if reason and many:
            self.reasons[reason] += many


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A letter that passed every check and is rendered."""

    letter: Letter
    contact: Contact
    """Who is written to: the letter's contact, or the one that it was merged into."""
    message: RenderedMessage
    domains: tuple[Named, ...]


class Preparation:
    """Checks letters one at a time; *mark_tag* is the id of the tag that we put on whom we messaged."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        stops: Stops,
        look: SecondLook,
        writer: Writer,
        watch: Watch,
        write: WriterThread,
        mark_tag: str,
        clock: Callable[[], float],
        figures: Figures,
    ) -> None:
        self._ledger = ledger
        self._stops = stops
        self._look = look
        self._writer = writer
        self._watch = watch
        self._write = write
        self._mark_tag = mark_tag
        self._clock = clock
        self._figures = figures

    async def ready(self, ref: str) -> Ready | None:
        """A letter as it may go out now; None when it may not, and the ledger says why."""
        letter = await self._write(self._ledger.letter, ref)
        if letter is None or letter.state is not NoticeState.PLANNED:
            return None
        guards = await self._watch.reread()
        reason = await self._write(self._known, letter, guards)
        if reason is not None:
            await self.leave(letter, reason)
            return None
        try:
            recipient = await self._watch.during(self._look.recipient(letter))
        except ApiError as error:
            raise Halt(str(error)) from error
        if recipient is None:
            await self._watch.may_go_on()
            raise Halt("The run was asked to end.")
        contact, reason = recipient.contact, recipient.reason
        if reason is None and contact is not None:
            tagged = bool(self._mark_tag) and self._mark_tag in recipient.tags
            reason = await self._write(self._unknown_to_us, letter.person, tagged, contact)
        if contact is None or reason is not None:
            await self.leave(letter, reason or Reason.CONTACT_GONE)
            return None
        named = await self._named(letter, recipient.domains, guards)
        if not named:
            await self.leave(letter, Reason.CHANGED)
            return None
        message = self._writer.write(MessageStep(letter.step), named, letter.ref)
        return Ready(letter=letter, contact=contact, message=message, domains=tuple(named))

    def _known(self, letter: Letter, guards: Guards) -> Reason | None:
        """What the ledger and the settings have against *letter*."""
        if self._stops.suppressed(letter.person):
            return Reason.SUPPRESSED
        off = (letter.step in REMINDERS and not guards.reminders) or (
            letter.step == MessageStep.THANKS and not guards.thanks
        )
        if off:
            return Reason.SWITCHED_OFF
        if self._ledger.reached_lately(letter.person, self._clock() - ONE_A_NIGHT, but=letter.ref):
            return Reason.ONE_A_NIGHT
        return None

    def _unknown_to_us(self, person: str, tagged: bool, contact: Contact) -> Reason | None:
        """The workspace says that we wrote to *person*: the ledger has to know of it, or it is an older one.

        After a restored backup it knows nothing of what was sent since: what it knew before vouches for nobody then.
        """
        gap = Restored(self._ledger).gap()
        if self._ledger.was_sent_to(person, gap.until if gap else 0.0):
            return None
        contacted = contact.last_contacted_at
        meanwhile = gap is not None and contacted > 0 and gap.since - MINUTE <= contacted <= gap.until + MINUTE
        return Reason.NO_LEDGER_ROW if tagged or meanwhile else None

    async def _named(self, letter: Letter, bound: frozenset[str], guards: Guards) -> list[Named]:
        """What the message says of each domain that still warrants it; the others are taken out of the letter."""
        faults = await self._write(self._ledger.faults, letter.ref)
        step = MessageStep(letter.step)
        named: list[Named] = []
        for domain, contact_id in zip(letter.domains, letter.contacts, strict=True):
            reason: Reason | None = Reason.DOMAIN_MOVED
            report = None
            if not in_stage(guards, domain, contact_id):
                reason = Reason.OUTSIDE_STAGE
            elif domain in bound:
                report, reason = await self._look.verdict(domain, step, faults.get(domain, ""))
            if report is None or reason is not None:
                reason = reason or Reason.CHANGED
                self._figures.count(state_for(reason), reason)
                await self._write(
                    self._ledger.drop_domain, letter.ref, domain, state_for(reason), reason, now=self._clock()
                )
                continue
            try:
                named.append(self._writer.fine(domain) if step is MessageStep.THANKS else self._writer.named(report))
            except NotifyError as error:
                raise Halt(str(error)) from error
        return named

    async def leave(self, letter: Letter, reason: Reason) -> None:
        """A letter that may not go out: the ledger keeps *reason*."""
        self._figures.count(state_for(reason), reason, len(letter.domains) if reason is not Reason.CHANGED else 0)
        await self._write(self._ledger.leave, letter.ref, state_for(reason), reason, now=self._clock())
