"""Whose turn it is, for nights that many workers share: the rank and the companies of each contact."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("members", sa.Column("rank", sa.Integer(), server_default="0", nullable=False))
    op.add_column("members", sa.Column("companies", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("members", "companies")
    op.drop_column("members", "rank")
