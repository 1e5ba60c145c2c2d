"""The look at the resolvers: ok, lying or down, and what each of them means for a check."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import pytest

from spfcheck.resolver.authoritative import serve
from spfcheck.resolver.canary import Health, ResolverCheck
from spfcheck.resolver.drive import drive
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.transport import Timing
from spfcheck.resolver.types import Outcome, Question, Rtype
from spfcheck.resolver.zone import Zone
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.verdict import Result
from tests.resolver.hostile import GOOD, message, name_of
from tests.resolver.script import answering

OURS = "_spf.mail.example"
HONEST = f'{OURS} TXT "v=spf1 ip4:192.0.2.0/24 -all"\ncustomer.example TXT "v=spf1 include:{OURS} -all"\n'
QUICK = Timing(retry_after=0.2, tries=2)
CUSTOMER = Question("customer.example", Rtype.TXT)


def _check(resolver: Resolver, **more: object) -> ResolverCheck:
    return ResolverCheck(resolver, [OURS], clock=time.monotonic, **more)  # type: ignore[arg-type]


async def test_before_the_first_look_nobody_is_judged() -> None:
    async with Resolver([("127.0.0.1", 1)]) as resolver:
        state = _check(resolver).state
        assert state.health is Health.DOWN
        assert not state.may_judge
        assert state.reasons == ("Nobody has looked at the resolvers yet.",)


async def test_an_honest_resolver() -> None:
    async with serve(Zone.parse(HONEST)) as (host, port), Resolver([(host, port)]) as resolver:
        state = await _check(resolver).look()
        assert (state.health, state.proves, state.reasons) == (Health.OK, True, ())
        assert state.may_judge
        # The look neither uses the cache nor leaves anything in it.
        assert resolver.cached_answers == 0


async def test_the_same_random_name_is_never_asked_twice() -> None:
    async with serve(Zone.parse(HONEST)) as server, Resolver([tuple(server)]) as resolver:
        check = _check(resolver)
        await check.look()
        await check.look()
        drawn = [question.name for question in server.questions if question.name.endswith(".invalid")]
        assert len(drawn) == 2
        assert len(set(drawn)) == 2


@pytest.mark.parametrize(
    ("zone", "health", "reason"),
    [
        # H114: the resolver sells advertising for every name that does not exist.
        (HONEST + "* A 203.0.113.1", Health.LYING, "invents records"),
        ("customer.example TXT x", Health.LYING, "has no TXT record, which must exist"),
        (f"{OURS} TXT unrelated", Health.LYING, "has no SPF record, which must exist"),
        (f"{OURS} A 192.0.2.1", Health.LYING, "has no TXT record, which must exist"),
        (f"{OURS} TXT SERVFAIL", Health.DOWN, "cannot find out about"),
    ],
    ids=["hijack", "no-include", "no-spf", "nodata", "servfail"],
)
async def test_what_makes_a_resolver_unfit(zone: str, health: Health, reason: str) -> None:
    async with serve(Zone.parse(zone)) as (host, port), Resolver([(host, port)], timing=QUICK) as resolver:
        await resolver.ask(CUSTOMER)
        state = await _check(resolver).look()
        assert state.health is health
        assert not state.may_judge
        assert not state.proves
        assert any(reason in sentence and f"{host}:{port}" in sentence for sentence in state.reasons), state.reasons
        # What a liar said before does not outlive the lie.
        assert (resolver.cached(CUSTOMER) is None) is (health is Health.LYING)


async def test_the_operators_own_list() -> None:
    zone = Zone.parse(HONEST + "*.park.example A 203.0.113.1\nwww.mail.example A 192.0.2.9")
    async with serve(zone) as (host, port), Resolver([(host, port)]) as resolver:
        present = [Question("www.mail.example", Rtype.A)]
        assert (await _check(resolver, present=present).look()).health is Health.OK
        absent = [Question("*.park.example", Rtype.A)]
        state = await _check(resolver, present=present, absent=absent).look()
        assert state.health is Health.LYING
        gone = await _check(resolver, present=[Question("nx.mail.example", Rtype.A)]).look()
        assert gone.health is Health.LYING


async def test_h112_both_resolvers_are_down() -> None:
    """One has its port closed, one says nothing: temperror for everyone, and the state says so."""
    async with (
        answering(lambda packet: None) as silent,
        Resolver([("127.0.0.1", _closed_port()), silent.address], timing=QUICK) as resolver,
    ):
        check = _check(resolver)
        names = [f"customer{number}.example" for number in range(200)]
        session = resolver.with_deadline()
        look = asyncio.create_task(check.look())
        verdicts = await asyncio.gather(*(drive(check_host("192.0.2.1", name), session) for name in names))
        state = await look
        assert {verdict.result for verdict in verdicts} == {Result.TEMPERROR}
        assert all(answer.outcome in (Outcome.TIMEOUT, Outcome.UNREACHABLE) for answer in session.answers.values())
        assert state.health is Health.DOWN
        assert len(state.reasons) == 2


async def test_one_of_two_is_down_and_the_other_serves() -> None:
    async with (
        serve(Zone.parse(HONEST)) as (host, port),
        Resolver([("127.0.0.1", _closed_port()), (host, port)], timing=QUICK) as resolver,
    ):
        state = await _check(resolver).look()
        assert state.health is Health.OK
        assert state.proves
        assert [server.health for server in state.servers] == [Health.DOWN, Health.OK]
        assert len(state.reasons) == 1
        assert (await resolver.ask(CUSTOMER)).outcome is Outcome.OK


async def test_one_of_two_lies() -> None:
    async with (
        serve(Zone.parse(HONEST)) as (host, port),
        serve(Zone.parse(HONEST + "* A 203.0.113.1")) as (_, other),
        Resolver([(host, port), (host, other)]) as resolver,
    ):
        assert (await _check(resolver).look()).health is Health.LYING


async def test_negatives_without_soa_are_no_evidence() -> None:
    def script(packet: bytes) -> bytes:
        if name_of(packet).endswith(b"\7invalid\0"):
            return message(packet, flags=0x8183)
        return message(packet, answer=(GOOD,))

    async with answering(script) as server, Resolver([server.address]) as resolver:
        state = await _check(resolver).look()
        assert state.health is Health.OK
        assert state.may_judge
        assert not state.proves
        assert "without the SOA" in state.reasons[0]


@pytest.mark.parametrize("code", [15, 16, 17])
async def test_h115_a_filtered_name_is_a_failure_that_says_so(code: int) -> None:
    ede = struct.pack("!HHH", 15, 2, code)
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(ede)) + ede

    async with (
        answering(lambda packet: message(packet, flags=0x8183, additional=(opt,))) as server,
        Resolver([server.address]) as resolver,
    ):
        session = resolver.with_deadline()
        verdict = await drive(check_host("192.0.2.1", "customer.example"), session)
        assert verdict.result is Result.TEMPERROR
        assert session.answers[CUSTOMER].outcome is Outcome.FILTERED
        assert not session.answers[CUSTOMER].proven
        assert session.answers[CUSTOMER].detail
        assert (await _check(resolver).look()).health is Health.LYING


@pytest.mark.parametrize(("code", "flags"), [(3, 0x8180), (19, 0x8183)])
async def test_h116_what_the_resolver_calls_old_is_marked_so(code: int, flags: int) -> None:
    ede = struct.pack("!HHH", 15, 2, code)
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(ede)) + ede

    def script(packet: bytes) -> bytes:
        return message(packet, flags=flags, answer=(GOOD,) if code == 3 else (), additional=(opt,))

    async with answering(script) as server, Resolver([server.address]) as resolver:
        session = resolver.with_deadline()
        verdict = await drive(check_host("192.0.2.1", "customer.example"), session)
        assert verdict.result is (Result.PASS if code == 3 else Result.NONE)
        answer = session.answers[CUSTOMER]
        assert answer.stale
        assert not answer.proven
        assert "old answer" in answer.detail
        assert resolver.cached(CUSTOMER) is None


async def test_a_state_grows_too_old() -> None:
    now = [1000.0]
    async with serve(Zone.parse(HONEST)) as (host, port), Resolver([(host, port)]) as resolver:
        check = ResolverCheck(resolver, [OURS], clock=lambda: now[0])
        await check.look()
        now[0] += 179
        assert check.state.may_judge
        now[0] += 2
        assert check.state.health is Health.DOWN
        assert not check.state.may_judge


async def test_it_looks_again_and_again() -> None:
    zone = Zone.parse(HONEST)
    async with serve(zone) as (host, port), Resolver([(host, port)]) as resolver:
        check = _check(resolver)
        task = asyncio.create_task(check.run(0.05))
        await asyncio.sleep(0.1)
        assert check.state.may_judge
        zone.add("*", Rtype.A, 1)
        await asyncio.sleep(0.2)
        assert check.state.health is Health.LYING
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def _closed_port() -> int:

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
