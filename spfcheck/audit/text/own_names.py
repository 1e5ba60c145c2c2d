"""Names in a record: what the DNS says of them, and which are our own misspelt."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Protocol

from spfcheck.audit.text.typos import distance
from spfcheck.rfc7208.effort import Effort

__all__ = ["HOST", "NAME", "NameFacts", "clean_name", "holds_own", "own_meant", "wrongly"]

NAME: Final = re.compile(
    r"(?=.*[a-z])[a-z0-9_](?:[a-z0-9_\-.]*[a-z0-9])?\.[a-z][a-z0-9\-]*[a-z0-9]\.?\Z", re.IGNORECASE | re.ASCII
)
"""A host or domain as people write it."""
HOST: Final = re.compile(r"[a-z0-9_.\-]+\Z", re.IGNORECASE | re.ASCII)
"""The characters of a name that a host may have."""
_NAME_LIKE: Final = re.compile(r"[a-z0-9_][a-z0-9_.\-]{3,}", re.IGNORECASE | re.ASCII)
_AROUND: Final = re.compile(r"\A(?:[a-z]+:)?/*@?|[/.]+\Z", re.IGNORECASE)
_LONG: Final = 12
"""Letters from which on two slips still leave no doubt which name is meant."""


class NameFacts(Protocol):
    """What is known of the names in a record; `has_...` is False as well while the DNS was not asked."""

    domain: str
    """The name whose record it is."""
    own: frozenset[str]
    """Our includes."""
    work: Effort
    """What a text may take to be read."""

    def has_record(self, name: str) -> bool:
        """*name* has exactly one SPF record."""

    def publishes(self, name: str) -> bool:
        """*name* has an SPF record, or several."""

    def has_address(self, name: str) -> bool:
        """*name* has an address."""

    def has_mail(self, name: str) -> bool:
        """*name* has a mail host."""


def clean_name(text: str) -> str:
    """*text* without what is put around a name by mistake: ``http://``, ``@``, slashes and dots."""
    return _AROUND.sub("", text.strip("<>()[]\"' ")).lower()


_NETWORKS: Final = frozenset({"ip4", "ip6"})
_NO_MARKS: Final = str.maketrans("", "", "._-")


def own_meant(text: str, own: frozenset[str], domain: str) -> str | None:
    """The one of our names that *text* is, or is a misspelling of; None where it is none, or might be two."""
    for one in own:
        # A panel added the zone behind the name.
        if text.lower().rstrip("./").endswith(domain.lower()) and _added(clean_name(text), one, domain):
            return one
    return _near(text, own)


def _added(name: str, own: str, domain: str) -> bool:
    parents = domain.lower().split(".")
    return any(name == f"{own}.{'.'.join(parents[index:])}" for index in range(len(parents) - 1))


@lru_cache(maxsize=16_384)
def _near(text: str, own: frozenset[str]) -> str | None:
    """The same, whatever the domain: the words of records are few, and come again."""
    name = clean_name(text)
    if name in own:
        return name
    near = [one for one in sorted(own) if _is_misspelt(name, one)]
    return near[0] if len(near) == 1 else None


def _is_misspelt(name: str, own: str) -> bool:
    if len(name) < 5 or "." not in own:
        return False
    if name.translate(_NO_MARKS) == own.translate(_NO_MARKS):
        return True
    most = 2 if len(own) >= _LONG else 1
    # Each slip brings in one letter and takes out one at most.
    if len(set(name) ^ set(own)) > 2 * most:
        return False
    return distance(name, own, most) <= most


def wrongly(text: str, own: frozenset[str], domain: str) -> bool:
    """True where a term of the record *text* may name us by a wrong word, or by a name that is ours misspelt."""
    lower = text.lower()
    if domain in lower and any(f"{one}." in lower for one in own):
        return True
    for term in lower.split(" "):
        # Networks are most of what a record holds, and are no names.
        if term[:3] not in _NETWORKS and (":" in term or "=" in term) and _is_wrong(term, own):
            return True
    return False


@lru_cache(maxsize=16_384)
def _is_wrong(term: str, own: frozenset[str]) -> bool:
    word, mark, name = term.partition(":") if ":" in term else term.partition("=")
    one = _near(name, own)
    return one is not None and (name != one or not word.endswith("include") or mark == "=")


def holds_own(text: str, own: frozenset[str], domain: str) -> bool:
    """True where some word of *text* is one of our names, or a misspelling of it."""
    lower = text.lower()
    if not any(part in lower for one in own for part in _parts(one)):
        return False
    return any(
        own_meant(match.group(), own, domain) is not None
        or any(own_meant(half, own, domain) for half in re.split(r"[:=@]", match.group()) if half)
        for match in _NAME_LIKE.finditer(lower)
    )


@lru_cache(maxsize=256)
def _parts(own: str) -> tuple[str, ...]:
    """The labels of a name that a misspelling of it may leave whole."""
    long = tuple(label for label in own.strip("_").split(".") if len(label) >= 3)
    return long or (own,)
