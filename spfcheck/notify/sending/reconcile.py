"""What became of messages of which nobody knows whether they arrived.

Where a message opens a conversation, search finds it by its word. Found, with the word in it, means sent. Not found
means something only where the search is known to work: in the same minute it has to find a message that surely went
out, in the same name, and long enough ago; and the quiet time has to be over by the API's own clock. Then the message
may be sent again, in the manner of its last try. Where no conversation was opened nothing can be found, and only a
person decides.
"""

from __future__ import annotations

from collections.abc import Callable

from spfcheck.intercom.answers import ApiError
from spfcheck.intercom.client import Intercom
from spfcheck.notify.guards import DAY, Guards
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.register import Letter
from spfcheck.notify.model import NoticeState, ReconcileSummary
from spfcheck.store.database import WriterThread

GIVE_UP = DAY
"""After a day a person decides: a missed notice comes again by itself, a double one never goes away."""

RESOLUTION = 1.0
"""Seconds: so fine is the API's clock, as the Date of its answers tells it."""


async def reconcile(
    *,
    intercom: Intercom,
    ledger: Ledger,
    guards: Guards,
    template: str,
    write: WriterThread,
    clock: Callable[[], float],
) -> ReconcileSummary:
    """Look up every unclear message whose quiet time is over. The sender's lock must be held."""
    looking = _Looking(intercom, ledger, guards, template, write, clock)
    found = missing = 0
    for letter in await write(ledger.due, clock() - guards.unclear_quiet):
        state, conversation = await looking.what_became_of(letter)
        if state is None:
            continue
        done = await write(
            ledger.resolve,
            letter.ref,
            state,
            who="reconcile",
            now=clock(),
            conversation_id=conversation,
            anew=False,
        )
        found += done and state is NoticeState.SENT
        missing += done and state is NoticeState.PLANNED
    undecided = len(await write(ledger.unclear))
    return ReconcileSummary(found=found, missing=missing, undecided=undecided)


class _Looking:
    """One look at all that is due. The search is tried on a message that is known once, for each name we wrote in."""

    def __init__(
        self,
        intercom: Intercom,
        ledger: Ledger,
        guards: Guards,
        template: str,
        write: WriterThread,
        clock: Callable[[], float],
    ) -> None:
        self._intercom = intercom
        self._ledger = ledger
        self._guards = guards
        self._template = template
        self._write = write
        self._clock = clock
        self._works: dict[int, bool] = {}
        self._api_now: float | None = None

    async def what_became_of(self, letter: Letter) -> tuple[NoticeState | None, str]:
        """Sent, planned again, or None where nothing can be concluded; with the conversation that was found."""
        if not await self._quiet_is_over(letter):
            return None, ""
        if letter.manner.delivery == "event":
            # The API takes the same event twice as one, so an event is simply written again.
            return NoticeState.PLANNED, ""
        if letter.attempts >= self._guards.max_attempts or self._clock() - letter.claimed_at > GIVE_UP:
            return None, ""
        try:
            conversation = await self._find(letter)
            if conversation:
                return NoticeState.SENT, conversation
            # With another template it would not be the same message any more: that is for a person to say.
            if letter.manner.template != self._template or not await self._search_works(letter.manner.admin_id):
                return None, ""
            # Once more: what the search had not read yet when it was first asked, it may have read by now.
            conversation = await self._find(letter)
        except ApiError:
            # No answer is no evidence of absence.
            return None, ""
        return (NoticeState.SENT, conversation) if conversation else (NoticeState.PLANNED, "")

    async def _find(self, letter: Letter) -> str:
        return await self._intercom.find_conversation(
            contact_id=letter.contact_id, word=letter.ref, admin_id=letter.manner.admin_id
        )

    async def _search_works(self, admin_id: int) -> bool:
        """True when the search finds a message that surely went out in this name."""
        if admin_id not in self._works:
            before = self._clock() - self._guards.unclear_quiet
            known = await self._write(self._ledger.known_sent, admin_id, before)
            self._works[admin_id] = known is not None and bool(await self._find(known))
        return self._works[admin_id]

    async def _quiet_is_over(self, letter: Letter) -> bool:
        if self._api_now is None:
            try:
                await self._intercom.me()
            except ApiError:
                return False
            self._api_now = self._intercom.now()
        return self._api_now - letter.manner.api_at + RESOLUTION >= self._guards.unclear_quiet
