"""The planner at its edges: steps and their days, cool-off, who is held, one message a person, the ceiling.

The ledger is a real one in a temporary directory; only its clock is ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.audit.report.model import Status
from spfcheck.intercom.answers import SendOutcome, Sent
from spfcheck.notify.audience.query import OF_THE_PERSON
from spfcheck.notify.audience.roster import Gathered, Member
from spfcheck.notify.guards import DAY, HOUR, Guards
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.archive import Archive
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.register import Manner
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.ledger.tables import domains, plans
from spfcheck.notify.model import Decision, Intent, MessageStep, PlanRow, Reason
from spfcheck.notify.planning.evidence import Judgement
from spfcheck.notify.planning.plan import Examined, Planner, Tally, totals
from spfcheck.store import database
from tests.notify.world import MONDAY

GUARDS = Guards(stage="everyone")
ACCEPTED, UNCLEAR, REJECTED = (
    Sent(outcome=SendOutcome.ACCEPTED),
    Sent(outcome=SendOutcome.UNCLEAR),
    Sent(outcome=SendOutcome.REJECTED),
)
WARRANTED = Judgement(None)


class People:
    """An audience that is at hand."""

    def __init__(self, *members: Member) -> None:
        self._members = members

    def domain_count(self) -> int:
        return len({member.domain for member in self._members})

    def people_count(self) -> int:
        return len({member.person for member in self._members})

    def members(self, domain: str) -> list[Member]:
        return [member for member in self._members if member.domain == domain]

    def against(self, persons: Collection[str]) -> dict[str, frozenset[str]]:
        told = [member for member in self._members if member.person in persons]
        holds = {member.person: {one.hold for one in told if one.person == member.person} - {""} for member in told}
        return {person: frozenset(marks & set(OF_THE_PERSON)) for person, marks in holds.items()}


def member(
    person: str, domain: str = "d.example", *, contact: str = "", hold: str = "", tagged: bool = False
) -> Member:
    return Member(contact or f"c-{person}", person, domain, hold, tagged)


def examined(domain: str = "d.example", judgement: Judgement = WARRANTED) -> Examined:
    return Examined(
        domain=domain,
        status="action_needed",
        fault="fault",
        remedy="replace",
        record="v=spf1 -all",
        report_id="r1",
        judgement=judgement,
    )


class Room:
    """A ledger with a past, and a planner for tonight."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ledger = Ledger(engine, "w1")
        self.stops = Stops(engine, "w1", Path("/nowhere/pause"))
        self._letters = 0

    def seen(self, domain: str = "d.example", *, episode: int = 1, runs: int = 2, hours: float = 20.0) -> None:
        """The fault of *domain* was seen in so many runs, first so many hours ago."""
        self._domain(
            domain,
            status="action_needed",
            fault="fault",
            fault_runs=runs,
            fault_first_at=MONDAY - hours * HOUR,
            episode=episode,
            episode_open=True,
        )

    def repaired(self, domain: str = "d.example", *, episode: int = 1, days: float = 1.0) -> None:
        self._domain(domain, status="ok", episode=episode, episode_open=False, closed_at=MONDAY - days * DAY)

    def _domain(self, domain: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.delete(domains).where(domains.c.domain == domain))
            connection.execute(sa.insert(domains).values(workspace="w1", domain=domain, **values))

    def told(
        self,
        person: str,
        step: MessageStep,
        ago: float,
        *,
        episode: int = 1,
        domain: str = "d.example",
        sent: Sent | None = ACCEPTED,
    ) -> None:
        """A letter of so many seconds ago and what came of it; without *sent* it waits, untried."""
        self._letters += 1
        plan_id, ref, then = f"plan-{self._letters}", f"ref{self._letters}", MONDAY - ago
        intent = Intent(
            ref=ref,
            person=person,
            contact_id=f"c-{person}",
            step=step,
            domains=(domain,),
            episodes=(episode,),
            contacts=(f"c-{person}",),
        )
        with self.engine.begin() as connection:
            connection.execute(
                sa.insert(plans).values(
                    id=plan_id, workspace="w1", number=self._letters, created_at=0, hash="", document="{}"
                )
            )
        self.ledger.materialise(plan_id, [intent], {}, then)
        if sent is not None:
            manner = Manner(delivery="message", findable=True)
            letter = self.ledger.claim(ref, boot="b", now=then, manner=manner, content_hash="h")
            assert letter is not None
            self.ledger.settle(letter, sent, boot="b", now=then)

    def decide(
        self, *members: Member, found: list[Examined] | None = None, guards: Guards = GUARDS
    ) -> tuple[list[PlanRow], list[Intent]]:
        planner = Planner(self.ledger, Archive(self.engine, "w1"), self.stops, guards, MONDAY)
        return planner.decide([examined()] if found is None else found, People(*members))

    def step(self, guards: Guards = GUARDS) -> tuple[str, str]:
        """Which message Ann gets about d.example tonight, or why none."""
        (row,), intents = self.decide(member("ann"), guards=guards)
        assert [intent.step for intent in intents] == ([row.step] if row.step else [])
        assert (row.decision is Decision.MESSAGE) is bool(row.step)
        return row.step, row.reason


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    engine = database.open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migration.upgrade(engine)
    yield Room(engine)
    engine.dispose()


