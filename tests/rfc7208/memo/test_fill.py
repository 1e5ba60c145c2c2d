"""A fold never changes what is said, what is asked or what it costs, whatever becomes of the answers meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from random import Random

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.limits import STRICT, Policy
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.memo import check, fill
from spfcheck.rfc7208.memo.plan import PLANS
from spfcheck.rfc7208.memo.table import FOLDS, Way
from spfcheck.rfc7208.verdict import Verdict
from tests.profile import scale
from tests.rfc7208.zones import FAILED, Canned, from_text

PLAIN = replace(STRICT)
"""The same limits in another object, which no fold is made for."""
IP4 = [int(IPv4Address("192.0.2.0")) + offset for offset in (0, 1, 2, 4, 6, 7, 8, 255)]
IP6 = [int(IPv6Address("2001:db8::")) + offset for offset in (0, 1, 2, 7, 8, 1 << 64)]
POLICIES = ["d.example", *(f"p{number}.example" for number in range(6))]
HOSTS = [f"h{number}.example" for number in range(4)]
NOWHERE = ["n0.example", "n1.example"]
SENDERS = ["user@d.example", "p1@p2.example"]
HELOS = ["p3.example", "h1.example"]


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every second evaluation makes a fold, so that they are made from all kinds of answers."""
    monkeypatch.setattr(fill, "FIRST_FOLD", 2)
    monkeypatch.setattr(fill, "RAREST_FOLD", 2)
    forget()
    yield
    forget()


def forget() -> None:
    PLANS.clear()
    FOLDS.clear()


ASKING = ["a:{}", "a:{}/31", "a:{}//126", "mx:{}", "mx:{}/30", "exists:{}"]
BY_MESSAGE = ["exists:%{i}.x.example", "a:%{d}", "include:%{o}", "include:%{l}.example", "a:%{h}", "mx:%{o}"]
BY_MESSAGE += ["exists:%{p}", "a:h%{l1r}.example", "include:p1.%{d1}", "a:%{d}.%{v}", "ptr", "ptr:example"]
ENDS = ["-all", "-all", "~all", "?all", "+all", "", "-all exp=p2.example", "redirect={}", "redirect={}"]
RARE_ENDS = ["redirect=%{o}", "redirect=%{d}", "ip4:192.0.2.256", "foo", "redirect=n0.example"]
QUESTIONS = [Question(name, Rtype.TXT) for name in POLICIES]
QUESTIONS += [Question(name, kind) for name in POLICIES + HOSTS for kind in (Rtype.A, Rtype.AAAA, Rtype.MX)]


def term(random: Random) -> str:
    roll = random.random()
    if roll < 0.3:
        return f"ip4:{IPv4Address(random.choice(IP4))}/{random.choice([32, 32, 31, 30, 24])}"
    if roll < 0.4:
        return f"ip6:{IPv6Address(random.choice(IP6))}/{random.choice([128, 126, 64])}"
    if roll < 0.7:
        return f"include:{random.choice(POLICIES[1:])}"
    if roll < 0.85:
        return random.choice(ASKING).format(random.choice(HOSTS))
    if roll < 0.88:
        return random.choice(["a:n0.example", "exists:n1.example", "mx:n1.example"])
    if roll < 0.92:
        return random.choice(["a", "a", "mx", "a/31", "mx/31//126"])
    return random.choice(BY_MESSAGE) if roll < 0.96 else random.choice(["all", "a:n0.example", "ip4:0.0.0.0/0"])


def record(random: Random) -> bytes:
    """A record; often with so many lookups that limits are met exactly, or by one."""
    found = [random.choice(["", "", "", "+", "-", "~", "?"]) + term(random) for _ in range(random.randint(0, 5))]
    if random.random() < 0.15:
        found.insert(random.randint(0, len(found)), " ".join(["a:h0.example"] * random.randint(4, 10)))
    end = random.choice(ENDS) if random.random() < 0.95 else random.choice(RARE_ENDS)
    return " ".join(filter(None, ["v=spf1", *found, end.replace("{}", random.choice(POLICIES))])).encode()


