"""pyspf over the same answers: an engine written by others, to be disagreed with only for a reason that has a name.

`DEFECTS` is the list of those reasons. Each is a way to take the defect out of the comparison: by mending pyspf, or by
rewriting what triggers it. A difference is explained by the fewest of them without which it is gone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import combinations
from typing import Any

import spf

from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.message import identity
from spfcheck.rfc7208.verdict import Verdict

TYPES = {"A": Rtype.A, "AAAA": Rtype.AAAA, "MX": Rtype.MX, "PTR": Rtype.PTR, "TXT": Rtype.TXT, "SPF": Rtype.SPF}
Answer = Callable[[Question], Reply]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One message in one zone."""

    ip: str
    sender: str
    helo: str
    answer: Answer

    def ours(self) -> Verdict:
        who = identity(self.sender, self.helo)
        return run(check_host(self.ip, who.domain, self.sender, self.helo), self.answer)

    def theirs(self, engine: type[spf.query] = spf.query) -> str:
        """The result of pyspf; an exception's name where one escapes it."""

        def lookup(name: str, qtype: str, *_: object) -> list[tuple[tuple[str, str], Any]]:
            reply = self.answer(Question(name.lower(), TYPES[qtype]))
            if reply.failed:
                raise spf.TempError("DNS timeout")
            return [((name, qtype), _value(qtype, item)) for item in reply.records]

        spf.DNSLookup = lookup
        try:
            result: str = engine(i=self.ip, s=self.sender, h=self.helo, querytime=0, timeout=20).check()[0]
        except Exception as error:  # noqa: BLE001  (whatever escapes it is what is compared)
            return type(error).__name__
        return result

    def rewritten(self, rewrite: Callable[[str], str]) -> Judgement:
        """The same with the text of every SPF record rewritten."""

        def answer(question: Question) -> Reply:
            reply = self.answer(question)
            if question.rtype is not Rtype.TXT or not reply.records:
                return reply
            return replace(reply, records=tuple((_rewritten(item, rewrite),) for item in reply.records))

        return replace(self, answer=answer)


def _rewritten(strings: tuple[bytes, ...], rewrite: Callable[[str], str]) -> bytes:
    text = b"".join(strings)
    return rewrite(text.decode("latin-1")).encode("latin-1") if text[:6].lower() == b"v=spf1" else text


def _value(qtype: str, item: Any) -> Any:
    if qtype == "A":
        return str(IPv4Address(item))
    if qtype == "AAAA":
        return str(IPv6Address(item))
    return item


class _AsksMxHostsInTurn:
    """mx-hosts-before-comparing: pyspf asks for the addresses of all MX hosts before it compares the first.

    So a void or failing host behind the one that matches is counted. RFC 7208 5.4 compares each address returned.
    """

    def dns_mx(self, domainname):
        names = self.dns(domainname, "MX")
        if len(names) > spf.MAX_MX:
            raise spf.PermError(f"More than {spf.MAX_MX} MX records returned")
        return (address for _, name in sorted(names) for address in self.dns_a(name, self.A))

    def cidrmatch(self, ipaddrs, n):
        return any(self.ipaddr in ip_network(ip).supernet(new_prefix=n) for ip in ipaddrs)


class _SkipsFailingNames:
    """ptr-failure-temperror: RFC 7208 5.5 makes a DNS failure of ptr no match, and skips a name that fails."""

    def validated_ptrs(self):
        try:
            names = self.dns_ptr(self.i)[: spf.MAX_PTR]
        except spf.TempError:
            return []
        valid = []
        for name in names:
            try:
                if self.cidrmatch(self.dns_a(name, self.A), self.cidrmax):
                    valid.append(name)
            except spf.TempError:
                continue
        return valid


class _CutsUntilItFits:
    """long-name-cut-once: a name over 253 bytes loses one label on the left and not as many as it takes."""

    def expand(self, s, stripdot=True):
        name = super().expand(s, stripdot)
        while stripdot and len(name) > 253 and "." in name:
            name = name.partition(".")[2]
        return name


