"""Runs an evaluation over any lookup: the network, a zone text, or recorded answers."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from spfcheck.resolver.types import Answer, Lookup, Question

T = TypeVar("T")


async def drive(evaluation: Generator[Question, Answer, T], lookup: Lookup) -> T:
    """The result of *evaluation*, its questions answered by *lookup*.

    Never awaits while the answers are cached, so that a check that has them all costs no turn of the event loop.
    """
    try:
        question = next(evaluation)
        while True:
            question = evaluation.send(lookup.cached(question) or await lookup.ask(question))
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        evaluation.close()
