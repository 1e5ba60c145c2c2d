"""Who is right: the results of every engine for the same domains and address, beside what the domains were made to be.

For an address that nothing holds a domain's result follows from how it was made, so no engine judges another. For one
of ours the order of terms decides too; there the engines are compared with each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.made.customers import Customers

__all__ = ["Comparison", "against", "against_each_other"]

SHOWN = 3
"""Examples of each engine that a table shows."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the results of one engine differ from what is right."""

    compared: int
    wrong: int
    examples: tuple[str, ...]
    """The first ones: domain, what it is, what the engine says."""
    by_kind: Mapping[str, int]

    def short(self) -> str:
        """For a cell of a table."""
        return f"{self.wrong:,} of {self.compared:,}"


def against(customers: Customers, results: Sequence[str]) -> Comparison:
    """Compare *results* for `tests.made.customers.CLIENT`, of the first domains, with what they were made as."""
    wrong = []
    by_kind: dict[str, int] = {}
    for domain, kind, right, said in zip(customers.domains, customers.kinds, customers.expected, results, strict=False):
        if not same(right, said):
            wrong.append(f"{domain} ({kind.value}): {said}, not {right}")
            by_kind[kind.value] = by_kind.get(kind.value, 0) + 1
    return Comparison(len(results), len(wrong), tuple(wrong[:SHOWN]), by_kind)


def same(right: str, said: str) -> bool:
    """checkdmarc judges records and no address: its `valid` is whatever is neither none nor an error."""
    return said == right or (said == "valid" and right not in ("none", "permerror"))


def against_each_other(customers: Customers, results: Mapping[str, Sequence[str]]) -> list[str]:
    """The domains for which the engines do not all say the same, as lines; the shortest list of results decides."""
    lines = []
    for domain, kind, *said in zip(customers.domains, customers.kinds, *results.values(), strict=False):
        if len(set(said)) > 1:
            told = ", ".join(f"{name} {result}" for name, result in zip(results, said, strict=True))
            lines.append(f"{domain} ({kind.value}): {told}")
    return lines
