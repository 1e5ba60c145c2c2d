"""What a plain record says of our networks: the first term that holds one decides (RFC 7208 4.6.2), or a limit ends it.

The addresses that no term has matched so far all go the same way, so a limit ends the evaluation of a family at one
place for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spfcheck.audit.findings import Code
from spfcheck.audit.judge import FAMILIES, worst
from spfcheck.audit.known import Known, Memory
from spfcheck.audit.making import maker
from spfcheck.audit.plain import NotPlain, Part, Plain
from spfcheck.audit.report import SenderNetwork, TreeNode
from spfcheck.audit.senders import OurNetwork, Ours
from spfcheck.rfc7208.limits import LENIENT, STRICT, Budget, LimitExceededError, Policy
from spfcheck.rfc7208.ranges import intersect
from spfcheck.rfc7208.record import Result
from spfcheck.rfc7208.verdict import Cause

__all__ = ["Standing", "Stop", "standing", "stop_of", "touching", "voids_before"]

_new_network = maker(SenderNetwork)


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a limit ends the evaluation: at the part *index*, by way of *via*."""

    index: int
    cause: Cause
    voids: int
    via: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What our networks get, by the strict and the lenient reading, and what their void lookups are worth saying."""

    networks: tuple[SenderNetwork, ...]
    result: Result
    lenient: Result
    voids: dict[int, tuple[Code, int]]


def stop_of(plain: Plain, family: int, policy: Policy = STRICT) -> Stop | None:
    """Where a limit ends the evaluation of addresses of *family* that no term matches; None where none does.

    Raises `NotPlain` where the term at that place may hold some of ours before.
    """
    if plain.lookups <= STRICT.lookups and plain.voids[family] <= STRICT.voids:
        return None
    budget = Budget(policy)
    for index, part in enumerate(plain.parts):
        if not part.term.cost:
            continue
        outside = budget.lookups + 1
        try:
            for _ in range(part.lookups):
                budget.term()
            for answer in part.steps[family]:
                if not answer.records:
                    budget.void(answer.question, nxdomain=answer.nxdomain)
        except LimitExceededError as error:
            if part.known is None and part.held[family]:
                # Of several hosts the first ones are looked at before the limit is met.
                raise NotPlain from None
            via = part.term.text
            if part.known is not None and budget.lookups > outside:
                if part.known.touches:
                    raise NotPlain from None
                via = f"{via} > {_nth(part.known, budget.lookups - outside - 1)}"
            return Stop(index, error.cause, budget.voids, via)
    return None


def _nth(known: Known, number: int) -> str:
    """The way to the term of an include's tree that costs its lookup *number*, counted from zero."""

    def costly(nodes: tuple[TreeNode, ...], way: str) -> Iterator[str]:
        for node in nodes:
            if node.cost:
                yield f"{way}{node.term}"
                yield from costly(node.children, f"{way}{node.term} > ")

    return next(way for place, way in enumerate(costly(known.root.children, "")) if place == number)


def touching(plain: Plain, ours: Ours) -> list[tuple[int, Part]]:
    """The parts that hold something of what our includes authorise, with their places."""
    found: list[tuple[int, Part]] = []
    for index, part in enumerate(plain.parts):
        if part.known is not None:
            if part.known.touches:
                found.append((index, part))
        elif any(part.held[family] and intersect(part.held[family], ours.allowed[family]) for family in FAMILIES):
            found.append((index, part))
    return found


def voids_before(plain: Plain, index: int, family: int) -> int:
    """The void lookups that an address of *family* has met when it comes to the part *index*."""
    return sum(part.voids[family] for part in plain.parts[:index]) if plain.voids[family] else 0


def standing(plain: Plain, ours: Ours, memory: Memory) -> Standing:
    """What each of our networks gets. Raises `NotPlain` where one is held in part."""
    parts = touching(plain, ours)
    stops = {family: stop_of(plain, family) for family in FAMILIES}
    networks, near = _networks(plain, parts, stops, memory)
    results = [Result(one.result) for one in networks]
    strict = lenient = worst(results)
    voids: dict[int, tuple[Code, int]] = {}
    for family in FAMILIES:
        stop = stops[family]
        mine = [one for (_, of), one in zip(memory.places, networks, strict=True) if of.family == family]
        if stop is not None and stop.cause is Cause.VOID_LIMIT and any(one.result == "permerror" for one in mine):
            voids[family] = (Code.VOID_LIMIT, stop.voids)
        elif family in near:
            voids[family] = (Code.VOID_LIMIT_NEAR, STRICT.voids)
    if strict is not Result.PASS and any(stops.values()):
        softer = {family: stop_of(plain, family, LENIENT) for family in FAMILIES}
        lenient = worst([Result(one.result) for one in _networks(plain, parts, softer, memory)[0]])
    return Standing(networks, strict, lenient, voids)


def _networks(
    plain: Plain, parts: list[tuple[int, Part]], stops: dict[int, Stop | None], memory: Memory
) -> tuple[tuple[SenderNetwork, ...], set[int]]:
    """Our networks, and the families in which one of them passes with as many void lookups as are allowed."""
    found: list[SenderNetwork] = []
    near: set[int] = set()
    for place, (_, network) in enumerate(memory.places):
        family = network.family
        stop = stops[family]
        result, via = (Result.PERMERROR, stop.via) if stop is not None else (_end_of(plain), plain.end.term.text)
        for index, part in parts:
            if stop is not None and index > stop.index:
                break
            way = _way(part, place, network)
            if way:
                if stop is not None and index == stop.index:
                    break
                result, via = Result.PASS, way
                voids = voids_before(plain, index, family)
                if part.voids[family]:
                    raise NotPlain
                if voids == STRICT.voids:
                    near.add(family)
                break
        found.append(_remembered(place, result, via, memory))
    return tuple(found), near


def _end_of(plain: Plain) -> Result:
    return plain.end.term.result


def _way(part: Part, place: int, network: OurNetwork) -> str:
    """How *part* leads to *network*, ours at *place*; empty where it does not. Raises `NotPlain` where in part."""
    if part.known is not None:
        way = part.known.ways[place]
        if way is None:
            raise NotPlain
        return f"{part.term.text} > {way}" if way else ""
    shared = intersect(part.held[network.family], network.ranges)
    if shared and shared != network.ranges:
        raise NotPlain
    return part.term.text if shared else ""


def _remembered(place: int, result: Result, via: str, memory: Memory) -> SenderNetwork:
    one = memory.seen.get((place, result.value, via))
    if one is None:
        sender, network = memory.places[place]
        one = _new_network(sender=sender.name, network=network.text, result=result.value, via=via)
        memory.trim()
        memory.seen[place, result.value, via] = one
    return one
