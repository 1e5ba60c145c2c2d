"""Everything worth saying about a domain's record, as findings; what is said of our senders is added elsewhere."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, islice
from typing import Any, Final

from spfcheck.audit.judgement.tree import RecordState, Survey
from spfcheck.audit.report.catalogue import Code, finding, printable
from spfcheck.audit.report.model import Finding
from spfcheck.audit.text.characters import character_name
from spfcheck.audit.text.equals import meant_by
from spfcheck.audit.text.hints import slip_at
from spfcheck.audit.text.near_miss import is_continuation, slip_of
from spfcheck.audit.text.slips import Slip
from spfcheck.audit.text.terms import key, plain_name
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.effort import Effort, TooLargeError
from spfcheck.rfc7208.limits import STRICT
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import format_network, from_network, intersect, size, to_networks
from spfcheck.rfc7208.record import Problem, ProblemCode, Record, Result, Term

__all__ = [
    "SLOW_MS",
    "answer_findings",
    "apex_findings",
    "end_findings",
    "failure_code",
    "length_findings",
    "lookup_findings",
    "network_findings",
    "record_findings",
    "tree_findings",
    "void_findings",
]

MOST_TOLD: Final = 1_000
"""Faults of the terms of one record that are told one by one, those that break it and others: nobody reads more, and
no verdict hangs on them."""
LONG_RECORD: Final = 450
"""Bytes; RFC 7208 3.4 recommends that an answer fit into 512 bytes of UDP, and 450 leaves room for its names."""
WIDE_V4: Final = 1 << 16
"""Addresses of one ip4 term that are called wide: a /16 or more."""
WIDE_V6_PREFIX: Final = 32
"""The same for ip6: what a registry gives to a whole provider."""
SLOW_MS: Final = 2_000.0
"""Milliseconds after which an answer is called slow: receivers give a whole check some 20 s (RFC 7208 4.6.4)."""

_NOT_PUBLIC_V4: Final = tuple(
    from_network(base, prefix, 4)
    for base, prefix in (
        (0x0A000000, 8),  # RFC 1918
        (0xAC100000, 12),
        (0xC0A80000, 16),
        (0x7F000000, 8),  # RFC 1122: loopback
        (0xA9FE0000, 16),  # RFC 3927: link local
        (0x64400000, 10),  # RFC 6598: shared address space
    )
)
_NOT_PUBLIC_V6: Final = (from_network(0xFC << 120, 7, 6), from_network(0xFE80 << 112, 10, 6), ((1, 1),))

_OUTCOMES: Mapping[Outcome, Code] = {
    Outcome.SERVFAIL: Code.DNS_SERVFAIL,
    Outcome.REFUSED: Code.DNS_REFUSED,
    Outcome.RCODE: Code.DNS_RCODE,
    Outcome.TIMEOUT: Code.DNS_TIMEOUT,
    Outcome.TRUNCATED: Code.DNS_TRUNCATED,
    Outcome.MALFORMED: Code.DNS_MALFORMED,
    Outcome.REFERRAL: Code.DNS_REFERRAL,
    Outcome.BOGUS: Code.DNS_BOGUS,
    Outcome.FILTERED: Code.DNS_FILTERED,
    Outcome.CHAIN: Code.DNS_CHAIN,
    Outcome.UNREACHABLE: Code.DNS_UNREACHABLE,
    Outcome.LIMITED: Code.DNS_LIMITED,
}


def failure_code(outcome: Outcome) -> Code:
    """The finding for one kind of DNS failure."""
    return _OUTCOMES[outcome]


def apex_findings(
    domain: str,
    answer: Answer,
    texts: tuple[bytes, ...],
    near: tuple[bytes, ...],
    typed: tuple[bytes, ...],
    missing: str = "",
) -> Iterator[Finding]:
    """The findings on the domain's TXT answer itself; *missing* is the name that had to exist and does not."""
    if missing:
        yield finding(Code.DOMAIN_NOT_FOUND, missing)
    if not texts and not answer.failed:
        if typed:
            yield finding(Code.TYPE_SPF_ONLY, domain, text=typed[0].decode("latin-1"))
        for text in near:
            shown = text.decode("latin-1")
            yield finding(Code.NEAR_MISS_RECORD, domain, (0, len(shown)), slip=slip_of(text).value, text=shown)
        if not near and not typed and not missing:
            yield finding(Code.NO_RECORD, domain)
    if len(texts) > 1:
        yield finding(Code.MULTIPLE_RECORDS, domain, count=len(texts))
    if texts:
        for text in near:
            yield finding(Code.STRAY_RECORD, domain, text=text.decode("latin-1"))
        for strings in answer.records:
            joined = b"".join(strings)
            if joined not in near and is_continuation(joined):
                yield finding(Code.STRAY_RECORD, domain, text=joined.decode("latin-1"))
    if answer.chain:
        yield finding(Code.NAME_IS_A_CNAME, domain, target=answer.chain[-1])


