"""The quick way and the long way give the same report, byte for byte."""

from __future__ import annotations

import asyncio
import json
import random

import pytest
from hypothesis import HealthCheck, event, given, settings

from spfcheck.audit.assemble import Check
from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import Witness
from spfcheck.audit.flat import memory as flat_memory
from spfcheck.audit.flat import union
from spfcheck.audit.flat.memory import memory_of
from spfcheck.audit.prepare import prepare
from spfcheck.audit.quick import Attempt
from spfcheck.audit.repair.proof import Proof, Proposal, prove
from spfcheck.audit.replay import replay
from spfcheck.audit.report.model import Report, as_json
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.audit.thorough import examine_thoroughly
from spfcheck.resolver.types import Answer, Lookup, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS
from tests.audit.cases import case_of
from tests.audit.golden_file import GOLDEN, OURS, Golden
from tests.audit.zones import Generated, customers, zones
from tests.made.corpus import CORPUS, INCLUDE, OURS_TEXTS, CorpusLookup, read_corpus
from tests.made.customers import customers as bench_customers
from tests.profile import scale


class Cached:
    """A lookup whose answers stay the same objects, as those of a cache do."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.answers: dict[Question, Answer] = {}

    def cached(self, question: Question) -> Answer | None:
        if question not in self.answers:
            answer = self._lookup.cached(question)
            assert answer is not None
            self.answers[question] = answer
        return self.answers[question]

    async def ask(self, question: Question) -> Answer:
        answer = self.cached(question)
        assert answer is not None
        return answer


def text(report: Report | None) -> str:
    return json.dumps(as_json(report))


async def both(domain: str, lookup: Lookup, ours: Ours) -> bool:
    """Compare the two ways; whether the quick one applies."""
    check = Check(domain, domain, f"postmaster@{domain}", "mail.invalid")
    quick = Attempt(lookup, check, ours).report(lambda: 5.0, lambda: "id")
    if quick is None:
        return False
    long = await examine_thoroughly(
        Witness(lookup),
        check,
        ours,
        record=None,
        clock=lambda: 5.0,
        new_id=lambda: "id",
    )
    assert text(quick) == text(long)
    if quick.remedy.proof is not None:
        delete = tuple(one.value for one in quick.remedy.delete)
        proposal = Proposal(quick.remedy.name, quick.remedy.value, delete)
        proof = prove(case_of(domain, lookup, ours), proposal, by_parts=False)
        assert isinstance(proof, Proof), "the prover for every record proves it as well"
        assert proof.facts() == quick.remedy.proof
    again = await examine(domain, lookup, ours, clock=lambda: 5.0, new_id=lambda: "id")
    assert text(again) == text(long)
    return True


async def test_goldens() -> None:
    quick = 0
    for path in sorted(GOLDEN.glob("*.txt")):
        golden = Golden.read(path)
        lookup = Cached(golden.lookup())
        ours = await prepare(golden.profiles(), lookup)
        if ours.ready:
            quick += await both(golden.ask.get("domain", "customer.example"), lookup, ours)
    assert quick >= 10


@given(zones())
@settings(max_examples=scale(150, 3_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_generated(generated: Generated) -> None:
    async def go() -> None:
        lookup = Cached(ZoneLookup(Zone.parse(generated.text)))
        event(str(await both("customer.example", lookup, await prepare(OURS, lookup))))

    asyncio.run(go())


@given(customers())
@settings(max_examples=scale(250, 5_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_generated_customers(generated: Generated) -> None:
    """Records as customers have them: hosts with and without addresses, limits met and passed, ours in and out."""

    async def go() -> None:
        lookup = Cached(ZoneLookup(Zone.parse(generated.text)))
        event(str(await both("customer.example", lookup, await prepare(OURS, lookup))))

    asyncio.run(go())


async def test_customers_as_the_bench_has_them() -> None:
    made = bench_customers(scale(250, 4_000), seed=5)
    lookup = Cached(ZoneLookup(Zone.parse(made.zone)))
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    quick = [await both(domain, lookup, ours) for domain in made.domains]
    assert sum(quick) > 0.9 * len(quick), "nearly all go the quick way"


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And forgetting it changes no report."""
    made = bench_customers(scale(300, 4_000), seed=8)
    lookup = Cached(ZoneLookup(Zone.parse(made.zone)))

    async def reports(ours: Ours) -> list[str]:
        most = 0
        found = []
        for domain in made.domains:
            found.append(text(await examine(domain, lookup, ours, clock=lambda: 5.0, new_id=lambda: "id")))
            memory = memory_of(ours)
            most = max(most, len(memory.known) + len(memory.parts) + len(memory.nodes), len(memory.together))
        assert (most <= 21) is (flat_memory.MOST_REMEMBERED == 20)
        return found

    profile = SenderProfile(name="mail", include=INCLUDE)
    whole = await reports(await prepare([profile], lookup))
    monkeypatch.setattr(flat_memory, "MOST_REMEMBERED", 20)
    monkeypatch.setattr(union, "MOST_REMEMBERED", 20)
    assert await reports(await prepare([profile], lookup)) == whole


