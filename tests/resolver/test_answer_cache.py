"""The store of answers: what goes in comes out, and its size has a bound."""

from __future__ import annotations

import gc
import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from spfcheck.resolver.answer_cache import AnswerCache
from spfcheck.resolver.types import FAILURES, Answer, Outcome, Question, Rtype
from tests.made.answers import ordinary_answer
from tests.profile import scale

MEGABYTE = 2**20


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


names = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=60)
strings = st.lists(st.binary(max_size=80), min_size=1, max_size=3).map(tuple)
values = {
    Rtype.TXT: strings,
    Rtype.A: st.integers(0, 2**32 - 1),
    Rtype.AAAA: st.integers(0, 2**128 - 1),
    Rtype.MX: st.tuples(st.integers(0, 65535), names),
    Rtype.PTR: names,
}


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    rtype = draw(st.sampled_from(sorted(values)))
    return Answer(
        question=Question(draw(names), rtype),
        outcome=draw(st.sampled_from(sorted(frozenset(Outcome) - FAILURES))),
        records=tuple(draw(st.lists(values[rtype], max_size=4))),
        ttl=draw(st.integers(1, 86400)),
        resolver=draw(st.sampled_from(["127.0.0.1:53", "[::1]:53"])),
        took_ms=draw(st.floats(0, 20000)),
        rcode=draw(st.sampled_from([0, 3])),
        authenticated=draw(st.booleans()),
        soa_seen=draw(st.booleans()),
        chain=tuple(draw(st.lists(names, max_size=2))),
        illegal_cname=draw(st.booleans()),
        detail=draw(st.text(max_size=20)),
        received_at=draw(st.floats(0, 2e9)),
    )


@given(answers())
def test_what_goes_in_comes_out(answer: Answer) -> None:
    cache = AnswerCache(MEGABYTE, Clock())
    cache.put(answer)
    assert cache.fresh(answer.question) == answer
    assert cache.fresh(answer.question) == answer  # the second time ready-made
    assert cache.stale(answer.question) == answer
    assert len(cache) == 1


def test_a_new_answer_takes_the_place_of_the_old() -> None:
    clock = Clock()
    cache = AnswerCache(MEGABYTE, clock)
    question = Question("customer.example", Rtype.A)
    for number in range(50):
        cache.put(Answer(question=question, outcome=Outcome.OK, records=(number,), ttl=60))
        answer = cache.fresh(question)
        assert answer is not None
        assert answer.records == (number,)
    assert len(cache) == 1


def test_a_flood_stays_within_the_bound_and_what_is_used_stays() -> None:
    """Measured by the allocator, not by our own estimate."""
    count, limit = scale(16_000, 400_000), scale(2, 32) * MEGABYTE
    rng = random.Random(1)
    clock = Clock()
    used = ordinary_answer(0, rng)
    gc.collect()
    tracemalloc.start()
    cache = AnswerCache(limit, clock)
    cache.put(used)
    most = 0
    for number in range(1, count):
        answer = ordinary_answer(number, rng)
        cache.put(answer)
        if number % 3 == 0:
            cache.fresh(answer.question)
        if number % 50 == 0:
            assert cache.fresh(used.question) == used
        if number % 1000 == 0:
            assert cache.size <= limit
            most = max(most, tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(cache) < count // 2  # it was a flood
    assert len(cache) > 2000
    assert most < limit
    # The estimate may be careful, but no fantasy.
    assert cache.size < 2 * most


def test_an_answer_larger_than_the_cache_is_not_kept() -> None:
    cache = AnswerCache(100_000, Clock())
    big = Answer(question=Question("big.example", Rtype.TXT), outcome=Outcome.OK, records=((b"x" * 60_000,),), ttl=60)
    cache.put(big)
    assert cache.fresh(big.question) is None
    assert cache.size == 0


def test_failures_have_a_bound_too() -> None:
    cache = AnswerCache(MEGABYTE, Clock())
    for number in range(50_000):
        cache.put(Answer(question=Question(f"c{number}.example", Rtype.TXT), outcome=Outcome.TIMEOUT))
    assert len(cache._failures) <= 20_000
    assert len(cache) == 0


def test_everything_can_be_forgotten() -> None:
    cache = AnswerCache(MEGABYTE, Clock())
    answers = [ordinary_answer(number, random.Random(2)) for number in range(100)]
    answers.append(Answer(question=Question("broken.example", Rtype.TXT), outcome=Outcome.SERVFAIL))
    for answer in answers:
        cache.put(answer)
        assert cache.fresh(answer.question) == answer
    cache.clear()
    assert all(cache.fresh(answer.question) is None for answer in answers)
    assert (len(cache), cache.size) == (0, 0)
