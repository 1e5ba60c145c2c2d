"""What the fuzz targets share: words of the grammar, and the corpus that a run begins with."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

WORDS = [
    *("v=spf1 ", " ", "include:", "redirect=", "exp=", "a", "mx", "ptr", "exists:", "ip4:", "ip6:", "all", "x="),
    *("+", "-", "~", "?", ":", "/", "//", "24", "128", "0", "192.0.2.1", "2001:db8::1", "::", "example.com", "."),
    *("%{", "}", "%%", "%_", "%-", "s", "l", "o", "d", "i", "p", "v", "h", "c", "r", "t", "D2r-+", "{", "%", "="),
    *("@", "\t", "\xe9", "xn--a"),
]


def in_words(data: bytes) -> bytes:
    """The same bytes as words of the grammar, so that mutations make sentences and not noise."""
    return "".join(WORDS[byte % len(WORDS)] for byte in data).encode("latin-1")


def fuzz(target: Callable[[bytes], None], seeds: Iterable[bytes]) -> None:
    """Run *target* from *seeds* until the arguments of the command line say stop."""

    def both(data: bytes) -> None:
        target(data)
        target(in_words(data[:60]))

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            target(seed)
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], both)
        atheris.Fuzz()