# How often and how far apart.


@pytest.mark.parametrize(
    ("runs", "hours", "reason"),
    [(2, 20.0, ""), (1, 90.0, Reason.NOT_YET_CONFIRMED), (2, 19.999, Reason.NOT_YET_CONFIRMED), (3, 20.0, "")],
)
def test_a_fault_is_written_about_after_two_runs_twenty_hours_apart(
    room: Room, runs: int, hours: float, reason: str
) -> None:
    room.seen(runs=runs, hours=hours)
    assert room.step() == ("" if reason else MessageStep.FIRST, reason)


def test_how_often_and_how_far_apart_is_the_operators_to_say(room: Room) -> None:
    room.seen(runs=3, hours=30.0)
    assert room.step(replace(GUARDS, min_runs=4)) == ("", Reason.NOT_YET_CONFIRMED)
    assert room.step(replace(GUARDS, min_between_runs=31 * HOUR)) == ("", Reason.NOT_YET_CONFIRMED)
    assert room.step(replace(GUARDS, min_runs=3, min_between_runs=30 * HOUR)) == (MessageStep.FIRST, "")


def test_a_domain_that_no_accepted_night_saw_is_left_alone(room: Room) -> None:
    assert room.step() == ("", Reason.NOT_YET_CONFIRMED)


def test_what_the_night_judged_stands_however_often_the_fault_was_seen(room: Room) -> None:
    room.seen()
    for reason in (Reason.NEEDS_A_PERSON, Reason.NO_OPINION, Reason.AT_RISK, Reason.DNS_FAILED):
        (row,), intents = room.decide(member("ann"), found=[examined(judgement=Judgement(reason, "Why."))])
        assert (row.decision, row.reason, row.detail, row.persons) == (Decision.LEFT_ALONE, reason, "Why.", 0)
        assert intents == []


# Which step, and when.


@pytest.mark.parametrize(("ago", "step"), [(30 * DAY, MessageStep.FIRST), (30 * DAY - 1.0, "")])
def test_a_new_episode_is_told_when_the_cool_off_is_over_to_the_second(room: Room, ago: float, step: str) -> None:
    room.seen(episode=2)
    room.told("ann", MessageStep.FIRST, ago)
    assert room.step() == (step, "" if step else Reason.COOL_OFF)


def test_the_cool_off_counts_from_the_last_message_that_went_out_and_only_from_those(room: Room) -> None:
    room.seen(episode=2)
    room.told("ann", MessageStep.FIRST, 40 * DAY)
    room.told("ann", MessageStep.DAY7, 33 * DAY, sent=REJECTED)
    room.told("bob", MessageStep.FIRST, DAY)
    assert room.step() == (MessageStep.FIRST, "")
    room.told("ann", MessageStep.DAY30, 10 * DAY)
    assert room.step() == ("", Reason.COOL_OFF)


