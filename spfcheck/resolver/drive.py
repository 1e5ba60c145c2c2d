"""Runs an evaluation over any lookup: the network, a zone text, or recorded answers."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TypeVar

from spfcheck.resolver.types import Answer, Lookup, Question

__all__ = ["Overlay", "Recorded", "UnrecordedError", "drive", "drive_cached"]

T = TypeVar("T")


class UnrecordedError(LookupError):
    """The recorded answers do not hold what the evaluation asks for."""

    def __init__(self, question: Question) -> None:
        super().__init__(f"no answer is recorded for {question.name or '.'} {question.rtype.name}")
        self.question = question


async def drive(evaluation: Generator[Question, Answer, T], lookup: Lookup) -> T:
    """The result of *evaluation*, its questions answered by *lookup*.

    Never awaits while the answers are at hand, so that a check that is all cached costs no turn of the event loop.
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


def drive_cached(evaluation: Generator[Question, Answer, T], lookup: Lookup) -> T:
    """The result of *evaluation* by answers that are at hand only; raises UnrecordedError for any other."""
    try:
        question = next(evaluation)
        while True:
            answer = lookup.cached(question)
            if answer is None:
                raise UnrecordedError(question)
            question = evaluation.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        evaluation.close()


class Recorded:
    """A `Lookup` over the answers of an earlier check; anything else raises UnrecordedError."""

    def __init__(self, answers: Mapping[Question, Answer] | Iterable[Answer]) -> None:
        self._answers: dict[Question, Answer] = (
            dict(answers) if isinstance(answers, Mapping) else {answer.question: answer for answer in answers}
        )

    def cached(self, question: Question) -> Answer | None:
        """The recorded answer; raises UnrecordedError where there is none."""
        answer = self._answers.get(question)
        if answer is None:
            raise UnrecordedError(question)
        return answer

    async def ask(self, question: Question) -> Answer:
        """The recorded answer; raises UnrecordedError where there is none."""
        answer = self._answers.get(question)
        if answer is None:
            raise UnrecordedError(question)
        return answer


class Overlay:
    """A `Lookup` that answers some questions itself and leaves the others to *base*: "what if I published this?"."""

    def __init__(self, base: Lookup, answers: Iterable[Answer]) -> None:
        self._base = base
        self._answers: dict[Question, Answer] = {answer.question: answer for answer in answers}

    def cached(self, question: Question) -> Answer | None:
        """The answer laid over, else what *base* has at hand."""
        return self._answers.get(question) or self._base.cached(question)

    async def ask(self, question: Question) -> Answer:
        """The answer laid over, else what *base* answers."""
        return self._answers.get(question) or await self._base.ask(question)
