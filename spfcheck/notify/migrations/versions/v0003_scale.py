"""Indexes for tables of many millions of rows, and room in the pages of domains, which every night updates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def upgrade() -> None:
    """Make the indexes that queries need, and drop those that only cost."""
    _partial("ix_domains_open", "domains", ["workspace"], "episode_open IS true")
    _partial("ix_domains_closed", "domains", ["workspace", "closed_at"], "closed_at > 0")
    # Nearly all domains carry the newest plan's id: an index on it found nothing, and made each night's update of a
    # domain an update of every index.
    op.drop_index("ix_domains_workspace_seen_plan", table_name="domains")
    op.create_index("ix_letters_workspace_state_settled_at", "letters", ["workspace", "state", "settled_at"])
    op.drop_index("ix_letters_workspace_state", table_name="letters")
    _partial("ix_letters_untagged", "letters", ["workspace", "settled_at"], "state = 'sent' AND tagged IS false")
    op.create_index("ix_notices_workspace_sent_at", "notices", ["workspace", "sent_at"])
    _partial("ix_notices_open", "notices", ["workspace", "domain", "ref"], "state IN ('planned', 'waiting')")
    _partial("ix_chunks_open", "chunks", ["plan_id"], "state IN ('waiting', 'running')")
    if op.get_bind().dialect.name == "postgresql":
        # A row that finds room in its own page touches no index when it is updated (HOT): a third of the log to write.
        op.execute("ALTER TABLE domains SET (fillfactor = 60)")


def downgrade() -> None:
    """Back to the indexes of before."""
    for name, table in (
        ("ix_chunks_open", "chunks"),
        ("ix_notices_open", "notices"), ("ix_notices_workspace_sent_at", "notices"), ("ix_letters_untagged", "letters"),
        ("ix_letters_workspace_state_settled_at", "letters"), ("ix_domains_closed", "domains"),
        ("ix_domains_open", "domains"),
    ):  # fmt: skip
        op.drop_index(name, table_name=table)
    op.create_index("ix_letters_workspace_state", "letters", ["workspace", "state"])
    op.create_index("ix_domains_workspace_seen_plan", "domains", ["workspace", "seen_plan"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE domains RESET (fillfactor)")