@pytest.mark.parametrize(
    ("told", "step"),
    [
        ([(MessageStep.FIRST, 7 * DAY - 1)], ""),
        ([(MessageStep.FIRST, 7 * DAY)], MessageStep.DAY7),
        ([(MessageStep.FIRST, 30 * DAY - 1)], MessageStep.DAY7),
        ([(MessageStep.FIRST, 30 * DAY)], MessageStep.DAY30),
        ([(MessageStep.FIRST, 30 * DAY - 1), (MessageStep.DAY7, 23 * DAY)], ""),
        ([(MessageStep.FIRST, 30 * DAY), (MessageStep.DAY7, 23 * DAY)], MessageStep.DAY30),
        ([(MessageStep.FIRST, 90 * DAY), (MessageStep.DAY30, 60 * DAY)], ""),
        ([(MessageStep.FIRST, 90 * DAY), (MessageStep.DAY7, 83 * DAY), (MessageStep.DAY30, 60 * DAY)], ""),
    ],
)
def test_the_seventh_day_comes_after_the_first_message_and_the_thirtieth_after_that(
    room: Room, told: list[tuple[MessageStep, float]], step: str
) -> None:
    room.seen()
    for what, ago in told:
        room.told("ann", what, ago)
    assert room.step() == (step, "" if step else Reason.ALREADY_TOLD)


@pytest.mark.parametrize(("sent", "reason"), [(UNCLEAR, Reason.UNCLEAR), (REJECTED, Reason.API_REFUSED)])
def test_no_reminder_of_a_message_that_may_never_have_arrived(room: Room, sent: Sent, reason: Reason) -> None:
    room.seen()
    room.told("ann", MessageStep.FIRST, 8 * DAY, sent=sent)
    assert room.step() == ("", reason), "and nobody says that they were told"


def test_what_was_planned_and_never_tried_is_planned_again(room: Room) -> None:
    room.seen()
    room.told("ann", MessageStep.FIRST, 8 * DAY, sent=None)
    assert room.step() == (MessageStep.FIRST, "")


def test_what_others_were_told_is_nothing_to_ann(room: Room) -> None:
    room.seen()
    room.told("bob", MessageStep.FIRST, 8 * DAY)
    assert room.step() == (MessageStep.FIRST, "")


def test_reminders_that_are_switched_off_do_not_come(room: Room) -> None:
    room.seen()
    room.told("ann", MessageStep.FIRST, 8 * DAY)
    assert room.step(replace(GUARDS, reminders=False)) == ("", Reason.ALREADY_TOLD)


# Who is held.


def test_whoever_is_held_is_counted_by_reason_and_the_most_frequent_is_the_rows(room: Room) -> None:
    room.seen()
    room.stops.suppress("sue", "asked", who="mira", now=0.0)
    held = [
        member("u1", hold=Reason.UNSUBSCRIBED),
        member("sue"),
        member("tag", tagged=True),
        member("u2", hold=Reason.UNSUBSCRIBED),
    ]
    (row,), intents = room.decide(*held)
    assert (row.decision, row.reason, row.detail) == (
        Decision.LEFT_ALONE,
        Reason.UNSUBSCRIBED,
        Reason.UNSUBSCRIBED.sentence,
    )
    assert row.held == {"unsubscribed": 2, "suppressed": 1, "no-ledger-row": 1}
    assert intents == []
    (row,), intents = room.decide(*held, member("ann"))
    assert (row.decision, row.persons, row.step, row.reason, row.detail) == (
        Decision.MESSAGE,
        1,
        MessageStep.FIRST,
        "",
        "",
    )
    assert row.held == {"unsubscribed": 2, "suppressed": 1, "no-ledger-row": 1}
    assert (row.record, row.report_id, row.finding, row.remedy) == ("v=spf1 -all", "r1", "fault", "replace")
    assert [intent.person for intent in intents] == ["ann"]


