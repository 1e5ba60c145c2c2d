"""Servers that are listed where no receiver looks, once a proposed record is published: their mail goes on failing.

The repair does not let them in: whether they are still meant is for the owner to say (repair I2, I7).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.meant import Base, base_of, stray_lists
from spfcheck.audit.repair.naming import AskedNames
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, Severity
from spfcheck.audit.text.characters import plain
from spfcheck.audit.text.equals import meant_by
from spfcheck.audit.text.glued import term_of
from spfcheck.audit.text.near_miss import near_misses
from spfcheck.audit.text.own_names import HOST
from spfcheck.audit.text.terms import ignored_own, key
from spfcheck.audit.text.wrapped import begin, starts_a_term
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Record, Result, Term, live_terms, parse

__all__ = ["unread"]

Keys = Collection[tuple[object, ...]]


def unread(case: Case, text: str) -> Iterator[Finding]:
    """The findings on *text*, published for *case*, about servers that it or another text lists and nobody reads."""
    record = parse(text)
    read = {key(term, case.domain) for term in live_terms(record)}
    named = AskedNames(case)
    for term in record.terms:
        if term.is_modifier or record.all_term is None or term.span.start < record.all_term.span.start:
            yield from _idle(term, named)
    yield from _behind(record, case.domain, read)
    answer = case.answers.get(Question(case.domain, Rtype.TXT))
    if answer is not None and len(answer.records) > len(case.texts):
        yield from _strays(case, answer.records, read)


def _idle(term: Term, named: AskedNames) -> Iterator[Finding]:
    """A term that no receiver takes for what it looks like."""
    span = (term.span.start, term.span.stop)
    if term.is_modifier:
        meant = None if ignored_own(term, named.own) else meant_by(term)
        if meant is not None:
            yield _said(Code.IGNORED_TERM, named.domain, span, term=term.text, meant=meant)
        return
    if term.name not in ("a", "mx") or term.target is None or HOST.match(term.target):
        return
    if not (named.has_mail(term.target) if term.name == "mx" else named.has_address(term.target)):
        rtype = "MX" if term.name == "mx" else "A or AAAA"
        yield _said(Code.VOID_LOOKUP, named.domain, span, term=term.text, name=term.target, type=rtype)


def _behind(record: Record, domain: str, read: Keys) -> Iterator[Finding]:
    """Servers behind the first ``all`` that stand nowhere in front of it, and those of a redirect (RFC 7208 5.1)."""
    if record.all_term is None:
        return
    redirect = record.redirect
    if redirect is not None and not any(one[:2] == ("include", redirect.target) for one in read):
        yield _said(Code.REDIRECT_IGNORED, domain, (redirect.span.start, redirect.span.stop), term=redirect.text)
    behind = record.terms[record.terms.index(record.all_term) + 1 :]
    terms = [one for one in behind if _is_listed(one) and key(one, domain) not in read]
    if terms:
        words = " ".join(term.text for term in terms)
        span = (terms[0].span.start, terms[-1].span.stop)
        yield _said(Code.TERMS_AFTER_ALL, domain, span, term=record.all_term.text, text=words)


def _strays(case: Case, records: Collection[tuple[bytes, ...]], read: Keys) -> Iterator[Finding]:
    """Texts that stay published beside the record, and list servers that it does not."""
    base = base_of(case)
    gone = {*case.texts, *case.near, *(one.encode("latin-1") for one in base.beside)} if isinstance(base, Base) else ()
    for text in dict.fromkeys((*near_misses(records, case.ours.names, case.domain), *stray_lists(case))):
        if text not in gone and _lists_others(text.decode("latin-1"), case.domain, read):
            yield _said(Code.STRAY_RECORD, case.domain, None, text=text.decode("latin-1"))


def _lists_others(text: str, domain: str, read: Keys) -> bool:
    marked, _, _ = plain(text)
    begun = begin(marked, text)
    for word in (begun.rest if begun is not None else marked).text.split():
        term = term_of(word)
        if term is None:
            if starts_a_term(word) or ":" in word:
                return True  # whom it means nobody can say
        elif _is_listed(term) and key(term, domain) not in read:
            return True
    return False


def _is_listed(term: Term) -> bool:
    """True for a mechanism that lets some servers in, and not all."""
    return not term.is_modifier and term.result is Result.PASS and term.name != "all"


def _said(code: Code, domain: str, span: tuple[int, int] | None, **params: str) -> Finding:
    """The finding, as grave as it is for those whose mail fails."""
    return finding(code, domain, span, severity=Severity.ERROR, **params)
