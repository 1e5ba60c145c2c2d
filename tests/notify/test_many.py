"""A night of ten thousand domains, with every behaviour of the hostile list that must never lead to a message.

The hostile ones are asked over real UDP and TCP, from the name server that does each of these things; the rest stands
in a zone. Two hundred are truly broken: they get two hundred messages, and nobody else gets any.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from spfcheck.audit.senders import SenderProfile
from spfcheck.notify.planning.checks import DnsChecks
from spfcheck.resolver.stub import Resolver, Session
from spfcheck.resolver.types import Answer, Question
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.notify.world import SHARED, broken, mended, world
from tests.profile import scale
from tests.resolver.hostile import Hostile, serve_hostile

LIST = Path(__file__).resolve().parents[3] / "shared" / "hostile-dns.csv"

WHOLE_NIGHTS = frozenset({"H112", "H113", "H114", "H115", "H116", "H117"})
"""Rows that befall every domain at once: `test_failures` has a night for each."""

OURS = SHARED.replace("ip4:192.0.2.0/25", "ip4:192.0.2.1")
"""The one address that the sound records of the hostile list authorise."""

BROKEN = 200
DEADLINE = 2.5
"""Seconds for one check, in the place of twenty: what never comes does not come later either."""


def never() -> list[str]:
    """The rows that must never lead to a message and that a name server can play."""
    if not LIST.is_file():
        pytest.skip(f"the list of hostile behaviours is not at hand ({LIST.name} beside the checkout)")
    with LIST.open(encoding="utf-8") as file:
        rows = [row["id"] for row in csv.DictReader(file) if row["may_message_customer"].startswith("never")]
    assert len(rows) == 49
    return [row for row in rows if row not in WHOLE_NIGHTS]


class Divided:
    """Hostile names over the network, all others from the zone."""

    def __init__(self, zone: ZoneLookup, session: Session) -> None:
        self._zone = zone
        self._session = session

    def cached(self, question: Question) -> Answer | None:
        if question.name.endswith("h.test"):
            return self._session.cached(question)
        return self._zone.cached(question)

    async def ask(self, question: Question) -> Answer:
        if question.name.endswith("h.test"):
            return await self._session.ask(question)
        return await self._zone.ask(question)


def checks(server: Hostile, resolver: Resolver, zone: ZoneLookup, clock: object) -> DnsChecks:
    return DnsChecks(
        [SenderProfile(name="default", include="_spf.mail.example")],
        mail_from="postmaster@{domain}",
        helo="mail.invalid",
        night=lambda: Divided(zone, resolver.with_deadline(DEADLINE)),
        fresh=lambda: Divided(zone, resolver.with_deadline(DEADLINE, fresh=True)),
        clock=clock,  # type: ignore[arg-type]
    )


async def test_a_night_of_many_domains(tmp_path: Path) -> None:
    rows = never()
    many = scale(1_000, 10_000)
    wrong = [f"broken{n}.example" for n in range(BROKEN)]
    right = [f"right{n}.example" for n in range(many - BROKEN - len(rows))]
    async with world(tmp_path, "") as w, serve_hostile() as server:
        async with Resolver([("127.0.0.1", server.port)]) as resolver:
            zone = ZoneLookup(Zone.parse(OURS + broken(*wrong) + "\n" + mended(*right)))
            w.checks = checks(server, resolver, zone, w.clock)
            for name in wrong + right:
                w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
            for row in rows:
                w.workspace.add_contact(email=f"{row}@victims.example", sending_domain=f"{row.lower()}.h.test")
            await w.baseline(concurrency=128, temperror_max=1.0)
            async with w.notifier(concurrency=128, temperror_max=1.0) as notifier:
                for _ in range(3):
                    night = await notifier.run()
                    assert night.sending is not None, night.refused
                    w.clock.later(24)
        assert night.plan.domains == many
        silent = {row: server.asked[row] for row in rows if not server.asked[row]}
        assert silent == {}, "every row must have been asked"
    reached = sorted(email for email, _ in w.sent)
    assert reached == sorted(f"owner@{name}" for name in wrong)