def test_a_domain_without_people_is_left_alone_with_a_reason(room: Room) -> None:
    room.seen()
    (row,), intents = room.decide()
    assert (row.decision, row.reason, row.held, intents) == (Decision.LEFT_ALONE, Reason.ALREADY_TOLD, {}, [])


def test_our_tag_on_somebody_whom_the_ledger_knows_holds_nobody(room: Room) -> None:
    room.seen()
    room.told("ann", MessageStep.FIRST, 8 * DAY, domain="another.example")
    (row,), _ = room.decide(member("ann", tagged=True))
    assert row.step == MessageStep.FIRST, "told of another domain"
    room.told("bob", MessageStep.FIRST, 8 * DAY)
    (row,), _ = room.decide(member("bob", tagged=True))
    assert row.step == MessageStep.DAY7, "told of this one"
    (row,), _ = room.decide(member("eve", tagged=True))
    assert row.reason == Reason.NO_LEDGER_ROW
    for order in (1, -1):
        contacts = [member("eve", contact="c1"), member("eve", contact="c2", tagged=True)][::order]
        (row,), _ = room.decide(*contacts)
        assert row.reason == Reason.NO_LEDGER_ROW, "whichever of the contacts carries it"


def test_outside_the_stage_nobody_is_messaged(room: Room) -> None:
    room.seen()
    assert room.step(Guards(stage="self")) == ("", Reason.OUTSIDE_STAGE)
    for allowed in ("d.example", "c-ann"):
        assert room.step(Guards(stage="self", allow=frozenset({allowed}))) == (MessageStep.FIRST, "")


def test_one_hold_of_a_person_holds_all_their_contacts(room: Room) -> None:
    room.seen()
    for order in (1, -1):
        contacts = [member("ann", contact="c1"), member("ann", contact="c2", hold=Reason.BOUNCED)][::order]
        (row,), intents = room.decide(*contacts)
        assert (row.reason, row.held, intents) == (Reason.BOUNCED, {"bounced": 1}, [])
    (row,), (intent,) = room.decide(member("ann", contact="c1"), member("ann", contact="c2"))
    assert (row.persons, intent.contact_id) == (1, "c1")
    (row,), _ = room.decide(member("ann", hold=Reason.ROLE), member("ann", hold=Reason.BOUNCED))
    assert row.held == {"bounced": 1}, "what holds the person is said first"
    (row,), _ = room.decide(member("ann", contact="c1"), member("ann", "another.example", hold=Reason.BOUNCED))
    assert row.held == {"bounced": 1}, "whatever domain the other contact names"


def test_a_hold_that_is_one_contacts_holds_only_that_contact(room: Room) -> None:
    room.seen()
    for order in (1, -1):
        contacts = [member("ann", contact="c1", hold=Reason.ROLE), member("ann", contact="c2")][::order]
        (row,), (intent,) = room.decide(*contacts)
        assert (row.persons, intent.contact_id) == (1, "c2")
    (row,), _ = room.decide(member("ann", hold=Reason.ROLE))
    assert row.held == {"role": 1}


# One message a person, and so many a night.


def test_one_person_gets_one_message_with_every_domain(room: Room) -> None:
    for name in ("a.example", "b.example"):
        room.seen(name, episode=len(name))
    room.seen("c.example", episode=4)
    names = ["a.example", "b.example", "c.example"]
    people = [member("ann", name, contact=f"c-{name}") for name in names]
    rows, (intent,) = room.decide(*people, found=[examined(name) for name in names])
    assert [row.persons for row in rows] == [1, 1, 1]
    assert (intent.person, intent.contact_id, intent.step) == ("ann", "c-a.example", MessageStep.FIRST)
    assert intent.domains == tuple(names)
    assert intent.episodes == (9, 9, 4)
    assert intent.contacts == ("c-a.example", "c-b.example", "c-c.example")
    assert intent.waiting == ""


