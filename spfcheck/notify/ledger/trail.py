"""The audit log: append-only, chained by hashes, without addresses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from spfcheck.notify.ledger.tables import audit

APPENDING = 0x7370_6663_6865_636B
"""The number of the lock under which entries are appended: "spfcheck" in ASCII."""

START = "0" * 64
"""The chain before the first entry."""


def append(
    connection: Connection, *, at: float, who: str, action: str, subject: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Add an entry in the transaction of *connection*: what happened and its entry stand or fall together."""
    if connection.dialect.name == "postgresql":
        # Two that append at once would both hang on the same entry; SQLite has one writer anyway.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": APPENDING})
    before = connection.scalar(sa.select(audit.c.chain).order_by(audit.c.id.desc()).limit(1)) or START
    entry = {"at": at, "who": who[:200], "action": action, "subject": subject[:300]}
    text = json.dumps(detail or {}, sort_keys=True)
    connection.execute(sa.insert(audit).values(**entry, detail=text, chain=_link(before, entry, text)))


def broken_links(connection: Connection) -> Iterator[int]:
    """The ids of entries that do not follow from the one before: changed, inserted or missing ones."""
    before = None
    for row in connection.execute(sa.select(audit).order_by(audit.c.id)):
        entry = {"at": row.at, "who": row.who, "action": row.action, "subject": row.subject}
        # The oldest entry that `db prune` left hangs on one that is gone; it is the anchor.
        if before is not None and _link(before, entry, row.detail) != row.chain:
            yield row.id
        before = row.chain


def _link(before: str, entry: Mapping[str, Any], detail: str) -> str:
    content = json.dumps([before, entry, detail], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
