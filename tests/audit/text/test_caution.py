"""Texts that were mended to one reading, and still are for their owner to settle; and near ones that are not."""

from __future__ import annotations

import pytest

from spfcheck.audit.text.caution import doubt
from spfcheck.audit.text.slips import Slip

OWN = frozenset({"_spf.mail.example"})
OURS = "include:_spf.mail.example"

DOUBTED = [
    # a sign beside the slip is lost, or holds for one of two
    ("v=spf1 mx -ip4:;192.0.2.20 -all", "v=spf1 mx ip4:192.0.2.20 -all", Slip.LONE_SIGN),
    ("v=spf1 ?include:,tools.example mx -all", "v=spf1 include:tools.example mx -all", Slip.LONE_SIGN),
    (
        "v=spf1 -include:a.example,b.example mx ~all",
        "v=spf1 -include:a.example include:b.example mx ~all",
        Slip.LONE_SIGN,
    ),
    ("v=spf1 ~ip4:192.0.2.1;192.0.2.2 -all", "v=spf1 ~ip4:192.0.2.1 ip4:192.0.2.2 -all", Slip.LONE_SIGN),
    ("v=spf1 -a,mx -all", "v=spf1 -a mx -all", Slip.LONE_SIGN),
    (
        "v=spf1 -include:a.exampleinclude:b.example -all",
        "v=spf1 -include:a.example include:b.example -all",
        Slip.LONE_SIGN,
    ),
    # "not" is no noise, in whatever letter
    ("v=spf1 mx !ip4:192.0.2.10 -all", "v=spf1 mx ip4:192.0.2.10 -all", Slip.LONE_SIGN),
    ("v=spf1 mx \xef\xbc\x81ip4:192.0.2.10 -all", "v=spf1 mx ip4:192.0.2.10 -all", Slip.LONE_SIGN),
    # the end of a range looks like an address that is turned away
    ("v=spf1 ip4:192.0.2.10 -192.0.2.20 -all", "v=spf1 ip4:192.0.2.10 -ip4:192.0.2.20 -all", Slip.LONE_SIGN),
    # a mask is no host
    ("v=spf1 ip4:192.0.2.0 255.255.255.0 -all", "v=spf1 ip4:192.0.2.0 ip4:255.255.255.0 -all", Slip.NETMASK),
    # something else, published as a record because it names us
    (f"v=spf1,mx,{OURS},-all", f"v=spf1 {OURS} v=spf1,mx,{OURS},-all", Slip.VERSION),
    (f"v=spf2 mx {OURS} -all", f"v=spf1 v=spf2 mx {OURS} -all", Slip.VERSION),
    (f"k=rsa; p={OURS}", f"v=spf1 {OURS} p={OURS}", Slip.UNKNOWN_WORD),
    # a second record whose senders would be dead
    (f"v=spf1 -all v=spf1 {OURS} mx ~all", f"v=spf1 {OURS} -all mx", Slip.PASTED),
    ("v=spf1 mx -allv=spf1 ip4:192.0.2.10 -all", f"v=spf1 mx {OURS} -all v=spf1 ip4:192.0.2.10 -all", Slip.PASTED),
]

PLAIN = [
    ("v=spf1 ipv4:192.0.2.10 -all", "v=spf1 ip4:192.0.2.10 -all"),
    ("v=spf1 ip4:192.0.2.10, include:tools.example, -all", "v=spf1 ip4:192.0.2.10 include:tools.example -all"),
    # a sign that stays, beside a slip elsewhere and in the same word
    ("v=spf1 -ip4:192.0.2.10 ipv4:192.0.2.11 -all", "v=spf1 -ip4:192.0.2.10 ip4:192.0.2.11 -all"),
    ("v=spf1 -include:_spf.mial.example mx ~all", f"v=spf1 -{OURS} mx ~all"),
    # what is said of everybody else, and of the record
    ("v=spf1 mx \xe2\x80\x93all", "v=spf1 mx -all"),
    ("v=spf1 mx -a11", "v=spf1 mx -all"),
    ("v=spf1 mx ~all.", "v=spf1 mx ~all"),
    ("v=spf1 ~redirect=tools.example", "v=spf1 redirect=tools.example"),
    # the version said twice at the beginning, glued, and in front of us alone
    ("v=spf1 v=spf1 v=spf1 mx -all", "v=spf1 mx -all"),
    ("v=spf1mx -all", "v=spf1 mx -all"),
    (f"v=spf1 mx ~all v=spf1 {OURS} ~all", f"v=spf1 mx {OURS} ~all"),
    ("v=spf1 mx ~all v=spf1 include:spf.mail.example ~all", f"v=spf1 mx {OURS} ~all"),
]


@pytest.mark.parametrize(("published", "mended", "slip"), DOUBTED)
def test_what_no_mend_settles(published: str, mended: str, slip: Slip) -> None:
    found = doubt(published, mended, OWN, "customer.example")
    assert found is not None
    assert found[0] is slip


@pytest.mark.parametrize(("published", "mended"), PLAIN)
def test_what_one_reading_settles(published: str, mended: str) -> None:
    assert doubt(published, mended, OWN, "customer.example") is None
