"""The walk asks as soon as it knows a name, and never twice; our own include is checked before anybody's."""

from __future__ import annotations

import asyncio

import pytest

from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import Witness, fetch
from spfcheck.audit.prepare import prepare
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.types import Answer, Outcome, Question
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.audit.golden_file import OURS


class Slow:
    """Nothing is at hand; every answer has to be waited for."""

    def __init__(self, zone: str) -> None:
        self._lookup = ZoneLookup(Zone.parse(zone))
        self.asked: list[Question] = []

    def cached(self, question: Question) -> Answer | None:
        return None

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        await asyncio.sleep(0)
        return self._lookup.cached(question)


def tree(width: int) -> str:
    lines = ['customer.example TXT "v=spf1 include:a.example include:b.example -all"']
    for middle in "ab":
        inner = " ".join(f"include:{middle}{number}.example" for number in range(width))
        lines.append(f'{middle}.example TXT "v=spf1 {inner} -all"')
        lines += [f'{middle}{number}.example TXT "v=spf1 ip4:192.0.2.{number} -all"' for number in range(width)]
    return "\n".join(lines)


class Rounds(Slow):
    """Answers wait until nobody has anything left to ask: that is one round trip, however many questions it takes."""

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self._waiting: list[asyncio.Future[None]] = []

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting
        return self._lookup.cached(question)

    async def count(self, task: asyncio.Task[None]) -> int:
        rounds = 0
        while True:
            for _ in range(200):
                await asyncio.sleep(0)
            if task.done():
                return rounds
            rounds += 1
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.set_result(None)


@pytest.mark.parametrize("width", [1, 20])
async def test_a_tree_of_depth_three_takes_three_round_trips(width: int) -> None:
    lookup = Rounds(tree(width))
    assert await lookup.count(asyncio.ensure_future(fetch("customer.example", Witness(lookup)))) == 3
    assert len(lookup.asked) == 3 + 2 * width
    assert len(set(lookup.asked)) == len(lookup.asked)


async def test_nothing_is_asked_twice_in_a_whole_report() -> None:
    zone = '_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"\n' + tree(2)
    lookup = Slow(zone)
    ours = await prepare(OURS, lookup)
    lookup.asked.clear()
    report = await examine("customer.example", lookup, ours, opinion=True)
    assert report.remedy.value
    assert len(set(lookup.asked)) == len(lookup.asked)
    assert Question("_spf.mail.example", 16) not in lookup.asked


async def test_a_witness_shares_one_flight_and_keeps_its_ceiling() -> None:
    lookup = Slow('a.example TXT "v=spf1 -all"')
    witness = Witness(lookup, ceiling=1)
    question = Question("a.example", 16)
    first, second = await asyncio.gather(witness.ask(question), witness.ask(question))
    assert first is second
    assert len(lookup.asked) == 1
    assert (await witness.ask(Question("b.example", 16))).outcome is Outcome.LIMITED
    assert witness.limited


I0 = [
    ('"v=spf1 a:mail.example -all"', "not a plain set"),
    ('"v=spf1 mx -all"', "not a plain set"),
    ('"v=spf1 exists:%{i}.mail.example -all"', "not a plain set"),
    ('"v=spf1 include:%{d}.mail.example -all"', "not a plain set"),
    ('"v=spf1 redirect=other.example"', "not a plain set"),
    ('"v=spf1 ip4:192.0.2.0/24 +all"', "authorises everybody"),
    ('"v=spf1 include:gone.example -all"', "no such domain"),
    ('"v=spf1 include:_spf.mail.example -all"', "leads back"),
    ('"v=spf1 ip4:192.0.2 -all"', "cannot be read"),
    ('"v=spf1 -all"', "authorises no address"),
    ('"v=spf1 ip4:0.0.0.0/0 -all"', "authorises every address"),
    ('"something else"', "no SPF record"),
    ("SERVFAIL", "did not answer"),
]


@pytest.mark.parametrize(("value", "why"), I0, ids=str)
async def test_our_own_include_must_be_a_plain_set(value: str, why: str) -> None:
    lookup = ZoneLookup(Zone.parse(f'_spf.mail.example TXT {value}\nother.example TXT "v=spf1 ip4:192.0.2.1 -all"'))
    ours = await prepare(OURS, lookup, clock=lambda: 100.0)
    assert not ours.ready
    assert why in ours.reasons[0], ours.reasons
    assert ours.expires_at == 130.0
    report = await examine("customer.example", lookup, ours)
    assert report.status == "unknown"
    assert report.remedy.kind == "none"


@pytest.mark.parametrize(("network", "why"), [("192.0.2.0/24", "not covered"), ("203.0.113.1/24", "not a network")])
async def test_our_networks_must_lie_in_our_include(network: str, why: str) -> None:
    lookup = ZoneLookup(Zone.parse('_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"'))
    ours = await prepare([SenderProfile(name="m", include="_spf.mail.example", networks=(network,))], lookup)
    assert not ours.ready
    assert why in ours.reasons[0]


async def test_no_profile_is_not_ready() -> None:
    ours = await prepare([], ZoneLookup(Zone.parse("")))
    assert ours.reasons == ("No sender is configured.",)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("_spf.mail.example", "_spf.mail.example publishes no SPF record."),
        ("bulk", "bulk: _spf.mail.example publishes no SPF record."),
    ],
)
async def test_a_reason_names_a_sender_once(name: str, reason: str) -> None:
    ours = await prepare([SenderProfile(name=name, include="_spf.mail.example")], ZoneLookup(Zone.parse("")))
    assert ours.reasons == (reason,)