class _IncludesItself:
    """self-include-at-sight: a record that includes itself is refused even where that term is never reached."""

    def validate_mechanism(self, mech):
        sign, name, rest = re.match(r"([-+?~]?)([^:/]*)(.*)", mech, re.DOTALL).groups()
        if name.lower() == "include" and rest.startswith(":") and self.expand_domain(rest[1:]) == self.d:
            return mech, "include", self.d, self.cidrmax, spf.RESULTS.get(sign, "pass")
        return super().validate_mechanism(mech)


class _CountsRedirectsFollowed:
    """redirect-counts-unreached: a redirect costs a lookup once it is read, be it beside ``all`` or never reached."""

    level = -1

    def check_lookups(self):
        # While pyspf reads modifiers, its variable m is what a regular expression split; later it is a mechanism.
        if not isinstance(sys._getframe(1).f_locals.get("m"), list):
            super().check_lookups()

    def check1(self, spf, domain, recursion):
        above, self.level = self.level, recursion
        try:
            if recursion == above:  # an include is one level down, a redirect is not
                super().check_lookups()
            return super().check1(spf, domain, recursion)
        finally:
            self.level = above


def _without_client_name(text: str) -> str:
    """client-name-asked-early: ``%{p}`` is resolved once, while the record is read, even where never reached."""
    return re.sub(r"%\{p[^}]*\}", "client-name.invalid", text, flags=re.IGNORECASE)


def _with_lower_modifiers(text: str) -> str:
    """upper-case-modifier: ``REDIRECT=`` is taken for an unknown modifier, though names are case-insensitive."""
    return re.sub(r"(?<= )[A-Za-z]+=", lambda match: match.group().lower(), text)


def _without_zero_digits(text: str) -> str:
    """zero-digits: ``%{d0}`` is accepted, though RFC 7208 7.1 wants a number that is not zero."""
    return re.sub(r"%\{[a-zA-Z]0+[^}]*\}", "%x", text)


def _without_open_macros(text: str) -> str:
    """open-macro: ``%{d`` without its end is taken literally."""
    return re.sub(r"%\{[^}]*( |$)", r"%x\1", text)


def _without_upper_reversal(text: str) -> str:
    """upper-reversal: ``%{dR}`` is accepted; we read the grammar's letter strictly."""
    return re.sub(r"%\{([a-zA-Z]\d*)R[^}]*\}", "%x", text)


DEFECTS: dict[str, type | Callable[[str], str]] = {
    made.__doc__.partition(":")[0]: made
    for made in (
        _AsksMxHostsInTurn,
        _SkipsFailingNames,
        _CutsUntilItFits,
        _IncludesItself,
        _CountsRedirectsFollowed,
        _without_client_name,
        _with_lower_modifiers,
        _without_zero_digits,
        _without_open_macros,
        _without_upper_reversal,
    )
}
"""pyspf 2.0.14's known defects by name, each with what takes it out of a comparison."""


def agree(judgement: Judgement, defects: Iterable[str]) -> bool:
    """Whether both engines agree once *defects* are taken out."""
    mends = [DEFECTS[name] for name in defects]
    classes = tuple(mend for mend in mends if isinstance(mend, type))
    for mend in mends:
        if not isinstance(mend, type):
            judgement = judgement.rewritten(mend)
    return judgement.theirs(type("Mended", (*classes, spf.query), {})) == judgement.ours().result


def explanation(judgement: Judgement) -> tuple[str, ...] | None:
    """The fewest defects that account for a difference; empty where there is none, None where nothing does."""
    for count in range(len(DEFECTS) + 1):
        for names in combinations(DEFECTS, count):
            if agree(judgement, names):
                return names
        if count == 2 and not agree(judgement, DEFECTS):
            return None
    return None