def answer_to(question: Question, random: Random) -> Canned:
    roll = random.random()
    if roll > 0.96:
        return random.choice([FAILED, Canned(), Canned(nxdomain=True)])
    match question.rtype:
        case Rtype.TXT:
            several = roll < 0.02
            return Canned((*((record(random),) for _ in range(1 + several)), (b"another text",)))
        case Rtype.MX:
            names = random.sample(HOSTS + NOWHERE, random.choice([1, 1, 2, 3]))
            return Canned(tuple((random.choice([0, 10]), name) for name in names))
        case Rtype.PTR:
            return Canned(tuple(random.sample([*HOSTS, *POLICIES], 2)))
        case kind:
            return Canned(tuple(random.sample(IP4 if kind is Rtype.A else IP6, random.choice([1, 1, 2]))))


class World:
    """Answers that stay the same objects until they are changed, and a note of what was asked."""

    def __init__(self, answers: dict[Question, Canned]) -> None:
        self.answers = answers
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> Canned:
        self.asked.append(question)
        found = self.answers.get(question)
        if found is None:
            names = tuple(HOSTS) if question.rtype is Rtype.PTR else ()
            found = self.answers[question] = Canned(names, nxdomain=question.name not in (*HOSTS, *POLICIES))
        return found


Message = tuple[str, str, str]
"""The domain that is checked, the sender and the HELO name."""
MESSAGE = ("d.example", "user@d.example", "helo.example")


def judged(
    world: World, ip: str, message: Message = MESSAGE, policy: Policy = STRICT
) -> tuple[Verdict, list[Question]]:
    """The verdict, and what was asked for it in which order."""
    world.asked.clear()
    verdict = run(check_host(ip, *message, policy=policy), world)
    return verdict, list(world.asked)


def message(random: Random) -> Message:
    return random.choice(["d.example", "d.example", "p1.example"]), random.choice(SENDERS), random.choice(HELOS)


def tables(family: int) -> list[tuple[list[int], list[Way | None]]]:
    return [fold.table for key, (fold, _) in FOLDS._young.items() if key and key.startswith(f"{family} ")]


def edges(family: int) -> list[int]:
    """Addresses at both sides of every border that a fold has."""
    starts = {start for starts, _ in tables(family) for start in starts} | {0}
    return sorted({max(start - 1, 0) for start in starts} | starts)


def text_of(address: int, family: int) -> str:
    return str(IPv4Address(address) if family == 4 else IPv6Address(address))


def world(random: Random) -> World:
    held = [question for question in QUESTIONS if question.rtype is Rtype.TXT or random.random() < 0.6]
    return World({question: answer_to(question, random) for question in held})


def change(made: World, random: Random) -> None:
    """Another answer to a question or two, or the same answer in another object."""
    for question in random.choices([*made.answers, *QUESTIONS[:7]], k=random.choice([0, 1, 1, 2])):
        if question in made.answers and random.random() < 0.4:
            made.answers[question] = replace(made.answers[question])
        elif random.random() < 0.3:
            made.answers[question] = random.choice([FAILED, Canned(), Canned(nxdomain=True)])
        else:
            made.answers[question] = answer_to(question, random)


@settings(max_examples=scale(1_000, 40_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 64))
def test_a_folded_domain_is_judged_as_a_plain_one(seed: int) -> None:
    random = Random(seed)
    forget()
    made = world(random)
    for _ in range(random.randint(2, 5)):
        family, pool = random.choice([(4, IP4), (4, IP4), (6, IP6)])
        for address in random.choices(pool, k=3) + random.choices(edges(family), k=4):
            ip = text_of(address, family)
            asked_of = message(random)
            folded, plain = judged(made, ip, asked_of), judged(made, ip, asked_of, PLAIN)
            assert folded == plain
            event(plain[0].cause)
        change(made, random)


