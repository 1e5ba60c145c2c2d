"""What an approval covers: everything that decides who is written to, what they read, and in whose name.

What narrows is always allowed: rolling back must never need anybody's leave. What widens, and what merely changes in a
way that nobody can order, waits for a person.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from spfcheck.notify.guards import Guards
from spfcheck.notify.sending.message import Writer
from spfcheck.settings import Settings

STAGES = ("self", "cohort", "everyone")

FREE = frozenset({"name", "enabled", "concurrency", "pause_file"})
"""Fields of the guards that an approval is not about: the policy's name is compared by itself, being switched off only
ever narrows, and the others change nothing of what is sent."""

MORE_IS_WIDER = frozenset(
    {
        "percent", "ceiling_per_run", "rate_per_second", "first_batch", "plan_max_age", "audience_change_max",
        "audience_drift_max", "temperror_max", "newly_broken_max", "newly_broken_floor", "recovery_max",
        "disagreement_max", "api_errors_max", "opt_out_max", "claim_max_age", "answers_max_age", "clock_skew_max",
        "small_floor", "max_attempts", "unclear_stop", "check_every", "reminders", "thanks", "max_domains_per_contact",
    }
)  # fmt: skip
REACH = frozenset({"percent", "allow"})
"""What says who is reached by a stage that does not reach everybody."""

LESS_IS_WIDER = frozenset({"min_runs", "min_between_runs", "cool_off", "first_pause", "unclear_quiet"})


def scope_of(settings: Settings, guards: Guards, writer: Writer) -> dict[str, Any]:
    """What is in force, as an approval keeps it: plain values, and digests where the value is long."""
    guarded = {field.name: _plain(getattr(guards, field.name)) for field in fields(guards) if field.name not in FREE}
    audience = settings.audience
    guarded["exclude_tags"] = sorted(tag.lower() for tag in audience.exclude_tags)
    guarded["filters"] = sorted(json.dumps(one, sort_keys=True) for one in audience.filters)
    guarded["roles"] = sorted(audience.roles)
    guarded["max_domains_per_contact"] = audience.max_domains_per_contact
    senders = [sender.model_dump(mode="json") for sender in settings.sender_profiles()]
    return {
        "guards": guarded,
        "texts": writer.digest,
        "senders": _digest([senders, settings.mail_from, settings.helo]),
        "sources of domains": _digest([one.model_dump(mode="json") for one in settings.audience.domain_sources]),
        "sent by": _digest([settings.intercom.workspace, settings.intercom.admin_id]),
    }


def beyond(approved: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """In what way *present* goes beyond what was *approved*, each in a few words; empty when it does not."""
    found = [f"the {name} changed" for name in present if name != "guards" and approved.get(name) != present[name]]
    before = approved.get("guards", {})
    for name, value in present["guards"].items():
        was = before.get(name)
        if name in REACH and before.get("stage") == "everyone":
            continue
        if value != was and (was is None or _wider(name, was, value)):
            found.append(f"{name} was {_shown(was)} and is {_shown(value)} now")
    return found


def _wider(name: str, was: Any, value: Any) -> bool:
    if name in MORE_IS_WIDER:
        return bool(value > was)
    if name in LESS_IS_WIDER:
        return bool(value < was)
    if name == "stage":
        return STAGES.index(value) > STAGES.index(was) if was in STAGES else True
    if name in ("allow", "roles"):
        return not set(value) <= set(was)
    if name in ("quiet_days", "exclude_tags", "filters"):
        return not set(value) >= set(was)
    if name == "quiet_hours":
        return bool(was)
    # Any field that is not known here is one of which nobody said which way is wider.
    return True


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, frozenset | tuple | list) else value


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value[:5]) + (f" and {len(value) - 5} more" if value[5:] else "") or "none"
    return "none" if value in ("", None) else str(value)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
