"""What is wrong with a record that parses: names that nobody meant, what was pasted along, what is no part of SPF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from spfcheck.audit.text.edit import Word, is_all, pieces, write
from spfcheck.audit.text.equals import meant_by
from spfcheck.audit.text.glued import cuts, term_of
from spfcheck.audit.text.meanings import WordMeaning, readings
from spfcheck.audit.text.own_names import HOST, NameFacts, own_meant
from spfcheck.audit.text.slips import Correction, Slip
from spfcheck.audit.text.terms import ignored_own, is_own, plain_name
from spfcheck.audit.text.tokens import groups
from spfcheck.audit.text.typos import MECHANISMS
from spfcheck.rfc7208.record import Record, Result, Span, Term

__all__ = ["dead_names", "heal", "misspelt_own"]


@dataclass(slots=True)
class _Work:
    words: list[Word]
    changes: list[Correction]
    known_end: int = -1
    """The place of the first ``all``, once it was looked for."""

    def end(self) -> int:
        """The place of the first ``all``, or behind the last word."""
        if self.known_end < 0:
            self.known_end = _end(self.words)
        return self.known_end

    def replace(self, index: int, slip: Slip, terms: Sequence[str]) -> None:
        """Put *terms* in the place of one word, and say so."""
        old = self.words[index]
        assert old.term is not None
        self.changes.append(Correction(slip, old.term.span, old.text, " ".join(terms)))
        new = [Word(old.spaces if not count else " ", text, term_of(text)) for count, text in enumerate(terms)]
        self.words[index : index + 1] = new
        if self.known_end >= 0:
            before = index < self.known_end and not any(map(is_all, new))
            self.known_end = (
                self.known_end + len(new) - 1 if before else -1 if index <= self.known_end else self.known_end
            )


def heal(record: Record, known: NameFacts, *, broken: bool = False) -> tuple[str, tuple[Correction, ...]]:
    """The text that the owner of *record*, which parses, meant, and what was changed; every other byte is kept.

    *broken*: nobody passes by what is published. There, and where a name that is an error for others is put right, so
    is every other slip that has one reading. In a record that receivers use as it is, a term that is ignored or
    matches nobody may be left over: to let its servers in would be a guess (repair I2), unless it is two terms in one.
    """
    work = _Work(list(pieces(record)), [])
    _version_once(work, known)
    _cut_out(work)
    dead = _names(work, known)
    _pasted(work, known)
    if broken or dead:
        _idle(work, known)
    if not work.changes:
        return record.text, ()
    return write(record.text, work.words).rstrip(" "), tuple(work.changes)


_VERSION: Final = "v=spf1"


def _is_version(piece: Word) -> bool:
    return piece.text.lower() == _VERSION


def _version_once(work: _Work, known: NameFacts) -> None:
    while work.words and _is_version(work.words[0]):
        work.replace(0, Slip.VERSION_TWICE, ())
    # The second one may be glued to the first term, and is a modifier that nobody knows.
    if work.words and work.words[0].text[: len(_VERSION)].lower() == _VERSION:
        found = readings(work.words[0].text[len(_VERSION) :], known, has_end=_end(work.words) < len(work.words))
        if len(found) == 1 and not _would_end(found[0], work.words[1:]):
            work.replace(0, Slip.VERSION_TWICE, found[0].terms)


def _cut_out(work: _Work) -> None:
    """Tokens, keys and other policies: receivers ignore them here, and their own readers do not find them."""
    found = list(groups([piece.text for piece in work.words]))
    for start, stop, slip in reversed(found):
        gone = [piece for piece in work.words[start:stop] if piece.term is not None]
        first, last = gone[0].term, gone[-1].term
        assert first is not None
        assert last is not None
        words = " ".join(piece.text for piece in gone)
        work.changes.insert(0, Correction(slip, Span(first.span.start, last.span.stop), words, ""))
        del work.words[start:stop]


def _end(words: Sequence[Word]) -> int:
    """The place of the first ``all``, or behind the last word."""
    return next((index for index, piece in enumerate(words) if is_all(piece)), len(words))


def _names(work: _Work, known: NameFacts) -> bool:
    """Terms that name nothing, or us by mistake, become what they mean where that is one thing.

    True where one of them is an error for everybody whom nothing in front of it lets in (RFC 7208 5.2, 6.1).
    """
    has_end = work.end() < len(work.words)
    index, dead = 0, False
    while index < len(work.words):
        piece = work.words[index]
        behind = index > work.end()
        found = _meaning(piece.term, known, behind=behind, has_end=has_end) if piece.term is not None else None
        if found is not None and not _would_end(found, work.words[index + 1 :]):
            # A misspelt copy of what stands there already says nothing more.
            terms = () if found.slip is Slip.OWN_NAME and _has_ours(work.words, found.terms[0]) else found.terms
            dead = dead or (not behind and piece.term is not None and _is_dead(piece.term, known, has_end=has_end))
            work.replace(index, found.slip, terms)
            index += len(terms)
        else:
            index += 1
    return dead


def _has_ours(words: Sequence[Word], text: str) -> bool:
    """An include that is read says the same as *text*, the right one of ours."""
    live = words[: _end(words)]
    return any(
        piece.term is not None and piece.term.name == "include" and plain_name(piece.text.lstrip("+")) == text.lower()
        for piece in live
    )


def _meaning(term: Term, known: NameFacts, *, behind: bool, has_end: bool) -> WordMeaning | None:
    own = misspelt_own(term, known)
    if own is not None:
        return WordMeaning((f"{term.qualifier}include:{own}",), Slip.OWN_NAME)
    dead = not behind and _is_dead(term, known, has_end=has_end)
    if behind or not (dead or _is_hostless(term, known)):
        return None
    found = readings(term.text, known, has_end=has_end)
    if len(found) != 1:
        return None
    # Where the record is used as it is, only two terms in one are sure to be no name (repair, section B).
    return found[0] if dead or (found[0].slip is Slip.GLUED and term.result is Result.PASS) else None


def _idle(work: _Work, known: NameFacts) -> None:
    """Terms that let nobody in for a slip that a record survives: a wrong mark, or what stands around a host's name."""
    index, has_end = 0, work.end() < len(work.words)
    while index < work.end():
        term = work.words[index].term
        text = _idly_meant(term, known) if term is not None else None
        found = readings(text, known, has_end=has_end) if text is not None else []
        if term is not None and len(found) == 1 and _may_stand(found[0], work.words, index):
            work.replace(index, Slip.EQUALS_SIGN if term.is_modifier else found[0].slip, found[0].terms)
            index += len(found[0].terms) - 1
        index += 1


