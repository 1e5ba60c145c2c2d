"""The grammar of one term: text in, a `Term` or the problem with it out (RFC 7208 sections 4.6.1, 5, 6, 7.1 and 12)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from spfcheck.rfc7208.macro import MacroError, Spec, compile_macros, dns_name
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.ranges import from_network
from spfcheck.rfc7208.term import QUALIFIED, Problem, ProblemCode, Result, Span, Term

# RFC 7208 4.6.1: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ), and a modifier is a name followed by "=".
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9_.\-]*)=(.*)\Z", re.IGNORECASE | re.ASCII | re.DOTALL)
_MECHANISM: Final = re.compile(r"([+\-?~]?)([^:/]*)(.*)\Z", re.DOTALL)
_DUAL_CIDR: Final = re.compile(r"(.*?)(?:/([0-9]+))?(?://([0-9]+))?\Z", re.DOTALL | re.ASCII)
_PREFIX: Final = re.compile(r"(?:0|[1-9][0-9]?[0-9]?)\Z", re.ASCII)
# RFC 7208 5.6: qnum, without leading zeros.
_QNUM: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP4: Final = re.compile(rf"{_QNUM}\.{_QNUM}\.{_QNUM}\.{_QNUM}\Z", re.ASCII)
# RFC 7208 7.1: a toplabel begins and ends with a letter or digit, may hold hyphens between, and is not all digits.
_TOPLABEL: Final = re.compile(r"(?![0-9]+\Z)[0-9a-z](?:[0-9a-z\-]*[0-9a-z])?\Z", re.IGNORECASE | re.ASCII)
_BAD_CHARACTER: Final = re.compile(r"[^\x21-\x7e]")
_new_term: Final = maker(Term)
_new: Final = tuple.__new__  # what a named tuple's own constructor ends in


class _InvalidError(Exception):
    """A term breaks the grammar between *start* and *stop*, offsets in the term."""

    def __init__(self, code: ProblemCode, detail: str, start: int = 0, stop: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.start = start
        self.stop = stop


def read_term(text: str, offset: int, problems: list[Problem]) -> Term:
    """Read the term *text*, which stands at *offset* of its record; what is wrong with it goes to *problems*."""
    span = _new(Span, (offset, offset + len(text)))
    try:
        if (" " in text or not (text.isascii() and text.isprintable())) and (bad := _BAD_CHARACTER.search(text)):
            code = (
                ProblemCode.NON_ASCII
                if bad.group() > "\x7e" and bad.group() != "\x7f"
                else ProblemCode.CONTROL_CHARACTER
            )
            raise _InvalidError(code, f"the byte 0x{ord(bad.group()):02X} has no place in a record", *bad.span())
        if "=" in text and (match := _MODIFIER.match(text)):
            return _read_modifier(text, span, match.group(1).lower(), match.group(2), match.start(2))
        return _read_mechanism(text, span)
    except _InvalidError as error:
        start = offset + error.start
        stop = span.stop if error.stop is None else offset + error.stop
        problems.append(Problem(error.code, Span(start, max(stop, start)), str(error)))
    name, is_modifier = _name_of(text)
    return _new_term(text, span, name, Result.PASS, is_modifier=is_modifier, valid=False)


def _name_of(text: str) -> tuple[str, bool]:
    """The name that a broken term would have, so that a report can still say what it is about."""
    if match := _MODIFIER.match(text):
        return match.group(1).lower(), True
    match = _MECHANISM.match(text)
    return (match.group(2).lower() if match else "", False)


def _read_modifier(text: str, span: Span, name: str, value: str, at: int) -> Term:
    if name in ("redirect", "exp"):
        spec, target = _domain_spec(value, at, must_exist=name == "redirect")
        return _new_term(
            text, span, name, Result.PASS, "", True, value, spec, target, cost=1 if name == "redirect" else 0
        )
    # RFC 7208 6: unrecognised modifiers are ignored, but their value is a macro-string and is checked as one.
    _macros(value, at)
    return _new_term(text, span, name, Result.PASS, "", True, value)


def _read_mechanism(text: str, span: Span) -> Term:
    match = _MECHANISM.match(text)
    assert match is not None, "the expression matches every text"
    qualifier, written, argument = match.groups()
    name = written.lower()
    result = QUALIFIED[qualifier]
    at = match.start(3)
    if name == "all":
        if argument:
            raise _InvalidError(ProblemCode.UNEXPECTED_ARGUMENT, "nothing may follow all", at)
        return _new_term(text, span, name, result, qualifier)
    if name in ("ip4", "ip6"):
        return _read_network(text, span, name, qualifier, argument, at)
    if name in ("a", "mx"):
        rest, cidr4, cidr6 = _dual_cidr(argument, at)
        spec, target, written_spec = _optional_domain(rest, at)
        return _new_term(
            text, span, name, result, qualifier, False, written_spec, spec, target, cidr4=cidr4, cidr6=cidr6, cost=1
        )
    if name in ("include", "exists"):
        if not argument.startswith(":") or argument == ":":
            raise _InvalidError(
                ProblemCode.MISSING_DOMAIN, f"{name} needs a colon and a domain", 0 if not argument else at
            )
        spec, target = _domain_spec(argument[1:], at + 1)
        return _new_term(text, span, name, result, qualifier, False, argument[1:], spec, target, cost=1)
    if name == "ptr":
        spec, target, written_spec = _optional_domain(argument, at)
        return _new_term(text, span, name, result, qualifier, False, written_spec, spec, target, cost=1)
    raise _InvalidError(
        ProblemCode.UNKNOWN_MECHANISM, f"there is no mechanism {name[:40]!r}" if name else "a name is missing"
    )


def _optional_domain(argument: str, at: int) -> tuple[Spec | None, str | None, str | None]:
    if not argument:
        return None, None, None
    if not argument.startswith(":"):
        raise _InvalidError(ProblemCode.UNEXPECTED_ARGUMENT, "a prefix length has no place here", at)
    spec, target = _domain_spec(argument[1:], at + 1)
    return spec, target, argument[1:]


def _dual_cidr(argument: str, at: int) -> tuple[str, int, int]:
    """Take ``[ "/" ip4-cidr ] [ "//" ip6-cidr ]`` off the end of *argument* (RFC 7208 5.3, 5.4)."""
    if "/" not in argument:
        return argument, 32, 128
    match = _DUAL_CIDR.match(argument)
    assert match is not None, "the expression matches every text"
    rest, cidr4, cidr6 = match.groups()
    if rest.endswith("/") or (rest and not rest.startswith(":")):
        raise _InvalidError(
            ProblemCode.INVALID_PREFIX, "a prefix length is /0 to /32, //0 to //128, or both in that order", at
        )
    return (
        rest,
        32 if cidr4 is None else _prefix(cidr4, 32, at + match.start(2)),
        128 if cidr6 is None else _prefix(cidr6, 128, at + match.start(3)),
    )


def _prefix(digits: str, longest: int, at: int) -> int:
    # RFC 7208 5.6 writes prefix lengths without leading zeros and leaves no room beyond the address.
    if _PREFIX.match(digits) is None or int(digits) > longest:
        raise _InvalidError(
            ProblemCode.INVALID_PREFIX,
            f"a prefix length is 0 to {longest}, without leading zeros",
            at,
            at + len(digits),
        )
    return int(digits)


def _read_network(text: str, span: Span, name: str, qualifier: str, argument: str, at: int) -> Term:
    if not argument.startswith(":") or argument == ":":
        raise _InvalidError(
            ProblemCode.INVALID_NETWORK, f"{name} needs a colon and an address", 0 if not argument else at
        )
    family, longest = (4, 32) if name == "ip4" else (6, 128)
    address, slash, digits = argument[1:].partition("/")
    value = _ip4(address) if family == 4 else _ip6(address)
    if value is None:
        raise _InvalidError(
            ProblemCode.INVALID_NETWORK, f"{address[:60]!r} is no IPv{family} address", at + 1, at + 1 + len(address)
        )
    prefix = _prefix(digits, longest, at + 2 + len(address)) if slash else longest
    (network,) = from_network(value, prefix, family)
    cidr4, cidr6 = (prefix, 128) if family == 4 else (32, prefix)
    return _new_term(
        text,
        span,
        name,
        QUALIFIED[qualifier],
        qualifier,
        False,
        address,
        network=network,
        family=family,
        cidr4=cidr4,
        cidr6=cidr6,
    )


def _ip4(text: str) -> int | None:
    match = _IP4.match(text)
    if match is None:
        return None
    a, b, c, d = match.groups()
    return (int(a) << 24) | (int(b) << 16) | (int(c) << 8) | int(d)


def _ip6(text: str) -> int | None:
    try:
        # A zone index is no part of the grammar of RFC 4291 2.2.
        return None if "%" in text else int(IPv6Address(text))
    except AddressValueError:
        return None


def _macros(text: str, at: int) -> Spec:
    try:
        return compile_macros(text)
    except MacroError as error:
        code = ProblemCode.EXPLANATION_MACRO if error.explanation_only else ProblemCode.INVALID_MACRO
        raise _InvalidError(code, str(error), at + error.offset) from None


def _domain_spec(text: str, at: int, *, must_exist: bool = True) -> tuple[Spec, str | None]:
    """Compile a domain-spec, and the name to ask for where it has no macro letters."""
    if not text:
        raise _InvalidError(ProblemCode.MISSING_DOMAIN, "a domain must follow", at)
    spec = _macros(text, at)
    # RFC 7208 7.1: domain-end = ( "." toplabel [ "." ] ) / macro-expand
    _, dot, label = text.removesuffix(".").rpartition(".")
    if not spec.ends_in_macro and not (dot and _TOPLABEL.match(label)):
        if re.search(r"/[0-9]+\Z", text, re.ASCII):
            raise _InvalidError(ProblemCode.UNEXPECTED_ARGUMENT, "a prefix length has no place here", at)
        raise _InvalidError(
            ProblemCode.INVALID_DOMAIN, "a domain ends in a dot and a top-level label, or in a macro", at
        )
    if spec.letters:
        return spec, None
    literal = spec.literal or ""
    # Unlike a name that macros make (7.3), a literal one is not cut to fit.
    target = dns_name(literal) if len(literal.removesuffix(".")) <= 253 else None
    # RFC 7208 4.8 leaves names that cannot exist open: a literal one is a mistake of the record, so permerror. An
    # explanation is never a reason for an error (6.2).
    if target is None and must_exist:
        raise _InvalidError(ProblemCode.IMPOSSIBLE_NAME, "no such name can exist: a label is empty or too long", at)
    return spec, target
