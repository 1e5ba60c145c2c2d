"""The resolver: what it keeps, whom it asks, how long it waits, and what it leaves behind."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import uvloop

from spfcheck.resolver.authoritative import serve
from spfcheck.resolver.drive import drive
from spfcheck.resolver.limit import ZoneLimit
from spfcheck.resolver.nameservers import ResolverError, parse_nameservers, system_nameservers
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.transport import PORTS, Timing
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.resolver.zone import Zone
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.verdict import Result
from tests.resolver.hostile import GOOD, alias, message, name_of, soa, text_record, wire_of
from tests.resolver.script import answering
from tests.resolver.sockets import open_sockets

QUICK = Timing(retry_after=0.15, tries=3, tcp=0.5)
NAME = Question("customer.example", Rtype.TXT)


class Clock:
    """The monotonic clock, with leaps."""

    def __init__(self) -> None:
        self.leap = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.leap


def good(packet: bytes) -> bytes:
    return message(packet, answer=(GOOD,))


def servfail(packet: bytes) -> bytes:
    return message(packet, flags=0x8182)


def _closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- what is kept ------------------------------------------------------------------------------------------------------


async def test_one_flight_however_many_ask() -> None:
    async with answering(good) as server, Resolver([server.address]) as resolver:
        answers = await asyncio.gather(*(resolver.ask(NAME) for _ in range(500)))
        assert len(server.packets) == 1
        assert len({id(answer) for answer in answers}) == 1


async def test_an_answer_is_kept_for_its_ttl_and_no_longer() -> None:
    clock = Clock()
    async with answering(good) as server, Resolver([server.address], clock=clock) as resolver:
        answer = await resolver.ask(NAME)
        assert answer.ttl == 300
        assert resolver.cached(NAME) == answer
        clock.leap += 299
        assert await resolver.ask(NAME) == answer
        assert len(server.packets) == 1
        clock.leap += 2
        assert resolver.cached(NAME) is None
        await resolver.ask(NAME)
        assert len(server.packets) == 2


async def test_fresh_really_goes_out_and_is_shared_among_the_fresh() -> None:
    async with answering(good) as server, Resolver([server.address]) as resolver:
        await resolver.ask(NAME)
        await asyncio.gather(*(resolver.ask(NAME, fresh=True) for _ in range(10)))
        assert len(server.packets) == 2
        # One that is asked for while an older question is on its way goes out by itself.
        older = asyncio.create_task(resolver.ask(Question("new.example", Rtype.TXT)))
        await asyncio.sleep(0)
        await resolver.ask(Question("new.example", Rtype.TXT), fresh=True)
        await older
        assert len(server.packets) == 4


async def test_a_failure_is_remembered_for_seconds_beside_the_good_answer() -> None:
    clock = Clock()
    broken = False
    async with (
        answering(lambda packet: servfail(packet) if broken else good(packet)) as server,
        Resolver([server.address], clock=clock) as resolver,
    ):
        await resolver.ask(NAME)
        clock.leap += 400
        broken = True
        assert (await resolver.ask(NAME)).outcome is Outcome.SERVFAIL
        asked = len(server.packets)
        assert (await resolver.ask(NAME)).outcome is Outcome.SERVFAIL
        assert len(server.packets) == asked
        # Stale is for those who say so, and marked.
        stale = await resolver.ask(NAME, allow_stale=True)
        assert (stale.outcome, stale.stale, stale.proven) == (Outcome.OK, True, False)
        assert (await resolver.ask(NAME)).failed
        clock.leap += 6
        broken = False
        again = await resolver.ask(NAME)
        assert (again.outcome, again.stale, again.proven) == (Outcome.OK, False, True)


async def test_a_failed_fresh_look_does_not_hide_what_is_still_valid() -> None:
    broken = False
    async with (
        answering(lambda packet: servfail(packet) if broken else good(packet)) as server,
        Resolver([server.address]) as resolver,
    ):
        answer = await resolver.ask(NAME)
        broken = True
        assert (await resolver.ask(NAME, fresh=True)).outcome is Outcome.SERVFAIL
        assert await resolver.ask(NAME) == answer


async def test_an_older_answer_never_takes_the_place_of_a_fresh_one() -> None:
    """The question that was asked first is answered last, with what was true before the change."""
    packets: list[bytes] = []

    async with answering(packets.append) as server, Resolver([server.address]) as resolver:
        older = asyncio.create_task(resolver.ask(NAME))
        await asyncio.sleep(0.02)
        fresh = asyncio.create_task(resolver.ask(NAME, fresh=True))
        await asyncio.sleep(0.05)
        for packet, port, ttl in ((packets[1], server.ports[1], 200), (packets[0], server.ports[0], 100)):
            record = text_record(b"\xc0\x0c", b"v=spf1 -all", ttl)
            server.send(message(packet, answer=(record,)), port)
            await asyncio.sleep(0.02)
        assert ((await fresh).ttl, (await older).ttl) == (200, 100)
        cached = resolver.cached(NAME)
        assert cached is not None
        assert cached.ttl == 200


async def test_stale_answers_end_after_a_day() -> None:
    clock = Clock()
    broken = False
    async with (
        answering(lambda packet: servfail(packet) if broken else good(packet)) as server,
        Resolver([server.address], clock=clock) as resolver,
    ):
        await resolver.ask(NAME)
        broken = True
        clock.leap += 300 + 86400 + 10
        assert (await resolver.ask(NAME, allow_stale=True)).outcome is Outcome.SERVFAIL


@pytest.mark.parametrize(
    ("minimum", "ttl"), [(60, 60), (604800, 3600), (0, 0)], ids=["as-the-soa-says", "capped", "not-kept"]
)
async def test_negatives_are_kept_by_their_soa(minimum: int, ttl: int) -> None:
    question = Question("nx.h.test", Rtype.TXT)
    async with (
        answering(lambda packet: message(packet, flags=0x8183, authority=(soa(minimum),))) as server,
        Resolver([server.address]) as resolver,
    ):
        answer = await resolver.ask(question)
        assert (answer.outcome, answer.ttl, answer.soa_seen) == (Outcome.NXDOMAIN, ttl, True)
        assert (resolver.cached(question) is not None) is (ttl > 0)


async def test_an_soa_from_elsewhere_proves_nothing() -> None:
    async with (
        answering(lambda packet: message(packet, flags=0x8183, authority=(soa(60),))) as server,
        Resolver([server.address]) as resolver,
    ):
        answer = await resolver.ask(NAME)  # the SOA is that of h.test
        assert (answer.outcome, answer.soa_seen, answer.proven) == (Outcome.NXDOMAIN, False, False)


async def test_a_name_that_cannot_be_asked_for_does_not_exist() -> None:
    async with answering(good) as server, Resolver([server.address]) as resolver:
        for name in ("a..example", "x" * 64 + ".example", "\u2603.example"):
            answer = await resolver.ask(Question(name, Rtype.A))
            assert (answer.outcome, answer.records, answer.proven) == (Outcome.NXDOMAIN, (), True)
        assert not server.packets


# -- whom it asks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["silent", "servfail", "closed"])
async def test_failover_to_the_second_resolver(first: str) -> None:
    script = {"silent": lambda packet: None, "servfail": servfail, "closed": good}[first]
    async with answering(script) as one, answering(good) as two:
        address = ("127.0.0.1", _closed_port()) if first == "closed" else one.address
        async with Resolver([address, two.address], timing=QUICK) as resolver:
            answer = await resolver.ask(NAME)
            assert answer.outcome is Outcome.OK
            assert answer.resolver == f"127.0.0.1:{two.address[1]}"


async def test_a_silent_resolver_goes_to_the_end_of_the_line() -> None:
    async with (
        answering(lambda packet: None) as silent,
        answering(good) as live,
        Resolver([silent.address, live.address], timing=QUICK) as resolver,
    ):
        questions = [Question(f"c{number}.example", Rtype.TXT) for number in range(60)]
        await asyncio.gather(*(resolver.ask(question) for question in questions[:20]))
        silent.packets.clear()
        for question in questions[20:]:
            assert (await resolver.ask(question)).outcome is Outcome.OK
        assert not silent.packets


async def test_all_ports_closed_is_unreachable() -> None:
    async with Resolver([("127.0.0.1", _closed_port()), ("127.0.0.1", _closed_port())]) as resolver:
        answer = await resolver.ask(NAME)
        assert answer.outcome is Outcome.UNREACHABLE
        assert "refused" in answer.detail


async def test_the_reason_of_a_failure_survives_a_silent_second_resolver() -> None:
    async with (
        answering(servfail) as one,
        answering(lambda packet: None) as two,
        Resolver([one.address, two.address], timing=QUICK) as resolver,
    ):
        assert (await resolver.ask(NAME)).outcome is Outcome.SERVFAIL


async def test_an_ipv6_resolver() -> None:
    try:
        async with (
            serve(Zone.parse("customer.example TXT v=spf1"), "::1") as (host, port),
            Resolver([(host, port)]) as resolver,
        ):
            answer = await resolver.ask(NAME)
            assert (answer.outcome, answer.resolver) == (Outcome.OK, f"[::1]:{port}")
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")


async def test_ports_and_ids_cannot_be_predicted() -> None:
    async with answering(good) as server, Resolver([server.address], zone_rate=1e6, zone_burst=10**6) as resolver:
        questions = [Question(f"c{number}.example", Rtype.TXT) for number in range(3000)]
        await asyncio.gather(*(resolver.ask(question) for question in questions))
        ids = [int.from_bytes(packet[:2], "big") for packet in server.packets]
        assert len(set(ids)) > 2850  # 3,000 draws of 65,536: 2,932 different ones are to be expected
        steps = Counter((after - before) & 0xFFFF for before, after in pairwise(ids))
        assert steps.most_common(1)[0][1] < 8
        ports = Counter(server.ports)
        assert len(ports) == PORTS
        assert min(ports.values()) > 3000 / PORTS / 2
        assert len({port // 4096 for port in ports}) > 2  # all over the range, not one after the other


async def test_a_worn_socket_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spfcheck.resolver.transport.PORT_LIFE", 20)
    before = open_sockets()
    async with answering(good) as server, Resolver([server.address]) as resolver:
        for number in range(400):
            assert (await resolver.ask(Question(f"c{number}.example", Rtype.TXT))).outcome is Outcome.OK
        assert len(set(server.ports)) > 2 * PORTS
        assert open_sockets() - before <= PORTS + 1
    assert open_sockets() == before


async def test_edns_is_offered_and_given_up_on_formerr() -> None:
    def script(packet: bytes) -> bytes:
        # Servers that could not read the query often leave the question out.
        return packet[:2] + b"\x80\x01" + bytes(8) if packet[11] else message(packet, answer=(GOOD,))

    async with answering(script) as server, Resolver([server.address]) as resolver:
        assert (await resolver.ask(NAME)).outcome is Outcome.OK
        assert [packet[11] for packet in server.packets] == [1, 0]
        assert server.packets[0].endswith(b"\0\0\x29\x04\xd0" + bytes(6))


# -- CNAMEs over several answers ---------------------------------------------------------------------------------------


def _one_link_at_a_time(length: int) -> dict[bytes, bytes]:
    names = [wire_of("customer.example"), *(wire_of(f"c{link}.example") for link in range(length))]
    return dict(pairwise(names))


@pytest.mark.parametrize(("length", "outcome"), [(10, Outcome.OK), (11, Outcome.CHAIN)])
async def test_a_chain_over_many_answers_is_bounded_like_any_other(length: int, outcome: Outcome) -> None:
    links = _one_link_at_a_time(length)

    def script(packet: bytes) -> bytes:
        target = links.get(name_of(packet))
        return message(packet, answer=(alias(b"\xc0\x0c", target) if target else GOOD,))

    async with answering(script) as server, Resolver([server.address]) as resolver:
        answer = await resolver.ask(NAME)
        assert answer.outcome is outcome
        assert len(server.packets) <= 11
        if outcome is Outcome.OK:
            assert answer.chain == tuple(f"c{link}.example" for link in range(length))
            assert answer.ttl == 300
            assert answer.question == NAME


async def test_two_different_cnames_are_a_failure() -> None:
    def script(packet: bytes) -> bytes:
        owner = b"\xc0\x0c"
        return message(packet, answer=(alias(owner, wire_of("a.example")), alias(owner, wire_of("b.example"))))

    async with answering(script) as server, Resolver([server.address]) as resolver:
        answer = await resolver.ask(NAME)
        assert answer.outcome is Outcome.CHAIN
        assert "several CNAMEs" in answer.detail


# -- how long it waits -------------------------------------------------------------------------------------------------


async def test_each_waits_to_its_own_deadline_and_the_question_goes_on() -> None:
    async with (
        answering(lambda packet: None) as server,
        Resolver([server.address], timing=Timing(0.4, 3)) as resolver,
    ):
        began = time.monotonic()

        async def wait(seconds: float | None) -> tuple[float, Answer]:
            deadline = None if seconds is None else time.monotonic() + seconds
            answer = await resolver.ask(NAME, deadline=deadline)
            return time.monotonic() - began, answer

        (soon, first), (later, second), (last, third) = await asyncio.gather(wait(0.3), wait(0.7), wait(None))
        assert soon <= 0.3
        assert later <= 0.7
        assert 1.1 < last < 1.5
        assert {answer.outcome for answer in (first, second, third)} == {Outcome.TIMEOUT}
        assert "whole check" in first.detail
        assert len(server.packets) == 3
        # Our own deadline is no knowledge about the zone, the end of the question is.
        cached = resolver.cached(NAME)
        assert cached is not None
        assert "whole check" not in cached.detail


async def test_a_check_is_over_at_its_deadline() -> None:
    async with answering(lambda packet: None) as server, Resolver([server.address]) as resolver:
        session = resolver.with_deadline(0.5)
        began = time.monotonic()
        verdict = await drive(check_host("192.0.2.1", "customer.example"), session)
        assert verdict.result is Result.TEMPERROR
        assert time.monotonic() - began <= 0.5
        await asyncio.sleep(0.2)
        # Past it nothing is asked any more.
        answer = await session.ask(Question("other.example", Rtype.TXT))
        assert answer.outcome is Outcome.TIMEOUT
        assert not any(b"\5other" in packet for packet in server.packets)


async def test_many_are_asked_at_once_and_end_at_one_deadline() -> None:
    names = [Question(f"n{number}.example", Rtype.TXT) for number in range(5)]
    names += [names[0], Question("a..example", Rtype.TXT)]

    def script(packet: bytes) -> bytes | None:
        return None if b"\2n3" in packet else message(packet, answer=(GOOD,))

    async with answering(script) as server, Resolver([server.address]) as resolver:
        began = time.monotonic()
        session = resolver.with_deadline(0.6)
        answers = await session.ask_all(names)
        assert 0.4 < time.monotonic() - began <= 0.6
        assert [answer.question for answer in answers] == names
        late = {Outcome.TIMEOUT: 1, Outcome.OK: 5, Outcome.NXDOMAIN: 1}
        assert Counter(answer.outcome for answer in answers) == late
        assert answers[0] is answers[5]
        assert len(server.packets) == 5, "each question went out once, all before the first answer"
        assert await session.ask_all(names) == answers
        assert len(server.packets) == 5


async def test_who_stops_waiting_for_many_disturbs_nobody() -> None:
    reply = asyncio.Event()
    names = [Question(f"n{number}.example", Rtype.TXT) for number in range(3)]
    async with (
        answering(lambda packet: message(packet, answer=(GOOD,)) if reply.is_set() else None) as server,
        Resolver([server.address], timing=QUICK) as resolver,
    ):
        waiting = [asyncio.create_task(resolver.with_deadline().ask_all(names)) for _ in range(2)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        await asyncio.sleep(0)
        reply.set()
        assert {answer.outcome for answer in await waiting[1]} == {Outcome.OK}


async def test_one_check_sees_one_answer_to_one_question() -> None:
    turns = iter(range(100))

    def script(packet: bytes) -> bytes:
        target = wire_of(f"t{next(turns)}.example")
        return message(packet, answer=(b"\xc0\x0c\0\x0c\0\1\0\0\0\0" + len(target).to_bytes(2, "big") + target,))

    question = Question("1.2.0.192.in-addr.arpa", Rtype.PTR)
    async with answering(script) as server, Resolver([server.address]) as resolver:
        session = resolver.with_deadline()
        first = await session.ask(question)
        assert await session.ask(question) is first
        assert session.cached(question) is first
        assert (await resolver.with_deadline().ask(question)).records != first.records  # TTL 0


async def test_one_who_stops_waiting_disturbs_nobody() -> None:
    reply = asyncio.Event()

    async with (
        answering(lambda packet: good(packet) if reply.is_set() else None) as server,
        Resolver([server.address], timing=QUICK) as resolver,
    ):
        waiting = [asyncio.create_task(resolver.ask(NAME)) for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        await asyncio.sleep(0)
        reply.set()
        assert [answer.outcome for answer in await asyncio.gather(*waiting[1:])] == [Outcome.OK, Outcome.OK]


async def test_a_burst_waits_its_turn_instead_of_flooding() -> None:
    """With 1,000 questions at once and room for 50, a silent half does not starve the others."""

    def script(packet: bytes) -> bytes | None:
        return None if b"silent" in packet else good(packet)

    async with (
        answering(script) as server,
        Resolver([server.address], timing=Timing(0.2, 2), most_in_flight=50) as resolver,
    ):
        names = [f"{'silent' if number % 5 == 0 else 'c'}{number}.example" for number in range(1000)]
        answers = await asyncio.gather(*(resolver.ask(Question(name, Rtype.TXT)) for name in names))
        for name, answer in zip(names, answers, strict=True):
            assert answer.outcome is (Outcome.TIMEOUT if "silent" in name else Outcome.OK)


# -- the limit of a zone -----------------------------------------------------------------------------------------------


async def test_nobody_is_flooded_through_us() -> None:
    async with (
        answering(good) as server,
        Resolver([server.address], zone_rate=200, zone_burst=50) as resolver,
    ):
        began = time.monotonic()
        await asyncio.gather(
            *(resolver.ask(Question(f"x{number}.victim.example", Rtype.TXT)) for number in range(250)),
            *(resolver.ask(Question(f"x.other{number}.example", Rtype.TXT)) for number in range(250)),
        )
        taken = time.monotonic() - began
        victims = [packet for packet in server.packets if b"victim" in packet]
        assert len(victims) == 250
        assert taken > (250 - 50) / 200 * 0.9


async def test_what_would_wait_too_long_fails_and_is_not_remembered() -> None:
    async with answering(good) as server, Resolver([server.address], zone_rate=0.04, zone_burst=1) as resolver:
        assert (await resolver.ask(Question("a.victim.example", Rtype.TXT))).outcome is Outcome.OK
        question = Question("b.victim.example", Rtype.TXT)
        answer = await resolver.ask(question)
        assert answer.outcome is Outcome.LIMITED
        assert answer.failed
        assert resolver.cached(question) is None


def test_the_limit_books_nothing_for_what_it_refuses() -> None:
    limit = ZoneLimit(rate=10, burst=2)
    assert [limit.delay("z", 100.0, 1.0) for _ in range(2)] == [0.0, 0.0]
    assert limit.delay("z", 100.0, 1.0) == pytest.approx(0.1)
    assert limit.delay("z", 100.0, 0.15) is None
    assert limit.delay("z", 100.0, 0.25) == pytest.approx(0.2)
    assert limit.delay("y", 100.0, 0.0) == 0.0


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("192.0.2.53", [("192.0.2.53", 53)]),
        ("192.0.2.53:5353", [("192.0.2.53", 5353)]),
        ("::1", [("::1", 53)]),
        ("[::1]", [("::1", 53)]),
        ("[2001:db8::1]:5353", [("2001:db8::1", 5353)]),
        (" 192.0.2.1 , [::1]:54,", [("192.0.2.1", 53), ("::1", 54)]),
        ("192.0.2.1,192.0.2.1:53", [("192.0.2.1", 53)]),
    ],
)
def test_resolvers_as_an_operator_writes_them(text: str, servers: list[tuple[str, int]]) -> None:
    assert parse_nameservers(text) == servers


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no resolver is given"),
        (" , ", "no resolver is given"),
        ("dns.example", "'dns.example' is no IP address"),
        ("192.0.2.300", "is no IP address"),
        ("192.0.2.1:", "the port is missing"),
        ("[::1]:", "the port is missing"),
        ("192.0.2.1:0", "1 to 65535"),
        ("192.0.2.1:65536", "1 to 65535"),
        ("192.0.2.1:99999999999999999999", "1 to 65535"),
        ("192.0.2.1:dns", "1 to 65535"),
        ("[::1", "write [address]:port"),
        ("[::1]53", "write [address]:port"),
    ],
)
def test_what_is_no_resolver_is_told_in_a_sentence(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_nameservers(text)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_systems_resolvers(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# a comment\nsearch example\nnameserver 192.0.2.1\nnameserver ::1\nnameserver fe80::1%lo\nnameserver 9\n"
    )
    assert system_nameservers(path) == [("192.0.2.1", 53), ("::1", 53), ("fe80::1%lo", 53)]
    path.write_text("search example\n")
    with pytest.raises(ResolverError, match="names none"):
        system_nameservers(path)
    with pytest.raises(ResolverError, match="cannot be read"):
        system_nameservers(tmp_path / "nothing")


def test_no_resolver_is_an_error() -> None:
    with pytest.raises(ResolverError):
        Resolver([])


# -- what is left behind -----------------------------------------------------------------------------------------------


async def test_a_closed_resolver_says_so_and_opens_nothing() -> None:
    before = open_sockets()
    async with answering(good) as server:
        resolver = Resolver([server.address])
        await resolver.ask(NAME)
        await resolver.close()
        answer = await resolver.ask(NAME, fresh=True)
        assert answer.outcome is Outcome.UNREACHABLE
        await resolver.close()
    assert open_sockets() == before


def test_the_same_on_uvloop() -> None:
    async def main() -> None:
        zone = Zone.parse(f'customer.example TXT "v=spf1 {"ip4:192.0.2.1 " * 100}-all"\nslow.example TXT TIMEOUT')
        before = open_sockets()
        async with serve(zone) as (host, port), Resolver([(host, port)], timing=QUICK) as resolver:
            assert (await resolver.ask(NAME)).outcome is Outcome.OK  # over TCP
            assert resolver.counts.streams == 1
            assert (await resolver.ask(Question("slow.example", Rtype.TXT))).outcome is Outcome.TIMEOUT
        async with Resolver([("127.0.0.1", _closed_port())], timing=QUICK) as resolver:
            assert (await resolver.ask(NAME)).outcome is Outcome.UNREACHABLE
        assert len(asyncio.all_tasks()) == 1
        await asyncio.sleep(0)
        assert open_sockets() == before

    uvloop.run(main())
