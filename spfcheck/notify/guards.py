"""The guards of the notifier as one named policy, and in words."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

from spfcheck.settings import NotifySettings, load

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Everything that holds the notifier back; times in seconds, shares from 0 to 1."""

    name: str = "production"
    enabled: bool = False
    delivery: str = "message"
    event_name: str = "spf-notice"
    open_conversation: bool = False
    mark_tag: str = "spf-notified"
    subscriptions: frozenset[str] = frozenset()
    """Kinds of e-mail of which opting out counts; any where none is named."""
    reminders: bool = True
    thanks: bool = False
    min_runs: int = 2
    min_between_runs: float = 20 * HOUR
    ceiling_per_run: int = 50
    people_per_domain: int = 3
    people_per_company: int = 3
    cool_off: float = 30 * DAY
    quiet_hours: str = ""
    quiet_days: tuple[str, ...] = ()
    stage: str = "self"
    allow: frozenset[str] = frozenset()
    percent: int = 0
    rate_per_second: float = 1.0
    first_batch: int = 5
    first_pause: float = 10 * MINUTE
    plan_max_age: float = 24 * HOUR
    audience_change_max: float = 0.10
    audience_drift_max: float = 0.20
    temperror_max: float = 0.05
    newly_broken_max: float = 0.02
    newly_broken_floor: int = 5
    recovery_max: float = 0.10
    disagreement_max: float = 0.01
    api_errors_max: float = 0.05
    opt_out_max: float = 0.02
    unclear_quiet: float = 15 * MINUTE
    claim_max_age: float = 5.0
    """Seconds after which a claim is not posted: the process may have stood still, and another may have taken over."""
    answers_max_age: float = 15 * MINUTE
    clock_skew_max: float = 10 * MINUTE
    small_floor: int = 5
    """Shares of a handful mean nothing: so many domains (or people) never trip a brake that measures a share."""
    handful_share: float = 0.5
    """Of fewer than twice the floor, more than this share is many all the same: five of five is no coincidence."""
    max_attempts: int = 5
    unclear_stop: int = 3
    """So many unclear or rejected messages in a row end the run."""
    check_every: int = 20
    """Brakes on sending are looked at again after so many messages."""
    concurrency: int = 16
    pause_file: Path = Path("spfcheck.pause")

    @classmethod
    def from_settings(cls, notify: NotifySettings) -> Self:
        """The guards that the settings ask for."""
        same = {field.name for field in fields(cls)} & set(NotifySettings.model_fields)
        values = {name: getattr(notify, name) for name in same}
        values.update(
            quiet_days=tuple(notify.quiet_days),
            allow=frozenset(item.lower() for item in notify.allow),
            subscriptions=frozenset(item.lower() for item in notify.subscriptions),
            pause_file=Path(notify.pause_file),
            min_between_runs=notify.min_hours_between_runs * HOUR,
            cool_off=notify.cool_off_days * DAY,
            first_pause=notify.first_pause_minutes * MINUTE,
            plan_max_age=notify.plan_max_age_hours * HOUR,
            unclear_quiet=notify.unclear_quiet_minutes * MINUTE,
        )
        return cls(**values)

    @classmethod
    def now(cls) -> Self:
        """The guards as the settings say them at this moment: what an operator narrows binds a run under way."""
        return cls.from_settings(load().notify)

    def demo(self) -> Self:
        """The policy of the demo: everything at once, on made-up customers and a sandbox."""
        return replace(
            self,
            name="demo",
            enabled=True,
            stage="everyone",
            quiet_hours="",
            quiet_days=(),
            ceiling_per_run=1000,
            rate_per_second=1000.0,
            first_pause=0.0,
            open_conversation=True,
            unclear_quiet=0.0,
        )

    def lines(self) -> list[str]:
        """One line for each guard: its value, and the shipped one where it differs."""
        shipped = Guards()
        found = []
        for field in fields(self):
            value, default = getattr(self, field.name), getattr(shipped, field.name)
            if field.name == "name":
                continue
            note = "" if value == default else f"  (shipped: {_shown(field.name, default)})"
            found.append(f"{field.name} = {_shown(field.name, value)}{note}")
        return found


_TIMES = frozenset(
    {
        "min_between_runs",
        "cool_off",
        "first_pause",
        "plan_max_age",
        "unclear_quiet",
        "claim_max_age",
        "answers_max_age",
        "clock_skew_max",
    }
)


def _shown(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, float):
        return _span(value)
    if isinstance(value, tuple | frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def _span(seconds: float) -> str:
    for unit, size in (("days", DAY), ("hours", HOUR), ("minutes", MINUTE)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} seconds"
