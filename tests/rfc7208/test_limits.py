"""Each limit at its last allowed value and one beyond: those of the standard (RFC 7208 4.6.4), and our own ceilings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host, partition
from spfcheck.rfc7208.limits import LENIENT, SMALL_SET, STRICT, UNLIMITED, Policy
from spfcheck.rfc7208.memo import fill
from spfcheck.rfc7208.ranges import everything
from spfcheck.rfc7208.verdict import Cause, Partition, Result, Verdict

from .zones import from_text

TEN = 10
TWO = 2
ADDRESS = ((0xC0000201, 0xC0000201),)


@pytest.fixture(autouse=True)
def _every_term_is_remembered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "FIRST_FOLD", 1)


def judge(zone: str, policy: Policy = STRICT) -> Verdict:
    return run(check_host("192.0.2.1", "d.example", "user@d.example", policy=policy), from_text(zone))


def walk(zone: str, addresses: tuple[tuple[int, int], ...] = everything(4), **options: int) -> Partition:
    """A partition without the limits of the standard, so that our own are met."""
    return run(partition(addresses, 4, "d.example", policy=UNLIMITED, **options), from_text(zone))


def terms(count: int) -> str:
    return f"d.example TXT v=spf1 {'a:h.example ' * count}-all\nh.example A 10.0.0.1"


def voids(count: int) -> str:
    return f"d.example TXT v=spf1 {' '.join(f'a:n{number}.example' for number in range(count))} -all"


def again(count: int) -> str:
    """One void name, asked *count* times."""
    return f"d.example TXT v=spf1 {'a:n.example ' * count}-all"


def without_addresses(count: int) -> str:
    """Names that exist without addresses of the client's family."""
    hosts = "\n".join(f"n{number}.example AAAA 2001:db8::1" for number in range(count))
    return f"{voids(count)}\n{hosts}"


def voids_below(count: int) -> str:
    """Includes with a void name in each."""
    lines = [f"d.example TXT v=spf1 {' '.join(f'include:i{number}.example' for number in range(count))} -all"]
    return "\n".join([*lines, *(f"i{number}.example TXT v=spf1 a:n{number}.example -all" for number in range(count))])


def exchanges(count: int) -> str:
    lines = ["d.example TXT v=spf1 mx -all"]
    lines += [f"d.example MX {n} h{n}.example\nh{n}.example A 10.0.0.1" for n in range(count)]
    return "\n".join(lines)


def lookups_that_depend_on_nothing_known(count: int) -> str:
    return f"d.example TXT v=spf1 {' '.join(f'exists:%{{l}}.n{number}.example' for number in range(count))} -all"


@pytest.mark.parametrize(
    ("zone", "most", "cause"),
    [
        (terms, TEN, Cause.LOOKUP_LIMIT),
        (voids, TWO, Cause.VOID_LIMIT),
        (again, TWO, Cause.VOID_LIMIT),
        (without_addresses, TWO, Cause.VOID_LIMIT),
        (voids_below, TWO, Cause.VOID_LIMIT),
        (exchanges, TEN, Cause.MX_LIMIT),
    ],
    ids=["lookups", "voids", "voids of one name", "voids of one family", "voids of includes", "names of an mx"],
)
def test_a_limit_of_the_standard(zone: Callable[[int], str], most: int, cause: Cause) -> None:
    for count, expected in ((most, (Result.FAIL, Cause.MATCHED)), (most + 1, (Result.PERMERROR, cause))):
        answers = from_text(zone(count))
        for _ in range(3):  # the first check evaluates each term, later ones may use what it came to
            verdict = run(check_host("192.0.2.1", "d.example", "user@d.example"), answers)
            assert (verdict.result, verdict.cause) == expected
        (cell,) = run(partition(ADDRESS, 4, "d.example"), answers).cells
        assert (cell.result, cell.cause) == expected


def test_a_set_is_held_to_the_limits_of_an_address() -> None:
    """Terms that depend on the message count as void lookups, and so end a set as they may end one of its addresses."""
    for count, cause in ((TWO, Cause.MATCHED), (TWO + 1, Cause.VOID_LIMIT)):
        zone = from_text(lookups_that_depend_on_nothing_known(count))
        (cell,) = run(partition(everything(4), 4, "d.example"), zone).cells
        assert cell.cause is cause


def test_of_the_names_of_an_address_the_first_ten_count() -> None:
    """RFC 7208 4.6.4: the rest are ignored, which is no error."""
    names = [f"p{number:02}.example" for number in range(TEN + 1)]
    for place, result in ((TEN - 1, Result.PASS), (TEN, Result.FAIL)):
        lines = [f"d.example TXT v=spf1 ptr:{names[place]} -all"]
        lines += [f"1.2.0.192.in-addr.arpa PTR {name}\n{name} A 192.0.2.1" for name in names]
        assert judge("\n".join(lines)).result is result


