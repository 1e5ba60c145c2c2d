"""DNS messages: the fast path for what a stub resolver sees all day, and dnspython for everything else.

`read_fast` gives exactly what `read_general` gives, or declines by None: dnspython stays the authority on what a packet
says and on whether it can be read at all. Tests hold the two against each other over generated and mutated packets.
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar, Final, NamedTuple

import dns.edns
import dns.exception
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

from spfcheck.resolver.wire_names import LONGEST_LABEL, LONGEST_NAME, is_below

__all__ = [
    "AA",
    "AD",
    "EDNS_SIZE",
    "QR",
    "RA",
    "TC",
    "DnsMessage",
    "MalformedError",
    "Record",
    "Section",
    "query",
    "question_bytes",
    "read",
    "read_fast",
    "read_general",
    "read_usual",
]

QR, AA, TC, RA, AD = 0x8000, 0x0400, 0x0200, 0x0080, 0x0020
"""Header flags (RFC 1035 4.1.1, RFC 4035 3.2.3)."""
EDNS_SIZE: Final = 1232
"""The UDP payload that we offer: fits an IPv6 packet of 1,280 bytes, so nothing is fragmented (DNS flag day 2020)."""
GENERAL_LIMIT: Final = 4096
"""Bytes of the largest packet for dnspython: its time grows with records times pointers, and ours must stay small."""
MOST_HOPS: Final = 16
"""Compression pointers that the fast path follows in one name; real servers need one or two."""

_OPCODE: Final = 0x7800
_TYPE_AND_CLASS: Final = [rtype.to_bytes(2, "big") + b"\0\1" for rtype in range(256)]
# RFC 6840 5.7: AD in a query says that we understand AD in the answer; RD asks the resolver to do the work.
_PLAIN_QUERY: Final = b"\x01\x20\0\1\0\0\0\0\0\0"
_EDNS_QUERY: Final = b"\x01\x20\0\1\0\0\0\0\0\1"
_OPT: Final = b"\0\0\x29" + struct.pack("!HIH", EDNS_SIZE, 0, 0)
_new: Final = tuple.__new__  # what a named tuple's own constructor ends in, without the way there
_HEADER: Final = struct.Struct("!HHHHHH").unpack_from
_RR: Final = struct.Struct("!HHIH").unpack_from
_PAIR: Final = struct.Struct("!HH").unpack_from
_LAST_TTL: Final = 0x7FFFFFFF
_A, _NS, _CNAME, _SOA, _PTR, _MX, _TXT, _AAAA, _OPT_TYPE, _SPF = 1, 2, 5, 6, 12, 15, 16, 28, 41, 99
_USUAL_TYPES: Final = frozenset((_TXT, _A, _AAAA, _MX))
_NOT_USUAL = QR | _OPCODE | TC
_POINTED_RR: Final = struct.Struct("!HHHIH").unpack_from
_NAMES: Final = frozenset((_NS, _CNAME, _PTR))
_TEXTS: Final = frozenset((_TXT, _SPF))
_ADDRESSES: Final = {_A: 4, _AAAA: 16}
_EDE: Final = 15


class MalformedError(Exception):
    """The packet cannot be read as a DNS message."""


class Section:
    """Where a record stood."""

    ANSWER: ClassVar = 0
    AUTHORITY: ClassVar = 1


Record = tuple[int, bytes, int, int, Any]
"""One resource record of class IN of a type that we read: section, owner, type, TTL and value.

