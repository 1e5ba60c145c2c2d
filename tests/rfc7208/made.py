"""Zones made up from a seed: small worlds in which everything that evaluation knows happens often.

Names and addresses come from small pools, so that terms meet: the same name is included twice, networks nest, an MX
host has no address, a name times out. Everything is drawn from one `random.Random`, so a seed is a zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from random import Random

from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.message import reverse_name

from .zones import MemoryZone

IP4 = [int(IPv4Address("192.0.2.0")) + offset for offset in (0, 1, 2, 3, 7, 8, 130)]
IP6 = [int(IPv6Address("2001:db8::")) + offset for offset in (0, 1, 2, 3, 7, 8, 1 << 64)]
HOSTS = [f"h{number}.example" for number in range(6)]
POLICIES = ["d.example", "p1.example", "p2.example", "p3.example", "p4.example"]
NOWHERE = ["nx1.example", "nx2.example"]
SENDERS = ["user@d.example", "a-b+c@d.example", "User.Name@d.example"]
HELOS = ["helo.example", "h1.example", "h2.example"]
QUALIFIERS = ["", "", "", "", "+", "-", "~", "?"]
MACROS = [
    "%{i}.x.example",
    "%{ir}.%{v}.x.example",
    "%{d}",
    "%{d2}",
    "%{o}",
    "%{h}",
    "%{l}.x.example",
    "%{l1r-}.x.example",
]
MACROS += ["%{s}.x.example", "%{p}.x.example", "%{p}", "p1.%{d1}", "%{dr}.x.example", "%{L}.x.example", "%{h2}"]
BROKEN = [
    "ipv4:192.0.2.1",
    "all:x",
    "a:192.0.2.1",
    "ip4:192.0.2.256",
    "include:",
    "mx/33",
    "ip6:::1/129",
    "foo",
    "exists:x",
]


@dataclass(frozen=True, slots=True)
class World:
    """A zone and a message to judge in it."""

    zone: MemoryZone
    sender: str
    helo: str
    ip: str
    """One address out of the pools."""


def _network(random: Random) -> str:
    if random.random() < 0.6:
        prefix = random.choice([32, 32, 31, 30, 29, 24, 25, 0] if random.random() < 0.2 else [32, 31, 30, 29])
        address = IPv4Address(random.choice(IP4))
        return f"ip4:{address}" if prefix == 32 else f"ip4:{address}/{prefix}"
    prefix = random.choice([128, 127, 126, 125, 64])
    return f"ip6:{IPv6Address(random.choice(IP6))}/{prefix}"


def _name(random: Random, macros: bool) -> str:
    roll = random.random()
    if macros and roll < 0.15:
        return random.choice(MACROS)
    if roll < 0.25:
        return random.choice(NOWHERE)
    return random.choice(HOSTS) if roll < 0.7 else random.choice(POLICIES)


def _term(random: Random, macros: bool) -> str:
    sign = random.choice(QUALIFIERS)
    roll = random.random()
    if roll < 0.4:
        return sign + _network(random)
    if roll < 0.62:
        target = random.choice(MACROS) if macros and random.random() < 0.1 else random.choice(POLICIES[1:])
        if random.random() < 0.05:
            target = random.choice(NOWHERE + POLICIES)
        return f"{sign}include:{target}"
    if roll < 0.9:
        kind = random.choice(["a", "a", "mx", "mx", "exists", "ptr"])
        if kind in ("a", "mx"):
            name = "" if random.random() < 0.3 else f":{_name(random, macros)}"
            cidr = random.choice(["", "", "", "/31", "/29", "//126", "/30//127"])
            return f"{sign}{kind}{name}{cidr}"
        if kind == "exists":
            return f"{sign}exists:{_name(random, macros)}"
        return sign + "ptr" if not macros else sign + random.choice(["ptr", "ptr:example", "ptr:h1.example"])[:3]
    if roll < 0.92:
        return f"{sign}all"
    return random.choice(["unknown=x", f"exp={random.choice(HOSTS)}", "ra=postmaster"])


def record(random: Random, *, macros: bool = True, depth: int = 6) -> str:
    """The text of one record, broken once in a while."""
    terms = [_term(random, macros) for _ in range(random.randint(0, depth))]
    # The obvious ends, since a random walk seldom makes them.
    if random.random() < 0.7:
        terms.append(random.choice(["-all", "~all", "?all", "-all", "redirect=" + random.choice(POLICIES)]))
    elif random.random() < 0.2:
        terms.insert(0, "redirect=" + random.choice(POLICIES))
    if random.random() < 0.03:
        terms.insert(random.randint(0, len(terms)), random.choice(BROKEN))
    seen: set[str] = set()
    kept = []
    for term in terms:
        name, equals, _ = term.partition("=")
        if not equals or name not in seen:
            kept.append(term)
        seen.add(name)
    text = " ".join(["v=spf1", *kept])
    return text.upper() if random.random() < 0.03 else text


def world(random: Random, *, macros: bool = True) -> World:
    """A zone of a dozen names, and a message."""
    zone = MemoryZone()
    for name in POLICIES:
        if random.random() < 0.97:
            texts = [record(random, macros=macros, depth=8 if name == "d.example" else 4)]
            if random.random() < 0.02:
                texts.append(record(random, macros=macros))
            zone.records[name] = {Rtype.TXT: tuple((text.encode(),) for text in texts)}
        _addresses(random, zone, name, 0.3)
    for name in HOSTS:
        _addresses(random, zone, name, 0.75)
    for name in (*POLICIES, *HOSTS):
        if random.random() < 0.6:
            exchanges = random.sample(HOSTS + NOWHERE, random.choice([1, 1, 2, 3]))
            if random.random() < 0.03:
                exchanges = [f"m{number}.example" for number in range(11)]
            here = zone.records.setdefault(name, {})
            here[Rtype.MX] = tuple((random.choice([0, 10, 20]), exchange) for exchange in exchanges)
    for family, pool in ((4, IP4), (6, IP6)):
        for address in pool:
            if random.random() < 0.5:
                names = tuple(sorted(random.sample(HOSTS + POLICIES, random.choice([1, 1, 2]))))
                zone.records[reverse_name(address, family)] = {Rtype.PTR: names}
            if random.random() < 0.3:
                text = str(IPv4Address(address)) if family == 4 else ".".join(f"{address:032x}")
                zone.records[f"{text}.x.example"] = {Rtype.A: (0x7F000002,)}
    if random.random() < 0.3:
        zone.records["user.x.example"] = {Rtype.A: (0x7F000002,)}
    if random.random() < 0.08:
        name = random.choice(HOSTS + POLICIES[1:] + NOWHERE)
        zone.failing |= {Question(name, rtype) for rtype in (Rtype.A, Rtype.AAAA, Rtype.TXT, Rtype.MX)}
    pool = IP4 if random.random() < 0.6 else IP6
    address = random.choice(pool) + random.choice([0, 0, 1])
    ip = str(IPv4Address(address) if pool is IP4 else IPv6Address(address))
    return World(zone, random.choice(SENDERS), random.choice(HELOS), ip)


def _addresses(random: Random, zone: MemoryZone, name: str, share: float) -> None:
    here = zone.records.setdefault(name, {})
    if random.random() < share:
        here[Rtype.A] = tuple(random.sample(IP4, random.choice([1, 1, 2])))
    if random.random() < share:
        here[Rtype.AAAA] = tuple(random.sample(IP6, random.choice([1, 1, 2])))
