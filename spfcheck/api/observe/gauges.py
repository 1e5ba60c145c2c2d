"""The notifier's gauges as the service reads them from the ledger: a nightly job is gone when a monitor asks."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.archive import Archive
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.migration import is_current
from spfcheck.notify.ledger.shared_night import shared
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.ledger.tables import plans
from spfcheck.notify.metrics import exposition
from spfcheck.notify.model import NotifyStatus
from spfcheck.settings import Settings
from spfcheck.store.database import reading

COUNTED_SECONDS = 60.0
"""Letters and episodes are counted anew after so long: of millions a count takes a second, and a monitor asks often."""


class LedgerGauges:
    """The ledger of the workspace that *settings* name."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._workspace = settings.intercom.workspace
        self._guards = Guards.from_settings(settings.notify)
        self._engine = engine
        self._archive = Archive(engine, self._workspace)
        self._ledger = Ledger(engine, self._workspace)
        self._stops = Stops(engine, self._workspace, Path(settings.notify.pause_file))
        self._counted_at = -math.inf
        self._counts: dict[str, int] = {}
        self._episodes = 0

    async def text(self) -> bytes:
        """The gauges in Prometheus's text format; empty while there is no ledger."""
        return await asyncio.to_thread(self._text)

    def _text(self) -> bytes:
        return exposition(self._status()) if is_current(self._engine) else b""

    def _status(self) -> NotifyStatus:
        # Only the head of the newest plan: a monitor asks several times a minute, and a plan holds all its domains.
        newest = sa.select(plans.c.id, plans.c.created_at).where(plans.c.workspace == self._workspace)
        with reading(self._engine) as connection:
            plan = connection.execute(newest.order_by(plans.c.number.desc()).limit(1)).one_or_none()
        night = shared(self._engine, self._workspace)
        if time.monotonic() - self._counted_at >= COUNTED_SECONDS:
            self._counts, self._episodes = self._ledger.counts(), self._archive.open_episodes()
            self._counted_at = time.monotonic()
        return NotifyStatus(
            workspace=self._workspace,
            policy=self._guards.name,
            enabled=self._guards.enabled,
            stage=self._guards.stage,
            paused=self._stops.paused(),
            brakes=self._stops.brakes(),
            last_plan=plan.id if plan else "",
            last_plan_at=plan.created_at if plan else 0.0,
            baseline=self._archive.baseline(),
            last_sent_at=self._ledger.last_sent_at(),
            last_success_at=self._archive.last_success_at(),
            states=self._counts,
            open_episodes=self._episodes,
            unchecked=night.unchecked,
            night_since=night.night_since,
        )
