"""SPF records: text in, every term and every problem out (RFC 7208 sections 4.5, 4.6 and 6).

`parse` never raises. The whole record is read before anything is evaluated; one problem anywhere makes the record
invalid. Offsets count bytes, which are also the characters of `Record.text` (latin-1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spfcheck.rfc7208.cache import Kept
from spfcheck.rfc7208.grammar import read_term
from spfcheck.rfc7208.lookup import Reply
from spfcheck.rfc7208.macro import dns_name, expand
from spfcheck.rfc7208.term import Problem, ProblemCode, Result, Span, Term

__all__ = [
    "KEPT",
    "PUBLISHED",
    "Problem",
    "ProblemCode",
    "Record",
    "Result",
    "Span",
    "Term",
    "canonical",
    "live_terms",
    "name_of",
    "parse",
    "published",
    "select",
    "spf_texts",
]

# RFC 7208 4.5: the version ends at a space or at the end of the record; 12: it is case-insensitive.
_VERSION: Final = re.compile(rb"v=spf1(?: |\Z)", re.IGNORECASE)
_TERM: Final = re.compile(r"[^ ]+")
_OF_DOMAINS: Final = frozenset("do")
"""Macro letters that are the same for every message to a domain (RFC 7208 7.2)."""
MOST_KEPT: Final = 40_000
"""The weight of the records that are kept by their text, in terms: some 25 MB. Shared includes are what repeats."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Record:
    """One SPF record, read completely; compared by identity (equal texts give the same object while it is kept)."""

    text: str
    terms: tuple[Term, ...]
    problems: tuple[Problem, ...]
    all_term: Term | None
    """The first ``all``, which ends the evaluation."""
    redirect: Term | None
    exp: Term | None
    programs: dict[int, Any] = field(default_factory=dict)
    """What `spfcheck.rfc7208.steps` made of this record: by family, negative where one step stands for one term."""

    def __repr__(self) -> str:
        return f"Record({self.text!r})"

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


KEPT: Kept[str, Record] = Kept(MOST_KEPT)
"""Records by their text."""
PUBLISHED: Kept[tuple[tuple[bytes, ...], ...], Record | int] = Kept(MOST_KEPT)
"""What TXT answers hold, by their records."""


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
        term = read_term(match.group(), match.start(), problems)
        terms.append(term)
        earlier = first.setdefault(f"{term.name}=" if term.is_modifier else term.name, term)
        # RFC 7208 6: redirect and exp "MUST NOT appear in a record more than once each".
        if earlier is not term and term.is_modifier and term.name in ("redirect", "exp"):
            problems.append(Problem(ProblemCode.DUPLICATE_MODIFIER, term.span, f"{term.name}= stands here twice"))
    return Record(text, tuple(terms), tuple(problems), first.get("all"), first.get("redirect="), first.get("exp="))


def published(records: tuple[tuple[bytes, ...], ...]) -> Record | int:
    """The one SPF record of a TXT answer, or how many there are when not one (RFC 7208 4.5)."""
    found = PUBLISHED.get(records)
    if found is None:
        texts = select(records)
        found = parse(texts[0]) if len(texts) == 1 else len(texts)
        size = sum(len(string) for strings in records for string in strings)
        PUBLISHED.put(records, found, size // 256 + (found.weight if isinstance(found, Record) else 1))
    return found


def spf_texts(answer: Reply) -> tuple[bytes, ...]:
    """The SPF records of a TXT answer; none where the DNS gave no record."""
    return select(answer.records) if answer.records else ()


def live_terms(record: Record) -> Iterator[Term]:
    """The terms that a receiver may come to evaluate, in its order: up to the first ``all``, else the redirect last."""
    for term in record.terms:
        if term.is_modifier:
            continue
        yield term
        if term is record.all_term:
            return
    if record.redirect is not None:
        yield record.redirect


def name_of(term: Term, domain: str, root: str) -> str | None:
    """The name that *term*, in the record of *domain*, asks for; None where that differs from message to message.

    *root* is the domain that is checked (``%{o}``). A name that cannot exist is None as well.
    """
    if term.domain_spec is None:
        return domain
    if term.target is not None or term.spec is None or not term.spec.letters <= _OF_DOMAINS:
        return term.target
    return dns_name(expand(term.spec, {"d": domain, "o": root}))
