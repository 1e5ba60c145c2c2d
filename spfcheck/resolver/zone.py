"""DNS answers from a zone text: for tests, `--zone FILE`, the demo and "what if I published this?".

One record a line, ``name [TTL] TYPE value``. Names are absolute, a trailing dot changes nothing; ``;`` and ``#``
begin a comment. Failures are data too::

    customer.example  TXT  "v=spf1 include:_spf.mail.example -all"
    customer.example  MX   10 mx.customer.example
    *.pool.example    A    192.0.2.1
    www.example       CNAME customer.example
    slow.example      TXT  TIMEOUT
    broken.example    ANY  SERVFAIL
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.resolver.wire_names import LONGEST_CHAIN, decode, encode

DEFAULT_TTL = 300
"""Seconds, where a line gives no TTL."""
LONGEST_STRING = 255
"""Bytes of one character-string (RFC 1035 3.3); a longer one in a zone text is cut into several."""
MAX_TTL = 2**31 - 1
"""RFC 2181 8."""

_FAILURES = {
    "TIMEOUT": Outcome.TIMEOUT,
    "SERVFAIL": Outcome.SERVFAIL,
    "REFUSED": Outcome.REFUSED,
    "NXDOMAIN": Outcome.NXDOMAIN,
    "NODATA": Outcome.NODATA,
    "BOGUS": Outcome.BOGUS,
    "MALFORMED": Outcome.MALFORMED,
    "TRUNCATED": Outcome.TRUNCATED,
}
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|;|#|$)|([^\s"]+)')
_ESCAPE = re.compile(r"\\(?:(\d{3})|(.))", re.DOTALL)


class ZoneError(ValueError):
    """A line of a zone text that cannot be read; says which and why in one sentence."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


class ZoneAnswer(NamedTuple):
    """What a zone holds for one question."""

    outcome: Outcome
    records: tuple[Any, ...]
    ttl: int
    links: tuple[tuple[str, str, int], ...]
    """The CNAMEs that were followed: owner, target and TTL."""
    illegal_cname: bool


@dataclass(slots=True)
class _Entry:
    records: list[Any] = field(default_factory=list)
    ttl: int = MAX_TTL
    failure: Outcome | None = None


class Zone:
    """The records of a zone text, asked by `find`."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[Rtype | None, _Entry]] = {}
        self._exists: set[str] = {""}

    @classmethod
    def parse(cls, text: str) -> Zone:
        """The zone that *text* describes; raises ZoneError for the first line that cannot be read."""
        zone = cls()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                zone._add_line(line)
            except ValueError as error:
                raise ZoneError(number, str(error)) from None
        return zone

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def add(self, name: str, rtype: Rtype | None, value: Any, ttl: int = DEFAULT_TTL) -> None:
        """Add one record: *value* as `rfc7208.lookup.Reply` has it, or an `Outcome`; *rtype* None is every type."""
        name = name.lower().removesuffix(".")
        entry = self._nodes.setdefault(name, {}).setdefault(rtype, _Entry())
        if isinstance(value, Outcome):
            entry.failure = value
        elif value not in entry.records:  # RFC 2181 5: a record set holds a record once
            entry.records.append(value)
            entry.ttl = min(entry.ttl, ttl)
        while name not in self._exists:
            self._exists.add(name)
            name = name.partition(".")[2]

    def find(self, question: Question) -> ZoneAnswer:
        """What the zone says to *question*: CNAMEs followed, wildcards applied (RFC 4592), failures as written."""
        name = question.name
        links: list[tuple[str, str, int]] = []
        while True:
            node = self._node(name)
            if node is None:
                return ZoneAnswer(Outcome.NXDOMAIN, (), DEFAULT_TTL, tuple(links), False)
            entry = node.get(question.rtype) or node.get(None)
            alias = node.get(Rtype.CNAME)
            if entry is not None and entry.failure is not None:
                return ZoneAnswer(entry.failure, (), DEFAULT_TTL, tuple(links), False)
            if entry is not None:
                return ZoneAnswer(Outcome.OK, tuple(entry.records), entry.ttl, tuple(links), alias is not None)
            if alias is None:
                return ZoneAnswer(Outcome.NODATA, (), DEFAULT_TTL, tuple(links), False)
            if alias.failure is not None:
                return ZoneAnswer(alias.failure, (), DEFAULT_TTL, tuple(links), False)
            target = alias.records[0]
            links.append((name, target, alias.ttl))
            if len(links) > LONGEST_CHAIN or any(target == owner for owner, _, _ in links):
                return ZoneAnswer(Outcome.CHAIN, (), 0, tuple(links), False)
            name = target

    def _node(self, name: str) -> dict[Rtype | None, _Entry] | None:
        """The records at *name*, by a wildcard where RFC 4592 3.3 says so; None when the name does not exist."""
        if name in self._exists:
            return self._nodes.get(name, {})
        if encode(name) is None:
            return None
        encloser = name
        while encloser not in self._exists:
            encloser = encloser.partition(".")[2]
        return self._nodes.get(f"*.{encloser}" if encloser else "*")

    def _add_line(self, line: str) -> None:
        words = _words(line)
        if not words:
            return
        if words[0].text.startswith("$"):
            raise ValueError(f"{words[0].text} is not understood: write whole names, and the TTL on each line")
        name = _name(words[0].text)
        position = 1
        ttl = DEFAULT_TTL
        if position < len(words) and words[position].text.isascii() and words[position].text.isdecimal():
            ttl = _number(words[position].text, MAX_TTL, "a TTL")
            position += 1
        if position < len(words) and words[position].text.upper() == "IN" and not words[position].quoted:
            position += 1
        if len(words) < position + 2:
            raise ValueError("expected a name, a type and a value")
        kind = words[position].text.upper()
        values = words[position + 1 :]
        failure = _FAILURES.get(values[0].text.upper()) if len(values) == 1 and not values[0].quoted else None
        if kind == "ANY" and failure is not None:
            self.add(name, None, failure)
            return
        if kind not in _READERS:
            raise ValueError(f"the type {words[position].text} is not one of {', '.join(_READERS)}")
        rtype = Rtype[kind]
        value: Any = failure
        if value is None:
            value = _READERS[kind](values)
        if rtype is Rtype.CNAME and len(self._nodes.get(name, {}).get(rtype, _Entry()).records) > 0:
            raise ValueError(f"{name} has a CNAME already")
        self.add(name, rtype, value, ttl)


class ZoneLookup:
    """A `Lookup` over a `Zone`: every answer is known at once."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def cached(self, question: Question) -> Answer:
        """What the zone says; a negative counts as one with its SOA."""
        found = self._zone.find(question)
        negative = found.outcome in (Outcome.NODATA, Outcome.NXDOMAIN)
        return Answer(
            question=question,
            outcome=found.outcome,
            records=found.records,
            ttl=found.ttl if negative or found.outcome is Outcome.OK else 0,
            resolver="zone",
            rcode=_RCODES.get(found.outcome),
            soa_seen=negative,
            chain=tuple(target for _, target, _ in found.links),
            illegal_cname=found.illegal_cname,
        )

    async def ask(self, question: Question) -> Answer:
        """What the zone says, at once."""
        return self.cached(question)


