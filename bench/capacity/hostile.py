"""What a stranger's record may cost: each hostile one at once, twice and four times its size, and how that grows."""

from __future__ import annotations

import asyncio
import gc
import time
from math import log2

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.senders import SenderProfile
from spfcheck.rfc7208.memo.plan import PLANS
from spfcheck.rfc7208.memo.table import FOLDS
from spfcheck.rfc7208.record import KEPT, PUBLISHED
from tests.made.hostile import DOMAIN, HOSTILE, HostileLookup, Made

FACTORS = (1, 2, 4)
MOST_S = 0.5
"""CPU seconds that an audit of any of them may take at its own size."""
EXPONENT = 1.2
"""What the time may grow by: the size to the power of this. A little more than 1, for what is sorted, and for noise."""
NOISE_S = 0.05
"""CPU seconds below which a growth says nothing."""
SENDERS = 2


def audited(make: Made, size: int) -> tuple[float, str]:
    """The CPU seconds of an audit of a record of *size* that nothing is known of, and what came of it."""
    lookup = HostileLookup(make(size))
    profiles = [SenderProfile(name=f"m{number}", include=f"_s{number}.example") for number in range(SENDERS)]
    ours = asyncio.run(prepare(profiles, lookup))
    KEPT.clear()
    PUBLISHED.clear()
    PLANS.clear()
    FOLDS.clear()
    gc.collect()
    gc.disable()  # what it takes hangs on what else is in memory, and not on the record
    try:
        began = time.process_time()
        report = asyncio.run(examine(DOMAIN, lookup, ours))
        taken = time.process_time() - began
    finally:
        gc.enable()
    certificate = report.remedy.certificate or {}
    why = " ".join(str(certificate[key]) for key in ("code", "reason") if key in certificate)
    return taken, f"{report.status}, {report.remedy.kind}{f' ({why})' if why else ''}"


def by_hostility() -> tuple[list[list[str]], float, float]:
    """Rows, the most CPU seconds of any at its own size, and the largest exponent of those that grow beyond noise."""
    rows: list[list[str]] = []
    most = exponent = 0.0
    for name, (size, make) in HOSTILE.items():
        taken = []
        for factor in FACTORS:
            seconds, told = audited(make, size * factor)
            taken.append(seconds)
            each = f"{seconds / (size * factor) * 1e6:.0f}"
            grown = log2(seconds / taken[0]) / log2(factor) if factor > 1 and taken[0] > 0 else 0.0
            if factor == FACTORS[-1] and seconds > NOISE_S:
                exponent = max(exponent, grown)
            power = f", size^{grown:.2f}" if factor > 1 else ""
            rows.append([name, f"{size * factor:,}", f"{seconds:.3f}", each, "", "", "", f"{told}{power}"])
        most = max(most, taken[0])
    return rows, most, exponent