def answer_findings(answers: Mapping[Question, Answer]) -> Iterator[Finding]:
    """The findings on how the DNS answered, whatever it said.

    None on type 99: no receiver asks for it (RFC 7208 3.1), so how it is answered is nobody's concern.
    """
    for question in sorted(answers):
        if question.rtype is Rtype.SPF:
            continue
        answer = answers[question]
        name = question.name
        if answer.failed:
            code, rtype = failure_code(answer.outcome), question.rtype.name
            plain = finding(code, name, name=name, type=rtype, detail="")
            # The transport may say what the code says already.
            told = not answer.detail or answer.detail.rstrip(".").lower() in plain.message.lower()
            detail = "" if told else f" {printable(answer.detail)}"
            yield finding(code, name, name=name, type=rtype, detail=detail)
        if answer.illegal_cname:
            yield finding(Code.CNAME_CONFLICT, name, name=name)
        if answer.stale:
            yield finding(Code.STALE_ANSWER, name, name=name)
        if answer.took_ms > SLOW_MS:
            yield finding(Code.SLOW_DNS, name, name=name, ms=round(answer.took_ms))
        if question.rtype is Rtype.TXT and answer.outcome in (Outcome.NXDOMAIN, Outcome.NODATA) and not answer.soa_seen:
            yield finding(Code.ABSENCE_UNCONFIRMED, name, name=name)


def record_findings(record: Record, domain: str, strings: tuple[bytes, ...] = ()) -> Iterator[Finding]:
    """The findings on one record by itself. *strings* are its character-strings as published."""
    hints = _Hints(record, strings)
    for problem in record.problems[:MOST_TOLD]:
        if problem.code is not ProblemCode.NOT_SPF:
            yield _problem(record, problem, domain, hints)
    yield from length_findings(len(record.text), domain)
    yield from islice(_terms(record, domain), MOST_TOLD)
    if record.valid:
        yield from _ending(record, domain)


def length_findings(length: int, domain: str) -> Iterator[Finding]:
    """The findings on a record of *length* bytes."""
    if length > 255:
        yield finding(Code.STRING_OVER_255, domain, length=length)
    if length > LONG_RECORD:
        yield finding(Code.RECORD_TOO_LONG, domain, length=length)


class _Hints:
    """What the problems of one record look like, as long as looking takes no more than one record may."""

    def __init__(self, record: Record, strings: tuple[bytes, ...]) -> None:
        self._text = record.text
        self._work: Effort | None = Effort()
        self._joints = [
            at for at, string in zip(accumulate(map(len, strings)), strings[:-1], strict=False) if len(string) < 255
        ]
        """Where two character-strings were joined, the first of which had room for more."""

    def slip(self, begin: int, end: int, problem: Problem) -> Slip | None:
        """The slip of *problem*, in the word from *begin* to *end*; None for none that is known."""
        place = bisect_right(self._joints, begin)
        if place < len(self._joints) and self._joints[place] < end:
            return Slip.JOINT  # the word runs over the place, without a space there
        try:
            return slip_at(self._text, problem.span, self._work) if self._work is not None else None
        except TooLargeError:
            self._work = None
            return None


