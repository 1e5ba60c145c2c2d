"""All rows at once, over real UDP and TCP, with the timing that the service runs with."""

from __future__ import annotations

import asyncio
import sys
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from spfcheck.resolver.drive import drive
from spfcheck.resolver.stub import Resolver, Session
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.verdict import Cause, Result, Verdict
from tests.resolver.hostile import VICTIM, Hostile, serve_hostile
from tests.resolver.rows import CLIENT, ROWS, Row, domain_of
from tests.resolver.sockets import open_sockets

_connects: list[tuple[Any, ...]] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _connects is not None and event in ("socket.connect", "socket.sendto"):
        _connects.append(arguments[1])


sys.addaudithook(_watch)  # cannot be taken off again; does nothing while nobody listens


@pytest.fixture
def connects() -> Iterator[list[tuple[Any, ...]]]:
    """Every address that this process connects or sends to."""
    global _connects
    _connects = []
    yield _connects
    _connects = None


async def _check(resolver: Resolver, domain: str, *, fresh: bool = False) -> tuple[Verdict, Session]:
    session = resolver.with_deadline(20.0, fresh=fresh)
    return await drive(check_host(CLIENT, domain, f"postmaster@{domain}", explain=True), session), session


async def _ask_row(resolver: Resolver, row: Row) -> tuple[Verdict, Session, float]:
    began = time.monotonic()
    verdict, session = await _check(resolver, domain_of(row.row))
    return verdict, session, time.monotonic() - began


def test_the_rows_are_complete() -> None:
    assert [row.row for row in ROWS] == [f"H{number:03}" for number in range(1, 112)]


async def test_every_row_leads_to_its_verdict_in_its_time(connects: list[tuple[Any, ...]]) -> None:
    before = open_sockets()
    async with serve_hostile() as server:
        async with Resolver([("127.0.0.1", server.port)]) as resolver:
            results = await asyncio.gather(*(_ask_row(resolver, row) for row in ROWS))
            wrong = []
            for row, (verdict, session, taken) in zip(ROWS, results, strict=True):
                wrong += _faults(row, verdict, session, taken, server)
            assert not wrong, "\n".join(wrong)
            _look_at_single_rows({row.row: result for row, result in zip(ROWS, results, strict=True)}, server)
            await _nothing_lingers(resolver, server)
            await _caches_hold_what_they_should(resolver)
            # H062: as served, each time it is asked.
            assert (await _check(resolver, domain_of("H062"), fresh=True))[0].result is Result.PERMERROR
            assert (await _check(resolver, domain_of("H062"), fresh=True))[0].result is Result.PASS
        # H110 and all others: whatever addresses the answers hold, we talk to the resolver only.
        clients = {address for address in connects if address[1] == server.port}
        assert clients == {("127.0.0.1", server.port)}
        assert all(address[0] == "127.0.0.1" for address in connects)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert open_sockets() == before


def _faults(row: Row, verdict: Verdict, session: Session, taken: float, server: Hostile) -> list[str]:
    first = session.answers[Question(domain_of(row.row), Rtype.TXT)]
    faults = []
    if (verdict.result, verdict.cause) != (row.result, row.cause):
        faults.append(f"{verdict.result} because of {verdict.cause}, expected {row.result} because of {row.cause}")
    if first.outcome is not row.outcome:
        faults.append(f"outcome {first.outcome} ({first.detail}), expected {row.outcome}")
    if row.proven is not None and first.proven is not row.proven:
        faults.append(f"proven is {first.proven}")
    if taken > row.seconds:
        faults.append(f"took {taken:.2f} s, allowed are {row.seconds} s")
    if row.most_questions is not None and server.asked[row.row] > row.most_questions:
        faults.append(f"{server.asked[row.row]} questions, allowed are {row.most_questions}")
    if not first.resolver or (first.failed and not first.detail):
        faults.append("a failure must say what happened and who was asked")
    return [f"{row.row} ({row.what}): {fault}" for fault in faults]


def _look_at_single_rows(results: dict[str, tuple[Verdict, Session, float]], server: Hostile) -> None:
    """What a row promises beyond its verdict."""

    def first(row: str) -> Answer:
        return results[row][1].answers[Question(domain_of(row), Rtype.TXT)]

    assert server.asked["H001"] >= 2  # it is asked again before we give up
    assert first("H047").detail.startswith("DNSSEC: ")
    assert first("H055").illegal_cname
    assert (first("H056").ttl, first("H057").ttl, first("H058").ttl) == (0, 86400, 0)
    assert first("H059").ttl == 3600
    assert results["H097"][0].questions <= 11
    assert results["H100"][0].questions == 111
    assert results["H091"][0].lookups == 10
    assert results["H089"][0].explanation is not None
    assert results["H090"][0].explanation is None
    assert results["H111"][2] > 18  # it was patient until the deadline


async def _nothing_lingers(resolver: Resolver, server: Hostile) -> None:
    """H004: the answer that comes after 25 s is dropped, and no question is left."""
    await asyncio.sleep(0.2)
    dropped = resolver.counts.dropped
    await server.late_sent.wait()
    await asyncio.sleep(0.1)
    assert resolver.counts.dropped > dropped
    assert resolver.in_flight == 0
    assert resolver.cached(Question(domain_of("H004"), Rtype.TXT)) is None


async def _caches_hold_what_they_should(resolver: Resolver) -> None:
    def cached(row: str) -> Answer | None:
        return resolver.cached(Question(domain_of(row), Rtype.TXT))

    # H044 and H045: what nobody asked for is not kept.
    assert resolver.cached(Question(VICTIM, Rtype.TXT)) is None
    # H056 and H058: a TTL of 0 is not kept. H043: a negative without its SOA neither.
    assert cached("H056") is None
    assert cached("H058") is None
    assert cached("H043") is None
    assert cached("H057") is not None
    assert cached("H059") is not None


@pytest.mark.parametrize("row", ["H060", "H061"])
async def test_large_answers_cost_little(row: str) -> None:
    """A hostile owner cannot stop the others: 100 ms of CPU, and no turn of the loop over 50 ms."""
    async with serve_hostile() as server, Resolver([("127.0.0.1", server.port)]) as resolver:
        await _check(resolver, domain_of("H048"))  # everything is imported and warm
        question = Question(domain_of(row), Rtype.TXT)
        tracemalloc.start()
        answer = await resolver.ask(question)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert answer.outcome is Outcome.OK
        assert peak < 5 * 2**20

        async def turns() -> float:
            longest, last = 0.0, time.perf_counter()
            while not done.is_set():
                await asyncio.sleep(0)
                longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
            return longest

        done = asyncio.Event()
        watcher = asyncio.create_task(turns())
        await asyncio.sleep(0)
        cpu = time.process_time()
        verdict = await drive(check_host(CLIENT, question.name), resolver)
        cpu = time.process_time() - cpu
        done.set()
        longest = await watcher
        assert verdict.result is Result.PASS
        assert verdict.cause is Cause.MATCHED
        assert cpu < 0.1
        assert longest < 0.05
