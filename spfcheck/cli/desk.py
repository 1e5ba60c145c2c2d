"""What a person does beside the nights, from the command line: the kill switch and the decisions.

These commands need the ledger and no token; only those that name an address need the key of the hashes as well.
"""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from spfcheck.cli.ending import COULD_NOT_CHECK, FINE, UsageError
from spfcheck.names import shown
from spfcheck.notify.model import NotifyError, NotifyStatus, UnclearMessage
from spfcheck.settings import Settings, load
from spfcheck.store.error import StoreError

if TYPE_CHECKING:
    from spfcheck.notify.desk import Desk


UNKNOWN = "Nobody of that address is known: is it spelt as it stands in their contact?"


def at_desk(work: Callable[[Desk], Awaitable[Any]], settings: Settings | None = None) -> Any:
    """What *work* comes to at the ledger's desk."""
    from spfcheck.notify.desk import Desk

    async def run() -> Any:
        async with Desk(settings or load()) as desk:
            return await work(desk)

    return asyncio.run(run())


def me(who: str) -> str:
    """Who decides: *who*, or the user of this machine; it is kept with the decision."""
    try:
        return who or getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        raise UsageError("Say who you are with --who; it is kept with the decision.") from None


def moment(unix: float) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC") if unix else "never"


def approve(plan_id: str, *, who: str = "", reason: str = "") -> int:
    """Make a plan the baseline, and let its messages and later ones go out within what is set now.

    A plan without messages becomes the baseline and approves nothing else.
    """
    approver = me(who)
    made = at_desk(lambda desk: desk.approve(plan_id, who=approver, reason=reason))
    if made.intents:
        print(f"Approved. To send it: spfcheck notify send --plan {made.id}")
    else:
        print(f"{made.id} is the baseline now. It holds no messages: the first plan that does waits for its own.")
    return FINE


def revoke(plan_id: str, *, who: str = "", reason: str = "") -> int:
    """Take the approval of a plan back: nothing more is sent until another one is given."""
    revoker = me(who)
    at_desk(lambda desk: desk.revoke(plan_id, who=revoker, reason=reason))
    print("Taken back. Nothing is sent until a plan is approved again.")
    return FINE


