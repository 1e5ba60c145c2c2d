"""One set of migrations for both databases: what they make is the same, and what the code knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Engine

from spfcheck.api.reports import stored, tables
from spfcheck.notify.ledger import migration
from spfcheck.notify.ledger.tables import metadata
from spfcheck.store import database
from tests import postgres

GENERIC = {"DOUBLE_PRECISION": "FLOAT", "DOUBLE PRECISION": "FLOAT", "BYTEA": "BLOB"}
"""Postgres's names of types that SQLite calls otherwise."""


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    with postgres.running() as address:
        if address is None:
            pytest.skip("POSTGRES IS NOT INSTALLED: its tables were not compared with SQLite's")
        sqlite = f"sqlite:///{tmp_path_factory.mktemp('same')}/x.sqlite3"
        made = {name: database.open_engine(url) for name, url in (("sqlite", sqlite), ("postgresql", address))}
        for engine in made.values():
            migration.upgrade(engine)
            stored.upgrade(engine)
        yield made
        for engine in made.values():
            engine.dispose()


def shape(engine: Engine) -> dict[str, Any]:
    look = sa.inspect(engine)
    found: dict[str, Any] = {}
    for name in look.get_table_names():
        columns = {
            column["name"]: (GENERIC.get(str(column["type"]), str(column["type"])), column["nullable"])
            for column in look.get_columns(name)
        }
        indexes = {
            index["name"]: (index["column_names"], bool(index["unique"])) for index in look.get_indexes(name)
            if not index.get("duplicates_constraint")
        }  # fmt: skip
        found[name] = {
            "columns": columns,
            "key": look.get_pk_constraint(name)["constrained_columns"],
            "indexes": indexes,
            "unique": sorted(tuple(unique["column_names"]) for unique in look.get_unique_constraints(name)),
            "foreign": sorted(
                (*key["constrained_columns"], key["referred_table"]) for key in look.get_foreign_keys(name)
            ),
        }
    return found


def test_both_databases_get_the_same_tables(engines: dict[str, Engine]) -> None:
    ours, theirs = (
        {name: table for name, table in shape(engine).items() if not name.startswith("procrastinate")}
        for engine in (engines["sqlite"], engines["postgresql"])
    )
    assert {"reports", "quotas", "access_keys", "letters", "domains"} <= set(ours)
    assert ours == theirs


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_the_migrations_make_what_the_code_knows(engines: dict[str, Engine], name: str) -> None:
    for known, version_table in ((metadata, "alembic_version"), (tables.metadata, stored.VERSION_TABLE)):
        with engines[name].connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={
                    "compare_type": True,
                    "version_table": version_table,
                    "include_name": lambda text, kind, parents, known=known: kind != "table" or text in known.tables,
                },
            )
            assert compare_metadata(context, known) == []


def test_the_newest_migrations_are_those_that_are_expected() -> None:
    for room, head in ((stored, stored.HEAD), (migration, migration.HEAD)):
        folder = Path(room.__file__).parents[1] / "migrations" / "versions"
        assert max(path.stem[1:5] for path in folder.glob("v*.py")) == head
