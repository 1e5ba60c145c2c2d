"""What a DNS message says about our question: pure judgement, after the packet was read and before anyone trusts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from spfcheck.resolver.types import Outcome, Rtype
from spfcheck.resolver.wire import AA, AD, RA, DnsMessage, Record, Section, read_usual
from spfcheck.resolver.wire_names import LONGEST_CHAIN, decode, is_below

LONGEST_DETAIL: Final = 200
"""Characters of somebody else's text that a failure repeats."""

_OK: Final = Outcome.OK  # an attribute of an enum takes three times as long to find
_NODATA, _NO_DOMAIN = Outcome.NODATA, Outcome.NXDOMAIN
_NOERROR, _SERVFAIL, _NXDOMAIN, _REFUSED = 0, 2, 3, 5
_MAX_TTL: Final = 2**31 - 1
_new: Final = tuple.__new__  # what a named tuple's own constructor ends in
_ANSWER: Final = Section.ANSWER
_NS, _CNAME, _PTR, _MX = 2, 5, 12, 15  # plain numbers: an enum member compares three times slower
_RCODE_NAMES: Final = {
    1: "FORMERR",
    2: "SERVFAIL",
    4: "NOTIMP",
    5: "REFUSED",
    6: "YXDOMAIN",
    9: "NOTAUTH",
    16: "BADVERS",
}

# RFC 8914 4: what each Extended DNS Error means to the reader of a report.
_STALE: Final = {
    3: "the resolver gave an old answer",
    19: "the resolver gave an old answer that the name does not exist",
}
_DNSSEC: Final = {
    1: "DNSSEC: the zone is signed with an algorithm that the resolver does not know",
    2: "DNSSEC: the zone's DS record uses a digest that the resolver does not know",
    5: "DNSSEC: whether the zone is signed cannot be determined",
    6: "DNSSEC: the signature does not fit",
    7: "DNSSEC: the signature has expired",
    8: "DNSSEC: the signature is not valid yet",
    9: "DNSSEC: the zone's key is missing",
    10: "DNSSEC: the signatures are missing",
    11: "DNSSEC: no key of the zone is a zone key",
    12: "DNSSEC: the proof that nothing exists is missing",
}
_POLICY: Final = {
    4: "the resolver forged the answer by its own policy",
    15: "the resolver blocks this name",
    16: "the resolver was told to censor this name",
    17: "the resolver filters this name",
    18: "the resolver does not serve us",
}
_OTHER: Final = {
    0: "the resolver gave a reason of its own",
    13: "the resolver remembers an earlier failure",
    14: "the resolver is not ready",
    20: "the resolver is not authoritative",
    21: "the resolver does not support this",
    22: "no name server of the zone can be reached",
    23: "the zone's name servers do not answer as they should",
    24: "the zone's data are invalid",
}


class Reading(NamedTuple):
    """What one message says about a question; *follow* is the name to ask next, where a CNAME came alone."""

    outcome: Outcome
    records: tuple[Any, ...] = ()
    ttl: int = 0
    rcode: int | None = None
    authenticated: bool = False
    soa_seen: bool = False
    chain: tuple[bytes, ...] = ()
    illegal_cname: bool = False
    detail: str = ""
    stale: bool = False
    follow: bytes | None = None


def interpret_usual(packet: bytes, question: bytes) -> Reading | None:
    """What `interpret` says, where *packet* is what nearly every packet is; else None."""
    usual = read_usual(packet, question)
    if usual is None:
        return None
    flags, ttl, values = usual
    if not flags & (RA | AA):
        return None
    rcode = flags & 15
    secure = flags & AD != 0
    if not values:
        if rcode not in (_NOERROR, _NXDOMAIN):
            return None
        outcome = _NODATA if rcode == _NOERROR else _NO_DOMAIN
        return _new(Reading, (outcome, (), min(ttl, _MAX_TTL), rcode, secure, True, (), False, "", False, None))
    return _new(Reading, (_OK, _values(question[-3], values), ttl, 0, secure, False, (), False, "", False, None))


def interpret(message: DnsMessage, name: bytes, rtype: int, seen: tuple[bytes, ...] = ()) -> Reading:
    """What *message* says about *name* and *rtype*.

    *seen* are the names of a CNAME chain that led here, so that a chain over several messages is bounded like one
    within a single message. Only records of the name asked for, and of names that its CNAMEs lead to, are believed.
    """
    if message.errors or message.rcode not in (_NOERROR, _NXDOMAIN):
        failure = _failure(message)
        if failure is not None:
            return failure
    # A server that neither recurses for us nor is authoritative knows nothing: its empty answer is no NODATA.
    if not message.flags & (RA | AA):
        return Reading(Outcome.REFERRAL, rcode=message.rcode, detail="the server is no resolver and not authoritative")
    records = message.records
    owner = name
    chain: list[bytes] = []
    ttl = _MAX_TTL
    while True:
        values, targets, lowest = _records_of(records, owner, rtype)
        ttl = min(ttl, lowest)
        if values or not targets:
            break
        # RFC 2181 10.1: a name has one canonical name; two of them cannot both be followed.
        if len(targets) > 1:
            return _broken(message, chain, f"{decode(owner)} has several CNAMEs")
        target = targets[0]
        chain.append(target)
        if target == name or target in chain[:-1] or target in seen:
            return _broken(message, chain, "the CNAMEs lead in a circle")
        if len(seen) + len(chain) > LONGEST_CHAIN:
            return _broken(message, chain, f"more than {LONGEST_CHAIN} CNAMEs in a row")
        owner = target
    secure = message.flags & AD != 0
    stale, detail = _staleness(message.errors) if message.errors else (False, "")
    path = tuple(chain)
    if not values:
        outcome, ttl, soa_seen, follow = _negative(message, owner, bool(chain), ttl)
        detail = detail or ("the server pointed elsewhere instead of answering" if outcome is Outcome.REFERRAL else "")
        return Reading(outcome, (), ttl, message.rcode, secure, soa_seen, path, False, detail, stale, follow)
    if message.rcode == _NXDOMAIN:  # says that the name does not exist, and what it holds
        return Reading(Outcome.MALFORMED, rcode=_NXDOMAIN, chain=path, detail="NXDOMAIN came with records of the name")
    shown = _values(rtype, values)
    return Reading(Outcome.OK, shown, ttl, message.rcode, secure, False, path, bool(targets), detail, stale)


