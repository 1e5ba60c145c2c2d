"""The include tree as a picture with costs: what each term asks for, what came back, and how the total grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from spfcheck.audit.judgement.vendors import vendor_of
from spfcheck.audit.report.model import TreeNode
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.limits import MX_HOSTS
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.record import Record, Term, live_terms, name_of, published

__all__ = ["FAMILY_TYPES", "RecordState", "Survey", "Use", "Void", "host_words", "survey"]

MOST_NODES: Final = 2_000
"""A picture with more terms is cut: nobody reads it."""
MOST_COUNTED: Final = 2_000
"""Terms that ask the DNS after which the count is a lower bound: records that include each other twice grow without
bound."""

LOOP_LOOKUPS: Final = 11
"""What a loop costs at least: one more than RFC 7208 4.6.4 allows."""
_NOT_DRAWN: Final = TreeNode(term="", domain="", cost=0, total=0)
_new_node: Final = maker(TreeNode)


class RecordState(StrEnum):
    """What a term that opens a record found."""

    RECORD = "record"
    NO_RECORD = "no SPF record"
    NO_DOMAIN = "no such domain"
    SEVERAL = "several SPF records"
    BROKEN = "broken record"
    LOOP = "leads back to itself"
    FAILED = "no answer"
    DEPENDS = "depends on the message"
    UNASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Use:
    """One include or redirect: where it stands, what it names and what was found there."""

    domain: str
    record: Record
    term: Term
    target: str
    state: RecordState
    depth: int


@dataclass(frozen=True, slots=True)
class Void:
    """One question that came back empty (RFC 7208 4.6.4)."""

    domain: str
    term: Term
    question: Question
    depth: int


@dataclass(slots=True)
class Survey:
    """What the whole tree of one record is made of; counts go on past every limit."""

    root: TreeNode | None = None
    lookups: int = 0
    at_least: bool = False
    """The count is a lower bound: a loop, a failed answer or our own ceiling ended it."""
    voids: dict[int, int] = field(default_factory=lambda: {4: 0, 6: 0})
    uses: list[Use] = field(default_factory=list)
    void_uses: list[Void] = field(default_factory=list)
    mx_limit: list[tuple[str, Term, int, int]] = field(default_factory=list)
    """Domain, term, number of mail hosts, depth."""
    depends: list[tuple[str, Term, int]] = field(default_factory=list)
    """Domain, term, depth of the terms whose answer depends on the message."""
    failed: dict[Question, Answer] = field(default_factory=dict)
    unasked: list[Question] = field(default_factory=list)
    """What would have to be asked to know the rest."""
    records: dict[str, Record] = field(default_factory=dict)
    """Every record of the tree, by the name where it stands."""


@dataclass(slots=True)
class _State:
    answers: Mapping[Question, Answer]
    survey: Survey
    drawn: bool
    nodes: int = 0
    counted: int = 0
    opened: dict[str, tuple[RecordState, Record | None]] = field(default_factory=dict)
    """What stands at each name, once it was looked at."""
    asking: dict[Record, tuple[Term, ...]] = field(default_factory=dict)
    """The terms of each record that ask the DNS, where they are all that is gone through."""


def survey(record: Record, domain: str, answers: Mapping[Question, Answer], *, drawn: bool = True) -> Survey:
    """The tree below *record*, published at *domain*, as *answers* show it; without its picture if not *drawn*.

    Lookups are counted as RFC 7208 4.6.4 does, for the worst case: as if no term matched. A name that is included
    twice counts twice.
    """
    found = Survey()
    state = _State(answers, found, drawn)
    children = _record(record, domain, (domain,), state)
    if any(use.state is RecordState.LOOP for use in found.uses):
        # RFC 7208 4.6.4: a loop goes on until the limit ends it.
        found.lookups = max(found.lookups, LOOP_LOOKUPS)
    if drawn:
        found.root = _new_node(
            term=domain, domain=domain, cost=0, total=found.lookups, record=record.text, children=children
        )
    return found


def _record(record: Record, domain: str, stack: tuple[str, ...], state: _State) -> tuple[TreeNode, ...]:
    state.survey.records[domain] = record
    nodes: list[TreeNode] = []
    over = False
    for term in record.terms if state.drawn and state.nodes <= MOST_NODES else _asking(record, state):
        if term.is_modifier and term.name == "redirect":
            continue
        state.nodes += 1
        if over or not term.cost:
            if state.drawn and state.nodes <= MOST_NODES:
                nodes.append(_plain(term, state, "never read" if over and not term.is_modifier else ""))
        elif state.counted >= MOST_COUNTED:
            state.survey.at_least = True
            break
        else:
            nodes.append(_costly(record, term, domain, stack, state))
        over = over or term is record.all_term
    redirect = record.redirect
    if redirect is not None:
        if record.all_term is not None:
            nodes.append(_plain(redirect, state, "ignored beside all"))
        else:
            nodes.append(_costly(record, redirect, domain, stack, state))
    return tuple(nodes)


def _asking(record: Record, state: _State) -> tuple[Term, ...]:
    """The terms of *record* that are read and ask the DNS, its redirect aside: a record may come again and again."""
    found = state.asking.get(record)
    if found is None:
        found = state.asking[record] = tuple(
            [term for term in live_terms(record) if term.cost and not term.is_modifier]
        )
    return found


def _plain(term: Term, state: _State, answer: str) -> TreeNode:
    return _new_node(term=term.text, domain="", cost=0, total=state.survey.lookups, answer=answer)


def _costly(record: Record, term: Term, domain: str, stack: tuple[str, ...], state: _State) -> TreeNode:
    found = state.survey
    found.lookups += 1
    state.counted += 1
    name = name_of(term, domain, stack[0])
    children: tuple[TreeNode, ...] = ()
    text = ""
    if name is None or term.name == "ptr":
        found.depends.append((domain, term, len(stack) - 1))
        answer: str = RecordState.DEPENDS
        name = term.domain_spec or domain
    elif term.name in ("include", "redirect"):
        answer, text, children = _opened(record, term, name, domain, stack, state)
    else:
        answer = _hosts(term, name, domain, len(stack) - 1, state)
    if not state.drawn:
        return _NOT_DRAWN
    return _new_node(
        term=term.text,
        domain=name,
        cost=1,
        total=found.lookups,
        record=text,
        vendor=vendor_of(name) if term.name in ("include", "redirect") else "",
        answer=answer,
        children=children,
    )


def _opened(
    record: Record, term: Term, name: str, domain: str, stack: tuple[str, ...], state: _State
) -> tuple[str, str, tuple[TreeNode, ...]]:
    """What an include or a redirect found: words, the record's text, and the tree below."""
    kind, inner = (RecordState.LOOP, None) if name in stack else state.opened.get(name) or _find(name, state)
    found = state.survey
    found.uses.append(Use(domain, record, term, name, kind, len(stack) - 1))
    if kind in (RecordState.NO_RECORD, RecordState.NO_DOMAIN):
        answer = state.answers[Question(name, Rtype.TXT)]
        if not answer.records:
            # RFC 7208 4.6.4: an include of a name without any TXT record is a void lookup too.
            found.voids[4] += 1
            found.voids[6] += 1
    if kind in (RecordState.LOOP, RecordState.FAILED, RecordState.UNASKED):
        found.at_least = True
    if inner is None:
        return kind, "", ()
    if kind is not RecordState.RECORD:
        return kind, inner.text, ()
    return "", inner.text, _record(inner, name, (*stack, name), state)


