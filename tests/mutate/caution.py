"""The guards that hold a mended text once more against what was typed."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

CAUTION = "spfcheck/audit/text/caution.py"
TESTS = ("tests/audit/text/test_caution.py",)

MUTATIONS = (
    Mutation(
        "signs-unseen",
        CAUTION,
        "        if found is None or not _turns_away",
        "        if found or not _turns_away",
        TESTS,
    ),
    Mutation("not-is-noise", CAUTION, "(?P<word>[-~?!", "(?P<word>[-~?", TESTS),
    Mutation("end-of-a-range", CAUTION, "        if bare[:1].isdigit():", "        if False:", TESTS),
    Mutation("mask-is-a-host", CAUTION, "        elif _MASK.match(term.text):", "        elif False:", TESTS),
    Mutation("other-versions", CAUTION, "if _VERSION.match(term.text) and not is_record:", "if False:", TESTS),
    Mutation("other-texts", CAUTION, '("redirect", "exp") and not is_record:', '("redirect", "exp") and False:', TESTS),
    Mutation(
        "second-record-in-a-text", CAUTION, "if _MECHANISM.match(word) and own_meant", "if False and own_meant", TESTS
    ),
    Mutation("ours-pasted", CAUTION, ", own, domain) is None:", ", own, domain) is not True:", TESTS),
)
