"""The service's tables: reports by their permalink, the hashes of access keys, sessions that were left, quotas."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text, text

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)

TELLING = text("NOT hypothetical AND status <> 'unknown'")
"""Reports that belong to a domain's history. Said in the same words by the index and by whoever reads through it:
neither database would use it for a condition that says the same by other words, or by a parameter."""

reports = Table(
    "reports",
    metadata,
    Column("report_id", String(64), primary_key=True),
    Column("domain", String(253), nullable=False),
    Column("status", String(16), nullable=False),
    Column("gist", String(16), nullable=False),
    Column("hypothetical", Boolean, nullable=False),
    Column("checked_at", Float, nullable=False),
    # The report as JSON, compressed: evidence repeats itself, and zlib makes a fifth of it.
    Column("document", LargeBinary, nullable=False),
    # A history is read from this index alone, and not from reports that lie all over the table.
    Index(None, "domain", "checked_at", "gist", postgresql_where=TELLING, sqlite_where=TELLING),
    Index(None, "checked_at"),
)

keys = Table(
    "access_keys",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("scopes", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float, nullable=False, server_default="0"),
)

signed_out = Table(
    "signed_out",
    metadata,
    Column("session", String(32), primary_key=True),
    # When it would have been over by itself, and this row with it.
    Column("until", Float, nullable=False),
)

quotas = Table(
    "quotas",
    metadata,
    # The ceiling's kind and the key's id.
    Column("bucket", String(64), primary_key=True),
    # The theoretical arrival time (GCRA): when the bucket will be full again, by the database's clock.
    Column("arrival", Float, nullable=False),
    Column("granted", Integer, nullable=False),
    Column("changed_at", Float, nullable=False),
)
