"""The engine's tables are made, brought up to date, and kept apart from everybody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.cluster import schema
from spfcheck.store import database

SHAPE = """
SELECT 'column', table_name || '.' || column_name || ' ' || udt_name FROM information_schema.columns
 WHERE table_schema = 'spfcheck_jobs'
UNION ALL SELECT 'function', p.proname || ' ' || md5(regexp_replace(p.prosrc, '\\s+', ' ', 'g')) FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'spfcheck_jobs'
UNION ALL SELECT 'index', indexname FROM pg_indexes WHERE schemaname = 'spfcheck_jobs'
UNION ALL SELECT 'value', t.typname || ' ' || e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
  JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'spfcheck_jobs'
ORDER BY 1, 2
"""


def shape(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(SHAPE))]


def test_upgrading_is_safe_to_repeat_and_to_do_at_once(address: str) -> None:
    engine = database.open_engine(address)
    assert not schema.is_current(engine)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: schema.upgrade(engine), range(4)))
    assert schema.is_current(engine)
    once = shape(engine)
    schema.upgrade(engine)
    assert shape(engine) == once
    query = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'procrastinate%' AND schemaname != 'spfcheck_jobs'"
    with engine.connect() as connection:
        elsewhere = connection.scalar(sa.text(query))
    assert elsewhere == 0
    engine.dispose()


def test_tables_of_an_older_version_are_brought_to_the_newest(address: str, postgres_engine: Engine) -> None:
    """Made step by step up to an older version, as an installation of that time left them, then upgraded."""
    newest = shape(postgres_engine)
    steps = schema.steps()
    older = [name for name in steps if name < "03.02"]
    assert older[-1] != list(steps)[-1], "there is something to upgrade from"
    with postgres_engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA spfcheck_jobs CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA spfcheck_jobs"))
        connection.execute(sa.text("CREATE TABLE spfcheck_jobs.migrations (name text PRIMARY KEY)"))
    for name in older:
        with postgres_engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL search_path TO spfcheck_jobs"))
            connection.connection.driver_connection.execute(steps[name])  # type: ignore[union-attr]
            connection.execute(sa.text("INSERT INTO migrations VALUES (:name)"), {"name": name})
    assert not schema.is_current(postgres_engine)
    assert shape(postgres_engine) != newest
    schema.upgrade(postgres_engine)
    assert schema.is_current(postgres_engine)
    now = shape(postgres_engine)
    missing = [entry for entry in newest if entry not in now and entry[0] != "index"]
    assert missing == []
