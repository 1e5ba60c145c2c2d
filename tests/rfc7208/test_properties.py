"""What must hold for every record, every set of addresses and every zone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spfcheck
from spfcheck.rfc7208.cache import Kept
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host, partition
from spfcheck.rfc7208.limits import LENIENT, STRICT, UNLIMITED
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.ranges import (
    BITS,
    addresses,
    contains,
    everything,
    from_network,
    intersect,
    normalise,
    size,
    subtract,
    to_networks,
    union,
)
from spfcheck.rfc7208.record import KEPT, PUBLISHED, ProblemCode, canonical, parse
from spfcheck.rfc7208.verdict import PathStep
from tests.profile import scale

from .made import IP4, IP6, record, world
from .zones import Canned, MemoryZone

EXAMPLES = scale(300, 5_000)
WORLDS = scale(500, 20_000)
GRAMMAR = "".join(sorted(set("v=spf1 include:amxptrexistsip46all/-+~?%{}slodipvhcrt.,_0123456789\t\xe9=:")))
records = st.one_of(
    st.binary(max_size=120),
    st.text(GRAMMAR, max_size=120).map(lambda text: f"v=spf1 {text}".encode("latin-1")),
    st.integers(0, 1 << 32).map(lambda seed: record(Random(seed)).encode()),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(records)
def test_parsing_never_raises_and_accounts_for_every_byte(text: bytes) -> None:
    made = parse(text)
    assert made.text.encode("latin-1") == text
    for term in made.terms:
        assert made.source(term.span) == term.text
        assert term.valid or made.problems
    for problem in made.problems:
        assert 0 <= problem.span.start <= problem.span.stop <= len(text)
        assert problem.detail.isascii()
    # Nothing but spaces and the version stands outside the terms.
    outside = list(made.text)
    for term in made.terms:
        outside[term.span.start : term.span.stop] = " " * len(term.text)
    assert "".join(outside).strip(" ").lower() in ("", "v=spf1") or made.problems[0].code is ProblemCode.NOT_SPF


@settings(max_examples=EXAMPLES, deadline=None)
@given(records)
def test_parse_text_parse_is_stable(text: bytes) -> None:
    first = parse(text)
    plain = canonical(first)
    second = parse(plain)
    assert canonical(second) == plain
    facts = [_facts(term) for term in first.terms if term.valid]
    assert [_facts(term) for term in second.terms if term.valid] == facts
    if first.valid:
        assert second.valid


def _facts(term):
    return (
        term.name,
        term.qualifier.replace("+", ""),
        term.domain_spec,
        term.target,
        term.network,
        term.cidr4,
        term.cidr6,
        term.cost,
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_text_is_read_as_its_bytes(texts: list[str]) -> None:
    text = "v=spf1 " + " ".join(texts)
    made = parse(text)
    assert made.valid is (parse(made.text).valid)


ranges = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)), max_size=8).map(
    lambda pairs: normalise((low, low + length) for low, length in pairs)
)


def members(made) -> set[int]:
    return set(addresses(made))


@settings(max_examples=EXAMPLES, deadline=None)
@given(ranges, ranges)
def test_sets_of_addresses_behave_as_sets(left, right) -> None:
    assert members(union(left, right)) == members(left) | members(right)
    assert members(intersect(left, right)) == members(left) & members(right)
    assert members(subtract(left, right)) == members(left) - members(right)
    for made in (union(left, right), intersect(left, right), subtract(left, right)):
        assert made == normalise(made)
        assert size(made) == len(members(made))
    assert all(contains(left, address) is (address in members(left)) for address in range(350))
    networks = to_networks(left, 4)
    assert normalise(item for base, prefix in networks for item in from_network(base, prefix, 4)) == left
    assert all(base % (1 << (32 - prefix)) == 0 for base, prefix in networks)
    # Fewest: no two neighbours make up one network.
    assert not any(a[1] == b[1] and a[0] ^ b[0] == 1 << (32 - a[1]) for a, b in pairwise(networks))


def test_the_whole_space_is_one_network() -> None:
    for family in BITS:
        assert to_networks(everything(family), family) == ((0, 0),)


def _single(made, address: int, policy=STRICT, family: int = 4):
    text = IPv4Address(address) if family == 4 else IPv6Address(address)
    return run(check_host(text, "d.example", made.sender, made.helo, policy=policy), made.zone)


def _same(verdict, cell) -> bool:
    return (verdict.result, verdict.cause, verdict.path, verdict.failure) == (
        cell.result,
        cell.cause,
        cell.path,
        cell.failure,
    ) and (verdict.lookups, verdict.void_lookups, verdict.questions) == (
        cell.lookups,
        cell.void_lookups,
        cell.questions,
    )


@pytest.mark.parametrize("policy", [STRICT, LENIENT, UNLIMITED], ids=lambda policy: policy.name)
@pytest.mark.parametrize("macros", [False, True], ids=["static", "macros"])
def test_a_partition_is_the_union_of_its_addresses_verdicts(policy, macros: bool) -> None:
    for seed in range(WORLDS):
        random = Random(f"partition {seed}")
        made = world(random, macros=macros)
        for family, pool in ((4, IP4), (6, IP6)):
            # A small set is asked about address by address; the whole space marks what depends on the address.
            picked = normalise((address, address) for address in random.sample(pool, 4))
            for space in (picked, everything(family)):
                sender, helo = made.sender, made.helo
                parts = run(
                    partition(space, family, "d.example", sender, helo, policy=policy, ceiling=10_000), made.zone
                )
                assert parts.complete
                assert normalise(item for cell in parts.cells for item in cell.addresses) == space
                assert sum(size(cell.addresses) for cell in parts.cells) == size(space)
                for cell in parts.cells:
                    if cell.depends:
                        assert space is not picked
                        continue
                    edges = {cell.addresses[0][0], cell.addresses[-1][1], cell.addresses[0][1], cell.addresses[-1][0]}
                    for address in sorted(edges)[: scale(2, 4)]:
                        if family == 6 and address >> 32 == 0xFFFF:
                            continue
                        verdict = _single(made, address, policy, family)
                        assert _same(verdict, cell), f"seed {seed} {address}: {verdict} {cell}"


def test_counters_never_exceed_their_limits_by_more_than_the_one_that_stopped() -> None:
    stopped = set()
    for seed in range(WORLDS * 2):
        made = world(Random(f"limits {seed}"))
        verdict = _single(made, IP4[0])
        assert verdict.lookups <= STRICT.lookups + 1
        assert verdict.void_lookups <= STRICT.voids + 1
        assert verdict.questions <= STRICT.questions + 1
        if verdict.lookups > STRICT.lookups:
            assert verdict.cause == "lookup-limit"
        if verdict.void_lookups > STRICT.voids:
            assert verdict.cause in ("void-limit", "include-no-record", "redirect-no-record")
        stopped.add(verdict.cause)
    assert {"lookup-limit", "void-limit", "matched", "default", "syntax-error", "dns-failure"} <= stopped


class Shuffled:
    """The same zone, with the records of each answer in another order."""

    def __init__(self, zone: MemoryZone, random: Random) -> None:
        self.zone = zone
        self.random = random

    def __call__(self, question) -> Canned:
        reply = self.zone(question)
        return replace(reply, records=tuple(self.random.sample(reply.records, len(reply.records))))


def told(verdict):
    """What a verdict says; records that were made anew are other objects, so paths are compared by their texts."""
    path = [(step.domain, step.record and step.record.text, step.term and step.term.text) for step in verdict.path]
    return verdict._replace(path=()), path


def test_verdicts_do_not_depend_on_caches_or_on_the_order_of_answers() -> None:
    for seed in range(WORLDS):
        random = Random(f"order {seed}")
        made = world(random)
        warm = run(check_host(made.ip, "d.example", made.sender, made.helo), made.zone)
        PUBLISHED.clear()
        KEPT.clear()
        cold = run(check_host(made.ip, "d.example", made.sender, made.helo), made.zone)
        other = run(check_host(made.ip, "d.example", made.sender, made.helo), Shuffled(made.zone, random))
        assert told(cold) == told(warm)
        assert told(other) == told(warm)


class Waiting:
    """A lookup over the same zone that has some answers at hand and lets the others arrive whenever they like."""

    def __init__(self, zone: MemoryZone, random: Random) -> None:
        self.zone = zone
        self.random = random
        self.here: dict[Question, Canned] = {}

    def cached(self, question: Question) -> Canned | None:
        return self.here.get(question) if self.random.random() < 0.5 else None

    async def ask(self, question: Question) -> Canned:
        for _ in range(self.random.randrange(5)):
            await asyncio.sleep(0)
        self.here[question] = self.zone(question)
        return self.here[question]


async def test_verdicts_do_not_depend_on_when_answers_arrive() -> None:
    random = Random("arrival")
    worlds = [world(Random(f"arrival {seed}")) for seed in range(WORLDS)]
    alone = [run(check_host(made.ip, "d.example", made.sender, made.helo), made.zone) for made in worlds]
    lookups = [Waiting(made.zone, random) for made in worlds]
    together = await asyncio.gather(
        *(
            spfcheck.check_host(made.ip, made.sender, made.helo, lookup=lookup)
            for _ in range(2)
            for made, lookup in zip(worlds, lookups, strict=True)
        )
    )
    assert [told(verdict) for verdict in together] == [told(verdict) for verdict in alone * 2]


def test_a_question_is_asked_once_an_evaluation() -> None:
    for seed in range(WORLDS):
        made = world(Random(f"once {seed}"))
        made.zone.asked.clear()
        run(check_host(made.ip, "d.example", made.sender, made.helo, explain=True), made.zone)
        assert len(made.zone.asked) == len(set(made.zone.asked))


def _said(path: tuple[PathStep, ...]) -> list[tuple[str, str, str]]:
    return [
        (step.domain, step.record.text if step.record else "", step.term.text if step.term else "") for step in path
    ]


def test_a_trace_changes_nothing_and_adds_up() -> None:
    for seed in range(WORLDS):
        made = world(Random(f"trace {seed}"))
        plain = run(check_host(made.ip, "d.example", made.sender, made.helo), made.zone)
        traced = run(check_host(made.ip, "d.example", made.sender, made.helo, trace=True), made.zone)
        # A record that was read twice is two objects of one text: which one is at hand hangs on a cache.
        assert traced._replace(trace=(), path=()) == plain._replace(path=())
        assert _said(traced.path) == _said(plain.path)
        assert plain.trace == ()
        events = traced.trace
        assert (events[0].term, events[0].domain) == ("", "d.example")
        assert max((event.lookups for event in events), default=0) == plain.lookups
        assert max((event.void_lookups for event in events), default=0) == plain.void_lookups
        assert sum(len(event.asked) for event in events) == plain.questions - (plain.cause == "question-ceiling")


def test_what_is_kept_is_bounded_and_what_is_used_stays() -> None:
    kept: Kept[int, str] = Kept(100)
    kept.put(0, "in use", 1)
    for number in range(1, 1000):
        kept.put(number, "stranger", 5)
        assert kept.get(0) == "in use"
        assert sum(kept.get(other) is not None for other in range(1, number)) <= 40
    kept.put(1000, "too heavy", 101)
    assert kept.get(1000) == "too heavy"
    kept.put(1001, "too heavy as well", 101)
    assert kept.get(1000) is None
    assert kept.get(0) == "in use"
    kept.clear()
    assert kept.get(0) is None
