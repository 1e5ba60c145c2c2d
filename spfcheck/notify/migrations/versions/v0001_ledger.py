"""The ledger, the plans and what the nights saw."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("boot", sa.String(length=32), nullable=False),
        sa.Column("claimed_at", sa.Float(), nullable=False),
        sa.Column("settled_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("outcome", sa.String(length=16), server_default="", nullable=False),
        sa.Column("status", sa.Integer(), server_default="0", nullable=False),
        sa.Column("request_id", sa.String(length=80), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_ref"), "attempts", ["ref"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="Append-only; each entry's chain is the hash of its content and of the chain before.",
    )
    op.create_table(
        "domains",
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("seen_plan", sa.String(length=32), server_default="", nullable=False),
        sa.Column("seen_status", sa.String(length=16), server_default="", nullable=False),
        sa.Column("seen_fault", sa.String(length=64), server_default="", nullable=False),
        sa.Column("seen_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("status", sa.String(length=16), server_default="", nullable=False),
        sa.Column("fault", sa.String(length=64), server_default="", nullable=False),
        sa.Column("fault_runs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fault_first_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("fine_runs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fine_first_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("baseline", sa.String(length=16), server_default="", nullable=False),
        sa.Column("episode", sa.Integer(), server_default="0", nullable=False),
        sa.Column("episode_open", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("closed_at", sa.Float(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("workspace", "domain", name=op.f("pk_domains")),
    )
    op.create_index(op.f("ix_domains_workspace_seen_plan"), "domains", ["workspace", "seen_plan"], unique=False)
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
        comment="Single values: the check of the hash key, the baseline, the last success.",
    )
    op.create_table(
        "letters",
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("boot", sa.String(length=32), server_default="", nullable=False),
        sa.Column("claimed_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("settled_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("findable", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("message_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("conversation_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("request_id", sa.String(length=80), server_default="", nullable=False),
        sa.Column("content_hash", sa.String(length=64), server_default="", nullable=False),
        sa.Column("tagged", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_letters")),
    )
    op.create_index(op.f("ix_letters_person"), "letters", ["person"], unique=False)
    op.create_index(op.f("ix_letters_plan_id_state_number"), "letters", ["plan_id", "state", "number"], unique=False)
    op.create_index(op.f("ix_letters_workspace_state"), "letters", ["workspace", "state"], unique=False)
    op.create_table(
        "plans",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("approved_by", sa.String(length=200), server_default="", nullable=False),
        sa.Column("approved_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("approval", sa.Text(), server_default="", nullable=False),
        sa.Column("entered_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("finished_at", sa.Float(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    op.create_index(op.f("ix_plans_workspace_number"), "plans", ["workspace", "number"], unique=False)
    op.create_table(
        "stops",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.String(length=32), server_default="", nullable=False),
        sa.Column("who", sa.String(length=200), server_default="", nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("lifted_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("lifted_by", sa.String(length=200), server_default="", nullable=False),
        sa.Column("lifted_for", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stops")),
        comment="The pause switch (name: pause) and the brakes that tripped; in force until lifted.",
    )
    op.create_index(op.f("ix_stops_workspace_lifted_at"), "stops", ["workspace", "lifted_at"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "person", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("inside", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), server_default="", nullable=False),
        sa.Column("fault", sa.String(length=64), server_default="", nullable=False),
        sa.Column("nights", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["ref"], ["letters.ref"], name=op.f("fk_notices_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("workspace", "person", "domain", "episode", "step", name="uq_notices_once"),
    )
    op.create_index(op.f("ix_notices_ref"), "notices", ["ref"], unique=False)
    op.create_index(op.f("ix_notices_workspace_domain"), "notices", ["workspace", "domain"], unique=False)
    op.create_table(
        "plan_intents",
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_intents_plan_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("plan_id", "number", name=op.f("pk_plan_intents")),
    )
    op.create_table(
        "plan_rows",
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_rows_plan_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("plan_id", "number", name=op.f("pk_plan_rows")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("plan_rows")
    op.drop_table("plan_intents")
    op.drop_index(op.f("ix_notices_workspace_domain"), table_name="notices")
    op.drop_index(op.f("ix_notices_ref"), table_name="notices")
    op.drop_table("notices")
    op.drop_table("suppressions")
    op.drop_index(op.f("ix_stops_workspace_lifted_at"), table_name="stops")
    op.drop_table("stops")
    op.drop_index(op.f("ix_plans_workspace_number"), table_name="plans")
    op.drop_table("plans")
    op.drop_index(op.f("ix_letters_workspace_state"), table_name="letters")
    op.drop_index(op.f("ix_letters_plan_id_state_number"), table_name="letters")
    op.drop_index(op.f("ix_letters_person"), table_name="letters")
    op.drop_table("letters")
    op.drop_table("facts")
    op.drop_index(op.f("ix_domains_workspace_seen_plan"), table_name="domains")
    op.drop_table("domains")
    op.drop_table("audit")
    op.drop_index(op.f("ix_attempts_ref"), table_name="attempts")
    op.drop_table("attempts")
