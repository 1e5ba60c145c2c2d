"""Approvals: what a person looked at and let go, and how far that reaches.

An approval is tied to what it approved. It stands for later nights too, until a person takes it back, or until what is
to be sent goes beyond it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spfcheck.notify.ledger import trail
from spfcheck.notify.ledger.facts import fact, set_fact
from spfcheck.store.database import Store, reading, writing


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval of messages; *scope* is what was in force when it was given."""

    plan_id: str
    who: str
    at: float
    scope: Mapping[str, Any]


class Approvals:
    """The approval of one workspace that is in force."""

    def __init__(self, engine: Store, workspace: str) -> None:
        self.engine = engine
        self.workspace = workspace

    @property
    def _name(self) -> str:
        return f"approval:{self.workspace}"

    def current(self) -> Approval | None:
        """The approval in force; None when there is none."""
        with reading(self.engine) as connection:
            told = fact(connection, self._name)
        return Approval(**json.loads(told)) if told else None

    def grant(self, plan_id: str, *, who: str, now: float, scope: Mapping[str, Any]) -> None:
        """Let messages go out within *scope*."""
        document = json.dumps({"plan_id": plan_id, "who": who[:200], "at": now, "scope": scope})
        with writing(self.engine) as connection:
            set_fact(connection, self._name, document)

    def revoke(self, plan_id: str, *, who: str, now: float, reason: str) -> bool:
        """Take back the approval of a plan; False when it is not the one in force."""
        with writing(self.engine) as connection:
            told = fact(connection, self._name)
            if not told or json.loads(told)["plan_id"] != plan_id:
                return False
            set_fact(connection, self._name, "")
            trail.append(connection, at=now, who=who, action="revoke", subject=plan_id, detail={"reason": reason})
        return True
