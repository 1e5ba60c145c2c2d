"""Twelve nights on which something of ours, or of those we rely on, is broken: nobody is messaged, and it says why.

On each of them twenty customers have waited for their message since the baseline; with the cause gone they get it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from spfcheck.notify.model import NotifyError
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.resolver.zone import ZoneLookup
from spfcheck.store.error import StoreError
from tests.notify.world import GUARDS, World, broken, mended, resumed

WAITING = [f"b{n}.example" for n in range(20)]
FINE = [f"f{n}.example" for n in range(60)]
GUARDED = replace(GUARDS, newly_broken_floor=5, small_floor=5)


class Bent(ZoneLookup):
    """A zone whose answers are bent on their way."""

    def __init__(self, honest: ZoneLookup, bend: Callable[[Answer], Answer]) -> None:
        self._honest = honest
        self._bend = bend

    def cached(self, question: Question) -> Answer:
        return self._bend(self._honest.cached(question))

    async def ask(self, question: Question) -> Answer:
        return self.cached(question)


class BentWorld(World):
    """A world whose resolver can go wrong."""

    bend: Callable[[Answer], Answer] | None = None

    @property
    def zone(self) -> ZoneLookup:
        honest = super().zone
        return honest if self.bend is None else Bent(honest, self.bend)


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[BentWorld]:
    made = BentWorld(tmp_path, broken(*WAITING) + "\n" + mended(*FINE), GUARDED)
    async with made.sandbox.running():
        for name in WAITING + FINE:
            made.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
        await made.baseline()
        yield made


async def night(w: World) -> str:
    """What a night says for itself; nothing when it sent."""
    try:
        async with w.notifier() as notifier:
            run = await notifier.run()
    except (NotifyError, StoreError) as error:
        return str(error)
    return run.refused


async def recovered(w: World) -> None:
    """The cause is gone; a person lifts what tripped, and whoever waited is told."""
    async with w.notifier() as notifier:
        await resumed(notifier, "the cause was found and is gone", "mira")
    assert await night(w) == ""
    assert len(w.sent) == len(WAITING)


def failing(share: int) -> Callable[[Answer], Answer]:
    """SERVFAIL for so many of a hundred names."""

    def bend(answer: Answer) -> Answer:
        bucket = hashlib.sha256(answer.question.name.encode()).digest()[0] * 100 // 256
        if bucket >= share or answer.question.name.startswith("_spf."):
            return answer
        return Answer(question=answer.question, outcome=Outcome.SERVFAIL, rcode=2)

    return bend


def down(answer: Answer) -> Answer:
    return Answer(question=answer.question, outcome=Outcome.UNREACHABLE)


def hijacked(answer: Answer) -> Answer:
    if answer.question.rtype is not Rtype.TXT or answer.question.name.startswith("_spf."):
        return answer
    return replace(answer, outcome=Outcome.OK, records=((b"v=spf1 ip4:203.0.113.1 -all",),), ttl=60, rcode=0)


def filtered(answer: Answer) -> Answer:
    if answer.question.name.startswith("_spf."):
        return answer
    return Answer(question=answer.question, outcome=Outcome.FILTERED, rcode=3, detail="Blocked (EDE 15).")


def stale(answer: Answer) -> Answer:
    return answer if answer.question.name.startswith("_spf.") else replace(answer, stale=True)


def our_include(text: bytes) -> Callable[[Answer], Answer]:
    def bend(answer: Answer) -> Answer:
        return replace(answer, records=((text,),)) if answer.question.name == "_spf.mail.example" else answer

    return bend


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        (down, "senders: "),
        (failing(15), "dns-failures: "),
        (hijacked, "newly-broken: "),
        (filtered, "dns-failures: "),
        (our_include(b"v=spf1 ip4:192.0.2.0/99 -all"), "senders: "),
        (our_include(b"v=spf1 -all"), "senders: "),
        (our_include(b"v=spf1 +all"), "senders: "),
    ],
    ids=[
        "H112 resolver down",
        "H113 15 % SERVFAIL",
        "H114 hijack",
        "H115 filtered",
        "H117 our include unreadable",
        "H117 our include empty",
        "H117 our include +all",
    ],
)
async def test_a_resolver_gone_wrong(w: BentWorld, bend: Callable[[Answer], Answer], reason: str) -> None:
    w.bend = bend
    said = await night(w)
    assert said.startswith("A brake holds: "), said
    async with w.notifier() as notifier:
        assert any(sentence.startswith(reason) for sentence in (await notifier.status()).brakes)
    assert w.sent == []
    w.bend = None
    w.clock.later(1)
    await recovered(w)


async def test_a_canary_that_sings(w: BentWorld) -> None:
    from spfcheck.audit.senders import SenderProfile
    from spfcheck.notify.planning.checks import DnsChecks

    async def canary() -> str:
        return "127.0.0.1:53 invents addresses for names that do not exist."

    honest = w.zone
    w.checks = DnsChecks(
        [SenderProfile(name="default", include="_spf.mail.example")],
        mail_from="postmaster@{domain}",
        helo="mail.invalid",
        night=lambda: honest,
        canary=canary,
        clock=w.clock,
    )
    assert "resolver: 127.0.0.1:53 invents addresses" in await night(w)
    assert w.sent == []


async def test_a_stale_cache(w: BentWorld) -> None:
    # H116: the resolver says that its answer is old (EDE 3 or 19).
    w.bend = stale
    await night(w)
    assert w.sent == []
    async with w.notifier() as notifier:
        assert (await notifier.show()).reasons.get("stale") == len(WAITING)
    w.bend = None
    assert await night(w) == ""
    assert len(w.sent) == len(WAITING)


async def test_an_empty_contact_list(w: BentWorld) -> None:
    everybody = dict(w.workspace.contacts)
    w.workspace.contacts.clear()
    assert "empty-audience: The search found 0 contacts." in await night(w)
    assert w.sent == []
    w.workspace.contacts.update(everybody)
    await recovered(w)


async def test_a_contact_list_that_lost_a_third(w: BentWorld) -> None:
    for contact_id in list(w.workspace.contacts)[-30:]:
        del w.workspace.contacts[contact_id]
    assert "audience-drift: 50 contacts; the baseline had 80." in await night(w)
    assert w.sent == []


def altering(w: World, path: str, alter: Callable[[dict[str, object]], object]) -> None:
    """Let answers of one call be altered on their way."""

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if request.path != path:
            return None
        document = json.loads(body)
        cursor = (document.get("pagination") or {}).get("starting_after")
        number = int(str(cursor).removeprefix("c")) if cursor else 0
        altered = alter({"number": number, "per_page": document["pagination"]["per_page"]})
        text = altered if isinstance(altered, str) else json.dumps(altered)
        return web.Response(text=text, content_type="application/json")

    w.sandbox.intercept = answer


def contact_json(w: World, start: int, count: int) -> list[dict[str, object]]:
    everyone = list(w.workspace.contacts.values())
    return [one.as_json("sandbox1") for one in (everyone * 3)[start : start + count]]


async def test_half_a_page(w: BentWorld) -> None:
    whole = json.dumps({"type": "list", "data": contact_json(w, 0, 80), "total_count": 80, "pages": {}})
    altering(w, "/contacts/search", lambda asked: whole[: len(whole) // 2])
    assert "no JSON" in await night(w)
    altering(
        w,
        "/contacts/search",
        lambda asked: {"type": "list", "data": contact_json(w, 0, 40), "total_count": 80, "pages": {}},
    )
    assert "half-a-search: 40 of the 80 contacts" in await night(w)
    assert w.sent == []
    w.sandbox.intercept = None
    await recovered(w)


@pytest.mark.parametrize("kind", ["same page", "same cursor", "new cursors, known contacts"])
async def test_an_endless_search(w: BentWorld, kind: str) -> None:
    def alter(asked: dict[str, object]) -> object:
        number, per_page = int(str(asked["number"])), int(str(asked["per_page"]))
        start = 0 if kind == "same page" else (number * 5) % 60
        following = "c1" if kind == "same cursor" else f"c{number + 1}"
        return {
            "type": "list",
            "data": contact_json(w, start, min(per_page, 10)),
            "total_count": 10_000,
            "pages": {"next": {"per_page": per_page, "starting_after": following}},
        }

    altering(w, "/contacts/search", alter)
    assert "search repeats itself" in await night(w)
    assert w.sent == []
    w.sandbox.intercept = None
    await recovered(w)


@pytest.mark.parametrize("hours", [24, -24])
async def test_a_clock_a_day_off(w: BentWorld, hours: float) -> None:
    right = w.clock
    wrong = type(right)(right.now + hours * 3600)
    w.workspace.clock = lambda: right.now
    w.clock = wrong
    assert "clock: Our clock and others' differ by 864" in await night(w)
    assert w.sent == []
    w.clock = right
    w.workspace.clock = right
    await recovered(w)


async def test_another_workspace(w: BentWorld) -> None:
    w.settings_values["intercom"] = {"workspace": "sandbox1"}
    w.workspace.workspace = "staging"
    assert await night(w) == "The token belongs to the workspace staging, not to sandbox1: nothing is done."
    assert w.sent == []
    w.workspace.workspace = "sandbox1"
    await recovered(w)


async def test_a_revoked_token(w: BentWorld) -> None:
    w.sandbox.token = "another"
    assert await night(w) == "The messaging API refuses the token."
    assert w.sent == []
    w.sandbox.token = "sandbox-token"
    await recovered(w)


async def test_a_rate_limit_of_one(w: BentWorld) -> None:
    w.sandbox.limit = 1
    assert "rate-limit: The messaging API allows 1 requests in ten seconds." in await night(w)
    assert w.sent == []
    w.sandbox.limit = 1667
    await recovered(w)


async def test_everybody_recovers_at_once(w: BentWorld) -> None:
    """Then an earlier night was our own fault."""
    w.zone_text = w.zone_text.replace("v=spf1 mx -all", "v=spf1 mx include:_spf.mail.example -all")
    assert "mass-recovery: 20 of 20 domains" in await night(w)
    assert w.sent == []


async def test_a_brake_needs_a_reason_and_a_person_and_an_approved_plan(w: BentWorld) -> None:
    """A real change of the world: a person looks, lifts, approves the plan as the new baseline, and plans again."""
    w.zone_text = w.zone_text.replace(mended(*FINE[:12]), broken(*FINE[:12]))
    assert "newly-broken: 12 of 80 domains" in await night(w)
    async with w.notifier() as notifier:
        plan = await notifier.show()
        with pytest.raises(NotifyError, match="A brake holds this plan"):
            await notifier.approve(plan.id, who="mira")
        with pytest.raises(NotifyError, match="Say why"):
            await notifier.resume(["pause#1"], " ", who="mira")
        await resumed(notifier, "a host dropped our include; they know", "mira")
        await notifier.approve(plan.id, who="mira", reason="checked by hand")
    assert await night(w) == ""
    assert len(w.sent) == len(WAITING)
    w.clock.later(21)
    assert await night(w) == ""
    assert len(w.sent) == len(WAITING) + 12
