"""Ten thousand checks at once while a part of the DNS is down."""

from __future__ import annotations

import asyncio
import random
import time

from spfcheck.resolver.authoritative import serve
from spfcheck.resolver.drive import drive
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.zone import Zone
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.verdict import Result
from tests.profile import scale
from tests.resolver.sockets import open_sockets

CHECKS = scale(10_000, 40_000)
CLIENT = "192.0.2.1"

# What a domain publishes, what the name that it includes publishes, and the verdict.
KINDS = {
    "good": ("v=spf1 include:_spf.{name} -all", "v=spf1 ip4:192.0.2.0/24 -all", Result.PASS),
    "fails": ("v=spf1 include:_spf.{name} -all", "v=spf1 ip4:198.51.100.0/24 -all", Result.FAIL),
    "broken": ("v=spf1 ip4:192.0.2.1/99 -all", None, Result.PERMERROR),
    "none": ("something else", None, Result.NONE),
    "silent": ("TIMEOUT", None, Result.TEMPERROR),
    "servfail": ("SERVFAIL", None, Result.TEMPERROR),
    "silent include": ("v=spf1 include:_spf.{name} -all", "TIMEOUT", Result.TEMPERROR),
    "servfail include": ("v=spf1 include:_spf.{name} -all", "SERVFAIL", Result.TEMPERROR),
    # The failure stands behind the match: RFC 7208 4.6.2 stops there.
    "servfail unseen": ("v=spf1 ip4:192.0.2.1 include:_spf.{name} -all", "SERVFAIL", Result.PASS),
}
WEIGHTS = {
    "good": 45, "fails": 15, "broken": 10, "none": 10, "silent": 4, "servfail": 4, "silent include": 4,
    "servfail include": 3, "servfail unseen": 5,
}  # fmt: skip


def _corpus(count: int) -> tuple[Zone, dict[str, Result]]:
    rng = random.Random(3)
    lines = []
    expected = {}
    for number, kind in enumerate(rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)):
        name = f"customer{number}.example"
        top, below, expected[name] = KINDS[kind]
        for owner, text in ((name, top), (f"_spf.{name}", below)):
            if text is not None:
                lines.append(f"{owner} TXT {text.format(name=name)}")
    return Zone.parse("\n".join(lines)), expected


async def test_no_check_is_wrong_or_late_and_nothing_is_left_over() -> None:
    zone, expected = _corpus(CHECKS)
    failing = sum(result is Result.TEMPERROR for result in expected.values())
    assert 0.14 < failing / CHECKS < 0.16
    before = open_sockets()
    async with serve(zone) as (host, port), Resolver([(host, port)]) as resolver:

        async def check(name: str) -> tuple[str, Result, float]:
            began = time.monotonic()
            verdict = await drive(check_host(CLIENT, name), resolver.with_deadline())
            return name, verdict.result, time.monotonic() - began

        results = await asyncio.gather(*(check(name) for name in expected))
        wrong = [(name, result) for name, result, _ in results if result is not expected[name]]
        assert not wrong, wrong[:10]
        assert max(taken for _, _, taken in results) <= 20
        assert resolver.in_flight == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert open_sockets() == before


async def test_closing_in_the_middle_leaves_nothing_behind() -> None:
    zone, expected = _corpus(500)
    before = open_sockets()
    async with serve(zone) as (host, port):
        resolver = Resolver([(host, port)], zone_rate=10, zone_burst=1)
        checks = [asyncio.create_task(drive(check_host(CLIENT, name), resolver.with_deadline())) for name in expected]
        await asyncio.sleep(0.3)
        for check in checks[::7]:
            check.cancel()
        assert resolver.in_flight > 0
        await resolver.close()
        results = await asyncio.gather(*checks, return_exceptions=True)
        assert all(check.done() for check in checks)
        for name, result in zip(expected, results, strict=True):
            if isinstance(result, BaseException):
                assert isinstance(result, asyncio.CancelledError), result
            else:
                assert result.result in (Result.TEMPERROR, expected[name])
        assert resolver.in_flight == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert open_sockets() == before
