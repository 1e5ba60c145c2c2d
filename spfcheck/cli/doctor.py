"""`spfcheck doctor`: each thing that the product rests on, a line each, before it is relied on."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from spfcheck.audit.prepare import prepare
from spfcheck.checking.senders import one_check, profiles_of
from spfcheck.cli.ending import COULD_NOT_CHECK, FINE
from spfcheck.cli.lookups import look_at_resolver, lookup_for
from spfcheck.resolver.stub import Resolver
from spfcheck.settings import Settings, load

REGIONS = {"api.intercom.io": "US", "api.eu.intercom.io": "EU", "api.au.intercom.io": "AU"}
"""Where the messaging API answers for which region, by its description."""

Result = tuple[str, str]
"""`ok`, `off` or `bad`, and a sentence."""


def doctor() -> int:
    """Look at the settings, the resolver, our senders, the database and the token: a line each.

    The exit code is 0 when all is well, 3 when something is not.
    """
    settings = load()
    print("ok    settings   They can be read.")
    return asyncio.run(_examine(settings))


async def _examine(settings: Settings) -> int:
    looks: dict[str, Callable[[Settings], Awaitable[Result]]] = {
        "resolver": _resolver,
        "senders": _senders,
        "database": _database,
        "keys": _keys,
        "intercom": _intercom,
        "notify": _notify,
    }
    code = FINE
    for name, look in looks.items():
        try:
            word, sentence = await look(settings)
        except Exception as error:  # noqa: BLE001 - one thing that fails must not hide the others
            from spfcheck.cli.ending import _sentence

            word, sentence = "bad", _sentence(error) or f"Unexpected: {type(error).__name__}."
        print(f"{word:<5} {name:<10} {sentence}", flush=True)
        if word == "bad":
            code = COULD_NOT_CHECK
    return code


async def _resolver(settings: Settings) -> Result:
    async with lookup_for(settings) as lookup:
        may_judge, reasons = await look_at_resolver(lookup, [s.include for s in settings.sender_profiles()])
        if not may_judge:
            return "bad", " ".join(reasons)
        servers = ", ".join(lookup.nameservers) if isinstance(lookup, Resolver) else "the zone"
    return "ok", " ".join((f"{servers} answers.", *reasons))


async def _senders(settings: Settings) -> Result:
    profiles = profiles_of(settings)
    if not profiles:
        return "bad", "None is set: set SPFCHECK_SENDER_INCLUDE to what a customer includes."
    async with lookup_for(settings) as lookup:
        ours = await prepare(profiles, one_check(lookup))
    if not ours.ready:
        return "bad", " ".join(ours.reasons)
    networks = sum(len(sender.networks) for sender in ours.senders)
    return "ok", f"{', '.join(sorted(ours.names))} authorises {networks} networks."


async def _database(settings: Settings) -> Result:
    from spfcheck.notify.ledger.migration import is_current
    from spfcheck.store.database import open_engine

    engine = await asyncio.to_thread(open_engine, settings.database_url)
    try:
        current = is_current(engine)
    finally:
        engine.dispose()
    if current:
        return "ok", "It can be opened, and its tables are current."
    return "ok", "It can be opened; its tables are made at the first use, or by `spfcheck db upgrade`."


async def _keys(settings: Settings) -> Result:
    from spfcheck.api.keys import parse_line

    keys = [parse_line(line) for line in settings.api_keys]
    return (
        ("ok", f"{len(keys)} in the settings.") if keys else ("off", "None in the settings: only this machine may ask.")
    )


async def _intercom(settings: Settings) -> Result:
    if not settings.intercom.token.get_secret_value():
        return "off", "No token is set, so nobody can be messaged."
    from spfcheck.intercom.client import Intercom

    async with Intercom(settings.intercom) as intercom:
        me = await intercom.me()
        if settings.intercom.workspace and me.workspace != settings.intercom.workspace:
            return "bad", f"The token is of the workspace {me.workspace}, and {settings.intercom.workspace} is set."
        missing = [
            source.path
            for source in settings.audience.domain_sources
            if source.path not in await intercom.attributes(source.origin)
        ]
        faults = [f"The workspace {me.workspace} has no attribute {', '.join(missing)}."] if missing else []
        faults += workspace_faults(
            settings, region=me.region, admins=await intercom.admins(), tags=await intercom.tags()
        )
    if faults:
        return "bad", " ".join(faults)
    return "ok", f"The token works in the workspace {me.workspace}."


def workspace_faults(settings: Settings, *, region: str, admins: Collection[int], tags: Collection[str]) -> list[str]:
    """What the workspace lacks of what the settings name, a sentence each; *tags* are names in lower case."""
    faults: list[str] = []
    if settings.intercom.admin_id not in admins:
        faults.append(f"It has no admin {settings.intercom.admin_id} (SPFCHECK_INTERCOM_ADMIN_ID).")
    unknown = [name for name in settings.audience.exclude_tags if name.lower() not in tags]
    if unknown:
        faults.append(
            f"It has no tag {', '.join(unknown)} (audience.exclude_tags): whoever opts out would be written to."
        )
    host = urlsplit(settings.intercom.url).hostname or ""
    asked = REGIONS.get(host)
    if asked and region and asked != region.upper():
        right = next((name for name, one in REGIONS.items() if one == region.upper()), "")
        faults.append(f"It is in the region {region}, and {host} is that of {asked}: set the URL to https://{right}.")
    return faults


async def _notify(settings: Settings) -> Result:
    if not settings.intercom.token.get_secret_value():
        return "off", "No token is set, so nobody can be messaged."
    from spfcheck.notify.audience.query import People
    from spfcheck.notify.sending.message import Writer

    People.of(settings.notify)
    Writer(settings.public_url, settings.notify.subject_template, settings.notify.body_template)
    if not settings.public_url:
        return "bad", "No public address is set (SPFCHECK_PUBLIC_URL), so messages would have no links."
    return "ok", "Hash key, templates and public address are there."
