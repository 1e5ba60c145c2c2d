"""The plain way to run an evaluation: against a function that has every reply."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from spfcheck.rfc7208.lookup import Question, Reply

T = TypeVar("T")


def run(evaluation: Generator[Question, Reply, T], answer: Callable[[Question], Reply]) -> T:
    """The result of *evaluation*, each of its questions answered by *answer*."""
    try:
        question = next(evaluation)
        while True:
            question = evaluation.send(answer(question))
    except StopIteration as stop:
        result: T = stop.value
        return result