def test_one_message_a_night_the_first_before_the_reminder(room: Room) -> None:
    room.seen("a.example")
    room.seen("b.example")
    room.told("ann", MessageStep.FIRST, 8 * DAY, domain="a.example")
    people = [member("ann", "a.example"), member("ann", "b.example"), member("bob", "b.example")]
    rows, intents = room.decide(*people, found=[examined("a.example"), examined("b.example")])
    assert [(row.domain, row.step) for row in rows] == [
        ("a.example", MessageStep.DAY7),
        ("b.example", MessageStep.FIRST),
    ]
    assert [(intent.person, intent.step, intent.waiting) for intent in intents] == [
        ("ann", MessageStep.FIRST, ""),
        ("bob", MessageStep.FIRST, ""),
        ("ann", MessageStep.DAY7, Reason.ONE_A_NIGHT),
    ]


def test_a_row_with_several_steps_names_the_earliest(room: Room) -> None:
    room.seen()
    room.told("ann", MessageStep.FIRST, 8 * DAY)
    (row,), intents = room.decide(member("ann"), member("bob"))
    assert (row.step, row.persons) == (MessageStep.FIRST, 2)
    assert [(intent.person, intent.step) for intent in intents] == [
        ("bob", MessageStep.FIRST),
        ("ann", MessageStep.DAY7),
    ]


@pytest.mark.parametrize(
    ("ceiling", "waiting"),
    [
        (0, [Reason.CEILING, Reason.CEILING, Reason.ONE_A_NIGHT]),
        (1, ["", Reason.CEILING, Reason.ONE_A_NIGHT]),
        (2, ["", "", Reason.ONE_A_NIGHT]),
        (3, ["", "", Reason.ONE_A_NIGHT]),
    ],
)
def test_beyond_the_ceiling_a_message_waits(room: Room, ceiling: int, waiting: list[str]) -> None:
    room.seen("a.example")
    room.seen("b.example")
    room.told("ann", MessageStep.FIRST, 8 * DAY, domain="b.example")
    people = [member("ann", "a.example"), member("bob", "a.example"), member("ann", "b.example")]
    found = [examined("a.example"), examined("b.example")]
    _, intents = room.decide(*people, found=found, guards=replace(GUARDS, ceiling_per_run=ceiling))
    assert [intent.waiting for intent in intents] == waiting


def test_the_second_letter_of_a_person_takes_nobodys_place(room: Room) -> None:
    for name in ("a.example", "b.example"):
        room.seen(name)
        room.told("ann", MessageStep.FIRST, (8 if name == "a.example" else 31) * DAY, domain=name)
        room.told("bob", MessageStep.FIRST, 31 * DAY, domain=name)
    people = [member(person, name) for person in ("ann", "bob") for name in ("a.example", "b.example")]
    found = [examined("a.example"), examined("b.example")]
    _, intents = room.decide(*people, found=found, guards=replace(GUARDS, ceiling_per_run=2))
    assert [(intent.person, intent.step, intent.waiting) for intent in intents] == [
        ("ann", MessageStep.DAY7, ""),
        ("bob", MessageStep.DAY30, ""),
        ("ann", MessageStep.DAY30, Reason.ONE_A_NIGHT),
    ]


def test_the_words_by_which_messages_are_found_again_are_all_different(room: Room) -> None:
    room.seen()
    _, intents = room.decide(
        *(member(f"p{number}") for number in range(50)), guards=replace(GUARDS, people_per_domain=0)
    )
    refs = {intent.ref for intent in intents}
    assert len(refs) == 50
    assert all(ref.startswith("spfref") and len(ref) == 22 for ref in refs)


# Thanks.

THANKFUL = replace(GUARDS, thanks=True)


def thanked(room: Room, *members: Member, found: list[Examined] | None = None, guards: Guards = THANKFUL) -> list[str]:
    _, intents = room.decide(*(members or (member("ann"),)), found=found or [], guards=guards)
    assert all(intent.step is MessageStep.THANKS for intent in intents)
    return [intent.person for intent in intents]


