"""How many sockets this process holds."""

from __future__ import annotations

from pathlib import Path


def open_sockets() -> int:
    """Sockets of this process, as the system counts them."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:  # the folder's own descriptor
            continue
    return count
