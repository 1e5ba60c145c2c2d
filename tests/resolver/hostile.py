"""A name server of our own that does, over real UDP and TCP, what each row of `tests.resolver.rows` says."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

from spfcheck.resolver.authoritative import bind_both, respond
from spfcheck.resolver.types import Rtype
from spfcheck.resolver.wire import read
from spfcheck.resolver.wire_names import encode
from spfcheck.resolver.zone import Zone
from tests.resolver.rows import SUFFIX, ZONE

__all__ = ["VICTIM", "Hostile", "serve_hostile"]

VICTIM = f"victim.{SUFFIX}"
"""A name about which some rows tell lies that nobody asked for."""
LATE = 25.0
_ROW = re.compile(rb"(?:^|[\x01-\x3f])h(\d{3})\x01h\x04test\x00", re.IGNORECASE | re.DOTALL)


def name_of(packet: bytes) -> bytes:
    return read(packet).questions[0][:-4]


def text_record(owner: bytes, text: bytes, ttl: int = 300) -> bytes:
    data = b"".join(bytes([len(part)]) + part for part in (text[at : at + 255] for at in range(0, len(text), 255)))
    return owner + struct.pack("!HHIH", Rtype.TXT, 1, ttl, len(data)) + data


def message(
    query: bytes, *, flags: int = 0x8580, answer: tuple[bytes, ...] = (), authority: tuple[bytes, ...] = (),
    additional: tuple[bytes, ...] = (),
) -> bytes:  # fmt: skip
    """An answer to *query* with these records."""
    question = question_of(query)
    counts = struct.pack("!HHHHH", flags, 1, len(answer), len(authority), len(additional))
    return query[:2] + counts + question + b"".join(answer + authority + additional)


def question_of(query: bytes) -> bytes:
    return query[12 : 12 + len(name_of(query)) + 4]


def has_edns(query: bytes) -> bool:
    return query[10:12] != b"\0\0"


def wire_of(text: str) -> bytes:
    wire = encode(text)
    assert wire is not None
    return wire


OWNER = b"\xc0\x0c"
GOOD = text_record(OWNER, b"v=spf1 ip4:192.0.2.1 -all")
EVIL = text_record(wire_of(VICTIM), b"v=spf1 +all")


def soa(minimum: int) -> bytes:
    apex = wire_of(SUFFIX)
    data = apex + apex + struct.pack("!IIIII", 1, 3600, 600, 86400, minimum)
    return apex + struct.pack("!HHIH", Rtype.SOA, 1, 2**31 - 1, len(data)) + data


class Hostile:
    """The running server; *asked* counts the packets of each row, *questions* those of each name."""

    def __init__(self) -> None:
        self.zone = Zone.parse(ZONE)
        self.port = 0
        self.asked: Counter[str] = Counter()
        self.questions: Counter[bytes] = Counter()
        self.late_sent = asyncio.Event()
        self.udp: Any = None
        self.other: Any = None
        self.rng = random.Random(11)

    def honest(self, packet: bytes, largest: int = 512) -> bytes:
        answer, _ = respond(self.zone, packet, largest)
        assert answer is not None
        return answer

    def send(self, packet: bytes, client: Any, delay: float = 0.0) -> None:
        if delay:
            asyncio.get_running_loop().call_later(delay, self._send_now, packet, client)
        else:
            self.udp.sendto(packet, client)

    def _send_now(self, packet: bytes, client: Any) -> None:
        if not self.udp.is_closing():
            self.udp.sendto(packet, client)

    def datagram(self, packet: bytes, client: Any) -> None:
        row = row_of(packet)
        self.asked[row] += 1
        self.questions[name_of(packet)] += 1
        behaviour = OVER_UDP.get(row)
        if behaviour is None:
            self.send(self.honest(packet), client)
        else:
            behaviour(self, packet, client)


def row_of(packet: bytes) -> str:
    found = _ROW.search(packet[12:])
    return f"H{found[1].decode()}" if found else ""


Udp = Callable[[Hostile, bytes, Any], None]


def reply(make: Callable[[Hostile, bytes], bytes]) -> Udp:
    """Send what *make* makes of the query, at once."""
    return lambda server, packet, client: server.send(make(server, packet), client)


def then_the_truth(make: Callable[[Hostile, bytes], bytes]) -> Udp:
    """Send what *make* makes of the query, and the real answer 50 ms later."""

    def behave(server: Hostile, packet: bytes, client: Any) -> None:
        server.send(make(server, packet), client)
        server.send(server.honest(packet), client, 0.05)

    return behave


def late(seconds: float) -> Udp:
    return lambda server, packet, client: server.send(server.honest(packet), client, seconds)


def rcode(code: int) -> Udp:
    return reply(lambda server, packet: message(packet, flags=0x8180 | code))


def wrong_id(server: Hostile, packet: bytes) -> bytes:
    answer = server.honest(packet)
    return ((answer[0] << 8 | answer[1]) + 1 & 0xFFFF).to_bytes(2, "big") + answer[2:]


def wrong_name(server: Hostile, packet: bytes) -> bytes:
    question = wire_of(f"other.{SUFFIX}") + question_of(packet)[-4:]
    return packet[:2] + struct.pack("!HHHHH", 0x8580, 1, 1, 0, 0) + question + GOOD


def wrong_type(server: Hostile, packet: bytes) -> bytes:
    question = name_of(packet) + b"\0\1\0\1"
    return packet[:2] + struct.pack("!HHHHH", 0x8580, 1, 1, 0, 0) + question + GOOD


def no_question(server: Hostile, packet: bytes) -> bytes:
    record = text_record(name_of(packet), b"v=spf1 ip4:192.0.2.1 -all")
    return packet[:2] + struct.pack("!HHHHH", 0x8580, 0, 1, 0, 0) + record


def random_bytes(server: Hostile, packet: bytes, client: Any) -> None:
    server.send(server.rng.randbytes(100), client)
    server.send(packet[:2] + server.rng.randbytes(98), client)


def truncated(server: Hostile, packet: bytes) -> bytes:
    return message(packet, flags=0x8780)


def lost_first(server: Hostile, packet: bytes, client: Any) -> None:
    if server.questions[name_of(packet)] > 1:
        server.send(server.honest(packet), client)


def too_late(server: Hostile, packet: bytes, client: Any) -> None:
    server.send(server.honest(packet), client, LATE)
    asyncio.get_running_loop().call_later(LATE + 0.2, server.late_sent.set)


def without_edns(server: Hostile, packet: bytes) -> bytes:
    return message(packet, flags=0x8581) if has_edns(packet) else server.honest(packet)


def only_without_edns(server: Hostile, packet: bytes, client: Any) -> None:
    if not has_edns(packet):
        server.send(server.honest(packet), client)


def badvers(server: Hostile, packet: bytes) -> bytes:
    return message(packet, additional=(b"\0" + struct.pack("!HHIH", 41, 1232, 0x01000000, 0),))


def servfail_once(server: Hostile, packet: bytes) -> bytes:
    return message(packet, flags=0x8182) if server.asked["H034"] == 1 else server.honest(packet)


def bogus(server: Hostile, packet: bytes) -> bytes:
    ede = struct.pack("!HHH", 15, 2, 9)
    return message(packet, flags=0x8182, additional=(b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(ede)) + ede,))


def alias(owner: bytes, target: bytes) -> bytes:
    return owner + struct.pack("!HHIH", Rtype.CNAME, 1, 300, len(target)) + target


def cname_alone(server: Hostile, packet: bytes) -> bytes:
    end = wire_of(f"end.h049.{SUFFIX}")
    return server.honest(packet) if name_of(packet) == end else message(packet, answer=(alias(OWNER, end),))


def cname_circle(server: Hostile, packet: bytes) -> bytes:
    first, second = wire_of(f"h051.{SUFFIX}"), wire_of(f"b.h051.{SUFFIX}")
    return message(packet, answer=(alias(OWNER, second if name_of(packet) == first else first),))


def long_chain(server: Hostile, packet: bytes) -> bytes:
    names = [name_of(packet), *(wire_of(f"c{link}.h053.{SUFFIX}") for link in range(12))]
    links = tuple(alias(owner, target) for owner, target in pairwise(names))
    return message(packet, answer=(*links, text_record(names[-1], b"v=spf1 ip4:192.0.2.1 -all")))


def with_ttl(ttl: int) -> Udp:
    return reply(
        lambda server, packet: message(packet, answer=(text_record(OWNER, b"v=spf1 ip4:192.0.2.1 -all", ttl),))
    )


def flapping(server: Hostile, packet: bytes) -> bytes:
    text = b"v=spf1 ip4:192.0.2.1 -all" if server.asked["H062"] % 2 else b"v=spf1 ip4:192.0.2.1 -oops"
    return message(packet, answer=(text_record(OWNER, text, 0),))


def illegal_cname(server: Hostile, packet: bytes) -> bytes:
    return message(packet, answer=(alias(OWNER, wire_of(f"end.h055.{SUFFIX}")), GOOD))


def slow_terms(server: Hostile, packet: bytes, client: Any) -> None:
    slow = name_of(packet) != wire_of(f"h111.{SUFFIX}")
    server.send(server.honest(packet), client, 3.0 if slow else 0.0)


OVER_UDP: dict[str, Udp] = {
    "H001": lambda server, packet, client: None,
    "H002": lost_first,
    "H003": late(1.2),
    "H004": too_late,
    "H005": reply(wrong_id),
    "H006": then_the_truth(wrong_id),
    "H007": reply(wrong_name),
    "H008": then_the_truth(wrong_name),
    "H009": reply(wrong_type),
    "H010": reply(no_question),
    "H011": lambda server, packet, client: server.other.sendto(server.honest(packet), client),
    "H012": reply(lambda server, packet: message(packet, flags=0x0580, answer=(GOOD,))),
    "H013": random_bytes,
    "H014": then_the_truth(lambda server, packet: packet[:2] + server.rng.randbytes(60)),
    "H015": reply(lambda server, packet: packet[:5]),
    "H016": reply(lambda server, packet: message(packet, answer=(b"\xff" * 40,))),
    "H017": reply(
        lambda server, packet: message(packet, answer=(OWNER + struct.pack("!HHIH", 16, 1, 300, 9) + b"\xffv=spf1 a",))
    ),
    "H018": reply(
        lambda server, packet: message(
            packet, answer=((0xC000 | 12 + len(question_of(packet))).to_bytes(2, "big") + GOOD[2:],)
        )
    ),
    "H019": reply(lambda server, packet: message(packet, answer=(GOOD, b"", b"", b"", b""))),
    "H020": reply(lambda server, packet: server.honest(packet) + b"trailing"),
    "H021": reply(
        lambda server, packet: message(packet, answer=(GOOD,)).replace(name_of(packet), name_of(packet).upper())
    ),
    **{f"H{number:03}": reply(truncated) for number in (22, 23, 24, 25, 28, 29)},
    "H026": reply(lambda server, packet: message(packet, flags=0x8780, answer=(text_record(OWNER, b"v=spf1 +all"),))),
    "H027": reply(lambda server, packet: message(packet, flags=0x8783)),
    "H030": reply(without_edns),
    "H031": only_without_edns,
    "H032": reply(badvers),
    "H033": rcode(2),
    "H034": reply(servfail_once),
    "H035": rcode(5),
    "H036": rcode(4),
    "H037": rcode(1),
    "H038": rcode(6),
    "H039": rcode(9),
    "H041": reply(lambda server, packet: message(packet, flags=0x8583, answer=(GOOD,))),
    "H043": reply(lambda server, packet: message(packet)),
    "H044": reply(lambda server, packet: message(packet, answer=(EVIL,))),
    "H045": reply(lambda server, packet: message(packet, answer=(GOOD,), additional=(EVIL,))),
    "H046": reply(
        lambda server, packet: message(
            packet, flags=0x8100, authority=(b"\0" + struct.pack("!HHIH", 2, 1, 9, 5) + b"\1x\1y\0",)
        )
    ),
    "H047": reply(bogus),
    "H049": reply(cname_alone),
    "H050": reply(lambda server, packet: message(packet, answer=(alias(OWNER, OWNER),))),
    "H051": reply(cname_circle),
    "H053": reply(long_chain),
    "H055": reply(illegal_cname),
    "H056": with_ttl(0),
    "H057": with_ttl(2**31 - 1),
    "H058": with_ttl(0xFFFFFFFF),
    "H059": reply(lambda server, packet: message(packet, flags=0x8583, authority=(soa(604800),))),
    "H062": reply(flapping),
    "H111": slow_terms,
}

# -- TCP ---------------------------------------------------------------------------------------------------------------

Tcp = Callable[[Hostile, bytes, asyncio.StreamWriter], Awaitable[None]]


async def hang_up(server: Hostile, packet: bytes, writer: asyncio.StreamWriter) -> None:
    """Close without a word."""


async def silence(server: Hostile, packet: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drip(server: Hostile, packet: bytes, writer: asyncio.StreamWriter) -> None:
    answer = server.honest(packet, 65535)
    for byte in len(answer).to_bytes(2, "big") + answer:
        writer.write(bytes([byte]))
        await asyncio.sleep(1)


async def lying_length(server: Hostile, packet: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write((4000).to_bytes(2, "big") + server.honest(packet, 65535)[:80].ljust(80, b"\0"))
    await writer.drain()


async def stream_wrong_id(server: Hostile, packet: bytes, writer: asyncio.StreamWriter) -> None:
    answer = wrong_id(server, packet)
    writer.write(len(answer).to_bytes(2, "big") + answer)
    await writer.drain()


OVER_TCP: dict[str, Tcp] = {
    "H023": hang_up,
    "H024": silence,
    "H025": drip,
    "H026": hang_up,
    "H028": lying_length,
    "H029": stream_wrong_id,
}


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Hostile) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._server.datagram(data, addr)


@contextlib.asynccontextmanager
async def serve_hostile() -> AsyncIterator[Hostile]:
    """The server on a port of loopback, UDP and TCP."""
    loop = asyncio.get_running_loop()
    server = Hostile()
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            length = int.from_bytes(await reader.readexactly(2), "big")
            packet = await reader.readexactly(length)
            behaviour = OVER_TCP.get(row_of(packet))
            if behaviour is not None:
                await behaviour(server, packet, writer)
            else:
                answer = server.honest(packet, 65535)
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client, or the test, is done
        finally:
            connections.discard(task)
            writer.close()

    stream, datagram = bind_both("127.0.0.1", 0)
    server.port = stream.getsockname()[1]
    tcp = await asyncio.start_server(accept, sock=stream)
    server.udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(server), sock=datagram)
    server.other, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        server.udp.close()
        server.other.close()
        tcp.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await tcp.wait_closed()
