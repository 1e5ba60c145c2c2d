"""Which resolvers to ask: as an operator writes them, or the system's."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final

from spfcheck.values import DNS_PORT, resolver

MOST_SYSTEM_SERVERS: Final = 3
"""The C library reads no more from /etc/resolv.conf either (resolv.conf(5), MAXNS)."""


class ResolverError(Exception):
    """There is no resolver to ask; says in one sentence what to do about it."""


def parse_nameservers(text: str) -> list[tuple[str, int]]:
    """The resolvers in ``ip[:port],[v6]:port,...``; raises ValueError with one sentence for anything else."""
    servers = [resolver(part.strip()) for part in text.split(",") if part.strip()]
    if not servers:
        raise ValueError("no resolver is given: write an address such as 127.0.0.1 or [::1]:5353")
    return list(dict.fromkeys(servers))


def system_nameservers(path: Path = Path("/etc/resolv.conf")) -> list[tuple[str, int]]:
    """The system's resolvers from *path*; raises ResolverError when it names none."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise ResolverError(f"No resolver is set, and {path} cannot be read: {error.strerror}.") from error
    servers = []
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                ipaddress.ip_address(words[1])
            except ValueError:
                continue  # as the C library does
            servers.append((words[1], DNS_PORT))
    if not servers:
        raise ResolverError(f"No resolver is set, and {path} names none.")
    return list(dict.fromkeys(servers))[:MOST_SYSTEM_SERVERS]


def label(host: str, port: int) -> str:
    """``address:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
