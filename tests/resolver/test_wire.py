"""The fast reader of packets is dnspython, or declines."""

from __future__ import annotations

import random
import struct
import time

import dns.message
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spfcheck.resolver import wire
from spfcheck.resolver.reading import interpret, interpret_usual
from spfcheck.resolver.wire_names import decode, encode, encode_printed, is_below
from tests.profile import scale
from tests.resolver.packets import Builder, damage

PACKETS = scale(24_000, 400_000)


def _agree(packet: bytes, expected: bytes = b"") -> str:
    """Hold the two readers against each other; says how it went."""
    fast = wire.read_fast(packet, expected)
    try:
        general = wire.read_general(packet)
    except wire.MalformedError:
        assert fast is None, f"dnspython refuses what the fast path reads: {packet.hex()}"
        return "refused"
    if fast is None:
        return "declined"
    assert fast == general, packet.hex()
    return "read"


@pytest.mark.parametrize("seed", range(4))
def test_the_fast_path_gives_what_dnspython_gives_or_declines(seed: int) -> None:
    rng = random.Random(seed)
    outcomes: dict[str, int] = {}
    for _ in range(PACKETS // 8):
        packet = Builder(rng).message()
        for each in (packet, damage(packet, rng)):
            if len(each) <= wire.GENERAL_LIMIT:
                outcome = _agree(each)
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
    # A test in which nothing is read, or nothing refused, would prove nothing.
    total = sum(outcomes.values())
    assert total > PACKETS // 4 - PACKETS // 100
    assert outcomes["read"] > total // 10
    assert outcomes["refused"] > total // 10
    assert outcomes["declined"] > total // 100


@settings(max_examples=scale(1000, 20000), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_any_bytes_after_a_header(body: bytes, counts: bytes) -> None:
    header = b"\x12\x34\x81\x80" + b"".join(struct.pack("!H", count % 3) for count in counts)
    _agree(header + body)
    _agree(body)


NAME = b"\10customer\7example\0"
QUESTION = wire.question_bytes(NAME, 16)


def _usual_is_what_the_long_way_says(packet: bytes, question: bytes = QUESTION) -> bool:
    """Hold the shortest way from a packet to its meaning against the longest; True where the short one was taken."""
    short = interpret_usual(packet, question)
    if short is not None:
        message = wire.read_general(packet)
        assert message.questions == (question,), packet.hex()
        assert message.flags & (wire.QR | wire.TC) == wire.QR, packet.hex()
        assert short == interpret(message, question[:-4], question[-3]), packet.hex()
    return short is not None


def test_the_packet_that_comes_all_day() -> None:
    """One TXT record of one string and an empty OPT has a path of its own: every byte of it is changed in turn."""
    rng = random.Random(5)
    read = 0
    for _ in range(scale(60, 600)):
        text = rng.choice((b"v=spf1 ip4:192.0.2.1 -all", b"", b"x" * 254, b"x" * 255, rng.randbytes(rng.randrange(40))))
        ttl = rng.choice((0, 300, 0x7FFFFFFF, 0x80000000))
        flags = rng.choice((0x8180, 0x85A0, 0x8580))
        packet = struct.pack("!HHHHHH", rng.getrandbits(16), flags, 1, 1, 0, 1) + QUESTION
        packet += b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, ttl, 1 + len(text)) + bytes([len(text)]) + text
        packet += b"\0" + struct.pack("!HHIH", 41, 1232, rng.choice((0, 0x8000)), 0)
        assert _usual_is_what_the_long_way_says(packet)
        assert _agree(packet, QUESTION) == "read"
        for place in range(len(packet)):
            changed = bytearray(packet)
            changed[place] = rng.choice((0, 1, 255, changed[place] ^ 1 << rng.randrange(8)))
            read += _usual_is_what_the_long_way_says(bytes(changed))
            _agree(bytes(changed), QUESTION)
        for cut in range(len(packet)):
            assert not _usual_is_what_the_long_way_says(packet[:cut])
        assert not _usual_is_what_the_long_way_says(packet + b"\0")
    assert read > 1000


def _record(owner: bytes, rtype: int, ttl: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", rtype, 1, ttl, len(data)) + data


_DATA = {
    16: (b"\2ab", b"\2ab\3cde", b"\0"),
    1: (b"\xc0\0\2\1", b"\xc0\0\2\2"),
    28: (bytes(16), b"\x20\1" + bytes(14)),
    15: (b"\0\12\2mx\xc0\x0c", b"\0\24\2mx\7example\0", b"\0\0\0"),
}
_SOA_DATA = b"\2ns\xc0\x0c\4host\xc0\x0c" + struct.pack("!IIIII", 1, 3600, 600, 86400, 60)


@pytest.mark.parametrize("rtype", [*_DATA, 0])
def test_the_other_packets_that_come_all_day(rtype: int) -> None:
    """Several records of one type, and none with its SOA: every byte of them is changed in turn."""
    rng = random.Random(rtype)
    question = wire.question_bytes(NAME, rtype or 28)
    read = 0
    for _ in range(scale(30, 300)):
        ttl = rng.choice((0, 300, 0x7FFFFFFF, 0x80000000))
        if rtype:
            records = [_record(b"\xc0\x0c", rtype, ttl, rng.choice(_DATA[rtype])) for _ in range(rng.randrange(1, 4))]
            counts, rcode = (1, len(records), 0, 1), 0
        else:
            owner = rng.choice((b"\xc0\x0c", b"\0", b"\xc0" + bytes([13 + NAME[0]]), b"\7example\0"))
            records = [_record(owner, 6, ttl, _SOA_DATA)]
            counts, rcode = (1, 0, 1, 1), rng.choice((0, 3))
        flags = rng.choice((0x8180, 0x85A0, 0x8580)) | rcode
        packet = struct.pack("!HHHHHH", rng.getrandbits(16), flags, *counts) + question + b"".join(records)
        packet += b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
        assert _usual_is_what_the_long_way_says(packet, question)
        for place in range(len(packet)):
            changed = bytearray(packet)
            changed[place] = rng.choice((0, 1, 255, changed[place] ^ 1 << rng.randrange(8)))
            read += _usual_is_what_the_long_way_says(bytes(changed), question)
        for cut in range(len(packet)):
            assert not _usual_is_what_the_long_way_says(packet[:cut], question)
    assert read > 200


def test_any_packet_means_the_same_by_the_short_way() -> None:
    rng = random.Random(6)
    for _ in range(scale(4000, 40000)):
        packet = Builder(rng).message()
        message = wire.read_fast(packet)
        asked = message.questions[0] if message is not None and message.questions else QUESTION
        if asked[-4:] not in _ASKED:
            asked = QUESTION
        for question in {QUESTION, asked}:
            _usual_is_what_the_long_way_says(packet, question)
            _usual_is_what_the_long_way_says(damage(packet, rng), question)


_ASKED = {bytes([0, rtype, 0, 1]) for rtype in (1, 12, 15, 16, 28, 99)}


def test_a_repeated_question_need_not_be_taken_apart() -> None:
    rng = random.Random(5)
    read = 0
    for _ in range(2000):
        packet = Builder(rng).message()
        message = wire.read_fast(packet)
        if message is not None and message.questions:
            # What we ask is always lower-case; a server may send back any case.
            read += _agree(packet, message.questions[0]) == "read"
    assert read > 200


@pytest.mark.parametrize("name", ["example", "_spf.mail.example", "1.2.0.192.in-addr.arpa", "a" * 63 + ".example"])
def test_a_query_is_what_dnspython_would_send(name: str) -> None:
    encoded = encode(name)
    assert encoded is not None
    ours = dns.message.from_wire(wire.query(b"\x12\x34", wire.question_bytes(encoded, 16)))
    theirs = dns.message.make_query(name, "TXT", use_edns=0, payload=1232, id=0x1234)
    theirs.flags |= dns.flags.AD
    assert ours == theirs
    assert ours.to_wire() == theirs.to_wire()
    assert (ours.edns, ours.payload, ours.ednsflags) == (0, 1232, 0)
    plain = dns.message.from_wire(wire.query(b"\x12\x34", wire.question_bytes(encoded, 16), edns=False))
    assert plain.edns < 0


@pytest.mark.parametrize(
    "name",
    ["a..b", ".a", "a.", "a" * 64 + ".example", ".".join(["a" * 63] * 4), "snowman\u2603.example"],
)
def test_a_name_that_no_message_can_carry(name: str) -> None:
    assert encode(name) is None


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8))
def test_the_text_of_a_name_tells_it_apart(labels: list[bytes]) -> None:
    name = b"".join(bytes([len(label)]) + label.lower() for label in labels) + b"\0"
    text = decode(name)
    assert encode_printed(text) == name
    assert all(" " < char <= "~" for char in text)


