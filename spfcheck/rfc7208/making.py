"""Frozen facts made in a quarter of the time: a bulk run makes a dozen for each domain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, cast

T = TypeVar("T")


def maker(kind: type[T]) -> Callable[..., T]:
    """A constructor of *kind*, a dataclass with slots: the same object by name, also by position, in less time.

    By position it takes the fields without a default first; one that makes its default anew must be given.
    A frozen dataclass sets each field through ``object.__setattr__``. A twin of the same layout that is not frozen sets
    them directly, and becomes a *kind* then. As `dataclasses` does, this writes the function out.
    """
    if hasattr(kind, "__mypyc_attrs__"):  # compiled, it is made as fast by its own constructor
        return kind
    declared = fields(cast("Any", kind))
    defaults = {one.name: one.default for one in declared if one.default is not MISSING}
    names = [one.name for one in declared]
    needed = [name for name in names if name not in defaults]
    signature = ", ".join([*needed, *(f"{name}=_defaults[{name!r}]" for name in defaults)])
    lines = [f"_made.{name} = {name}" for name in names]
    body = "\n    ".join(["_made = _new(_twin)", *lines, "_made.__class__ = _kind", "return _made"])
    known: dict[str, Any] = {"_defaults": defaults, "_kind": kind, "_new": object.__new__}
    known["_twin"] = type(kind.__name__, (), {"__slots__": tuple(names)})
    exec(f"def make({signature}):\n    {body}\n", known)  # noqa: S102 - the names of our own fields
    return cast("Callable[..., T]", known["make"])