def _problem(record: Record, problem: Problem, domain: str, hints: _Hints) -> Finding:
    span = (problem.span.start, problem.span.stop)
    if problem.code is ProblemCode.NON_ASCII:
        shown, length = _character(record.text, span[0])
        return finding(Code.NON_ASCII, domain, (span[0], span[0] + length), character=shown)
    begin = record.text.rfind(" ", 0, span[0]) + 1
    end = record.text.find(" ", max(span[1], begin))
    word = record.text[begin : end if end >= 0 else len(record.text)]
    slip = hints.slip(begin, begin + len(word), problem)
    if problem.code is ProblemCode.DUPLICATE_MODIFIER:
        slip = Slip.REPEATED_MODIFIER
    return finding(
        Code.SYNTAX_ERROR, domain, span, text=word, reason=problem.code.value, hint=slip.value if slip else ""
    )


def _character(text: str, at: int) -> tuple[str, int]:
    """The character that begins at the byte *at*, by its code point and name, and its length in bytes."""
    for length in (4, 3, 2):
        try:
            char = text[at : at + length].encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            continue
        name = character_name(char[0])
        return f"U+{ord(char[0]):04X}" + (f" ({name})" if name else ""), len(char[0].encode())
    name = character_name(text[at])
    return f"the byte 0x{ord(text[at]):02X}" + (f" ({name})" if name else ""), 1


def _terms(record: Record, domain: str) -> Iterator[Finding]:
    seen: set[tuple[object, ...]] = set()
    for term in record.terms:
        if not term.valid:
            continue
        span = (term.span.start, term.span.stop)
        if term.is_modifier:
            yield from _modifier(term, span, domain)
            continue
        same = key(term, domain)
        if same in seen:
            yield finding(Code.DUPLICATE_TERM, domain, span, term=term.text)
        seen.add(same)
        if term.name == "ptr":
            yield finding(Code.DEPRECATED_PTR, domain, span, term=term.text)
        if term.network is not None:
            yield from network_findings(term, domain)


def _modifier(term: Term, span: tuple[int, int], domain: str) -> Iterator[Finding]:
    if term.name == "v":
        yield finding(Code.VERSION_REPEATED, domain, span, term=term.text)
    elif (meant := meant_by(term)) is not None:
        yield finding(Code.IGNORED_TERM, domain, span, term=term.text, meant=meant)
    elif term.name not in ("redirect", "exp"):
        yield finding(Code.UNKNOWN_MODIFIER, domain, span, term=term.text)


def network_findings(term: Term, domain: str) -> Iterator[Finding]:
    """The findings on an ``ip4`` or ``ip6`` term by itself."""
    span = (term.span.start, term.span.stop)
    assert term.network is not None
    family = term.family or 4
    private = _NOT_PUBLIC_V4 if family == 4 else _NOT_PUBLIC_V6
    if any(intersect((term.network,), ranges) == (term.network,) for ranges in private):
        yield finding(Code.PRIVATE_NETWORK, domain, span, term=term.text)
    count = size((term.network,))
    if count > WIDE_V4 if family == 4 else term.cidr6 < WIDE_V6_PREFIX:
        yield finding(Code.WIDE_NETWORK, domain, span, term=term.text, count=count)
    if count == 1:
        return
    written = (term.domain_spec or "").partition("/")[0]
    base = format_network(to_networks((term.network,), family)[0], family)
    if plain_name(written) != plain_name(base.partition("/")[0]) and _has_host_bits(written, term, family):
        yield finding(Code.HOST_BITS_SET, domain, span, term=term.text, network=f"ip{family}:{base}")


def _has_host_bits(written: str, term: Term, family: int) -> bool:
    from ipaddress import ip_address  # noqa: PLC0415 - only for the rare term that is not in its plainest form

    assert term.network is not None
    return int(ip_address(written)) != term.network[0] and family in (4, 6)


def end_findings(result: Result, span: tuple[int, int], domain: str) -> Iterator[Finding]:
    """The findings on an ``all`` that stands at *span* and gives *result*."""
    if result is Result.NEUTRAL:
        yield finding(Code.NEUTRAL_ALL, domain, span)


