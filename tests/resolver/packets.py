"""Generated DNS packets, sound and damaged: what the two readers of a packet are held against each other with."""

from __future__ import annotations

import random
import struct

NAMES = (
    b"\7example\0",
    b"\10customer\7example\0",
    b"\4_SPF\4mail\7Example\0",
    b"\2mx\10customer\7example\0",
    b"\0",
    b"\77" + b"x" * 63 + b"\0",
    b"\3\xff\0.\1\\\7example\0",
    b"\77" + b"a" * 63 + b"\77" + b"b" * 63 + b"\77" + b"c" * 63 + b"\75" + b"d" * 61 + b"\0",
)
TAME_TYPES = (1, 2, 5, 6, 12, 15, 16, 28, 99)
TYPES = (*TAME_TYPES, 33, 43, 46, 257)


class Builder:
    """Writes one message, compressing names now and then, rightly and wrongly."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        # Two in three are what a resolver sends all day, so that both readers have much to agree about.
        self._wild = rng.random() < 0.33
        self._types = TYPES if self._wild else TAME_TYPES
        self._out = bytearray()
        self._offsets: list[int] = []

    def message(self) -> bytes:
        rng = self._rng
        flags = rng.choice((0x8180, 0x8400, 0x8580, 0x81A0, 0x8183, 0x8182, 0x8185, 0x8380, 0x0120, 0x8180))
        if self._wild and rng.random() < 0.3:
            flags = rng.getrandbits(16)
        counts = [
            rng.choice((1, 1, 1, 1, 0, 2)) if self._wild else 1,
            rng.choice((0, 1, 1, 2, 4)),
            rng.choice((0, 0, 1, 2)),
        ]
        edns = rng.choice((0, 0, 1, 1, 1, 2 if self._wild else 0))
        extra = rng.choice((0, 0, 0, 1, 2))
        self._out += struct.pack("!HHHHHH", rng.getrandbits(16), flags, *counts, edns + extra)
        kind = rng.choice(self._types)
        for _ in range(counts[0]):
            self._name()
            self._out += struct.pack("!HH", kind, 3 if self._wild and rng.random() < 0.05 else 1)
        for _ in range(counts[1]):
            self._record(kind if rng.random() < 0.7 else rng.choice(self._types))
        for _ in range(counts[2]):
            self._record(rng.choice((6, 6, 6, 2, rng.choice(self._types))))
        for _ in range(extra):
            self._record(rng.choice((1, 28, rng.choice(TYPES) if self._wild else 1)))
        for _ in range(edns):
            self._opt()
        if self._wild and rng.random() < 0.1:
            self._out += rng.randbytes(rng.randint(1, 9))
        return bytes(self._out)

    def _name(self) -> None:
        rng = self._rng
        if self._offsets and rng.random() < 0.6:
            if rng.random() < 0.3:
                label = rng.choice((b"\3www", b"\2ns", b"\1A"))
                self._offsets.append(len(self._out))
                self._out += label
            target = (
                rng.choice(self._offsets) if not self._wild or rng.random() < 0.9 else rng.randrange(len(self._out) + 4)
            )
            self._out += struct.pack("!H", 0xC000 | target & 0x3FFF)
            return
        name = rng.choice(NAMES)
        position = len(self._out)
        for step in range(len(name)):
            if step == 0 or rng.random() < 0.1:
                self._offsets.append(position + step)
        self._out += name

    def _record(self, kind: int) -> None:
        rng = self._rng
        if self._offsets and rng.random() < 0.6:
            self._out += b"\xc0\x0c"
        else:
            self._name()
        ttl = rng.choice((0, 60, 300, 86400, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
        self._out += struct.pack("!HHI", kind, rng.choice((3, 255)) if self._wild and rng.random() < 0.05 else 1, ttl)
        start = len(self._out)
        self._out += b"\0\0"
        self._data(kind)
        length = len(self._out) - start - 2
        if self._wild and rng.random() < 0.1:
            length = max(0, length + rng.choice((-1, 1, 200)))
        self._out[start : start + 2] = struct.pack("!H", length & 0xFFFF)

    def _data(self, kind: int) -> None:
        rng = self._rng
        if kind in (1, 28):
            self._out += rng.randbytes(4 if kind == 1 else 16)
        elif kind in (2, 5, 12):
            self._name()
        elif kind == 15:
            self._out += struct.pack("!H", rng.randrange(100))
            self._name()
        elif kind == 6:
            self._name()
            self._name()
            self._out += struct.pack("!IIIII", 1, 2, 3, 4, rng.choice((60, 3600, 0xFFFFFFFF)))
        elif kind in (16, 99):
            for _ in range(rng.choice((1, 1, 1, 2, 3, 0))):
                text = rng.choice((b"v=spf1 ip4:192.0.2.1 -all", b"", rng.randbytes(rng.randrange(60)), b"x" * 255))
                self._out += bytes([len(text)]) + text
        else:
            self._out += rng.randbytes(rng.randrange(30))

    def _opt(self) -> None:
        rng = self._rng
        if not self._wild or rng.random() < 0.9:
            self._out += b"\0"
        else:
            self._name()
        self._out += struct.pack("!HHI", 41, 1232, rng.choice((0, 0, 0x8000, 0x01000000, rng.getrandbits(32))))
        options = b""
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            code = rng.choice((15, 15, 15, 3, 8, 10, 12, 65001)) if self._wild else 15
            text = rng.choice(
                (b"", b"\0", b"blocked", b"blocked\0", "gesperrt für".encode(), b"\xff\xfe" if self._wild else b"")
            )
            data = struct.pack("!H", rng.choice((0, 3, 6, 9, 15, 16, 17, 19, 22, 4711))) + text
            options += struct.pack("!HH", code, len(data)) + data
        self._out += struct.pack("!H", len(options)) + options


def damage(packet: bytes, rng: random.Random) -> bytes:
    """*packet* with a few bytes changed, cut, doubled or put in."""
    out = bytearray(packet)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        if not out:
            break
        place = rng.randrange(len(out))
        action = rng.randrange(6)
        if action == 0:
            out[place] = rng.randrange(256)
        elif action == 1:
            out[place] ^= 1 << rng.randrange(8)
        elif action == 2:
            del out[place:]
        elif action == 3:
            out[place:place] = rng.randbytes(rng.randint(1, 4))
        elif action == 4:
            del out[place : place + rng.randint(1, 4)]
        else:
            out[place : place + 2] = struct.pack("!H", 0xC000 | rng.randrange(len(out) + 2) & 0x3FFF)
    return bytes(out)
