"""Which of our addresses pass, exactly: the engine's partition of what we send from, by both readings of the limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spfcheck.audit.fetch import Witness
from spfcheck.audit.judgement.samples import MessageIdentity, refined
from spfcheck.audit.report.model import SenderNetwork
from spfcheck.audit.senders import Ours, OurSender
from spfcheck.resolver.drive import drive
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.limits import LENIENT, STRICT, Policy
from spfcheck.rfc7208.ranges import BITS, Ranges, contains, intersect
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
    """The partitions of our addresses, by family; *lenient* is *strict* itself where nothing can differ.

    What hangs on the message is settled in them by what single addresses got.
    """

    strict: Mapping[int, Partition]
    lenient: Mapping[int, Partition]

    def cells(self) -> Iterator[tuple[int, Cell]]:
        """Every cell of the strict reading, with its family."""
        for family, parts in self.strict.items():
            for cell in parts.cells:
                yield family, cell

    def result(self) -> Result:
        """The worst result that any of our addresses gets by the strict reading."""
        return worst(cell.result for _, cell in self.cells())

    def lenient_result(self) -> Result:
        """The same by the lenient reading."""
        return worst(cell.result for part in self.lenient.values() for cell in part.cells)

    def at(self, family: int, address: int) -> Result | None:
        """What the strict reading says of one address of ours."""
        part = self.strict.get(family)
        cell = part.at(address) if part is not None else None
        return cell.result if cell is not None else None


def worst(results: Iterator[Result] | Sequence[Result]) -> Result:
    """The worst of *results* for a sender; none where there are none."""
    present = set(results)
    return next((result for result in _WORST_FIRST if result in present), Result.NONE)


async def judge(domain: str, witness: Witness, ours: Ours, mail_from: str, helo: str) -> Judged:
    """Judge every address that we send from, as a sender of *domain* with the *mail_from* and *helo* that we use.

    What hangs on the address is asked of each where they are few, and of some of each network where they are many
    (`spfcheck.audit.judgement.samples`).
    """
    who = MessageIdentity(domain, mail_from, helo)
    strict = await _partitions(witness, ours, who, STRICT)
    cells = [cell for part in strict.values() for cell in part.cells]
    if all(cell.result is Result.PASS for cell in cells):
        return Judged(strict, strict)
    lenient = strict
    if any(cell.void_lookups or cell.cause is Cause.MX_LIMIT for cell in cells):  # all that receivers differ in
        lenient = await _partitions(witness, ours, who, LENIENT)
    return Judged(strict, lenient)


async def _partitions(witness: Witness, ours: Ours, who: MessageIdentity, policy: Policy) -> Mapping[int, Partition]:
    parts: dict[int, Partition] = {}
    for family in FAMILIES:
        if ours.sending[family]:
            evaluation = partition(ours.sending[family], family, who.domain, who.mail_from, who.helo, policy=policy)
            parts[family] = await drive(evaluation, witness)
    return await refined(parts, witness, ours, who, policy)


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
    distinct = {cell.result for cell in touching}
    if len(distinct) == 1:
        (result,) = distinct
        # Several terms may decide about one network; the one named is that of its first address.
        first = next(cell for cell in touching if contains(cell.addresses, ranges[0][0]))
        return SenderNetwork(sender=sender.name, network=text, result=result.value, via=via(first.path))
    return SenderNetwork(sender=sender.name, network=text, result=PARTIAL if distinct else Result.NONE.value)


def via(path: Sequence[PathStep]) -> str:
    """The terms that lead to a decision: ``include:_spf.mail.example > ip4:192.0.2.0/24``."""
    return " > ".join(step.term.text for step in path if step.term is not None)


def family_name(family: int) -> str:
    """IPv4 or IPv6."""
    return "IPv4" if BITS[family] == 32 else "IPv6"
