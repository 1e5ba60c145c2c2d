"""We and pyspf judge the same answers; every difference is a defect of pyspf that has a name."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.message import ascii_domain
from spfcheck.rfc7208.ranges import format_address
from spfcheck.rfc7208.record import parse
from tests.made.corpus import CORPUS
from tests.profile import scale

from .made import IP4, IP6, world
from .pyspf import DEFECTS, Judgement, explanation
from .zones import Canned, from_text

LONG = ".".join(["a" * 48] * 5)[1:]
"""With the domain that it is put before exactly what fits, so that two labels have to go."""
WORLDS = 5_000
SEEDS = scale(1, 20)
CORPUS_SHARE = scale(2, 1)
"""Every how many-th domain of the corpus is judged."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_generated_zones(seed: int) -> None:
    found: Counter[tuple[str, ...]] = Counter()
    verdicts: Counter[str] = Counter()
    for number in range(WORLDS):
        made = world(Random(f"differential {seed} {number}"))
        judgement = Judgement(made.ip, made.sender, made.helo, made.zone)
        why = explanation(judgement)
        assert why is not None, f"{seed} {number}: {judgement.ours()} but pyspf says {judgement.theirs()}"
        found[why] += 1
        verdicts[judgement.ours().result] += 1
    print(verdicts, found)
    assert found[()] > WORLDS * 0.95
    assert len(verdicts) == 7


@pytest.mark.parametrize(
    ("defect", "zone", "ip", "ours", "theirs"),
    [
        (
            "mx-hosts-before-comparing",
            (
                "d.example TXT v=spf1 mx -all\nd.example MX 1 m1.example\nd.example MX 2 n1.example\n"
                "d.example MX 3 n2.example\nd.example MX 4 n3.example\nm1.example A 192.0.2.1"
            ),
            "192.0.2.1",
            "pass",
            "permerror",
        ),
        (
            "ptr-failure-temperror",
            "d.example TXT v=spf1 ptr -all\n1.2.0.192.in-addr.arpa PTR FAIL",
            "192.0.2.1",
            "fail",
            "temperror",
        ),
        (
            "self-include-at-sight",
            "d.example TXT v=spf1 ip4:192.0.2.1 include:d.example -all",
            "192.0.2.1",
            "pass",
            "permerror",
        ),
        (
            "redirect-counts-unreached",
            "d.example TXT v=spf1 a a a a a a a a a a redirect=x.example -all\nd.example A 192.0.2.9",
            "192.0.2.1",
            "fail",
            "permerror",
        ),
        (
            "client-name-asked-early",
            (
                "d.example TXT v=spf1 ip4:192.0.2.1 exists:%{p}.d.example a:n1.example a:n2.example -all\n"
                "1.2.0.192.in-addr.arpa PTR n3.example\n1.2.0.192.in-addr.arpa PTR n4.example\n"
                "1.2.0.192.in-addr.arpa PTR n5.example"
            ),
            "192.0.2.1",
            "pass",
            "permerror",
        ),
        (
            "upper-case-modifier",
            "d.example TXT v=spf1 REDIRECT=p1.example\np1.example TXT v=spf1 -all",
            "192.0.2.1",
            "fail",
            "neutral",
        ),
        (
            "long-name-cut-once",
            f"d.example TXT v=spf1 exists:x.y.{LONG}.%{{d}} -all\n{LONG}.d.example A 127.0.0.2",
            "192.0.2.1",
            "pass",
            "fail",
        ),
        ("zero-digits", "d.example TXT v=spf1 exists:%{d0}.example -all", "192.0.2.1", "permerror", "fail"),
        ("open-macro", "d.example TXT v=spf1 a:%{d.d.example -all", "192.0.2.1", "permerror", "fail"),
        ("upper-reversal", "d.example TXT v=spf1 exists:%{dR}.example -all", "192.0.2.1", "permerror", "fail"),
    ],
)
def test_each_known_defect_is_real(defect: str, zone: str, ip: str, ours: str, theirs: str) -> None:
    judgement = Judgement(ip, "user@d.example", "helo.example", from_text(zone))
    assert (judgement.ours().result, judgement.theirs()) == (ours, theirs)
    assert explanation(judgement) == (defect,)


