"""Zones in memory, as plain records: what a test says the DNS holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from spfcheck.rfc7208.lookup import Question, Rtype

LOOP = 10


@dataclass(frozen=True, slots=True)
class Canned:
    """A reply made by hand; satisfies `Reply`."""

    records: tuple[Any, ...] = ()
    failed: bool = False
    nxdomain: bool = False


FAILED = Canned(failed=True)


@dataclass
class MemoryZone:
    """Names and their records, as values ready for `Reply`; *failing* are the questions that are not answered.

    Other types of a name in *silent* are not answered, those that it has are. Counts what it is asked.
    """

    records: dict[str, dict[Rtype, tuple[Any, ...]]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    failing: set[Question] = field(default_factory=set)
    asked: list[Question] = field(default_factory=list)

    def __call__(self, question: Question) -> Canned:
        self.asked.append(question)
        if question in self.failing:
            return FAILED
        name = question.name
        for _ in range(LOOP):
            here = self.records.get(name)
            if here is None:
                return FAILED if name in self.silent else Canned(nxdomain=not self._is_above(name))
            if question.rtype in here:
                return Canned(here[question.rtype])
            if name in self.silent:
                return FAILED
            if Rtype.CNAME not in here:
                return Canned()
            (name,) = here[Rtype.CNAME]
        return FAILED

    def _is_above(self, name: str) -> bool:
        return any(other.endswith(f".{name}") for other in self.records)


def zone(**_: Any) -> MemoryZone:
    return MemoryZone()


def from_text(lines: str) -> MemoryZone:
    """A zone from lines of ``name TYPE data``; data of TXT is the rest of the line, ``FAIL`` is a type that fails."""
    zone = MemoryZone()
    for line in lines.strip().splitlines():
        if not line.strip():
            continue
        name, kind, data = [*line.strip().split(" ", 2), ""][:3]
        if data == "FAIL":
            zone.failing.add(Question(name, Rtype[kind]))
            continue
        rtype = Rtype[kind]
        here = zone.records.setdefault(name.lower(), {})
        here[rtype] = (*here.get(rtype, ()), value(rtype, data))
    return zone


def value(rtype: Rtype, data: Any) -> Any:
    match rtype:
        case Rtype.TXT | Rtype.SPF:
            strings = data if isinstance(data, list) else [data]
            return tuple(item if isinstance(item, bytes) else item.encode("latin-1") for item in strings)
        case Rtype.A:
            return int(IPv4Address(data))
        case Rtype.AAAA:
            return int(IPv6Address(data))
        case Rtype.MX:
            preference, exchange = data if isinstance(data, list) else data.split(" ", 1)
            return int(preference), exchange.lower().removesuffix(".")
        case _:
            return str(data).lower().removesuffix(".")


def from_suite(zonedata: Mapping[str, Iterable[Any]]) -> MemoryZone:
    """A zone from zonedata: SPF also stands for TXT unless the name has TXT, TIMEOUT for the types it does not have."""
    zone = MemoryZone()
    for name, entries in zonedata.items():
        here = zone.records.setdefault(name.lower(), {})
        explicit = any(isinstance(entry, dict) and "TXT" in entry for entry in entries)
        for entry in entries:
            if entry == "TIMEOUT" or (isinstance(entry, dict) and "TIMEOUT" in entry):
                zone.silent.add(name.lower())
                continue
            ((kind, data),) = entry.items()
            if data == "NONE":
                continue
            rtypes = [Rtype[kind]]
            if kind == "SPF" and not explicit:
                rtypes.append(Rtype.TXT)
            for rtype in rtypes:
                # An empty list is one empty character-string: a TXT record cannot have none.
                item = value(rtype, data if data != [] else [""])
                here[rtype] = (*here.get(rtype, ()), item)
    return zone
