"""How Python's collector of cycles is set for a process that checks many domains."""

from __future__ import annotations

import gc

YOUNG = 10_000
"""New objects after which the collector looks at them (700 by default): the record of one customer is a hundred."""


def freeze() -> None:
    """Spare the collector what stays: what was loaded at the start for good, and what a check reads for a while.

    Else each full collection would walk over the former, and a quarter of the time of a check whose record is seen for
    the first time would go into looking at the latter again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
