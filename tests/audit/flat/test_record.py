"""What plain records rest on: terms read by a shorter way, answers of which nothing is to be said, the prover's no."""

from __future__ import annotations

from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from spfcheck.audit.examine import examine
from spfcheck.audit.flat.memory import memory_of
from spfcheck.audit.flat.record import NotPlain, is_quiet
from spfcheck.audit.flat.record_text import read_plain, usual_network
from spfcheck.audit.judgement.review import answer_findings, network_findings
from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair.meant import Base, base_of
from spfcheck.audit.repair.proof import Proof, Proposal, prove
from spfcheck.audit.repair.proof_flat import prove_plain
from spfcheck.audit.repair.propose import candidates
from spfcheck.audit.repair.widening import _by_cells, _by_parts
from spfcheck.audit.report.evidence import evidence_of
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.grammar import read_term
from spfcheck.rfc7208.record import Problem, Result
from tests.audit.cases import Everything, case_of
from tests.audit.repair.test_proof import sabotages
from tests.made.customers import INCLUDE, Kind, customers
from tests.profile import scale

octets = st.one_of(
    st.integers(0, 260).map(str), st.sampled_from(["0", "00", "010", "10", "127", "172", "192", "255", "", "1a"])
)
words = st.builds(
    lambda word, address, prefix: f"{word}:{'.'.join(address)}{prefix}",
    st.sampled_from(["ip4", "ip4", "ip4", "IP4", "+ip4", "-ip4", "ip6"]),
    st.lists(octets, min_size=3, max_size=5) | st.lists(octets, min_size=4, max_size=4),
    st.one_of(
        st.just(""), st.integers(0, 40).map("/{}".format), st.sampled_from(["/", "/08", "/16 ", "//24", "/24/24", "\n"])
    ),
)


groups = st.one_of(
    st.integers(0, 0xFFFF).map("{:x}".format), st.sampled_from(["0", "2001", "0db8", "00db8", "DB8", ""])
)
six_words = st.builds(
    lambda first, rest, end, prefix: f"ip6:{':'.join([first, *rest])}{end}{prefix}",
    st.sampled_from(["2001", "2a00", "2fff", "fe80", "fc00", "3fff", "0"]),
    st.lists(groups, max_size=8),
    st.sampled_from(["::", "::", "::", "", "::1", ":"]),
    st.integers(0, 140).map("/{}".format) | st.sampled_from(["", "/032", "/64\n"]),
)


@given(words | six_words)
def test_a_usual_network_is_what_the_grammar_reads(word: str) -> None:
    network = usual_network(word)
    problems: list[Problem] = []
    term = read_term(word, 0, problems)
    if network is not None:
        assert not problems
        assert (term.network, term.result) == (network, Result.PASS)
        assert f"ip{term.family}" == word[:3]
        assert next(network_findings(term, "customer.example"), None) is None


@given(st.integers(0, 2**32 - 1), st.integers(16, 32))
def test_most_networks_are_usual(address: int, prefix: int) -> None:
    base = address >> (32 - prefix) << (32 - prefix)
    word = f"ip4:{base >> 24}.{base >> 16 & 255}.{base >> 8 & 255}.{base & 255}/{prefix}"
    assert (usual_network(word) is None) is (base >> 24 in (10, 100, 127, 169, 172, 192))


@given(st.integers(0x2001, 0x2FFF), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=3), st.integers(64, 128))
def test_most_networks_of_the_second_family_are_usual(first: int, rest: list[int], prefix: int) -> None:
    assert usual_network(f"ip6:{':'.join(f'{group:x}' for group in [first, *rest])}::/{prefix}") is not None


@given(st.lists(st.integers(0, 3).map((0, 0, 1, 0xFEED).__getitem__), min_size=8, max_size=8))
def test_an_ipv6_address_is_written_as_python_writes_it(groups: list[int]) -> None:
    address = int("".join(f"{group:04x}" for group in groups), 16)
    answer = Answer(question=Question("n.example", Rtype.AAAA), outcome=Outcome.OK, records=(address,))
    assert evidence_of(answer).data == (str(IPv6Address(address)),)


