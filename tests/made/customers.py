"""Customers as they are found: a seeded zone of domains, good and broken, over the records of well-known providers.

Of the domains 15 % publish nothing, 4 % are over ten lookups, 3 % do not parse, 3 % ask for names that are not there,
1 % include themselves, and the rest works. 88 % of all records include ours: these are a company's own customers, and
most of them have done as they were told. The providers are the sixty that real domains include most, where the corpus
lies beside the checkout, and otherwise made-up ones of the same shapes; a table says which.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from spfcheck.rfc7208.record import Result, parse
from tests.made.corpus import CORPUS, read_corpus

__all__ = [
    "CLIENT",
    "INCLUDE",
    "OURS",
    "OUR_CLIENT",
    "Customers",
    "Kind",
    "Provider",
    "customers",
    "made_up",
    "providers",
]

INCLUDE = "_spf.mail.example"
"""What a customer of ours includes."""
OURS = "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all"
"""Its record."""
OUR_CLIENT = "203.0.113.77"
"""An address of ours."""
CLIENT = "198.51.100.77"
"""An address that no record holds: to judge it an evaluator must look at everything, as an audit does."""
WITH_OURS = 0.88
"""The share of records that include ours."""
MOST_PROVIDERS = 60
LARGEST = 100_000


class Kind(StrEnum):
    """What is the matter with a customer."""

    WORKS = "works"
    NO_RECORD = "no record"
    OVER_LIMIT = "over 10 lookups"
    SYNTAX = "syntax error"
    VOID = "void lookups"
    LOOP = "loop"


SHARES = {
    Kind.WORKS: 0.74,
    Kind.NO_RECORD: 0.15,
    Kind.OVER_LIMIT: 0.04,
    Kind.SYNTAX: 0.03,
    Kind.VOID: 0.03,
    Kind.LOOP: 0.01,
}
OTHERS = (0, 1, 1, 1, 2, 2, 2, 3, 3, 4)
"""How many providers a customer includes beside us, each as likely."""
SLIPS = (
    "ip4:81.2.3", "ip4:81.2.3.4/33", "ipv4:81.2.3.4", "ip4:", "include:", "include: spf.slip.example", "a:81.2.3.4",
    "mx:mail.slip.example/40", "–all", "-all;", "~allgoogle-site-verification=x", "ip6:81.2.3.4", "81.2.3.4",
)  # fmt: skip
"""What people type; each is a permerror (RFC 7208 4.6)."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An include that customers share: how often it is used, and the lookups that it costs, itself included."""

    name: str
    weight: int
    cost: int


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers, the records of their whole trees, and where they come from."""

    source: str
    providers: tuple[Provider, ...]
    records: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Customers:
    """A zone text (for `Zone.parse` and for name servers alike, whole names with a dot), and the domains in it.

    *kinds* says of each domain what it was made to be, *expected* what check_host() of `CLIENT` is by that; *terms* is
    the mean number of terms that query, over the records that there are and whole trees; *source* says whose records
    the providers have.
    """

    domains: tuple[str, ...]
    kinds: tuple[Kind, ...]
    expected: tuple[str, ...]
    zone: str
    terms: float
    source: str


def customers(count: int, *, seed: int = 7208) -> Customers:
    """*count* customers (1 to 100,000), the same for the same *seed*, and what they share."""
    if not 1 <= count <= LARGEST:
        raise ValueError(f"between 1 and {LARGEST:,} customers can be made, not {count:,}")
    rng = random.Random(seed)
    shared = providers()
    maker = _Maker(rng, shared)
    kinds = tuple(rng.choices(list(SHARES), list(SHARES.values()), k=count))
    domains = tuple(f"c{number}.example" for number in range(count))
    lines = [*_shared_lines(shared)]
    expected = []
    for domain, kind in zip(domains, kinds, strict=True):
        lines += maker.lines(domain, kind)
        expected.append(_expected(kind, maker.end))
    mean = maker.terms / max(1, maker.records)
    return Customers(domains, kinds, tuple(expected), "\n".join([*lines, ""]), mean, shared.source)


def _expected(kind: Kind, end: str) -> str:
    """What becomes of `CLIENT`: nothing holds it, so a record that works ends at its ``all``, which is *end*."""
    if kind is Kind.NO_RECORD:
        return Result.NONE.value
    if kind is not Kind.WORKS:
        return Result.PERMERROR.value
    return {"-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}[end[0]].value


# -- providers ---------------------------------------------------------------------------------------------------------


def providers() -> Providers:
    """The providers that real domains include most, where the corpus is at hand, else made-up ones."""
    return _real() if CORPUS.is_dir() else made_up()


def _real() -> Providers:
    rows, includes = read_corpus()
    uses: Counter[str] = Counter()
    for row in rows:
        uses.update({term.target for term in parse(row.text).terms if term.name == "include" and term.target})
    found: list[Provider] = []
    records: dict[str, str] = {}
    for name, weight in sorted(uses.items(), key=lambda item: (-item[1], item[0])):
        tree = _plain_tree(name, includes.get)
        if tree is not None and len(found) < MOST_PROVIDERS:
            found.append(Provider(name, weight, _cost(name, tree)))
            records |= tree
    return Providers("real records of the providers that are included most", tuple(found), records)


def _plain_tree(name: str, text_of: Callable[[str], str | None]) -> dict[str, str] | None:
    """The records below *name*; None where one is missing, broken, or more than networks and includes."""
    tree: dict[str, str] = {}
    todo = [name]
    while todo:
        one = todo.pop()
        record = parse(text_of(one) or "")
        if one in tree or not record.valid or not record.terms:
            return None
        for term in record.terms:
            if term.name not in ("include", "ip4", "ip6", "all") or (term.name == "include" and term.target is None):
                return None
            if term.name == "include" and term.target is not None:
                todo.append(term.target)
        tree[one] = record.text
    return tree


def _cost(name: str, records: Mapping[str, str]) -> int:
    """The lookups of an include of *name* (RFC 7208 4.6.4)."""
    inner = [term.target for term in parse(records[name]).terms if term.name == "include" and term.target]
    return 1 + sum(_cost(one, records) for one in inner)


def made_up() -> Providers:
    """Sixty providers in the shapes of real ones: most are a flat list, every fifth is a tree."""
    rng = random.Random(60)
    found: list[Provider] = []
    records: dict[str, str] = {}
    for number in range(MOST_PROVIDERS):
        name = f"_spf.provider{number}.example"
        inner = [
            f"_spf{child}.provider{number}.example" for child in range((0, 0, 0, 0, rng.randint(1, 3))[number % 5])
        ]
        for one in inner:
            records[one] = " ".join(["v=spf1", *_networks(rng, rng.randint(3, 15)), "~all"])
        own = _networks(rng, 0 if inner else rng.randint(1, 20))
        records[name] = " ".join(["v=spf1", *(f"include:{one}" for one in inner), *own, "~all"])
        found.append(Provider(name, 3000 // (number + 1), 1 + len(inner)))
    return Providers("made-up records in the shapes of real providers'", tuple(found), records)


def _networks(rng: random.Random, count: int) -> list[str]:
    return [
        f"ip6:2a00:{rng.randrange(0x1000, 0xFFFF):x}::/{rng.choice((32, 48, 64))}"
        if rng.random() < 0.15
        else f"ip4:{rng.randrange(80, 96)}.{rng.randrange(256)}.{rng.randrange(256)}.0/{rng.choice((24, 25, 27))}"
        for _ in range(count)
    ]


# -- customers ---------------------------------------------------------------------------------------------------------


def _shared_lines(shared: Providers) -> Iterator[str]:
    yield _txt(INCLUDE, OURS)
    for name, text in shared.records.items():
        yield _txt(name, text)
    for number in range(HOSTERS):
        yield from _host(f"mx{number}.hoster.example", number, both=number % 2 == 0)


HOSTERS = 50
"""Mail hosts that half of the customers share."""


class _Maker:
    def __init__(self, rng: random.Random, shared: Providers) -> None:
        self._rng = rng
        self._providers = shared.providers
        self._weights = list(accumulate(one.weight for one in shared.providers))
        self.terms = 0
        self.records = 0
        self.end = ""
        """The ``all`` of the last record."""

    def lines(self, domain: str, kind: Kind) -> Iterator[str]:
        """The zone lines of one customer."""
        rng = self._rng
        absent = kind is Kind.NO_RECORD and rng.random() < 0.2
        if absent:
            return  # the name does not exist at all
        both = rng.random() < 0.4
        mail = f"mail.{domain}" if rng.random() < 0.5 else f"mx{rng.randrange(HOSTERS)}.hoster.example"
        yield from _host(domain, rng.randrange(256), both)
        yield from _host(f"mail.{domain}", rng.randrange(256), both)
        yield f"{domain}. 3600 MX 10 {mail}."
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            yield _txt(domain, f"google-site-verification={rng.randbytes(32).hex()[:43]}")
        if kind is Kind.NO_RECORD:
            return
        terms, cost = self._terms(domain, kind)
        if kind is Kind.LOOP and rng.random() < 0.5:
            yield _txt(f"loop.{domain}", f"v=spf1 include:{domain} -all")
        self.terms += cost
        self.records += 1
        self.end = rng.choice(("-all", "-all", "~all", "~all", "?all"))
        yield _txt(domain, " ".join(["v=spf1", *terms, self.end]))

    def _terms(self, domain: str, kind: Kind) -> tuple[list[str], int]:
        """The terms of a record but for its ``all``, and how many of the whole tree query."""
        rng = self._rng
        chosen = self._pick(rng.choice(OTHERS))
        own = [term for term, share in (("mx", 0.33), ("a", 0.30), (f"a:mail.{domain}", 0.10)) if rng.random() < share]
        ours = [f"include:{INCLUDE}"] if rng.random() < WITH_OURS else []
        cost = len(own) + len(ours)
        limit = 10 - cost if kind is not Kind.OVER_LIMIT else 100
        while sum(one.cost for one in chosen) > limit:
            chosen.pop()
        if kind is Kind.OVER_LIMIT:
            while cost + sum(one.cost for one in chosen) <= 10:
                chosen += self._pick(1, chosen)
        includes = [f"include:{one.name}" for one in chosen]
        terms = [*own, *ours, *includes, *_networks(rng, rng.choice((0, 0, 0, 1, 1, 2, 4)))]
        rng.shuffle(terms)
        if kind is Kind.SYNTAX:
            terms.insert(rng.randint(0, len(terms)), rng.choice(SLIPS))
        elif kind is Kind.VOID:
            terms[0:0] = [f"a:gone{number}.{domain}" for number in range(3)]
        elif kind is Kind.LOOP:
            terms.append(f"include:{rng.choice((domain, f'loop.{domain}'))}")
        return terms, cost + sum(one.cost for one in chosen)

    def _pick(self, count: int, without: list[Provider] | None = None) -> list[Provider]:
        """*count* providers, none twice and none of *without*."""
        taken = list(without or ())
        while len(taken) < count + len(without or ()):
            one = self._rng.choices(self._providers, cum_weights=self._weights)[0]
            if one not in taken:
                taken.append(one)
        return taken[len(without or ()) :]


def _host(name: str, number: int, both: bool) -> Iterator[str]:
    yield f"{name}. 3600 A 192.0.2.{number}"
    if both:
        yield f"{name}. 3600 AAAA 2001:db8:1::{number:x}"


def _txt(name: str, text: str) -> str:
    """A TXT line, its text cut into strings of 255 bytes (RFC 1035 3.3)."""
    raw = text.encode()
    parts = [raw[start : start + 255] for start in range(0, len(raw), 255)]
    return f"{name}. 3600 TXT " + " ".join(f'"{_escaped(part)}"' for part in parts)


def _escaped(part: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}" for byte in part)
