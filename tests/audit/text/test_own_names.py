"""Which names are ours, which are ours misspelt, and which are somebody else's."""

from __future__ import annotations

import pytest

from spfcheck.audit.text.own_names import holds_own, own_meant, wrongly

OWN = frozenset({"_spf.mail.example"})
AT = "customer.example"
MEANT = [
    "_spf.mail.example",
    "_SPF.Mail.Example.",
    "_spf.mailexample",
    "_spfmail.example",
    "spf.mail.example",
    "_spf_mail.example",
    "_spf.mial.example",
    "_spf.mal.exampel",
    "http://_spf.mail.example/",
    "@_spf.mail.example",
    "_spf.mail.example.customer.example",
    "<_spf.mail.example>",
    "_spf-mail.example",
]
OTHERS = [
    "mail.example",
    "_spf.google.com",
    "_spf.post.example",
    "spf.example",
    "_spf.mail.example.com",
    "_dmarc.mail.example",
    "x",
    "",
]


@pytest.mark.parametrize("name", MEANT)
def test_ours(name: str) -> None:
    assert own_meant(name, OWN, AT) == "_spf.mail.example"


@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str) -> None:
    assert own_meant(name, OWN, AT) is None


def test_a_name_between_two_of_ours_is_neither() -> None:
    two = frozenset({"spf1.mail.example", "spf2.mail.example"})
    assert own_meant("spf3.mail.example", two, AT) is None
    assert own_meant("spf1.mail.example", two, AT) == "spf1.mail.example"


def test_a_short_name_leaves_room_for_one_slip_only() -> None:
    own = frozenset({"spf.x.io"})
    assert own_meant("sfp.x.io", own, AT) == "spf.x.io"
    assert own_meant("sfp.y.io", own, AT) is None


@pytest.mark.parametrize(
    "text", ["a:_spf.mail.example", "v=spf1 include:spf.mail.example ~all", "include=_spf.mial.example"]
)
def test_wrongly(text: str) -> None:
    assert wrongly(text, OWN, AT)
    assert holds_own(text, OWN, AT)


@pytest.mark.parametrize(
    "text",
    [
        "v=spf1 include:_spf.mail.example ~all",
        "v=spf1 +INCLUDE:_SPF.mail.example -all",
        "v=spf1 a mx ip4:192.0.2.1 ~all",
    ],
)
def test_rightly(text: str) -> None:
    assert not wrongly(text, OWN, AT)


@pytest.mark.parametrize(
    "text", ["hello", "MS=ms1", "v=DMARC1; rua=mailto:a@mail.example", "mail.example-verification=1"]
)
def test_texts_of_others_do_not_hold_it(text: str) -> None:
    assert not holds_own(text, OWN, AT)
