"""The ledger: what was intended, attempted and sent; it survives a kill at any instant.

A *letter* is one message to one person; a *notice* is one domain in it, unique by (workspace, person, domain, episode,
step). Every method is one transaction, synchronous, and called in the writer thread. The claim is committed before the
call, so that whoever comes after a crash finds every message that may have gone out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from spfcheck.intercom.answers import SendOutcome, Sent
from spfcheck.notify.ledger import trail
from spfcheck.notify.ledger.register import NOT_SENT_YET, Letter, Manner, Register, letter_of
from spfcheck.notify.ledger.tables import attempts, letters, notices, plans, suppressions
from spfcheck.notify.model import Intent, NoticeState, Reason
from spfcheck.store.database import writing

MAX_NIGHTS_NOT_FOUND = 3
"""A contact that the API does not know on three nights is gone."""

HALF_A_DAY = 43_200.0
"""Seconds: two looks closer together belong to one night."""


class Ledger(Register):
    """The letters of one workspace, and everything that changes them."""

    def materialise(self, plan_id: str, intents: Sequence[Intent], faults: Mapping[str, str], now: float) -> int:
        """Enter the intents of an approved plan; how many letters are new. Safe to repeat: it is done once.

        A notice that an earlier plan left open moves to the new letter; one that was dealt with stays where it is.
        """
        made = 0
        with writing(self.engine) as connection:
            first = sa.update(plans).where(plans.c.id == plan_id, plans.c.entered_at == 0).values(entered_at=now)
            if connection.execute(first).rowcount != 1:
                return 0
            for number, intent in enumerate(intents):
                made += self._enter(connection, plan_id, number, intent, faults, now)
            self._supersede(connection, plan_id, now)
        return made

    def _enter(
        self,
        connection: Connection,
        plan_id: str,
        number: int,
        intent: Intent,
        faults: Mapping[str, str],
        now: float,
    ) -> int:
        state = NoticeState.WAITING if intent.waiting else NoticeState.PLANNED
        letter = {
            "ref": intent.ref,
            "workspace": self.workspace,
            "person": intent.person,
            "contact_id": intent.contact_id,
            "step": intent.step,
            "plan_id": plan_id,
            "number": number,
            "state": state,
            "reason": intent.waiting,
            "created_at": now,
        }
        connection.execute(sa.insert(letters).values(letter))
        kept = 0
        for number_in, domain in enumerate(intent.domains):
            kept += self._attach(connection, intent, number_in, state, faults.get(domain, ""), now)
        if not kept:
            connection.execute(sa.delete(letters).where(letters.c.ref == intent.ref))
        return 1 if kept else 0

    def _attach(
        self,
        connection: Connection,
        intent: Intent,
        position: int,
        state: NoticeState,
        fault: str,
        now: float,
    ) -> int:
        domain, episode, contact_id = intent.domains[position], intent.episodes[position], intent.contacts[position]
        key = sa.and_(
            notices.c.workspace == self.workspace,
            notices.c.person == intent.person,
            notices.c.domain == domain,
            notices.c.episode == episode,
            notices.c.step == intent.step,
        )
        values = {
            "ref": intent.ref,
            "contact_id": contact_id,
            "state": state,
            "reason": intent.waiting,
            "fault": fault,
            "changed_at": now,
        }
        # A letter that was tried keeps its notices: the word that it may be found by is its own.
        untried = sa.exists().where(letters.c.ref == notices.c.ref, letters.c.attempts == 0)
        moved = connection.execute(
            sa.update(notices)
            .where(key, notices.c.state.in_(NOT_SENT_YET), sa.or_(untried, notices.c.inside.is_(False)))
            .values(inside=True, **values)
        )
        if moved.rowcount:
            return 1
        if connection.scalar(sa.select(notices.c.id).where(key)) is not None:
            return 0
        identity = {"workspace": self.workspace, "person": intent.person, "domain": domain, "episode": episode}
        connection.execute(sa.insert(notices).values(**identity, step=intent.step, **values))
        return 1

    def _supersede(self, connection: Connection, plan_id: str, now: float) -> None:
        """What older plans left unsent waits for a plan that names it again."""
        older = sa.and_(
            letters.c.workspace == self.workspace,
            letters.c.plan_id != plan_id,
            letters.c.state == NoticeState.PLANNED,
            letters.c.attempts == 0,
        )
        for ref in list(connection.scalars(sa.select(letters.c.ref).where(older))):
            connection.execute(
                sa.update(letters)
                .where(letters.c.ref == ref)
                .values(state=NoticeState.WAITING, reason=Reason.SUPERSEDED)
            )
            _move_notices(connection, ref, NoticeState.WAITING, Reason.SUPERSEDED, now)
        close_empty(connection, self.workspace, now)

    def queue(self, plan_id: str, now: float) -> list[str]:
        """The refs to be sent with a plan, in order: first those that an earlier run tried and did not get through.

        What an earlier run of the same plan did not come to has its turn too.
        """
        tried = sa.and_(letters.c.attempts > 0, letters.c.workspace == self.workspace)
        stopped = sa.and_(letters.c.plan_id == plan_id, letters.c.reason.in_((Reason.STOPPED, Reason.QUIET_HOURS)))
        with writing(self.engine) as connection:
            again = sa.and_(sa.or_(tried, stopped), letters.c.state == NoticeState.WAITING)
            for ref in list(connection.scalars(sa.select(letters.c.ref).where(again))):
                connection.execute(sa.update(letters).where(letters.c.ref == ref).values(state=NoticeState.PLANNED))
                _move_notices(connection, ref, NoticeState.PLANNED, "", now)
            mine = sa.or_(letters.c.plan_id == plan_id, tried)
            query = sa.select(letters.c.ref).where(mine, letters.c.state == NoticeState.PLANNED)
            return list(connection.scalars(query.order_by((letters.c.attempts == 0), letters.c.number)))

    def claim(self, ref: str, *, boot: str, now: float, manner: Manner, content_hash: str) -> Letter | None:
        """Claim a letter for one call, or None when it is no longer to be sent. Committed when this returns.

        The state is compared and set in one statement: two senders can never hold the same letter. Whoever was
        suppressed by then is not written to.
        """
        turned_away = sa.exists().where(
            suppressions.c.workspace == letters.c.workspace, suppressions.c.person == letters.c.person
        )
        with writing(self.engine) as connection:
            claimed = connection.execute(
                sa.update(letters)
                .where(letters.c.ref == ref, letters.c.state == NoticeState.PLANNED, ~turned_away)
                .values(
                    state=NoticeState.SENDING,
                    reason="",
                    boot=boot,
                    claimed_at=now,
                    delivery=manner.delivery,
                    admin_id=manner.admin_id,
                    template=manner.template,
                    findable=manner.findable,
                    api_at=manner.api_at,
                    content_hash=content_hash,
                    attempts=letters.c.attempts + 1,
                )
            )
            if claimed.rowcount != 1:
                return None
            row = connection.execute(sa.select(letters).where(letters.c.ref == ref)).one()
            connection.execute(sa.insert(attempts).values(ref=ref, number=row.attempts, boot=boot, claimed_at=now))
            _move_notices(connection, ref, NoticeState.SENDING, "", now)
            letter = letter_of(connection, row)
            return replace(letter, state=NoticeState.SENDING)

    def settle(self, letter: Letter, sent: Sent, *, boot: str, now: float, delivery: str = "") -> NoticeState:
        """Write down what came of a claimed letter; the state that it is in now.

        What was never processed is planned again, bound to the *delivery* that it was bound to before.
        """
        with writing(self.engine) as connection:
            state, reason = self._verdict(connection, letter, sent, now)
            values: dict[str, object] = {
                "state": state,
                "reason": reason,
                "detail": sent.detail,
                "settled_at": now,
                "message_id": sent.message_id,
                "conversation_id": sent.conversation_id,
                "request_id": sent.request_id,
            }
            if state is NoticeState.PLANNED:
                values["delivery"] = delivery
            mine = sa.and_(letters.c.ref == letter.ref, letters.c.boot == boot, letters.c.state == NoticeState.SENDING)
            if connection.execute(sa.update(letters).where(mine).values(values)).rowcount != 1:
                # Somebody else took it over while the call ran: what we know still counts, if it is that it arrived.
                return self._late(connection, letter, sent, now)
            self._close_attempt(connection, letter, sent, now)
            _move_notices(connection, letter.ref, state, reason, now)
            self._note(connection, letter, state, sent, boot, now)
            return state

    def _verdict(self, connection: Connection, letter: Letter, sent: Sent, now: float) -> tuple[NoticeState, str]:
        if sent.outcome is SendOutcome.NOT_FOUND:
            return self._gone(connection, letter.ref, now), Reason.CONTACT_GONE
        return _STATE_AFTER[sent.outcome]

    def _gone(self, connection: Connection, ref: str, now: float) -> NoticeState:
        """Where a letter goes whose contact is not there: after some nights it is closed. A night counts once."""
        inside = sa.and_(notices.c.ref == ref, notices.c.inside.is_(True))
        other_night = notices.c.gone_at <= now - HALF_A_DAY
        connection.execute(
            sa.update(notices).where(inside, other_night).values(nights=notices.c.nights + 1, gone_at=now)
        )
        nights = connection.scalar(sa.select(sa.func.max(notices.c.nights)).where(inside)) or 0
        return NoticeState.SUPPRESSED if nights >= MAX_NIGHTS_NOT_FOUND else NoticeState.WAITING

    def _late(self, connection: Connection, letter: Letter, sent: Sent, now: float) -> NoticeState:
        if sent.outcome is SendOutcome.ACCEPTED:
            values = {"state": NoticeState.SENT, "reason": "", "message_id": sent.message_id, "settled_at": now}
            connection.execute(sa.update(letters).where(letters.c.ref == letter.ref).values(values))
            _move_notices(connection, letter.ref, NoticeState.SENT, "", now)
        self._close_attempt(connection, letter, sent, now)
        self._note(connection, letter, NoticeState.UNCLEAR, sent, "late", now)
        return NoticeState.SENT if sent.outcome is SendOutcome.ACCEPTED else NoticeState.UNCLEAR

    def _close_attempt(self, connection: Connection, letter: Letter, sent: Sent, now: float) -> None:
        connection.execute(
            sa.update(attempts)
            .where(attempts.c.ref == letter.ref, attempts.c.number == letter.attempts)
            .values(
                settled_at=now,
                outcome=sent.outcome,
                status=sent.status,
                request_id=sent.request_id,
                detail=sent.detail,
            )
        )

    def _note(
        self, connection: Connection, letter: Letter, state: NoticeState, sent: Sent, boot: str, now: float
    ) -> None:
        detail = {"outcome": sent.outcome, "domains": list(letter.domains), "request_id": sent.request_id, "boot": boot}
        trail.append(connection, at=now, who="sender", action=f"letter-{state}", subject=letter.ref, detail=detail)

    def put_back(self, ref: str, *, boot: str, now: float, delivery: str = "") -> None:
        """Give up a claim whose call was never made; the letter is bound to the *delivery* of before."""
        with writing(self.engine) as connection:
            mine = sa.and_(letters.c.ref == ref, letters.c.boot == boot, letters.c.state == NoticeState.SENDING)
            values = {"state": NoticeState.PLANNED, "delivery": delivery}
            if connection.execute(sa.update(letters).where(mine).values(values)).rowcount:
                _move_notices(connection, ref, NoticeState.PLANNED, "", now)

    def leave(self, ref: str, state: NoticeState, reason: Reason, *, now: float, detail: str = "") -> None:
        """A letter that is not claimed will not be sent: now (`waiting`) or ever (`suppressed`)."""
        with writing(self.engine) as connection:
            values = {"state": state, "reason": reason, "detail": detail, "settled_at": now}
            free = sa.and_(letters.c.ref == ref, letters.c.state.in_(NOT_SENT_YET))
            if reason is Reason.CONTACT_GONE:
                values["state"] = state = self._gone(connection, ref, now)
            if connection.execute(sa.update(letters).where(free).values(values)).rowcount:
                _move_notices(connection, ref, state, reason, now)

    def drop_domain(self, ref: str, domain: str, state: NoticeState, reason: Reason, *, now: float) -> None:
        """Take one domain out of an unclaimed letter; the others stay in it."""
        with writing(self.engine) as connection:
            which = sa.and_(notices.c.ref == ref, notices.c.domain == domain, notices.c.state.in_(NOT_SENT_YET))
            values = {"state": state, "reason": reason, "inside": False, "changed_at": now}
            connection.execute(sa.update(notices).where(which).values(values))

    def leave_rest(self, refs: Sequence[str], reason: Reason, *, now: float) -> int:
        """What a stopped run did not come to waits for the next; how many letters."""
        left = 0
        with writing(self.engine) as connection:
            for ref in refs:
                which = sa.and_(letters.c.ref == ref, letters.c.state == NoticeState.PLANNED)
                values = {"state": NoticeState.WAITING, "reason": reason}
                if connection.execute(sa.update(letters).where(which).values(values)).rowcount:
                    left += 1
                    _move_notices(connection, ref, NoticeState.WAITING, reason, now)
        return left

    def mark_tagged(self, ref: str) -> None:
        """The contact carries our tag."""
        with writing(self.engine) as connection:
            connection.execute(sa.update(letters).where(letters.c.ref == ref).values(tagged=True))

    def recover(self, *, boot: str, now: float) -> int:
        """Claims of senders that are gone are unclear from here on; how many. Call with the sender's lock held."""
        with writing(self.engine) as connection:
            lost = sa.and_(
                letters.c.workspace == self.workspace, letters.c.state == NoticeState.SENDING, letters.c.boot != boot
            )
            refs = list(connection.scalars(sa.select(letters.c.ref).where(lost)))
            values = {
                "state": NoticeState.UNCLEAR,
                "detail": "the sender ended in the middle of the call",
                "settled_at": now,
            }
            connection.execute(sa.update(letters).where(lost).values(values))
            for ref in refs:
                _move_notices(connection, ref, NoticeState.UNCLEAR, "", now)
                trail.append(connection, at=now, who="sender", action="letter-unclear", subject=ref)
        return len(refs)

    def resolve(
        self,
        ref: str,
        state: NoticeState,
        *,
        who: str,
        now: float,
        conversation_id: str = "",
        reason: str = "",
        anew: bool = True,
    ) -> bool:
        """An unclear (or rejected) letter is known to be *state*: sent, or planned again; False when it is neither.

        Planned *anew* it goes as the settings are by then (the fault was mended), else in the manner of the last try.
        """
        with writing(self.engine) as connection:
            which = sa.and_(
                letters.c.ref == ref,
                letters.c.workspace == self.workspace,
                letters.c.state.in_((NoticeState.UNCLEAR, NoticeState.REJECTED)),
            )
            values: dict[str, object] = {"state": state, "reason": "", "settled_at": now}
            if anew and state is NoticeState.PLANNED:
                values["delivery"] = ""
            if conversation_id:
                values["conversation_id"] = conversation_id
            if connection.execute(sa.update(letters).where(which).values(values)).rowcount != 1:
                return False
            _move_notices(connection, ref, state, "", now)
            detail = {"reason": reason, "conversation": conversation_id}
            trail.append(connection, at=now, who=who, action=f"resolved-{state}", subject=ref, detail=detail)
        return True

    def forget(self, person: str, *, who: str, now: float) -> int:
        """Erase *person*; how many rows. What was not sent is closed, and the row's hash becomes a blank.

        One keyed hash stays, on the list of whom nobody writes to: the workspace still has the contact, and a ledger
        that knows nothing of it would begin anew.
        """
        blank = "forgotten"
        with writing(self.engine) as connection:
            refs = list(connection.scalars(sa.select(letters.c.ref).where(letters.c.person == person)))
            for ref in refs:
                gone = sa.and_(letters.c.ref == ref, letters.c.state.in_(NOT_SENT_YET))
                connection.execute(
                    sa.update(letters).where(gone).values(state=NoticeState.SUPPRESSED, reason=Reason.FORGOTTEN)
                )
            # A person's notices belong to the person's letters; of those there is an index.
            count = connection.execute(sa.delete(notices).where(notices.c.ref.in_(refs))).rowcount
            connection.execute(
                sa.update(letters).where(letters.c.person == person).values(person=blank, contact_id=blank)
            )
            stay_away(connection, self.workspace, person, Reason.FORGOTTEN, now)
            trail.append(connection, at=now, who=who, action="forget", subject="a person", detail={"rows": count})
        return count + len(refs)


