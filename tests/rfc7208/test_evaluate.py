"""The evaluation's own promises: traces, limits, explanations, and sets whose terms depend on the message."""

from __future__ import annotations

import doctest
from ipaddress import IPv4Address, IPv6Address

import pytest

import spfcheck
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host, partition
from spfcheck.rfc7208.limits import SMALL_SET, STRICT, UNLIMITED
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import everything, parse_network, size, to_networks
from spfcheck.rfc7208.verdict import Cause, Result, Why

from .zones import Canned, MemoryZone, from_text

ALL4 = everything(4)


def judge(zone: str, ip: str = "192.0.2.1", **options):
    return run(check_host(ip, "d.example", "user@d.example", "helo.example", **options), from_text(zone))


def parts(zone: str, addresses=ALL4, family: int = 4, **options):
    return run(partition(addresses, family, "d.example", **options), from_text(zone))


def test_the_documentation_of_the_package_is_true() -> None:
    assert doctest.testmod(spfcheck).attempted > 0
    assert doctest.testmod(spfcheck).failed == 0


def test_what_the_package_offers_is_sorted_and_there() -> None:
    assert sorted(spfcheck.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)) == spfcheck.__all__
    # A class that is compiled has its docstring in its source only.
    assert spfcheck.COMPILED or all(getattr(spfcheck, name).__doc__ or name.isupper() for name in spfcheck.__all__)


async def test_check_host_over_a_lookup() -> None:
    zone = ZoneLookup(
        Zone.parse('d.example TXT "v=spf1 ip4:192.0.2.0/24 -all exp=e.example"\ne.example TXT "no, %{i}"')
    )
    good = await spfcheck.check_host("192.0.2.7", "user@d.example", lookup=zone)
    assert (good.result, good.mechanism, good.mechanism_domain) == (Result.PASS, "ip4:192.0.2.0/24", "d.example")
    bad = await spfcheck.check_host(IPv4Address("10.0.0.1"), "user@d.example", lookup=zone, explain=True)
    assert (bad.result, bad.explanation) == (Result.FAIL, "no, 10.0.0.1")
    helo = await spfcheck.check_host(IPv6Address("::1"), "", "d.example", lookup=zone)
    assert (helo.result, helo.explanation) == (Result.FAIL, None)


