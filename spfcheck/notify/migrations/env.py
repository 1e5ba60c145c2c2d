"""Runs the migrations over the connection that `spfcheck.notify.ledger.migration.upgrade` hands in."""

from __future__ import annotations

from alembic import context

from spfcheck.notify.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
