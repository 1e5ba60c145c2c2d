"""The tables of the engine that hands out work: in a schema of their own, and brought up to date step by step."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from procrastinate.schema import SchemaManager
from sqlalchemy.engine import Connection, Engine

from spfcheck.store.database import in_sentences
from spfcheck.store.error import StoreError

SCHEMA = "spfcheck_jobs"
"""The main app may use the same engine in the same database; the two must not meet."""

UPGRADING = 0x7370_665F_6A6F_6273
"""The number of the lock under which one process upgrades: "spf_jobs" in ASCII."""


def steps() -> dict[str, str]:
    """The engine's migrations as it ships them, by name, in order."""
    folder = Path(SchemaManager.get_migrations_path())
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}


def upgrade(engine: Engine) -> None:
    """Make the tables, or bring them to the engine's newest migration; safe to repeat. Raises `StoreError`."""
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as waiting:
            waiting.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": UPGRADING})
            try:
                _upgrade(engine)
            finally:
                waiting.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": UPGRADING})
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(f"The tables of the workers cannot be brought up to date: {in_sentences(cause)}") from error


def _upgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        connection.execute(sa.text(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.migrations (name text PRIMARY KEY)"))
        known = done(connection)
        if not known:
            _step(connection, resources.files("procrastinate.sql").joinpath("schema.sql").read_text("utf-8"), *steps())
            return
    # Each by itself: a value that one adds to an enumeration can be used only once that is committed.
    for name, script in steps().items():
        if name not in known:
            with engine.begin() as connection:
                _step(connection, script, name)


def _step(connection: Connection, script: str, *names: str) -> None:
    """Run *script*, and write down the migrations that it stands for."""
    # Only that schema: a name that is found elsewhere would not be made here.
    connection.execute(sa.text(f"SET LOCAL search_path TO {SCHEMA}"))
    # A script of several statements is taken by the driver itself only.
    driver: Any = connection.connection.driver_connection
    driver.execute(script)
    connection.execute(sa.text("INSERT INTO migrations VALUES (:name)"), [{"name": name} for name in names])


def done(connection: Connection) -> set[str]:
    """The migrations that were applied."""
    return set(connection.scalars(sa.text(f"SELECT name FROM {SCHEMA}.migrations")))  # noqa: S608 - our own constant


def is_current(engine: Engine) -> bool:
    """True when the tables stand at the engine's newest migration."""
    if not sa.inspect(engine).has_table("migrations", schema=SCHEMA):
        return False
    with engine.connect() as connection:
        return done(connection) >= set(steps())
