"""Where the command line's answers come from: the resolvers that are set, those of `--nameserver`, or a zone file."""
# ruff: noqa: PLC0415 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from spfcheck.cli.ending import UsageError
from spfcheck.resolver.types import Lookup
from spfcheck.settings import Settings

MAX_ZONE = 16 * 1024 * 1024
"""Bytes of a zone file; a larger one is a mistake."""


@asynccontextmanager
async def lookup_for(settings: Settings, zone: Path | None = None) -> AsyncIterator[Lookup]:
    """A `Lookup` over *zone* where one is given, else over the network. Raises `UsageError` or `ResolverError`."""
    if zone is not None:
        from spfcheck.resolver.zone import Zone, ZoneError, ZoneLookup

        text = read_zone(zone)
        try:
            parsed = Zone.parse(text)
        except ZoneError as error:
            raise UsageError(f"The zone file {zone} cannot be used: {error}.") from None
        yield ZoneLookup(parsed)
        return
    from spfcheck.resolver.stub import Resolver

    async with Resolver(
        nameservers(settings.nameservers), cache_mb=settings.cache_mb, zone_rate=settings.zone_rate
    ) as resolver:
        yield resolver


async def look_at_resolver(lookup: Lookup, includes: Sequence[str]) -> tuple[bool, tuple[str, ...]]:
    """Whether the resolvers behind *lookup* can be trusted, and what a person should know of them."""
    from spfcheck.resolver.canary import ResolverCheck
    from spfcheck.resolver.stub import Resolver

    if not isinstance(lookup, Resolver):
        return True, ()
    state = await ResolverCheck(lookup, includes, clock=time.monotonic).look()
    return state.may_judge, state.reasons


def nameservers(texts: Sequence[str]) -> list[tuple[str, int]] | None:
    """The resolvers that the settings name; None for the system's."""
    from spfcheck.resolver.nameservers import parse_nameservers

    return parse_nameservers(",".join(texts)) if texts else None


def read_zone(path: Path) -> str:
    """The text of a zone file. Raises `UsageError`."""
    try:
        if path.is_file() and path.stat().st_size > MAX_ZONE:
            raise UsageError(f"The zone file {path} is larger than {MAX_ZONE // 1024 // 1024} MB.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The zone file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The zone file {path} is not a text in UTF-8.") from None
