"""The budget of work: each figure unspent or unheld, what keeps it small, and what a report says where it ends."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

WORK = "spfcheck/rfc7208/effort.py"
EVALUATION = "spfcheck/rfc7208/evaluation.py"
SIZE = "spfcheck/audit/repair/size.py"
CASE = "spfcheck/audit/repair/case.py"
FEWEST = "spfcheck/audit/repair/fewest.py"
FETCH = "spfcheck/audit/fetch.py"
THOROUGH = "spfcheck/audit/thorough.py"
REVIEW = "spfcheck/audit/judgement/review.py"
FILE = "tests/audit/test_work.py"
GIVEN_UP = (f"{FILE}::test_a_repair_that_would_take_more_is_given_up_and_the_verdict_stands",)
SPENT = (f"{FILE}::test_a_budget_is_spent_to_its_figure_and_begins_anew",)
FEWEST_FOUND = (f"{FILE}::test_of_many_deletions_the_fewest_are_found_with_few_proposals",)
REFUSED = (f"{FILE}::test_what_is_refused_once_is_not_asked_for_again",)
CEILING = (f"{FILE}::test_our_own_ceiling_on_questions_is_not_called_a_silent_dns",)
CERTIFIED = (f"{FILE}::test_a_certificate_is_accepted_where_it_is_true_and_nowhere_else",)
TREE = (f"{FILE}::test_the_records_that_a_check_reads_have_an_end",)
TOLD = (f"{FILE}::test_faults_beyond_a_thousand_are_not_told_one_by_one",)
STEPS = ("tests/rfc7208/test_steps.py",)
STRINGS = ("tests/audit/report/test_strings.py",)

MUTATIONS = (
    Mutation("work-is-free", WORK, "        if left < 0:\n", "        if False:\n", SPENT),
    Mutation("work-one-less", WORK, "        if left < 0:\n", "        if left <= 0:\n", SPENT),
    Mutation("any-size-is-held", WORK, "if count > self.most[measure]:", "if False:", SPENT),
    Mutation("one-size-less", WORK, "if count > self.most[measure]:", "if count >= self.most[measure]:", SPENT),
    Mutation("work-never-begins-anew", WORK, "        self._left = dict(self.most)\n", "        pass\n", SPENT),
    Mutation("bytes-unheld", SIZE, "    work.hold(Measure.BYTES,", "    (lambda *_: None)(Measure.BYTES,", GIVEN_UP),
    Mutation("terms-unheld", SIZE, "    work.hold(Measure.TERMS,", "    (lambda *_: None)(Measure.TERMS,", GIVEN_UP),
    Mutation(
        "tree-unheld", CASE, "        self.work.hold(Measure.TREE_TERMS,", "        (lambda *_: None)(0,", GIVEN_UP
    ),
    Mutation("cells-unspent", EVALUATION, "self._work.spend(_CELLS, len(part.addresses))", "pass", GIVEN_UP),
    Mutation("cells-of-a-case-unspent", CASE, "policy=policy, work=self.work)", "policy=policy, work=None)", GIVEN_UP),
    Mutation(
        "proposals-unspent",
        "spfcheck/audit/repair/proof.py",
        "    case.work.spend(Measure.PROPOSALS)\n",
        "",
        GIVEN_UP,
    ),
    Mutation(
        "readings-unspent",
        "spfcheck/audit/text/meanings.py",
        "        self._known.work.spend(Measure.READINGS, 1 + len(text) // _USUAL)\n",
        "",
        GIVEN_UP,
    ),
    Mutation(
        "comparisons-unspent",
        "spfcheck/audit/text/caution.py",
        "        work.spend(Measure.COMPARISONS, len(let_in) * (1 + len(bare) // _USUAL))\n",
        "",
        GIVEN_UP,
    ),
    Mutation("a-silent-dns-for-our-ceiling", THOROUGH, "and _only_limited(witness.answers):", "and False:", CEILING),
    Mutation(
        "asked-again-and-again", "spfcheck/audit/conclude.py", "if asked.issuperset(questions):", "if False:", REFUSED
    ),
    Mutation("any-tree-is-read", FETCH, " or self._terms > MOST_TERMS\n", "\n", TREE),
    Mutation("a-tree-too-many-questions", THOROUGH, "    if terms > MOST_TERMS:\n", "    if False:\n", TREE),
    Mutation("every-fault-is-told", REVIEW, "record.problems[:MOST_TOLD]", "record.problems", TOLD),
    Mutation(
        "every-remark-is-told", REVIEW, "islice(_terms(record, domain), MOST_TOLD)", "_terms(record, domain)", TOLD
    ),
    Mutation("small-is-large", SIZE, "terms + found.lookups > SMALL", "terms >= 0", CERTIFIED),
    Mutation("any-tree-is-large", SIZE, 'return terms > int(certificate["most"])', "return True", CERTIFIED),
    Mutation(
        "deletions-one-by-one", FEWEST, "if stop - start < self._count and", "if stop - start == 1 and", FEWEST_FOUND
    ),
    Mutation("deletions-whatever-they-cost", FEWEST, "+ self._spent + cost <= LOOKUPS", "<= LOOKUPS", FEWEST_FOUND),
    Mutation(
        "networks-of-the-last-term",
        "spfcheck/rfc7208/ranges.py",
        "        place = open_places[0]\n",
        "        place = open_places[-1]\n",
        STEPS,
    ),
    Mutation(
        "folds-that-raise",
        "spfcheck/rfc7208/memo/fill.py",
        "    except _TooMuchError:\n",
        "    except ZeroDivisionError:\n",
        STEPS,
    ),
    Mutation(
        "strings-cut-at-spaces",
        "spfcheck/audit/report/strings.py",
        'while cut > at and (text[cut - 1] == " " or text[cut] == " "):',
        "while False:",
        STRINGS,
    ),
    Mutation(
        "strings-of-single-spaces",
        "spfcheck/audit/report/strings.py",
        "            cut += STRING_BYTES\n",
        "            cut += 1\n",
        STRINGS,
    ),
)
