"""The brakes, each switched off and each off by one; the stage; quiet hours."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

FILE = "spfcheck/notify/planning/brakes.py"
TESTS = "tests/notify/planning/test_brakes.py"
EDGE = "test_a_brake_trips_beyond_its_threshold_and_not_at_it"
QUIET = "test_quiet_hours_begin_on_time_end_on_time_and_go_over_midnight"
COHORT = "test_a_cohort_holds_the_domains_below_its_share"


def _brakes(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, FILE, old, new, tuple(f"{TESTS}::{test}" for test in tests or (EDGE,)))


def _threshold(name: str, condition: str, at: str) -> tuple[Mutation, Mutation]:
    """The brake *name* off, and one that trips *at* its threshold; *condition* stands between two commas."""
    old = f" {condition},\n"
    return _brakes(f"{name}-off", old, " False,\n"), _brakes(f"{name}-at-its-threshold", old, f" {at},\n")


def _figures(name: str, figures: str) -> Mutation:
    """A brake on a share that counts nothing."""
    return _brakes(f"{name}-off", f'"{name}",\n            {figures},\n', f'"{name}",\n            0,\n')


MUTATIONS = (
    _brakes("resolver-off", '_flag("resolver", night.resolver_trouble,', '_flag("resolver", "",'),
    _brakes("senders-off", '_flag("senders", night.sender_trouble,', '_flag("senders", "",'),
    _brakes("opt-out-tags-off", "unknown if night.missing_tags else", '"" if night.missing_tags else'),
    _brakes("a-flag-never-trips", "0.0, bool(trouble), trouble or fine", "0.0, False, trouble or fine"),
    _brakes("empty-audience-off", "1, night.contacts < 1,", "1, False,"),
    _brakes("empty-audience-at-its-threshold", "1, night.contacts < 1,", "1, night.contacts <= 1,"),
    *_threshold("half-a-search", "missing > FEW", "missing >= FEW"),
    *_threshold("audience-drift", "drift > guards.audience_drift_max", "drift >= guards.audience_drift_max"),
    _brakes(
        "audience-drift-one-way",
        "abs(night.contacts - night.baseline_contacts)",
        "(night.contacts - night.baseline_contacts)",
    ),
    _figures("dns-failures", "night.failed"),
    _brakes("dns-failures-of-all", "night.domains - night.unchecked", "night.domains"),
    _brakes("usual-failures-forgotten", "return max(share, min(USUAL_TIMES * usual, usual + share))", "return share"),
    _brakes("three-times-whatever-is-usual", "min(USUAL_TIMES * usual, usual + share)", "USUAL_TIMES * usual"),
    _brakes("all-beyond-the-usual", "min(USUAL_TIMES * usual, usual + share)", "usual + share"),
    _brakes("a-handful-is-nothing", "return min(floor, max(FEW_OF_ALL, share * total))", "return floor"),
    _brakes("two-are-many", "max(FEW_OF_ALL, share * total)", "share * total"),
    _figures("not-checked", "night.unchecked"),
    *_threshold("newly-broken", "change.newly_broken > broken_limit", "change.newly_broken >= broken_limit"),
    _brakes(
        "newly-broken-without-a-floor",
        "max(broken_floor, guards.newly_broken_max * change.compared)",
        "guards.newly_broken_max * change.compared",
    ),
    _brakes(
        "newly-broken-by-the-floor-alone",
        "max(broken_floor, guards.newly_broken_max * change.compared)",
        "broken_floor",
    ),
    _figures("mass-recovery", "change.recovered"),
    _figures("engines-disagree", "night.disagreements"),
    _figures("resolvers-disagree", "night.resolver_disagreements"),
    _figures("turned-away", "night.turned_away"),
    *_threshold("clock", "skew > guards.clock_skew_max", "skew >= guards.clock_skew_max"),
    _brakes("clock-one-way", "max(abs(night.clock_skew), night.went_back)", "max(night.clock_skew, night.went_back)"),
    _brakes("clock-may-go-back", "max(abs(night.clock_skew), night.went_back)", "abs(night.clock_skew)"),
    *_threshold("rate-limit", "0 < night.rate_limit < LEAST_LIMIT", "0 < night.rate_limit <= LEAST_LIMIT"),
    _brakes("rate-limit-unknown", "0 < night.rate_limit <", "0 <= night.rate_limit <"),
    _brakes("share-at-its-threshold", "limit, count > limit,", "limit, count >= limit,"),
    _brakes("share-off", "limit, count > limit,", "limit, False,"),
    _brakes("share-without-a-floor", "limit = max(floor, share * total)", "limit = share * total"),
    _brakes("share-by-the-floor-alone", "limit = max(floor, share * total)", "limit = floor"),
    _brakes(
        "recent-for-ever",
        "        del self._outcomes[: -self.SIZE]\n",
        "",
        "test_the_brake_while_sending_looks_at_the_last_hundred",
    ),
    _brakes("recent-one-less", "SIZE = 100", "SIZE = 99", "test_the_brake_while_sending_looks_at_the_last_hundred"),
    _brakes("recent-one-more", "SIZE = 100", "SIZE = 101", "test_the_brake_while_sending_looks_at_the_last_hundred"),
    _brakes("cohort-one-more", "bucket(domain) < guards.percent", "bucket(domain) <= guards.percent", COHORT),
    _brakes("cohort-one-less", "bucket(domain) < guards.percent", "bucket(domain) + 1 < guards.percent", COHORT),
    _brakes("cohort-of-everybody", "bucket(domain) < guards.percent", "True", COHORT),
    _brakes(
        "cohort-reshuffled",
        "spfcheck rollout",
        "spfcheck roll-out",
        "test_a_domain_keeps_its_place_in_the_roll_out_for_ever",
    ),
    _brakes(
        "share-in-every-stage",
        'return guards.stage == "cohort" and bucket',
        "return bucket",
        "test_in_stage_self_only_who_is_allowed_by_domain_or_contact",
    ),
    _brakes(
        "allowed-contacts-forgotten",
        " or contact_id in guards.allow",
        "",
        "test_in_stage_self_only_who_is_allowed_by_domain_or_contact",
    ),
    _brakes(
        "allowed-domains-forgotten",
        "domain in guards.allow or ",
        "",
        "test_in_stage_self_only_who_is_allowed_by_domain_or_contact",
    ),
    _brakes(
        "everyone-is-a-share",
        'if guards.stage == "everyone":',
        "if False:",
        "test_in_stage_everyone_the_share_does_not_count",
    ),
    _brakes(
        "quiet-not-over-midnight", "else clock >= begin or clock < end", "else clock >= begin and clock < end", QUIET
    ),
    _brakes("quiet-not-before-midnight", "else clock >= begin or clock < end", "else clock < end", QUIET),
    _brakes("quiet-not-after-midnight", "else clock >= begin or clock < end", "else clock >= begin", QUIET),
    _brakes("quiet-begins-late-at-night", "else clock >= begin or", "else clock > begin or", QUIET),
    _brakes("quiet-ends-late-at-night", "or clock < end", "or clock <= end", QUIET),
    _brakes("quiet-begins-late-by-day", "return begin <= clock < end if", "return begin < clock < end if", QUIET),
    _brakes("quiet-ends-late-by-day", "return begin <= clock < end if", "return begin <= clock <= end if", QUIET),
    _brakes("an-empty-span-is-all-day", "if begin <= end else", "if begin < end else", QUIET),
    _brakes(
        "quiet-days-forgotten",
        "if DAYS[local.weekday()] in guards.quiet_days:",
        "if False:",
        "test_a_quiet_day_is_quiet_from_midnight_to_midnight_where_the_workspace_is",
    ),
    _brakes("quiet-by-utc", ".astimezone(zone(zone_name))", "", QUIET),
)
