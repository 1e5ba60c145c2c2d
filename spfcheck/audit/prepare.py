"""What we are, read from the DNS and checked before anything is said about anybody (repair I0)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from spfcheck.audit.fetch import Witness, fetch
from spfcheck.audit.judgement.networks import FAMILIES
from spfcheck.audit.judgement.tree import RecordState, survey
from spfcheck.audit.senders import OurNetwork, Ours, OurSender, SenderProfile
from spfcheck.audit.text.terms import plain_name
from spfcheck.resolver.drive import drive
from spfcheck.resolver.types import Lookup
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import (
    Ranges,
    everything,
    format_network,
    intersect,
    parse_network,
    subtract,
    to_networks,
    union,
)
from spfcheck.rfc7208.record import Record, Result, parse, spf_texts

RETRY_S: Final = 30.0
"""Seconds until it is tried again where the DNS did not say what we are."""
LONGEST_S: Final = 3_600.0
"""Seconds for which it holds at most, however long the answers' lifetimes: our own record may be changed by hand."""


class _NotUsable(Exception):  # noqa: N818 - an outcome, not an error
    """The include of a profile is not what I0 asks for; the message is a sentence for the operator."""


async def prepare(profiles: Sequence[SenderProfile], lookup: Lookup, *, clock: Callable[[], float] = time.time) -> Ours:
    """What *profiles* authorise today, looked up through *lookup*; `Ours.ready` says whether it can be relied on.

    *clock* tells Unix time. An include may hold only ip4, ip6 and includes of such: no macro, no name of a host, no
    ``+all``, nothing that comes back empty. Every network of a profile must lie in what its include authorises.
    """
    witness = Witness(lookup)
    senders: list[OurSender] = []
    reasons: list[str] = []
    if not profiles:
        reasons.append("No sender is configured.")
    for profile in profiles:
        try:
            senders.append(await _sender(profile, witness))
        except _NotUsable as refusal:
            reasons.append(str(refusal) if profile.name == profile.include else f"{profile.name}: {refusal}")
    ttls = [answer.ttl for answer in witness.answers.values() if not answer.failed]
    lifetime = min([float(ttl) for ttl in ttls] or [LONGEST_S])
    now = clock()
    return Ours(
        ready=not reasons,
        reasons=tuple(reasons),
        expires_at=now + (min(max(lifetime, RETRY_S), LONGEST_S) if not reasons else RETRY_S),
        senders=tuple(senders),
        names=frozenset(sender.include for sender in senders),
        allowed={family: union(*(sender.allowed[family] for sender in senders)) for family in FAMILIES},
        sending={
            family: union(*(one.ranges for sender in senders for one in sender.networks if one.family == family))
            for family in FAMILIES
        },
        answers=dict(witness.answers),
    )


async def _sender(profile: SenderProfile, witness: Witness) -> OurSender:
    include = plain_name(profile.include)
    await fetch(include, witness)
    answer = await witness.ask(Question(include, Rtype.TXT))
    if answer.failed:
        raise _NotUsable(f"the DNS did not answer for {include} ({answer.outcome.value}).")
    texts = spf_texts(answer)
    if len(texts) != 1:
        raise _NotUsable(f"{include} publishes {len(texts) or 'no'} SPF record{'s' if len(texts) > 1 else ''}.")
    record = parse(texts[0])
    if not record.valid:
        raise _NotUsable(f"the record of {include} cannot be read: {record.problems[0].detail}.")
    found = survey(record, include, witness.answers)
    for name, inner in found.records.items():
        _plain(name, inner)
    for use in found.uses:
        if use.state is not RecordState.RECORD:
            raise _NotUsable(f"{include} leads to {use.target}: {use.state.value}.")
    allowed = {family: await _allowed(include, family, witness) for family in FAMILIES}
    if not any(allowed.values()):
        raise _NotUsable(f"{include} authorises no address.")
    return OurSender(
        name=profile.name,
        include=include,
        cost=1 + found.lookups,
        allowed=allowed,
        networks=_networks(profile, allowed, include),
    )


def _plain(name: str, record: Record) -> None:
    for term in record.terms:
        if term.is_modifier:
            if term.name == "redirect":
                raise _NotUsable(f"{name} uses {term.text}, which is not a plain set of addresses.")
            continue
        if term.name not in ("ip4", "ip6", "include", "all") or (term.name == "include" and term.target is None):
            raise _NotUsable(f"{name} uses {term.text}, which is not a plain set of addresses.")
        if term.name == "all" and term.result is Result.PASS:
            raise _NotUsable(f"{name} uses {term.text}, which authorises everybody.")


async def _allowed(include: str, family: int, witness: Witness) -> Ranges:
    parts = await drive(partition(everything(family), family, include), witness)
    if wrong := parts.having(Result.PERMERROR, Result.TEMPERROR):
        sample = format_network(to_networks(wrong[:1], family)[0], family)
        raise _NotUsable(f"{include} cannot be evaluated for {sample}.")
    passing = parts.passing()
    if passing == everything(family):
        raise _NotUsable(f"{include} authorises every address.")
    return passing


def _networks(profile: SenderProfile, allowed: dict[int, Ranges], include: str) -> tuple[OurNetwork, ...]:
    if not profile.networks:
        return tuple(
            OurNetwork(text=format_network(network, family), family=family, ranges=_of(network, family))
            for family in FAMILIES
            for network in to_networks(allowed[family], family)
        )
    found: list[OurNetwork] = []
    for text in profile.networks:
        try:
            family, ranges = parse_network(text)
        except ValueError:
            raise _NotUsable(f"{text} is not a network in CIDR notation.") from None
        if intersect(ranges, allowed[family]) != ranges:
            missing = subtract(ranges, allowed[family])
            shown = format_network(to_networks(missing, family)[0], family)
            raise _NotUsable(f"{text} is not covered by {include} ({shown} is missing there).")
        found.append(OurNetwork(text=text, family=family, ranges=ranges))
    return tuple(found)


def _of(network: tuple[int, int], family: int) -> Ranges:
    base, prefix = network
    bits = 32 if family == 4 else 128
    return ((base, base + (1 << (bits - prefix)) - 1),)
