"""The limits of the standard and our own ceilings, each off by one, and the counting against them."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

FILE = "spfcheck/rfc7208/limits.py"
MEMO = "spfcheck/rfc7208/memo/check.py"
EVALUATION = "spfcheck/rfc7208/evaluation.py"
TESTS = ("tests/rfc7208/test_limits.py",)


def _by_one(name: str, old: str, number: int) -> tuple[Mutation, Mutation]:
    """*old*, which holds *number*, one less and one more."""
    less, more = (old.replace(str(number), str(number + by)) for by in (-1, 1))
    return Mutation(f"{name}-less", FILE, old, less, TESTS), Mutation(f"{name}-more", FILE, old, more, TESTS)


MUTATIONS = (
    *_by_one("audit-questions", "AUDIT_QUESTIONS: Final = 150", 150),
    *_by_one("deepest", "DEEPEST: Final = 64", 64),
    *_by_one("repeats", "REPEATS_PER_QUESTION: Final = 50", 50),
    *_by_one("small-set", "SMALL_SET: Final = 16", 16),
    *_by_one("ten-lookups", "lookups: int = 10", 10),
    *_by_one("two-voids", "voids: int = 2", 2),
    *_by_one("ten-mx-names", "MX_HOSTS: Final = 10", 10),
    *_by_one("ten-ptr-names", "ptr_names: int = 10", 10),
    *_by_one("questions-unlimited", "questions=AUDIT_QUESTIONS * 10,", 10),
    Mutation(
        "check-questions-less",
        FILE,
        "CHECK_QUESTIONS: Final = 111",
        "CHECK_QUESTIONS: Final = 110",
        ("tests/rfc7208/test_evaluate.py::test_the_largest_legal_check_asks_111_questions",),
    ),
    Mutation(
        "check-questions-more",
        FILE,
        "CHECK_QUESTIONS: Final = 111",
        "CHECK_QUESTIONS: Final = 112",
        ("tests/rfc7208/test_evaluate.py::test_the_largest_legal_check_asks_111_questions",),
    ),
    Mutation(
        "voids-of-a-family-are-free",
        FILE,
        "void_without_nxdomain: bool = True",
        "void_without_nxdomain: bool = False",
        TESTS,
    ),
    Mutation("voids-again-are-free", FILE, "void_again: bool = True", "void_again: bool = False", TESTS),
    Mutation("mx-excess-later", FILE, "mx_excess_at_once: bool = True", "mx_excess_at_once: bool = False", TESTS),
    Mutation(
        "lenient-counts-voids-of-a-family",
        FILE,
        'name="lenient", void_without_nxdomain=False, void_again=False,',
        'name="lenient", void_again=False,',
        TESTS,
    ),
    Mutation(
        "lenient-counts-voids-again",
        FILE,
        'name="lenient", void_without_nxdomain=False, void_again=False,',
        'name="lenient", void_without_nxdomain=False,',
        TESTS,
    ),
    Mutation(
        "lenient-looks-at-no-mx-names", FILE, "void_again=False, mx_excess_at_once=False", "void_again=False", TESTS
    ),
    Mutation(
        "message-terms-are-free",
        FILE,
        "        self.voids += 1\n        if self.voids > self.policy.voids:",
        "        if self.voids > self.policy.voids:",
        TESTS,
    ),
    Mutation("lookups-not-held", FILE, "if self.lookups > self.policy.lookups:", "if False:", TESTS),
    Mutation("questions-not-held", FILE, "if self.questions > self.policy.questions:", "if False:", TESTS),
    Mutation("voids-not-held", FILE, "if self.voids > policy.voids:", "if False:", TESTS),
    Mutation("message-voids-not-held", FILE, "if self.voids > self.policy.voids:", "if False:", TESTS),
    Mutation("mx-excess-not-held", EVALUATION, "        if len(records) > allowed:\n", "        if False:\n", TESTS),
    Mutation("remembered-lookups-not-held", MEMO, "and lookups + way.lookups <= _LOOKUPS", "and True", TESTS),
    Mutation("remembered-voids-not-held", MEMO, "and voids + way.voids <= _VOIDS", "and True", TESTS),
    Mutation("remembered-questions-not-held", MEMO, "and questions + way.questions <= _QUESTIONS", "and True", TESTS),
    Mutation("depth-not-held", EVALUATION, "if len(level.stack) > DEEPEST:", "if False:", TESTS),
)
