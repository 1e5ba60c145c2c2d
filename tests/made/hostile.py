"""Records that cost whoever reads them as much as they can, each of any size: what a stranger may publish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any, Final

from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.lookup import Question, Rtype

DOMAIN: Final = "customer.example"
Published = dict[Question, tuple[Any, ...]]
"""What the DNS has; every other name does not exist, but for our own includes."""
Made = Callable[[int], Published]


class HostileLookup:
    """A `Lookup` over what is published, and our includes: ``_s0.example``, ``_s1.example`` and so on."""

    def __init__(self, published: Published) -> None:
        self._published = published

    def cached(self, question: Question) -> Answer:
        """The answer."""
        name, rtype = question
        records = self._published.get(question)
        if records is None and rtype is Rtype.TXT and name.startswith("_s") and name.endswith(".example"):
            number = int(name[2 : name.index(".")])
            records = (text(f"v=spf1 ip4:203.0.{113 + number}.0/28 ip6:2001:db8:5{number}::/124 -all"),)
        outcome = Outcome.OK if records else Outcome.NXDOMAIN if records is None else Outcome.NODATA
        return Answer(question=question, outcome=outcome, records=records or (), ttl=60, soa_seen=True)

    async def ask(self, question: Question) -> Answer:
        """The answer."""
        return self.cached(question)


def text(value: str | bytes, length: int = 255) -> tuple[bytes, ...]:
    """*value* as the character-strings of one TXT record, each of *length*."""
    raw = value.encode() if isinstance(value, str) else value
    return tuple(raw[at : at + length] for at in range(0, len(raw), length)) or (b"",)


def domain(*texts: str | bytes, length: int = 255, **others: str) -> Published:
    """What `DOMAIN` publishes, and the records of *others*, each at its name under ``example``."""
    made: Published = {
        Question(DOMAIN, Rtype.TXT): tuple(text(one, length) for one in texts),
        Question(DOMAIN, Rtype.A): (0x05050505,),
        Question(DOMAIN, Rtype.AAAA): (),
        Question(DOMAIN, Rtype.MX): ((10, DOMAIN),),
    }
    made.update({Question(f"{name}.example", Rtype.TXT): (text(one),) for name, one in others.items()})
    return made


def single(count: int, of: int = 0) -> Iterator[str]:
    """*count* addresses no two of which touch, from the block number *of*."""
    for number in range(0, 2 * count, 2):
        at = (11 << 24) + (of << 16) + number
        yield f"ip4:{at >> 24}.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}"


def record(*terms: str, end: str = "-all") -> str:
    """A record of *terms*."""
    return " ".join(["v=spf1", *terms, end])


def nested(count: int) -> Published:
    """Networks inside networks, the widest again and again."""
    terms = [*single(count // 2), *(["ip4:11.0.0.0/8"] * (count // 4)), *single(count // 4, 3)]
    return domain(record(*terms))


def hosts_of(count: int) -> Published:
    """Nine names with *count* addresses each."""
    made = domain(record(*(f"a:h{number}.example" for number in range(9))))
    for number in range(9):
        low = (11 << 24) + (number << 16)
        made[Question(f"h{number}.example", Rtype.A)] = tuple(range(low, low + 2 * count, 2))
    return made


SLIPS: Final = (
    "ipv4:1.2.3.4", "inlcude:a.example", "1.2.3.4", "ip4 1.2.3.5", "include:http://x.example/", "mx,a", "ip4:1.2.3.4,",
    "ip4:1.2.3.0/255.255.255.0", "a:1.2.3.4", "includ:x.example", "include:a.exampleinclude:b.example",
)  # fmt: skip


def providers(count: int) -> Published:
    """Nine includes of *count* addresses each, and a term too many."""
    names = [f"p{number}" for number in range(9)]
    others = {name: record(*single(count, of)) for of, name in enumerate(names)}
    return domain(record("a", "a", *(f"include:{name}.example" for name in names)), **others)


HOSTILE: Final[dict[str, tuple[int, Made]]] = {
    "a host again and again": (990, lambda n: domain(record(*["a"] * n))),
    "hosts, and an include of many addresses": (
        1_500,
        lambda n: domain(record(*["a"] * 11, *single(20, 9), "include:p.example"), p=record(*single(n))),
    ),
    "networks, and an include of many addresses": (
        1_500,
        lambda n: domain(record("x=y", *single(100, 9), "include:p.example"), p=record(*single(n))),
    ),
    "hosts, networks and an include": (
        1_500,
        lambda n: domain(record(*["a"] * 11, *single(100, 9), "include:p.example"), p=record(*single(n))),
    ),
    "one address again and again": (2_100, lambda n: domain(record(*["ip4:11.0.0.1"] * n))),
    "one address with commas": (2_100, lambda n: domain(record(*["ip4:1.2.3.4,"] * n))),
    "a row of spaces": (16_384, lambda n: domain("v=spf1" + " " * n + "a -all")),
    "unknown modifiers": (1_000, lambda n: domain(record("a", *["x=y"] * n))),
    "a large record with one slip": (1_500, lambda n: domain(record(*single(n), "ipv4:1.2.3.4"))),
    "networks inside networks": (1_600, nested),
    "many slips of many kinds": (1_000, lambda n: domain(record(*islice(cycle(SLIPS), n)))),
    "glued names": (
        300,
        lambda n: domain(record(*(f"include:a{i}.exampleinclude:b{i}.example" for i in range(n)))),
    ),
    "one include again and again": (
        800,
        lambda n: domain(record(*["include:p.example"] * n), p="v=spf1 ip4:1.2.3.4 -all"),
    ),
    "many includes": (800, lambda n: domain(record(*(f"include:p{i}.example" for i in range(n))))),
    "a denied include again and again": (
        600,
        lambda n: domain(record(*["-include:p.example"] * n), p=record(*single(600))),
    ),
    "many records": (600, lambda n: domain(*(f"v=spf1 {one} -all" for one in single(n)))),
    "strings of one byte": (250, lambda n: domain(record(*single(n), "ipv4:1.2.3.4"), length=1)),
    "one long term": (16_000, lambda n: domain(record("x" * n))),
    "deep macros": (4_000, lambda n: domain(record("exists:" + "%{i}" * n + ".example"))),
    "macros of a name each": (700, lambda n: domain(record(*(f"exists:%{{i}}.x{i}.example" for i in range(n))))),
    "quotes between strings": (4_000, lambda n: domain("v=spf1 " + 'a" "' * n + " -all")),
    "markup": (2_700, lambda n: domain("v=spf1 " + "&quot;" * n + " -all")),
    "look-alikes": (2_000, lambda n: domain("v=spf1 " + "\u2013all " * n)),
    "spaces that are none": (100, lambda n: domain(b"\xc2\xa0" * n + b"xspf")),
    "ours again and again": (700, lambda n: domain(record("a", *["?include:_s0.example"] * n, end="~all"))),
    "ours behind the end": (1_500, lambda n: domain("v=spf1 a -all " + "include:_s0.example " * n)),
    "hosts of many addresses": (2_000, hosts_of),
    "nine large providers": (1_500, providers),
}
"""By what they are: how large one is, and what makes one of any size."""


def what_is_tried(published: Published) -> str:
    """The record of `DOMAIN` as a text to be tried, of which the DNS knows nothing: the first, if there are several."""
    strings: Sequence[bytes] = published.pop(Question(DOMAIN, Rtype.TXT))[0]
    return b"".join(strings).decode("latin-1")