@settings(max_examples=scale(300, 10_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 64))
def test_checks_at_the_same_time_do_not_disturb_each_other(seed: int) -> None:
    """Answers change while checks are under way: each is judged by the replies that it was sent, and by no others."""
    random = Random(seed)
    forget()
    made = world(random)
    waiting: list[Running] = []
    for _ in range(60):
        if len(waiting) < 4:
            address = random.choice(random.choice([IP4, edges(4)]))
            waiting.append(Running(text_of(address, 4), *message(random)))
        one = random.choice(waiting)
        if one.goes_on(made):
            waiting.remove(one)
            expected = run(check_host(*one.asks, policy=PLAIN), one.sent.__getitem__)
            assert one.verdict == expected
            assert list(one.sent) == one.asked
        if random.random() < 0.1:
            change(made, random)


class Running:
    """A check that is driven one question at a time, with the replies that it was sent."""

    def __init__(self, *asks: str) -> None:
        self.asks = asks
        self.evaluation = check_host(*self.asks)
        self.question = next(self.evaluation)
        self.asked = [self.question]
        self.sent: dict[Question, Canned] = {}
        self.verdict: Verdict | None = None

    def goes_on(self, made: World) -> bool:
        """Take one step; whether it was the last."""
        self.sent[self.question] = reply = made(self.question)
        try:
            self.question = self.evaluation.send(reply)
        except StopIteration as stop:
            self.verdict = stop.value
            return True
        self.asked.append(self.question)
        return False


def test_what_is_folded_is_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    folded: Counter[bool] = Counter()
    for seed in range(scale(150, 2_000)):
        made = world(Random(f"folded {seed}"))
        forget()
        for _ in range(3):
            for address in IP4:
                judged(made, text_of(address, 4))
        for address in edges(4):
            plain = judged(made, text_of(address, 4), policy=PLAIN)
            with monkeypatch.context() as patched:
                patched.setattr(check, "Walk", None)
                try:
                    assert judged(made, text_of(address, 4)) == plain
                except TypeError:
                    folded[False] += 1
                else:
                    folded[True] += 1
    assert folded[True] > folded[False]


REFRESHED = """
d.example TXT v=spf1 ip4:198.51.100.0/24 include:p1.example mx ~all
p1.example TXT v=spf1 ip4:203.0.113.0/25 a:h1.example a:n0.example include:p2.example -all
p2.example TXT v=spf1 -ip4:203.0.113.130 ip4:203.0.113.128/25 ?all
h1.example A 192.0.2.7
d.example MX 10 h2.example
h2.example A 192.0.2.8
"""


