"""The service over HTTP on loopback: cached checks beside a handler that answers a constant, cold checks, batches.

Batches are asked over a real Unbound, which has every answer, of a service that has none.
"""

from __future__ import annotations

import os
import random
import statistics

from aiohttp import web

from bench.registry import Table, part
from bench.servers import server_cpus, stack
from bench.service import WINDOW, Measured, Server, batch, get, single
from spfcheck.api.keys import Scope, new_key
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.serve.app import create_app
from spfcheck.settings import load
from tests.made.customers import INCLUDE, OURS, customers, providers

DOMAINS = 2_000
"""Domains of the cold checks, for each view: none is asked twice."""

LINES = 20_000
"""Domains of a batch, all different."""

NOTHING_PUBLISHED = 0.15
MOST_LOOKUPS = 9
"""Of the providers that an ordinary customer includes beside us: ten are the limit (RFC 7208 4.6.4)."""

CACHED_BAR, BATCH_BAR = 0.6, 6_000.0
"""Of what a constant answer gets, the share that a cached check has to get; domains a second of a batch on one core."""


def zone(count: int) -> Zone:
    """Our include, and customers of which one in ten lacks it."""
    lines = ['_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"']
    for number in range(count):
        record = "v=spf1 ip4:198.51.100.7 -all" if number % 10 == 0 else "v=spf1 include:_spf.mail.example -all"
        lines += [f'c{number}.example TXT "{record}"', f"c{number}.example MX 10 mx.c{number}.example"]
    return Zone.parse("\n".join(lines))


def constant() -> web.Application:
    """What aiohttp alone can do: one route, one answer of the size of a summary."""
    body = b'{"domain":"c1.example","status":"ok"}'.ljust(420)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/v1/check/{domain}", answer)
    return app


def ours(line: str) -> web.Application:
    """The service with one key, over a zone in memory."""
    settings = load(sender_include=INCLUDE, api_keys=[line], cold_per_minute=1_000_000)
    return create_app(settings, ZoneLookup(zone(2 * DOMAINS)))


def over_dns(line: str, port: str) -> web.Application:
    """The service with one key, over the resolver on *port*."""
    settings = load(sender_include=INCLUDE, api_keys=[line])
    resolver = Resolver([("127.0.0.1", int(port))], cache_mb=settings.cache_mb, zone_rate=settings.zone_rate)
    app = create_app(settings, resolver)

    async def close(_: web.Application) -> None:
        await resolver.close()

    app.on_cleanup.append(close)
    return app


def middle(runs: list[Measured]) -> Measured:
    """The run of the median speed."""
    return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]


def usual_customers(count: int) -> tuple[list[str], str]:
    """Domains and their zone: networks of their own, our include, one to three providers'; 15 % publish nothing."""
    rng = random.Random(6_000)
    shared = providers()
    weights = [one.weight for one in shared.providers]
    zone_lines = [f'{name}. 3600 TXT "{text}"' for name, text in ((INCLUDE, OURS), *shared.records.items())]
    domains = [f"c{number}.example" for number in range(count)]
    for domain in domains:
        zone_lines.append(f"{domain}. 3600 MX 10 mx{rng.randrange(50)}.hoster.example.")
        if rng.random() >= NOTHING_PUBLISHED:
            others = {one.name: one.cost for one in rng.choices(shared.providers, weights, k=rng.choice((1, 1, 2, 3)))}
            while sum(others.values()) > MOST_LOOKUPS:
                others.popitem()
            own = [f"ip4:81.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}" for _ in range(2)]
            terms = [*own, f"include:{INCLUDE}", *(f"include:{name}" for name in others)]
            rng.shuffle(terms)
            zone_lines.append(f'{domain}. 3600 TXT "v=spf1 {" ".join(terms)} {rng.choice(("-all", "~all"))}"')
    return domains, "\n".join([*(_cut(line) for line in zone_lines), ""])


def _cut(line: str) -> str:
    """A TXT line, its text cut into strings of 255 bytes (RFC 1035 3.3)."""
    name, text, end = line.partition(' TXT "')
    if not text:
        return line
    whole = end.removesuffix('"')
    parts = [whole[start : start + 255] for start in range(0, len(whole), 255)]
    return f"{name} TXT " + " ".join(f'"{one}"' for one in parts)


def batches(line: str, key: str, domains: list[str], zone_text: str, rounds: int) -> tuple[Measured, str]:
    """The median batch of *domains* by fresh services over an Unbound that has the answers, and what that is."""
    runs: list[Measured] = []
    with stack(zone_text) as behind:
        for _ in range(1 + rounds):
            with Server(over_dns, line, str(behind.address[1])) as served:
                runs.append(batch(served, key, domains))
    return middle(runs[1:]), behind.what


@part("http")
def http(quick: bool) -> Table:
    """The figures of the service; ratios are medians of rounds in turn, as the machine's clock wanders."""
    own_cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, server_cpus())
    try:
        return _table(quick)
    finally:
        os.sched_setaffinity(0, own_cpus)


def _table(quick: bool) -> Table:
    rounds, count = (9, 3_000) if quick else (15, 6_000)
    key, made = new_key([Scope.CHECK], os.urandom)
    with Server(constant) as plain, Server(ours, made.line()) as served:
        cold = single(served, [get(f"c{number}.example", key) for number in range(DOMAINS)])
        whole = single(served, [get(f"c{DOMAINS + number}.example", key, "full") for number in range(DOMAINS)])
        cached = [get(f"c{number % 1_000}.example", key) for number in range(count)]
        pairs = [(single(plain, cached), single(served, cached)) for _ in range(rounds)]
    usual, behind = batches(made.line(), key, *usual_customers(LINES), 1 if quick else 5)
    found = customers(LINES)
    mixed, _ = batches(made.line(), key, list(found.domains), found.zone, 1 if quick else 3)
    rows = [
        ("a constant by aiohttp alone", middle([first for first, _ in pairs])),
        ("cached check, summary", middle([second for _, second in pairs])),
        ("cold check, summary", cold),
        ("cold check, whole report, both engines", whole),
        ("batch line, summary, over Unbound", usual),
        ("the same, customers good and broken", mixed),
    ]
    ratio = statistics.median(second.rate / first.rate for first, second in pairs)
    return Table(
        title="HTTP",
        columns=("what", "answers/s", "a second of CPU", "CPU us", "p50 ms", "p99 ms"),
        rows=[
            (
                name, f"{run.answers / run.seconds:,.0f}", f"{run.rate:,.0f}", f"{1e6 / run.rate:.1f}",
                f"{run.at(0.5):.2f}", f"{run.at(0.99):.2f}",
            )
            for name, run in rows
        ],
        ratios={"cached_vs_bare_aiohttp": ratio, "batch_vs_bar": usual.rate / BATCH_BAR},
        notes=[
            f"A cached check gets {ratio:.2f} of the constant (median of {rounds} pairs; at least {CACHED_BAR}).",
            f"A batch: {usual.rate:,.0f} domains for a second of one core (at least {BATCH_BAR:,.0f}).",
            f"{WINDOW} lines in flight, {LINES:,} different domains, warm in {behind}, cold in the service.",
            "Good and broken customers are those of the comparison (`--part audits`).",
            "Keys, metrics and the request line are on. Single checks are answered from a zone in memory.",
        ],
    )  # fmt: skip
