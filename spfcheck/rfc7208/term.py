"""The parts of an SPF record as facts: terms, the problems in them, and what a term can result in (RFC 7208 4.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from spfcheck.rfc7208.macro import Spec
from spfcheck.rfc7208.ranges import Range


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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
    result: Result
    """What the record says of an address that this mechanism matches (4.6.2)."""
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

    def __repr__(self) -> str:
        return f"Term({self.text!r})"


QUALIFIED: Final = {"": Result.PASS, "+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}
"""The result of each sign, and of none."""
