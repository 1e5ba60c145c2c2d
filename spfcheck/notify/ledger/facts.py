"""Single values of a ledger, by name."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from spfcheck.notify.ledger.tables import facts


def fact(connection: Connection, name: str) -> str:
    """A single value; empty when it was never set."""
    return str(connection.scalar(sa.select(facts.c.value).where(facts.c.name == name)) or "")


def set_fact(connection: Connection, name: str, value: str) -> None:
    """Set a single value, in the transaction of *connection*."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(facts).values(name=name, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
