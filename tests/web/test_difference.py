"""What changed between two records: every term is accounted for, and a long change is cut with a sentence."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from spfcheck.web.difference import MOST_SHOWN, TermChange, changes

terms = st.lists(st.sampled_from(["a", "mx", "ptr", "ip4:1.2.3.4", "include:x.example", "-all"]), max_size=30)


def said(before: str, after: str) -> str:
    signs = {"same": "", "gone": "-", "new": "+", "left": "#"}
    return " ".join(signs[one.kind] + one.text for one in changes(before, after))


@given(terms, terms)
def test_one_record_is_what_stayed_and_went_and_the_other_what_stayed_and_came(old: list[str], new: list[str]) -> None:
    found = changes(" ".join(old), " ".join(new))
    assert [one.text for one in found if one.kind != "new"] == old
    assert [one.text for one in found if one.kind != "gone"] == new


@given(st.lists(st.integers(0, 40), unique=True, max_size=12), st.lists(st.integers(0, 40), unique=True, max_size=12))
def test_of_terms_that_differ_as_many_stay_as_can(old: list[int], new: list[int]) -> None:
    """Where no term stands twice, as in nearly every record, no diff of fewer changes exists."""
    longest = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, left in enumerate(old):
        for j, right in enumerate(new):
            longest[i + 1][j + 1] = longest[i][j] + 1 if left == right else max(longest[i][j + 1], longest[i + 1][j])
    kinds = Counter(one.kind for one in changes(" ".join(map(str, old)), " ".join(map(str, new))))
    assert kinds["same"] == longest[-1][-1]


def test_what_people_change_is_shown_as_they_changed_it() -> None:
    assert said("v=spf1 a mx -all", "v=spf1 a mx include:o.example -all") == "v=spf1 a mx +include:o.example -all"
    assert said("v=spf1 a ~all", "v=spf1 mx ~all") == "v=spf1 -a +mx ~all"
    assert said("", "v=spf1 -all") == "+v=spf1 +-all"
    assert said("v=spf1 a a a -all", "v=spf1 a -all") == "v=spf1 a -a -a -all"


def test_a_long_record_is_cut_with_a_sentence() -> None:
    row = " ".join(f"ip4:11.0.{number // 200}.{number % 200}" for number in range(1_000))
    assert said(f"v=spf1 {row} -all", f"v=spf1 {row} a -all") == (
        "v=spf1 ip4:11.0.0.0 ip4:11.0.0.1 ip4:11.0.0.2 ip4:11.0.0.3 #… 991 terms as before … "
        "ip4:11.0.4.195 ip4:11.0.4.196 ip4:11.0.4.197 ip4:11.0.4.198 ip4:11.0.4.199 +a -all"
    )
    found = changes("a mx ptr " * 500, "ptr a " * 1_000)
    assert sum(one.kind in ("gone", "new") for one in found) == MOST_SHOWN
    assert found[-1] == TermChange("left", "… 2,300 more terms differ, too many to be shown.")
