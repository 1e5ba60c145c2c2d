"""Fuzzing of the whole audit: `python -m tests.audit.fuzz_audit [-max_total_time=SECONDS] [-blind]`, or `make fuzz`.

Whatever bytes are published, there is a verdict, a report and the same report when it is told again, nothing raises,
and none of it takes longer than a clock of the processor allows. With atheris the search is led by what it reaches;
without, or *-blind*, inputs are drawn at random, many more of them, which is said loudly.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

try:
    import atheris
except ImportError:
    atheris = None

from tests.made.hostile import DOMAIN, HOSTILE, HostileLookup, Published, domain, text, what_is_tried

if atheris is not None and __name__ == "__main__" and "-blind" not in sys.argv:
    with atheris.instrument_imports(include=["spfcheck.audit", "spfcheck.rfc7208"]):
        from spfcheck.audit.examine import examine
else:
    from spfcheck.audit.examine import examine

from spfcheck.audit.prepare import prepare
from spfcheck.audit.replay import replay
from spfcheck.audit.report.model import as_json
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import KEPT, PUBLISHED

LED: Final = atheris is not None and __name__ == "__main__" and "-blind" not in sys.argv
"""Whether what an input reaches is counted, by code that was written into the modules as they were imported."""
SECONDS: Final = 10.0 if LED else 3.0
"""CPU seconds for all that is done with one input, interpreted; counting what is reached takes three times as long."""
MOST_BYTES: Final = 65_535
"""What one DNS message carries."""
PIECES: Final = [
    *(
        "v=spf1 ",
        "v=spf1",
        " ",
        "  ",
        "a ",
        "mx ",
        "ptr ",
        "a",
        "mx",
        "all",
        "-all ",
        "~",
        "?",
        "-",
        "+",
        ":",
        "/",
        "=",
    ),
    *("ip4:1.2.3.4 ", "-ip4:1.2.3.4 ", "ip4:1.2.3.4,", "ip4:203.0.113.1 ", "ip4:11.0.0.0/8 ", "ipv4:1.2.3.4 ", "ip6:"),
    *("2001:db8::/32 ", "1.2.3.4 ", "include:", "include:p.example ", "-include:p.example ", "include:q.example "),
    *("include:_s0.example ", "include:_s0.exampel ", "?include:_s0.example ", "include=_s0.example ", "_s0.example"),
    *("redirect=p.example ", "exists:%{i}.x.example ", "a:%{d} ", "%{i}", "%{D2r-}", "%", "x=y ", "exp=x.example "),
    *("MS=ms123456 ", '" "', '"', "\\", "&quot;", "<br>", ",", ";", ".", "(", ">", "> ", "IN TXT ", "SPF: ", "spf"),
    *("\xc2\xa0", "\xe2\x80\x93", "\xef\xbb\xbf", "\xff", "\x00", "\t", "\n", "v=DMARC1; p=none;", "k=rsa; p=", "MIGf"),
    *("xxxxxxxxxxxxxxxx", "p.example", "http://", "@", "m\xc3\xbcller.example ", "amx", "-a", "mx/", "a:", "//64 "),
]
REPEATS: Final = (1, 1, 1, 1, 2, 3, 40, 900)
SEPARATORS: Final = (255, 255, 100, 1)


def texts_of(data: bytes) -> Iterator[bytes]:
    """The bytes of *data* as pieces of records: two for each, which piece and how often; 255 ends a text."""
    parts: list[str] = []
    for one, often in zip(data[::2], data[1::2], strict=False):
        if one == 255:
            yield "".join(parts).encode("latin-1")[:MOST_BYTES]
            parts = []
        else:
            parts.append(PIECES[one % len(PIECES)] * REPEATS[often % len(REPEATS)])
    yield "".join(parts).encode("latin-1")[:MOST_BYTES]


def zone_of(data: bytes) -> Published:
    """What *data* publishes: its first text, or its first three, and the records that they may include."""
    head, rest = data[:1] or b"\x00", data[1:]
    found = [one for one in texts_of(rest) if one] or [rest]
    several = 1 + (head[0] >> 6) % 3
    length = SEPARATORS[head[0] & 3]
    made = domain(*found[:several], length=length)
    for name, one in zip(("p.example", "q.example"), found[several:], strict=False):
        made[Question(name, Rtype.TXT)] = (text(one, length),)
    return made


def target(data: bytes) -> None:
    """Judge, report and replay what *data* publishes, as a record and as a text that is tried."""
    KEPT.clear()
    PUBLISHED.clear()
    began = time.process_time()
    asyncio.run(_all_ways(data))
    taken = time.process_time() - began
    assert taken < SECONDS, f"{taken:.1f} s of CPU"


async def _all_ways(data: bytes) -> None:
    head = data[0] if data else 0
    profiles = [
        SenderProfile(name=f"m{number}", include=f"_s{number}.example") for number in range((1, 1, 2, 4)[head >> 2 & 3])
    ]
    published = zone_of(data)
    lookup = HostileLookup(dict(published))
    for ip in ("203.0.113.1", "2001:db8:50::1", "9.9.9.9"):
        run(check_host(ip, DOMAIN, explain=True, trace=bool(head & 16)), lookup.cached)
    tried = what_is_tried(published) if head & 32 else None
    lookup = HostileLookup(published)
    ours: Ours = await prepare(profiles, lookup, clock=lambda: 5.0)
    said: dict[str, Any] = {"clock": lambda: 5.0, "new_id": lambda: "id"}
    report = await examine(DOMAIN, lookup, ours, record=tried, **said)
    stored = json.dumps(as_json(report))
    assert json.dumps(as_json(await replay(json.loads(stored), profiles))) == stored


def seeds() -> Iterator[bytes]:
    """A few words, and one repetition of each piece."""
    yield b"\x00\x00\x00\x04\x00\x0a\x00"
    for number in range(len(PIECES)):
        yield bytes([number & 0x3C, 0, 0, number, 7, 10, 0])


def blindly(seconds: float, seed: int = 7208) -> int:
    """Inputs at random for so many *seconds*; returns how many."""
    why = "ATHERIS IS NOT INSTALLED" if atheris is None else "Atheris is not used"
    print(f"{why}: inputs are drawn at random, and nobody sees what they reach.", file=sys.stderr)
    rng, count, end = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        drawn = bytes(rng.randrange(256) for _ in range(rng.choice((5, 9, 15, 31, 61))))
        try:
            target(drawn)
        except BaseException:
            print(f"the input was {drawn!r}", file=sys.stderr)
            raise
        count += 1
    print(f"Done {count} runs", file=sys.stderr)
    return count


def main(arguments: list[str]) -> None:
    """Each hostile record once, and then whatever comes."""
    for size, make in HOSTILE.values():
        for ip in ("203.0.113.1", "9.9.9.9"):
            run(check_host(ip, DOMAIN), HostileLookup(make(size)).cached)
    if not LED:
        given = [one.partition("=")[2] for one in arguments if one.startswith("-max_total_time=")]
        blindly(float(given[0]) if given else 600.0)
        return
    from tests.rfc7208.fuzzing import fuzz

    made: Callable[[bytes], None] = target
    fuzz(made, seeds())


if __name__ == "__main__":
    main(sys.argv[1:])