@pytest.mark.parametrize(
    ("question", "reply", "ip", "before", "after"),
    [
        (Question("p2.example", Rtype.TXT), Canned(((b"v=spf1 -all",),)), "203.0.113.129", "pass", "softfail"),
        (Question("p2.example", Rtype.TXT), Canned(nxdomain=True), "203.0.113.129", "pass", "permerror"),
        (Question("p2.example", Rtype.TXT), FAILED, "203.0.113.129", "pass", "temperror"),
        (Question("p2.example", Rtype.TXT), Canned(((b"v=spf1 +all",),)), "203.0.113.130", "softfail", "pass"),
        (Question("p1.example", Rtype.TXT), Canned(((b"v=spf1",), (b"v=spf1",))), "203.0.113.1", "pass", "permerror"),
        (Question("h1.example", Rtype.A), Canned((0xC0000209,)), "192.0.2.7", "pass", "softfail"),
        (Question("h1.example", Rtype.A), Canned((0xC0000209,)), "192.0.2.9", "softfail", "pass"),
        (Question("n0.example", Rtype.A), FAILED, "203.0.113.129", "pass", "temperror"),
        (Question("n0.example", Rtype.A), Canned(), "203.0.113.129", "pass", "pass"),
        (Question("h2.example", Rtype.A), Canned(), "192.0.2.8", "pass", "softfail"),
        (Question("d.example", Rtype.MX), Canned(((10, "h1.example"),)), "192.0.2.8", "pass", "softfail"),
        (Question("d.example", Rtype.TXT), Canned(((b"v=spf1 -all",),)), "203.0.113.1", "pass", "fail"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_changed_answer_counts_at_once(
    question: Question, reply: Canned, ip: str, before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = answered(REFRESHED)
    for _ in range(5):
        assert judged(made, ip, policy=PLAIN)[0].result == judged(made, ip)[0].result == before
    with monkeypatch.context() as patched:
        patched.setattr(check, "Walk", None)
        assert judged(made, ip)[0].result == before
    old, made.answers[question] = made.answers[question], reply
    assert judged(made, ip)[0].result == after
    made.answers[question] = old
    assert judged(made, ip)[0].result == before


def answered(text: str) -> World:
    zone = from_text(text)
    return World(
        {Question(name, rtype): Canned(found) for name, here in zone.records.items() for rtype, found in here.items()}
    )


def test_ways_of_equal_cost_are_kept_apart_where_they_asked_differently() -> None:
    """Two parts of the space spend the same by other questions; an answer that changes concerns only one of them."""
    made = answered(
        """
        d.example TXT v=spf1 include:p1.example -all
        p1.example TXT v=spf1 include:p2.example include:p3.example ?all
        p2.example TXT v=spf1 -ip4:192.0.2.0/31 redirect=p4.example
        p3.example TXT v=spf1 -ip4:192.0.2.2/31 redirect=p5.example
        p4.example TXT v=spf1 -all
        p5.example TXT v=spf1 ~all
        """
    )
    for _ in range(3):
        for ip in ("192.0.2.0", "192.0.2.2"):
            assert judged(made, ip) == judged(made, ip, policy=PLAIN)
    made.answers[Question("p4.example", Rtype.TXT)] = Canned(((b"v=spf1 +all",),))
    assert [judged(made, ip)[0].result for ip in ("192.0.2.0", "192.0.2.2")] == ["fail", "pass"]


def test_our_own_ceiling_holds_where_a_fold_would_cross_it() -> None:
    """Only %{p} brings a check near the ceiling: five terms of 22 questions, and then an mx of eleven."""
    terms = " ".join(f"mx:%{{p}}.{n}.example" for n in range(5))
    lines = [f"d.example TXT v=spf1 {terms} mx:m.example -all", "p1.example TXT v=spf1 mx:m.example -all"]
    lines += [f"1.2.0.192.in-addr.arpa PTR p{k}.example\np{k}.example A 192.0.2.1" for k in range(10)]
    lines += [f"m.example MX 1 h{k}.example\nh{k}.example A 198.51.100.1" for k in range(10)]
    for n in range(5):
        lines += [f"p0.example.{n}.example MX 1 h{k}.example" for k in range(10)]
    made = answered("\n".join(lines))
    for _ in range(3):
        assert judged(made, "192.0.2.1", ("p1.example", "", ""))[0].questions == 12
    found = judged(made, "192.0.2.1")
    assert found == judged(made, "192.0.2.1", policy=PLAIN)
    assert (found[0].result, found[0].cause, found[0].questions) == ("temperror", "question-ceiling", 112)


def test_a_tree_that_takes_too_long_is_not_folded() -> None:
    networks = " ".join(f"ip4:10.{number // 256}.{number % 256}.0/25" for number in range(fill.MOST_WORK))
    made = answered(f"d.example TXT v=spf1 include:p1.example -all\np1.example TXT v=spf1 {networks} -all")
    for _ in range(5):
        assert judged(made, "10.0.0.1") == judged(made, "10.0.0.1", policy=PLAIN)
    assert [len(starts) for starts, _ in tables(4)] == [1]


def test_what_is_folded_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FOLDS, "_most", 100)
    monkeypatch.setattr(PLANS, "_most", 100)
    for number in range(200):
        made = answered(
            f"d{number}.example TXT v=spf1 include:i{number}.example -all\n"
            f"i{number}.example TXT v=spf1 ip4:192.0.2.1 ip4:192.0.2.3 ip4:192.0.2.5 -all"
        )
        for _ in range(3):
            assert judged(made, "192.0.2.5", (f"d{number}.example", "", ""))[0].result == "pass"
    assert sum(len(starts) for starts, _ in tables(4)) <= 100
    assert len(PLANS._young) <= 25
