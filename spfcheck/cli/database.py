"""`spfcheck db`: the database."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import time
from importlib.util import find_spec

from cyclopts import App

from spfcheck.cli import FINE
from spfcheck.settings import load

app = App(name="db", help="The database: bring it up to date, delete what is old.")


@app.command
def upgrade() -> int:
    """Bring the tables to the newest version; safe to run again."""
    from spfcheck.api import stored
    from spfcheck.notify import database

    engine = database.open_engine(load().database_url)
    database.upgrade(engine)
    stored.upgrade(engine)
    workers = engine.dialect.name == "postgresql" and find_spec("procrastinate") is not None
    if workers:
        from spfcheck.cluster import schema

        schema.upgrade(engine)
    engine.dispose()
    print(f"The database is up to date{', the tables of the workers too' if workers else ''}.")
    return FINE


@app.command
def prune(*, report_days: int = 90) -> int:
    """Delete reports and plans that are older than 90 days; the ledger's messages stay.

    Parameters
    ----------
    report_days
        How many days of reports to keep.
    """
    from spfcheck.api import stored
    from spfcheck.cli import UsageError
    from spfcheck.notify import database
    from spfcheck.notify.archive import Archive

    if report_days < 1:
        raise UsageError("--report-days is at least 1.")
    settings = load()
    engine = database.open_engine(settings.database_url)
    stored.upgrade(engine)
    now = time.time()
    reports = stored.prune(engine, now, report_days)
    plans = Archive(engine, settings.intercom.workspace).prune(now) if database.is_current(engine) else 0
    engine.dispose()
    print(f"{reports} reports and {plans} plans deleted.")
    return FINE