_RCODES = {
    Outcome.OK: 0,
    Outcome.NODATA: 0,
    Outcome.NXDOMAIN: 3,
    Outcome.SERVFAIL: 2,
    Outcome.REFUSED: 5,
    Outcome.BOGUS: 2,
}


class _Word(NamedTuple):
    text: str
    quoted: bool


def _words(line: str) -> list[_Word]:
    """The words of *line* without its comment; quotes taken off, escapes left in."""
    words = []
    position = 0
    while position < len(line):
        if line[position].isspace():
            position += 1
            continue
        if line[position] in ";#":
            break
        match = _TOKEN.match(line, position)
        if match is None:
            raise ValueError("a quoted string does not end, or runs into the next word")
        quoted = match[1] is not None
        text = match[1] if quoted else match[2]
        if not quoted and ";" in text:
            text = text[: text.index(";")]
            words.append(_Word(text, False))
            break
        words.append(_Word(text, quoted))
        position = match.end()
    return words


def _unescape(text: str) -> bytes:
    """The bytes of a character-string: ``\\DDD`` is a byte, ``\\X`` is X, anything else is UTF-8."""
    out = bytearray()
    position = 0
    for match in _ESCAPE.finditer(text):
        out += text[position : match.start()].encode("utf-8", "surrogateescape")
        if match[1] is None:
            out += match[2].encode()
        elif int(match[1]) > LONGEST_STRING:
            raise ValueError(f"\\{match[1]} is no byte: the largest is \\255")
        else:
            out.append(int(match[1]))
        position = match.end()
    return bytes(out + text[position:].encode("utf-8", "surrogateescape"))


def _name(text: str) -> str:
    if text == ".":
        return ""
    if not text.isascii():
        raise ValueError(f"the name {text} is not ASCII: write it in its xn-- form")
    name = text.removesuffix(".").lower()
    if "\\" in name:
        labels = [_unescape(label) for label in name.split(".")]
        if any(b"." in label for label in labels):
            raise ValueError("a dot inside a label is not supported")
        name = b".".join(labels).decode("latin-1")
    if encode(name) is None:
        raise ValueError(f"{text} is no name: a label has 1 to 63 characters, a name at most 253")
    return name


def _number(text: str, largest: int, what: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > largest:
        raise ValueError(f"{text} is not {what} from 0 to {largest}")
    return int(text)


def _single(words: list[_Word], what: str) -> str:
    if len(words) != 1:
        raise ValueError(f"expected one {what}")
    return words[0].text


def _txt(words: list[_Word]) -> tuple[bytes, ...]:
    """Quoted words are character-strings; text without quotes is one, its single spaces kept."""
    if any(word.quoted for word in words):
        strings = [_unescape(word.text) for word in words]
    else:
        strings = [_unescape(" ".join(word.text for word in words))]
    cut: list[bytes] = []
    for string in strings:
        cut += [string[at : at + LONGEST_STRING] for at in range(0, max(len(string), 1), LONGEST_STRING)]
    return tuple(cut)


def _a(words: list[_Word]) -> int:
    text = _single(words, "IPv4 address")
    try:
        return int(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError(f"{text} is no IPv4 address") from None


def _aaaa(words: list[_Word]) -> int:
    text = _single(words, "IPv6 address")
    try:
        return int(ipaddress.IPv6Address(text))
    except ValueError:
        raise ValueError(f"{text} is no IPv6 address") from None


def _mx(words: list[_Word]) -> tuple[int, str]:
    if len(words) != 2:
        raise ValueError("expected a preference and a name")
    return (_number(words[0].text, 65535, "a preference"), _printed(words[1].text))


def _ptr(words: list[_Word]) -> str:
    return _printed(_single(words, "name"))


def _cname(words: list[_Word]) -> str:
    return _name(_single(words, "name"))


def _printed(text: str) -> str:
    """A name that is a value, as the network's answers write it."""
    return decode(encode(_name(text)) or b"\0")


_READERS: dict[str, Callable[[list[_Word]], Any]] = {
    "TXT": _txt,
    "A": _a,
    "AAAA": _aaaa,
    "MX": _mx,
    "PTR": _ptr,
    "CNAME": _cname,
    "SPF": _txt,
}
