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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spfcheck.demo.sandbox import Fault
from spfcheck.demo.sandbox_state import SandboxContact, SandboxMessage
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.model import NotifyError, Reason, RefusedError
from spfcheck.notify.planning.brakes import in_stage
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


class Events(dict[tuple[str, str, int], dict[str, Any]]):
    """The data events of the workspace; each new one is judged as a message is."""

    def __init__(self, judge: Callable[[str, dict[str, Any]], None]) -> None:
        super().__init__()
        self.judge = judge

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self.judge(key[0], default)
        return super().setdefault(key, default)


STAGES: dict[str, dict[str, Any]] = {
    "everyone": {"stage": "everyone"},
    "half": {"stage": "cohort", "percent": 50},
    "two": {"stage": "self", "allow": frozenset(DOMAINS[:2])},
    "nobody": {"stage": "self", "allow": frozenset()},
}
OTHER_BODY = "<p>{% for entry in domains %}{{ entry.shown }} {{ entry.record }} {% endfor %}</p><p>Ref: {{ ref }}</p>"


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
            handful_share=99.0,
            audience_change_max=1.0,
            audience_drift_max=1.0,
            unclear_stop=99,
        )
        self.w = World(self.directory, "", guards)
        self.w.workspace.index_lag = 60.0
        self.jumped = 0.0
        self.honest_sleep = self.w.clock.sleep
        self.w.steady = lambda: self.w.clock.now - self.jumped
        self.present: dict[str, Any] = {}
        self.stopped_away: set[str] = set()
        self.backed_up = False
        (self.directory / "other.html").write_text(OTHER_BODY)
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
        self.w.workspace.events = Events(self.judge_event)
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

    def judge_event(self, contact_id: str, metadata: dict[str, Any]) -> None:
        """The promises about an event, by which a rule in the workspace sends a message."""
        try:
            contact = self.w.workspace.contacts[contact_id]
            subject = {"first": "Action needed", "thanks": "thank you"}.get(metadata["step"], "Reminder")
            self.judge(contact, f"{subject}: {metadata['step']}", f"{metadata['domain']} {metadata['ref']}")
        except AssertionError as broken_promise:
            self.broken_promises.append(str(broken_promise))

    def mailbox(self, address: str) -> list[SandboxContact]:
        """Every contact that still stands of one mailbox."""
        everyone = self.w.workspace.contacts.values()
        return [one for one in everyone if one.email.lower() == address.lower() and not one.merged_into]

    def refuses(self, address: str) -> bool:
        """True when the person said no, in whatever contact."""
        tag = self.w.workspace.tag_id(OPT_OUT)
        return address.lower() in self.stopped_away or any(
            one.unsubscribed_from_emails or one.has_hard_bounced or one.opted_out_of or tag in one.tags
            for one in self.mailbox(address)
        )

    def reached(self, domain: str) -> bool:
        """True when the roll-out has come to *domain*, as it is set now."""
        guards = replace(self.w.guards, **self.present)
        return in_stage(guards, domain, "")

    def judge(self, contact: SandboxContact, subject: str, body: str) -> None:
        """Every promise about a message that is being accepted."""
        now = self.w.clock.now
        assert not self.paused, "a message while paused"
        assert not contact.merged_into, "a message to a contact that is gone"
        assert not self.refuses(contact.email), "a message to somebody who said no in one contact"
        person = contact.email.lower()
        mine = {one.attributes.get("sending_domain") for one in self.mailbox(person)}
        named = {name for name in DOMAINS if name in body}
        assert named, body
        assert named <= mine, "a domain that is not theirs"
        assert "good.example" not in body
        assert not re.search(r"p\d@people", body)
        step = "thanks" if "thank you" in subject else subject.split(":")[0]
        before = [at for at, whom, _, _ in self.told if whom == person]
        assert not before or now - max(before) >= 12 * HOUR, "two messages in one night"
        for name in named:
            assert self.reached(name), f"{name} is outside the stage"
            if step != "thanks":
                assert self.truth[name] == "broken", f"{name} is {self.truth[name]}"
                times = self.seen_broken[name]
                assert times, f"{name} was never seen broken"
                assert now - times[0] >= 20 * HOUR, "told before it was sure"
            history = [(at, what) for at, whom, domain, what in self.told if (whom, domain) == (person, name)]
            firsts = [at for at, what in history if what == "Action needed"]
            since = [what for at, what in history if firsts and at > max(firsts)]
            if step == "Action needed":
                assert not firsts or now - max(firsts) >= 30 * DAY, "told twice"
            elif step == "Reminder":
                assert since.count("Reminder") < 2, "more than two reminders"
            else:
                assert since.count("thanks") < 1, "thanked twice"
            self.told.append((now, person, name, step))
        self.tonight[person] += 1
        ref = re.search(r"spfref[0-9a-f]{16}", body)
        assert ref is not None
        with contextlib.closing(sqlite3.connect(self.directory / "ledger.sqlite3")) as db:
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

    @rule(data=st.data(), how=st.sampled_from(["unsubscribe", "bounce", "kind", "tag", "nothing"]))
    def a_contact_more_of_the_same_mailbox(self, data: st.DataObject, how: str) -> None:
        known = data.draw(st.sampled_from(list(self.w.workspace.contacts.values())[1:]))
        if len(self.mailbox(known.email)) > 5:
            return
        more = self.w.workspace.add_contact(email=known.email.upper(), role="lead" if how == "bounce" else "user")
        more.unsubscribed_from_emails = how == "unsubscribe"
        more.has_hard_bounced = how == "bounce"
        more.opted_out_of = ["Newsletters"] if how == "kind" else []
        more.tags = [self.w.workspace.tag_id(OPT_OUT)] if how == "tag" else []

    @rule(data=st.data())
    def a_contact_is_merged(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(list(self.w.workspace.contacts.values())[1:]))
        if known.merged_into:
            return
        new = self.w.workspace.add_contact(email=known.email, sending_domain=known.attributes.get("sending_domain", ""))
        new.tags, new.last_contacted_at = list(known.tags), known.last_contacted_at
        new.unsubscribed_from_emails, new.opted_out_of = known.unsubscribed_from_emails, list(known.opted_out_of)
        new.has_hard_bounced, known.merged_into = known.has_hard_bounced, new.id

    @rule(person=st.integers(0, 3), how=st.sampled_from(["suppress", "forget"]))
    def a_person_is_suppressed_or_forgotten(self, person: int, how: str) -> None:
        self.keep_away(f"p{person}@people.example", how)

    def keep_away(self, address: str, how: str) -> None:
        self.stopped_away.add(address)
        self.runner.run(self._keep_away([address], how))

    async def _keep_away(self, addresses: Iterable[str], how: str) -> None:
        async with self.w.desk() as desk:
            for address in addresses:
                if how == "suppress":
                    await desk.suppress(address, reason="asked", who="machine")
                else:
                    await desk.forget(address, who="machine")

    @rule(stage=st.sampled_from(sorted(STAGES)))
    def the_stage_is_set(self, stage: str) -> None:
        self.present = {**self.present, "allow": frozenset(), "percent": 0, **STAGES[stage]}

    @rule(ceiling=st.sampled_from([0, 1, 3, 50]))
    def the_ceiling_is_set(self, ceiling: int) -> None:
        self.present = {**self.present, "ceiling_per_run": ceiling}

    @rule(delivery=st.sampled_from(["message", "message", "event"]))
    def the_delivery_is_set(self, delivery: str) -> None:
        self.present = {**self.present, "delivery": delivery}

    @rule(other=st.booleans())
    def the_template_is_set(self, other: bool) -> None:
        self.w.settings_values["notify"] = {"body_template": str(self.directory / "other.html") if other else ""}

    @rule()
    def another_admin_writes(self) -> None:
        self.w.workspace.admin_id += 1

    @rule()
    def the_hash_key_is_another_one_for_a_while(self) -> None:
        kept = self.w.settings_values.get("notify")
        self.w.settings_values["notify"] = {"hash_key": "another key"}
        with pytest.raises(NotifyError, match="not the key"):
            self.runner.run(self._open())
        self.w.settings_values["notify"] = kept or {}

    async def _open(self) -> None:
        async with self.w.notifier():
            pass

    @rule()
    def the_ledger_is_backed_up(self) -> None:
        copy = self.directory / "copy.sqlite3"
        ledger = self.directory / "ledger.sqlite3"
        with contextlib.closing(sqlite3.connect(ledger)) as here, contextlib.closing(sqlite3.connect(copy)) as there:
            here.backup(there)
        self.backed_up = True

    @rule()
    @precondition(lambda self: self.backed_up)
    def the_backup_is_put_back(self) -> None:
        ledger = self.directory / "ledger.sqlite3"
        copy = self.directory / "copy.sqlite3"
        with contextlib.closing(sqlite3.connect(copy)) as here, contextlib.closing(sqlite3.connect(ledger)) as there:
            here.backup(there)
        # What people decided since is gone with the ledger; whoever puts a backup back says it again.
        self.runner.run(self._keep_away(sorted(self.stopped_away), "suppress"))
        if self.paused:
            (self.directory / "pause").touch()
        elif not (self.directory / "pause").exists():
            self.runner.run(self._resume())

    @rule()
    def everything_unclear_is_decided(self) -> None:
        self.runner.run(self._decide())

    async def _decide(self) -> None:
        arrived = " ".join(
            [m.body for m in self.w.workspace.messages] + [str(e) for e in self.w.workspace.events.values()]
        )
        async with self.w.desk() as desk:
            for one in [*await desk.unclear(), *await desk.rejected()]:
                decision: Literal["sent", "resend"] = "sent" if one.ref in arrived else "resend"
                await desk.decide(one.ref, decision, who="machine", reason="asked the customer")

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
        elif what == "no-kind":
            contact.opted_out_of = ["Newsletters"]
        elif what == "twin":
            self.w.workspace.add_contact(email=contact.email.upper(), unsubscribed_from_emails=True)
        elif what == "suppress":
            self.stopped_away.add(contact.email.lower())
        elif what in STAGES:
            self.present = {**self.present, "allow": frozenset(), "percent": 0, **STAGES[what]}
        elif what in STATES:
            self.truth[DOMAINS[number % len(DOMAINS)]] = what
            self.rezone()

    @rule(
        what=st.sampled_from(
            [
                "",
                "",
                "unsubscribe",
                "tag",
                "move",
                "pause",
                "mended",
                "silent",
                "no-kind",
                "twin",
                "suppress",
                "jump",
                "nobody",
                "two",
            ]
        ),
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
        assert all(count <= 1 for count in self.tonight.values()), "more than one a night"

    async def _night(self, what: str, number: int) -> None:
        async with self.w.notifier(**self.present) as notifier:
            try:
                await notifier.reconcile()
            except RefusedError:
                return  # an older ledger, or a jump of the clock: somebody has to look first
            plan = await notifier.plan()
            for row in plan.rows:
                assert row.reason or row.persons, f"{row.domain} has neither a message nor a reason"
                for reason in row.held:
                    assert self.true_of(row.domain, reason), f"{row.domain}: {reason} is not so"
        self.between(what, number)
        if what == "suppress":
            await self._keep_away(sorted(self.stopped_away), "suppress")
        self.w.clock.sleep = self.leaping if what == "jump" else self.honest_sleep  # type: ignore[method-assign]
        async with self.w.notifier(**self.present) as notifier:
            try:
                sending = await notifier.send(plan.id)
            except (NotifyError, StoreError):
                return
            assert sending.sent <= notifier.guards.ceiling_per_run
            states = (await notifier.status()).states
            assert "sending" not in states
            if not sending.stopped:
                assert "planned" not in states, "a letter had no turn and no reason"

    async def leaping(self, seconds: float) -> None:
        """The clock is set forward while letters go out."""
        self.w.clock.later(3)
        self.jumped += 3 * HOUR
        self.w.clock.sleep = self.honest_sleep  # type: ignore[method-assign]
        await self.honest_sleep(seconds)

    def true_of(self, domain: str, reason: str) -> bool:
        """Whether somebody of *domain* is held for a reason that is so."""
        here = [one for one in self.w.workspace.contacts.values() if one.attributes.get("sending_domain") == domain]
        marked = self.w.workspace.tag_id("spf-notified")
        truths: dict[str, Callable[[SandboxContact], bool]] = {
            Reason.UNSUBSCRIBED: lambda one: self.refuses(one.email),
            Reason.BOUNCED: lambda one: self.refuses(one.email),
            Reason.OPTED_OUT: lambda one: self.refuses(one.email),
            Reason.SUPPRESSED: lambda one: one.email.lower() in self.stopped_away,
            Reason.OUTSIDE_STAGE: lambda one: not self.reached(domain),
            Reason.NO_LEDGER_ROW: lambda one: marked in one.tags,
            Reason.ALREADY_TOLD: lambda one: any(who == one.email.lower() for _, who, _, _ in self.told),
        }
        return any(truths[reason](one) for one in here) if reason in truths else True

    @invariant()
    def every_promise_was_kept(self) -> None:
        assert self.broken_promises == []

    @invariant()
    def nobody_is_told_twice_and_every_notice_has_a_reason(self) -> None:
        words = Counter(re.findall(r"spfref[0-9a-f]{16}", " ".join(m.body for m in self.w.workspace.messages)))
        assert not [word for word, count in words.items() if count > 1], "the same message twice"
        with contextlib.closing(sqlite3.connect(self.directory / "ledger.sqlite3")) as db:
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
    max_examples=scale(12, 2000),
    stateful_step_count=scale(25, 50),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_any_order_of_events = Notifying.TestCase