def test_below_means_at_a_label() -> None:
    zone = b"\7example\0"
    assert is_below(b"\1a\7example\0", zone)
    assert is_below(zone, zone)
    assert is_below(zone, b"\0")
    assert not is_below(b"\10aexample\0", zone)
    assert not is_below(b"\12x\7example\0\0", zone)


def _pointer_bomb(size: int) -> bytes:
    """One answer after the other, each owned by the end of a long chain of pointers."""
    chain = b"\1a\0" + b"".join(struct.pack("!H", 0xC000 | 12 + max(0, 3 + 2 * (hop - 1))) for hop in range(900))
    out = chain + struct.pack("!HH", 16, 1)
    count = (size - len(out)) // 17
    record = struct.pack("!H", 0xC000 | 12 + len(chain) - 2) + struct.pack("!HHIH", 1, 1, 60, 4) + b"\1\2\3\4"
    return struct.pack("!HHHHHH", 1, 0x8180, 1, count, 0, 0) + out + record * count


@pytest.mark.parametrize(("hops", "outcome"), [(1, "read"), (16, "read"), (17, "refused"), (18, "refused")])
def test_a_name_may_hold_sixteen_pointers(hops: int, outcome: str) -> None:
    """Each pointer points at the one before it; as many as dnspython follows."""
    question = b"\1a\0\0\x10\0\1"
    begin = 12 + len(question) + 12  # where the text of the first record lies, which is a chain of pointers
    targets = [12, *range(begin, begin + 2 * hops, 2)]
    chain = b"".join(struct.pack("!H", 0xC000 | target) for target in targets[: hops - 1])
    text = b"\0" + struct.pack("!HHIH", 16, 1, 60, 1 + len(chain)) + bytes([len(chain)]) + chain
    last = struct.pack("!HHHIH", 0xC000 | targets[hops - 1], 1, 1, 60, 4) + b"\1\2\3\4"
    packet = struct.pack("!HHHHHH", 1, 0x8180, 1, 2, 0, 0) + question + text + last
    assert _agree(packet) == outcome


@pytest.mark.parametrize("size", [4000, 60000])
def test_pointers_upon_pointers_cost_little_time(size: int) -> None:
    packet = _pointer_bomb(size)
    begin = time.process_time()
    with pytest.raises(wire.MalformedError):
        wire.read(packet)
    assert time.process_time() - begin < 0.05
