"""Which of our addresses pass, exactly: the engine's partition of what we send from, by both readings of the limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spfcheck.audit.report.model import SenderNetwork
from spfcheck.audit.senders import Ours, OurSender
from spfcheck.resolver.drive import drive
from spfcheck.resolver.types import Lookup
from spfcheck.rfc7208.evaluate import check_host, partition
from spfcheck.rfc7208.limits import LENIENT, STRICT, Policy
from spfcheck.rfc7208.ranges import BITS, Ranges, format_address, intersect
from spfcheck.rfc7208.record import Result
from spfcheck.rfc7208.verdict import Cause, Cell, Partition, PathStep

__all__ = ["PARTIAL", "Judged", "judge", "sender_networks", "via", "worst"]

FAMILIES: Final = (4, 6)
PARTIAL: Final = "partial"
"""What is said of a network whose addresses do not share one result."""

_WORST_FIRST: Final = (
    Result.TEMPERROR,
    Result.PERMERROR,
    Result.FAIL,
    Result.NONE,
    Result.SOFTFAIL,
    Result.NEUTRAL,
    Result.PASS,
)


@dataclass(frozen=True, slots=True)
class Judged:
    """The partitions of our addresses, by family; *lenient* is *strict* itself where nothing can differ."""

    strict: Mapping[int, Partition]
    lenient: Mapping[int, Partition]
    sampled: Mapping[tuple[int, int], Result]
    """What check_host() says of single addresses, by family and address, where a term depends on the message."""

    def cells(self) -> Iterator[tuple[int, Cell]]:
        """Every cell of the strict reading, with its family."""
        for family, parts in self.strict.items():
            for cell in parts.cells:
                yield family, cell

    def result(self) -> Result:
        """The worst result that any of our addresses gets by the strict reading."""
        return worst(cell.result for cell in self._refined(self.strict))

    def lenient_result(self) -> Result:
        """The same by the lenient reading."""
        return worst(cell.result for cell in self._refined(self.lenient))

    def confirms(self, family: int, cell: Cell) -> bool:
        """Whether the addresses of *cell* that were asked one by one, if any were, bear it out."""
        known = self._samples(family, cell)
        return not known or any(one.result is cell.result for one in known)

    def _refined(self, parts: Mapping[int, Partition]) -> Iterator[Cell | _Sampled]:
        for family, part in parts.items():
            for cell in part.cells:
                known = self._samples(family, cell)
                if known:
                    yield from known
                else:
                    yield cell

    def _samples(self, family: int, cell: Cell) -> list[_Sampled]:
        """What was asked of single addresses of a cell that is open because it depends on the message."""
        if not cell.depends or cell.result is Result.PASS:
            return []
        return [
            _Sampled(result)
            for (of, address), result in self.sampled.items()
            if of == family and any(low <= address <= high for low, high in cell.addresses)
        ]


@dataclass(frozen=True, slots=True)
class _Sampled:
    result: Result


def worst(results: Iterator[Result] | Sequence[Result]) -> Result:
    """The worst of *results* for a sender; none where there are none."""
    present = set(results)
    return next((result for result in _WORST_FIRST if result in present), Result.NONE)


async def judge(domain: str, lookup: Lookup, ours: Ours, mail_from: str, helo: str) -> Judged:
    """Judge every address that we send from, as a sender of *domain*.

    A term that depends on the message is asked with the *mail_from* and *helo* that we use; where it depends on the
    address and our networks are large, it is asked for both ends of each.
    """
    strict = await _partitions(domain, lookup, ours, mail_from, helo, STRICT)
    cells = [cell for part in strict.values() for cell in part.cells]
    if all(cell.result is Result.PASS for cell in cells):
        return Judged(strict, strict, {})
    lenient = strict
    if any(cell.void_lookups or cell.cause is Cause.MX_LIMIT for cell in cells):  # all that receivers differ in
        lenient = await _partitions(domain, lookup, ours, mail_from, helo, LENIENT)
    sampled: dict[tuple[int, int], Result] = {}
    for family, part in strict.items():
        for cell in part.cells:
            if cell.depends and cell.result is not Result.PASS:
                for address in _ends(cell, family, ours):
                    text = format_address(address, family)
                    verdict = await drive(check_host(text, domain, mail_from, helo), lookup)
                    sampled[family, address] = verdict.result
    return Judged(strict, lenient, sampled)


async def _partitions(
    domain: str, lookup: Lookup, ours: Ours, mail_from: str, helo: str, policy: Policy
) -> dict[int, Partition]:
    return {
        family: await drive(partition(ours.sending[family], family, domain, mail_from, helo, policy=policy), lookup)
        for family in FAMILIES
        if ours.sending[family]
    }


MOST_SAMPLES: Final = 8
"""Addresses that are asked one by one for a cell that depends on the message; each may take several questions."""


def _ends(cell: Cell, family: int, ours: Ours) -> list[int]:
    """Both ends of each of our networks that has a part in *cell*."""
    found: list[int] = []
    for sender in ours.senders:
        for network in sender.networks:
            if network.family == family:
                for low, high in intersect(network.ranges, cell.addresses):
                    found.extend((low, high))
    return list(dict.fromkeys(found))[:MOST_SAMPLES]


def sender_networks(judged: Judged, ours: Ours) -> tuple[SenderNetwork, ...]:
    """What the strict reading says of each network of ours."""
    return tuple(
        _sender_network(sender, network.text, network.family, network.ranges, judged)
        for sender in ours.senders
        for network in sender.networks
    )


def _sender_network(sender: OurSender, text: str, family: int, ranges: Ranges, judged: Judged) -> SenderNetwork:
    part = judged.strict.get(family)
    touching = [cell for cell in part.cells if intersect(cell.addresses, ranges)] if part else []
    results: list[Result] = []
    for cell in touching:
        known = judged._samples(family, cell)  # noqa: SLF001 - the same module
        results.extend([one.result for one in known] or [cell.result])
    distinct = set(results)
    if len(distinct) == 1:
        (result,) = distinct
        return SenderNetwork(sender=sender.name, network=text, result=result.value, via=via(touching[0].path))
    return SenderNetwork(sender=sender.name, network=text, result=PARTIAL if distinct else Result.NONE.value)


def via(path: Sequence[PathStep]) -> str:
    """The terms that lead to a decision: ``include:_spf.mail.example > ip4:192.0.2.0/24``."""
    return " > ".join(step.term.text for step in path if step.term is not None)


def family_name(family: int) -> str:
    """IPv4 or IPv6."""
    return "IPv4" if BITS[family] == 32 else "IPv6"
