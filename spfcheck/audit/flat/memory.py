"""What is remembered from one domain to the next: includes as ranges, the terms that name them, and their unions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary, proxy

from spfcheck.audit.judgement.review import answer_findings
from spfcheck.audit.report.evidence import evidence_of
from spfcheck.audit.report.model import Evidence, SenderNetwork, TreeNode
from spfcheck.audit.report.shared_parts import SharedEvidence, SharedNode, shared
from spfcheck.audit.senders import Ours
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.ranges import Ranges
from spfcheck.rfc7208.record import Term
from spfcheck.rfc7208.verdict import Cell

__all__ = ["MOST_REMEMBERED", "NO_VOIDS", "Get", "Known", "Memory", "Part", "Together", "lifetimes", "memory_of"]

MOST_REMEMBERED = 8_192
"""Includes, terms and the like that are remembered; some kilobytes each at most."""
Get = Callable[[Question], Answer | None]
"""Gets a cached answer; None where there is none."""


NO_VOIDS: Mapping[int, int] = {4: 0, 6: 0}
_NOTHING: Mapping[int, Ranges] = {4: (), 6: ()}


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """An include whose whole tree is plain networks, evaluated."""

    target: str
    lookups: int
    """What it costs beside itself."""
    passing: Mapping[int, Ranges]
    cells: Mapping[int, tuple[Cell, ...]]
    answers: tuple[tuple[Question, Answer], ...]
    evidence: Mapping[Question, SharedEvidence]
    root: TreeNode
    ways: tuple[str | None, ...]
    """By the place of each of our networks: the way to it, empty where it is not held, None where it is in part."""
    touches: bool
    """Whether it holds anything that our includes authorise."""
    count: int
    """IPv4 addresses that pass."""
    lows: list[int]
    """Where their ranges begin."""
    lifetime: float
    """Seconds that those of its answers live that carry no time of arrival."""
    until: float
    """Unix time until which the others live."""


class Part:
    """One term, and its result once the answers are there that it needs.

    *name* is what it asks for; two terms of one *key* match the same. *held* are its addresses by family. *hosts* are
    the answers with the addresses of each of its hosts, in the order of an evaluation, and *first* is what named them.
    *void* are those of its questions that came back empty, in the order of the survey.

    The result never changes again, so an include, and what a record shares with a proposed one, is one object.
    """

    __slots__ = ("first", "held", "hosts", "key", "known", "lookups", "name", "term", "text", "void", "voids")

    def __init__(
        self, text: str, term: Term | None, name: str, key: object, held: Mapping[int, Ranges] = _NOTHING
    ) -> None:
        self.text = text
        self.term = term
        """None for a network without a finding."""
        self.name = name
        self.key = key
        self.held = held
        self.known: Known | None = None
        self.lookups = 0
        """What it costs with all that it leads to."""
        self.first: Sequence[Answer] = ()
        self.hosts: Sequence[tuple[Answer, Answer]] = ()
        self.void: Sequence[Question] = ()
        self.voids = NO_VOIDS

    def steps(self, family: int) -> Sequence[Answer]:
        """The answers that an evaluation of *family* sees, in its order."""
        return [*self.first, *(pair[family == 6] for pair in self.hosts)]


@dataclass(frozen=True, slots=True)
class Together:
    """The union of several includes of one record, with the answers that they and our own senders rest on."""

    known: tuple[Known, ...]
    questions: list[Question]
    """What they and we rest on, in order."""
    evidence: list[Evidence]
    """The answers to that, in the same order."""
    count: int
    """IPv4 addresses that pass in any of them."""
    lifetime: float
    until: float
    """How long all that lives, as of `Known`."""


class Memory:
    """What is remembered from one domain to the next, as long as our own answers stand."""

    __slots__ = (
        "evidence",
        "held",
        "known",
        "lifetime",
        "names",
        "nodes",
        "ours",
        "parts",
        "places",
        "quiet",
        "seen",
        "shared",
        "terms",
        "together",
        "unfit",
        "until",
    )

    def __init__(self, ours: Ours) -> None:
        # Weakly, for it is what this memory is found by.
        self.ours: Ours = proxy(ours)
        self.names = ours.names
        self.unfit: dict[str, Answer] = {}
        """Includes that are not plain networks, by the answer that said so."""
        self.known: dict[str, Known] = {}
        self.terms: dict[str, Term] = {}
        """Terms as many records write them."""
        self.seen: dict[tuple[int, str, str], SenderNetwork] = {}
        """What is said of our networks, by place, result and way."""
        self.held: dict[tuple[Known, str], tuple[SenderNetwork, ...]] = {}
        """What is said of all of them where one include, in these words, holds each."""
        self.shared: dict[tuple[Known, Known], int] = {}
        """How many IPv4 addresses pass in both of two includes."""
        self.parts: dict[str, Part] = {}
        """Includes as records write them."""
        self.nodes: dict[tuple[Part, int], SharedNode] = {}
        """Their nodes of the tree, by the lookups spent in front of them."""
        self.together: dict[frozenset[Known], Together] = {}
        self.places = tuple((sender, network) for sender in ours.senders for network in sender.networks)
        self.evidence = {question: shared(evidence_of(answer)) for question, answer in ours.answers.items()}
        self.quiet = next(answer_findings(ours.answers), None) is None
        """No finding is reported on the answers that our own senders rest on, and so on every domain."""
        self.lifetime, self.until = lifetimes(ours.answers.values())

    def trim(self) -> None:
        """Forget everything when there is too much: what is used comes back at once."""
        kept: list[dict[Any, Any]] = [
            self.known,
            self.seen,
            self.shared,
            self.unfit,
            self.terms,
            self.parts,
            self.nodes,
        ]
        if sum([len(one) for one in kept]) > MOST_REMEMBERED:
            for one in (*kept, self.held, self.together):
                one.clear()


_FOREVER: Final = float("inf")


def lifetimes(answers: Iterable[Answer]) -> tuple[float, float]:
    """How long *answers* live: seconds from now for those without a time of arrival, and Unix time for the others."""
    lifetime = until = _FOREVER
    for answer in answers:
        if answer.received_at:
            until = min(until, answer.received_at + answer.ttl)
        else:
            lifetime = min(lifetime, float(answer.ttl))
    return lifetime, until


_memories: WeakKeyDictionary[Ours, Memory] = WeakKeyDictionary()
"""One memory for each time that our own include was read; gone with it."""


def memory_of(ours: Ours) -> Memory:
    """What is remembered as long as *ours* stands."""
    memory = _memories.get(ours)
    if memory is None:
        memory = _memories[ours] = Memory(ours)
    return memory
