"""The promises of the notifier, against any order of events: nights, repairs, opt-outs, deaths in the middle of a call.

What is true of the world is kept here, apart from the product; every message is judged at the instant at which the
sandbox accepts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spfcheck.demo.sandbox import Fault
from spfcheck.demo.sandbox_state import SandboxContact, SandboxMessage
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.model import NotifyError, Reason
from spfcheck.store.error import StoreError
from tests.notify.sending.test_unclear import Always
from tests.notify.world import GUARDS, World, broken, mended, resumed
from tests.profile import scale

HOUR, DAY = 3600.0, 86_400.0
DOMAINS = [f"d{n}.example" for n in range(5)]
STATES = {"broken": broken, "mended": mended, "silent": lambda name: f"{name} TXT TIMEOUT"}
OPT_OUT = "spf-no-notify"


class Died(BaseException):
    """The process ended here."""


@contextlib.contextmanager
def dying(where: str) -> Iterator[None]:
    """The process ends right after the claim, or right after the call."""
    name = "settle" if where == "after the call" else "claim"
    honest = getattr(Ledger, name)

    def dead(self: Ledger, *arguments: Any, **named: Any) -> Any:
        if name == "claim":
            honest(self, *arguments, **named)
        raise Died

    setattr(Ledger, name, dead)
    try:
        yield
    finally:
        setattr(Ledger, name, honest)


class Notifying(RuleBasedStateMachine):
    """See the module."""

    @initialize(
        open_conversation=st.booleans(),
        ceiling=st.sampled_from([1, 3, 50]),
        thanks=st.booleans(),
        owners=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=3, max_size=8),
    )
    def begin(self, open_conversation: bool, ceiling: int, thanks: bool, owners: list[tuple[int, int]]) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="spfcheck-machine-"))
        self.runner = asyncio.Runner()
        guards = replace(
            GUARDS,
            open_conversation=open_conversation,
            ceiling_per_run=ceiling,
            thanks=thanks,
            newly_broken_floor=99,
            small_floor=99,
            audience_change_max=1.0,
            audience_drift_max=1.0,
            unclear_stop=99,
        )
        self.w = World(self.directory, "", guards)
        self.w.workspace.index_lag = 60.0
        self.truth = dict.fromkeys(DOMAINS, "broken")
        self.seen_broken: dict[str, list[float]] = {name: [] for name in DOMAINS}
        self.paused = False
        self.told: list[tuple[float, str, str, str]] = []
        self.tonight: Counter[str] = Counter()
        self.w.workspace.add_contact(email="gus@good.example", sending_domain="good.example")
        for person, domain in owners:
            self.w.workspace.add_contact(email=f"p{person}@people.example", sending_domain=DOMAINS[domain])
        honest = self.w.workspace.accept

        self.broken_promises: list[str] = []

        def judged(**arguments: Any) -> SandboxMessage:
            # In the sandbox an exception would only be an answer 500.
            try:
                self.judge(arguments["contact"], arguments["subject"], arguments["body"])
            except AssertionError as broken_promise:
                self.broken_promises.append(str(broken_promise))
            return honest(**arguments)

        self.w.workspace.accept = judged  # type: ignore[method-assign]
        self.rezone()
        self.runner.run(self.w.sandbox.start())
        self.runner.run(self.w.baseline(hours=0))
        self.sighting()
        self.w.clock.later(21)

    def rezone(self) -> None:
        from tests.notify.world import SHARED

        lines = [STATES[state](name) for name, state in self.truth.items()]
        self.w.zone_text = SHARED + "\n".join(lines)

    def sighting(self) -> None:
        for name, state in self.truth.items():
            if state == "broken":
                self.seen_broken[name].append(self.w.clock.now)
            elif state == "mended":
                self.seen_broken[name].clear()

    def judge(self, contact: SandboxContact, subject: str, body: str) -> None:
        """Every promise about a message that is being accepted."""
        now = self.w.clock.now
        assert not self.paused, "a message while paused"
        assert contact.unsubscribed_from_emails is False, "a message to somebody who unsubscribed"
        assert self.w.workspace.tag_id(OPT_OUT) not in contact.tags, "a message to somebody who opted out"
        person = contact.email
        mine = {
            one.attributes.get("sending_domain") for one in self.w.workspace.contacts.values() if one.email == person
        }
        named = {name for name in DOMAINS if name in body}
        assert named, body
        assert named <= mine, "a domain that is not theirs"
        assert "good.example" not in body
        assert not re.search(r"p\d@people", body)
        step = "thanks" if "thank you" in subject else subject.split(":")[0]
        for name in named:
            if step != "thanks":
                assert self.truth[name] == "broken", f"{name} is {self.truth[name]}"
                times = self.seen_broken[name]
                assert times, f"{name} was never seen broken"
                assert now - times[0] >= 20 * HOUR, "told before it was sure"
            for at, whom, domain, what in self.told:
                if whom == person and domain == name and what == step == "Action needed":
                    assert now - at >= 30 * DAY, "told twice"
            self.told.append((now, person, name, step))
        self.tonight[person] += 1
        ref = re.search(r"spfref[0-9a-f]{16}", body)
        assert ref is not None
        with sqlite3.connect(self.directory / "ledger.sqlite3") as db:
            claims = db.execute("SELECT claimed_at FROM attempts WHERE ref = ?", (ref[0],)).fetchall()
        assert claims, "a call without a committed claim"

    @rule(domain=st.sampled_from(DOMAINS), state=st.sampled_from(sorted(STATES)))
    def the_dns_changes(self, domain: str, state: str) -> None:
        self.truth[domain] = state
        self.rezone()

    @rule(data=st.data(), what=st.sampled_from(["tag", "untag", "unsubscribe", "subscribe"]))
    def a_person_decides(self, data: st.DataObject, what: str) -> None:
        contact = data.draw(st.sampled_from(list(self.w.workspace.contacts.values())[1:]))
        tag = self.w.workspace.tag_id(OPT_OUT)
        if what == "tag" and tag not in contact.tags:
            contact.tags.append(tag)
        elif what == "untag" and tag in contact.tags:
            contact.tags.remove(tag)
        elif what in ("subscribe", "unsubscribe"):
            contact.unsubscribed_from_emails = what == "unsubscribe"

    @rule(data=st.data(), domain=st.sampled_from(DOMAINS))
    def a_contact_moves(self, data: st.DataObject, domain: str) -> None:
        contact = data.draw(st.sampled_from(list(self.w.workspace.contacts.values())[1:]))
        contact.attributes["sending_domain"] = domain

    @rule(hours=st.sampled_from([0.5, 21.0, 24.0 * 8, 24.0 * 31]))
    def time_passes(self, hours: float) -> None:
        self.w.clock.later(hours)

    @rule(how=st.sampled_from(["file", "row"]))
    @precondition(lambda self: not self.paused)
    def somebody_pauses(self, how: str) -> None:
        self.paused = True
        if how == "file":
            (self.directory / "pause").touch()
        else:
            self.runner.run(self._pause())

    async def _pause(self) -> None:
        async with self.w.notifier() as notifier:
            await notifier.pause("a look at it", who="machine")

    @rule()
    def somebody_resumes(self) -> None:
        (self.directory / "pause").unlink(missing_ok=True)
        self.runner.run(self._resume())
        self.paused = False

    async def _resume(self) -> None:
        async with self.w.notifier() as notifier:
            await resumed(notifier, "looked at", "machine")

    def between(self, what: str, number: int) -> None:
        """Something happens after the plan was made and before it is sent."""
        everyone = list(self.w.workspace.contacts.values())[1:]
        contact = everyone[number % len(everyone)]
        if what == "unsubscribe":
            contact.unsubscribed_from_emails = True
        elif what == "tag":
            contact.tags.append(self.w.workspace.tag_id(OPT_OUT))
        elif what == "move":
            contact.attributes["sending_domain"] = DOMAINS[number % len(DOMAINS)]
        elif what == "pause":
            self.paused = True
            (self.directory / "pause").touch()
        elif what in STATES:
            self.truth[DOMAINS[number % len(DOMAINS)]] = what
            self.rezone()

    @rule(
        what=st.sampled_from(["", "", "unsubscribe", "tag", "move", "pause", "mended", "silent"]),
        number=st.integers(0, 9),
        fault=st.sampled_from([None, None, Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.THROTTLE, Fault.RESET]),
        death=st.sampled_from(["", "", "", "after the claim", "after the call"]),
    )
    def a_night(self, what: str, number: int, fault: Fault | None, death: str) -> None:
        if self.paused and number % 3:
            self.somebody_resumes()  # else most nights would be quiet ones
        self.w.sandbox.faults = Always(fault, 2) if fault else Always(Fault.THROTTLE, 0)
        self.w.clock.later(0.5)
        self.sighting()
        self.tonight.clear()
        with dying(death) if death else contextlib.nullcontext():
            try:
                self.runner.run(self._night(what, number))
            except Died:
                return
        assert all(count <= 1 + bool(fault) for count in self.tonight.values()), "more than one a night"

    async def _night(self, what: str, number: int) -> None:
        async with self.w.notifier() as notifier:
            await notifier.reconcile()
            plan = await notifier.plan()
            for row in plan.rows:
                assert row.reason or row.persons, f"{row.domain} has neither a message nor a reason"
            self.between(what, number)
            try:
                sending = await notifier.send(plan.id)
            except (NotifyError, StoreError):
                return
            assert sending.sent <= self.w.guards.ceiling_per_run + len(self.tonight)
            states = (await notifier.status()).states
            assert "sending" not in states
            if not sending.stopped:
                assert "planned" not in states, "a letter had no turn and no reason"

    @invariant()
    def every_promise_was_kept(self) -> None:
        assert self.broken_promises == []

    @invariant()
    def nobody_is_told_twice_and_every_notice_has_a_reason(self) -> None:
        words = Counter(re.findall(r"spfref[0-9a-f]{16}", " ".join(m.body for m in self.w.workspace.messages)))
        assert not [word for word, count in words.items() if count > 1], "the same message twice"
        with sqlite3.connect(self.directory / "ledger.sqlite3") as db:
            odd = db.execute(
                "SELECT state, reason FROM notices WHERE state IN ('waiting', 'suppressed', 'rejected') AND reason = ''"
            ).fetchall()
            reasons = {row[0] for row in db.execute("SELECT reason FROM notices WHERE reason != ''")}
        assert odd == []
        assert reasons <= {reason.value for reason in Reason}

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            assert self.w.sandbox.violations == []
            self.runner.run(self.w.sandbox.stop())
            self.runner.close()
            shutil.rmtree(self.directory, ignore_errors=True)


Notifying.TestCase.settings = settings(
    max_examples=scale(12, 400),
    stateful_step_count=scale(25, 50),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_any_order_of_events = Notifying.TestCase