def _idly_meant(term: Term, known: NameFacts) -> str | None:
    if term.is_modifier:
        return None if term.name == "all" or ignored_own(term, known.own) else meant_by(term)
    return term.text if _is_hostless(term, known) else None


def _may_stand(found: WordMeaning, words: Sequence[Word], index: int) -> bool:
    """The reading ends nothing too early, and makes no redirect that is one too many (RFC 7208 6) or would be dead."""
    if any(text.lower().startswith("redirect=") for text in found.terms):
        names = {piece.term.name for piece in words if piece.term is not None}
        return names.isdisjoint(("redirect", "all"))
    return bool(found.terms) and not _would_end(found, words[index + 1 :])


def _is_hostless(term: Term, known: NameFacts) -> bool:
    """An ``a`` or ``mx`` that matches nobody, and whose name is no host's, or may be two terms in one."""
    if term.is_modifier or term.name not in ("a", "mx") or term.target is None or term.domain_spec is None:
        return False
    if HOST.match(term.target) and next(cuts(term.text), None) is None:
        return False
    return not (known.has_mail(term.target) if term.name == "mx" else known.has_address(term.target))


def _is_dead(term: Term, known: NameFacts, *, has_end: bool) -> bool:
    """An include or a redirect that is read and names nothing."""
    if term.target is None or term.name not in ("include", "redirect") or term.is_modifier is (term.name == "include"):
        return False
    return not (term.is_modifier and has_end) and not known.publishes(term.target)


def dead_names(record: Record, known: NameFacts) -> Iterator[Term]:
    """The terms of *record* that name nothing: includes, a redirect, hosts that may be two terms, unknown modifiers."""
    has_end = record.all_term is not None
    for term in record.terms:
        if term.is_modifier and term.name not in ("redirect", "exp"):
            yield term
        if term is record.all_term:
            return
        if _is_dead(term, known, has_end=has_end) or (term.result is Result.PASS and _is_hostless(term, known)):
            yield term


def misspelt_own(term: Term, known: NameFacts) -> str | None:
    """The one of our includes that *term* means: its name is ours misspelt and names nothing, or its word is wrong."""
    if term.is_modifier:
        if term.name not in MECHANISMS or term.domain_spec is None:
            return None
        own = own_meant(term.domain_spec, known.own, known.domain)
        exact = own is not None and plain_name(term.domain_spec) == own
        if own is None or (exact and term.name == "include"):
            return None  # nobody reads it, and the repair replaces it (repair, section B)
        return own if exact or not known.publishes(plain_name(term.domain_spec)) else None
    if term.target is None or term.name not in ("include", "a", "mx", "exists", "ptr"):
        return None
    own = own_meant(term.target, known.own, known.domain)
    if own is None or is_own(term, known.own):
        return None
    if term.target != own and known.publishes(term.target):
        return None
    if term.name in ("a", "exists") and known.has_address(term.target):
        return None  # it authorises somebody today
    return None if term.name == "mx" and known.has_mail(term.target) else own


def _would_end(found: WordMeaning, following: Sequence[Word]) -> bool:
    """The reading would end the record in front of what its owner lists behind it."""
    last = term_of(found.terms[-1]) if found.terms else None
    if last is None or last.name != "all":
        return False
    return any(
        piece.term is not None and (not piece.term.is_modifier or piece.term.name == "redirect") for piece in following
    )


def _pasted(work: _Work, known: NameFacts) -> None:
    """What was pasted behind ``all`` together with our include: its version and its end came with us, and go."""
    end = work.end()
    places = [
        index
        for index, piece in enumerate(work.words)
        if index > end and piece.term is not None and is_own(piece.term, known.own) and piece.term.result is Result.PASS
    ]
    begins, ends = _pasted_parts(work.words, end)
    done: set[int] = set()
    for index in reversed(places):
        start, stop = begins[index], ends[index]
        if start in done:
            continue
        done.add(start)
        if stop is not None:
            work.replace(stop, Slip.PASTED, ())
        if _is_version(work.words[start]):
            work.replace(start, Slip.PASTED, ())


def _pasted_parts(words: Sequence[Word], end: int) -> tuple[list[int], list[int | None]]:
    """Where what was pasted behind the *end* begins and where its ``all`` stands, for each place; None without one.

    It begins at a version or behind an ``all``, and ends in an ``all`` or in front of a version.
    """
    begins = [0] * len(words)
    for index in range(end + 1, len(words)):
        fresh = index - 1 <= end or is_all(words[index - 1]) or _is_version(words[index])
        begins[index] = index if fresh else begins[index - 1]
    ends: list[int | None] = [None] * len(words)
    for index in range(len(words) - 2, end, -1):
        following = words[index + 1]
        ends[index] = index + 1 if is_all(following) else None if _is_version(following) else ends[index + 1]
    return begins, ends
