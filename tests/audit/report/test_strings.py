"""How a long value is cut: inside a term, in time that grows with the text, and never into single spaces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spfcheck.audit.report.strings import STRING_BYTES, split_strings

words = st.lists(st.tuples(st.integers(1, 90), st.integers(1, 3)), max_size=40).map(
    lambda drawn: "v=spf1" + "".join(" " * spaces + "x" * length for length, spaces in drawn)
)


@given(words)
def test_the_strings_are_the_text_and_none_begins_or_ends_with_a_space(text: str) -> None:
    strings = split_strings(text)
    assert "".join(strings) == text
    assert all(len(one) <= STRING_BYTES and one == one.strip(" ") for one in strings)
    for one, following in pairwise(strings):
        # As long as can be: behind the next characters may not be cut.
        longer = (one + following)[: STRING_BYTES + 1]
        assert all(" " in longer[cut - 1 : cut + 1] for cut in range(len(one) + 1, len(longer)))


def test_a_row_of_spaces_is_left_in_strings_as_long_as_can_be() -> None:
    """There is no cut inside a term; single spaces would be a string for each of them."""
    text = "v=spf1" + " " * 1_000 + "-all"
    assert split_strings(text) == ("v=spf", "1" + " " * 254, " " * 255, " " * 255, " " * 236 + "-all")