answers = st.builds(
    Answer,
    question=st.builds(Question, st.just("n.example"), st.sampled_from(Rtype)),
    outcome=st.sampled_from(Outcome),
    records=st.just(()),
    took_ms=st.sampled_from([0.0, 1_999.0, 2_000.0, 2_001.0]),
    soa_seen=st.booleans(),
    illegal_cname=st.booleans(),
    stale=st.booleans(),
)


@given(answers)
def test_a_quiet_answer_is_one_of_which_nothing_is_said(answer: Answer) -> None:
    # An answer has records exactly if its outcome is ok.
    shown = Answer(
        question=answer.question,
        outcome=answer.outcome,
        records=((b"x",),) if answer.outcome is Outcome.OK else (),
        took_ms=answer.took_ms,
        soa_seen=answer.soa_seen,
        illegal_cname=answer.illegal_cname,
        stale=answer.stale,
    )
    assert is_quiet(shown) is (next(answer_findings({shown.question: shown}), None) is None)


async def test_what_a_mended_record_authorises_is_the_same_by_parts_and_by_cells() -> None:
    made = customers(scale(2_500, 20_000), seed=4)
    lookup = ZoneLookup(Zone.parse(made.zone))
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    compared = 0
    for domain, kind in zip(made.domains, made.kinds, strict=True):
        if kind is not Kind.SYNTAX:
            continue
        case = case_of(domain, lookup, ours)
        base = base_of(case)
        if isinstance(base, Base):
            parts = _by_parts(case, base)
            compared += parts is not None
            assert parts is None or parts == _by_cells(case, base)
    assert compared >= 15


async def test_a_verdict_by_parts_is_that_of_the_prover_for_every_record() -> None:
    """Of mended records as they are, and with ours put in; also where an ``all`` in their midst ends what is read."""
    made = customers(scale(2_500, 20_000), seed=6)
    lookup = ZoneLookup(Zone.parse(made.zone))
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    proven = refused = cut = 0
    for domain, kind in zip(made.domains, made.kinds, strict=True):
        case = case_of(domain, lookup, ours)
        base = base_of(case) if kind is Kind.SYNTAX else None
        plain = case.plain(base.text) if isinstance(base, Base) else None
        if plain is None or not isinstance(base, Base):
            continue
        unread = base.text[len(plain.text) :]
        cut += bool(unread)
        delete = tuple(text.decode("latin-1") for text in case.texts)
        for text in (base.text, *(made.text for made in candidates(case, base, [INCLUDE], []))):
            proposal = Proposal(domain, text, delete)
            quick, long = prove(case, proposal), prove(case, proposal, by_parts=False)
            assert type(quick) is type(long), text
            if isinstance(quick, Proof) and isinstance(long, Proof):
                assert quick.facts() == long.facts()
                proven += 1
            else:
                refused += 1
    assert proven >= 50
    assert refused >= 5
    assert cut >= 5


async def test_the_plain_prover_refuses_every_sabotage() -> None:
    """Of a first record, and of one in place of another."""
    made = customers(120, seed=9)
    lookup = ZoneLookup(Zone.parse(made.zone))
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    memory = memory_of(ours)
    spoilt = 0
    for domain, kind in zip(made.domains, made.kinds, strict=True):
        remedy = (await examine(domain, lookup, ours)).remedy
        if not remedy.value or kind not in (Kind.NO_RECORD, Kind.WORKS, Kind.VOID):
            continue
        case = case_of(domain, lookup, ours)
        everything = Everything(lookup)
        base = None
        if case.texts:
            base = read_plain(case.texts[0].decode(), domain, memory)
            assert base.resolve(everything.get) == []
        for name, value in [("nothing", remedy.value), *sabotages(remedy.value, case)]:
            try:
                proposed = read_plain(value, domain, memory)
                assert proposed.resolve(everything.get) == []
                proof = prove_plain(base, proposed, ours, everything.__getitem__)
            except NotPlain:
                continue
            assert isinstance(proof, Proof) is (name == "nothing"), (domain, name, value)
            spoilt += name != "nothing"
    assert spoilt > 60
