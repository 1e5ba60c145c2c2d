"""What a person decided, and what they know: the whole mailbox, rolling back, restored ledgers, open letters."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

SENDING = "spfcheck/notify/sending"
LEDGER = "spfcheck/notify/ledger"
TESTS = "tests/notify/sending"


def _in(file: str, name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, file, old, new, tuple(f"{TESTS}/{test}" for test in tests))


TWIN = "test_person.py::test_a_no_in_another_contact_of_the_mailbox_holds_the_person"
BINDS = "test_person.py::test_suppress_and_forget_bind_between_plan_and_letter_and_ever_after"
LATE_FORGET = "test_person.py::test_forget_binds_a_letter_that_waits_its_turn_and_one_that_went_out"
OPT_IN = "test_person.py::test_an_opt_in_is_no_opt_out_and_what_cannot_be_read_is"
WAITS = "test_rollback.py::test_what_no_longer_fits_waits_whatever_kind_of_letter_it_is"
OFF = "test_rollback.py::test_a_kind_of_letter_that_was_switched_off_waits"
DURING = "test_rollback.py::test_settings_that_forbid_sending_end_a_run_that_is_under_way"
WIDER = "test_rollback.py::test_what_widens_waits_for_a_new_approval"
NARROWER = "test_rollback.py::test_what_narrows_needs_nobodys_leave"
EMPTY = "test_rollback.py::test_approving_a_plan_without_messages_approves_nothing_but_a_baseline"
LIFTED = "test_rollback.py::test_a_brake_is_lifted_by_its_number_and_one_that_tripped_since_stays"
TAG = "test_restore.py::test_a_tag_without_a_message_that_went_out_holds_every_step_whatever_else_is_known"
BACKUP = "test_restore.py::test_a_backup_that_was_put_back_stops_the_sender_and_tells_nobody_twice"
UNTAGGED = "test_restore.py::test_a_message_that_went_out_untagged_before_the_backup_came_back_is_not_repeated"
PROOF = "test_settled.py::test_a_search_that_finds_not_even_what_surely_went_out_proves_nothing"
DRIP = "test_deadlines.py::test_a_pause_and_sigterm_end_a_drip"
JUMP = "test_deadlines.py::test_a_clock_that_jumps_ends_the_run_and_trips_a_brake"

CONSENT = (
    _in(
        f"{SENDING}/consent.py",
        "twins-not-found",
        "mailbox = await self._mailbox(contact, person)",
        "mailbox = [contact]",
        TWIN,
    ),
    _in(
        f"{SENDING}/consent.py",
        "any-number-of-twins",
        "if len(found) > MOST_CONTACTS:",
        "if False:",
        "test_person.py::test_a_mailbox_of_too_many_contacts_is_looked_at_by_a_person",
    ),
    _in(
        f"{SENDING}/consent.py",
        "kinds-not-asked",
        "if reason is None and await self._turned_down(one):",
        "if False:",
        TWIN,
    ),
    _in(
        f"{SENDING}/consent.py",
        "every-kind-counts",
        "return bool(refused & self._kinds if self._kinds else refused)",
        "return bool(refused)",
        "test_person.py::test_only_the_kinds_of_mail_that_are_named_count",
    ),
    _in(
        "spfcheck/intercom/answers.py",
        "opt-in-is-an-opt-out",
        'if entry.get("consent_type") != "opt_in" and',
        "if",
        OPT_IN,
    ),
    _in(
        "spfcheck/intercom/answers.py",
        "kind-without-a-list-is-none",
        '(not isinstance(kinds, list) or "email" in kinds)',
        '(isinstance(kinds, list) and "email" in kinds)',
        OPT_IN,
    ),
    _in(
        f"{SENDING}/consent.py",
        "filters-not-asked",
        "reason=None if await self._within(contact) else Reason.OUTSIDE_AUDIENCE",
        "reason=None",
        "test_person.py::test_the_audiences_own_filters_are_asked_right_before",
    ),
    _in(
        f"{SENDING}/consent.py",
        "merged-is-gone",
        "if not gone.moved_to:",
        "if True:",
        "test_person.py::test_a_letter_follows_a_contact_that_was_merged",
    ),
    _in(
        f"{SENDING}/send.py",
        "looked-at-before-the-wait",
        "            await self._watch.rest(self._next_at - self._clock())\n            ready = "
        "await self._preparation.ready(ref)\n",
        "            ready = await self._preparation.ready(ref)\n"
        "            await self._watch.rest(self._next_at - self._clock())\n",
        "test_person.py::test_whoever_unsubscribes_while_we_wait_for_the_turn_is_heard",
    ),
    _in(
        f"{LEDGER}/ledger.py",
        "forgotten-and-written-to-again",
        "            stay_away(connection, self.workspace, person, Reason.FORGOTTEN, now)\n",
        "",
        BINDS,
        LATE_FORGET,
    ),
    _in(
        f"{LEDGER}/ledger.py",
        "gone-counted-by-runs",
        "notices.c.gone_at <= now - HALF_A_DAY",
        "notices.c.gone_at <= now",
        "test_person.py::test_a_contact_that_is_gone_is_counted_by_nights_not_by_runs",
    ),
    _in(
        f"{LEDGER}/register.py",
        "unknown-is-known",
        "return connection.scalar(query.limit(1)) is not None\n\n    def tried",
        "return True\n\n    def tried",
        "test_person.py::test_an_address_that_nobody_knows_is_said_to_be_unknown",
    ),
)

BACK = (
    _in(
        f"{SENDING}/ready.py",
        "reminders-not-switched-off-at-sending",
        "letter.step in REMINDERS and not guards.reminders",
        "False",
        OFF,
    ),
    _in(
        f"{SENDING}/ready.py",
        "thanks-not-switched-off-at-sending",
        "letter.step == MessageStep.THANKS and not guards.thanks",
        "False",
        OFF,
    ),
    _in(
        f"{SENDING}/ready.py",
        "two-messages-a-night",
        "if self._ledger.reached_lately(letter.person, self._clock() - ONE_A_NIGHT, but=letter.ref):",
        "if False:",
        "test_rollback.py::test_a_second_run_of_a_night_writes_to_nobody_again",
    ),
    _in(
        f"{SENDING}/watch.py",
        "settings-read-once",
        "            self.guards = self._present()\n",
        "            self._present()\n",
        "test_rollback.py::test_what_is_narrowed_during_a_run_binds_its_very_next_letter",
    ),
    _in(f"{SENDING}/watch.py", "off-unheeded-in-a-run", "if not self.guards.enabled:", "if False:", DURING),
    _in(f"{SENDING}/watch.py", "widened-in-a-run", "        if refusal:\n", "        if False:\n", DURING),
    _in(
        "spfcheck/notify/notifier.py",
        "approval-not-asked",
        "if unapproved := self._unapproved(self.guards):",
        'if unapproved := "":',
        WIDER,
    ),
    _in("spfcheck/notify/desk.py", "empty-plan-approves", "        if plan.intents:\n", "        if True:\n", EMPTY),
    _in(
        f"{SENDING}/scope.py",
        "wider-stage-unseen",
        "return STAGES.index(value) > STAGES.index(was) if was in STAGES else True",
        "return False",
        WIDER,
    ),
    _in(f"{SENDING}/scope.py", "longer-list-unseen", "return not set(value) <= set(was)", "return False", WIDER),
    _in(f"{SENDING}/scope.py", "fewer-quiet-days-unseen", "return not set(value) >= set(was)", "return False", WIDER),
    _in(f"{SENDING}/scope.py", "quiet-hours-gone-unseen", "return bool(was)", "return False", WIDER),
    _in(
        f"{SENDING}/scope.py",
        "back-to-a-list-waits",
        'if name in REACH and before.get("stage") == "everyone":',
        "if False:",
        NARROWER,
    ),
    _in(f"{SENDING}/scope.py", "narrower-waits", "return bool(value > was)", "return bool(value != was)", NARROWER),
    _in(
        f"{SENDING}/scope.py",
        "other-texts-unseen",
        '        "texts": writer.digest,\n',
        "",
        "test_rollback.py::test_other_senders_texts_names_and_people_wait_for_a_new_approval",
    ),
    _in(
        f"{LEDGER}/stops.py",
        "newer-brake-lifted",
        "row.name == one.name and row.id <= one.id",
        "row.name == one.name",
        LIFTED,
    ),
    _in(
        "spfcheck/notify/planning/settle.py",
        "audience-creeps",
        "baseline = self._archive.approved_baseline()\n",
        "baseline = self._archive.baseline()\n",
        "test_rollback.py::test_the_audience_is_measured_from_what_a_person_approved_however_many_small_steps_it_took",
    ),
)

OLDER = (
    _in(
        f"{SENDING}/ready.py",
        "tag-without-a-message-unheeded",
        "if tagged or meanwhile else None",
        "if meanwhile else None",
        TAG,
    ),
    _in(
        f"{SENDING}/ready.py",
        "contacted-meanwhile-unheeded",
        "if tagged or meanwhile else None",
        "if tagged else None",
        UNTAGGED,
    ),
    _in(
        "spfcheck/notify/notifier.py",
        "older-ledger-unnoticed",
        "        if brake is not None:\n",
        "        if False:\n",
        BACKUP,
    ),
    _in(
        f"{SENDING}/lock.py",
        "moved-database-unnoticed",
        "return self._mine and _identity(self._database) == self._identity",
        "return self._mine",
        "test_run.py::test_a_sender_that_lost_its_lock_sends_no_more",
    ),
    _in(
        f"{SENDING}/lock.py",
        "replaced-database-locked",
        "if self._identity is None or _identity(self._database) != self._identity:",
        "if False:",
        "test_deadlines.py::test_a_ledger_that_was_replaced_while_it_was_open_is_not_locked",
    ),
)

SETTLED = (
    _in(
        f"{SENDING}/reconcile.py",
        "search-not-tried",
        "or not await self._search_works(letter.manner.admin_id)",
        "or False",
        PROOF,
        "test_settled.py::test_without_any_message_that_surely_went_out_nothing_is_concluded",
    ),
    _in(
        f"{SENDING}/reconcile.py",
        "other-template-sent-again",
        "if letter.manner.template != self._template or not",
        "if not",
        "test_settled.py::test_with_another_template_a_missing_letter_is_a_persons_to_decide",
    ),
    _in(
        "spfcheck/intercom/answers.py",
        "word-not-in-it",
        'if re.search(rf"(?<!\\w){re.escape(word)}(?!\\w)", body, re.IGNORECASE):',
        "if True:",
        "test_settled.py::test_a_conversation_without_the_word_in_it_is_not_the_one",
    ),
    _in(
        f"{SENDING}/reconcile.py",
        "looked-for-in-todays-name",
        "word=letter.ref, admin_id=letter.manner.admin_id",
        "word=letter.ref, admin_id=self._intercom.admin_id",
        "test_settled.py::test_a_letter_is_looked_for_in_the_name_in_which_it_went_out",
    ),
    _in(
        f"{SENDING}/send.py",
        "unclear-event-as-a-message",
        "        if letter.manner.delivery:\n",
        "        if False:\n",
        "test_settled.py::test_an_unclear_event_is_not_sent_as_a_message",
    ),
    _in(
        f"{SENDING}/message.py",
        "template-without-the-word",
        "        self._carries_the_word()\n",
        "",
        "test_settled.py::test_a_template_without_the_word_is_refused_when_it_is_read",
    ),
    _in(
        "spfcheck/notify/notifier.py",
        "open-letters-are-a-success",
        "settled = not any(states.get(state) for state in OPEN)",
        "settled = True",
        "test_settled.py::test_a_rejected_message_is_listed_with_its_reason_and_sent_once_its_cause_is_mended",
    ),
    _in(f"{SENDING}/watch.py", "drip-goes-on", "if not task.done() and await self._ending():", "if False:", DRIP),
    _in(f"{SENDING}/watch.py", "clock-jump-unnoticed", "        if jump.tripped:\n", "        if False:\n", JUMP),
    _in(
        "spfcheck/notify/notifier.py",
        "clock-jump-unnoticed-while-waiting",
        "            if jump.tripped:\n",
        "            if False:\n",
        "test_deadlines.py::test_a_clock_that_jumps_ends_the_wait_for_another_sender_too",
    ),
)

MUTATIONS = (*CONSENT, *BACK, *OLDER, *SETTLED)
