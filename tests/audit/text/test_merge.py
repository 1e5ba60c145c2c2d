"""Merges: one reading, whatever the order of the records."""

from __future__ import annotations

import itertools

import pytest

from spfcheck.audit.text.merge import Merged, NoMerge, Unmergeable, merge
from spfcheck.rfc7208.record import Result, parse

OWN = frozenset({"_spf.mail.example"})
CASES = [
    (["v=spf1 mx -all", "v=spf1 a ~all"], "v=spf1 a mx ~all"),
    (["v=spf1 mx -all", "v=spf1 mx -all"], "v=spf1 mx -all"),
    (["v=spf1 include:x.example. -all", "v=spf1 a include:X.example -all"], "v=spf1 a include:X.example -all"),
    (["v=spf1 include:_spf.mail.example -all", "v=spf1 mx ?all"], "v=spf1 mx ?all"),
    (
        ["v=spf1 include:_spf.mail.example -all", "v=spf1 +include:_spf.mail.example ~all"],
        "v=spf1 +include:_spf.mail.example ~all",
    ),
    (["v=spf1 a", "v=spf1 mx"], "v=spf1 a mx"),
    (["v=spf1 a -all exp=a.example", "v=spf1 mx -all exp=b.example"], "v=spf1 a mx -all"),
    (["v=spf1 a -all exp=a.example", "v=spf1 mx -all"], "v=spf1 a mx -all exp=a.example"),
    (["v=spf1 redirect=soft.example", "v=spf1 a -all"], "v=spf1 a include:soft.example ~all"),
    (["v=spf1 redirect=soft.example", "v=spf1 redirect=soft.example"], "v=spf1 redirect=soft.example"),
    (["v=spf1 redirect=soft.example", "v=spf1 redirect=other.example"], Unmergeable.SEVERAL_REDIRECTS),
    (["v=spf1 redirect=none.example", "v=spf1 a -all"], Unmergeable.REDIRECT_TARGET),
    (["v=spf1 redirect=open.example", "v=spf1 a -all"], Unmergeable.REDIRECT_TARGET),
    (["v=spf1 ?a -all", "v=spf1 mx -all"], Unmergeable.NON_PASS_TERM),
    (["v=spf1 a +all", "v=spf1 mx -all"], Unmergeable.PASS_ALL),
    (["v=spf1 a -all", "v=spf1 mx -all", "v=spf1 ptr ~all"], "v=spf1 a mx ptr ~all"),
]
ENDS = {"soft.example": Result.SOFTFAIL, "open.example": Result.PASS, "other.example": Result.FAIL}


@pytest.mark.parametrize(("texts", "meant"), CASES, ids=lambda value: str(value)[:70])
def test_merge(texts: list[str], meant: str | Unmergeable) -> None:
    for order in itertools.permutations(texts):
        found = merge([parse(text) for text in order], "customer.example", OWN, ENDS.get)
        if isinstance(meant, Unmergeable):
            assert isinstance(found, NoMerge)
            assert found.why is meant
        else:
            assert isinstance(found, Merged)
            assert found.text == meant