def _find(name: str, state: _State) -> tuple[RecordState, Record | None]:
    answer = state.answers.get(Question(name, Rtype.TXT))
    if answer is None:
        state.survey.unasked.append(Question(name, Rtype.TXT))
        return RecordState.UNASKED, None
    if answer.failed:
        state.survey.failed[answer.question] = answer
        return RecordState.FAILED, None
    inner = published(answer.records)
    found: tuple[RecordState, Record | None]
    if isinstance(inner, int):
        missing = RecordState.NO_DOMAIN if answer.nxdomain else RecordState.NO_RECORD
        found = (RecordState.SEVERAL if inner else missing), None
    else:
        found = (RecordState.RECORD if inner.valid else RecordState.BROKEN), inner
    state.opened[name] = found
    return found


def _hosts(term: Term, name: str, domain: str, depth: int, state: _State) -> str:
    """Count what an ``a``, ``mx`` or ``exists`` finds; the words for the tree."""
    if term.name == "a":
        empty = [_addresses(name, rtype, family, term, domain, depth, state) for rtype, family in FAMILY_TYPES]
        return host_words(empty)
    if term.name == "exists":
        return host_words([_addresses(name, Rtype.A, 0, term, domain, depth, state)])
    answer = state.answers.get(Question(name, Rtype.MX))
    if answer is None:
        state.survey.unasked.append(Question(name, Rtype.MX))
        return ""
    if answer.failed:
        state.survey.failed[answer.question] = answer
        return RecordState.FAILED
    hosts = [exchange for _, exchange in answer.records if exchange]
    if not answer.records:
        _void(answer.question, 0, term, domain, depth, state)
        return "void"
    if len(answer.records) > MX_HOSTS:
        state.survey.mx_limit.append((domain, term, len(answer.records), depth))
        return f"{len(answer.records)} mail hosts"
    for host in hosts:
        for rtype, family in FAMILY_TYPES:
            _addresses(host, rtype, family, term, domain, depth, state)
    return ""


FAMILY_TYPES: Final = ((Rtype.A, 4), (Rtype.AAAA, 6))
"""The address types, with their families."""


def _addresses(name: str, rtype: Rtype, family: int, term: Term, domain: str, depth: int, state: _State) -> bool | None:
    """True when void, False when there are addresses, None when not known."""
    answer = state.answers.get(Question(name, rtype))
    if answer is None:
        state.survey.unasked.append(Question(name, rtype))
        return None
    if answer.failed:
        state.survey.failed[answer.question] = answer
        return None
    if not answer.records:
        _void(answer.question, family, term, domain, depth, state)
        return True
    return False


def _void(question: Question, family: int, term: Term, domain: str, depth: int, state: _State) -> None:
    for each in (4, 6) if not family else (family,):
        state.survey.voids[each] += 1
    state.survey.void_uses.append(Void(domain, term, question, depth))


def host_words(empty: list[bool | None]) -> str:
    """What the picture says of a term whose lookups were *empty*, had records, or got no answer (None)."""
    if all(item is True for item in empty):
        return "void"
    return "no answer" if None in empty else ""
