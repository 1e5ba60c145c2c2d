"""The made-up customers are what they are said to be, by the product's own judgement."""

from __future__ import annotations

from collections import Counter

import pytest

from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.record import Result
from tests.made import customers as made
from tests.made.customers import CLIENT, OUR_CLIENT, Customers, Kind, customers
from tests.profile import scale

COUNT = scale(2_000, 20_000)


@pytest.fixture(scope="module", params=["real or made up", "made up"])
def some(request: pytest.FixtureRequest) -> Customers:
    patch = pytest.MonkeyPatch()
    if request.param == "made up":
        patch.setattr(made, "providers", made.made_up)
    try:
        return customers(COUNT)
    finally:
        patch.undo()


def judge(some: Customers, client: str) -> list[Result]:
    lookup = ZoneLookup(Zone.parse(some.zone))
    return [
        run(check_host(client, domain, f"postmaster@{domain}", "mail.invalid"), lookup.cached).result
        for domain in some.domains
    ]


def results(some: Customers, client: str) -> dict[Kind, Counter[Result]]:
    found: dict[Kind, Counter[Result]] = {kind: Counter() for kind in Kind}
    for kind, result in zip(some.kinds, judge(some, client), strict=True):
        found[kind][result] += 1
    return found


def test_each_kind_is_judged_as_what_it_is(some: Customers) -> None:
    found = results(some, CLIENT)
    assert set(found[Kind.NO_RECORD]) == {Result.NONE}
    for kind in (Kind.OVER_LIMIT, Kind.SYNTAX, Kind.VOID, Kind.LOOP):
        assert set(found[kind]) == {Result.PERMERROR}, kind
    assert set(found[Kind.WORKS]) == {Result.FAIL, Result.SOFTFAIL, Result.NEUTRAL}


def test_what_is_expected_of_each_is_what_comes(some: Customers) -> None:
    assert [result.value for result in judge(some, CLIENT)] == list(some.expected)


def test_most_that_work_authorise_us(some: Customers) -> None:
    works = results(some, OUR_CLIENT)[Kind.WORKS]
    assert set(works) == {Result.PASS, Result.FAIL, Result.SOFTFAIL, Result.NEUTRAL}
    assert 0.85 < works[Result.PASS] / works.total() < 0.91


def test_the_shares_and_the_size_of_trees_are_those_that_are_told(some: Customers) -> None:
    for kind, share in made.SHARES.items():
        assert abs(some.kinds.count(kind) / COUNT - share) < 0.02, kind
    assert 4.0 < some.terms < 4.8


def test_as_many_as_can_be_made_are_made() -> None:
    """Long texts come cut into strings wherever 255 bytes end; among many customers every cut occurs."""
    many = customers(scale(20_000, 100_000))
    assert len(many.expected) == len(many.domains)


def test_the_same_seed_makes_the_same_customers() -> None:
    assert customers(50) == customers(50)
    assert customers(50) != customers(50, seed=1)
    assert customers(50).domains == customers(60).domains[:50]


@pytest.mark.parametrize("count", [0, 100_001])
def test_a_number_that_cannot_be_made_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 100,000"):
        customers(count)
