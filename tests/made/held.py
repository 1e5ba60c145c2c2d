"""pyspf, held at its work until it is let go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["held_engine"]


@contextmanager
def held_engine() -> Iterator[threading.Event]:
    """Let pyspf begin and not end before the event is set; at the end it is let go in any case."""
    import spf

    let_go = threading.Event()
    check = spf.query.check

    def held(query: object) -> object:
        let_go.wait()
        return check(query)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spf.query, "check", held)
        try:
            yield let_go
        finally:
            let_go.set()
