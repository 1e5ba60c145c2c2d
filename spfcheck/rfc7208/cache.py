"""A bounded memory of things that are costly to make and often wanted again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key, in two generations that each weigh at most *most*.

    When the young generation is full it becomes the old one, and the old one is forgotten; what is wanted again in time
    moves to the young one. So what is in use stays, and a flood of large strangers cannot take more than its share. One
    that is heavier than a whole generation is kept until the next such comes.
    """

    __slots__ = ("_heavy", "_most", "_old", "_weight", "_young")

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._heavy: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value kept for *key*, or None."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                return self._heavy.get(key) if self._heavy else None
            self.put(key, *found)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep *value*, which is never None."""
        if weight > self._most:
            self._heavy = {key: value}
            return
        if self._weight + weight > self._most:
            self._old, self._young, self._weight = self._young, {}, 0
        self._weight += weight
        self._young[key] = (value, weight)

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old, self._heavy, self._weight = {}, {}, {}, 0
