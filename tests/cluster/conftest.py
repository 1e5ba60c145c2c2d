"""A Postgres for the whole room, and databases in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.engine import Engine

from spfcheck.cluster import schema
from spfcheck.notify.ledger import migration
from spfcheck.store import database
from tests import postgres

_numbers = itertools.count()


@pytest.fixture(scope="package")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        if made is None:
            pytest.skip("POSTGRES IS NOT INSTALLED: the night on many machines was not tested")
        yield made


@pytest.fixture
def address(server: postgres.Server) -> Iterator[str]:
    """An empty database."""
    name = f"night{next(_numbers)}"
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.address.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_engine(address: str) -> Iterator[Engine]:
    """A database with the ledger's tables and the workers'."""
    engine = database.open_engine(address)
    migration.upgrade(engine)
    schema.upgrade(engine)
    yield engine
    engine.dispose()
