"""What is claimed of a proposed record, and what a prover says to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from spfcheck.audit.judgement.vendors import mailbox_of
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.limits import MX_HOSTS, STRICT
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Result, spf_texts

__all__ = ["LOOKUPS", "Proof", "Proposal", "Refusal", "for_nobody"]

LOOKUPS: Final = STRICT.lookups


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be published: the name, the record, and the texts that would be deleted there."""

    name: str
    value: str
    delete: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """That a proposal repairs the domain and changes nothing else, and what that rests on."""

    lookups: int
    void_lookups: int
    by: tuple[str, ...]
    assumes: tuple[str, ...]
    cells: int
    """Sets of our addresses that were evaluated, each of which passes."""
    at_front: bool
    """Whether our include is the first term, so that nothing in front of it can ever turn us away."""

    def facts(self) -> dict[str, Any]:
        """The proof as plain values, for a report."""
        return {
            "lookups": self.lookups,
            "void_lookups": self.void_lookups,
            "by": list(self.by),
            "holds": {
                "ours-pass": "as long as our include stands" if self.at_front else "today",
                "nobody-else-notices": "today" if "publish" in self.by else "for all time",
                "limits": "today",
            },
            "assumes": list(self.assumes),
            "cells": self.cells,
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a proposal is not proven: the invariant, and one sentence. *lookups* where the count is the reason."""

    invariant: str
    why: str
    lookups: int | None = None
    everybody: str = ""
    """The terms that would let everybody in, where that is the reason."""


def for_nobody(domain: str, sure: Callable[[Question], Answer]) -> tuple[list[str], Result]:
    """What a record must list beside us where there is none, and what it must say of everyone else.

    RFC 7208 8.2: neutral "MUST be treated exactly like" none, so nobody is worse off than without a record.
    """
    exchanges = [name for _, name in sure(Question(domain, Rtype.MX)).records if name]
    provider = mailbox_of(exchanges)
    if provider is not None and len(spf_texts(sure(Question(provider.include, Rtype.TXT)))) == 1:
        return [f"include:{provider.include}"], Result.SOFTFAIL
    return (["mx"] if 0 < len(exchanges) <= MX_HOSTS else []), Result.NEUTRAL
