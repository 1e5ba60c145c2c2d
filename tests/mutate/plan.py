"""The planner: steps and their days, cool-off, who is held, one message a person, the ceiling, who is asked what."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

FILE = "spfcheck/notify/planning/plan.py"
TESTS = "tests/notify/planning/test_plan.py"
EXAMINER_TESTS = "tests/notify/planning/test_examiner.py"
COOL_OFF = "test_a_new_episode_is_told_when_the_cool_off_is_over_to_the_second"
LAST = "test_the_cool_off_counts_from_the_last_message_that_went_out_and_only_from_those"
STEPS = "test_the_seventh_day_comes_after_the_first_message_and_the_thirtieth_after_that"
NOT_ARRIVED = "test_no_reminder_of_a_message_that_may_never_have_arrived"
HELD = "test_whoever_is_held_is_counted_by_reason_and_the_most_frequent_is_the_rows"
TAGGED = "test_our_tag_on_somebody_whom_the_ledger_knows_holds_nobody"
ONE_HOLD = "test_one_hold_of_a_person_holds_all_their_contacts"
THANKED = "test_whoever_was_told_is_thanked_for_the_repair"
THANKED_ONCE = "test_thanks_come_once_and_only_for_what_was_told_in_this_episode"
CEILING = "test_beyond_the_ceiling_a_message_waits"
ONE_A_NIGHT = "test_one_message_a_night_the_first_before_the_reminder"
RUNS = "test_a_fault_is_written_about_after_two_runs_twenty_hours_apart"
WISHED = "test_how_often_and_how_far_apart_is_the_operators_to_say"


def _plan(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, FILE, old, new, tuple(f"{TESTS}::{test}" for test in tests))


def _examiner(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, FILE, old, new, tuple(f"{EXAMINER_TESTS}::{test}" for test in tests))


WHEN = (
    _plan(
        "seen-enough-not-asked",
        "        if judgement.reason is None:\n            judgement = evidence.seen_enough(",
        "        if False:\n            judgement = evidence.seen_enough(",
        RUNS,
    ),
    Mutation(
        "one-run-is-enough",
        "spfcheck/notify/guards.py",
        "min_runs: int = 2",
        "min_runs: int = 1",
        (f"{TESTS}::{RUNS}",),
    ),
    Mutation(
        "nineteen-hours-are-enough",
        "spfcheck/notify/guards.py",
        "min_between_runs: float = 20 * HOUR",
        "min_between_runs: float = 19 * HOUR",
        (f"{TESTS}::{RUNS}",),
    ),
    Mutation(
        "min-runs-unread",
        "spfcheck/notify/planning/evidence.py",
        "state.fault_runs >= guards.min_runs",
        "state.fault_runs >= 2",
        (f"{TESTS}::{WISHED}",),
    ),
    Mutation(
        "min-between-runs-unread",
        "spfcheck/notify/planning/evidence.py",
        "hours * HOUR >= guards.min_between_runs",
        "hours >= 20",
        (f"{TESTS}::{WISHED}",),
    ),
    _plan(
        "cool-off-one-second-more",
        "self._now - last < self._guards.cool_off",
        "self._now - last <= self._guards.cool_off",
        COOL_OFF,
    ),
    _plan("cool-off-off", "if last and self._now - last < self._guards.cool_off:", "if False:", COOL_OFF),
    _plan("cool-off-from-the-first", "last = max((row.sent_at", "last = min((row.sent_at", LAST),
    _plan(
        "reminder-without-a-first",
        "        if first.state is not NoticeState.SENT:\n",
        "        if False:\n",
        NOT_ARRIVED,
    ),
    _plan(
        "reminders-not-switched-off",
        "        if not self._guards.reminders:\n",
        "        if False:\n",
        "test_reminders_that_are_switched_off_do_not_come",
    ),
    _plan("day-7-a-day-early", "(MessageStep.DAY7, 7 * DAY)", "(MessageStep.DAY7, 6 * DAY)", STEPS),
    _plan("day-30-a-day-early", "(MessageStep.DAY30, 30 * DAY)", "(MessageStep.DAY30, 29 * DAY)", STEPS),
    _plan(
        "day-7-before-day-30",
        "((MessageStep.DAY30, 30 * DAY), (MessageStep.DAY7, 7 * DAY))",
        "((MessageStep.DAY7, 7 * DAY), (MessageStep.DAY30, 30 * DAY))",
        STEPS,
    ),
    _plan("reminder-a-second-late", "self._now - first.sent_at >= after:", "self._now - first.sent_at > after:", STEPS),
    _plan(
        "reminded-again-and-again", '(None, Reason.ALREADY_TOLD) if step in here else (step, "")', '(step, "")', STEPS
    ),
    _plan(
        "steps-of-another-episode",
        "for row in mine if row.episode == state.episode and row.in_hand}",
        "for row in mine if row.in_hand}",
        COOL_OFF,
    ),
    _plan(
        "a-plan-taken-for-a-message",
        "row.episode == state.episode and row.in_hand}",
        "row.episode == state.episode}",
        "test_what_was_planned_and_never_tried_is_planned_again",
    ),
    _plan(
        "told-for-everybody",
        "mine = [row for row in told if row.person in hashes]",
        "mine = list(told)",
        "test_what_others_were_told_is_nothing_to_ann",
    ),
)

WHOM = (
    _plan("held-all-the-same", "        if member.hold:\n", "        if False:\n", HELD),
    _plan("suppressed-all-the-same", "if any(map(self._stops.suppressed, hashes)):", "if False:", HELD),
    _plan(
        "restored-ledger-unnoticed",
        "if member.tagged and not any(",
        "if False and not any(",
        TAGGED,
    ),
    _plan(
        "tag-alone-holds",
        " and not any(self._ledger.was_sent_to(person, self._vouches_from) for person in hashes):",
        ":",
        TAGGED,
    ),
    _plan(
        "outside-the-stage-all-the-same",
        "if not in_stage(self._guards, domain, member.contact_id):",
        "if False:",
        "test_outside_the_stage_nobody_is_messaged",
    ),
    _plan(
        "one-hold-holds-one-contact",
        "next((reason for reason in OF_THE_PERSON if reason in marks[person]), member.hold)",
        "member.hold",
        ONE_HOLD,
    ),
    _plan(
        "holds-of-this-domain-only",
        "        marks[person].update(against)\n",
        "        pass\n",
        ONE_HOLD,
    ),
    _plan(
        "a-held-contact-is-written-to",
        "if known is None or (known.hold and not member.hold):",
        "if known is None:",
        "test_a_hold_that_is_one_contacts_holds_only_that_contact",
    ),
    _plan("tags-of-this-contact-only", "tagged=TAGGED in marks[person]", "tagged=member.tagged", TAGGED),
    _plan(
        "each-contact-by-itself", "by_person[member.person] = member", "by_person[member.contact_id] = member", ONE_HOLD
    ),
    _plan(
        "judged-and-addressed-all-the-same",
        "return row if judgement.reason is not None else self._address",
        "return self._address",
        "test_what_the_night_judged_stands_however_often_the_fault_was_seen",
    ),
    _plan(
        "one-letter-a-domain",
        "key = (member.person, step)",
        "key = (member.person + domain, step)",
        "test_one_person_gets_one_message_with_every_domain",
    ),
    _plan("two-a-night", "if letter.person in seen:", "if False:", ONE_A_NIGHT),
    _plan(
        "reminders-first",
        "(rank[letter.step], letter.domains[0], letter.person)",
        "(-rank[letter.step], letter.domains[0], letter.person)",
        ONE_A_NIGHT,
    ),
    _plan("ceiling-off", "elif room <= 0:", "elif False:", CEILING),
    _plan("planned-ceiling-one-more", "elif room <= 0:", "elif room < 0:", CEILING),
)

THANKS = (
    _plan("thanks-unwished", "if self._guards.thanks:", "if True:", THANKED),
    _plan("thanks-for-nothing", "if written and not thanked and not held", "if not thanked and not held", THANKED),
    _plan("thanks-again", "if written and not thanked and not held", "if written and not held", THANKED_ONCE),
    _plan(
        "thanks-to-whoever-is-held",
        "held = member.hold or any(map(self._stops.suppressed, hashes))",
        "held = any(map(self._stops.suppressed, hashes))",
        THANKED,
    ),
    _plan(
        "thanks-to-the-suppressed",
        "held = member.hold or any(map(self._stops.suppressed, hashes))",
        "held = member.hold",
        THANKED,
    ),
    _plan(
        "thanks-outside-the-stage",
        " and not held and in_stage(self._guards, domain, member.contact_id):",
        " and not held:",
        THANKED,
    ),
    _plan("thanks-unchecked", "            if domain in unchecked:\n                continue\n", "", THANKED),
    _plan(
        "thanks-for-what-may-not-have-arrived",
        "any(row.state is NoticeState.SENT for row in mine)",
        "any(row for row in mine)",
        THANKED_ONCE,
    ),
    _plan(
        "thanks-for-an-older-episode",
        "here = [row for row in told if row.episode == episode]",
        "here = list(told)",
        THANKED_ONCE,
    ),
    _plan(
        "thanks-late",
        "self._archive.thankable(self._now - 7 * DAY)",
        "self._archive.thankable(self._now - 8 * DAY)",
        "test_thanks_come_within_a_week",
    ),
)

WHAT_IS_ASKED = (
    _examiner(
        "opinion-never-asked",
        "if report.status is Status.ACTION_NEEDED and report.remedy.value:",
        "if False:",
        "test_without_the_second_engine_nobody_is_written_about",
    ),
    _examiner(
        "opinion-asked-of-all",
        "if report.status is Status.ACTION_NEEDED and report.remedy.value:",
        "if True:",
        "test_the_second_engine_is_asked_only_where_a_message_may_follow",
    ),
    _examiner(
        "opinion-without-a-remedy",
        "Status.ACTION_NEEDED and report.remedy.value:",
        "Status.ACTION_NEEDED:",
        "test_the_second_engine_is_asked_only_where_a_message_may_follow",
    ),
    _examiner(
        "night-second-resolver-not-asked",
        "second = await self._checks.second(domain)",
        "second = None",
        "test_the_second_resolver_is_asked_of_those_that_would_be_written_about",
    ),
    _examiner(
        "second-resolver-asked-of-all",
        "        if judgement.reason is None:\n            second = await",
        "        if True:\n            second = await",
        "test_the_second_resolver_is_asked_of_those_that_would_be_written_about",
    ),
    _examiner(
        "night-second-resolver-not-heard",
        "judgement = evidence.confirm(report, second, now=self._clock(), guards=self._guards)",
        "pass",
        "test_a_second_resolver_that_differs_is_heard_and_counted",
    ),
    _examiner(
        "more-at-once",
        "if len(running) >= self._guards.concurrency:",
        "if len(running) > self._guards.concurrency:",
        "test_no_more_are_examined_at_once_than_the_guard_says",
    ),
    _examiner(
        "failures-uncounted",
        "        tally.failed += report.status is Status.UNKNOWN\n",
        "",
        "test_the_figures_for_the_brakes_are_counted",
    ),
)

WHOSE_TESTS = "tests/notify/planning/test_whose.py"
OURS = f"{WHOSE_TESTS}::test_a_domain_of_ours_goes_to_a_person"
SITE = f"{WHOSE_TESTS}::test_the_web_sites_name_of_a_sound_domain_goes_to_a_person"
EVIDENCE = "spfcheck/notify/planning/evidence.py"
USUAL = "tests/notify/planning/test_usual.py::test_a_permanent_share_of_dead_domains_does_not_hold_every_night"
ARCHIVE = "spfcheck/notify/ledger/archive.py"

WHOSE = (
    Mutation("ours-are-written-about", FILE, "if evidence.is_ours(domain, self._ours):", "if False:", (OURS,)),
    Mutation("below-ours-is-theirs", EVIDENCE, "for start in range(len(parts)))", "for start in (0,))", (OURS,)),
    Mutation("web-sites-are-written-about", FILE, "        if not site:\n", "        if True:\n", (SITE,)),
    Mutation("silent-sites-are-broken", EVIDENCE, "if site.status is Status.UNKNOWN else", "if False else", (SITE,)),
    Mutation("approval-says-nothing-of-what-is-usual", ARCHIVE, "for share, approved_by in shares if approved_by",
             "for share, approved_by in shares if False", (USUAL,)),
    Mutation("nothing-is-usual", "spfcheck/notify/planning/settle.py", "self._archive.usual_failures()", "0.0",
             (USUAL,)),
)  # fmt: skip

MUTATIONS = (*WHOSE, *WHEN, *WHOM, *THANKS, *WHAT_IS_ASKED)
