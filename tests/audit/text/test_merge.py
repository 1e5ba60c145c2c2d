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
    # An all alone lists nobody and gives way; what the record with senders says of everyone else stands.
    (["v=spf1 -all", "v=spf1 mx ~all"], "v=spf1 mx ~all"),
    (["v=spf1 ~all", "v=spf1 mx -all"], "v=spf1 mx -all"),
    (["v=spf1 ?all", "v=spf1 mx"], "v=spf1 mx"),
    (["v=spf1 -all", "v=spf1 include:_spf.mail.example ~all", "v=spf1 mx ?all"], "v=spf1 mx ?all"),
    (["v=spf1 -all", "v=spf1 redirect=soft.example"], "v=spf1 redirect=soft.example"),
    (["v=spf1 -all", "v=spf1 ~all"], "v=spf1 ~all"),
    (["v=spf1 +all", "v=spf1 mx -all"], Unmergeable.PASS_ALL),
    (["v=spf1 mx ra=postmaster -all", "v=spf1 a ra=postmaster -all"], "v=spf1 a mx ra=postmaster -all"),
    (["v=spf1 mx ra=b -all", "v=spf1 a ra=c -all"], "v=spf1 a mx ra=c ra=b -all"),
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


def test_what_goes_is_said() -> None:
    texts = ["v=spf1 mx -all a:old.example", "v=spf1 a -all exp=x.example", "v=spf1 -all", "v=spf1 ptr exp=y.example"]
    found = merge([parse(text) for text in texts], "customer.example", OWN, ENDS.get)
    assert isinstance(found, Merged)
    assert found.text == "v=spf1 a mx ptr -all"
    said = " ".join(found.changes)
    for gone in ("a:old.example", "exp=x.example", "exp=y.example", "“v=spf1 -all”"):
        assert gone in said, said
