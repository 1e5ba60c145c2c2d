"""Whose turn it is where a domain or a company has many people: a few are told, the rest only if nobody acts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from spfcheck.notify.audience.roster import Member
from spfcheck.notify.guards import DAY, Guards
from spfcheck.notify.ledger.register import Told
from spfcheck.notify.model import MessageStep, NoticeState

NOBODY_ACTED = 7 * DAY
"""After so long a domain that is still broken is told to the next of its people; the first reminder comes then too."""

MAY_HAVE_ARRIVED = (NoticeState.SENT, NoticeState.SENDING, NoticeState.UNCLEAR)


class Due(NamedTuple):
    """One person with the message that is due, and may go if it is their turn."""

    member: Member
    step: MessageStep


class Turns:
    """The turns of one night. A person counts once for a domain and once for each company, whatever is due."""

    def __init__(self, guards: Guards, now: float) -> None:
        self._guards = guards
        self._now = now
        self._of_company: dict[str, set[str]] = defaultdict(set)

    def take(self, candidates: Sequence[Due], told: Sequence[Told], episode: int) -> list[Due]:
        """Those of *candidates* of one domain whose turn it is: reminders first, then by rank."""
        lately = {row.person for row in told if row.episode == episode and self._told_lately(row)}
        taken: list[Due] = []
        for candidate in sorted(candidates, key=_order):
            first = candidate.step is MessageStep.FIRST
            # Whoever was told lately has the week to act, before others are told of the same domain.
            used = max(len(taken), len(lately) + sum(one.step is MessageStep.FIRST for one in taken) if first else 0)
            if _room(self._guards.people_per_domain, used) and self._company_has_room(candidate.member):
                taken.append(candidate)
                for company in candidate.member.companies.split():
                    self._of_company[company].add(candidate.member.person)
        return taken

    def _told_lately(self, row: Told) -> bool:
        if row.step != MessageStep.FIRST or row.state not in MAY_HAVE_ARRIVED:
            return False
        return row.state is not NoticeState.SENT or self._now - row.sent_at < NOBODY_ACTED

    def _company_has_room(self, member: Member) -> bool:
        most = self._guards.people_per_company
        return all(
            _room(most, len(self._of_company[company] - {member.person})) for company in member.companies.split()
        )


def _room(most: int, used: int) -> bool:
    """True where one more may be told; *most* of 0 is no limit."""
    return most == 0 or used < most


def _order(candidate: Due) -> tuple[bool, int, str]:
    return candidate.step is MessageStep.FIRST, candidate.member.rank, candidate.member.contact_id
