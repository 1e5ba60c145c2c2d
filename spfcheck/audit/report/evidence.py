"""The DNS answers behind a report as plain values, and back: a stored report can be evaluated again offline."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final

from spfcheck.audit.report.model import Evidence
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.making import maker

_new_evidence: Final = maker(Evidence)
# The name and the value of an enum's member take longer to find than a place in a dict.
_TYPES: Final = {rtype: rtype.name for rtype in Rtype}
_A, _AAAA, _TXT = Rtype.A, Rtype.AAAA, Rtype.TXT
_OUTCOMES: Final = {outcome: outcome.value for outcome in Outcome}


def evidence_of(answer: Answer) -> Evidence:
    """One DNS answer as plain values."""
    rtype = answer.question.rtype
    # By position, in the order of the fields: a quarter of the time went into their names.
    return _new_evidence(
        answer.question.name,
        _TYPES[rtype],
        _OUTCOMES[answer.outcome],
        tuple([_plain(rtype, item) for item in answer.records]) if answer.records else (),
        answer.ttl,
        answer.resolver,
        answer.authenticated,
        answer.soa_seen,
        answer.took_ms,
        answer.chain,
        answer.rcode,
        answer.stale,
        answer.illegal_cname,
        answer.detail,
        answer.received_at,
    )


def _plain(rtype: Rtype, item: Any) -> Any:
    if rtype is _A:
        return f"{item >> 24}.{item >> 16 & 255}.{item >> 8 & 255}.{item & 255}"
    if rtype is _TXT or rtype is Rtype.SPF:
        return [part.decode("latin-1") for part in item]
    if rtype is _AAAA:
        return _ipv6_text(item)
    if rtype is Rtype.MX:
        return [item[0], item[1]]
    return item


_EIGHT: Final = struct.Struct("!8H")


def _ipv6_text(address: int) -> str:
    """What `str(IPv6Address(address))` says (RFC 5952), in a fourth of its time."""
    text = "{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}".format(*_EIGHT.unpack(address.to_bytes(16, "big")))
    if ":0:0" not in text and not text.startswith("0:0"):
        return text
    # The first of the longest rows of zeros, of two at least, becomes a double colon.
    text = f":{text}:"
    for count in range(8, 1, -1):
        head, zeros, tail = text.partition(":0" * count + ":")
        if zeros:
            return f"{head[1:]}::{tail[:-1]}"
    return text[1:-1]


def _value(rtype: Rtype, item: Any) -> Any:
    if rtype in (Rtype.TXT, Rtype.SPF):
        return tuple(part.encode("latin-1") for part in item)
    if rtype in (Rtype.A, Rtype.AAAA):
        return int(ip_address(item))
    if rtype is Rtype.MX:
        return (item[0], item[1])
    return item


def answer_of(stored: Mapping[str, Any]) -> Answer:
    """The DNS answer of one stored piece of evidence; raises `KeyError` or `ValueError` for anything else."""
    rtype = Rtype[stored["type"]]
    return Answer(
        question=Question(stored["name"], rtype),
        outcome=Outcome(stored["outcome"]),
        records=tuple(_value(rtype, item) for item in stored["data"]),
        ttl=stored["ttl"],
        resolver=stored["resolver"],
        took_ms=stored["ms"],
        rcode=stored["rcode"],
        authenticated=stored["authenticated"],
        soa_seen=stored["soa_seen"],
        chain=tuple(stored["chain"]),
        illegal_cname=stored["illegal_cname"],
        detail=stored["detail"],
        stale=stored["stale"],
        received_at=stored["received_at"],
    )
