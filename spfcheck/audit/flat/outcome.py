"""What a plain record says of our networks: the first term that holds one decides (RFC 7208 4.6.2), or a limit ends it.

The addresses that no term has matched so far all go the same way, so a limit ends the evaluation of a family at one
place for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from spfcheck.audit.flat.memory import NO_VOIDS, Known, Memory, Part
from spfcheck.audit.flat.record import NotPlain, Plain, Stop
from spfcheck.audit.judgement.networks import FAMILIES, worst
from spfcheck.audit.judgement.review import end_findings, length_findings, lookup_findings, void_findings
from spfcheck.audit.judgement.status import Standing
from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.model import Finding, SenderNetwork, TreeNode
from spfcheck.audit.report.strings import STRING_BYTES
from spfcheck.audit.senders import OurNetwork, Ours
from spfcheck.rfc7208.limits import LENIENT, STRICT, Budget, LimitExceededError, Policy
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.ranges import intersect
from spfcheck.rfc7208.record import Result
from spfcheck.rfc7208.verdict import Cause

__all__ = ["Stop", "record_said", "remembered", "standing", "stop_of", "touching", "voids_before"]

_new_network: Final = maker(SenderNetwork)


def stop_of(plain: Plain, family: int, policy: Policy = STRICT) -> Stop | None:
    """Where a limit ends the evaluation of addresses of *family* that no term matches; None where none does.

    Raises `NotPlain` where the term at that place may hold some of ours before.
    """
    if plain.lookups <= STRICT.lookups and plain.voids[family] <= STRICT.voids:
        return None
    asked = (family, policy.name)
    if asked not in plain.stops:
        plain.stops[asked] = _stop_of(plain, family, policy)
    return plain.stops[asked]


def _stop_of(plain: Plain, family: int, policy: Policy) -> Stop | None:
    budget = Budget(policy)
    for index, part in enumerate(plain.parts):
        if not part.void and budget.lookups + part.lookups <= policy.lookups:
            budget.lookups += part.lookups
            continue
        outside = budget.lookups + 1
        try:
            for _ in range(part.lookups):
                budget.term()
            for answer in part.steps(family):
                if not answer.records:
                    budget.void(answer.question, nxdomain=answer.nxdomain)
        except LimitExceededError as error:
            if error.cause is Cause.VOID_LIMIT and part.held[family]:
                # Of several hosts the first ones are looked at before the limit is met.
                raise NotPlain from None
            via = part.text
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
            continue
        for family, ranges in part.held.items():
            mine = ours.allowed[family]
            if not ranges or not mine or ranges[-1][1] < mine[0][0] or ranges[0][0] > mine[-1][1]:
                continue  # off the whole of ours, as most are
            if intersect(ranges, mine):
                found.append((index, part))
                break
    return found


def voids_before(plain: Plain, index: int, family: int) -> int:
    """The void lookups that an address of *family* has cost before the part *index* is evaluated."""
    return sum(part.voids[family] for part in plain.parts[:index]) if plain.voids[family] else 0


def standing(plain: Plain, ours: Ours) -> Standing:
    """What each of our networks gets. Raises `NotPlain` where one is held in part."""
    parts = touching(plain, ours)
    if len(parts) == 1 and plain.lookups <= STRICT.lookups and max(plain.voids.values()) < STRICT.voids:
        # The usual case by far: far from every limit, and one include of ours that holds all.
        part = parts[0][1]
        if part.known is not None and all(part.known.ways):
            return Standing(_all_held(part, part.known, plain.memory), Result.PASS, Result.PASS, {})
    return _standing(plain, parts)


def _all_held(part: Part, known: Known, memory: Memory) -> tuple[SenderNetwork, ...]:
    found = memory.held.get((known, part.text))
    if found is None:
        ways = [f"{part.text} > {way}" for way in known.ways]
        found = tuple(remembered(place, Result.PASS, way, memory) for place, way in enumerate(ways))
        memory.held[known, part.text] = found
    return found


def _standing(plain: Plain, parts: list[tuple[int, Part]]) -> Standing:
    stops = {family: stop_of(plain, family) for family in FAMILIES}
    networks, near = _networks(plain, parts, stops)
    results = [Result(one.result) for one in networks]
    strict = lenient = worst(results)
    voids: dict[int, tuple[Code, int]] = {}
    for family in FAMILIES:
        stop = stops[family]
        mine = [one for (_, of), one in zip(plain.memory.places, networks, strict=True) if of.family == family]
        if stop is not None and stop.cause is Cause.VOID_LIMIT and any(one.result == "permerror" for one in mine):
            voids[family] = (Code.VOID_LIMIT, stop.voids)
        elif family in near:
            voids[family] = (Code.VOID_LIMIT_NEAR, STRICT.voids)
    if strict is not Result.PASS and any(stops.values()):
        softer = {family: stop_of(plain, family, LENIENT) for family in FAMILIES}
        lenient = worst([Result(one.result) for one in _networks(plain, parts, softer)[0]])
    return Standing(networks, strict, lenient, voids)


def _networks(
    plain: Plain, parts: list[tuple[int, Part]], stops: dict[int, Stop | None]
) -> tuple[tuple[SenderNetwork, ...], set[int]]:
    """Our networks, and the families in which one of them passes with as many void lookups as are allowed."""
    found: list[SenderNetwork] = []
    near: set[int] = set()
    for place, (_, network) in enumerate(plain.memory.places):
        family = network.family
        stop = stops[family]
        result, via = (Result.PERMERROR, stop.via) if stop is not None else (plain.result, plain.end.text)
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
        found.append(remembered(place, result, via, plain.memory))
    return tuple(found), near


def _way(part: Part, place: int, network: OurNetwork) -> str:
    """How *part* leads to *network*, ours at *place*; empty where it does not. Raises `NotPlain` where in part."""
    if part.known is not None:
        way = part.known.ways[place]
        if way is None:
            raise NotPlain
        return f"{part.text} > {way}" if way else ""
    shared = intersect(part.held[network.family], network.ranges)
    if shared and shared != network.ranges:
        raise NotPlain
    return part.text if shared else ""


def remembered(place: int, result: Result, via: str, memory: Memory) -> SenderNetwork:
    """What is said of our network at *place*."""
    one = memory.seen.get((place, result, via))
    if one is None:
        sender, network = memory.places[place]
        one = _new_network(sender=sender.name, network=network.text, result=result.value, via=via)
        memory.trim()
        memory.seen[place, result, via] = one
    return one


def record_said(plain: Plain) -> list[Finding]:
    """The findings on the record as a whole, for every sender; its single terms have none (`read_plain`)."""
    domain = plain.domain
    found: list[Finding] = []
    if len(plain.text) > STRING_BYTES:
        found += length_findings(len(plain.text), domain)
    if plain.result is Result.NEUTRAL:
        found += end_findings(plain.result, plain.span(plain.end), domain)
    if plain.lookups >= STRICT.lookups - 1:
        found += lookup_findings(plain.lookups, domain)
    if plain.voids is not NO_VOIDS:
        void = [part for part in plain.parts if part.void]
        found += void_findings((domain, part.text, plain.span(part), asked) for part in void for asked in part.void)
    return found