_STATE_AFTER: Mapping[SendOutcome, tuple[NoticeState, str]] = {
    SendOutcome.ACCEPTED: (NoticeState.SENT, ""),
    SendOutcome.NOT_SENT: (NoticeState.PLANNED, ""),
    SendOutcome.THROTTLED: (NoticeState.PLANNED, ""),
    SendOutcome.REJECTED: (NoticeState.REJECTED, Reason.API_REFUSED),
    SendOutcome.UNSUBSCRIBED: (NoticeState.SUPPRESSED, Reason.UNSUBSCRIBED),
    SendOutcome.TOKEN_REFUSED: (NoticeState.PLANNED, ""),
    SendOutcome.FORBIDDEN: (NoticeState.PLANNED, ""),
    # 5xx, a time-out and a reset are the same to us: it may have been processed.
    SendOutcome.UNCLEAR: (NoticeState.UNCLEAR, ""),
}


def _move_notices(connection: Connection, ref: str, state: NoticeState, reason: str, now: float) -> None:
    """The notices that still belong to a letter go where it goes; those that were taken out of it stay."""
    values: dict[str, object] = {"state": state, "reason": reason, "changed_at": now}
    if state is NoticeState.SENT:
        values["sent_at"] = now
    connection.execute(sa.update(notices).where(notices.c.ref == ref, notices.c.inside.is_(True)).values(values))


def stay_away(connection: Connection, workspace: str, person: str, reason: str, now: float) -> bool:
    """Put *person* on the list of whom nobody writes to; False when they stood there already."""
    which = sa.and_(suppressions.c.workspace == workspace, suppressions.c.person == person)
    if connection.scalar(sa.select(suppressions.c.person).where(which)) is not None:
        return False
    values = {"workspace": workspace, "person": person, "reason": reason, "created_at": now}
    connection.execute(sa.insert(suppressions).values(values))
    return True


def close_empty(connection: Connection, workspace: str, now: float) -> None:
    """Letters that were never tried and hold no notice any more are closed."""
    inside = sa.exists().where(
        notices.c.ref == letters.c.ref, notices.c.inside.is_(True), notices.c.state.in_(NOT_SENT_YET)
    )
    empty = sa.and_(
        letters.c.workspace == workspace, letters.c.state.in_(NOT_SENT_YET), letters.c.attempts == 0, ~inside
    )
    values = {"state": NoticeState.SUPPRESSED, "reason": Reason.SUPERSEDED, "settled_at": now}
    connection.execute(sa.update(letters).where(empty).values(values))
