"""Notices that an older backup of the ledger was put in its place.

What a backup takes back it takes back silently: people who were told meanwhile are strangers again. The note beside the
lock is not in the backup, and names the letter that was last tried from here.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from spfcheck.notify.ledger.facts import fact, set_fact
from spfcheck.notify.ledger.register import LastTried, Register
from spfcheck.notify.model import Brake
from spfcheck.store.database import reading, writing


class Gap(NamedTuple):
    """What a restored ledger cannot know of."""

    since: float
    """The last letter that it does know."""
    until: float
    """When somebody noticed."""


class Restored:
    """What is known of backups that were put in the place of a ledger."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._name = f"restored:{register.workspace}"

    def notice(self, last: LastTried, now: float) -> Brake | None:
        """The brake to trip where the ledger does not know the letter that was *last* tried; once for each."""
        if not last.ref or self._register.tried(last.ref, last.attempt):
            return None
        told = {"ref": last.ref, "attempt": last.attempt}
        with reading(self._register.engine) as connection:
            known = json.loads(fact(connection, self._name) or "{}")
        if all(known.get(name) == value for name, value in told.items()):
            return None
        gap = {"since": self._register.newest_attempt(), "until": now}
        with writing(self._register.engine) as connection:
            set_fact(connection, self._name, json.dumps({**told, **gap}))
        sentence = (
            f"The ledger does not know the letter {last.ref}, which was tried from here: an older backup was restored. "
            "Whoever carries our tag, or was contacted since the backup, is held until a person takes the tag away."
        )
        return Brake("older-ledger", 1, 0, True, sentence)

    def gap(self) -> Gap | None:
        """The newest gap; None when no backup was ever restored."""
        with reading(self._register.engine) as connection:
            told = fact(connection, self._name)
        if not told:
            return None
        known = json.loads(told)
        return Gap(known["since"], known["until"])
