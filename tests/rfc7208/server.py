"""A name server on loopback for a suite's zone: real UDP and TCP, its packets made by dnspython and not by us."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rrset

from spfcheck.rfc7208.lookup import Question, Rtype

from .zones import LOOP, MemoryZone

IN = dns.rdataclass.IN
UDP_LIMIT = 1232


def _name(text: str) -> dns.name.Name:
    labels = text.encode("latin-1").split(b".") if text else []
    return dns.name.Name([*labels, b""])


def _text(name: dns.name.Name) -> str:
    return b".".join(name.labels[:-1]).decode("latin-1").lower()


def _rdata(rtype: Rtype, value: Any) -> dns.rdata.Rdata:
    kind = dns.rdatatype.RdataType(rtype)
    match rtype:
        case Rtype.A:
            return dns.rdtypes.IN.A.A(IN, kind, str(IPv4Address(value)))
        case Rtype.AAAA:
            return dns.rdtypes.IN.AAAA.AAAA(IN, kind, str(IPv6Address(value)))
        case Rtype.MX:
            return dns.rdtypes.ANY.MX.MX(IN, kind, value[0], _name(value[1]))
        case Rtype.PTR:
            return dns.rdtypes.ANY.PTR.PTR(IN, kind, _name(value))
        case Rtype.CNAME:
            return dns.rdtypes.ANY.CNAME.CNAME(IN, kind, _name(value))
        case _:
            return dns.rdtypes.ANY.TXT.TXT(IN, kind, value)


def respond(zone: MemoryZone, packet: bytes, limit: int) -> bytes:
    """The response to a query, truncated to an empty one with TC where it does not fit."""
    query = dns.message.from_wire(packet)
    response = dns.message.make_response(query, recursion_available=True)
    response.flags |= dns.flags.AA
    (asked,) = query.question
    question = Question(_text(asked.name), Rtype(asked.rdtype))
    reply = zone(question)
    if reply.failed:
        response.set_rcode(dns.rcode.SERVFAIL)
        return response.to_wire()
    owner = question.name
    for _ in range(LOOP):
        here = zone.records.get(owner, {})
        if question.rtype in here or Rtype.CNAME not in here:
            break
        (target,) = here[Rtype.CNAME]
        response.answer.append(dns.rrset.from_rdata(_name(owner), 300, _rdata(Rtype.CNAME, target)))
        owner = target
    if reply.records:
        rdatas = [_rdata(question.rtype, value) for value in reply.records]
        response.answer.append(dns.rrset.from_rdata_list(_name(owner), 300, rdatas))
    else:
        root = dns.name.root
        soa = dns.rdtypes.ANY.SOA.SOA(IN, dns.rdatatype.SOA, root, root, 1, 300, 300, 300, 300)
        response.authority.append(dns.rrset.from_rdata(root, 300, soa))
        if reply.nxdomain:
            response.set_rcode(dns.rcode.NXDOMAIN)
    wire = response.to_wire(max_size=65535)
    if len(wire) > limit:
        short = dns.message.make_response(query, recursion_available=True)
        short.flags |= dns.flags.TC
        return short.to_wire()
    return wire


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: MemoryZone) -> None:
        self.zone = zone

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(respond(self.zone, data, UDP_LIMIT), addr)


def _bind_both(host: str) -> tuple[socket.socket, socket.socket]:
    """A TCP and a UDP socket on one free port; another process may hold one of the pair, so try again."""
    while True:
        stream = socket.create_server((host, 0))
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagram.bind(stream.getsockname())
        except OSError:
            stream.close()
            datagram.close()
        else:
            datagram.setblocking(False)
            return stream, datagram


@contextlib.asynccontextmanager
async def serve(zone: MemoryZone) -> AsyncIterator[tuple[str, int]]:
    """Serve *zone* on a free port of loopback; gives host and port."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                wire = respond(zone, await reader.readexactly(length), 65535)
                writer.write(len(wire).to_bytes(2, "big") + wire)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    stream, datagram = _bind_both("127.0.0.1")
    host, port = stream.getsockname()
    server = await asyncio.start_server(converse, sock=stream)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(zone), sock=datagram)
    try:
        yield host, port
    finally:
        transport.close()
        server.close()
        await server.wait_closed()
