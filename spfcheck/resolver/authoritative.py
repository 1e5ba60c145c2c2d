"""A name server on loopback for a zone text: real UDP and TCP, for the demo and for tests.

It is authoritative for everything: a name that the zone does not hold does not exist.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

from spfcheck.resolver.nameservers import label
from spfcheck.resolver.types import Outcome, Question, Rtype
from spfcheck.resolver.wire import AA, QR, TC, DnsMessage, MalformedError, read
from spfcheck.resolver.wire_names import encode, encode_printed
from spfcheck.resolver.zone import DEFAULT_TTL, Zone, ZoneAnswer

SMALLEST_UDP = 512
"""Bytes that a client without EDNS takes (RFC 1035 4.2.1)."""
LARGEST_UDP = 1232
"""Bytes that we send at most, whatever the client offers (DNS flag day 2020)."""
IDLE_SECONDS = 10.0
"""How long a TCP connection may say nothing (RFC 7766 6.2.3)."""
MOST_RECORDED = 100_000
"""Questions kept in `Authority.questions`."""

_RD = 0x0100
_BOGUS_EDE = b"\0\x0f\0\2\0\6"  # option 15, two bytes, info code 6: DNSSEC Bogus (RFC 8914)
_RCODES = {
    Outcome.OK: 0,
    Outcome.NODATA: 0,
    Outcome.NXDOMAIN: 3,
    Outcome.SERVFAIL: 2,
    Outcome.BOGUS: 2,
    Outcome.CHAIN: 2,
    Outcome.REFUSED: 5,
}
_FORMERR, _NOTIMP = 1, 4


class Authority:
    """A running server; unpacks as ``host, port``. *questions* are those it was asked, in order, repeats included."""

    def __init__(self, zone: Zone, host: str) -> None:
        self.zone = zone
        self.host = host
        self.port = 0
        self.questions: list[Question] = []

    def __iter__(self) -> Iterator[Any]:
        return iter((self.host, self.port))

    def __str__(self) -> str:
        return label(self.host, self.port)

    def answer(self, packet: bytes, largest: int) -> bytes | None:
        """The response to *packet*; None where the zone says that no answer comes."""
        response, question = respond(self.zone, packet, largest)
        if question is not None and len(self.questions) < MOST_RECORDED:
            self.questions.append(question)
        return response


@contextlib.asynccontextmanager
async def serve(zone: Zone, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Authority]:
    """Serve *zone* at *host* over UDP and TCP, on the same *port* (0: any free one)."""
    loop = asyncio.get_running_loop()
    authority = Authority(zone, host)
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _converse(authority, reader, writer)
        except asyncio.CancelledError:
            pass  # the server closes; asyncio would report a cancelled connection as an error
        finally:
            connections.discard(task)

    stream, datagram = bind_both(host, port)
    authority.port = stream.getsockname()[1]
    server = await asyncio.start_server(accept, sock=stream)
    transport, datagrams = await loop.create_datagram_endpoint(lambda: _Datagrams(authority), sock=datagram)
    try:
        yield authority
    finally:
        transport.close()
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()
        await datagrams.closed.wait()


def bind_both(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A TCP and a UDP socket on one port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempt in range(16):
        stream = socket.socket(family, socket.SOCK_STREAM)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        datagram = socket.socket(family, socket.SOCK_DGRAM)
        try:
            stream.bind((host, port))
            datagram.bind((host, stream.getsockname()[1]))
        except OSError:
            stream.close()
            datagram.close()
            if port or attempt == 15:
                raise
            continue
        with contextlib.suppress(OSError):
            datagram.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
        for each in (stream, datagram):
            each.setblocking(False)
        return stream, datagram
    raise AssertionError("the loop returns or raises")


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._transport: Any = None
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.closed.set()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        response = self._authority.answer(data, SMALLEST_UDP)
        if response is not None:
            self._transport.sendto(response, addr)


async def _converse(authority: Authority, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the questions of one connection until its end (RFC 7766)."""
    try:
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                length = int.from_bytes(await reader.readexactly(2), "big")
                packet = await reader.readexactly(length)
            response = authority.answer(packet, 65535)
            if response is not None:
                writer.write(len(response).to_bytes(2, "big") + response)
                await writer.drain()
    except (OSError, EOFError, TimeoutError):
        pass  # the client went away, or says nothing
    finally:
        writer.transport.abort()


