"""What a mutation is, and where all of them are found: one module of this package for each room."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class StaleError(Exception):
    """The list of mutations does not fit the code any more."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One guard broken: *old* becomes *new* in *file*, and one of *tests* (files, or tests in them) has to fail.

    *file* is named from the root of the tree; *old* stands in it exactly once.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The text of the file as it is with the mutation. Raises `StaleError`."""
        times = text.count(self.old)
        if times != 1:
            raise StaleError(f"{self.name}: its text stands {times} times in {self.file}, not once: {self.old!r}")
        return text.replace(self.old, self.new)


def rooms() -> dict[str, tuple[Mutation, ...]]:
    """The mutations of each room: what the modules of this package call ``MUTATIONS``."""
    found: dict[str, tuple[Mutation, ...]] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name != "__main__":
            listed = getattr(importlib.import_module(f"{__package__}.{module.name}"), "MUTATIONS", None)
            if listed is not None:
                found[module.name] = listed
    return found
