"""An index from which a history is read without touching the reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TELLING = sa.text("NOT hypothetical AND status <> 'unknown'")


def upgrade() -> None:
    """Make the index, and drop the one that it replaces."""
    op.create_index(
        "ix_reports_domain_checked_at_gist",
        "reports",
        ["domain", "checked_at", "gist"],
        postgresql_where=TELLING,
        sqlite_where=TELLING,
    )
    op.drop_index("ix_reports_domain_checked_at", table_name="reports")