@pytest.mark.parametrize("zone", [again, without_addresses], ids=["asked again", "of the other family"])
def test_lenient_receivers_count_fewer_void_lookups(zone: Callable[[int], str]) -> None:
    assert judge(zone(TWO + 1), LENIENT).result is Result.FAIL
    assert judge(voids(TWO + 1), LENIENT).cause is Cause.VOID_LIMIT


def test_lenient_receivers_look_at_the_first_ten_names_of_an_mx() -> None:
    zone = exchanges(TEN + 1)
    matching = zone.replace("h9.example A 10.0.0.1", "h9.example A 192.0.2.1")
    assert judge(matching, LENIENT).result is Result.PASS
    assert judge(matching, STRICT).cause is Cause.MX_LIMIT
    assert judge(zone, LENIENT).cause is Cause.MX_LIMIT
    last = zone.replace("h10.example A 10.0.0.1", "h10.example A 192.0.2.1")
    assert judge(last, LENIENT).cause is Cause.MX_LIMIT


def test_what_an_include_is_known_to_cost_counts_against_our_own_ceiling() -> None:
    """Five mx of a name that the address stands for cost 22 questions each, and the record one: 111 are allowed."""
    five = " ".join(f"mx:%{{p}}.{number}.example" for number in range(5))
    lines = [f"{name}.example TXT v=spf1 {five} {more}-all" for name, more in (("d", ""), ("e", "include:i.example "))]
    lines += ["f.example TXT v=spf1 include:i.example -all", "i.example TXT v=spf1 ip4:10.0.0.0/8 -all"]
    lines += [f"1.2.0.192.in-addr.arpa PTR p{n}.example\np{n}.example A 192.0.2.1" for n in range(TEN)]
    for number in range(5):
        lines += [f"p0.example.{number}.example MX 1 h{number}{n}.example" for n in range(TEN)]
        lines += [f"h{number}{n}.example A 10.0.0.1" for n in range(TEN)]
    answers = from_text("\n".join(lines))

    def verdict(domain: str) -> Verdict:
        return run(check_host("192.0.2.1", domain, f"user@{domain}"), answers)

    for _ in range(3):  # so that the include is known
        assert verdict("f.example").result is Result.FAIL
    assert (verdict("d.example").result, verdict("d.example").questions) == (Result.FAIL, 111)
    assert (verdict("e.example").result, verdict("e.example").cause) == (Result.TEMPERROR, Cause.QUESTION_CEILING)


def different(count: int) -> str:
    """A record that needs *count* different questions, its own among them."""
    lines = [f"d.example TXT v=spf1 {' '.join(f'a:h{number}.example' for number in range(count - 1))} -all"]
    return "\n".join([*lines, *(f"h{number}.example A 10.0.0.1" for number in range(count - 1))])


def same(count: int) -> str:
    """A record that asks for another one *count* times."""
    return f"d.example TXT v=spf1 {'include:i.example ' * count}-all\ni.example TXT v=spf1 -all"


def nested(depth: int) -> str:
    """Records inside records: *depth* below the first."""
    lines = ["d.example TXT v=spf1 redirect=i1.example"]
    lines += [f"i{number}.example TXT v=spf1 redirect=i{number + 1}.example" for number in range(1, depth)]
    return "\n".join([*lines, f"i{depth}.example TXT v=spf1 -all"])


@pytest.mark.parametrize(
    ("zone", "most", "options"),
    [
        (different, 150, {}),
        (nested, 64, {}),
        # The first time it is asked; with a ceiling of two questions it may then come up a hundred times more.
        (same, 1 + 2 * 50, {"ceiling": 2}),
        # All questions on the way of an address count, and one of them is for the record itself.
        (same, 10 * 150 - 1, {}),
    ],
    ids=["different questions", "records inside records", "repeated questions", "questions on one way"],
)
def test_a_ceiling_of_our_own(zone: Callable[[int], str], most: int, options: dict[str, int]) -> None:
    whole, cut = walk(zone(most), **options), walk(zone(most + 1), **options)
    assert {cell.cause for cell in whole.cells} == {Cause.MATCHED}
    stopped = {(cell.result, cell.cause) for cell in cut.cells} - {(Result.PASS, Cause.MATCHED)}
    assert stopped == {(Result.TEMPERROR, Cause.QUESTION_CEILING)}


def test_addresses_are_asked_about_one_by_one_up_to_sixteen() -> None:
    assert SMALL_SET == 16
    zone = "d.example TXT v=spf1 exists:%{i}.x.example -all"
    for count in (SMALL_SET, SMALL_SET + 1):
        first = 0xC0000200
        made = walk(zone, ((first, first + count - 1),))
        assert any(cell.depends for cell in made.cells) is (count > SMALL_SET)
