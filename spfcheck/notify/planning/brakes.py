"""How far the roll-out has come, when it is quiet, and the brakes: pure decisions over figures.

A brake refuses, it does not truncate: a sudden jump means that something of ours is broken, not that so many customers
broke their records in one night.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spfcheck.notify.audience.gather import FEW
from spfcheck.notify.guards import Guards
from spfcheck.notify.ledger.archive import BaselineChange
from spfcheck.notify.model import Brake
from spfcheck.values import DAYS, hours

LEAST_LIMIT = 10
"""A rate limit of fewer requests a window is no limit that a night can be done under: somebody shut us off."""


def in_stage(guards: Guards, domain: str, contact_id: str) -> bool:
    """True when the roll-out has come to this domain or contact.

    The share of `cohort` is taken by a hash of the domain, so that raising it only adds domains.
    """
    if domain in guards.allow or contact_id in guards.allow:
        return True
    if guards.stage == "everyone":
        return True
    return guards.stage == "cohort" and bucket(domain) < guards.percent


def bucket(domain: str) -> int:
    """A number from 0 to 99 that is the same for a domain for ever."""
    digest = hashlib.sha256(f"spfcheck rollout\0{domain}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100


def quiet(guards: Guards, now: float, zone_name: str) -> bool:
    """True when no message may go out at *now* in the workspace's time zone."""
    local = datetime.fromtimestamp(now, UTC).astimezone(zone(zone_name))
    if DAYS[local.weekday()] in guards.quiet_days:
        return True
    if not guards.quiet_hours:
        return False
    begin, end = hours(guards.quiet_hours)
    clock = local.time().replace(tzinfo=None)
    return begin <= clock < end if begin <= end else clock >= begin or clock < end


def zone(name: str) -> tzinfo:
    """The time zone called *name*; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class NightFigures:
    """The figures of a whole night, on which the brakes are evaluated."""

    resolver_trouble: str
    """Why the resolver is not to be trusted; empty when it is."""
    sender_trouble: str
    """Why our own include cannot be judged by; empty when it can."""
    contacts: int
    """As the search counted them."""
    received: int
    """As they came."""
    baseline_contacts: int
    """Of the baseline; 0 when there is none."""
    domains: int
    failed: int
    """Domains for which DNS did not answer."""
    unchecked: int
    """Domains that were never examined: their part of the night was given up."""
    change: BaselineChange
    opinions: int
    """How often the second engine was asked."""
    disagreements: int
    asked_twice: int
    """How often a second resolver was asked."""
    resolver_disagreements: int
    messaged: int
    """People messaged in the last 30 days."""
    turned_away: int
    """Those of them who unsubscribed, marked spam, or opted out since."""
    clock_skew: float
    """The API's clock minus ours, in seconds."""
    went_back: float
    """Seconds by which our clock stands before the newest plan's; 0 when it does not."""
    rate_limit: int
    usual_failed: float = 0.0
    """Share of domains that DNS fails on most nights of this workspace."""
    missing_tags: tuple[str, ...] = ()
    """Tags that opt out by the settings, and that the workspace does not have."""