The value by type: TXT and SPF a tuple of ``bytes``; A and AAAA an ``int``; MX ``(preference, wire name)``; CNAME, PTR
and NS a wire name; SOA its minimum. Names are lower-case and uncompressed. The TTL is 0 where its top bit was set (RFC
2181 8). A plain tuple, since one is made for every record that arrives.
"""


class DnsMessage(NamedTuple):
    """What we read of a DNS message: answer and authority records in their order, and its extended errors."""

    ident: int
    flags: int
    rcode: int
    """Extended by EDNS where present (RFC 6891 6.1.3)."""
    questions: tuple[bytes, ...]
    """Each as `question_bytes` writes it."""
    records: tuple[Record, ...]
    edns: bool
    errors: tuple[tuple[int, str], ...]
    """Extended DNS Errors: info code and text (RFC 8914)."""


class _DeclinedError(Exception):
    """The fast path leaves this packet to dnspython."""


def question_bytes(name: bytes, rtype: int) -> bytes:
    """The question section for a wire name and a type, class IN."""
    return name + _TYPE_AND_CLASS[rtype]


def query(ident: bytes, question: bytes, edns: bool = True) -> bytes:
    """A recursive query of one question; *ident* is two bytes."""
    if edns:
        return b"%b%b%b%b" % (ident, _EDNS_QUERY, question, _OPT)
    return ident + _PLAIN_QUERY + question


def read(packet: bytes, expected: bytes = b"") -> DnsMessage:
    """The message in *packet*, by the fast path where it can; raises MalformedError."""
    return read_fast(packet, expected) or read_general(packet)


def read_fast(packet: bytes, expected: bytes = b"") -> DnsMessage | None:
    """The message in *packet* as `read_general` gives it, or None where the fast path declines.

    *expected* is the question that we asked (`question_bytes`); where the packet repeats it byte for byte it need not
    be taken apart.
    """
    try:
        return _read(packet, expected)
    except (_DeclinedError, IndexError, struct.error, UnicodeDecodeError):
        return None


def _read(packet: bytes, expected: bytes) -> DnsMessage | None:
    ident, flags, questions, answers, authorities, additionals = _HEADER(packet)
    if questions != 1 or flags & _OPCODE:
        return None
    size = len(packet)
    if expected and packet.startswith(expected, 12):
        question = expected
        name = expected[:-4]
        position = 12 + len(expected)
    else:
        name, position = _name(packet, 12)
        question = name + packet[position : position + 4]
        position += 4
        if position > size:
            return None
    records: list[Record] = []
    for section, count in ((0, answers), (1, authorities)):
        for _ in range(count):
            if packet[position] == 0xC0 and packet[position + 1] == 12:
                owner = name
                position += 2
            else:
                owner, position = _name(packet, position)
            rtype, rclass, ttl, length = _RR(packet, position)
            position += 10
            end = position + length
            if rclass != 1 or end > size:
                return None
            if rtype == _TXT and packet[position] + 1 == length:  # one string, as nearly all have
                value: Any = (packet[position + 1 : end],)
            else:
                value = _value(packet, rtype, position, end)
            records.append((section, owner, rtype, ttl if ttl <= _LAST_TTL else 0, value))
            position = end
    edns, extended, errors = _read_additional(packet, position, additionals)
    return _new(DnsMessage, (ident, flags, flags & 15 | extended, (question,), tuple(records), edns, errors))


def _read_additional(packet: bytes, position: int, count: int) -> tuple[bool, int, tuple[tuple[int, str], ...]]:
    """Whether there is an OPT, the upper bits of the response code and the extended errors in it.

    Addresses that come along with an MX are passed over: never believed, so never kept (RFC 2181 5.4.1).
    """
    edns = False
    extended = 0
    errors: tuple[tuple[int, str], ...] = ()
    for _ in range(count):
        owner, position = _name(packet, position)
        rtype, rclass, ttl, length = _RR(packet, position)
        position += 10
        end = position + length
        if end > len(packet):
            raise _DeclinedError
        if rtype == _OPT_TYPE and owner == b"\0" and not edns:
            edns = True
            extended = ttl >> 20 & 0xFF0
            if length:
                errors = _extended_errors(packet, position, end)
        elif rclass != 1 or _ADDRESSES.get(rtype) != length:
            raise _DeclinedError
        position = end
    if position != len(packet):
        raise _DeclinedError
    return edns, extended, errors


def read_usual(packet: bytes, question: bytes) -> tuple[int, int, list[Any]] | None:
    """Flags, TTL and values of what nearly every packet is: records of the type asked for under our question, no error.

    For TXT, A, AAAA and MX, and an empty list with the TTL of the SOA where there is none of them, in the forms that
    `Record` has. Anything else is None, and `read` says what it is. *question* as `question_bytes` writes it.
    """
    position = 12 + len(question)
    if packet[4:6] != b"\0\1" or not packet.startswith(question, 12):
        return None
    flags = packet[2] << 8 | packet[3]
    if flags & _NOT_USUAL != QR:
        return None
    try:
        if packet[6:12] == b"\0\0\0\1\0\1":
            ttl, position = _usual_soa(packet, position, question[:-4])
            values: list[Any] = []
        elif packet[8:12] == b"\0\0\0\1" and not flags & 15:
            ttl, position, values = _usual_values(packet, position, question)
        else:
            return None
    except (_DeclinedError, IndexError, struct.error):
        return None
    if (
        packet[position : position + 3] != b"\0\0\x29"
        or packet[position + 5 : position + 6] != b"\0"  # the response code is not extended
        or packet[position + 9 :] != b"\0\0"  # no options, and the end of the packet
    ):
        return None
    return flags, ttl, values


def _usual_values(packet: bytes, position: int, question: bytes) -> tuple[int, int, list[Any]]:
    """The lowest TTL, where the records end, and the values of an answer section that holds nothing else."""
    kind = question[-3]
    lowest = _LAST_TTL
    values: list[Any] = []
    for _ in range(packet[6] << 8 | packet[7]):
        pointer, rtype, rclass, ttl, length = _POINTED_RR(packet, position)
        start = position + 12
        position = start + length
        if (pointer, rtype, rclass) != (0xC00C, kind, 1) or position > len(packet):
            raise _DeclinedError
        if kind == _TXT and packet[start] + 1 == length:
            values.append((packet[start + 1 : position],))
        else:
            values.append(_value(packet, rtype, start, position))
        lowest = min(lowest, ttl if ttl <= _LAST_TTL else 0)
    if not values or kind not in _USUAL_TYPES:
        raise _DeclinedError
    return lowest, position, values


def _usual_soa(packet: bytes, position: int, name: bytes) -> tuple[int, int]:
    """How long there is nothing by the only record of the authority section (RFC 2308 5), and where it ends."""
    owner, position = _name(packet, position)
    rtype, rclass, ttl, length = _RR(packet, position)
    start = position + 10
    end = start + length
    if rtype != _SOA or rclass != 1 or end > len(packet) or not is_below(name, owner):
        raise _DeclinedError
    return min(ttl if ttl <= _LAST_TTL else 0, _value(packet, rtype, start, end)), end


def _value(packet: bytes, rtype: int, start: int, end: int) -> Any:
    """The value of one record whose data lie in ``packet[start:end]``."""
    if rtype in _TEXTS:
        strings = []
        while start < end:
            stop = start + 1 + packet[start]
            if stop > end:
                raise _DeclinedError
            strings.append(packet[start + 1 : stop])
            start = stop
        if not strings:
            raise _DeclinedError
        return tuple(strings)
    if rtype in _ADDRESSES:
        if end - start != _ADDRESSES[rtype]:
            raise _DeclinedError
        return int.from_bytes(packet[start:end], "big")
    if rtype in _NAMES:
        name, stop = _name(packet, start)
    elif rtype == _MX:
        target, stop = _name(packet, start + 2)
        if stop != end:
            raise _DeclinedError
        return (int.from_bytes(packet[start : start + 2], "big"), target)
    elif rtype == _SOA:
        _, stop = _name(packet, start)
        _, stop = _name(packet, stop)
        stop += 20
        if stop != end:
            raise _DeclinedError
        return int.from_bytes(packet[end - 4 : end], "big")
    else:
        raise _DeclinedError
    if stop != end:
        raise _DeclinedError
    return name


def _name(packet: bytes, position: int) -> tuple[bytes, int]:
    """The name at *position*, lower-case and uncompressed, and where what follows it begins.

    As dnspython does: a pointer must go back before the part of the name that holds it, and what it points to must end
    before that part begins.
    """
    begin = start = position
    limit = len(packet)
    after = 0
    hops = 0
    length = packet[position]
    parts: list[bytes] = []
    while length:
        if length <= LONGEST_LABEL:
            position += 1 + length
        elif length >= 0xC0:
            target = (length & 0x3F) << 8 | packet[position + 1]
            hops += 1
            if target >= start or hops > MOST_HOPS or position + 2 > limit:
                raise _DeclinedError
            parts.append(packet[begin:position])
            after = after or position + 2
            limit = start
            begin = start = position = target
        else:
            raise _DeclinedError
        if position >= limit:
            raise _DeclinedError
        length = packet[position]
    parts.append(packet[begin : position + 1])
    wire = b"".join(parts).lower() if hops else parts[0].lower()
    if len(wire) > LONGEST_NAME:
        raise _DeclinedError
    return wire, after or position + 1


def _extended_errors(packet: bytes, position: int, end: int) -> tuple[tuple[int, str], ...]:
    errors = []
    while position < end:
        code, length = _PAIR(packet, position)
        position += 4
        stop = position + length
        if code != _EDE or length < 2 or stop > end:
            raise _DeclinedError
        errors.append(
            (int.from_bytes(packet[position : position + 2], "big"), _error_text(packet[position + 2 : stop]))
        )
        position = stop
    return tuple(errors)


def _error_text(text: bytes) -> str:
    # RFC 8914 2: the text may end in a NUL, which is no part of it.
    return (text[:-1] if text.endswith(b"\0") else text).decode()


def read_general(packet: bytes) -> DnsMessage:
    """The message in *packet* as dnspython reads it; raises MalformedError where it cannot or where it is too large.

    Bytes after the end make a packet malformed, always: a message that says two things about its size is not believed.
    """
    if len(packet) > GENERAL_LIMIT:
        raise MalformedError("a message of unusual shape and size")
    try:
        message = dns.message.from_wire(packet, keyring=False, one_rr_per_rrset=True, ignore_trailing=False)
    except Exception as error:  # whatever a hostile packet provokes means one thing: it cannot be read
        raise MalformedError(str(error) or type(error).__name__) from error
    records = []
    for section, rrsets in ((Section.ANSWER, message.answer), (Section.AUTHORITY, message.authority)):
        for rrset in rrsets:
            rtype = int(rrset.rdtype)
            if rrset.rdclass != dns.rdataclass.IN or not rrset:
                continue
            value = _general_value(rtype, rrset[0])
            if value is not None:
                records.append((section, _wire(rrset.name), rtype, rrset.ttl, value))
    return DnsMessage(
        message.id,
        int(message.flags),
        int(message.rcode()),
        tuple(
            _wire(rrset.name) + int(rrset.rdtype).to_bytes(2, "big") + int(rrset.rdclass).to_bytes(2, "big")
            for rrset in message.question
        ),
        tuple(records),
        message.edns >= 0,
        tuple((int(option.code), option.text or "") for option in message.extended_errors()),
    )


def _general_value(rtype: int, rdata: Any) -> Any:
    if rtype in _TEXTS:
        return tuple(rdata.strings)
    if rtype in _ADDRESSES:
        return int.from_bytes(rdata.to_wire(), "big")
    if rtype in _NAMES:
        return _wire(rdata.target)
    if rtype == _MX:
        return (rdata.preference, _wire(rdata.exchange))
    if rtype == _SOA:
        return rdata.minimum
    return None


def _wire(name: dns.name.Name) -> bytes:
    wire = name.to_wire()
    assert wire is not None  # to_wire returns None only when it writes into a file
    return wire.lower()