@pytest.mark.skipif(not CORPUS.is_dir(), reason="LOUD: the corpus is not at ../shared/corpus; real records untested")
async def test_repaired_real_records() -> None:
    """Real records as they are once the remedy is published."""
    rows, includes = read_corpus()
    lookup = CorpusLookup(rows, includes, OURS_TEXTS[1])
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    quick = 0
    for row in random.Random(2).sample(rows, scale(120, 3_000)):
        report = await examine(row.domain, lookup, ours)
        if report.remedy.value:
            lookup.publish(row.domain, report.remedy.value)
            quick += await both(row.domain, lookup, ours)
    assert quick > 20


@pytest.mark.skipif(not CORPUS.is_dir(), reason="LOUD: the corpus is not at ../shared/corpus; real records untested")
@pytest.mark.parametrize("cost", OURS_TEXTS)
async def test_real_records(cost: int) -> None:
    """Real records as they are: most need a repair, or have no room for one."""
    rows, includes = read_corpus()
    lookup = Cached(CorpusLookup(rows, includes, OURS_TEXTS[cost]))
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    sample = random.Random(cost).sample(rows, scale(200, len(rows)))
    quick = [await both(row.domain, lookup, ours) for row in sample]
    assert sum(quick) > 0.7 * len(quick), "most go the quick way"


async def test_an_include_that_changes_is_read_again() -> None:
    zone = """
    _spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"
    other.example TXT "v=spf1 ip4:192.0.2.0/24 -all"
    customer.example TXT "v=spf1 include:other.example include:_spf.mail.example -all"
    """
    lookup = Cached(ZoneLookup(Zone.parse(zone)))
    ours = await prepare(OURS, lookup)
    first = await examine("customer.example", lookup, ours)
    assert first.authorised_v4 == 512
    wider = Cached(ZoneLookup(Zone.parse(zone.replace("192.0.2.0/24", "198.51.0.0/16"))))
    assert (await examine("customer.example", wider, ours)).authorised_v4 == 65_536 + 256


async def test_a_repair_that_is_no_flat_record_is_left_to_the_long_way() -> None:
    """A mail host that an answer lists twice: the quick way would rest the same record on fewer answers."""
    zone = """
    _spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"
    customer.example MX 10 a.example
    customer.example MX 20 a.example
    a.example TXT "no address"
    """
    lookup = Cached(ZoneLookup(Zone.parse(zone)))
    ours = await prepare(OURS, lookup)
    for hypothetical in (False, True):
        check = Check("customer.example", "customer.example", "a@customer.example", "h", hypothetical=hypothetical)
        attempt = Attempt(lookup, check, ours, "" if hypothetical else None)
        assert attempt.report(lambda: 1.0, lambda: "id") is None
        assert attempt.missing == []
    report = await examine("customer.example", lookup, ours, record="")
    assert report.remedy.value == "v=spf1 mx include:_spf.mail.example ?all"
    assert [(one.name, one.type) for one in report.evidence if one.name == "a.example"] == [
        ("a.example", "A"),
        ("a.example", "AAAA"),
    ]
    assert text(await replay(json.loads(text(report)), OURS)) == text(report)


async def test_an_answer_that_comes_later_is_used() -> None:
    zone = """
    _spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"
    other.example TXT "v=spf1 include:inner.example -all"
    inner.example TXT "v=spf1 ip4:192.0.2.0/24 -all"
    customer.example TXT "v=spf1 include:other.example include:_spf.mail.example -all"
    """
    full = ZoneLookup(Zone.parse(zone))

    class Late(Cached):
        def cached(self, question: Question) -> Answer | None:
            if question.name == "inner.example" and question not in self.answers:
                return None
            return super().cached(question)

        async def ask(self, question: Question) -> Answer:
            self.answers[question] = full.cached(question)
            return self.answers[question]

    lookup = Late(full)
    ours = await prepare(OURS, lookup)

    def attempt() -> Attempt:
        return Attempt(lookup, Check("customer.example", "customer.example", "a@customer.example", "h"), ours)

    early = attempt()
    assert early.report(lambda: 1.0, lambda: "id") is None
    assert early.missing == [Question("inner.example", Rtype.TXT)]
    await examine("customer.example", lookup, ours)
    assert attempt().report(lambda: 1.0, lambda: "id") is not None


async def test_the_quick_way_asks_no_more_than_the_long_one_may() -> None:
    """A tree that is wide and deep is left to the long way, which stops at its ceiling."""
    lines = ['_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"']
    wide = " ".join(f"include:w{number}.example" for number in range(20))
    lines.append(f'customer.example TXT "v=spf1 {wide} -all"')
    for number in range(20):
        for depth in range(25):
            name = f"w{number}.example" if not depth else f"d{depth}.w{number}.example"
            lines.append(f'{name} TXT "v=spf1 include:d{depth + 1}.w{number}.example -all"')

    class Counting(Cached):
        asked = 0

        def cached(self, question: Question) -> Answer | None:
            return self.answers.get(question)

        async def ask(self, question: Question) -> Answer:
            self.asked += question not in self.answers
            answer = Cached.cached(self, question)
            assert answer is not None
            return answer

    lookup = Counting(ZoneLookup(Zone.parse("\n".join(lines))))
    ours = await prepare(OURS, lookup)
    report = await examine("customer.example", lookup, ours)
    assert lookup.asked <= AUDIT_QUESTIONS + 1
    assert report.lookups > 10