def brakes(guards: Guards, night: NightFigures) -> tuple[Brake, ...]:
    """Every brake, tripped or not, with what it measured."""
    floor, examined = guards.small_floor, night.domains - night.unchecked
    change = night.change
    drift = abs(night.contacts - night.baseline_contacts) / night.baseline_contacts if night.baseline_contacts else 0.0
    missing = max(0, night.contacts - night.received) / night.contacts if night.contacts else 0.0
    broken_floor = few(guards.newly_broken_floor, change.compared, guards.handful_share)
    broken_limit = max(broken_floor, guards.newly_broken_max * change.compared)
    skew = max(abs(night.clock_skew), night.went_back)
    unknown = f"The workspace has no tag {', '.join(night.missing_tags)} (audience.exclude_tags)."
    return (
        _flag("resolver", night.resolver_trouble, "The resolver answers its canaries as it should."),
        _flag("senders", night.sender_trouble, "Our own include can be read."),
        # Whoever carries the tag that was meant would be written to.
        _flag("opt-out-tags", unknown if night.missing_tags else "", "The workspace has every tag that opts out."),
        Brake("empty-audience", night.contacts, 1, night.contacts < 1, f"The search found {night.contacts} contacts."),
        Brake(
            "half-a-search",
            missing,
            FEW,
            missing > FEW,
            f"{night.received} of the {night.contacts} contacts that the search counted came.",
        ),
        Brake(
            "audience-drift",
            drift,
            guards.audience_drift_max,
            drift > guards.audience_drift_max,
            f"{night.contacts} contacts; the baseline had {night.baseline_contacts or 'none to compare with'}.",
        ),
        _share(
            "dns-failures",
            night.failed,
            examined,
            failures_allowed(guards.temperror_max, night.usual_failed),
            few(floor, examined, guards.handful_share),
            f"domains had no DNS answer (usually {night.usual_failed:.1%})",
        ),
        # Nobody of them is messaged, but the other brakes measured only the rest: of what a night could not see much
        # of, it cannot say that it is as it was.
        _share(
            "not-checked",
            night.unchecked,
            night.domains,
            guards.temperror_max,
            few(floor, night.domains, guards.handful_share),
            "domains could not be checked, since their part of the night was given up",
        ),
        Brake(
            "newly-broken",
            change.newly_broken,
            broken_limit,
            change.newly_broken > broken_limit,
            f"{change.newly_broken} of {change.compared} domains known to the baseline broke since; "
            f"{broken_limit:g} may.",
        ),
        # After messages repairs come in handfuls, so here the floor stands.
        _share(
            "mass-recovery",
            change.recovered,
            change.was_broken,
            guards.recovery_max,
            floor,
            "domains broken at the baseline recovered at once: was an earlier night our own fault?",
        ),
        _share(
            "engines-disagree",
            night.disagreements,
            night.opinions,
            guards.disagreement_max,
            few(floor, night.opinions, guards.handful_share),
            "verdicts are not shared by the second engine",
        ),
        _share(
            "resolvers-disagree",
            night.resolver_disagreements,
            night.asked_twice,
            guards.disagreement_max,
            few(floor, night.asked_twice, guards.handful_share),
            "domains look different to the second resolver",
        ),
        _share(
            "turned-away",
            night.turned_away,
            night.messaged,
            guards.opt_out_max,
            few(floor, night.messaged, guards.handful_share),
            "people messaged in the last 30 days turned away since",
        ),
        Brake(
            "clock",
            skew,
            guards.clock_skew_max,
            skew > guards.clock_skew_max,
            f"Our clock and others' differ by {skew:.0f} s.",
        ),
        Brake(
            "rate-limit",
            night.rate_limit,
            LEAST_LIMIT,
            0 < night.rate_limit < LEAST_LIMIT,
            f"The messaging API allows {night.rate_limit} requests in ten seconds.",
        ),
    )


FEW_OF_ALL = 2
"""So many never are many, even of two."""


def few(floor: int, total: int, share: float) -> float:
    """How many of *total* are too few to mean anything: *floor*, and of a handful no more than *share* of it."""
    return min(floor, max(FEW_OF_ALL, share * total))


USUAL_TIMES = 3.0
"""So many times the usual share of failures is still no outage, where that share is small."""


def failures_allowed(share: float, usual: float) -> float:
    """The share of domains that DNS may fail where *usual* is the share on most nights.

    Dead domains stay dead, so three times the usual share is ordinary; but where many are dead, three times as many
    would hide a resolver that fails: there it is *share* beyond the usual.
    """
    return max(share, min(USUAL_TIMES * usual, usual + share))


def _flag(name: str, trouble: str, fine: str) -> Brake:
    return Brake(name, 1.0 if trouble else 0.0, 0.0, bool(trouble), trouble or fine)


def _share(name: str, count: int, total: int, share: float, floor: float, words: str) -> Brake:
    """A brake on a share, with a floor: of few, a few are many."""
    limit = max(floor, share * total)
    return Brake(name, count, limit, count > limit, f"{count} of {total} {words}; {limit:g} may.")


class RecentOutcomes:
    """The last hundred attempts of this run, for the brake on API errors."""

    SIZE = 100

    def __init__(self) -> None:
        self._outcomes: list[bool] = []

    def add(self, *, failed: bool) -> None:
        """One more attempt."""
        self._outcomes.append(failed)
        del self._outcomes[: -self.SIZE]

    def brake(self, guards: Guards) -> Brake:
        """The brake as it stands."""
        count, total = sum(self._outcomes), len(self._outcomes)
        return _share("api-errors", count, total, guards.api_errors_max, guards.small_floor, "messages ended unclear")
