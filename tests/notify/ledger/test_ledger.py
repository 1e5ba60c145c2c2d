"""The database: migrations, uniqueness, claims, the audit log."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from spfcheck.intercom.answers import SendOutcome, Sent
from spfcheck.notify.ledger import migration, trail
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.prune import prune_letters
from spfcheck.notify.ledger.register import Letter, Manner
from spfcheck.notify.ledger.tables import attempts, metadata, notices, plans
from spfcheck.notify.model import Intent, MessageStep, NoticeState, NotifyError
from spfcheck.notify.sending.lock import FileLock
from spfcheck.store import database
from spfcheck.store.error import StoreError

FOUND = Manner(delivery="message", findable=True)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = database.open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migration.upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine, "w1")


def intent(ref: str, person: str = "p1", *domains: str, step: MessageStep = MessageStep.FIRST) -> Intent:
    names = domains or ("a.example",)
    return Intent(
        ref=ref,
        person=person,
        contact_id=f"c-{person}",
        step=step,
        domains=names,
        episodes=(1,) * len(names),
        contacts=(f"c-{person}",) * len(names),
    )


def enter(ledger: Ledger, plan_id: str, *intents: Intent) -> int:
    with ledger.engine.begin() as connection:
        connection.execute(
            sa.insert(plans).values(id=plan_id, workspace="w1", number=1, created_at=0, hash="", document="{}")
        )
    return ledger.materialise(plan_id, intents, {}, 1.0)


def claimed(ledger: Ledger, ref: str, boot: str = "b1") -> Letter:
    letter = ledger.claim(ref, boot=boot, now=2.0, manner=FOUND, content_hash="h")
    assert letter is not None
    return letter


def test_the_migrations_make_the_tables_that_the_code_knows(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    scripts = ScriptDirectory(str(Path(migration.__file__).parents[1] / "migrations"))
    assert scripts.get_heads() == [migration.HEAD]
    assert migration.is_current(engine)


def test_sqlite_is_as_safe_as_it_can_be(engine: Engine) -> None:
    with engine.connect() as connection:
        found = {name: connection.scalar(sa.text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")}
    assert found == {"journal_mode": "wal", "synchronous": 2}


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/x.sqlite3", "nonsense", "mongodb://x/y"])
def test_a_database_that_cannot_be_opened_is_one_sentence(url: str) -> None:
    with pytest.raises(StoreError, match=r"cannot be opened: .+\."):
        database.open_engine(url)


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@127.0.0.1:1/none", "sqlite:////nowhere/x.sqlite3", "mysql://x/y"]
)
def test_what_the_driver_said_is_told_in_whole_sentences(url: str) -> None:
    with pytest.raises(StoreError) as said:
        database.open_engine(url)
    text = str(said.value)
    assert "\n" not in text
    assert "secret" not in text
    assert re.search(r"\w['\")]?[.?]$", text), "one mark at the end"
    if url.startswith("postgresql"):
        assert text.endswith("Connection refused. Is the server running on that host and accepting TCP/IP connections?")


def test_a_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refusal:
        database.open_engine("postgresql://user:canary-secret@127.0.0.1:1/none?connect_timeout=1")
    assert "canary-secret" not in str(refusal.value)


def test_a_notice_is_unique_for_a_person_domain_episode_and_step(ledger: Ledger) -> None:
    assert enter(ledger, "plan-1", intent("r1")) == 1
    claimed(ledger, "r1")
    assert enter(ledger, "plan-2", intent("r2")) == 0, "it is in hand already"
    with ledger.engine.begin() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(
            sa.insert(notices).values(
                workspace="w1",
                person="p1",
                domain="a.example",
                episode=1,
                step="first",
                ref="r1",
                contact_id="c",
                state="planned",
                changed_at=0,
            )
        )


def test_what_was_not_sent_moves_to_the_next_plan(ledger: Ledger) -> None:
    enter(ledger, "plan-1", intent("r1", "p1", "a.example", "b.example"))
    assert enter(ledger, "plan-2", intent("r2", "p1", "a.example", "b.example", "c.example")) == 1
    assert ledger.queue("plan-1", 3.0) == []
    assert ledger.queue("plan-2", 3.0) == ["r2"]
    letter = ledger.letter("r2")
    assert letter is not None
    assert set(letter.domains) == {"a.example", "b.example", "c.example"}
    assert ledger.counts() == {"planned": 1, "suppressed": 1}


def test_two_senders_never_hold_the_same_letter(ledger: Ledger) -> None:
    enter(ledger, "plan-1", intent("r1"))
    assert ledger.claim("r1", boot="b1", now=2.0, manner=FOUND, content_hash="h") is not None
    assert ledger.claim("r1", boot="b2", now=2.0, manner=FOUND, content_hash="h") is None


def test_a_claim_is_in_the_database_before_anybody_is_told(ledger: Ledger, tmp_path: Path) -> None:
    enter(ledger, "plan-1", intent("r1"))
    claimed(ledger, "r1")
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as other:
        assert other.execute("SELECT state, boot, attempts FROM letters").fetchall() == [("sending", "b1", 1)]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (SendOutcome.ACCEPTED, NoticeState.SENT),
        (SendOutcome.NOT_SENT, NoticeState.PLANNED),
        (SendOutcome.THROTTLED, NoticeState.PLANNED),
        (SendOutcome.REJECTED, NoticeState.REJECTED),
        (SendOutcome.UNSUBSCRIBED, NoticeState.SUPPRESSED),
        (SendOutcome.NOT_FOUND, NoticeState.WAITING),
        (SendOutcome.TOKEN_REFUSED, NoticeState.PLANNED),
        (SendOutcome.FORBIDDEN, NoticeState.PLANNED),
        (SendOutcome.UNCLEAR, NoticeState.UNCLEAR),
    ],
)
def test_every_outcome_has_its_state(ledger: Ledger, outcome: SendOutcome, state: NoticeState) -> None:
    enter(ledger, "plan-1", intent("r1"))
    letter = claimed(ledger, "r1")
    assert ledger.settle(letter, Sent(outcome=outcome, status=1), boot="b1", now=3.0) is state
    assert ledger.counts() == {state: 1}
    assert [told.state for told in ledger.told("a.example")] == [state]
    with ledger.engine.connect() as connection:
        row = connection.execute(sa.select(attempts)).one()
    assert (row.outcome, row.claimed_at, row.settled_at) == (outcome, 2.0, 3.0)


def test_a_late_answer_counts_when_it_says_that_the_message_arrived(ledger: Ledger) -> None:
    enter(ledger, "plan-1", intent("r1"))
    letter = claimed(ledger, "r1")
    assert ledger.recover(boot="b2", now=9.0) == 1
    assert (
        ledger.settle(letter, Sent(outcome=SendOutcome.ACCEPTED, status=200), boot="b1", now=10.0) is NoticeState.SENT
    )
    assert ledger.counts() == {"sent": 1}
    assert not ledger.resolve("r1", NoticeState.PLANNED, who="reconcile", now=11.0)


def test_a_late_refusal_leaves_it_unclear(ledger: Ledger) -> None:
    enter(ledger, "plan-1", intent("r1"))
    letter = claimed(ledger, "r1")
    ledger.recover(boot="b2", now=9.0)
    assert ledger.settle(letter, Sent(outcome=SendOutcome.NOT_SENT), boot="b1", now=10.0) is NoticeState.UNCLEAR
    assert ledger.counts() == {"unclear": 1}


def test_a_domain_taken_out_of_its_letter_is_not_sent_with_it(ledger: Ledger) -> None:
    enter(ledger, "plan-1", intent("r1", "p1", "a.example", "b.example"))
    from spfcheck.notify.model import Reason

    ledger.drop_domain("r1", "b.example", NoticeState.WAITING, Reason.DNS_FAILED, now=1.5)
    letter = claimed(ledger, "r1")
    assert letter.domains == ("a.example",)
    ledger.settle(letter, Sent(outcome=SendOutcome.ACCEPTED, status=200), boot="b1", now=3.0)
    assert [told.state for told in ledger.told("b.example")] == [NoticeState.WAITING]
    assert enter(ledger, "plan-2", intent("r2", "p1", "b.example")) == 1


def test_the_quiet_time_counts_from_the_last_sign_of_life(ledger: Ledger) -> None:
    enter(ledger, "plan-1", intent("r1"))
    claimed(ledger, "r1")
    ledger.recover(boot="b2", now=100.0)
    assert ledger.due(99.0) == []
    assert [letter.ref for letter in ledger.due(100.0)] == ["r1"]


def test_whoever_is_forgotten_leaves_a_count_and_one_hash_to_stay_away_from(ledger: Ledger, tmp_path: Path) -> None:
    enter(ledger, "plan-1", intent("r1", "p-canary"), intent("r2", "p2", "b.example"))
    ledger.settle(claimed(ledger, "r1"), Sent(outcome=SendOutcome.ACCEPTED, status=200), boot="b1", now=3.0)
    assert ledger.forget("p-canary", who="mira", now=4.0) == 2
    assert (ledger.has_heard_of("p-canary"), ledger.has_heard_of("p2")) == (False, True)
    assert not ledger.was_sent_to("p-canary")
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as db:
        lines = [line for line in db.iterdump() if "canary" in line]
    assert lines == ["INSERT INTO \"suppressions\" VALUES('w1','p-canary','forgotten',4.0);"]


def test_old_letters_are_dropped_and_open_ones_are_not(ledger: Ledger) -> None:
    enter(ledger, "plan-1", intent("r1"), intent("r2", "p2", "b.example"), intent("r3", "p3", "c.example"))
    ledger.settle(claimed(ledger, "r1"), Sent(outcome=SendOutcome.ACCEPTED, status=200), boot="b1", now=10.0)
    ledger.settle(claimed(ledger, "r2"), Sent(outcome=SendOutcome.UNCLEAR, status=500), boot="b1", now=10.0)
    assert prune_letters(ledger.engine, "w1", 5.0) == 0
    assert prune_letters(ledger.engine, "w1", 11.0) == 1
    assert ledger.counts() == {"unclear": 1, "planned": 1}


def test_the_audit_log_shows_what_was_tampered_with(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        for number in range(5):
            trail.append(connection, at=float(number), who="mira", action="pause", subject=str(number))
        assert list(trail.broken_links(connection)) == []
        connection.execute(sa.text("UPDATE audit SET who = 'nobody' WHERE id = 3"))
        assert list(trail.broken_links(connection)) == [3]
        connection.execute(sa.text("UPDATE audit SET who = 'mira' WHERE id = 3"))
        connection.execute(sa.text("DELETE FROM audit WHERE id = 4"))
        assert list(trail.broken_links(connection)) == [5]


def test_a_file_lock_is_held_by_one(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "link").symlink_to(tmp_path / "lock")
    (tmp_path / "hard").hardlink_to(tmp_path / "lock")
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "link")
    third = FileLock(tmp_path / "hard")
    assert first.take()
    assert not second.take()
    assert first.held()
    assert not second.held()
    assert not third.take(), "by whatever path, it is one database"
    first.release()
    assert second.take()
    (tmp_path / "lock").rename(tmp_path / "away")
    assert not second.held(), "others would lock another database now"
    with pytest.raises(NotifyError, match="was moved or replaced"):
        first.take()


async def test_the_writer_thread_finishes_what_was_begun(engine: Engine) -> None:
    import asyncio
    import time

    write = database.WriterThread()
    done: list[int] = []

    def slow() -> None:
        time.sleep(0.1)
        done.append(1)

    task = asyncio.ensure_future(write(slow))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    write.close()
    assert done == [1]
