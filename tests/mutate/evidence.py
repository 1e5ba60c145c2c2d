"""What must be known before a customer is messaged: each condition of the judgement dropped, one by one."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

FILE = "spfcheck/notify/planning/evidence.py"
TESTS = "tests/notify/planning/test_evidence.py"
STATUS = "test_only_a_domain_that_needs_action_is_written_about"
KIND = "test_what_a_domain_is_said_to_be_is_said_of_itself_and_not_of_an_include"
JUDGED = "test_the_guards_read_the_name_that_is_judged"
FRESH = "test_a_report_is_fresh_for_a_quarter_of_an_hour_also_by_a_clock_that_went_back"
DOUBT = "test_any_doubt_is_a_reason"
REMEDY = "test_only_a_proven_record_to_publish_is_mailed"
OPINION = "test_a_second_engine_must_have_been_asked_agree_and_let_us_write"
MAILABLE = "test_a_message_carries_only_what_a_record_may_hold_and_no_template_runs"
ABSENT = "test_a_name_whose_absence_is_vouched_for_is_not_listed"
SECOND = "test_a_second_resolver_confirms_by_status_fault_and_record_each"
ENOUGH = "test_two_runs_twenty_hours_apart"
QUESTIONS = "for question in (_status, _kind_of_domain, _freshness, _remedy, _opinion):"


def _evidence(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, FILE, old, new, tuple(f"{TESTS}::{test}" for test in tests))


def _unasked(question: str, test: str) -> Mutation:
    """A judgement that leaves out one of its questions."""
    kept = QUESTIONS.replace(f"{question}, ", "").replace(f", {question})", ")")
    return _evidence(f"{question.strip('_').replace('_', '-')}-not-asked", QUESTIONS, kept, test)


def _unmarked(name: str, mark: str) -> Mutation:
    """A record may hold *mark*."""
    return _evidence(f"template-mark-{name}", mark, mark.replace('"', '"\\0', 1), MAILABLE)


MUTATIONS = (
    _unasked("_status", STATUS),
    _unasked("_kind_of_domain", KIND),
    _unasked("_freshness", FRESH),
    _unasked("_remedy", REMEDY),
    _unasked("_opinion", OPINION),
    _evidence("passes", "if report.status is Status.OK:", "if False:", STATUS),
    _evidence("at-risk", "if report.status is Status.AT_RISK:", "if False:", STATUS),
    _evidence("unknown", "if report.status is not Status.ACTION_NEEDED:", "if False:", STATUS),
    _evidence(
        "filtered",
        "Reason.FILTERED if filtered else Reason.DNS_FAILED",
        "Reason.DNS_FAILED",
        "test_an_unknown_that_a_resolver_filtered_is_told_from_silence",
    ),
    _evidence("kind-of-another-domain", " if found.domain in names}", "}", KIND),
    _evidence(
        "kind-of-the-typed-domain",
        "names = {report.domain, identity(report.identity.mail_from, report.identity.helo).domain}",
        "names = {report.domain}",
        JUDGED,
    ),
    _evidence(
        "kind-of-the-judged-name",
        "names = {report.domain, identity(",
        "names = {identity(",
        JUDGED,
    ),
    _evidence("another-domain", "if report.likely:", "if False:", JUDGED),
    _evidence("no-such-domain", "if Code.DOMAIN_NOT_FOUND in codes:", "if False:", KIND),
    _evidence("sends-no-mail", "if Code.DECLARED_NO_MAIL in codes:", "if False:", KIND),
    _evidence(
        "cname-beside",
        "if any(answer.illegal_cname for answer in report.evidence):",
        "if False:",
        "test_any_answer_with_a_cname_beside_it_needs_a_person_and_says_why",
    ),
    _evidence("stale-report", "if report.stale or report.hypothetical or", "if report.hypothetical or", DOUBT),
    _evidence("hypothetical-report", "if report.stale or report.hypothetical or", "if report.stale or", DOUBT),
    _evidence(
        "stale-answer",
        " or any(answer.stale for answer in report.evidence):",
        ":",
        "test_any_stale_answer_makes_the_report_stale",
    ),
    _evidence(
        "old-report", "<= now - report.checked_at <= guards.answers_max_age:", "<= now - report.checked_at:", FRESH
    ),
    _evidence("report-of-tomorrow", "if not -guards.answers_max_age <= now - ", "if not now - ", FRESH),
    _evidence("age-at-its-limit", "report.checked_at <= guards", "report.checked_at < guards", FRESH),
    _evidence("youth-at-its-limit", "-guards.answers_max_age <= now", "-guards.answers_max_age < now", FRESH),
    _evidence(
        "manual-remedy",
        "if remedy.kind is RemedyKind.MANUAL:",
        "if False:",
        "test_a_record_that_must_not_be_mailed_is_told_from_one_that_nobody_can_write",
    ),
    _evidence("no-remedy", "if remedy.kind not in (RemedyKind.PUBLISH, RemedyKind.REPLACE) or not", "if not", REMEDY),
    _evidence("publish-forgotten", "(RemedyKind.PUBLISH, RemedyKind.REPLACE)", "(RemedyKind.REPLACE,)", REMEDY),
    _evidence("no-proof", " or not remedy.proof:", ":", REMEDY),
    _evidence("not-mailable", "    if against:\n", "    if False:\n", REMEDY),
    _evidence(
        "opinion-that-was-not-asked",
        "if not opinion.asked or opinion.agrees is None:",
        "if opinion.agrees is None:",
        OPINION,
    ),
    _evidence("no-opinion", "if not opinion.asked or opinion.agrees is None:", "if not opinion.asked:", OPINION),
    _evidence(
        "engines-differ", "if not opinion.agrees or not opinion.may_message:", "if not opinion.may_message:", OPINION
    ),
    _evidence(
        "may-not-message", "if not opinion.agrees or not opinion.may_message:", "if not opinion.agrees:", OPINION
    ),
    _evidence(
        "any-characters",
        "    if odd:\n",
        "    if False:\n",
        "test_a_record_that_must_not_be_mailed_is_told_from_one_that_nobody_can_write",
    ),
    _evidence("record-up-to-a-line", "RECORD.fullmatch(record)", "RECORD.match(record)", MAILABLE),
    _evidence("any-template", "        if mark in record:\n", "        if False:\n", MAILABLE),
    _evidence("one-space-only", "(?: +[!-~]+)* *", "(?: [!-~]+)*", MAILABLE),
    _evidence("small-letters-only", "(?i:v=spf1)", "v=spf1", MAILABLE),
    _unmarked("opening-braces", '"{{"'),
    _unmarked("closing-braces", '"}}"'),
    _unmarked("statement", '"{%"'),
    _unmarked("end-of-statement", '"%}{"'),
    _unmarked("erb", '"<%"'),
    _unmarked("dollar", '"${"'),
    _evidence("absence-without-soa", "answer.outcome in absent and not answer.soa_seen)", "False)", ABSENT),
    _evidence("absence-with-soa-doubted", " and not answer.soa_seen)", ")", ABSENT),
    _evidence("presence-doubted", "answer.outcome in absent and not", "not", ABSENT),
    _evidence("nodata-vouched", 'absent = ("nodata", "nxdomain")', 'absent = ("nxdomain",)', ABSENT),
    _evidence("nxdomain-vouched", 'absent = ("nodata", "nxdomain")', 'absent = ("nodata",)', ABSENT),
    _evidence(
        "absence-unconfirmed",
        "        if names:\n",
        "        if False:\n",
        "test_a_negative_without_its_soa_needs_a_second_resolver",
    ),
    _evidence("second-status", "_status(second, now, guards).reason is None\n        and ", "", SECOND),
    _evidence("second-fault", "        and fault_of(second) == fault_of(report)\n", "", SECOND),
    _evidence(
        "second-record",
        '        and (second.record.text if second.record else "") == (report.record.text if report.record else "")\n',
        "",
        SECOND,
    ),
    _evidence("second-unheard", "return _WARRANTED if same else", "return _WARRANTED if True else", SECOND),
    _evidence(
        "fault-of-whatever-comes-first",
        'return report.findings[place].code if place is not None else ""',
        "return report.findings[0].code",
        "test_the_fault_is_the_finding_that_every_face_speaks_of_first",
    ),
    _evidence(
        "seen-with-another-fault",
        "if state.fault != fault or state.fault_runs < 1:",
        "if state.fault_runs < 1:",
        ENOUGH,
    ),
    _evidence(
        "never-seen",
        " or state.fault_runs < 1:",
        ":",
        "test_how_often_a_fault_was_seen_is_said_with_its_figures",
    ),
    _evidence("one-run-less", "state.fault_runs >= guards.min_runs", "state.fault_runs + 1 >= guards.min_runs", ENOUGH),
    _evidence("one-run-more", "state.fault_runs >= guards.min_runs", "state.fault_runs > guards.min_runs", ENOUGH),
    _evidence("hours-between-runs-off", " and hours * HOUR >= guards.min_between_runs:", ":", ENOUGH),
    _evidence("hours-between-runs-at-their-limit", "hours * HOUR >= guards", "hours * HOUR > guards", ENOUGH),
    _evidence(
        "seen-after-the-night-began",
        "max(0.0, now - state.fault_first_at)",
        "(now - state.fault_first_at)",
        "test_a_first_sighting_counts_where_one_run_is_enough",
    ),
)