@pytest.mark.parametrize("ip", ["", "192.0.2", "192.0.2.256", "fe80::1%eth0", "example.com", "::ffff:1.2.3.4.5"])
def test_only_a_wrong_address_raises(ip: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        judge("d.example TXT v=spf1 -all", ip)


def test_the_largest_legal_check_asks_111_questions() -> None:
    lines = ["d.example TXT v=spf1 " + " ".join(f"mx:m{n}.example" for n in range(10)) + " -all"]
    for n in range(10):
        lines += [f"m{n}.example MX 1 h{n}{k}.example\nh{n}{k}.example A 10.0.0.1" for k in range(10)]
    verdict = judge("\n".join(lines))
    assert (verdict.result, verdict.questions, verdict.lookups) == (Result.FAIL, 111, 10)
    assert STRICT.questions == 111


def test_our_own_ceiling_is_never_the_domains_fault() -> None:
    terms = " ".join(f"mx:%{{p}}.{n}.example" for n in range(10))
    lines = [f"d.example TXT v=spf1 {terms} -all"]
    lines += [f"1.2.0.192.in-addr.arpa PTR p{k}.example\np{k}.example A 192.0.2.1" for k in range(10)]
    for n in range(10):
        lines += [f"p0.example.{n}.example MX 1 h{n}{k}.example\nh{n}{k}.example A 10.0.0.1" for k in range(10)]
    verdict = judge("\n".join(lines))
    assert (verdict.result, verdict.cause) == (Result.TEMPERROR, Cause.QUESTION_CEILING)


def test_the_ceiling_of_a_walk_leaves_temperror_and_says_so() -> None:
    zone = (
        "d.example TXT v=spf1 ip4:10.0.0.0/8 a:a.example a:b.example -all\na.example A 10.0.0.1\nb.example A 192.0.2.1"
    )
    whole = parts(zone)
    assert whole.complete
    cut = parts(zone, ceiling=2)
    assert not cut.complete
    assert cut.having(Result.PASS) == ((0x0A000000, 0x0AFFFFFF),)
    assert {cell.cause for cell in cut.cells if cell.result is Result.TEMPERROR} == {Cause.QUESTION_CEILING}


def test_counting_goes_on_past_the_limit_where_limits_are_lifted() -> None:
    zone = f"d.example TXT v=spf1 include:i.example {'a:h.example ' * 9}-all\nh.example A 192.0.2.1\n"
    zone += f"i.example TXT v=spf1 {'a:h.example ' * 4}-all"
    assert max(cell.lookups for cell in parts(zone).cells) == 11
    assert max(cell.lookups for cell in parts(zone, policy=UNLIMITED).cells) == 14


def test_a_trace_tells_what_each_term_asked_cost_and_became() -> None:
    zone = """
    d.example TXT v=spf1 ip6:2001:db8::/32 ip4:198.51.100.0/24 include:i.example a:v.example exists:%{l}.example mx ~all
    i.example TXT v=spf1 ip4:203.0.113.0/24 -all
    user.example TXT nothing
    d.example MX 10 m.example
    m.example A 192.0.2.1
    """
    verdict = judge(zone, trace=True)
    assert (verdict.result, verdict.mechanism) == (Result.PASS, "mx")
    told = [(e.depth, e.term, e.why, e.result, e.lookups, e.void_lookups, len(e.asked)) for e in verdict.trace]
    assert told == [
        (0, "", Why.RECORD, None, 0, 0, 1),
        (0, "ip6:2001:db8::/32", Why.OTHER_FAMILY, None, 0, 0, 0),
        (0, "ip4:198.51.100.0/24", Why.NOT_IN_NETWORK, None, 0, 0, 0),
        (0, "include:i.example", Why.NOT_PASS, None, 1, 0, 1),
        (1, "ip4:203.0.113.0/24", Why.NOT_IN_NETWORK, None, 1, 0, 0),
        (1, "-all", Why.MATCHED, Result.FAIL, 1, 0, 0),
        (0, "a:v.example", Why.VOID, None, 2, 1, 1),
        (0, "exists:%{l}.example", Why.VOID, None, 3, 2, 1),
        (0, "mx", Why.MATCHED, Result.PASS, 4, 2, 2),
    ]
    asked = verdict.trace[-1].asked
    assert [question for question, _ in asked] == [Question("d.example", Rtype.MX), Question("m.example", Rtype.A)]
    assert asked[1][1].records == (0xC0000201,)
    span = verdict.trace[3].span
    assert span is not None
    assert verdict.path[0].record.source(span) == "include:i.example"


def test_a_trace_of_an_error_ends_where_the_error_is() -> None:
    verdict = judge("d.example TXT v=spf1 include:i.example -all", trace=True)
    last = verdict.trace[-1]
    assert (last.term, last.why, last.cause) == ("include:i.example", Why.ERROR, Cause.INCLUDE_NO_RECORD)
    assert [step.domain for step in verdict.path] == ["d.example", "i.example"]
    missing = judge("x.example A 192.0.2.1", trace=True)
    assert [(e.why, e.cause) for e in missing.trace] == [(Why.NO_RECORD, Cause.NO_DOMAIN)]


def test_a_failure_names_its_question() -> None:
    verdict = judge("d.example TXT v=spf1 mx -all\nd.example MX 1 m.example\nm.example A FAIL")
    assert verdict.failure == Question("m.example", Rtype.A)
    assert verdict.mechanism == "mx"


def test_what_decided_is_named_through_redirects_and_not_through_includes() -> None:
    zone = """
    d.example TXT v=spf1 redirect=r.example
    r.example TXT v=spf1 include:i.example -all
    i.example TXT v=spf1 ip4:192.0.2.0/24
    """
    verdict = judge(zone)
    assert (verdict.mechanism, verdict.mechanism_domain) == ("include:i.example", "r.example")
    assert [(s.domain, s.term and s.term.text) for s in verdict.path] == [
        ("d.example", "redirect=r.example"),
        ("r.example", "include:i.example"),
        ("i.example", "ip4:192.0.2.0/24"),
    ]


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        (
            "%{s} %{l} %{o} %{d} %{i} %{v} %{h}",
            "user@d.example user d.example d.example 192.0.2.1 in-addr helo.example",
        ),
        ("%{c} %{r} %{t}", "192.0.2.1 mx.here.example 1700000000"),
        ("%{p}", "unknown"),
        ("50%% of%_it%-all", "50% of it%20all"),
        ("%{x}", None),
        ("caf\u00e9", None),
        ("", ""),
    ],
)
def test_explanations(text: str, explanation: str | None) -> None:
    zone = f"d.example TXT v=spf1 exp=e.example -all\ne.example TXT {text}"
    verdict = judge(zone, explain=True, receiver="mx.here.example", timestamp=1_700_000_000)
    assert verdict.explanation == explanation
    assert judge(zone).explanation is None
    assert judge(zone).questions == 1


