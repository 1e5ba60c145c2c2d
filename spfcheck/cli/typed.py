"""Lines of standard input: typed by a person, from a pipe or a file, in the encodings that programs write."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TextIO

from spfcheck.cli.ending import UsageError

LONGEST = 65_536
"""Characters of a line that are kept; what is longer is no domain name, and is refused as one line."""

_AHEAD = 1_000
"""Lines read ahead: enough that checks do not wait for a file."""

_CHUNK = 65_536
"""Bytes read at a time: what a pipe holds."""


async def lines(stream: TextIO | None) -> AsyncIterator[str]:
    """The lines of *stream* in UTF-8, or in UTF-16 with a mark as PowerShell writes it; Ctrl-C ends the wait.

    A thread of its own reads, for a file cannot be waited for; it dies with the program, which a thread of the loop's
    executor would not let end before the next line. Raises `UsageError` where there is no *stream*, as the interpreter
    says it of a closed one, and `OSError` where it cannot be read.
    """
    if stream is None:
        raise UsageError("Standard input is closed, so there is nothing to read from -.")
    descriptor = stream.fileno()
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[str | OSError | None] = asyncio.Queue()
    room = threading.Semaphore(_AHEAD)

    def put(item: str | OSError | None) -> None:
        room.acquire()
        loop.call_soon_threadsafe(waiting.put_nowait, item)

    def read() -> None:
        # The loop is closed where nobody reads any more.
        with contextlib.suppress(RuntimeError):
            try:
                for line in _decoded(descriptor):
                    put(line)
                put(None)
            except OSError as error:
                put(error)

    threading.Thread(target=read, name="standard-input", daemon=True).start()
    while (item := await waiting.get()) is not None:
        room.release()
        if isinstance(item, OSError):
            raise item
        yield item


def _decoded(descriptor: int) -> Iterator[str]:
    chunk = os.read(descriptor, _CHUNK)
    # Neither byte of a UTF-16 mark can begin UTF-8; both decoders drop their mark.
    encoding = "utf-16" if chunk[:1] in (b"\xff", b"\xfe") else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest = ""
    while chunk:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            yield line[:LONGEST]
        rest = rest[:LONGEST]
        chunk = os.read(descriptor, _CHUNK)
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest[:LONGEST]
