"""What workers found of a night's domains, as it is kept until the plan is made of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from spfcheck.audit.report.model import RemedyKind, Status
from spfcheck.notify.ledger.tables import chunks, found
from spfcheck.notify.model import Reason
from spfcheck.notify.planning.evidence import Judgement
from spfcheck.notify.planning.plan import Examined, Tally


def total(connection: Connection, plan_id: str) -> tuple[Tally, list[Examined]]:
    """What all chunks of a night saw together, in order of names."""
    tally = Tally()
    for text in connection.scalars(sa.select(chunks.c.tally).where(chunks.c.plan_id == plan_id)):
        known = json.loads(text)
        tally.add(Tally(**{**known, "statuses": Counter(known["statuses"])}))
    documents = connection.scalars(sa.select(found.c.document).where(found.c.plan_id == plan_id))
    return tally, sorted((_examined(json.loads(text)) for text in documents), key=lambda item: item.domain)


def unchecked(domain: str, judgement: Judgement) -> Examined:
    """What is said of a domain that no worker could check."""
    return Examined(
        domain=domain,
        status=Status.UNKNOWN,
        fault="",
        remedy=RemedyKind.NONE,
        record="",
        report_id="",
        judgement=judgement,
    )


def write_found(connection: Connection, plan_id: str, items: Sequence[Examined]) -> None:
    """Keep what was found of a part of a night; what is there already stays."""
    if not items:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = [{"plan_id": plan_id, "domain": item.domain, "document": json.dumps(_document(item))} for item in items]
    connection.execute(insert(found).on_conflict_do_nothing(), values)


def tally_text(tally: Tally) -> str:
    """The figures of a part of a night, as `total` reads them."""
    return json.dumps({**asdict(tally), "statuses": dict(tally.statuses)})


def _document(item: Examined) -> dict[str, Any]:
    return {
        "domain": item.domain,
        "status": item.status,
        "fault": item.fault,
        "remedy": item.remedy,
        "record": item.record,
        "report_id": item.report_id,
        "judgement": [item.judgement.reason, item.judgement.detail],
    }


def _examined(document: dict[str, Any]) -> Examined:
    reason, detail = document["judgement"]
    return Examined(**{**document, "judgement": Judgement(None if reason is None else Reason(reason), detail)})
