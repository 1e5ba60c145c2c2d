"""Whose turn it is: so many of a domain, so many of a company, and a week for them to act."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

FILE = "spfcheck/notify/planning/turns.py"
TESTS = "tests/notify/planning/test_turns.py"
DOMAIN = f"{TESTS}::test_three_of_a_domain_are_told_owners_first_and_others_after_a_week"
COMPANY = f"{TESTS}::test_three_of_a_company_are_told_in_a_night"


def _turns(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, FILE, old, new, tests)


MUTATIONS = (
    _turns("everybody-of-a-domain", "_room(self._guards.people_per_domain, used) and ", "", DOMAIN),
    _turns("everybody-of-a-company", " and self._company_has_room(candidate.member):", ":", COMPANY),
    _turns("one-more", "most == 0 or used < most", "most == 0 or used <= most", DOMAIN),
    _turns("zero-is-nobody", "most == 0 or used < most", "used < most", f"{TESTS}::test_zero_is_no_limit"),
    _turns("nobody-has-a-week", "len(lately) + sum(", "sum(", DOMAIN),
    _turns("a-day-is-a-week", "NOBODY_ACTED = 7 * DAY", "NOBODY_ACTED = 1 * DAY", DOMAIN),
    _turns(
        "for-ever-is-a-week", "self._now - row.sent_at < NOBODY_ACTED", "True", DOMAIN
    ),
    _turns("owners-wait", "candidate.member.rank, candidate", "-candidate.member.rank, candidate", DOMAIN),
    _turns("new-people-before-reminders", "return candidate.step is MessageStep.FIRST, ",
           "return candidate.step is not MessageStep.FIRST, ", DOMAIN),
    _turns(
        "one-person-many-turns",
        "len(self._of_company[company] - {member.person})",
        "len(self._of_company[company])",
        f"{TESTS}::test_one_person_with_many_domains_takes_one_turn",
    ),
)  # fmt: skip
