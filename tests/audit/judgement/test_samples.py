"""How many addresses are asked one by one, and what that may cost."""

from __future__ import annotations

import pytest

from spfcheck.audit.examine import examine
from spfcheck.audit.judgement.samples import MOST_QUESTIONS
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.types import Answer, Question
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS

OURS = [SenderProfile(name="mail", include="_spf.mail.example")]


class Counting:
    """A lookup that asks the zone, and counts the questions."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneLookup(Zone.parse(zone))
        self.asked: list[Question] = []

    def cached(self, question: Question) -> Answer | None:
        return None

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        answer = self._zone.cached(question)
        assert answer is not None
        return answer


def networks(count: int) -> str:
    return " ".join(f"ip4:203.0.{2 * number}.0/24" for number in range(count))


async def checked(zone: str, count: int) -> tuple[Report, Counting]:
    own = f'_spf.mail.example TXT "v=spf1 {networks(min(count, 16))} include:more.mail.example -all"\n'
    rest = " ".join(f"ip4:203.1.{2 * number}.0/24" for number in range(max(0, count - 16))) or "ip4:203.2.0.0/32"
    lookup = Counting(f'{own}more.mail.example TXT "v=spf1 {rest} -all"\n{zone}')
    return await examine("customer.example", lookup, await prepare(OURS, lookup)), lookup


async def test_the_first_the_last_and_the_middle_address_are_asked() -> None:
    zone = """
    customer.example TXT "v=spf1 exists:%{i}.list.example include:_spf.mail.example -all"
    *.list.example A 127.0.0.2
    """
    report, lookup = await checked(zone, 2)
    asked = {question.name.removesuffix(".list.example") for question in lookup.asked}
    for network in ("203.0.0", "203.0.2"):
        assert {f"{network}.0", f"{network}.127", f"{network}.255"} <= asked
    assert [one.via for one in report.senders] == ["exists:%{i}.list.example"] * 3


@pytest.mark.parametrize("terms", [1, 3, 6])
@pytest.mark.parametrize("count", [1, 20, 60])
async def test_many_networks_stay_within_the_ceiling(count: int, terms: int) -> None:
    """All of them get one result, though not every address could be asked."""
    lists = " ".join(f"exists:%{{i}}.l{number}.example" for number in range(terms))
    zone = f'customer.example TXT "v=spf1 {lists} include:_spf.mail.example -all"\n'
    zone += "\n".join(f"*.l{number}.example A 127.0.0.2" for number in range(1, terms))
    report, lookup = await checked(zone, count)
    assert len(set(lookup.asked)) <= AUDIT_QUESTIONS
    by_address = [question for question in lookup.asked if question.name.startswith("203.")]
    assert len(set(by_address)) <= MOST_QUESTIONS
    wanted = "exists:%{i}.l1.example" if terms > 1 else "include:_spf.mail.example"
    assert {(one.result, one.via.partition(" >")[0]) for one in report.senders} == {("pass", wanted)}
    assert not [one for one in report.findings if one.code == "dns-limited"]


async def test_one_network_that_fails_among_many_is_found() -> None:
    zone = """
    customer.example TXT "v=spf1 -exists:%{i}.list.example include:_spf.mail.example -all"
    203.1.42.0.list.example A 127.0.0.2
    """
    report, _ = await checked(zone, 60)
    assert report.status == "action_needed"
    assert report.result == "fail"
    assert [one.network for one in report.senders if one.result != "pass"] == ["203.1.42.0/24"]


async def test_a_set_of_few_addresses_is_asked_whole() -> None:
    zone = """
    _spf.mail.example TXT "v=spf1 ip4:203.0.113.0/28 -all"
    customer.example TXT "v=spf1 -exists:%{i}.list.example include:_spf.mail.example -all"
    203.0.113.5.list.example A 127.0.0.2
    """
    lookup = Counting(zone)
    report = await examine("customer.example", lookup, await prepare(OURS, lookup))
    assert [one.result for one in report.senders] == ["partial"]
    assert report.result == "fail"
