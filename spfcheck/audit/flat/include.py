"""Includes whose whole tree is plain networks: evaluated once, and cached for the next record that includes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from spfcheck.audit.flat.memory import Get, Known, Memory, lifetimes
from spfcheck.audit.judgement.networks import FAMILIES, via
from spfcheck.audit.judgement.review import answer_findings
from spfcheck.audit.judgement.tree import RecordState, survey
from spfcheck.audit.judgement.vendors import vendor_of
from spfcheck.audit.report.evidence import evidence_of
from spfcheck.audit.report.model import TreeNode
from spfcheck.audit.report.shared_parts import SharedNode, shared
from spfcheck.audit.senders import OurNetwork
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import BITS, contains, everything, intersect, size
from spfcheck.rfc7208.record import Record, Result, Term, parse, spf_texts
from spfcheck.rfc7208.verdict import Partition

__all__ = ["known_include", "node_of"]

MOST_HELD: Final = 16
"""The part of a family that an include holds at most: ten of them, as many as may be (RFC 7208 4.6.4), cannot let all
of it in (`spfcheck.audit.judgement.everybody`)."""
MOST_RECORDS: Final = 30
"""Records below one include that are looked for; a tree within the limits has eleven at most (RFC 7208 4.6.4)."""


def known_include(target: str, get: Get, memory: Memory, missing: list[Question]) -> Known | None:
    """The include *target*, if it is one of plain networks; what has to be asked to know it goes to *missing*."""
    one = memory.known.get(target)
    if one is not None:
        if target in memory.names:  # what we rest on stands as long as this memory
            return one
        for question, answer in one.answers:
            if get(question) is not answer:
                break
        else:
            return one
    first = get(Question(target, Rtype.TXT))
    if first is None:
        missing.append(Question(target, Rtype.TXT))
        return None
    if memory.unfit.get(target) is first:
        return None
    wanted = _unasked(target, first, get)
    if wanted:
        missing.extend(wanted)
        return None
    return _learn(target, first, get, memory)


def _unasked(target: str, first: Answer, get: Get) -> list[Question]:
    """The questions below *target* that are not cached, as far as the cached records show."""
    wanted: list[Question] = []
    seen = {target}
    todo = [first]
    while todo and len(seen) <= MOST_RECORDS:
        texts = spf_texts(todo.pop())
        for term in parse(texts[0]).terms if len(texts) == 1 else ():
            if term.name == "include" and term.target is not None and term.target not in seen:
                seen.add(term.target)
                question = Question(term.target, Rtype.TXT)
                answer = get(question)
                if answer is None:
                    wanted.append(question)
                else:
                    todo.append(answer)
    return wanted


def _learn(target: str, first: Answer, get: Get, memory: Memory) -> Known | None:
    """Evaluate the include *target*; what is no plain network is remembered as unfit, unless an answer is missing."""
    memory.trim()
    memory.known.pop(target, None)
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
        if record is None or not _all_hold_networks(record, target, ask):
            return None
        # The partition asks for every record of the tree: nothing matches everywhere in a set of networks.
        parts = {family: run(partition(everything(family), family, target), ask) for family in FAMILIES}
    except KeyError:  # an answer is not cached any more
        del memory.unfit[target]
        return None
    found = survey(record, target, answers)
    plain = all(_holds_networks(one) for one in found.records.values())
    if (
        not plain
        or any(use.state is not RecordState.RECORD for use in found.uses)
        or found.at_least
        or found.root is None
    ):
        return None
    wrong = (Result.PERMERROR, Result.TEMPERROR)
    if any(part.having(*wrong) for part in parts.values()) or next(answer_findings(answers), None) is not None:
        return None
    passing = {family: part.passing() for family, part in parts.items()}
    if any(size(passing[family]) > (1 << BITS[family]) // MOST_HELD for family in FAMILIES):
        return None
    lifetime, until = lifetimes(answers.values())
    one = Known(
        target=target,
        lookups=found.lookups,
        passing=passing,
        cells={family: part.cells for family, part in parts.items()},
        answers=tuple(answers.items()),
        evidence={question: shared(evidence_of(answer)) for question, answer in answers.items()},
        root=found.root,
        ways=tuple(_way_to(parts[network.family], network) for _, network in memory.places),
        touches=any(intersect(passing[family], memory.ours.allowed[family]) for family in FAMILIES),
        count=size(passing[4]),
        lows=[low for low, _ in passing[4]],
        lifetime=lifetime,
        until=until,
    )
    del memory.unfit[target]
    memory.known[target] = one
    return one


def _all_hold_networks(record: Record, target: str, ask: Callable[[Question], Answer]) -> bool:
    """Whether every record of the tree holds networks, as far as it is no loop: asked before it is evaluated."""
    seen = {target}
    todo = [record]
    while todo:
        one = todo.pop()
        if not one.valid or not _holds_networks(one):
            return False
        for term in one.terms:
            if term.name == "include" and term.target is not None and term.target not in seen:
                seen.add(term.target)
                texts = spf_texts(ask(Question(term.target, Rtype.TXT)))
                if len(texts) != 1:
                    return False
                todo.append(parse(texts[0]))
    return True


def _holds_networks(record: Record) -> bool:
    """Networks and includes of fixed names that pass, and an all that does not, at the end.

    Then all that does not match goes the same way through the whole tree, and is charged the same.
    """
    for term in record.terms:
        if term.name == "all":
            if term.result is Result.PASS or term is not record.terms[-1]:
                return False
        elif term.is_modifier or term.result is not Result.PASS or not (term.network or _is_include(term)):
            return False
    return True


def _is_include(term: Term) -> bool:
    return term.name == "include" and term.target is not None


def node_of(one: Known, text: str, before: int) -> SharedNode:
    """The tree node of an include, written *text*, when *before* lookups are spent in front of it."""
    return SharedNode(
        term=text,
        domain=one.target,
        cost=1,
        total=before + 1 + one.lookups,
        record=one.root.record,
        vendor=vendor_of(one.target),
        children=tuple(_shifted(child, before + 1) for child in one.root.children),
    )


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


def _way_to(parts: Partition, network: OurNetwork) -> str | None:
    """How the partition of an include leads to *network*: the terms, empty where it does not, None where in part."""
    held = intersect(parts.passing(), network.ranges)
    if not held:
        return ""
    if held != network.ranges:
        return None
    return via(next(cell for cell in parts.cells if contains(cell.addresses, network.ranges[0][0])).path)
