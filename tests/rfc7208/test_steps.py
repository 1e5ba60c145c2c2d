"""A record made ready: whose each address is, however its networks overlap, and however many they are."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host, partition
from spfcheck.rfc7208.limits import STRICT, UNLIMITED
from spfcheck.rfc7208.ranges import everything, first_owners, from_network, intersect, normalise, subtract
from spfcheck.rfc7208.record import Result, parse
from spfcheck.rfc7208.steps import Run, program
from spfcheck.rfc7208.verdict import Cause
from tests.rfc7208.zones import from_text

few = st.integers(0, 40)
ranges = st.lists(st.tuples(few, few).map(lambda pair: (min(pair), max(pair))), max_size=12)


@given(ranges)
def test_the_first_of_all_ranges_that_hold_an_address_owns_it(drawn: list[tuple[int, int]]) -> None:
    owned = first_owners(drawn)
    whose = {at: place for low, high, place in owned for at in range(low, high + 1)}
    for at in range(42):
        holders = [place for place, (low, high) in enumerate(drawn) if low <= at <= high]
        assert whose.get(at) == (min(holders) if holders else None)
    for (_, high, left), (low, _, right) in pairwise(owned):
        assert high < low
        assert high + 1 < low or left != right, "touching ranges of one owner are one"


@given(ranges, ranges)
def test_sets_are_taken_apart_address_by_address(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    left, right = normalise(one), normalise(two)
    inside = [{at for low, high in part for at in range(low, high + 1)} for part in (left, right)]
    assert intersect(left, right) == normalise([(at, at) for at in inside[0] & inside[1]])
    assert subtract(left, right) == normalise([(at, at) for at in inside[0] - inside[1]])


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), min_size=1, max_size=20))
def test_a_run_of_networks_belongs_to_the_first_term_that_has_an_address(drawn: list[tuple[int, int]]) -> None:
    record = parse("v=spf1 " + " ".join(f"ip4:192.0.2.{last}/{prefix}" for last, prefix in drawn))
    (step,) = program(record, 4)
    assert isinstance(step, Run)
    for last in range(256):
        address = (192 << 24) + (2 << 8) + last
        held = [from_network((192 << 24) + (2 << 8) + at, prefix, 4)[0] for at, prefix in drawn]
        first = next((place for place, (low, high) in enumerate(held) if low <= address <= high), None)
        assert step.owner(address) is (record.terms[first] if first is not None else None)


def test_a_thousand_modifiers_that_nobody_knows_are_judged_again_and_again() -> None:
    """A term that asks is folded after some evaluations; this record is too large for that, and no less valid."""
    lookup = from_text(f"many.example TXT v=spf1 a {'x=y ' * 1_000}-all\nmany.example A 192.0.2.1")
    for _ in range(40):
        verdict = run(check_host("198.51.100.1", "many.example"), lookup)
        assert (verdict.result, verdict.cause) == (Result.FAIL, Cause.MATCHED)


def test_a_host_that_is_named_again_is_left_out_once_by_every_policy() -> None:
    lookup = from_text("many.example TXT v=spf1 a a/24 a -all\nmany.example A 192.0.2.1\nmany.example A 192.0.2.9")
    for policy in (STRICT, UNLIMITED):
        parts = run(partition(everything(4), 4, "many.example", policy=policy), lookup)
        assert parts.passing() == from_network(192 << 24 | 2 << 8, 24, 4)
        assert parts.at(192 << 24 | 2 << 8 | 1).path[0].term.text == "a"  # type: ignore[union-attr]
