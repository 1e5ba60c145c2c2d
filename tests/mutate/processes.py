"""What a stranger's record may take: each bound of a job, and what keeps heavy checks off the loop."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

FILE = "spfcheck/processes.py"
TESTS = "tests/test_processes.py"
COSTLY = "spfcheck/checking/costly.py"
COSTLY_TESTS = "tests/checking/test_costly.py"


def _bound(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, FILE, old, new, tuple(f"{TESTS}::{test}" for test in tests))


def _costly(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, COSTLY, old, new, tuple(f"{COSTLY_TESTS}::{test}" for test in tests))


MUTATIONS = (
    _bound(
        "processor-time-unbounded",
        "            signal.setitimer(signal.ITIMER_PROF, cpu)\n",
        "",
        "test_processor_time_ends_a_job_and_its_process_is_replaced",
    ),
    _bound(
        "processor-time-adds-up",
        "            given = called(ask, *args)\n            signal.setitimer(signal.ITIMER_PROF, 0)\n",
        "            given = called(ask, *args)\n            signal.setitimer = lambda *_: None\n",
        "test_processor_time_is_counted_for_each_job_alone",
    ),
    _bound(
        "memory-unbounded",
        "    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))\n",
        "",
        "test_memory_ends_a_job",
    ),
    _bound(
        "time-unbounded",
        "until = time.monotonic() + seconds",
        "until = time.monotonic() + 45.0",
        "test_time_ends_a_job_that_does_nothing",
    ),
    _bound(
        "an-answer-is-waited-for",
        "given = answering.result(max(0.0, until - time.monotonic()))",
        "given = answering.result(45.0)",
        "test_a_question_that_is_not_answered_ends_in_time",
    ),
    _bound(
        "waiting-unbounded",
        "timeout=self.bounds.waiting)",
        "timeout=45.0)",
        "test_nobody_waits_for_another_longer_than_he_may",
    ),
    _bound(
        "who-has-gone-away-is-served",
        "            job.result.cancel()  # who has",
        "            pass  # who has",
        "test_nothing_is_begun_for_who_has_gone_away",
    ),
    _bound(
        "closing-lets-run",
        "            child.process.kill()  # its thread",
        "            pass  # its thread",
        "test_closing_waits_for_nobody",
    ),
    _bound(
        "a-dead-process-is-used",
        "if child is None or not child.alive:",
        "if child is None:",
        "test_a_process_that_ends_by_itself_costs_its_job_only",
    ),
    _costly(
        "a-cached-answer-weighs-nothing",
        "if answer is not None and self._too_heavy(answer):",
        "if False:",
        "test_a_costly_check_says_the_same",
    ),
    _costly(
        "an-answer-weighs-nothing",
        "        if self._too_heavy(answer):\n            await self._end()\n",
        "",
        "test_each_way_to_an_answer_weighs_it",
    ),
    _costly(
        "answers-at-once-weigh-nothing",
        "        if any(self._too_heavy(answer) for answer in answers):\n            await self._end()\n",
        "",
        "test_each_way_to_an_answer_weighs_it",
    ),
    _costly(
        "a-tried-record-weighs-nothing",
        "lookup(), LIGHT - given)",
        "lookup(), LIGHT)",
        "test_the_weight_of_a_record_that_is_tried_out_counts",
    ),
    _costly(
        "terms-weigh-nothing",
        "return size + size * size // LONG + A_PAIR * max(0, terms) ** 2",
        "return size",
        "test_weights",
    ),
    _costly(
        "a-cancelled-check-is-costly",
        "if not weighed.heavy or task.uncancel() > cancelling:",
        "if task.uncancel() > cancelling:",
        "test_who_is_cancelled_is_not_taken_for_costly",
    ),
    _costly(
        "a-long-report-is-asked-about-on-the-spot",
        "if len(full) < LONG_REPORT:",
        "if full:",
        "test_an_opinion_on_a_long_report_is_asked_for_over_there",
    ),
    Mutation(
        "a-costly-check-is-tried-again-at-once",
        "spfcheck/api/reports/entries.py",
        "    if given_up:\n        return expires_at\n",
        "",
        (f"{COSTLY_TESTS}::test_a_check_that_is_cut_short_says_so",),
    ),
)
