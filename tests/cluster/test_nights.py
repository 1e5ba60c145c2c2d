"""Who may do what is decided by the ledger: claims, tokens, attempts, and work that is asked for with its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from spfcheck.cluster.chunks import PARTS, SPARE, Chunks, Claim, Examination, GivenUp
from spfcheck.cluster.errands import Errands
from spfcheck.cluster.found import total
from spfcheck.cluster.nights import ATTEMPTS, Errand, Night, Nights, NightState, StaleError, Task, progress_of
from spfcheck.cluster.roster import SharedBook, SharedRoster
from spfcheck.notify.audience.query import People
from spfcheck.notify.audience.roster import NO_DOMAIN, Against, Gathered, Member
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.archive import Archive, Sighting
from spfcheck.notify.ledger.shared_night import ChunkState
from spfcheck.notify.ledger.tables import domains, found, members
from spfcheck.notify.model import NotifyError, Reason
from spfcheck.notify.planning.checks import CheckHealth
from spfcheck.notify.planning.evidence import Judgement
from spfcheck.notify.planning.plan import Examined, Tally
from spfcheck.store import database

DAY = 86_400.0


class Asked:
    """Keeps what was asked for, in the order of asking."""

    def __init__(self) -> None:
        self.errands: list[Errand] = []

    def __call__(self, connection: Connection, errands: Sequence[Errand]) -> None:
        assert connection.in_transaction()
        self.errands += errands


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres_engine")
        return
    made = database.open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migration.upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def nights(engine: Engine, asked: Asked) -> Nights:
    return Nights(engine, "w1", ask=asked)


def gathered(nights: Nights, names: Sequence[str], now: float = 10.0) -> Night:
    """A night whose audience is in, held by worker 1."""
    plan_id = nights.begin(due=int(now), now=now, max_age=DAY)
    night = nights.claim(plan_id, NightState.GATHERING, worker=1, now=now)
    assert night is not None
    rows = [Member(f"c-{name}", f"p-{name}", name, "", tagged=False) for name in names]
    assert isinstance(nights.engine, Engine)
    with nights.engine.begin() as connection:
        connection.execute(sa.insert(members), [{"plan_id": plan_id, **row._asdict()} for row in rows])
    return night


def seen(names: Sequence[str]) -> Examination:
    judgement = Judgement(Reason.NOT_YET_CONFIRMED, "once")
    broken = [
        Examined(
            domain=name, status="action_needed", fault="f", remedy="replace", record="v=spf1", report_id="r",
            judgement=judgement,
        )
        for name in names
    ]  # fmt: skip
    return Examination(
        tally=Tally(statuses=Counter({"action_needed": len(names)}), opinions=len(names)),
        sightings=[Sighting(name, "action_needed", "f") for name in names],
        found=broken,
    )


NAMES = [f"d{number:03}.example" for number in range(25)]


def test_a_time_begins_one_night_and_no_other_begins_while_it_is_planned(nights: Nights, asked: Asked) -> None:
    first = nights.begin(due=100, now=100.0, max_age=DAY)
    assert first
    assert nights.begin(due=100, now=101.0, max_age=DAY) == ""
    assert nights.begin(due=200, now=200.0, max_age=DAY) == "", "the first is not planned yet"
    assert asked.errands == [Errand(Task.PLAN, first)]
    second = nights.begin(due=300, now=100.0 + DAY + 1, max_age=DAY)
    assert second not in ("", first)
    old = nights.load(first)
    assert old is not None
    assert old.state is NightState.FAILED
    assert "not planned in time" in old.trouble


def test_of_many_that_begin_at_once_one_begins(nights: Nights, asked: Asked) -> None:
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda due: nights.begin(due=due, now=50.0, max_age=DAY), range(8)))
    assert len([plan_id for plan_id in begun if plan_id]) == 1
    assert len(asked.errands) == 1


def test_every_domain_is_in_one_chunk(nights: Nights, asked: Asked) -> None:
    night = gathered(nights, [*NAMES, "a.example", "zz.example", "b-c.example", "b.c.example"])
    chunks = Chunks(nights)
    nights.keep(night, progress_of(Gathered(received=29), CheckHealth()), 10.5)
    assert chunks.cut(night, 11.0, size=10) == 3
    after = nights.load(night.plan_id)
    assert after is not None
    assert after.gathered == Gathered(received=29), "what was read of the audience is not forgotten"
    claims = [chunks.claim(night.plan_id, number, worker=2, now=12.0) for number in range(3)]
    found_names = [name for claim in claims if claim for name in chunks.domains(claim)]
    assert Counter(found_names) == Counter([*NAMES, "a.example", "zz.example", "b-c.example", "b.c.example"])
    assert [errand for errand in asked.errands if errand.task is Task.AUDIT] == [
        Errand(Task.AUDIT, night.plan_id, number) for number in range(3)
    ]


def test_a_night_without_domains_goes_straight_to_its_plan(nights: Nights, asked: Asked) -> None:
    plan_id = nights.begin(due=1, now=1.0, max_age=DAY)
    night = nights.claim(plan_id, NightState.GATHERING, worker=1, now=1.0)
    assert night is not None
    assert Chunks(nights).cut(night, 2.0) == 0
    assert asked.errands[-1] == Errand(Task.FINISH, plan_id)


def test_the_last_chunk_asks_for_the_plan_and_only_the_last(nights: Nights, asked: Asked) -> None:
    night = gathered(nights, NAMES)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=10)
    claims = claim_all(chunks, night)

    def end(claim: Claim) -> None:
        chunks.complete(claim, seen(chunks.domains(claim)), 13.0)

    # At once: each of two last chunks would see the other still open, if they did not wait for one another.
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(end, claims))
    assert [errand for errand in asked.errands if errand.task is Task.FINISH] == [Errand(Task.FINISH, night.plan_id)]
    tally, examined = decided(nights, night)
    assert [item.domain for item in examined] == NAMES
    assert examined[0] == seen(NAMES[:1]).found[0]
    assert tally == Tally(statuses=Counter({"action_needed": 25}), opinions=25)


def decided(nights: Nights, night: Night) -> tuple[Tally, list[Examined]]:
    """What all chunks of a night saw, whose plan is to be made next."""
    after = nights.load(night.plan_id)
    assert after is not None
    assert after.state is NightState.DECIDING
    assert isinstance(nights.engine, Engine)
    with nights.engine.connect() as connection:
        return total(connection, night.plan_id)


def claim_all(chunks: Chunks, night: Night) -> list[Claim]:
    waiting = chunks.in_state(night.plan_id, ChunkState.WAITING)
    claims = [chunks.claim(night.plan_id, one.number, worker=2, now=12.0) for one in waiting]
    return [claim for claim in claims if claim is not None]


def late_writes(chunks: Chunks, claim: Claim) -> list[Callable[[], object]]:
    return [
        lambda: chunks.complete(claim, seen(["d000.example"]), 99.0),
        lambda: chunks.put_back(claim, 99.0),
        lambda: chunks.fail(claim, "late", 99.0),
    ]


@pytest.mark.parametrize("how", range(3))
def test_whoever_was_overtaken_writes_nothing_any_more(nights: Nights, asked: Asked, how: int) -> None:
    night = gathered(nights, NAMES)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=100)
    (stale,) = claim_all(chunks, night)
    assert chunks.claim(night.plan_id, 0, worker=3, now=13.0) is None, "it is another's"
    assert chunks.fail(stale, "The worker is dead.", 14.0, at_once=True) is ChunkState.WAITING
    asked.errands.clear()
    late = late_writes(chunks, stale)[how]
    with pytest.raises(StaleError):
        late()  # while it waits
    fresh = chunks.claim(night.plan_id, 0, worker=3, now=15.0)
    assert fresh is not None
    assert fresh.token > stale.token
    with pytest.raises(StaleError):
        late()  # while another has it
    assert nothing_was_seen(nights)
    chunks.complete(fresh, seen(NAMES), 16.0)
    with pytest.raises(StaleError):
        late()  # once it is done
    assert asked.errands == [Errand(Task.FINISH, night.plan_id)]
    assert count(nights, found) == len(NAMES)


def nothing_was_seen(nights: Nights) -> bool:
    return count(nights, found) == 0 and count(nights, domains) == 0


def count(nights: Nights, table: sa.Table) -> int:
    assert isinstance(nights.engine, Engine)
    with nights.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def test_a_night_that_was_overtaken_is_not_written_to(nights: Nights) -> None:
    plan_id = nights.begin(due=1, now=1.0, max_age=DAY)
    stale = nights.claim(plan_id, NightState.GATHERING, worker=1, now=2.0)
    assert stale is not None
    assert nights.claim(plan_id, NightState.GATHERING, worker=2, now=2.0) is None
    nights.fail(stale, "dead", 3.0, at_once=True)
    fresh = nights.claim(plan_id, NightState.GATHERING, worker=2, now=4.0)
    assert fresh is not None
    for late in (
        lambda: nights.keep(stale, progress_of(Gathered(cursor="x"), CheckHealth()), 5.0),
        lambda: nights.put_back(stale, 5.0),
        lambda: nights.fail(stale, "late", 5.0),
        lambda: nights.end(stale, 5.0, ""),
        lambda: Chunks(nights).cut(stale, 5.0),
    ):
        with pytest.raises(StaleError):
            late()
    nights.keep(
        fresh, progress_of(Gathered(received=3, cursor="y", refused=[("a", "b", "c")]), CheckHealth("bad")), 6.0
    )
    known = nights.load(plan_id)
    assert known is not None
    assert known.gathered == Gathered(received=3, cursor="y", refused=[("a", "b", "c")])
    assert known.health == CheckHealth("bad")


def fail_for_good(chunks: Chunks, night: Night, number: int = 0) -> Claim:
    """Its last holder, once a chunk has failed as often as it may."""
    for attempt in range(1, ATTEMPTS + 1):
        claim = chunks.claim(night.plan_id, number, worker=2, now=12.0)
        assert claim is not None
        assert claim.attempts == attempt
        stands = chunks.fail(claim, "It burns.", 13.0)
        assert stands is (ChunkState.PARTED if attempt == ATTEMPTS else ChunkState.WAITING)
    return claim


def examine_all(chunks: Chunks, night: Night, burns: Callable[[str], bool]) -> tuple[int, Counter[str]]:
    """Examine whatever waits until nothing does; how many claims that took, and how often each domain was in one.

    A chunk fails with any domain that *burns*.
    """
    claimed, examined = 0, Counter[str]()
    while claims := claim_all(chunks, night):
        for claim in claims:
            claimed += 1
            names = chunks.domains(claim)
            assert (claim.size, claim.first, claim.last) == (len(names), names[0], names[-1])
            examined.update(names)
            if any(burns(name) for name in names):
                chunks.fail(claim, "It burns.", 13.0)
            else:
                chunks.complete(claim, seen(names), 13.0)
    return claimed, examined


def test_of_a_chunk_that_fails_all_but_the_domains_at_fault_are_examined(nights: Nights, asked: Asked) -> None:
    names = sorted([*NAMES, "b-c.example", "b.c.example", "z.example"])
    night = gathered(nights, names)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=100)
    guilty = {"b.c.example", "d013.example"}
    claims, _ = examine_all(chunks, night, guilty.__contains__)
    progress = chunks.progress(night.plan_id)
    assert {(gone.size, gone.first, gone.last) for gone in progress.given_up} == {(1, name, name) for name in guilty}
    assert {gone.trouble for gone in progress.given_up} == {"It burns."}
    # Of 28 domains eight parts of three or four: the two that hold the guilty are parted into single ones.
    assert claims == 3 + 8 + progress.states["given-up"] + progress.states["done"] - 6
    assert progress.states["parted"] == 3
    assert progress.domains == 28
    assert [e for e in asked.errands if e.task is Task.FINISH] == [Errand(Task.FINISH, night.plan_id)]
    tally, examined = decided(nights, night)
    assert isinstance(nights.engine, Engine)
    with nights.engine.connect() as connection:
        trail = connection.execute(sa.text("SELECT action, detail FROM audit")).all()
    assert tally == Tally(statuses=Counter({"action_needed": 26, "unknown": 2}), opinions=26, given_up=2)
    assert [item.domain for item in examined] == names
    assert {item.domain for item in examined if item.judgement.reason is Reason.NOT_CHECKED} == guilty
    assert count(nights, domains) == 28
    assert [action for action, _ in trail] == ["chunk-given-up"] * 2


def test_a_single_domain_is_given_up_and_counts_as_unknown(nights: Nights, asked: Asked) -> None:
    night = gathered(nights, NAMES[:1])
    chunks = Chunks(nights)
    chunks.cut(night, 11.0)
    assert examine_all(chunks, night, lambda _: True)[0] == 3
    assert [e.after for e in asked.errands if e.task is Task.AUDIT] == [0.0, 30.0, 30.0]
    assert chunks.progress(night.plan_id).given_up == (GivenUp(0, 1, NAMES[0], NAMES[0], "It burns."),)
    assert asked.errands[-1] == Errand(Task.FINISH, night.plan_id)
    assert isinstance(nights.engine, Engine)
    with nights.engine.connect() as connection:
        tally, examined = total(connection, night.plan_id)
        seen_as = connection.execute(sa.select(domains.c.seen_plan, domains.c.seen_status)).all()
        roster = SharedRoster(connection, night.plan_id)
        assert (roster.domain_count(), roster.people_count()) == (1, 1)
    assert (tally.failed, tally.given_up, tally.statuses["unknown"]) == (0, 1, 1), "DNS has not failed"
    assert [item.judgement.reason for item in examined] == [Reason.NOT_CHECKED]
    assert seen_as == [(night.plan_id, "unknown")]


def test_where_everything_fails_the_attempts_are_bounded(nights: Nights, asked: Asked) -> None:
    """No worker may judge, say: parting finds nobody, and ends with each domain unchecked once."""
    names = [f"d{number:03}.example" for number in range(600)]
    night = gathered(nights, names)
    chunks = Chunks(nights)
    cut_into = chunks.cut(night, 11.0, size=300)
    claims, examined = examine_all(chunks, night, lambda _: True)
    progress = chunks.progress(night.plan_id)
    parts = PARTS * (cut_into + SPARE)
    assert cut_into * ATTEMPTS + parts - PARTS < claims <= cut_into * ATTEMPTS + parts
    assert max(examined.values()) == ATTEMPTS + 3
    assert sum(gone.size for gone in progress.given_up) == progress.domains == 600
    assert [e for e in asked.errands if e.task is Task.FINISH] == [Errand(Task.FINISH, night.plan_id)]
    assert isinstance(nights.engine, Engine)
    with nights.engine.connect() as connection:
        tally, unchecked = total(connection, night.plan_id)
    assert tally.given_up == 600
    assert [item.domain for item in unchecked] == names


@pytest.mark.parametrize("how", range(3))
def test_whoever_had_a_chunk_that_was_parted_writes_nothing_any_more(nights: Nights, asked: Asked, how: int) -> None:
    night = gathered(nights, NAMES)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=100)
    stale = fail_for_good(chunks, night)
    asked.errands.clear()
    assert chunks.claim(night.plan_id, 0, worker=3, now=14.0) is None
    late = late_writes(chunks, stale)[how]
    with pytest.raises(StaleError):
        late()  # while its parts wait
    parts = claim_all(chunks, night)
    assert (len(parts), {part.attempts for part in parts}) == (8, {ATTEMPTS})
    with pytest.raises(StaleError):
        late()  # while others have them
    assert nothing_was_seen(nights)
    assert asked.errands == []
    for part in parts:
        chunks.complete(part, seen(chunks.domains(part)), 16.0)
    with pytest.raises(StaleError):
        late()
    assert asked.errands == [Errand(Task.FINISH, night.plan_id)]
    assert count(nights, found) == len(NAMES)


def test_a_part_that_goes_back_in_order_keeps_its_attempt(nights: Nights, asked: Asked) -> None:
    night = gathered(nights, NAMES)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=100)
    fail_for_good(chunks, night)
    for _ in range(3):
        claim = chunks.claim(night.plan_id, 1, worker=2, now=12.0)
        assert claim is not None
        assert claim.attempts == ATTEMPTS
        chunks.put_back(claim, 13.0)


def test_many_that_find_a_chunk_dead_at_once_part_it_once(nights: Nights, asked: Asked) -> None:
    """And chunks that are parted at once get numbers of their own."""
    night = gathered(nights, [f"d{number:03}.example" for number in range(100)])
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=25)
    for _ in range(ATTEMPTS - 1):
        for claim in claim_all(chunks, night):
            chunks.fail(claim, "dead", 13.0)
    last = claim_all(chunks, night)
    asked.errands.clear()

    def fail(claim: Claim) -> ChunkState | None:
        try:
            return chunks.fail(claim, "dead", 14.0, at_once=True)
        except StaleError:
            return None

    with ThreadPoolExecutor(8) as pool:
        stands = Counter(pool.map(fail, last * 4))
    assert stands == {ChunkState.PARTED: 4, None: 12}
    waiting = chunks.in_state(night.plan_id, ChunkState.WAITING)
    assert [claim.number for claim in waiting] == list(range(4, 4 + 32))
    assert sorted(asked.errands) == [Errand(Task.AUDIT, night.plan_id, claim.number) for claim in waiting]
    names = [name for claim in waiting for name in chunks.domains(claim)]
    assert Counter(names) == Counter(f"d{number:03}.example" for number in range(100))


def test_a_night_that_an_older_version_cut_is_parted_too(nights: Nights, asked: Asked) -> None:
    """Its progress does not say into how many chunks."""
    night = gathered(nights, NAMES)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=5)
    assert isinstance(nights.engine, Engine)
    with nights.engine.begin() as connection:
        connection.execute(sa.text("UPDATE nights SET progress = '{}'"))
    examine_all(chunks, night, lambda name: name == NAMES[7])
    assert [gone.first for gone in chunks.progress(night.plan_id).given_up] == [NAMES[7]]


def test_work_that_goes_back_in_order_is_no_attempt(nights: Nights) -> None:
    night = gathered(nights, NAMES)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=100)
    for _ in range(10):
        claim = chunks.claim(night.plan_id, 0, worker=2, now=12.0)
        assert claim is not None
        assert claim.attempts == 1
        chunks.put_back(claim, 13.0)


def test_what_a_night_was_given_up_for_is_kept(nights: Nights, asked: Asked) -> None:
    plan_id = nights.begin(due=1, now=1.0, max_age=DAY)
    for attempt in range(1, ATTEMPTS + 1):
        night = nights.claim(plan_id, NightState.GATHERING, worker=1, now=2.0)
        assert night is not None
        assert nights.fail(night, "The token is refused.", 3.0) is (attempt == ATTEMPTS)
    assert [errand.task for errand in asked.errands] == [Task.PLAN] * 3
    after = nights.load()
    assert after is not None
    assert (after.state, after.trouble) == (NightState.FAILED, "The token is refused.")
    assert nights.begin(due=2, now=4.0, max_age=DAY), "the next night begins all the same"


def test_many_workers_may_begin_a_ledger_at_once_and_with_one_key_only(engine: Engine) -> None:
    archive = Archive(engine, "w1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: archive.same_key(People(b"ours")), range(16)))
    with pytest.raises(NotifyError, match="is not the key that this ledger was begun with"):
        archive.same_key(People(b"theirs"))
    archive.same_key(People(b"ours"))


async def test_a_page_of_the_audience_is_written_down_with_how_far_it_has_come(nights: Nights) -> None:
    plan_id = nights.begin(due=1, now=1.0, max_age=DAY)
    night = nights.claim(plan_id, NightState.GATHERING, worker=1, now=2.0)
    assert night is not None
    write = database.WriterThread()
    book = SharedBook(nights.engine, night, CheckHealth(), write, lambda: 3.0)
    page = [Member(f"c{number}", f"p{number}", "a.example", "", tagged=False) for number in range(150)]
    await book.take(page, Gathered(received=150, cursor="2"))
    await book.take(page, Gathered(received=300, cursor="3"))
    assert await book.known({"c0", "c149", "c150"}) == {"c0", "c149"}
    assert await book.known(set()) == set()
    more = [Member("c1", "p1", "b.example", "", tagged=False), Member("x", "y", "b.example", "role", tagged=True)]
    nowhere = Member("n", "nobody", NO_DOMAIN, "", tagged=False)
    await book.take([*page, *more, nowhere], Gathered(received=400, cursor="4"))
    assert await book.known({"n"}) == {"n"}
    notes = [Against("p1", "bounced"), Against("p1", "tagged"), Against("p2", "unsubscribed")]
    for _ in range(2):
        await book.note(notes, Gathered(received=400, cursor="4"))
    await book.add_companies([("k1", ["a.example"]), ("k2", ["b.example", "c.example"])])
    await book.add_companies([("k1", ["d.example"])])
    assert await book.companies({"k1", "k2", "k3"}) == {"k1": ["d.example"], "k2": ["b.example", "c.example"]}
    roster = SharedRoster(nights.engine, plan_id)
    assert roster.members("b.example") == more
    assert (roster.domain_count(), roster.people_count()) == (2, 151)
    assert roster.against({"p1", "p2", "p3"}) == {"p1": {"bounced", "tagged"}, "p2": {"unsubscribed"}}
    held = nights.load(plan_id)
    assert held is not None
    assert held.gathered == Gathered(received=400, cursor="4")
    other = SharedBook(nights.engine, held, CheckHealth(), write, lambda: 4.0)
    assert await other.so_far() == held.gathered
    nights.fail(held, "dead", 5.0)
    with pytest.raises(StaleError):
        await book.take(page, Gathered())
    with pytest.raises(StaleError):
        await other.add_companies([("k1", [])])
    write.close()


def jobs(engine: Engine) -> list[tuple[str, str, dict[str, object]]]:
    query = "SELECT task_name, queue_name, args FROM spfcheck_jobs.procrastinate_jobs ORDER BY id"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_work_and_its_row_stand_or_fall_together(postgres_engine: Engine) -> None:
    nights = Nights(postgres_engine, "w1", ask=Errands("w1"))
    with postgres_engine.connect() as connection, connection.begin() as transaction:
        inner = Nights(connection, "w1", ask=Errands("w1"))
        assert inner.begin(due=1, now=1.0, max_age=DAY)
        assert connection.scalar(sa.text("SELECT count(*) FROM spfcheck_jobs.procrastinate_jobs")) == 1
        transaction.rollback()
    assert nights.load() is None
    assert jobs(postgres_engine) == []
    plan_id = nights.begin(due=1, now=1.0, max_age=DAY)
    assert jobs(postgres_engine) == [("plan_night", "night:w1", {"plan_id": plan_id, "number": 0})]


def test_a_chunk_and_what_follows_from_it_stand_or_fall_together(postgres_engine: Engine) -> None:
    def refuse(connection: Connection, errands: Sequence[Errand]) -> None:
        Errands("w1")(connection, errands)
        if any(errand.task is Task.FINISH for errand in errands):
            raise OSError("the machine ends right here")

    nights = Nights(postgres_engine, "w1", ask=refuse)
    night = gathered(nights, NAMES)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=100)
    (claim,) = claim_all(chunks, night)
    before = jobs(postgres_engine)
    with pytest.raises(OSError, match="right here"):
        chunks.complete(claim, seen(NAMES), 12.0)
    assert nothing_was_seen(nights)
    assert jobs(postgres_engine) == before
    assert [one.number for one in chunks.in_state(night.plan_id, ChunkState.RUNNING)] == [0]


def test_a_chunk_that_is_parted_and_its_parts_stand_or_fall_together(postgres_engine: Engine) -> None:
    broken: list[bool] = []

    def refuse(connection: Connection, errands: Sequence[Errand]) -> None:
        Errands("w1")(connection, errands)
        if broken:
            raise OSError("the machine ends right here")

    nights = Nights(postgres_engine, "w1", ask=refuse)
    night = gathered(nights, NAMES)
    chunks = Chunks(nights)
    chunks.cut(night, 11.0, size=100)
    for _ in range(ATTEMPTS - 1):
        (claim,) = claim_all(chunks, night)
        chunks.fail(claim, "It burns.", 12.0)
    (claim,) = claim_all(chunks, night)
    before = jobs(postgres_engine)
    broken.append(True)
    with pytest.raises(OSError, match="right here"):
        chunks.fail(claim, "It burns.", 13.0)
    assert jobs(postgres_engine) == before
    assert chunks.in_state(night.plan_id, ChunkState.WAITING) == []
    broken.clear()
    assert chunks.fail(claim, "It burns.", 14.0) is ChunkState.PARTED
    parts = [("audit_chunk", "audit:w1", {"plan_id": night.plan_id, "number": number}) for number in range(1, 9)]
    assert jobs(postgres_engine)[len(before) :] == parts


def test_two_workspaces_in_one_database_do_not_meet(postgres_engine: Engine) -> None:
    for workspace in ("w1", "w2"):
        assert Nights(postgres_engine, workspace, ask=Errands(workspace)).begin(due=1, now=1.0, max_age=DAY)
    assert [queue for _, queue, _ in jobs(postgres_engine)] == ["night:w1", "night:w2"]
