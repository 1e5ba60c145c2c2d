"""Frozen facts made in half the time: a bulk run makes a dozen for each domain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, field, fields, make_dataclass
from typing import Any, TypeVar, cast

__all__ = ["maker"]

T = TypeVar("T")


def maker(kind: type[T], *, in_order: bool = False) -> Callable[..., T]:
    """A constructor of *kind*, a frozen dataclass with slots: the same arguments, the same object, less time.

    With *in_order* it takes the fields in their order also where *kind* wants their names.
    A frozen dataclass sets each field through ``object.__setattr__``. A twin of the same layout that is not frozen sets
    them directly, and becomes a *kind* then.
    """

    def like(one: Field[Any]) -> Any:
        by_name = one.kw_only and not in_order
        return field(default=one.default, default_factory=one.default_factory, kw_only=by_name)

    def become(made: Any) -> None:
        made.__class__ = kind

    declared = [(one.name, Any, like(one)) for one in fields(cast("Any", kind))]
    twin = make_dataclass(
        kind.__name__, declared, namespace={"__post_init__": become}, slots=True, eq=False, repr=False
    )
    return cast("Callable[..., T]", twin)
