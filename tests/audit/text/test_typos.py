"""Words that are nearly right, and words that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spfcheck.audit.text.typos import almost_all, distance, near_words

DISTANCES = [
    ("include", "include", 0),
    ("include", "inlcude", 1),
    ("include", "includes", 1),
    ("include", "incude", 1),
    ("include", "imclude", 1),
    ("include", "inclued", 1),
    ("include", "niclued", 2),
    ("v=spf1", "v=sfp1", 1),
    ("_spf.mail.example", "_spf_mail.exmaple", 2),
    ("abc", "xyz", 3),
    ("a", "abcdef", 3),
]


@pytest.mark.parametrize(("left", "right", "wanted"), DISTANCES)
def test_distance(left: str, right: str, wanted: int) -> None:
    assert distance(left, right) == distance(right, left) == wanted


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_a_swap_costs_one_and_nothing_costs_nothing(head: str, tail: str) -> None:
    assert distance(head + tail, head + tail) == 0
    assert distance(f"{head}ab{tail}", f"{head}ba{tail}") <= 1
    assert distance(f"{head}a{tail}", head + tail) == 1


NEAR = {
    "inlcude": ("include",),
    "Includes": ("include",),
    "ip44": ("ip4",),
    "ip5": ("ip4", "ip6"),
    "ip": ("ip4", "ip6"),
    "exist": ("exists",),
    "prt": ("ptr",),
    "redirct": ("redirect",),
    "mxx": ("mx",),
    "xm": ("mx",),
    # right, or too short for a slip to be told from another word
    "include": (),
    "a": (),
    "b": (),
    "m": (),
    "my": (),
    "aa": (),
    "aip4": (),
    "foo": (),
}


@pytest.mark.parametrize("word", NEAR)
def test_near_words(word: str) -> None:
    assert near_words(word) == NEAR[word]


@pytest.mark.parametrize("word", ["al", "ll", "alll", "aall", "lal", "a11", "a1l", "aII", "ALI", "a|l", "ail", "call"])
def test_almost_all(word: str) -> None:
    assert almost_all(word)


@pytest.mark.parametrize("word", ["all", "ALL", "a", "mx", "ptr", "hello", "axx", "alxx", "ip4", ""])
def test_not_almost_all(word: str) -> None:
    assert not almost_all(word)
