"""What became of messages of which nobody knows whether they arrived.

Where a message opens a conversation, search finds it by its word: found means sent, not found (after a quiet time, and
with a search that works) means that it may be sent again. Where it does not, nothing can be found, and only a person
decides.
"""

from __future__ import annotations

from collections.abc import Callable

from spfcheck.intercom.answers import ApiError
from spfcheck.intercom.client import Intercom
from spfcheck.notify.guards import DAY, Guards
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.model import NoticeState, ReconcileSummary
from spfcheck.store.database import WriterThread

GIVE_UP = DAY
"""After a day a person decides: a missed notice comes again by itself, a double one never goes away."""


async def reconcile(
    *, intercom: Intercom, ledger: Ledger, guards: Guards, write: WriterThread, clock: Callable[[], float]
) -> ReconcileSummary:
    """Look up every unclear message whose quiet time is over. The sender's lock must be held."""
    found = missing = 0
    for letter in await write(ledger.due, clock() - guards.unclear_quiet):
        if guards.delivery != "event" and (
            letter.attempts >= guards.max_attempts or clock() - letter.claimed_at > GIVE_UP
        ):
            continue
        conversations: tuple[str, ...] = ()
        # The API takes the same event twice as one, so an event is simply written again.
        if guards.delivery != "event":
            try:
                conversations = await intercom.find_conversations(contact_id=letter.contact_id, word=letter.ref)
            except ApiError:
                # No answer is no evidence of absence.
                continue
        state = NoticeState.SENT if conversations else NoticeState.PLANNED
        done = await write(
            ledger.resolve,
            letter.ref,
            state,
            who="reconcile",
            now=clock(),
            conversation_id=conversations[0] if conversations else "",
        )
        found += done and state is NoticeState.SENT
        missing += done and state is NoticeState.PLANNED
    undecided = len(await write(ledger.unclear))
    return ReconcileSummary(found=found, missing=missing, undecided=undecided)