def status(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Pause, brakes, approval, who is sending, the last runs, and where the messages of the ledger stand.

    Exit code 3 while something holds sending, or a message waits for a person's decision.
    """
    seen: NotifyStatus = at_desk(lambda desk: desk.status())
    if as_json:
        from spfcheck.audit.report.model import as_json as plain

        print(json.dumps(plain(seen), indent=2))
    else:
        _tell(seen)
    waits = seen.states.get("unclear", 0) + seen.states.get("rejected", 0)
    return COULD_NOT_CHECK if seen.paused or seen.brakes or waits else FINE


def _tell(seen: NotifyStatus) -> None:
    print(f"workspace {seen.workspace}, policy {seen.policy}, stage {seen.stage}, {'on' if seen.enabled else 'off'}")
    print(seen.paused or "not paused")
    print(f"pause file {seen.pause_file}")
    for sentence in seen.brakes:
        print(f"BRAKE {sentence}")
    if seen.stops:
        print(f'to lift what you looked at: spfcheck notify resume {" ".join(seen.stops)} --reason "..."')
    print(f"sender: {seen.sender or 'nobody is sending'}")
    print(f"approval: {seen.approval or 'none'}")
    if seen.unapproved:
        print(f"    {seen.unapproved}")
    print(f"last plan {seen.last_plan or 'none'} ({moment(seen.last_plan_at)}), baseline {seen.baseline or 'none'}")
    print(f"last message {moment(seen.last_sent_at)}, last complete run {moment(seen.last_success_at)}")
    print(
        "messages: " + (", ".join(f"{number} {state}" for state, number in sorted(seen.states.items())) or "none yet")
    )
    print(f"open episodes: {seen.open_episodes}")


def pause(*, reason: str, who: str = "") -> int:
    """Stop sending before the very next message. Where the ledger cannot be written, the pause file is made instead."""
    settings = load()
    thrower = me(who)
    try:
        at_desk(lambda desk: desk.pause(reason, who=thrower), settings)
    except (NotifyError, StoreError) as error:
        return _pause_by_file(settings, reason, str(error))
    print("Paused. To go on: look with `spfcheck notify status`, then `spfcheck notify resume NAME --reason ...`.")
    return FINE


def _pause_by_file(settings: Settings, reason: str, why: str) -> int:
    from pathlib import Path

    path = Path(settings.notify.pause_file).absolute()
    try:
        path.write_text(reason + "\n", encoding="utf-8")
    except OSError as error:
        print(f"NOT PAUSED. {why} Nor can {path} be written: {error.strerror}.", file=sys.stderr)
        return COULD_NOT_CHECK
    print(f"Paused by the file {path}, since the ledger could not be used: {why}")
    return FINE


def resume(*names: str, reason: str, who: str = "") -> int:
    """Lift the pause and the brakes that you name as `notify status` shows them, such as `newly-broken#12`.

    What tripped after you looked has another number and stays. The reason is kept.
    """
    lifter = me(who)
    done = at_desk(lambda desk: desk.resume(names, reason, who=lifter))
    print(f"Lifted {done.number}.")
    if done.left:
        print(f"Still in force, so nothing is sent: {', '.join(done.left)}. Look with `spfcheck notify status`.")
        return COULD_NOT_CHECK
    print("Sending may go on.")
    return FINE


def unclear(
    ref: str = "", decision: Literal["sent", "resend"] | None = None, *, reason: str = "", who: str = ""
) -> int:
    """List messages that wait for a person, unclear ones and rejected ones, or decide: `unclear REF sent|resend`."""
    if ref:
        return _decide(ref, decision, reason, who)

    async def both(desk: Desk) -> tuple[list[UnclearMessage], list[UnclearMessage]]:
        return await desk.unclear(), await desk.rejected()

    unclear_ones, rejected_ones = at_desk(both)
    return _list(unclear_ones, "unclear") | _list(rejected_ones, "rejected")


def rejected(
    ref: str = "", decision: Literal["sent", "resend"] | None = None, *, reason: str = "", who: str = ""
) -> int:
    """List messages that the API refused, with its reason, or decide about one, or about `all`: `rejected all resend`.

    Mend the cause first: a resent message goes out by the settings of its day.
    """
    if ref != "all":
        return _decide(ref, decision, reason, who) if ref else _list(at_desk(lambda desk: desk.rejected()), "rejected")
    if decision != "resend" or not reason:
        raise UsageError("All of them can only be sent again: `spfcheck notify rejected all resend --reason ...`.")
    decider = me(who)

    async def every(desk: Desk) -> int:
        refused = await desk.rejected()
        for one in refused:
            await desk.decide(one.ref, "resend", who=decider, reason=reason)
        return len(refused)

    print(f"{at_desk(every)} will be sent again.")
    return FINE


def _decide(ref: str, decision: Literal["sent", "resend"] | None, reason: str, who: str) -> int:
    if decision is None or not reason:
        raise UsageError("Say what is decided and why: `spfcheck notify unclear REF sent|resend --reason ...`.")
    decider = me(who)
    at_desk(lambda desk: desk.decide(ref, decision, who=decider, reason=reason))
    print("Decided.")
    return FINE


def _list(rows: list[UnclearMessage], word: str) -> int:
    for row in rows:
        print(f"{row.ref}  contact {row.contact_id}  {', '.join(row.domains)}  {row.step}, since {moment(row.since)}")
        print(f"    {word}: {shown(row.reason, 300)} ({row.attempts} attempts)")
    print(f"{len(rows)} {word}.")
    return COULD_NOT_CHECK if rows else FINE


def forget(address: str, *, who: str = "") -> int:
    """Erase what the ledger holds of this address. One keyed hash stays, so that nobody writes to it again."""
    forgetter = me(who)
    done = at_desk(lambda desk: desk.forget(address, who=forgetter))
    print(f"{done.rows} rows erased." if done.known else UNKNOWN)
    print("Nobody writes to that address from now on.")
    return FINE


def suppress(address: str, *, reason: str, who: str = "") -> int:
    """Never message a person again, whatever the messaging API says of consent; binds from the next message on."""
    decider = me(who)
    known = at_desk(lambda desk: desk.suppress(address, reason=reason, who=decider))
    print("Suppressed: nobody writes to that address from now on.")
    if not known:
        print(UNKNOWN)
    return FINE


COMMANDS = (approve, revoke, status, pause, resume, unclear, rejected, forget, suppress)
