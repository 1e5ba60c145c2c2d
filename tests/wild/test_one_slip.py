"""One slip anywhere in a record: what is proposed says of every sender what its owner meant, or nothing is proposed.

The slips are made in the words, signs, marks and spaces of a record; a slip in an address or a name is another address
or name, and nobody can tell.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from spfcheck.audit.report.model import RemedyKind
from spfcheck.rfc7208.record import parse
from tests.profile import scale
from tests.wild.wild import HOST, MAILBOX, MX, OUTSIDER, SELF, TOOLS, Wild, report_of, result_for

TERMS = (
    "mx", "a", "a:host.partner.example", "include:spf.mailbox.example", "include:spf.tools.example", "ip4:198.51.100.9",
    "ip4:192.0.2.64/28", "ip6:2001:db8:9::9", "mx:plumber.example",
)  # fmt: skip
ENDS = ("-all", "~all", "?all")
SENDERS = (
    HOST,
    MAILBOX,
    MX,
    SELF,
    TOOLS,
    OUTSIDER,
    "198.51.100.77",
    "2001:db8:9::9",
    "2001:db8:9::a",
    "2001:db8:600::1",
)
LETTERS = "abcdeilmnopsx146:=. ;,-~+\u2013\u00a0\"'<"


def records(rng: random.Random, count: int) -> Iterator[tuple[str, ...]]:
    for _ in range(count):
        yield (*rng.sample(TERMS, rng.randint(1, 4)), rng.choice(ENDS))


def with_a_slip(terms: tuple[str, ...], rng: random.Random) -> str:
    """The record with one character too many, missing, changed or swapped, outside addresses and names."""
    text = " ".join(["v=spf1", *terms])
    fixed: set[int] = set()
    at = len("v=spf1 ")
    for term in terms:
        word = term.partition(":")[0]
        fixed |= set(range(at + len(word) + 1, at + len(term)))
        if len(term) == 1 or term in ENDS:
            fixed.add(at)  # a letter or a sign that is lost leaves no trace
        if word == "a" and len(term) == 1:
            fixed.add(at + 1)  # a:ip4: is read as the address
        if word == "ip6":
            fixed.add(at + len(term))  # many a letter behind an IPv6 address is a part of it
        at += len(term) + 1
    place = rng.choice([index for index in range(len(text)) if index not in fixed])
    kind = rng.choice(("insert", "delete", "change", "swap", "double"))
    if kind == "insert":
        return text[:place] + rng.choice(LETTERS) + text[place:]
    if kind == "delete":
        return text[:place] + text[place + 1 :]
    if kind == "change":
        return text[:place] + rng.choice(LETTERS) + text[place + 1 :]
    if kind == "double":
        return text[:place] + text[place] + text[place:]
    return (
        text[:place] + text[place + 1 : place + 2] + text[place] + text[place + 2 :] if place + 1 not in fixed else text
    )


@pytest.mark.parametrize("seed", range(scale(2, 40)))
def test_what_was_meant_is_what_is_proposed(seed: int) -> None:
    rng = random.Random(seed)
    for terms in records(rng, 60):
        text = with_a_slip(terms, rng)
        if parse(text.encode()).valid:
            continue  # another record, and nobody can tell
        report = asyncio.run(report_of(Wild(text)))
        if report.remedy.kind is not RemedyKind.REPLACE:
            continue
        meant = " ".join(["v=spf1", *terms])
        for sender in SENDERS:
            said, wanted = result_for(sender, report.remedy.value), result_for(sender, meant)
            assert said == wanted, (meant, text, report.remedy.value, sender)
