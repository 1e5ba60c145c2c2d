"""A plan as a person reads it: who gets what, who waits and why, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from spfcheck.names import shown
from spfcheck.notify.model import Intent, Plan, Reason

SHOWN_ROWS = 30
"""Lines of one kind that are printed; all of them are in the plan's JSON and CSV."""


def plan_lines(made: Plan) -> Iterator[str]:
    """The lines of *made*, the messages apart from those who wait."""
    totals = made.totals
    when = datetime.fromtimestamp(made.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield f"Plan {made.id}, made {when} under the policy {made.policy}; nothing was sent."
    statuses = ("ok", "at_risk", "action_needed", "unknown")
    yield f"{made.contacts} contacts, {made.people} people, {made.domains} domains: " + ", ".join(
        f"{totals.get(name, 0)} {name.replace('_', ' ')}" for name in statuses
    )
    if totals.get("not_checked"):
        yield (
            f"NOT CHECKED: {totals['not_checked']} of the unknown domains; their part of the night was given up "
            f"(spfcheck night status {made.id}). None of their people is messaged."
        )
    yield f"Messages: {totals.get('messages', 0)}, for {totals.get('waiting', 0)} more people not now."
    records = {row.domain: row.record for row in made.rows}
    going = [intent for intent in made.intents if not intent.waiting]
    yield from _capped([_letter(intent, records) for intent in going], "message     ")
    yield from _capped(
        [
            f"{_letter(intent, records)} ({Reason(intent.waiting).sentence})"
            for intent in made.intents
            if intent.waiting
        ],
        "waits       ",
    )
    held = [
        f"{row.domain}: {number} {'person' if number == 1 else 'people'}: {Reason(reason).sentence}"
        for row in made.rows
        if row.persons
        for reason, number in sorted(row.held.items())
    ]
    yield from _capped(held, "not written ")
    left = [f"{row.domain}: {shown(row.detail or row.reason, 200)}" for row in made.rows if not row.persons]
    yield from _capped(left, "left alone  ")
    refused = [f"{shown(text, 60)} ({whose or 'unknown'}): {why}" for text, why, whose in made.refused]
    yield from _capped(refused, "no domain   ")
    for brake in made.tripped:
        yield f"BRAKE {brake.name}: {brake.sentence}"


def _letter(intent: Intent, records: dict[str, str]) -> str:
    """One message: to whom, which, and each of its domains with the record; never fewer domains than it has."""
    domains = "; ".join(f"{domain}: {shown(records.get(domain, ''), 120)}" for domain in intent.domains)
    return f"{intent.contact_id} (person {intent.person[:8]}) {intent.step}, {len(intent.domains)}: {domains}"


def _capped(lines: list[str], word: str) -> Iterator[str]:
    for line in lines[:SHOWN_ROWS]:
        yield f"  {word}{line}"
    if len(lines) > SHOWN_ROWS:
        yield f"  {word}... and {len(lines) - SHOWN_ROWS} more; --json and --csv FILE have them all"