def test_an_explanation_of_an_included_domain_is_not_ours() -> None:
    zone = """
    d.example TXT v=spf1 -include:i.example exp=e.example
    i.example TXT v=spf1 +all exp=x.example
    e.example TXT ours
    x.example TXT theirs
    """
    assert judge(zone, explain=True).explanation == "ours"


def test_a_small_set_is_asked_address_by_address() -> None:
    zone = "d.example TXT v=spf1 exists:%{i}.x.example -all\n192.0.2.3.x.example A 127.0.0.2"
    _, few = parse_network("192.0.2.0/28")
    assert size(few) == SMALL_SET
    made = parts(zone, few)
    assert to_networks(made.passing(), 4) == ((0xC0000203, 32),)
    assert not any(cell.depends for cell in made.cells)


def test_a_large_set_marks_what_depends_on_the_message() -> None:
    zone = "d.example TXT v=spf1 ip4:10.0.0.0/8 exists:%{i}.x.example include:%{d}.i.example ptr -all\n"
    made = parts(zone + "d.example.i.example TXT v=spf1 ip4:11.0.0.0/8")
    by_result = {(cell.result, tuple(step.term.text for step in cell.depends)): cell for cell in made.cells}
    assert set(by_result) == {
        (Result.PASS, ()),
        (Result.PASS, ("exists:%{i}.x.example",)),
        (Result.FAIL, ("exists:%{i}.x.example", "ptr")),
    }
    last = by_result[(Result.FAIL, ("exists:%{i}.x.example", "ptr"))]
    # Each term counts as a lookup without an answer, the include was followed.
    assert (last.lookups, last.void_lookups) == (3, 2)


@pytest.mark.parametrize("macro", ["%{l}", "%{s}", "%{h}", "%{L1r-}"])
def test_local_part_and_helo_may_be_unknown(macro: str) -> None:
    zone = f"d.example TXT v=spf1 exists:{macro}.x.example -all"
    _, one = parse_network("192.0.2.1")
    (unknown,) = parts(zone, one).cells
    assert [step.term.text for step in unknown.depends] == [f"exists:{macro}.x.example"]
    (known,) = parts(zone, one, sender="user@d.example", helo="helo.example").cells
    assert known.depends == ()


def test_a_redirect_that_depends_on_the_message_is_marked() -> None:
    (cell,) = parts("d.example TXT v=spf1 redirect=%{i}.x.example").cells
    assert (cell.result, cell.cause) == (Result.NEUTRAL, Cause.DEFAULT)
    assert [step.term.text for step in cell.depends] == ["redirect=%{i}.x.example"]


def test_the_version_macro_depends_on_the_family_only() -> None:
    zone = "d.example TXT v=spf1 include:%{v}.x.example -all\nin-addr.x.example TXT v=spf1 ip4:10.0.0.0/8"
    made = parts(zone + "\nip6.x.example TXT v=spf1 ip6:2001:db8::/32")
    assert made.passing() == ((0x0A000000, 0x0AFFFFFF),)
    six = run(
        partition(everything(6), 6, "d.example"),
        from_text(zone + "\nip6.x.example TXT v=spf1 ip6:2001:db8::/32"),
    )
    assert to_networks(six.passing(), 6) == ((int(IPv6Address("2001:db8::")), 32),)


def test_a_partition_of_nothing_and_of_no_name() -> None:
    assert parts("d.example TXT v=spf1 -all", ()).cells == ()
    made = run(partition(ALL4, 4, "localhost"), from_text(""))
    assert [(cell.result, cell.cause) for cell in made.cells] == [(Result.NONE, Cause.INVALID_DOMAIN)]


def test_cells_can_be_looked_up() -> None:
    made = parts("d.example TXT v=spf1 ip4:10.0.0.0/8 -all")
    assert made.at(0x0A000001).result is Result.PASS
    assert made.at(0).result is Result.FAIL
    assert parts("d.example TXT v=spf1 -all", ((5, 9),)).at(4) is None


