"""Nights that many workers share: their parts, their audience, and what was found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PLANNING = "state IN ('gathering', 'auditing', 'deciding')"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "nights",
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.Column("progress", sa.Text(), server_default="{}", nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_nights")),
        sa.UniqueConstraint("workspace", "due", name=op.f("uq_nights_workspace_due")),
        comment="A night that many workers share, from its first contact to its last message.",
    )
    op.create_index(
        "uq_nights_planning",
        "nights",
        ["workspace"],
        unique=True,
        postgresql_where=sa.text(PLANNING),
        sqlite_where=sa.text(PLANNING),
    )
    op.create_table(
        "chunks",
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first", sa.String(length=253), nullable=False),
        sa.Column("last", sa.String(length=253), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.Column("tally", sa.Text(), server_default="{}", nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        _night("chunks"),
        sa.PrimaryKeyConstraint("plan_id", "number", name=op.f("pk_chunks")),
        comment="Parts of a night's domains, each examined by one worker at a time.",
    )
    op.create_table(
        "found",
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        _night("found"),
        sa.PrimaryKeyConstraint("plan_id", "domain", name=op.f("pk_found")),
        comment="What workers found of domains that are not simply fine, until the plan is made of it.",
    )
    op.create_table(
        "members",
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("hold", sa.String(length=32), nullable=False),
        sa.Column("tagged", sa.Boolean(), nullable=False),
        _night("members"),
        sa.PrimaryKeyConstraint("plan_id", "contact_id", "domain", name=op.f("pk_members")),
        comment="The audience of a night that many workers share, until its plan is made.",
    )
    op.create_index(op.f("ix_members_plan_id_domain"), "members", ["plan_id", "domain"], unique=False)
    op.create_table(
        "companies",
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("company_id", sa.String(length=64), nullable=False),
        sa.Column("domains", sa.Text(), nullable=False),
        _night("companies"),
        sa.PrimaryKeyConstraint("plan_id", "company_id", name=op.f("pk_companies")),
    )


def _night(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["plan_id"], ["nights.plan_id"], name=op.f(f"fk_{table}_plan_id"), ondelete="CASCADE"
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("companies")
    op.drop_index(op.f("ix_members_plan_id_domain"), table_name="members")
    op.drop_table("members")
    op.drop_table("found")
    op.drop_table("chunks")
    op.drop_index("uq_nights_planning", table_name="nights")
    op.drop_table("nights")
