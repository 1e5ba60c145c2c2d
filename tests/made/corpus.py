"""Real domains with their records, as a source of answers.

The corpus has texts only. Addresses, mail hosts and missing includes are made up here, always the same for a name: an
include that is not in the corpus answers ``v=spf1 ?all``, a host has an address of each family in documentation ranges.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from spfcheck.audit.repair.case import published_as
from spfcheck.names import domain_name
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import parse

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
INCLUDE = "_spf.mail.example"
OURS_TEXTS = {
    1: {INCLUDE: "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all"},
    2: {
        INCLUDE: "v=spf1 include:a._spf.mail.example -all",
        "a._spf.mail.example": "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all",
    },
    3: {
        INCLUDE: "v=spf1 include:a._spf.mail.example include:b._spf.mail.example -all",
        "a._spf.mail.example": "v=spf1 ip4:203.0.113.0/24 -all",
        "b._spf.mail.example": "v=spf1 ip6:2001:db8:5::/48 -all",
    },
}
"""Our include, by what it costs a customer."""


@dataclass(frozen=True, slots=True)
class Row:
    """One domain of the corpus."""

    domain: str
    mx: tuple[str, ...]
    text: str


def read_corpus(folder: Path = CORPUS) -> tuple[list[Row], dict[str, str]]:
    """The domains and the include targets; raises `FileNotFoundError` where the corpus is not there."""
    with gzip.open(folder / "domains.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [Row(domain_name(row["domain"]), tuple(row["mx"].split()), row["spf"]) for row in csv.DictReader(file)]
    with gzip.open(folder / "includes.csv.gz", "rt", encoding="utf-8", newline="") as file:
        includes = {row["name"].lower(): row["spf"] for row in csv.DictReader(file)}
    return rows, includes


class CorpusLookup:
    """A `Lookup` over the corpus, with what it lacks made up."""

    def __init__(self, rows: list[Row], includes: dict[str, str], ours: dict[str, str]) -> None:
        self._texts = {**includes, **ours}
        self._domains = {row.domain: row for row in rows}
        self._answers: dict[Question, Answer] = {}

    def cached(self, question: Question) -> Answer:
        """What the corpus says, or what is made up."""
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = self._answer(question)
        return answer

    async def ask(self, question: Question) -> Answer:
        """The same."""
        return self.cached(question)

    def publish(self, domain: str, text: str) -> None:
        """From now on *text* is the record of *domain*."""
        answer = published_as(domain, text)
        self._answers[answer.question] = answer

    def _answer(self, question: Question) -> Answer:
        name, rtype = question
        if rtype is Rtype.TXT:
            text = self._text(name)
            return published_as(name, parse(text).text) if text else _none(question)
        if rtype is Rtype.MX:
            row = self._domains.get(name)
            hosts = row.mx if row is not None else (f"mx.{name}",)
            return _some(question, tuple((10, host) for host in hosts)) if hosts else _none(question)
        if rtype in (Rtype.A, Rtype.AAAA) and not _MADE_BY_MACRO.search(name):
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
            if rtype is Rtype.A:
                # 192.0.2.0/24 and 198.51.100.0/24 (RFC 5737); ours is the third of them.
                return _some(question, ((0xC0000200 if number & 256 else 0xC6336400) | number & 255,))
            return _some(question, (0x20010DB8_0001 << 80 | number,))
        return _none(question)

    def _text(self, name: str) -> str:
        row = self._domains.get(name)
        if name in self._texts:
            return self._texts[name]
        if row is not None:
            return row.text
        return "" if name.startswith("spfcheck-") else "v=spf1 ?all"


# What macros make of an address is no host that the corpus knows of.
_MADE_BY_MACRO = re.compile(r"(?:^|\.)_|^\d+\.\d+\.|^[0-9a-f]\.[0-9a-f]\.")


def _some(question: Question, records: tuple[object, ...]) -> Answer:
    return Answer(question=question, outcome=Outcome.OK, records=records, ttl=300, resolver="corpus")


def _none(question: Question) -> Answer:
    return Answer(question=question, outcome=Outcome.NODATA, ttl=300, resolver="corpus", soa_seen=True)
