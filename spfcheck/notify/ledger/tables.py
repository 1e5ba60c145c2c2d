"""The tables of the ledger. No address of a person stands in any of them: people are keyed hashes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _where(name: str, *columns: str, where: str) -> Index:
    """An index of the few rows that are looked for among many."""
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    comment="Single values: the check of the hash key, the baseline, the last success.",
)

domains = Table(
    "domains",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("domain", String(253), primary_key=True),
    # What the newest plan saw; it counts as evidence only once that plan is accepted.
    Column("seen_plan", String(32), nullable=False, server_default=""),
    Column("seen_status", String(16), nullable=False, server_default=""),
    Column("seen_fault", String(64), nullable=False, server_default=""),
    Column("seen_at", Float, nullable=False, server_default="0"),
    # What accepted plans saw.
    Column("status", String(16), nullable=False, server_default=""),
    Column("fault", String(64), nullable=False, server_default=""),
    Column("fault_runs", Integer, nullable=False, server_default="0"),
    Column("fault_first_at", Float, nullable=False, server_default="0"),
    Column("fine_runs", Integer, nullable=False, server_default="0"),
    Column("fine_first_at", Float, nullable=False, server_default="0"),
    Column("baseline", String(16), nullable=False, server_default=""),
    Column("episode", Integer, nullable=False, server_default="0"),
    Column("episode_open", Boolean, nullable=False, server_default="0"),
    Column("opened_at", Float, nullable=False, server_default="0"),
    Column("closed_at", Float, nullable=False, server_default="0"),
    _where("ix_domains_open", "workspace", where="episode_open IS true"),
    _where("ix_domains_closed", "workspace", "closed_at", where="closed_at > 0"),
)

plans = Table(
    "plans",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("workspace", String(64), nullable=False),
    # In order of making, whatever the clock said.
    Column("number", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("accepted", Boolean, nullable=False, server_default="0"),
    Column("approved_by", String(200), nullable=False, server_default=""),
    Column("approved_at", Float, nullable=False, server_default="0"),
    Column("approval", Text, nullable=False, server_default=""),
    # When its intents were entered into the ledger; 0 before.
    Column("entered_at", Float, nullable=False, server_default="0"),
    Column("finished_at", Float, nullable=False, server_default="0"),
    Index(None, "workspace", "number"),
)

plan_rows = Table(
    "plan_rows",
    metadata,
    Column("plan_id", ForeignKey("plans.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("document", Text, nullable=False),
)

plan_intents = Table(
    "plan_intents",
    metadata,
    Column("plan_id", ForeignKey("plans.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("document", Text, nullable=False),
)

letters = Table(
    "letters",
    metadata,
    Column("ref", String(32), primary_key=True),
    Column("workspace", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("contact_id", String(64), nullable=False),
    Column("step", String(16), nullable=False),
    Column("plan_id", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("boot", String(32), nullable=False, server_default=""),
    Column("claimed_at", Float, nullable=False, server_default="0"),
    Column("settled_at", Float, nullable=False, server_default="0"),
    # Whether search can find it: the mode under which the last attempt was made.
    Column("findable", Boolean, nullable=False, server_default="0"),
    # How else that attempt was made; the delivery is empty where no attempt counts any more.
    Column("delivery", String(16), nullable=False, server_default=""),
    Column("admin_id", BigInteger, nullable=False, server_default="0"),
    Column("template", String(64), nullable=False, server_default=""),
    # When, by the API's own clock: quiet times are measured by it.
    Column("api_at", Float, nullable=False, server_default="0"),
    Column("message_id", String(64), nullable=False, server_default=""),
    Column("conversation_id", String(64), nullable=False, server_default=""),
    Column("request_id", String(80), nullable=False, server_default=""),
    Column("content_hash", String(64), nullable=False, server_default=""),
    Column("tagged", Boolean, nullable=False, server_default="0"),
    Column("created_at", Float, nullable=False),
    Index(None, "plan_id", "state", "number"),
    Index(None, "workspace", "state", "settled_at"),
    _where("ix_letters_untagged", "workspace", "settled_at", where="state = 'sent' AND tagged IS false"),
    Index(None, "person"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("workspace", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("domain", String(253), nullable=False),
    Column("episode", Integer, nullable=False),
    Column("step", String(16), nullable=False),
    Column("ref", ForeignKey("letters.ref"), nullable=False),
    # The contact that names this domain; the letter goes to one of the person's contacts.
    Column("contact_id", String(64), nullable=False),
    # False once the domain was taken out of its letter: what becomes of the letter no longer concerns it.
    Column("inside", Boolean, nullable=False, server_default="1"),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False, server_default=""),
    Column("fault", String(64), nullable=False, server_default=""),
    # Nights on which the contact was not there, and when that was last counted.
    Column("nights", Integer, nullable=False, server_default="0"),
    Column("gone_at", Float, nullable=False, server_default="0"),
    Column("sent_at", Float, nullable=False, server_default="0"),
    Column("changed_at", Float, nullable=False),
    # At most one notice for a person, domain, episode and step: the promise "never twice" in the database itself.
    UniqueConstraint("workspace", "person", "domain", "episode", "step", name="uq_notices_once"),
    Index(None, "ref"),
    Index(None, "workspace", "domain"),
    Index(None, "workspace", "sent_at"),
    _where("ix_notices_open", "workspace", "domain", "ref", where="state IN ('planned', 'waiting')"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ref", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("boot", String(32), nullable=False),
    Column("claimed_at", Float, nullable=False),
    Column("settled_at", Float, nullable=False, server_default="0"),
    Column("outcome", String(16), nullable=False, server_default=""),
    Column("status", Integer, nullable=False, server_default="0"),
    Column("request_id", String(80), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Index(None, "ref"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

stops = Table(
    "stops",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("workspace", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("sentence", Text, nullable=False),
    Column("plan_id", String(32), nullable=False, server_default=""),
    Column("who", String(200), nullable=False, server_default=""),
    Column("since", Float, nullable=False),
    Column("lifted_at", Float, nullable=False, server_default="0"),
    Column("lifted_by", String(200), nullable=False, server_default=""),
    Column("lifted_for", Text, nullable=False, server_default=""),
    Index(None, "workspace", "lifted_at"),
    comment="The pause switch (name: pause) and the brakes that tripped; in force until lifted.",
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", String(200), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("detail", Text, nullable=False),
    Column("chain", String(64), nullable=False),
    comment="Append-only; each entry's chain is the hash of its content and of the chain before.",
)

PLANNING = ("gathering", "auditing", "deciding")
"""States of a night that has no plan yet; a workspace has at most one."""

nights = Table(
    "nights",
    metadata,
    Column("plan_id", String(32), primary_key=True),
    Column("workspace", String(64), nullable=False),
    # The time that it was due by the schedule: the same time begins one night, whoever asks how often.
    Column("due", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    # Raised at each claim: whoever holds an older one writes nothing any more.
    Column("token", Integer, nullable=False, server_default="0"),
    # Claims of this state that came to nothing; a worker that handed its work back does not count.
    Column("attempts", Integer, nullable=False, server_default="0"),
    # The worker that holds it, by the engine's number; 0 while nobody does.
    Column("worker", BigInteger, nullable=False, server_default="0"),
    Column("started_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("progress", Text, nullable=False, server_default="{}"),
    Column("trouble", Text, nullable=False, server_default=""),
    UniqueConstraint("workspace", "due"),
    Index(
        "uq_nights_planning",
        "workspace",
        unique=True,
        postgresql_where=text("state IN ('gathering', 'auditing', 'deciding')"),
        sqlite_where=text("state IN ('gathering', 'auditing', 'deciding')"),
    ),
    comment="A night that many workers share, from its first contact to its last message.",
)

OPEN_CHUNKS = "state IN ('waiting', 'running')"
"""Chunks that are still to come in, in the words that the index knows them by."""

chunks = Table(
    "chunks",
    metadata,
    Column("plan_id", ForeignKey("nights.plan_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    # Of the roster's distinct domains, as the database orders them; both belong to it.
    Column("first", String(253), nullable=False),
    Column("last", String(253), nullable=False),
    Column("size", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("token", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("worker", BigInteger, nullable=False, server_default="0"),
    Column("changed_at", Float, nullable=False),
    Column("tally", Text, nullable=False, server_default="{}"),
    Column("trouble", Text, nullable=False, server_default=""),
    # Each chunk that comes in asks whether it was the last; of a large night there are hundreds of thousands.
    _where("ix_chunks_open", "plan_id", where=OPEN_CHUNKS),
    comment="Parts of a night's domains, each examined by one worker at a time.",
)

found = Table(
    "found",
    metadata,
    Column("plan_id", ForeignKey("nights.plan_id", ondelete="CASCADE"), primary_key=True),
    Column("domain", String(253), primary_key=True),
    Column("document", Text, nullable=False),
    comment="What workers found of domains that are not simply fine, until the plan is made of it.",
)

members = Table(
    "members",
    metadata,
    Column("plan_id", ForeignKey("nights.plan_id", ondelete="CASCADE"), primary_key=True),
    Column("contact_id", String(64), primary_key=True),
    Column("domain", String(253), primary_key=True),
    Column("person", String(64), nullable=False),
    Column("hold", String(32), nullable=False),
    Column("tagged", Boolean, nullable=False),
    Column("rank", Integer, nullable=False, server_default="0"),
    Column("companies", Text, nullable=False, server_default=""),
    Index(None, "plan_id", "domain"),
    comment="The audience of a night that many workers share, until its plan is made.",
)

against = Table(
    "against",
    metadata,
    Column("plan_id", ForeignKey("nights.plan_id", ondelete="CASCADE"), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("mark", String(64), primary_key=True),
    comment="What contacts of a night say of the person behind them, until its plan is made.",
)

companies = Table(
    "companies",
    metadata,
    Column("plan_id", ForeignKey("nights.plan_id", ondelete="CASCADE"), primary_key=True),
    Column("company_id", String(64), primary_key=True),
    Column("domains", Text, nullable=False),
)
