"""`spfcheck db`: the database."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import time
from importlib.util import find_spec

from cyclopts import App

from spfcheck.cli.ending import FINE
from spfcheck.settings import load

app = App(name="db", help="The database: bring it up to date, delete what is old.")


@app.command
def upgrade() -> int:
    """Bring the tables to the newest version; safe to run again."""
    from spfcheck.api.reports import stored
    from spfcheck.notify.ledger import migration
    from spfcheck.store import database

    engine = database.open_engine(load().database_url)
    migration.upgrade(engine)
    stored.upgrade(engine)
    workers = engine.dialect.name == "postgresql" and find_spec("procrastinate") is not None
    if workers:
        from spfcheck.cluster import schema

        schema.upgrade(engine)
    engine.dispose()
    print(f"The database is up to date{', the tables of the workers too' if workers else ''}.")
    return FINE


@app.command
def prune(*, report_days: int | None = None) -> int:
    """Delete what is older than it is kept: reports 90 days (report_days), plans 90 days, messages 2 years.

    It deletes a few thousand rows at a time, so the service and the night go on beside it, and it may be ended and run
    again at any time.

    Parameters
    ----------
    report_days
        How many days of reports to keep, instead of what the settings say.
    """
    from spfcheck.api.quota import shared
    from spfcheck.api.reports import stored
    from spfcheck.cli.ending import UsageError
    from spfcheck.notify.ledger import migration
    from spfcheck.notify.ledger import prune as ledger
    from spfcheck.store import database

    settings = load()
    days = settings.report_days if report_days is None else report_days
    if days < 1:
        raise UsageError("--report-days is at least 1.")
    engine = database.open_engine(settings.database_url)
    stored.upgrade(engine)
    now = time.time()
    reports = stored.prune(engine, now, days)
    shared.prune(engine, now)
    known = migration.is_current(engine)
    gone = ledger.prune(engine, settings.intercom.workspace, now) if known else ledger.Pruned()
    engine.dispose()
    print(f"{reports} reports, {gone.plans} plans and {gone.letters} messages deleted,")
    print(f"and {gone.entries} entries of the trail, {gone.domains} domains and {gone.chunks} parts of old nights.")
    return FINE
