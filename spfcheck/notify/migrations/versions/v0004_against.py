"""What contacts say of the person behind them, for nights that many workers share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "against",
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["nights.plan_id"], name=op.f("fk_against_plan_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("plan_id", "person", "mark", name=op.f("pk_against")),
        comment="What contacts of a night say of the person behind them, until its plan is made.",
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("against")
