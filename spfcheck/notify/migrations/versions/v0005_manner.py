"""Letters remember how they were last tried, and notices when a contact was last found gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = ("delivery", "admin_id", "template", "api_at")


def upgrade() -> None:
    """Add the columns. Of letters that are unclear already nobody wrote down how they were tried: a person decides."""
    op.add_column("letters", sa.Column("delivery", sa.String(16), nullable=False, server_default=""))
    op.add_column("letters", sa.Column("admin_id", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("letters", sa.Column("template", sa.String(64), nullable=False, server_default=""))
    op.add_column("letters", sa.Column("api_at", sa.Float, nullable=False, server_default="0"))
    op.add_column("notices", sa.Column("gone_at", sa.Float, nullable=False, server_default="0"))


def downgrade() -> None:
    """Forget them."""
    op.drop_column("notices", "gone_at")
    for name in reversed(COLUMNS):
        op.drop_column("letters", name)
