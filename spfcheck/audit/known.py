"""Includes whose whole tree is plain networks: evaluated once, and remembered for whoever includes them next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from spfcheck.audit.judge import FAMILIES, via
from spfcheck.audit.report import Evidence, SenderNetwork, TreeNode
from spfcheck.audit.review import answers_of
from spfcheck.audit.senders import OurNetwork, Ours
from spfcheck.audit.tree import State, survey
from spfcheck.audit.vendors import vendor_of
from spfcheck.audit.walk import spf_texts
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import Ranges, everything, intersect
from spfcheck.rfc7208.record import Record, Result, Term, parse
from spfcheck.rfc7208.verdict import Cell

__all__ = ["Company", "Get", "Known", "Memory", "known_include", "memory_of", "node_of", "way_to"]

MOST_REMEMBERED = 4_096
"""Includes and combinations of them that are remembered; some kilobytes each."""

Get = Callable[[Question], Answer | None]
"""How an answer that is at hand is got; None where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """An include whose whole tree is plain networks, evaluated."""

    target: str
    lookups: int
    """What it costs beside itself."""
    passing: dict[int, Ranges]
    cells: dict[int, tuple[Cell, ...]]
    answers: tuple[tuple[Question, Answer], ...]
    root: TreeNode
    nodes: dict[tuple[str, int], TreeNode] = field(default_factory=dict)
    covers: dict[int, str | None] = field(default_factory=dict)
    """By the place of one of our networks: the way to it, empty where it is not held, None where it is in part."""


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """What a set of known includes comes to, with the answers that we rest on."""

    evidence: list[tuple[Question, Evidence]]
    passing: Ranges
    count: int
    lifetime: float
    """Seconds that those answers live that carry no time of arrival."""
    until: float
    """Unix time until which the others live."""


class Memory:
    """What is remembered from one domain to the next, as long as our own answers stand."""

    __slots__ = ("companies", "known", "seen", "terms", "unfit")

    def __init__(self) -> None:
        self.unfit: dict[str, Answer] = {}
        """Includes that are not plain networks, by the answer that said so."""
        self.known: dict[str, Known] = {}
        self.terms: dict[str, Term] = {}
        """Includes and ends as records write them."""
        self.companies: dict[tuple[Known, ...], Company] = {}
        self.seen: dict[tuple[int, str], SenderNetwork] = {}

    def trim(self) -> None:
        """Forget everything when there is too much: what is used comes back at once."""
        if len(self.known) + len(self.companies) + len(self.seen) + len(self.unfit) + len(self.terms) > MOST_REMEMBERED:
            self.known.clear()
            self.companies.clear()
            self.seen.clear()
            self.unfit.clear()
            self.terms.clear()


_memories: WeakKeyDictionary[Ours, Memory] = WeakKeyDictionary()
"""One memory for each time that our own include was read; gone with it."""


def memory_of(ours: Ours) -> Memory:
    """What is remembered as long as *ours* stands."""
    memory = _memories.get(ours)
    if memory is None:
        memory = _memories[ours] = Memory()
    return memory


def known_include(target: str, get: Get, memory: Memory) -> Known | None:
    """The include *target*, if it is one of plain networks whose answers are at hand."""
    one = memory.known.get(target)
    if one is not None:
        for question, answer in one.answers:
            if get(question) is not answer:
                break
        else:
            return one
    first = get(Question(target, Rtype.TXT))
    if first is None or memory.unfit.get(target) is first:
        return None
    return _learn(target, first, get, memory)


def _learn(target: str, first: Answer, get: Get, memory: Memory) -> Known | None:
    """Evaluate the include *target*; what is no plain network is remembered as unfit, unless an answer is missing."""
    memory.trim()
    memory.unfit[target] = first
    answers: dict[Question, Answer] = {}

    def ask(question: Question) -> Answer:
        found = get(question)
        if found is None:
            raise KeyError(question)
        answers[question] = found
        return found

    try:
        answers[first.question] = first
        texts = spf_texts(first)
        record = parse(texts[0]) if len(texts) == 1 else None
        if record is None or not record.valid or not _holds_networks(record):
            return None
        # The partition asks for every record of the tree: nothing matches everywhere in a set of networks.
        parts = {family: run(partition(everything(family), family, target), ask) for family in FAMILIES}
    except KeyError:  # an answer is not at hand yet
        del memory.unfit[target]
        return None
    found = survey(record, target, answers)
    plain = all(_holds_networks(one) for one in found.records.values())
    if not plain or any(use.state is not State.RECORD for use in found.uses) or found.at_least or found.root is None:
        return None
    wrong = (Result.PERMERROR, Result.TEMPERROR)
    if any(part.having(*wrong) for part in parts.values()) or next(answers_of(answers), None) is not None:
        return None
    one = Known(
        target=target,
        lookups=found.lookups,
        passing={family: part.passing() for family, part in parts.items()},
        cells={family: part.cells for family, part in parts.items()},
        answers=tuple(answers.items()),
        root=found.root,
    )
    del memory.unfit[target]
    memory.known[target] = one
    return one


def _holds_networks(record: Record) -> bool:
    """Networks, includes of fixed names and all; and no +all."""
    return all(
        not term.is_modifier
        and (
            term.network is not None
            or (term.name == "include" and term.target is not None)
            or (term.name == "all" and term.result is not Result.PASS)
        )
        for term in record.terms
    )


def node_of(one: Known, text: str, before: int) -> TreeNode:
    """The picture of an include, written *text*, when *before* lookups are spent in front of it."""
    node = one.nodes.get((text, before))
    if node is None:
        node = one.nodes[text, before] = TreeNode(
            term=text,
            domain=one.target,
            cost=1,
            total=before + 1 + one.lookups,
            record=one.root.record,
            vendor=vendor_of(one.target),
            children=tuple(_shifted(child, before + 1) for child in one.root.children),
        )
    return node


def _shifted(node: TreeNode, by: int) -> TreeNode:
    return TreeNode(
        term=node.term,
        domain=node.domain,
        cost=node.cost,
        total=node.total + by,
        record=node.record,
        vendor=node.vendor,
        answer=node.answer,
        children=tuple(_shifted(child, by) for child in node.children),
    )


def way_to(known: Known, place: int, network: OurNetwork) -> str | None:
    """How *known* leads to *network*, ours at *place*: the terms, empty where it does not, None where in part."""
    if place in known.covers:
        return known.covers[place]
    held = intersect(known.passing[network.family], network.ranges)
    way: str | None = ""
    if held == network.ranges:
        touching = next(cell for cell in known.cells[network.family] if intersect(cell.addresses, network.ranges))
        way = via(touching.path)
    elif held:
        way = None
    known.covers[place] = way
    return way
