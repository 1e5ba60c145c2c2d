"""The wrong place: where a record may stand that was meant for the name that is judged, and what stands there.

Panels append the zone to a name that was typed in full, take ``@`` for a label, or list ``www`` and ``mail`` above the
domain itself; and guides speak of ``_spf``. What is found there is told from what a wildcard answers everywhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, Severity
from spfcheck.audit.text.near_miss import near_misses
from spfcheck.audit.text.own_names import holds_own
from spfcheck.names import MAX_NAME, is_public_suffix, registrable
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import live_terms, parse, spf_texts

__all__ = [
    "NOWHERE",
    "Elsewhere",
    "Guess",
    "Place",
    "above",
    "below_findings",
    "candidates",
    "elsewhere_findings",
    "has_no_mail",
    "likely",
    "likely_questions",
    "placed",
    "targets_of",
    "wild_name",
]

_LABELS: Final = ("_spf", "spf", "www", "mail", "@")
"""Labels in front of the right name that records are found at."""
_NOT_PASS: Final = ("-", "~", "?")
"""Signs by which what an include matches does not pass (RFC 7208 4.6.2)."""
_BEHIND: Final = r"(?:[+?~-]?(?:all|a|mx|ptr)\b|[+?~-]?(?:ip[46]|include|exists):|redirect=|v=spf1)"
"""How a term begins that is glued to a name."""


class Guess(NamedTuple):
    """A name to look at; what *wild* answers as well comes from a wildcard (RFC 4592)."""

    name: str
    wild: str


@dataclass(frozen=True, slots=True)
class Place:
    """A name with texts that are meant as SPF, none of which a wildcard gives."""

    name: str
    texts: tuple[bytes, ...]
    names_us: bool
    """Whether one of them has one of our includes in it, or a misspelling of it."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What stands elsewhere, where nothing stands at the judged name."""

    attempts: tuple[Place, ...] = ()
    """Meant for the judged name, as it seems: they name us."""
    others: tuple[Place, ...] = ()
    above: str = ""
    """The registered domain, where its own record lists us, and mail from us is judged below it."""
    likely: str = ""
    """The domain that was probably meant, where what was typed is a host of it."""


NOWHERE: Final = Elsewhere()


def candidates(judged: str, *, exists: bool) -> list[Guess]:
    """Where a record for *judged* may stand by mistake; below a name that does not exist nothing does (RFC 8020)."""
    zone = registrable(judged)
    if is_public_suffix(judged) or not (exists or judged != zone):
        return []
    found = [Guess(f"{judged}.{zone}", wild_name(zone))]
    if exists:
        found += [Guess(f"{label}.{judged}", wild_name(judged)) for label in _LABELS]
    return [one for one in found if max(map(len, one)) <= MAX_NAME]


def wild_name(parent: str) -> str:
    """A name below *parent* that nobody publishes; drawn from it, so that a stored check asks for the same one."""
    return f"spfcheck-{hashlib.sha256(parent.encode()).hexdigest()[:16]}.{parent}"


def placed(one: Guess, answers: Mapping[Question, Answer], own: frozenset[str], judged: str) -> Place | None:
    """What stands at *one*; None where that is nothing, a wildcard's, somebody else's by an alias, or not sure."""
    here, anywhere = answers.get(Question(one.name, Rtype.TXT)), answers.get(Question(one.wild, Rtype.TXT))
    if here is None or anywhere is None or anywhere.failed:
        return None
    everywhere = _meant(anywhere, own, judged)
    return _place(here, [text for text in _meant(here, own, judged) if text not in everywhere], own, judged)


def _place(answer: Answer, texts: Sequence[bytes], own: frozenset[str], judged: str) -> Place | None:
    if not texts:
        return None
    # Where a space is missing between two strings, our name may be glued to what follows.
    written = [strings for strings in answer.records if b"".join(strings) in texts]
    read = {mark.join(strings).decode("latin-1") for strings in written for mark in (b"", b" ")}
    names_us = any(holds_own(text, own, judged) or _holds_glued(text, own) for text in read)
    return Place(answer.question.name, tuple(texts), names_us)


