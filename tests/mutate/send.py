"""What holds a message back in the last moment: the looks between two messages, the waits, the second look."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

SEND = "spfcheck/notify/sending/send.py"
WATCH = "spfcheck/notify/sending/watch.py"
PREPARE = "spfcheck/notify/sending/ready.py"
CONSENT = "spfcheck/notify/sending/consent.py"
LOOK = "spfcheck/notify/sending/second_look.py"
RECONCILE = "spfcheck/notify/sending/reconcile.py"
MESSAGE = "spfcheck/notify/sending/message.py"
RUN_TESTS = "tests/notify/sending/test_run.py"
SEND_TESTS = "tests/notify/sending/test_send.py"
LOOK_TESTS = "tests/notify/sending/test_second_look.py"
UNCLEAR_TESTS = "tests/notify/sending/test_unclear.py"
CHANGED_CONTACT = f"{SEND_TESTS}::test_a_contact_that_changed_since_the_plan_is_left_alone"
CHANGED_DOMAIN = f"{SEND_TESTS}::test_a_domain_that_changed_since_the_plan_is_left_alone"
CLAIM_AGE = f"{RUN_TESTS}::test_a_claim_is_posted_within_five_seconds_by_both_clocks"
NOT_THROUGH = (
    f"{RUN_TESTS}::test_a_message_that_did_not_get_through_is_tried_three_times_more",
    f"{RUN_TESTS}::test_an_api_that_four_connections_do_not_reach_ends_the_run",
)


def _send(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, SEND, old, new, tuple(f"{RUN_TESTS}::{test}" for test in tests))


def _watch(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, WATCH, old, new, tuple(f"{RUN_TESTS}::{test}" for test in tests))


def _prepare(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, PREPARE, old, new, tuple(f"{RUN_TESTS}::{test}" for test in tests))


def _consent(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, CONSENT, old, new, tests)


def _look(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, LOOK, old, new, tests)


BETWEEN = (
    _send(
        "brakes-in-a-run-off",
        "if number and number % self._watch.guards.check_every == 0:",
        "if False:",
        "test_after_every_twenty_messages_the_brake_on_api_errors_is_looked_at",
    ),
    _send(
        "own-brake-in-a-run-off",
        "            if brake.tripped:\n",
        "            if False:\n",
        "test_after_every_twenty_messages_the_brake_on_api_errors_is_looked_at",
    ),
    _send(
        "standing-brakes-in-a-run-off",
        "            if standing:\n",
        "            if False:\n",
        "test_a_brake_that_another_machine_tripped_ends_the_run_when_it_is_looked_at",
    ),
    Mutation(
        "brakes-in-a-run-rarer",
        "spfcheck/notify/guards.py",
        "check_every: int = 20",
        "check_every: int = 21",
        (f"{RUN_TESTS}::test_after_every_twenty_messages_the_brake_on_api_errors_is_looked_at",),
    ),
    Mutation(
        "unclear-messages-forgotten",
        SEND,
        "self._recent.add(failed=outcome is SendOutcome.UNCLEAR)",
        "self._recent.add(failed=False)",
        (f"{RUN_TESTS}::test_after_every_twenty_messages_the_brake_on_api_errors_is_looked_at",),
    ),
    _watch(
        "lost-lock-unnoticed",
        "if not await self._write(self._lock.held):",
        "if False:",
        "test_a_sender_that_lost_its_lock_sends_no_more",
    ),
    Mutation(
        "pause-unread",
        WATCH,
        "        if paused:\n            raise",
        "        if False:\n            raise",
        (f"{SEND_TESTS}::test_the_pause_switch_works_before_the_very_next_message",),
    ),
    Mutation(
        "stop-unread",
        WATCH,
        "if self._stop.is_set():\n            raise",
        "if False:\n            raise",
        (f"{SEND_TESTS}::test_sigterm_ends_after_the_row_in_hand",),
    ),
    _watch(
        "quiet-hours-unread",
        "if quiet(self.guards, self._clocks.now(), self._timezone):",
        "if False:",
        "test_quiet_hours_that_begin_in_the_middle_of_a_run_end_it",
    ),
    Mutation(
        "quiet-hours-of-utc",
        WATCH,
        "if quiet(self.guards, self._clocks.now(), self._timezone):",
        'if quiet(self.guards, self._clocks.now(), "UTC"):',
        (f"{SEND_TESTS}::test_quiet_hours_are_those_of_the_workspace",),
    ),
    _send(
        "ceiling-unread",
        "if self.figures.attempted >= self._watch.guards.ceiling_per_run:",
        "if False:",
        "test_the_ceiling_is_read_again_at_sending",
    ),
    _send(
        "ceiling-one-more",
        "if self.figures.attempted >= self._watch.guards.ceiling_per_run:",
        "if self.figures.attempted > self._watch.guards.ceiling_per_run:",
        "test_the_ceiling_is_read_again_at_sending",
    ),
    _send(
        "ceiling-counts-only-what-arrived",
        "if self.figures.attempted >= self._watch.guards.ceiling_per_run:",
        "if self.figures.states[NoticeState.SENT] >= self._watch.guards.ceiling_per_run:",
        "test_a_message_that_failed_counts_against_the_ceiling",
    ),
    _prepare(
        "stage-unread",
        "if not in_stage(guards, domain, contact_id):",
        "if False:",
        "test_the_stage_is_read_again_at_sending",
    ),
    _prepare(
        "stage-by-another-contact",
        "if not in_stage(guards, domain, contact_id):",
        "if not in_stage(guards, domain, letter.contact_id):",
        "test_the_stage_asks_each_domain_with_the_contact_that_names_it",
    ),
    _prepare(
        "suppressions-unread",
        "        if self._stops.suppressed(letter.person):\n            return Reason.SUPPRESSED\n",
        "",
        "test_a_suppression_is_read_again_at_sending",
    ),
    _send(
        "dealt-with-meanwhile",
        "if letter is None or letter.state is not NoticeState.PLANNED:",
        "if letter is None:",
        "test_a_letter_that_somebody_dealt_with_meanwhile_is_passed_over",
    ),
)

WAITING = (
    _send(
        "no-turn-under-the-limit",
        "        await self._watch.during(self._intercom.ready())\n",
        "",
        "test_every_message_waits_for_its_turn_under_the_apis_limit",
    ),
    _watch(
        "switch-unread-in-a-wait",
        "            if left > SLICE:\n                await self.may_go_on()\n",
        "",
        "test_the_switch_is_read_during_a_long_wait",
        "test_whoever_is_asked_to_end_does_not_wait_to_the_end",
    ),
    Mutation(
        "switch-unread-after-the-turn",
        SEND,
        "        await self._watch.during(self._intercom.ready())\n        await self._watch.may_go_on()\n",
        "        await self._watch.during(self._intercom.ready())\n",
        (f"{RUN_TESTS}::test_a_switch_thrown_in_the_last_second_of_a_wait_counts",),
    ),
    Mutation("not-sent-tries-less", SEND, "NOT_SENT_TRIES = 3", "NOT_SENT_TRIES = 2", NOT_THROUGH),
    Mutation("not-sent-tries-more", SEND, "NOT_SENT_TRIES = 3", "NOT_SENT_TRIES = 4", NOT_THROUGH),
    _send(
        "throttled-tries-less",
        "THROTTLED_TRIES = 5",
        "THROTTLED_TRIES = 4",
        "test_a_throttled_message_is_repeated_five_times",
    ),
    _send(
        "throttled-tries-more",
        "THROTTLED_TRIES = 5",
        "THROTTLED_TRIES = 6",
        "test_a_throttled_message_is_repeated_five_times",
    ),
    Mutation(
        "no-first-pause",
        SEND,
        "            await self._first_pause()\n",
        "",
        (f"{SEND_TESTS}::test_the_first_few_are_followed_by_a_pause",),
    ),
    Mutation(
        "old-claim-posted",
        SEND,
        "if max(self._clock() - now, self._clocks.steady() - started) > self._watch.guards.claim_max_age:",
        "if False:",
        (CLAIM_AGE,),
    ),
    Mutation(
        "claim-of-five-seconds-too-old",
        SEND,
        "self._clocks.steady() - started) > self._watch",
        "self._clocks.steady() - started) >= self._watch",
        (CLAIM_AGE,),
    ),
    Mutation(
        "claim-by-one-clock",
        SEND,
        "max(self._clock() - now, self._clocks.steady() - started)",
        "max(self._clock() - now, 0)",
        (CLAIM_AGE,),
    ),
    Mutation(
        "claim-by-the-other-clock", SEND, "max(self._clock() - now, self._clocks", "max(0, self._clocks", (CLAIM_AGE,)
    ),
    Mutation(
        "old-claim-kept",
        SEND,
        "            await self._write(\n                self._ledger.put_back,",
        "            await self._write(\n                lambda *_, **__: None,",
        (CLAIM_AGE,),
    ),
)

IN_A_ROW = (
    _send(
        "rejected-ever",
        "figures.rejected_in_a_row + 1 if outcome is SendOutcome.REJECTED else 0",
        "figures.rejected_in_a_row + (outcome is SendOutcome.REJECTED)",
        "test_three_in_a_row_are_three_in_a_row",
    ),
    _send(
        "unclear-ever",
        "figures.unclear_in_a_row + 1 if outcome is SendOutcome.UNCLEAR else 0",
        "figures.unclear_in_a_row + (outcome is SendOutcome.UNCLEAR)",
        "test_three_in_a_row_are_three_in_a_row",
    ),
    Mutation(
        "rejected-in-a-row-off",
        SEND,
        "if figures.rejected_in_a_row >= self._watch.guards.unclear_stop:",
        "if False:",
        (f"{SEND_TESTS}::test_three_rejections_in_a_row_end_the_run_and_trip_a_brake",),
    ),
    Mutation(
        "unclear-in-a-row-off",
        SEND,
        "if figures.unclear_in_a_row >= self._watch.guards.unclear_stop:",
        "if False:",
        (f"{UNCLEAR_TESTS}::test_three_unclear_in_a_row_end_the_run",),
    ),
    Mutation(
        "refused-token-unheeded",
        SEND,
        "if outcome in (SendOutcome.TOKEN_REFUSED, SendOutcome.FORBIDDEN):",
        "if outcome is SendOutcome.TOKEN_REFUSED:",
        (f"{SEND_TESTS}::test_a_refused_token_ends_the_run_at_once",),
    ),
    Mutation(
        "run-goes-on-without-the-api",
        SEND,
        "if outcome in (SendOutcome.NOT_SENT, SendOutcome.THROTTLED):",
        "if False:",
        NOT_THROUGH[1:],
    ),
)

SECOND_LOOK = (
    _consent(
        "consent-not-asked-again",
        "reason = query.hold(one, (one.role,), frozenset())",
        "reason: Reason | None = None",
        CHANGED_CONTACT,
    ),
    _consent(
        "tag-not-asked-again",
        "if reason is None and theirs & self._workspace.exclude_tags:",
        "if False:",
        f"{LOOK_TESTS}::test_a_tag_that_opts_out_is_seen",
    ),
    _consent(
        "tag-beyond-the-tenth-unseen",
        "if contact.more_tags else contact.tags",
        "if False else contact.tags",
        f"{SEND_TESTS}::test_an_opt_out_beyond_the_tenth_tag_is_seen",
    ),
    _consent(
        "address-not-compared",
        "if contact.email and self._people.person(contact.email) != person:",
        "if False:",
        CHANGED_CONTACT,
    ),
    _look(
        "other-contacts-not-asked",
        "if theirs is not None and same else frozenset()",
        "if theirs is not None else frozenset()",
        f"{LOOK_TESTS}::test_each_domain_must_still_stand_at_its_own_contact",
    ),
    _look(
        "moved-domain-named",
        "for domain, where in pairs if domain in named[where])",
        "for domain, where in pairs)",
        CHANGED_CONTACT,
    ),
    Mutation("moved-domain-named-all-the-same", PREPARE, "elif domain in bound:", "else:", (CHANGED_CONTACT,)),
    _look(
        "repaired-is-written-about",
        "if judgement.reason in (Reason.PASSES, Reason.AT_RISK):\n            return None, Reason.REPAIRED",
        "if judgement.reason in (Reason.PASSES, Reason.AT_RISK):\n            return report, None",
        CHANGED_DOMAIN,
    ),
    _look(
        "at-risk-is-not-repaired",
        "if judgement.reason in (Reason.PASSES, Reason.AT_RISK):",
        "if judgement.reason is Reason.PASSES:",
        f"{LOOK_TESTS}::test_a_domain_that_is_only_at_risk_is_repaired",
    ),
    _look(
        "another-fault-is-written-about",
        "if judgement.reason is None and evidence.fault_of(report) != fault:",
        "if False:",
        CHANGED_DOMAIN,
    ),
    _look(
        "silent-dns-is-written-about",
        "return (report, None) if judgement.reason is None else (None, judgement.reason)",
        "return (report, None) if judgement.reason in (None, Reason.DNS_FAILED) else (None, judgement.reason)",
        CHANGED_DOMAIN,
    ),
    _look(
        "nothing-judged-again",
        "judgement = evidence.judge(report, now=now, guards=self._guards)",
        "judgement = evidence.Judgement(None)",
        f"{LOOK_TESTS}::test_without_the_second_engines_opinion_nothing_is_sent",
    ),
    _look(
        "second-resolver-not-asked",
        "second = await self._checks.second(domain)",
        "second = None",
        f"{SEND_TESTS}::test_a_second_resolver_that_differs_stops_the_message",
    ),
    _look(
        "second-resolver-not-heard",
        "judgement = evidence.confirm(report, second, now=now, guards=self._guards)",
        "pass",
        f"{SEND_TESTS}::test_a_second_resolver_that_differs_stops_the_message",
    ),
    _look(
        "thanks-while-broken",
        "if report.status in (Status.OK, Status.AT_RISK) else (None, Reason.CHANGED)",
        "if True else (None, Reason.CHANGED)",
        f"{LOOK_TESTS}::test_nobody_is_thanked_for_what_is_broken_again",
    ),
    _look(
        "an-end-for-good-forgotten",
        "return NoticeState.SUPPRESSED if reason in FOR_GOOD else NoticeState.WAITING",
        "return NoticeState.WAITING",
        f"{LOOK_TESTS}::test_what_a_person_wants_closes_a_letter_and_what_may_change_leaves_it_open",
    ),
)

UNCLEAR = (
    Mutation(
        "unclear-sent-again-by-itself",
        SEND,
        'findable=guards.open_conversation or guards.delivery == "event",',
        "findable=True,",
        (f"{UNCLEAR_TESTS}::test_without_conversations_nothing_is_sent_again_by_itself_not_even_within_the_day",),
    ),
    Mutation(
        "search-down-taken-for-absence",
        RECONCILE,
        '            # No answer is no evidence of absence.\n            return None, ""',
        '            return NoticeState.PLANNED, ""',
        (f"{UNCLEAR_TESTS}::test_a_search_that_is_down_is_no_evidence_of_absence",),
    ),
    Mutation(
        "quiet-time-off",
        RECONCILE,
        "self._api_now - letter.manner.api_at + RESOLUTION >= self._guards.unclear_quiet",
        "True",
        (f"{UNCLEAR_TESTS}::test_with_conversations_the_search_decides",),
    ),
    Mutation(
        "searched-for-ever",
        RECONCILE,
        " or self._clock() - letter.claimed_at > GIVE_UP",
        "",
        (f"{UNCLEAR_TESTS}::test_after_a_day_a_person_decides",),
    ),
)

MUTATIONS = (
    *BETWEEN,
    *WAITING,
    *IN_A_ROW,
    *SECOND_LOOK,
    *UNCLEAR,
    Mutation(
        "six-domains-named",
        MESSAGE,
        "MOST_DOMAINS = 5",
        "MOST_DOMAINS = 6",
        ("tests/notify/sending/test_message.py",),
    ),
)
