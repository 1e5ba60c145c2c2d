"""Slips in valid records of the corpus: once the proposal is published every sender passes, or is named beside it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from spfcheck.audit.fetch import Witness
from spfcheck.audit.second_opinion import hear
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.ranges import everything, format_address
from spfcheck.rfc7208.record import Result
from tests.made.corpus import CORPUS, read_corpus
from tests.made.slipped import Closed, Slips, examine_slips
from tests.made.slips import KINDS, slipped
from tests.profile import scale
from tests.wild.wild import OURS

COUNT = scale(400, 10_000)
ASKED = scale(40, 500)
"""Proposals that pyspf is asked about."""
MOST_ADDRESSES = 4
"""Senders of one record and family that it is asked about."""
TEXTS = [
    f"v=spf1 {terms} {end}"
    for end in ("-all", "~all")
    for terms in (
        "a mx:plumber.example ip4:198.51.100.8/29 ip4:198.51.100.77 include:a.example include:b.example",
        "include:a.example ip4:198.51.100.77",
        "a:host.example ip4:198.51.100.77",
        "mx include:a.example ip6:2001:db8:9::9",
    )
]
needs_the_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the repository")


@pytest.fixture(scope="module")
def found() -> Slips:
    rows, includes = read_corpus()
    return asyncio.run(examine_slips(rows, includes, COUNT, seed=7208))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_a_record(kind: str) -> None:
    made = [(text, slipped(text, [kind], random.Random(seed))) for text in TEXTS for seed in range(9)]
    assert any(records is not None and records != [(text,)] for text, records in made)


def test_there_are_as_many_kinds_as_people_make() -> None:
    assert len(KINDS) >= 30


@needs_the_corpus
def test_no_sender_is_lost_or_let_in_unsaid(found: Slips) -> None:
    assert not found.wrong, "\n".join(found.wrong[:20])
    assert sum(found.counts.values()) == COUNT


@needs_the_corpus
def test_most_slips_have_one_reading(found: Slips) -> None:
    assert found.proven > 0.8, found.counts


def _senders(domain: str, lookup: Closed) -> Iterator[str]:
    """Some addresses that pass by what is published at *domain*, of as many of its terms as may be."""
    for family in (4, 6):
        cells = run(partition(everything(family), family, domain), lookup.cached).cells
        passing = [cell for cell in cells if cell.result is Result.PASS]
        for cell in passing[:: len(passing) // MOST_ADDRESSES + 1]:
            yield format_address(cell.addresses[-1][1], family)


@needs_the_corpus
async def test_pyspf_lets_every_sender_pass_as_well(found: Slips) -> None:
    lookup = Closed(*read_corpus())
    refused: list[str] = []
    told = 0
    for domain, _, value in found.proposals[:ASKED]:
        asked = [*_senders(domain, lookup), *OURS]
        lookup.publish_records(domain, [(value,)])
        witness = Witness(lookup)
        for one in await hear(domain, witness, witness.answers, asked, f"postmaster@{domain}", "mail.invalid"):
            told += one.theirs == Result.PASS
            if one.theirs != Result.PASS:
                refused.append(f"{domain}: {value}: {one.address} {one.theirs} {one.why}")
    assert not refused, "\n".join(refused[:20])
    assert told > ASKED
