"""Edits of a record's text that leave every other byte alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from spfcheck.rfc7208.record import Record, Term

__all__ = ["VERSION", "Word", "before_all", "insert", "is_all", "pieces", "without", "write"]


VERSION: Final = len("v=spf1")


class Word(NamedTuple):
    """One word of a record: the spaces in front of it as written, its text, and the term that it is.

    None for a new one, and for a network that was not read as a term.
    """

    spaces: str
    text: str
    term: Term | None


def pieces(record: Record) -> tuple[Word, ...]:
    """The words of *record* after the version."""
    found: list[Word] = []
    position = VERSION
    for term in record.terms:
        found.append(Word(record.text[position : term.span.start], term.text, term))
        position = term.span.stop
    return tuple(found)


def write(text: str, words: Iterable[Word]) -> str:
    """The version as *text* writes it, and *words*."""
    return text[:VERSION] + "".join([word.spaces + word.text for word in words])


def without(words: Iterable[Word], dropped: Sequence[Term]) -> tuple[Word, ...]:
    """*words* except the terms *dropped*, which are told apart by identity."""
    gone = {id(term) for term in dropped}
    return tuple(piece for piece in words if piece.term is None or id(piece.term) not in gone)


def insert(words: Sequence[Word], includes: Iterable[str], place: str) -> tuple[Word, ...]:
    """*words* with an ``include:`` for each of *includes*, at ``end`` or ``front``.

    The end is behind the last mechanism in front of the first ``all``; a redirect does not count, since it is read last
    wherever it stands (RFC 7208 6.1). The front is directly behind the version.
    """
    at = 0 if place == "front" else _end(words)
    new = tuple(Word(" ", f"include:{name}", None) for name in includes)
    return (*words[:at], *new, *words[at:])


def _end(words: Sequence[Word]) -> int:
    end = 0
    for index, piece in enumerate(before_all(words), 1):
        if piece.term is None or not piece.term.is_modifier:
            end = index
    return end


def before_all(words: Sequence[Word]) -> Iterator[Word]:
    """The words in front of the first ``all``, which are those that receivers read (RFC 7208 5.1)."""
    for piece in words:
        if is_all(piece):
            return
        yield piece


def is_all(piece: Word) -> bool:
    """True for an ``all``, whatever it says of everybody else."""
    return piece.term is not None and piece.term.name == "all" and not piece.term.is_modifier