def test_whoever_was_told_is_thanked_for_the_repair(room: Room) -> None:
    room.repaired()
    room.told("ann", MessageStep.FIRST, 9 * DAY)
    assert thanked(room) == ["ann"]
    assert thanked(room, guards=GUARDS) == [], "where nobody wants that"
    assert thanked(room, member("ann"), member("bob")) == ["ann"], "Bob was told nothing"
    assert thanked(room, member("ann", contact="c1"), member("ann", contact="c2")) == ["ann"]
    assert thanked(room, member("ann", hold=Reason.BOUNCED)) == []
    assert thanked(room, found=[examined(judgement=Judgement(Reason.NOT_CHECKED))]) == [], "nobody looked tonight"
    assert thanked(room, found=[examined(judgement=Judgement(Reason.AT_RISK))]) == ["ann"]
    assert thanked(room, guards=replace(THANKFUL, stage="self")) == [], "outside the stage"
    room.stops.suppress("ann", "asked", who="mira", now=0.0)
    assert thanked(room) == []


@pytest.mark.parametrize(("days", "people"), [(7.0, ["ann"]), (7.01, [])])
def test_thanks_come_within_a_week(room: Room, days: float, people: list[str]) -> None:
    room.repaired(days=days)
    room.told("ann", MessageStep.FIRST, 9 * DAY)
    assert thanked(room) == people


def test_thanks_come_once_and_only_for_what_was_told_in_this_episode(room: Room) -> None:
    room.repaired(episode=2)
    room.told("ann", MessageStep.FIRST, 60 * DAY, episode=1)
    assert thanked(room) == []
    room.told("ann", MessageStep.FIRST, 9 * DAY, episode=2, sent=UNCLEAR)
    assert thanked(room) == [], "nobody knows whether it arrived"
    room.told("ann", MessageStep.DAY7, 2 * DAY, episode=2)
    room.told("ann", MessageStep.THANKS, DAY, episode=2, sent=None)
    assert thanked(room) == ["ann"], "planned, and never tried"
    room.told("ann", MessageStep.THANKS, DAY, episode=2)
    assert thanked(room) == []


def test_a_message_of_thanks_alone_is_no_reason_for_another(room: Room) -> None:
    room.repaired()
    room.told("ann", MessageStep.THANKS, DAY, sent=ACCEPTED)
    assert thanked(room) == []


# Figures.


def test_the_figures_under_a_plan() -> None:
    tally = Tally(opinions=7, given_up=3, failed=9)
    tally.statuses[Status.OK] = 5
    gathered = Gathered(without_domain=2, refusals=4, kept_out=6)
    waits = [
        Intent(
            ref=f"r{number}",
            person=f"p{number % 2}",
            contact_id="c",
            step=MessageStep.FIRST,
            domains=("d.example",),
            episodes=(1,),
            contacts=("c",),
            waiting=waiting,
        )
        for number, waiting in enumerate(["", "", "", Reason.CEILING])
    ]
    found = totals(tally, gathered, waits)
    assert found == {
        "ok": 5,
        "at_risk": 0,
        "action_needed": 0,
        "unknown": 0,
        "messages": 3,
        "waiting": 1,
        "people_messaged": 2,
        "contacts_without_domain": 2,
        "texts_refused": 4,
        "kept_out_by_consent": 6,
        "asked_second_engine": 7,
        "not_checked": 3,
        "dns_failed": 9,
    }


def test_the_parts_of_a_night_add_up() -> None:
    assert Tally() == Tally({}, 0, 0, 0, 0, 0, 0)  # type: ignore[arg-type]
    one = Tally(failed=1, opinions=2, disagreements=3, asked_twice=4, resolver_disagreements=5, given_up=6)
    one.statuses["ok"] = 7
    other = Tally(failed=10, opinions=20, disagreements=30, asked_twice=40, resolver_disagreements=50, given_up=60)
    other.statuses.update(ok=70, unknown=1)
    one.add(other)
    assert one == Tally({"ok": 77, "unknown": 1}, 11, 22, 33, 44, 55, 66)  # type: ignore[arg-type]