def test_every_known_defect_has_a_case() -> None:
    (mark,) = [mark for mark in test_each_known_defect_is_real.pytestmark if mark.name == "parametrize"]
    assert {case[0] for case in mark.args[1]} == set(DEFECTS)


@pytest.mark.parametrize(
    ("sender", "theirs"),
    [('"a@b"@d.example', "none"), ("user@d.example.", "none"), ("ü@d.example", "pass")],
)
def test_senders_that_pyspf_splits_otherwise(sender: str, theirs: str) -> None:
    """first-at-sign, trailing-dot-sender: differences in the identity, before a record is read."""
    judgement = Judgement("192.0.2.1", sender, "helo.example", from_text("d.example TXT v=spf1 ip4:192.0.2.1 -all"))
    assert (judgement.ours().result, judgement.theirs()) == ("pass", theirs)


def _corpus(name: str) -> list[dict[str, str]]:
    path = CORPUS / name
    if not path.exists():
        pytest.skip(f"the corpus of real records is not at hand ({path.name} beside this checkout)")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _made_up(texts: dict[str, str]) -> Callable[[Question], Canned]:
    """Real records; whatever else is asked has an answer made up from the name, the same each time."""

    def answer(question: Question) -> Canned:
        name, rtype = question
        random = Random(f"{name} {rtype.name}")
        if rtype is Rtype.TXT:
            text = texts.get(name)
            return Canned(((text.encode("utf-8"),),)) if text else Canned(nxdomain=True)
        if random.random() < 0.25:
            return Canned()
        if rtype is Rtype.MX:
            return Canned(((10, f"mx.{name}"[-60:]),))
        if rtype is Rtype.PTR:
            return Canned(("mail.example",))
        return Canned((random.choice(IP4 if rtype is Rtype.A else IP6),))

    return answer


def test_real_records() -> None:
    domains = _corpus("domains.csv.gz")
    texts = {row["name"].lower(): row["spf"] for row in _corpus("includes.csv.gz")}
    texts |= {ascii_domain(row["domain"]) or "": row["spf"] for row in domains if row["spf"]}
    answer = _made_up(texts)
    found: Counter[tuple[str, ...]] = Counter()
    verdicts: Counter[str] = Counter()
    for row in domains[::CORPUS_SHARE]:
        domain = ascii_domain(row["domain"])
        if domain is None:
            continue
        random = Random(domain)
        for ip in _addresses_near(texts, row["spf"], random):
            judgement = Judgement(ip, f"user@{domain}", "mail.example", answer)
            why = explanation(judgement)
            assert why is not None, f"{domain} {ip}: {judgement.ours()} but pyspf says {judgement.theirs()}"
            found[why] += 1
            verdicts[judgement.ours().result] += 1
    print(verdicts, found)
    assert found[()] > 0.95 * found.total()
    assert {"pass", "fail", "softfail", "neutral", "none", "permerror"} <= set(verdicts)


def _addresses_near(texts: dict[str, str], text: str, random: Random) -> list[str]:
    """One address out of a network of the record or of what it includes, and one out of the pools."""
    networks = []
    for record in [text, *(texts.get(term.target or "", "") for term in parse(text).terms)]:
        networks += [(term.network, term.family) for term in parse(record).terms if term.network]
    picked = (
        [format_address(random.choice(IP4), 4)] if random.random() < 0.5 else [format_address(random.choice(IP6), 6)]
    )
    if networks:
        (low, high), family = random.choice(networks)
        picked.append(format_address(random.randint(low, high), family))
    return picked