def respond(zone: Zone, packet: bytes, largest: int) -> tuple[bytes | None, Question | None]:
    """The response of *zone* to *packet*, and the question in it; at most *largest* bytes or what EDNS offers."""
    try:
        message = read(packet)
    except MalformedError:
        return (packet[:2] + struct.pack("!HHHHH", QR | _FORMERR, 0, 0, 0, 0) if len(packet) >= 12 else None), None
    if message.flags & QR:
        return None, None  # never answer an answer: two servers would talk for ever
    if len(message.questions) != 1 or message.flags & 0x7800:
        return packet[:2] + struct.pack("!HHHHH", QR | message.flags & 0x7900 | _NOTIMP, 0, 0, 0, 0), None
    asked = message.questions[0]
    name, rtype = asked[:-4], int.from_bytes(asked[-4:-2], "big")
    text = _text(name)
    question = Question(text, Rtype(rtype)) if rtype in Rtype._value2member_map_ else None
    if question is None:
        kind = Outcome.NXDOMAIN if zone.find(Question(text, Rtype.TXT)).outcome is Outcome.NXDOMAIN else Outcome.NODATA
        return _render(message, asked, text, ZoneAnswer(kind, (), DEFAULT_TTL, (), False), rtype, largest), None
    return _render(message, asked, text, zone.find(question), rtype, largest), question


def _text(name: bytes) -> str:
    """The text that `names.encode` would turn into *name*."""
    labels = []
    position = 0
    while length := name[position]:
        labels.append(name[position + 1 : position + 1 + length].decode("latin-1"))
        position += 1 + length
    return ".".join(labels)


def _render(message: DnsMessage, asked: bytes, text: str, found: ZoneAnswer, rtype: int, largest: int) -> bytes | None:
    rcode = _RCODES.get(found.outcome)
    if found.outcome is Outcome.TIMEOUT or (rcode is None and found.outcome is not Outcome.TRUNCATED):
        return None if found.outcome is not Outcome.MALFORMED else message.ident.to_bytes(2, "big") + b"\x84\0\0\1\0\0"
    flags = QR | AA | message.flags & _RD | (rcode or 0)
    answers = [_record(_wire(owner), Rtype.CNAME, ttl, _wire(target)) for owner, target, ttl in found.links]
    owner = _wire(found.links[-1][1]) if found.links else b"\xc0\x0c"
    answers += [_record(owner, rtype, found.ttl, _data(rtype, value)) for value in found.records]
    authority = []
    if found.outcome in (Outcome.NODATA, Outcome.NXDOMAIN):
        authority.append(_soa(found.links[-1][1] if found.links else text))
    opt = b""
    if message.edns:
        options = _BOGUS_EDE if found.outcome is Outcome.BOGUS else b""
        opt = b"\0\0\x29" + struct.pack("!HIH", LARGEST_UDP, 0, len(options)) + options
    limit = max(largest, LARGEST_UDP if message.edns else SMALLEST_UDP)
    body = b"".join(answers) + b"".join(authority)
    size = 12 + len(asked) + len(body) + len(opt)
    if size > limit or found.outcome is Outcome.TRUNCATED:
        flags |= TC
        answers, authority, body = [], [], b""
    header = struct.pack("!HHHHHH", message.ident, flags, 1, len(answers), len(authority), 1 if opt else 0)
    return header + asked + body + opt


def _soa(name: str) -> bytes:
    """An SOA for the top-level domain above *name*: every zone text holds all of it."""
    apex = _wire(name.rpartition(".")[2])
    data = apex + apex + struct.pack("!IIIII", 1, 3600, 600, 86400, DEFAULT_TTL)
    return _record(apex, Rtype.SOA, DEFAULT_TTL, data)


def _record(owner: bytes, rtype: int, ttl: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", rtype, 1, ttl, len(data)) + data


def _data(rtype: int, value: Any) -> bytes:
    """The data of one record; see `spfcheck.rfc7208.lookup.Reply` for the values."""
    if rtype in (Rtype.TXT, Rtype.SPF):
        return b"".join(bytes([len(string)]) + string for string in value)
    if rtype == Rtype.A:
        return int(value).to_bytes(4, "big")
    if rtype == Rtype.AAAA:
        return int(value).to_bytes(16, "big")
    if rtype == Rtype.MX:
        return int(value[0]).to_bytes(2, "big") + encode_printed(value[1])
    return encode_printed(value)


def _wire(name: str) -> bytes:
    wire = encode(name)
    assert wire is not None  # a Zone holds no other names
    return wire
