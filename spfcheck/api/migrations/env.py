"""Runs the migrations over the connection that `spfcheck.api.reports.stored.upgrade` hands in."""

from __future__ import annotations

from alembic import context

from spfcheck.api.reports.stored import VERSION_TABLE
from spfcheck.api.reports.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
