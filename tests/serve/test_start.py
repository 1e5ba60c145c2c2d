"""The service answers as soon as it listens, whatever its resolvers do; only its readiness waits for them."""

from __future__ import annotations

import asyncio
import socket

import pytest

from spfcheck.api.context import SERVICE
from spfcheck.checking.senders import OurSenders, profiles_of
from spfcheck.resolver.authoritative import serve
from spfcheck.resolver.canary import Health, ResolverCheck
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.zone import Zone
from tests.api.running import ZONE, running, settings_of, until


async def test_a_resolver_that_never_answers_holds_readiness_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spfcheck.api.routes.READY_SECONDS", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        async with Resolver([silent.getsockname()]) as lookup, running(lookup=lookup) as client:
            watch = client.app[SERVICE].watch
            assert watch is not None
            async with client.get("/healthz") as answer:
                assert answer.status == 200
            async with client.get("/readyz") as answer:
                assert answer.status == 503
                assert "Nobody has looked at the resolvers yet." in (await answer.json())["reasons"]
            async with client.get("/") as answer:
                assert answer.status == 200
            assert not watch.state.servers, "all of that was answered before the first look was over"


async def test_it_is_ready_once_the_resolvers_and_our_senders_are_looked_at() -> None:
    async with (
        serve(Zone.parse(ZONE)) as authority,
        Resolver([(authority.host, authority.port)]) as lookup,
        running(lookup=lookup) as client,
    ):
        service = client.app[SERVICE]
        await until(lambda: service.metrics.now.ready)
        assert service.watch is not None
        assert service.watch.state.health is Health.OK
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ready", "reasons": []})


async def test_a_check_waits_for_the_first_look_and_who_goes_away_ends_it_for_nobody() -> None:
    async with serve(Zone.parse(ZONE)) as authority, Resolver([(authority.host, authority.port)]) as lookup:
        watch = ResolverCheck(lookup, ["_spf.mail.example"], clock=lambda: 5.0)
        senders = OurSenders(profiles_of(settings_of()), lookup, lambda: 5.0, watch)
        impatient = asyncio.create_task(senders.current())
        patient = asyncio.create_task(senders.current())
        await asyncio.sleep(0)
        impatient.cancel()
        ours = await patient
        assert ours.ready
        assert watch.state.health is Health.OK
        assert impatient.cancelled()
