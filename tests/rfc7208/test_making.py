"""Facts made the short way are those that their class makes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.rfc7208.making import maker

NAME = Question("customer.example", Rtype.TXT)


def test_by_position_in_the_order_of_the_fields() -> None:
    values = (NAME, Outcome.OK, (1,), 2, "r", 3.0, 0, True, False, ("c",), True, "d", False, 4.0)
    made = maker(Answer)(*values)
    plain = Answer(**dict(zip(Answer.__slots__, values, strict=True)))  # type: ignore[arg-type]
    assert type(made) is Answer
    assert made == plain
    assert hash(made) == hash(plain)
    with pytest.raises(FrozenInstanceError):
        made.ttl = 5  # type: ignore[misc]


def test_by_name_with_the_defaults_of_the_class() -> None:
    assert maker(Answer)(question=NAME, outcome=Outcome.NODATA) == Answer(question=NAME, outcome=Outcome.NODATA)


def test_what_has_no_default_has_to_be_given() -> None:
    with pytest.raises(TypeError):
        maker(Answer)(question=NAME)
