"""Includes that are remembered, what they may be remembered for, and what they may not decide."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

INCLUDE = "spfcheck/audit/flat/include.py"
UNION = "spfcheck/audit/flat/union.py"
RECORD = "spfcheck/audit/flat/record.py"
QUICK = "spfcheck/audit/quick.py"
TESTS = ("tests/audit/flat/test_include.py",)
NOT_FLAT = ("tests/audit/test_quick.py::test_a_repair_that_is_no_flat_record_is_left_to_the_long_way",)

MUTATIONS = (
    Mutation("odd-includes-are-remembered", INCLUDE, " or next(answer_findings(answers), None) is not None", "", TESTS),
    Mutation("remembered-for-good", INCLUDE, "if get(question) is not answer:", "if False:", TESTS),
    Mutation("unfit-for-good", INCLUDE, "if memory.unfit.get(target) is first:", "if target in memory.unfit:", TESTS),
    Mutation("odd-includes-of-ours", UNION, "if not memory.quiet:", "if False:", TESTS),
    Mutation("stale-answers-are-quiet", RECORD, "        and not answer.stale\n", "", TESTS),
    Mutation("alias-conflicts-are-quiet", RECORD, "        and not answer.illegal_cname\n", "", TESTS),
    Mutation("slow-answers-are-quiet", RECORD, "        and answer.took_ms <= SLOW_MS\n", "", TESTS),
    Mutation("no-flat-repair-the-quick-way", QUICK, "None in case.plains.values() or ", "", NOT_FLAT),
)
