"""What a check takes of the machine, counted and not timed: the calls that are made while it runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.rfc7208.cache import Kept
from spfcheck.rfc7208.memo.plan import PLANS
from spfcheck.rfc7208.memo.table import FOLDS
from spfcheck.rfc7208.record import KEPT, PUBLISHED
from tests.made.hostile import DOMAIN, HostileLookup, Published, what_is_tried

T = TypeVar("T")


class Counted:
    """How many calls, of Python and of C, are made by what runs in it."""

    def __init__(self) -> None:
        self.calls = 0

    def _note(self, _: FrameType, event: str, __: Any) -> None:
        if event in ("call", "c_call"):
            self.calls += 1

    def of(self, work: Callable[[], T]) -> T:
        """What *work* returns."""
        sys.setprofile(self._note)
        try:
            return work()
        finally:
            sys.setprofile(None)


def forget() -> None:
    """Nothing is known from an earlier check."""
    kept: tuple[Kept[Any, Any], ...] = (KEPT, PUBLISHED, PLANS, FOLDS)
    for one in kept:
        one.clear()


def ours_of(lookup: HostileLookup, senders: int = 1) -> Ours:
    """So many senders of ours."""
    profiles = [SenderProfile(name=f"m{number}", include=f"_s{number}.example") for number in range(senders)]
    return asyncio.run(prepare(profiles, lookup, clock=lambda: 5.0))


def report_on(published: Published, *, senders: int = 1, tried: bool = False, **more: Any) -> Report:
    """The report on what is *published*, or on its record as a text that is only *tried*."""
    if tried:
        more["record"] = what_is_tried(published)
    lookup = HostileLookup(published)
    ours = ours_of(lookup, senders)
    return asyncio.run(examine(DOMAIN, lookup, ours, clock=lambda: 5.0, new_id=lambda: "id", **more))