def _records_of(records: tuple[Record, ...], owner: bytes, rtype: int) -> tuple[list[Any], Sequence[bytes], int]:
    """The values of *rtype* at *owner*, its different CNAME targets, and the lowest TTL among them."""
    values = []
    targets: Sequence[bytes] = ()
    lowest = _MAX_TTL
    for section, name, kind, ttl, value in records:
        if section == _ANSWER and name == owner:
            if kind == rtype:
                values.append(value)
            elif kind != _CNAME:
                continue
            elif value not in targets:
                targets = [*targets, value]
            if ttl < lowest:
                lowest = ttl
    return values, targets, lowest


def _negative(message: DnsMessage, owner: bytes, aliased: bool, ttl: int) -> tuple[Outcome, int, bool, bytes | None]:
    """No record of the type at *owner*, the end of the chain: outcome, TTL, whether an SOA came, whom to ask next."""
    soa = None
    referral = False
    for section, name, kind, seconds, value in message.records:
        if section == Section.AUTHORITY:
            if kind == Rtype.SOA and is_below(owner, name):
                # RFC 2308 5: a negative lives as long as the lesser of the SOA's TTL and its minimum.
                soa = min(seconds, value, ttl)
            referral |= kind == _NS
    if message.rcode == _NXDOMAIN:
        return Outcome.NXDOMAIN, soa or 0, soa is not None, None
    if soa is None and aliased:
        # RFC 1034 5.2.2: an alias without what it stands for; the resolver left the rest to us.
        return Outcome.NODATA, ttl, False, owner
    if soa is None and referral and not message.flags & AA:
        # RFC 2308 2.2: name servers without an SOA are a referral, not a NODATA.
        return Outcome.REFERRAL, 0, False, None
    return Outcome.NODATA, soa or 0, soa is not None, None


def _staleness(errors: tuple[tuple[int, str], ...]) -> tuple[bool, str]:
    """Whether the resolver calls its own answer old, and what it says about it."""
    return any(code in _STALE for code, _ in errors), _explain(errors)


def _values(rtype: int, values: list[Any]) -> tuple[Any, ...]:
    if rtype == _MX:
        values = [(preference, decode(exchange)) for preference, exchange in values]
    elif rtype == _PTR:
        values = [decode(target) for target in values]
    # RFC 2181 5: a record set holds a record once, however often the server repeats it.
    return tuple(values) if len(values) == 1 else tuple(dict.fromkeys(values))


def _failure(message: DnsMessage) -> Reading | None:
    """The failure that the response code or an extended error tells of, or None."""
    codes = [code for code, _ in message.errors]
    rcode = message.rcode
    detail = _explain(message.errors)
    if any(code in _POLICY for code in codes):
        return Reading(Outcome.FILTERED, rcode=rcode, detail=detail)
    if rcode in (_NOERROR, _NXDOMAIN):
        return None
    named = _RCODE_NAMES.get(rcode, f"response code {rcode}")
    detail = detail or f"the resolver answered {named}"
    if rcode == _SERVFAIL:
        bogus = any(code in _DNSSEC for code in codes)
        return Reading(Outcome.BOGUS if bogus else Outcome.SERVFAIL, rcode=rcode, detail=detail)
    return Reading(Outcome.REFUSED if rcode == _REFUSED else Outcome.RCODE, rcode=rcode, detail=detail)


def _broken(message: DnsMessage, chain: list[bytes], detail: str) -> Reading:
    return Reading(Outcome.CHAIN, rcode=message.rcode, chain=tuple(chain), detail=detail)


def _explain(errors: tuple[tuple[int, str], ...]) -> str:
    """Extended DNS Errors in words (RFC 8914), the resolver's own text shortened and made harmless."""
    parts = []
    for code, text in errors:
        words = (
            _STALE.get(code) or _DNSSEC.get(code) or _POLICY.get(code) or _OTHER.get(code) or f"extended error {code}"
        )
        parts.append(f"{words} ({printable(text)})" if text else words)
    return "; ".join(parts[:3])


def printable(text: str) -> str:
    """*text* cut short, everything but printable ASCII replaced: it comes from whoever runs the server."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:LONGEST_DETAIL])