def _ending(record: Record, domain: str) -> Iterator[Finding]:
    last = record.all_term
    if last is None:
        if record.redirect is None:
            yield finding(Code.NO_ALL, domain)
        return
    span = (last.span.start, last.span.stop)
    if last.result is Result.PASS:
        yield finding(Code.PASS_ALL, domain, span, term=last.text, servers="every server")
    yield from end_findings(last.result, span, domain)
    after = [term for term in record.terms if term.span.start > last.span.start and not term.is_modifier]
    if after:
        words = (after[0].span.start, after[-1].span.stop)
        text = " ".join(term.text for term in after)
        yield finding(Code.TERMS_AFTER_ALL, domain, words, term=last.text, text=text)
    if record.redirect is not None:
        redirect = record.redirect
        spot = (redirect.span.start, redirect.span.stop)
        yield finding(Code.REDIRECT_IGNORED, domain, spot, term=redirect.text)


_BROKEN: Final = {RecordState.SEVERAL: "several SPF records", RecordState.BROKEN: "it cannot be read"}
_MISSING: Final = (RecordState.NO_RECORD, RecordState.NO_DOMAIN)


def lookup_findings(lookups: int, domain: str, *, at_least: bool = False) -> Iterator[Finding]:
    """The findings on a record that takes so many *lookups*, or *at_least* so many (RFC 7208 4.6.4)."""
    if lookups > STRICT.lookups:
        shown = f"at least {lookups}" if at_least else str(lookups)
        yield finding(Code.LOOKUP_LIMIT, domain, count=lookups, shown=shown, at_least=at_least)
    elif lookups >= STRICT.lookups - 1:
        yield finding(Code.LOOKUP_LIMIT_NEAR, domain, count=lookups)


def void_findings(voids: Iterable[tuple[str, str, tuple[int, int], Question]]) -> Iterator[Finding]:
    """The findings on empty answers, each with the domain, the term and its place that asked for it."""
    empty: dict[tuple[str, str, tuple[int, int], str], dict[str, None]] = {}
    for domain, term, span, (name, rtype) in voids:
        empty.setdefault((domain, term, span, name), {})[rtype.name] = None
    for (domain, term, span, name), types in empty.items():
        yield finding(Code.VOID_LOOKUP, domain, span, term=term, name=name, type=" or ".join(types))


def tree_findings(found: Survey, domain: str) -> Iterator[Finding]:
    """The findings on the include tree below the record of *domain*."""
    if not any(use.state is RecordState.LOOP for use in found.uses):
        yield from lookup_findings(found.lookups, domain, at_least=found.at_least)
    said: set[tuple[str, str, RecordState]] = set()
    for use in found.uses:
        if (use.domain, use.term.text, use.state) in said:
            continue
        said.add((use.domain, use.term.text, use.state))
        span = (use.term.span.start, use.term.span.stop)
        params: dict[str, Any] = {"term": use.term.text, "target": use.target}
        if use.state is RecordState.LOOP:
            yield finding(Code.INCLUDE_LOOP, use.domain, span, **params)
        elif use.state in _BROKEN:
            yield finding(Code.INCLUDE_BROKEN, use.domain, span, reason=_BROKEN[use.state], **params)
        elif use.state in _MISSING:
            code = Code.REDIRECT_NO_RECORD if use.term.is_modifier else Code.INCLUDE_NO_RECORD
            yield finding(code, use.domain, span, **params)
    for at, term, count, _ in found.mx_limit:
        yield finding(Code.MX_LIMIT, at, (term.span.start, term.span.stop), term=term.text, count=count)
    spans = [(one.domain, one.term.text, (one.term.span.start, one.term.span.stop)) for one in found.void_uses]
    yield from void_findings((*where, one.question) for where, one in zip(spans, found.void_uses, strict=True))
    for at, term, _ in found.depends:
        if term.name != "ptr":
            yield finding(Code.DEPENDS_ON_MESSAGE, at, (term.span.start, term.span.stop), term=term.text)
    for use in found.uses:
        inner = found.records.get(use.target)
        # RFC 7208 5.2: an include of a record that says +all matches every address.
        if inner is None or inner.all_term is None or use.depth or use.term.result is not Result.PASS:
            continue
        if inner.all_term.result is Result.PASS:
            span = (use.term.span.start, use.term.span.stop)
            yield finding(Code.PASS_ALL, domain, span, term=use.term.text, servers="every server")
