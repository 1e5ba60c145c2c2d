"""A service the morning after: a plan in the ledger, a message sent, reports kept in a database, and a key to enter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from spfcheck.api.keys import Scope, new_key
from spfcheck.api.reports.stored import StoredReports, upgrade
from spfcheck.demo import customers
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.archive import Archive, Sighting, frozen
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.model import Decision, Intent, MessageStep, Plan, PlanRow, Reason
from spfcheck.resolver.types import Answer, Lookup, Question
from spfcheck.serve.app import create_app
from spfcheck.settings import Settings
from spfcheck.store import database
from spfcheck.web.notices import Notices
from tests.api.running import in_a_thread, settings_of, zone_lookup

CREATED_AT = 1_700_000_000.0
MENDED = 'plumber.example TXT "v=spf1 include:_spf.google.com include:_spf.mail.example ~all"'


def row(domain: str, status: str, finding: str, *, persons: int = 0, reason: str = "") -> PlanRow:
    return PlanRow(
        domain=domain,
        status=status,
        finding=finding,
        remedy="none" if reason else "replace",
        decision=Decision.LEFT_ALONE if reason else Decision.MESSAGE,
        reason=reason,
        detail=Reason(reason).sentence if reason else "",
        persons=persons,
    )


ROWS = (
    row("plumber.example", "action_needed", "sender-not-included", persons=2),
    row("theatre.example", "action_needed", "lookup-limit", reason="needs-a-person"),
    row("lighthouse.example", "unknown", "dns-timeout", reason="dns-failed"),
)


def a_plan(engine: Engine, *, fine: tuple[str, ...] = ("bakery.example", "florist.example")) -> Plan:
    """A stored plan: three rows, some domains that are fine, and one message about plumber.example."""
    archive, ledger = Archive(engine, ""), Ledger(engine, "")
    intent = Intent(
        ref="r1", person="p1", contact_id="c1", step=MessageStep.FIRST, domains=("plumber.example",), episodes=(1,),
        contacts=("c1",),
    )  # fmt: skip
    plan = frozen(
        Plan(
            id="plan-1",
            workspace="",
            created_at=CREATED_AT,
            hash="",
            policy="standard",
            contacts=5,
            people=5,
            domains=5,
            totals={"ok": len(fine), "action_needed": 2, "unknown": 1, "messages": 1},
            reasons={},
            brakes=(),
            rows=ROWS,
            intents=(intent,),
        )
    )
    seen = [Sighting(found.domain, found.status, found.finding) for found in ROWS]
    archive.see(plan.id, [*seen, *(Sighting(name, "ok", "") for name in fine)], CREATED_AT)
    archive.save(plan)
    ledger.materialise(plan.id, plan.intents, {}, CREATED_AT)
    return plan


class Changing:
    """A zone that its owner may change while the service runs."""

    def __init__(self, text: str) -> None:
        self.text = text

    def publish(self, line: str) -> None:
        """Put *line* where the zone has a record of the same name and type."""
        name, rtype = line.split()[:2]
        kept = [old for old in self.text.splitlines() if old.split()[:2] != [name, rtype]]
        self.text = "\n".join([*kept, line])

    def cached(self, question: Question) -> Answer | None:
        return None

    async def ask(self, question: Question) -> Answer:
        return zone_lookup(self.text).cached(question)


@dataclass(frozen=True, slots=True)
class Morning:
    """Where the service is, and the key to enter it."""

    url: str
    key: str
    zone: Changing
    settings: Settings
    engine: Engine


@contextmanager
def morning(folder: Path, *scopes: Scope, **options: Any) -> Iterator[Morning]:
    """The service with a database in *folder*; without *scopes* it is open and no key is needed."""
    keys = [new_key(list(scopes), os.urandom)] if scopes else []
    settings = settings_of(
        api_keys=[key.line() for _, key in keys], database_url=f"sqlite:///{folder}/night.sqlite3",
        notify={"pause_file": str(folder / "pause"), "enabled": True},
    )  # fmt: skip
    engine = database.open_engine(settings.database_url)
    migration.upgrade(engine)
    upgrade(engine)
    a_plan(engine)
    zone = Changing(customers.load().zone)
    lookup: Lookup = zone

    def make() -> Any:
        keeper, notifier = StoredReports(engine), Notices(settings, engine)
        return create_app(settings, lookup, keeper=keeper, notifier=notifier, **options)

    with in_a_thread(make) as url:
        yield Morning(url, keys[0][0] if keys else "", zone, settings, engine)
    engine.dispose()
