"""What to do in a DNS panel, step by step, for a remedy that is proven."""

from __future__ import annotations

from spfcheck.audit.report.model import Remedy, RemedyKind
from spfcheck.audit.report.strings import STRING_BYTES
from spfcheck.names import registrable

__all__ = ["panel_host", "panel_steps"]


def panel_host(name: str) -> str:
    """What a panel wants in the field for the host: ``@`` for the domain itself, else the part in front of it."""
    organisation = registrable(name)
    return "@" if name == organisation else name.removesuffix(f".{organisation}")


def panel_steps(remedy: Remedy, ttl: int = 3_600) -> tuple[str, ...]:
    """The steps, a sentence each; none where nothing is to be published.

    *ttl* is the lifetime in seconds of the record that stands there now, or the usual one.
    """
    if remedy.kind not in (RemedyKind.PUBLISH, RemedyKind.REPLACE):
        return ()
    host = panel_host(remedy.name)
    old = [one for one in remedy.delete if one.type == "TXT"]
    steps = [f"Open the DNS settings of {registrable(remedy.name)} at the provider that runs its DNS."]
    if len(old) == 1:
        steps.append(f"Find the TXT record of {host} ({remedy.name}) that reads: {old[0].value}")
        steps.append(f"Replace its value by: {remedy.value}")
    else:
        steps += [f"Delete the TXT record of {host} ({remedy.name}) that reads: {one.value}" for one in old]
        steps.append(f"Add a TXT record for the host {host} ({remedy.name}) with the value: {remedy.value}")
    if len(remedy.value) > STRING_BYTES:
        pieces = " ".join(f'"{one}"' for one in remedy.strings)
        steps.append(f"If the panel refuses the length, enter it in pieces, exactly so: {pieces}")
    steps.append("Save, and make sure that exactly one TXT record of that host begins with v=spf1.")
    steps.append(f"Wait {_minutes(ttl)} before testing: that is how long others may remember the old state.")
    return tuple(steps)


def _minutes(ttl: int) -> str:
    minutes = max(1, -(-ttl // 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"
