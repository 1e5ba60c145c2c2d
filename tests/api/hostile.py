"""What a stranger may do to the service while others use it: records that are much work, and those who stop midway.

``python -m tests.api.hostile ATTACK PORT KEY`` goes on until SIGTERM, in a process that does not measure.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator

MANY = 200
"""Names of each kind of record: an answer that is at hand is no work."""

RECORDS_A_SECOND = 10
BODIES = 150
READERS = 8


def text_of(term: str, size: int) -> str:
    """A record of about *size* bytes, all of it *term*; ``#`` in it is a number."""
    terms: list[str] = []
    for number in itertools.count():
        terms.append(term.replace("#", str(number)))
        size -= len(terms[-1]) + 1
        if size < 0:
            return " ".join(["v=spf1", *terms, "~all"])
    raise AssertionError


RECORDS = {
    "one-term": "v=spf1 exists:" + "%{i}." * 12_000 + "example ~all",
    "hosts": text_of("a:h#.example", 60_000),
    "same": text_of("a", 60_000),
    "names": text_of("exists:%{d}.h#", 60_000),
    "networks": text_of("?ip4:10.0.0.0/# ip4:192.0.2.#", 60_000).replace("/", "/2"),
    "includes": text_of("include:h#.example", 60_000),
    "mended": text_of("ip4:192.0.2.1,", 60_000),
    "light-hosts": text_of("a:h#.example", 240),
    "light-names": text_of("exists:%{d}.h#", 310),
    "light-mended": text_of("ip4:192.0.2.1,", 3_200),
}
"""The worst that are known, as large as an answer can be, and as large as is still checked on the spot."""


def zone() -> Iterator[str]:
    """The names that publish `RECORDS`."""
    for kind, text in RECORDS.items():
        strings = " ".join(f'"{text[at : at + 250]}"' for at in range(0, len(text), 250))
        for number in range(MANY if kind.startswith("light") else MANY // 10):
            yield f"n{number}.{kind}.example TXT {strings}"


Attack = Callable[[int, str, asyncio.Event], Awaitable[None]]
"""Goes on until the event is set; the service's port, and a key."""


async def _sent(port: int, head: str, body: bytes, seconds: float) -> None:
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(head.encode() + body)
            await asyncio.wait_for(reader.read(), seconds)
        finally:
            writer.close()


async def records(port: int, key: str, over: asyncio.Event) -> None:
    """New checks of the worst records, the light ones too: as many as ten keys may ask for."""
    names = [name.split()[0] for name in zone()]
    random.Random(7).shuffle(names)
    going: list[asyncio.Task[None]] = []
    for name in itertools.cycle(names):
        head = f"GET /v1/check/{name}?fresh=true&wait_ms=500 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += f"Authorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        going.append(asyncio.create_task(_sent(port, head, b"", 30.0)))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 1 / RECORDS_A_SECOND)
        if over.is_set():
            break
    await asyncio.gather(*going)


async def bodies(port: int, key: str, over: asyncio.Event) -> None:
    """Bodies, heads and batches that begin and do not go on."""
    lines = f"Host: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    begun = (
        f"POST /v1/check HTTP/1.1\r\n{lines}Content-Length: 90\r\n\r\n{{",
        f"POST /v1/check/batch HTTP/1.1\r\n{lines}Transfer-Encoding: chunked\r\n\r\n",
        f"POST /v1/check HTTP/1.1\r\n{lines}Content-Length: 90\r\nExpect: 100-continue\r\n\r\n",
        f"POST /sign-in HTTP/1.1\r\n{lines.replace('json', 'x-www-form-urlencoded')}Content-Length: 9\r\n\r\nk",
        "GET /v1/check/bakery.example HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        "",
    )

    async def one(text: str) -> None:
        while not over.is_set():
            await _sent(port, text, b"", 5.0)

    await asyncio.gather(*(one(begun[number % len(begun)]) for number in range(BODIES)))


async def readers(port: int, key: str, over: asyncio.Event) -> None:
    """Batches of large reports that nobody reads."""
    domains = b"n0.networks.example\nbakery.example\n" * 600

    async def one() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                head = f"POST /v1/check/batch?view=full HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
                head += f"Content-Type: application/x-ndjson\r\nContent-Length: {len(domains)}\r\n\r\n"
                writer.write(head.encode() + domains)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), 5.0)
                writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(READERS)))


async def main(name: str, port: int, key: str) -> None:
    """One attack until SIGTERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await ATTACKS[name](port, key, over)


ATTACKS: dict[str, Attack] = {
    "the worst records": records,
    "bodies that do not come": bodies,
    "readers that stop": readers,
}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
