"""SPF records: text in, every term and every problem out (RFC 7208 sections 4.5, 4.6, 5, 6 and 12).

`parse` never raises. The whole record is read before anything is evaluated; one problem anywhere makes the record
invalid. Offsets count bytes, which are also the characters of `Record.text` (latin-1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import AddressValueError, IPv6Address
from typing import Any, NamedTuple

from spfcheck.rfc7208.kept import Kept
from spfcheck.rfc7208.macro import MacroError, Spec, compile_macros, dns_name
from spfcheck.rfc7208.ranges import Range, from_network

__all__ = ["Problem", "ProblemCode", "Record", "Result", "Span", "Term", "canonical", "parse", "select"]


class Result(StrEnum):
    """The results of check_host() (RFC 7208 2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105  (a result, not a password)
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class ProblemCode(StrEnum):
    """What can be wrong with a record. Closed; the strings are stable."""

    NOT_SPF = "not-spf"
    """The text does not begin with ``v=spf1`` and a space or its end (4.5)."""
    NON_ASCII = "non-ascii"
    """A byte above 0x7F (3.1)."""
    CONTROL_CHARACTER = "control-character"
    """A tab, line break or another control character; terms are separated by spaces only (4.6.1)."""
    UNKNOWN_MECHANISM = "unknown-mechanism"
    """A term that is neither a mechanism nor a modifier (4.6.1)."""
    MISSING_DOMAIN = "missing-domain"
    """A term that needs a domain has none, or nothing follows its colon or equals sign."""
    INVALID_DOMAIN = "invalid-domain"
    """A domain that does not end in a dot and a top-level label, or in a macro (7.1)."""
    IMPOSSIBLE_NAME = "impossible-name"
    """A domain without macros that cannot exist: an empty label, one over 63, or over 253 bytes in all (RFC 1035)."""
    INVALID_MACRO = "invalid-macro"
    """A percent sign or macro that breaks the grammar (7.1)."""
    EXPLANATION_MACRO = "explanation-macro"
    """``%{c}``, ``%{r}`` or ``%{t}`` outside an explanation (7.2)."""
    INVALID_NETWORK = "invalid-network"
    """``ip4`` or ``ip6`` without a valid address of that family (5.6)."""
    INVALID_PREFIX = "invalid-prefix"
    """A prefix length that is no number in range, or has a leading zero (5.6)."""
    UNEXPECTED_ARGUMENT = "unexpected-argument"
    """Something follows a mechanism that takes nothing of the kind, such as ``all:x`` or ``exists:x/24``."""
    DUPLICATE_MODIFIER = "duplicate-modifier"
    """``redirect`` or ``exp`` a second time (6)."""


class Span(NamedTuple):
    """A slice of a record's text."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One break of the grammar: what, where, and a sentence's worth of detail."""

    code: ProblemCode
    span: Span
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A directive or modifier as written; compared by identity.

    *name* is lower-case. *qualifier* is the sign as written, empty where none is. *domain_spec* is None where none is
    written. *target* is the name to ask for where the domain-spec has no macro letters. *network* is the range of an
    ``ip4`` or ``ip6``, whose *family* is 4 or 6. *cidr4* and *cidr6* are prefix lengths (of ``ip4``, ``ip6``, ``a``
    and ``mx``; 32 and 128 where none is written). *cost* is 1 for a term that spends a lookup (4.6.4).
    """

    text: str
    span: Span
    name: str
    qualifier: str = ""
    is_modifier: bool = False
    domain_spec: str | None = None
    spec: Spec | None = None
    target: str | None = None
    network: Range | None = None
    family: int | None = None
    cidr4: int = 32
    cidr6: int = 128
    cost: int = 0
    valid: bool = True
    result: Result = field(init=False)
    """What the record says of an address that this mechanism matches (4.6.2)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "result", _QUALIFIED[self.qualifier])


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One SPF record, read completely; compared by identity, since equal texts give the same object."""

    text: str
    terms: tuple[Term, ...]
    problems: tuple[Problem, ...]
    all_term: Term | None
    """The first ``all``, which ends the evaluation."""
    redirect: Term | None
    exp: Term | None
    programs: dict[tuple[int, bool], Any] = field(default_factory=dict, repr=False)
    """What `spfcheck.rfc7208.program` made of this record, by family and detail."""

    @property
    def weight(self) -> int:
        """Roughly how much memory the record takes, in terms."""
        return 4 + len(self.terms) + len(self.problems) + len(self.text) // 256

    @property
    def valid(self) -> bool:
        """True when the record has no problem."""
        return not self.problems

    def source(self, span: Span) -> str:
        """The part of the text that *span* marks."""
        return self.text[span.start : span.stop]


_QUALIFIED = {"": Result.PASS, "+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}
# RFC 7208 4.5: the version ends at a space or at the end of the record; 12: it is case-insensitive.
_VERSION = re.compile(rb"v=spf1(?: |\Z)", re.IGNORECASE)
_TERM = re.compile(r"[^ ]+")
# RFC 7208 4.6.1: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ), and a modifier is a name followed by "=".
_MODIFIER = re.compile(r"([a-z][a-z0-9_.\-]*)=(.*)\Z", re.IGNORECASE | re.ASCII | re.DOTALL)
_MECHANISM = re.compile(r"([+\-?~]?)([^:/]*)(.*)\Z", re.DOTALL)
_DUAL_CIDR = re.compile(r"(.*?)(?:/([0-9]+))?(?://([0-9]+))?\Z", re.DOTALL | re.ASCII)
_PREFIX = re.compile(r"(?:0|[1-9][0-9]?[0-9]?)\Z", re.ASCII)
# RFC 7208 5.6: qnum, without leading zeros.
_QNUM = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP4 = re.compile(rf"{_QNUM}\.{_QNUM}\.{_QNUM}\.{_QNUM}\Z", re.ASCII)
# RFC 7208 7.1: a toplabel begins and ends with a letter or digit, may hold hyphens between, and is not all digits.
_TOPLABEL = re.compile(r"(?![0-9]+\Z)[0-9a-z](?:[0-9a-z\-]*[0-9a-z])?\Z", re.IGNORECASE | re.ASCII)
_BAD_CHARACTER = re.compile(r"[^\x21-\x7e]")
MOST_KEPT = 40_000
"""The weight of the records that are kept by their text, in terms: some 25 MB. Shared includes are what repeats."""


KEPT: Kept[str, Record] = Kept(MOST_KEPT)


def select(records: Sequence[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """The SPF records among the TXT records of an answer, each joined to one text (RFC 7208 3.3, 4.5).

    Texts that do not begin with ``v=spf1`` and a space or the end are not SPF records, however close they look.
    """
    texts = (b"".join(strings) for strings in records)
    return tuple(text for text in texts if _VERSION.match(text))


def parse(text: bytes | str) -> Record:
    """Read an SPF record: all its terms and all its problems; never raises, whatever the text is.

    A `str` is taken as it would be published: characters above U+00FF as their UTF-8 bytes.
    """
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    elif not text.isascii() and max(text) > "\xff":
        text = text.encode("utf-8", "surrogatepass").decode("latin-1")
    record = KEPT.get(text)
    if record is None:
        record = _read(text)
        KEPT.put(text, record, record.weight)
    return record


def canonical(record: Record) -> str:
    """The record in its plainest form: lower-case names, single spaces, no ``+``, no prefix length that is the default.

    Parsing the result gives the same terms again, and the same canonical text.
    """
    return " ".join(["v=spf1", *(_canonical_term(term) for term in record.terms)])


def _canonical_term(term: Term) -> str:
    if not term.valid:
        return term.text
    if term.is_modifier:
        return f"{term.name}={term.domain_spec or ''}"
    text = term.qualifier.replace("+", "") + term.name
    if term.domain_spec is not None:
        text += f":{term.domain_spec}"
    if term.cidr4 != 32:
        text += f"/{term.cidr4}"
    if term.cidr6 != 128:
        text += f"/{term.cidr6}" if term.name == "ip6" else f"//{term.cidr6}"
    return text


def _read(text: str) -> Record:
    problems: list[Problem] = []
    terms: list[Term] = []
    matches = _TERM.finditer(text)
    if _VERSION.match(text.encode("latin-1")):
        next(matches)
    else:
        stop = text.find(" ")
        problems.append(
            Problem(ProblemCode.NOT_SPF, Span(0, stop if stop >= 0 else len(text)), "an SPF record begins with v=spf1")
        )
        if text[:7].lower() == "v=spf1\t":
            next(matches)
    first: dict[str, Term] = {}
    for match in matches:
        term = _read_term(match.group(), match.start(), problems)
        terms.append(term)
        earlier = first.setdefault(f"{term.name}=" if term.is_modifier else term.name, term)
        # RFC 7208 6: redirect and exp "MUST NOT appear in a record more than once each".
        if earlier is not term and term.is_modifier and term.name in ("redirect", "exp"):
            problems.append(Problem(ProblemCode.DUPLICATE_MODIFIER, term.span, f"{term.name}= stands here twice"))
    return Record(text, tuple(terms), tuple(problems), first.get("all"), first.get("redirect="), first.get("exp="))


class _InvalidError(Exception):
    """A term breaks the grammar between *start* and *stop*, offsets in the term."""

    def __init__(self, code: ProblemCode, detail: str, start: int = 0, stop: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.start = start
        self.stop = stop


def _read_term(text: str, offset: int, problems: list[Problem]) -> Term:
    span = Span(offset, offset + len(text))
    try:
        if bad := _BAD_CHARACTER.search(text):
            code = (
                ProblemCode.NON_ASCII
                if bad.group() > "\x7e" and bad.group() != "\x7f"
                else ProblemCode.CONTROL_CHARACTER
            )
            raise _InvalidError(code, f"the byte 0x{ord(bad.group()):02X} has no place in a record", *bad.span())
        if match := _MODIFIER.match(text):
            return _read_modifier(text, span, match.group(1).lower(), match.group(2), match.start(2))
        return _read_mechanism(text, span)
    except _InvalidError as error:
        start = offset + error.start
        stop = span.stop if error.stop is None else offset + error.stop
        problems.append(Problem(error.code, Span(start, max(stop, start)), str(error)))
    name, is_modifier = _name_of(text)
    return Term(text, span, name, is_modifier=is_modifier, valid=False)


def _name_of(text: str) -> tuple[str, bool]:
    """The name that a broken term would have, so that a report can still say what it is about."""
    if match := _MODIFIER.match(text):
        return match.group(1).lower(), True
    match = _MECHANISM.match(text)
    return (match.group(2).lower() if match else "", False)


def _read_modifier(text: str, span: Span, name: str, value: str, at: int) -> Term:
    if name in ("redirect", "exp"):
        spec, target = _domain_spec(value, at, must_exist=name == "redirect")
        return Term(text, span, name, "", True, value, spec, target, cost=1 if name == "redirect" else 0)
    # RFC 7208 6: unrecognised modifiers are ignored, but their value is a macro-string and is checked as one.
    _macros(value, at)
    return Term(text, span, name, "", True, value)


def _read_mechanism(text: str, span: Span) -> Term:
    match = _MECHANISM.match(text)
    assert match is not None, "the expression matches every text"
    qualifier, written, argument = match.groups()
    name = written.lower()
    at = match.start(3)
    if name == "all":
        if argument:
            raise _InvalidError(ProblemCode.UNEXPECTED_ARGUMENT, "nothing may follow all", at)
        return Term(text, span, name, qualifier)
    if name in ("ip4", "ip6"):
        return _read_network(text, span, name, qualifier, argument, at)
    if name in ("a", "mx"):
        rest, cidr4, cidr6 = _dual_cidr(argument, at)
        spec, target, written_spec = _optional_domain(rest, at)
        return Term(text, span, name, qualifier, False, written_spec, spec, target, cidr4=cidr4, cidr6=cidr6, cost=1)
    if name in ("include", "exists"):
        if not argument.startswith(":") or argument == ":":
            raise _InvalidError(
                ProblemCode.MISSING_DOMAIN, f"{name} needs a colon and a domain", 0 if not argument else at
            )
        spec, target = _domain_spec(argument[1:], at + 1)
        return Term(text, span, name, qualifier, False, argument[1:], spec, target, cost=1)
    if name == "ptr":
        spec, target, written_spec = _optional_domain(argument, at)
        return Term(text, span, name, qualifier, False, written_spec, spec, target, cost=1)
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
    return Term(text, span, name, qualifier, False, address, network=network, family=family, cidr4=cidr4, cidr6=cidr6)


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