def test_many_networks_of_one_record_are_told_apart() -> None:
    terms = [f"{'-' if n % 3 == 0 else ''}ip4:10.{n}.0.0/16" for n in range(200)]
    zone = "d.example TXT v=spf1 ip4:10.7.7.0/24 " + " ".join(terms) + " ip4:10.0.0.0/8 ?all"
    made = parts(zone)
    assert made.at(0x0A070701).path[-1].term.text == "ip4:10.7.7.0/24"
    assert made.at(0x0A070801).path[-1].term.text == "ip4:10.7.0.0/16"
    assert made.at(0x0A060001).result is Result.FAIL
    assert made.at(0x0AFF0001).path[-1].term.text == "ip4:10.0.0.0/8"
    for address in (0x0A070701, 0x0A070801, 0x0A060001, 0x0AFF0001, 0x0B000000):
        single = judge(zone, str(IPv4Address(address)))
        assert (single.result, single.mechanism) == (
            made.at(address).result,
            made.at(address).path[0].term.text,
        )


def test_a_bottomless_tree_ends_without_the_limits_of_the_standard() -> None:
    """Names that grow for ever, each with a record: neither the depth of the stack nor time runs out."""

    def answer(question: Question) -> Canned:
        return Canned(((b"v=spf1 include:x.%{d} include:y.%{d} -all",),))

    endless = run(check_host("192.0.2.1", "d.example", policy=UNLIMITED), answer)
    assert (endless.result, endless.cause) == (Result.TEMPERROR, Cause.QUESTION_CEILING)
    strict = run(check_host("192.0.2.1", "d.example"), answer)
    assert (strict.result, strict.cause, strict.questions) == (Result.PERMERROR, Cause.LOOKUP_LIMIT, 11)


@pytest.mark.parametrize("policy", [STRICT, UNLIMITED], ids=lambda policy: policy.name)
def test_a_tree_that_splits_the_set_at_every_turn_ends(policy) -> None:
    """Each record halves the addresses, and the halves cost differently: parts would double with every include."""

    def answer(question: Question) -> Canned:
        level = int(question.name[1 : question.name.index(".")])
        networks = " ".join(f"-ip4:{low}.0.0.0/8" for low in range(level % 7, 256, 7))
        below = " ".join(f"include:i{level * 3 + n}.example" for n in range(1, 4)) if level < 1000 else ""
        return Canned(((f"v=spf1 {below} {networks} {below}".encode(),),))

    made = run(partition(ALL4, 4, "i0.example", policy=policy), answer)
    assert sum(size(cell.addresses) for cell in made.cells) == 1 << 32


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a:." + "a" * 65_000 + "!", Cause.SYNTAX_ERROR),
        ("a:" + "a." * 32_000 + "!", Cause.SYNTAX_ERROR),
        ("a" + "/1" * 32_000, Cause.SYNTAX_ERROR),
        ("a/" + "1" * 65_000, Cause.SYNTAX_ERROR),
        ("a:" + "%{d}" * 16_000, Cause.DEFAULT),
        ("exists:%{d" + "1" * 65_000, Cause.SYNTAX_ERROR),
        ("exists:%{d" + "." * 65_000, Cause.SYNTAX_ERROR),
        ("ip6:" + ":" * 65_000, Cause.SYNTAX_ERROR),
        ("ip4:" + "1." * 32_000, Cause.SYNTAX_ERROR),
        ("x" * 65_000 + "=", Cause.DEFAULT),
        (" " * 65_000, Cause.DEFAULT),
        ("a " * 32_000, Cause.VOID_LIMIT),
        ("-" * 65_000, Cause.SYNTAX_ERROR),
        ("ip4:10.0.0.0/8 " * 4_000, Cause.DEFAULT),
        (" ".join(f"ip4:{n >> 8 & 255}.{n & 255}.0.0/{16 + n % 8}" for n in range(4_000)), Cause.DEFAULT),
    ],
    ids=lambda value: value[:12],
)
def test_hostile_records_are_read_and_evaluated(text: str, cause: Cause) -> None:
    """65 kB are the most that DNS can carry; time that grew faster than the text would have no end."""
    zone = MemoryZone({"d.example": {Rtype.TXT: ((f"v=spf1 {text}".encode(),),)}})
    verdict = run(check_host("192.0.2.1", "d.example", "a.b" * 100 + "@d.example"), zone)
    assert verdict.cause is cause
    assert verdict.result is (Result.NEUTRAL if cause is Cause.DEFAULT else Result.PERMERROR)
