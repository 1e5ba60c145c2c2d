"""The ledger's tables, brought to the newest migration."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from spfcheck.store.database import migrate, reading

HEAD = "0006"
"""The newest migration; a test holds it to the directory."""


def is_current(engine: Engine) -> bool:
    """True when the tables stand at the newest migration."""
    if not sa.inspect(engine).has_table("alembic_version"):
        return False
    with reading(engine) as connection:
        return bool(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD)


def upgrade(engine: Engine) -> None:
    """Bring the ledger's tables to the newest migration; raises `StoreError` when that fails."""
    migrate(engine, Path(__file__).parents[1] / "migrations", "ledger")