def _holds_glued(text: str, own: frozenset[str]) -> bool:
    """True where one of our names stands in *text* with another term right behind it."""
    lower = text.lower()
    return any(re.search(re.escape(one) + _BEHIND, lower) for one in own if one in lower)


def _meant(answer: Answer, own: frozenset[str], judged: str) -> tuple[bytes, ...]:
    """The SPF records of an answer, or else what is meant as one. Of an alias they are its target's."""
    if not answer.proven or answer.chain:
        return ()
    return spf_texts(answer) or near_misses(answer.records, own, judged)


def above(judged: str, answers: Mapping[Question, Answer]) -> tuple[bytes, ...]:
    """The SPF records of the registered domain, where mail is judged below it; of an alias they are its target's."""
    zone = registrable(judged)
    answer = answers.get(Question(zone, Rtype.TXT))
    return () if zone == judged or answer is None or not answer.proven or answer.chain else spf_texts(answer)


def targets_of(texts: Sequence[bytes], *, passing: bool = False) -> list[str]:
    """The names that the records *texts* include, or redirect to, whatever the message; *passing*: to let them in."""
    terms = [term for text in texts for term in live_terms(parse(text)) if term.name in ("include", "redirect")]
    return [one.target for one in terms if one.target is not None and not (passing and one.qualifier in _NOT_PASS)]


def likely_questions(domain: str) -> list[Question]:
    """What has to be known to tell a host from the domain that was meant."""
    return [Question(name, rtype) for name in (domain, *_parents(domain)) for rtype in (Rtype.TXT, Rtype.MX)]


def _parents(domain: str) -> list[str]:
    """The name right above *domain*, and the registered domain, as far as they are its owner's."""
    zone, parent = registrable(domain), domain.partition(".")[2]
    return [] if zone == domain else list(dict.fromkeys((parent, zone)))


def likely(domain: str, answers: Mapping[Question, Answer]) -> str:
    """The name above *domain* that has mail, where *domain* itself has neither mail hosts nor an SPF record."""
    texts, hosts = (answers.get(Question(domain, rtype)) for rtype in (Rtype.TXT, Rtype.MX))
    # RFC 7505: a null MX says that the host has no mail, so it is no slip.
    if texts is None or hosts is None or texts.failed or hosts.failed or spf_texts(texts) or hosts.records:
        return ""
    return next((name for name in _parents(domain) if _has_mail(name, answers)), "")


def _has_mail(name: str, answers: Mapping[Question, Answer]) -> bool:
    """*name* has an SPF record, or a mail host."""
    texts, hosts = (answers.get(Question(name, rtype)) for rtype in (Rtype.TXT, Rtype.MX))
    listed = texts is not None and texts.proven and bool(spf_texts(texts))
    return listed or (hosts is not None and hosts.proven and any(exchange for _, exchange in hosts.records))


def has_no_mail(name: str, answers: Mapping[Question, Answer]) -> bool:
    """True where it is sure that *name* has no mail host: else mail is sent as it, and is judged by its own record."""
    hosts = answers.get(Question(name, Rtype.MX))
    # RFC 7505: a null MX is no mail host.
    return hosts is not None and hosts.proven and not any(exchange for _, exchange in hosts.records)


def elsewhere_findings(domain: str, found: Elsewhere) -> Iterator[Finding]:
    """The findings on what stands at other names, where nothing stands at *domain*."""
    for code, places in ((Code.RECORD_MISPLACED, found.attempts), (Code.RECORD_ELSEWHERE, found.others)):
        for place in places:
            text = place.texts[0].decode("latin-1")
            yield finding(code, domain, found_at=place.name, text=text)


def below_findings(domain: str, typed: str, found: Elsewhere, chain: Sequence[str] = ()) -> Iterator[Finding]:
    """That the record of *typed*, or of the registered domain, is not the one that is judged: *domain* is below it.

    *chain* are the names that *domain* is an alias of: their record is the one that is judged.
    """
    if found.above:
        listed = f" The record of {found.above} lists our servers, which does not count here."
        yield finding(Code.JUDGED_BELOW, domain, severity=Severity.WARNING, above=found.above, listed=listed)
    if typed != found.above and typed not in chain and domain.endswith(f".{typed}") and registrable(domain) != domain:
        yield finding(Code.JUDGED_BELOW, domain, above=typed, listed="")
