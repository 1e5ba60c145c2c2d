"""Sets of addresses of one family, as sorted disjoint ranges of integers.

A set is a tuple of inclusive ranges ``((low, high), ...)``, in rising order, no two of them touching; the empty tuple
is the empty set. Equal sets are equal tuples. The functions are pure and take sets in that form only; `normalise`
makes it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from ipaddress import IPv6Address, ip_network
from typing import Final

Range = tuple[int, int]
"""Lowest and highest address, both inside."""
Ranges = tuple[Range, ...]
"""A set of addresses of one family."""
Network = tuple[int, int]
"""The lowest address of a CIDR network, and its prefix length."""

BITS: Final = {4: 32, 6: 128}
"""The width of an address of each family."""


def everything(family: int) -> Ranges:
    """Every address of *family* (4 or 6)."""
    return ((0, (1 << BITS[family]) - 1),)


def from_network(address: int, prefix: int, family: int) -> Ranges:
    """The addresses that share the first *prefix* bits with *address*; bits behind them are ignored."""
    host = (1 << (BITS[family] - prefix)) - 1
    return ((address & ~host, address | host),)


def parse_network(text: str) -> tuple[int, Ranges]:
    """The family and the addresses of a network or address in CIDR notation; raises `ValueError` otherwise.

    Host bits must be zero, so that a typing error is not taken for a wider network.
    """
    network = ip_network(text.strip())
    return network.version, ((int(network.network_address), int(network.broadcast_address)),)


def normalise(ranges: Iterable[Range]) -> Ranges:
    """The set that holds every address of *ranges*, which may come in any order, overlap and touch."""
    joined: list[Range] = []
    last = -2
    for low, high in sorted(ranges):
        if low <= last + 1:
            if high > last:
                joined[-1] = (joined[-1][0], high)
                last = high
        else:
            joined.append((low, high))
            last = high
    return tuple(joined)


def union(*sets: Ranges) -> Ranges:
    """Every address that is in at least one of *sets*."""
    return normalise(item for ranges in sets for item in ranges)


def intersect(left: Ranges, right: Ranges) -> Ranges:
    """Every address that is in both sets."""
    if not left or not right:
        return ()
    found: list[Range] = []
    # Of a large set most lies in front of a small one, and behind it the loop ends by itself.
    i = max(0, bisect_right(left, right[0]) - 1)
    j = max(0, bisect_right(right, left[0]) - 1)
    while i < len(left) and j < len(right):
        low = max(left[i][0], right[j][0])
        high = min(left[i][1], right[j][1])
        if low <= high:
            found.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def subtract(left: Ranges, right: Ranges) -> Ranges:
    """Every address of *left* that is not in *right*."""
    if not left or not right:
        return left
    # Of a large set most lies in front of a small one, or behind it, and stays as it is.
    begin = max(0, bisect_right(left, right[0]) - 1)
    end = bisect_left(left, (right[-1][1] + 1, 0))
    if begin >= end:
        return left
    rest: list[Range] = []
    j = max(0, bisect_right(right, left[begin]) - 1)
    for first, high in left[begin:end]:
        low = first
        while j < len(right) and right[j][1] < low:
            j += 1
        k = j
        while k < len(right) and right[k][0] <= high:
            if right[k][0] > low:
                rest.append((low, right[k][0] - 1))
            low = right[k][1] + 1
            k += 1
        if low <= high:
            rest.append((low, high))
    return (*left[:begin], *rest, *left[end:])


def first_owners(ranges: Sequence[Range]) -> list[tuple[int, int, int]]:
    """Who of *ranges*, which may come in any order and overlap, is the first to hold each address, by its place.

    Ranges with the place of their owner, rising and disjoint; those of one owner never touch. The sweep over their
    boundaries takes n log n steps, however they overlap.
    """
    last = -1
    for low, high in ranges:
        if low <= last:
            break
        last = high
    else:  # as most lists are written
        return [(low, high, place) for place, (low, high) in enumerate(ranges)]
    starts = sorted([(low, place) for place, (low, _) in enumerate(ranges)])
    owned: list[tuple[int, int, int]] = []
    open_places: list[int] = []
    at = following = 0
    while following < len(starts) or open_places:
        if not open_places:
            at = max(at, starts[following][0])
        while following < len(starts) and starts[following][0] <= at:
            heappush(open_places, starts[following][1])
            following += 1
        while open_places and ranges[open_places[0]][1] < at:
            heappop(open_places)
        if not open_places:
            continue
        place = open_places[0]
        stop = ranges[place][1]
        if following < len(starts) and starts[following][0] <= stop:
            stop = starts[following][0] - 1
        if owned and owned[-1][2] == place and owned[-1][1] == at - 1:
            owned[-1] = (owned[-1][0], stop, place)
        else:
            owned.append((at, stop, place))
        at = stop + 1
    return owned


def contains(ranges: Ranges, address: int) -> bool:
    """Whether *address* is in the set."""
    # A range that starts at *address* compares lower than (address, infinity), so it is found as well.
    position = bisect_right(ranges, (address, 1 << 128)) - 1
    return position >= 0 and ranges[position][1] >= address


def size(ranges: Ranges) -> int:
    """How many addresses the set has."""
    return sum(high - low + 1 for low, high in ranges)


def addresses(ranges: Ranges) -> Iterator[int]:
    """The addresses of the set, rising. For small sets."""
    for low, high in ranges:
        yield from range(low, high + 1)


def to_networks(ranges: Ranges, family: int) -> tuple[Network, ...]:
    """The fewest CIDR networks that make up the set, rising."""
    bits = BITS[family]
    networks: list[Network] = []
    for first, high in ranges:
        low = first
        while low <= high:
            # The widest network that starts here: as wide as the alignment of its start, and as what is left.
            aligned = (low & -low).bit_length() - 1 if low else bits
            host_bits = min(aligned, (high - low + 1).bit_length() - 1)
            networks.append((low, bits - host_bits))
            low += 1 << host_bits
    return tuple(networks)


def format_address(address: int, family: int) -> str:
    """The usual text of an address: dotted quad, or RFC 5952."""
    if family == 4:
        return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
    return str(IPv6Address(address))


def format_network(network: Network, family: int) -> str:
    """A network in CIDR notation; without its prefix length when it is one address."""
    base, prefix = network
    text = format_address(base, family)
    return text if prefix == BITS[family] else f"{text}/{prefix}"
