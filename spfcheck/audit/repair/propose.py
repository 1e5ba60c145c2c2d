"""The least edit that repairs a record (repair, section B): made here, proven elsewhere, or certified as impossible.

The ladder: insert, move or requalify our own term; the same with deletions that cannot matter, only if needed. Mends
and merges have made the base by then. The first edit that the prover accepts is the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from spfcheck.audit.flat.record import Plain
from spfcheck.audit.judgement.vendors import mailbox_of
from spfcheck.audit.repair import certificates
from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.claims import LOOKUPS
from spfcheck.audit.repair.fewest import Candidate, fewest
from spfcheck.audit.repair.meant import Base, NoBase, Origin, base_of
from spfcheck.audit.repair.proof import Proof, Proposal, Refusal, deletable, prove
from spfcheck.audit.repair.size import too_large
from spfcheck.audit.repair.widening import newly_authorised
from spfcheck.audit.report.model import DeleteRecord, Remedy, RemedyKind
from spfcheck.audit.report.strings import STRING_BYTES, split_strings
from spfcheck.audit.text.edit import Word, before_all, insert, pieces, without, write
from spfcheck.audit.text.terms import ignored_own, is_own
from spfcheck.names import registrable
from spfcheck.resolver.types import Answer
from spfcheck.rfc7208.effort import TooLargeError
from spfcheck.rfc7208.limits import MX_HOSTS
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.record import Term, parse, spf_texts

__all__ = ["NONE", "Blocked", "candidates", "given_up", "propose", "skeleton_of"]

NONE: Final = Remedy(kind=RemedyKind.NONE)
_new_remedy: Final = maker(Remedy)


class Blocked(Exception):  # noqa: N818 - the DNS's failure, not ours
    """Nothing can be proven while the DNS does not answer; the status is unknown."""


def propose(case: Case, needed: Sequence[str], name: str) -> Remedy:
    """The remedy for *case*: *needed* are those of our includes that have to be authorised, in order.

    *name* is where the record would stand. Raises `Missing` where DNS answers are wanted, `Blocked` where they fail.
    """
    case.work.renew()  # what is asked between two calls changes nothing of what either may take
    try:
        return _proposed(case, needed, name)
    except TooLargeError as error:
        return given_up(name, error)


def given_up(name: str, error: TooLargeError) -> Remedy:
    """The remedy of a record at *name* for which a repair would take more work than one check may do."""
    return _manual(name, too_large(error))


def _proposed(case: Case, needed: Sequence[str], name: str) -> Remedy:
    obstacle = certificates.obstacle(case, name)
    if obstacle is not None:
        return _manual(name, obstacle)
    base = base_of(case)
    if isinstance(base, NoBase):
        return _manual(name, base.certificate)
    if base is None:
        return _publish(case, needed, name)
    plain = case.plain(base.text)
    if plain is None:
        case.survey(base.record)  # so that everything it needs is asked for at once
        denied = certificates.denied_by_name(case, base.record)
        if denied is not None:
            return _manual(name, denied)
        if certificates.passes_all(base):
            return _manual(name, certificates.pass_all(base))
    elif _over(case, plain, needed):  # a plain record denies nobody, and nothing that it reads can be dropped
        return _manual(name, certificates.no_room(case, base.record, needed))
    return _climb(case, base, needed, name)


def _over(case: Case, plain: Plain, needed: Sequence[str]) -> bool:
    """Whether the other terms of *plain* and our includes cost more than is allowed, wherever ours stand (I4)."""
    others = sum(part.lookups for part in plain.parts if part.known is None or part.name not in needed)
    return others + sum(sender.cost for sender in case.ours.senders if sender.include in needed) > LOOKUPS


def _climb(case: Case, base: Base, needed: Sequence[str], name: str) -> Remedy:
    """E1, then E2: the first candidate that is proven."""
    delete = _delete(case)
    refusals: list[Refusal] = []
    for candidate in candidates(case, base, needed, []):
        if candidate.text in case.refused:
            continue
        made = prove(case, Proposal(name, candidate.text, delete))
        if isinstance(made, Proof):
            return _remedy(case, base, name, candidate, made)
        refusals.append(made)
    dead = deletable(base.record, case.domain)
    if dead:
        shape = Proposal(name, "", delete)
        least = fewest(case, base.record, lambda dropped: candidates(case, base, needed, dropped), shape)
        if least is not None:
            return _remedy(case, base, name, *least)
        if base.origin is not Origin.PUBLISHED:
            refusals += _refusals(case, candidates(case, base, needed, dead), shape)
    everybody = next((refusal.everybody for refusal in refusals if refusal.everybody), "")
    if everybody:
        return _manual(name, certificates.pass_all(base, everybody))
    if any(refusal.invariant == "unknown" for refusal in refusals):
        raise Blocked(next(refusal.why for refusal in refusals if refusal.invariant == "unknown"))
    return _manual(name, certificates.no_room(case, base.record, needed))


def _refusals(case: Case, refused: Iterator[Candidate], shape: Proposal) -> Iterator[Refusal]:
    """Why each of *refused* was."""
    for candidate in refused:
        made = prove(case, Proposal(shape.name, candidate.text, shape.delete))
        if isinstance(made, Refusal):
            yield made


def candidates(case: Case, base: Base, needed: Sequence[str], dropped: Sequence[Term]) -> Iterator[Candidate]:
    """The candidates of one rung: as it is, requalified, at the end, at the front."""
    words = without(_words(case, base), dropped)
    said = (*base.edits, *(f"“{term.text}” is dropped: it can never decide." for term in dropped))
    if base.origin is not Origin.PUBLISHED or dropped:
        yield _candidate(base, words, said, "as-is")
    names = frozenset(needed)
    soft = [word for word in before_all(words) if word.term is not None and is_own(word.term, names)]
    soft = [word for word in soft if word.text[0] in "~?"]
    if soft:
        yield _requalified(base, words, soft, said)
    terms = [word.term for word in words if word.term is not None]
    old = [term for term in terms if is_own(term, names) or ignored_own(term, names)]
    words = without(words, old)
    shown = " ".join([f"include:{one}" for one in needed])
    verb = "moves" if old else "is added"
    for place, where in (("end", "behind the last term before the end"), ("front", "to the front of the record")):
        yield _candidate(base, insert(words, needed, place), (*said, f"“{shown}” {verb} {where}."), place)


def _candidate(base: Base, words: Sequence[Word], said: tuple[str, ...], kind: str) -> Candidate:
    """*words* as a record; runs of spaces that no character-string can hold inside become one space each (I5)."""
    text = write(base.text, words)
    if len(text) > STRING_BYTES and any(one != one.strip(" ") for one in split_strings(text)):
        text = write(base.text, [Word(" ", word.text, word.term) for word in words])
        said = (*said, "Every run of spaces becomes one space.")
    return Candidate(text, said, kind)


def _words(case: Case, base: Base) -> Sequence[Word]:
    plain = case.plains.get(base.text)
    return plain.words() if plain is not None and plain.text == base.text else pieces(base.record)


def _requalified(base: Base, words: Sequence[Word], soft: Sequence[Word], said: tuple[str, ...]) -> Candidate:
    ours = {id(word.term) for word in soft}
    changed = [Word(word.spaces, word.text[1:], word.term) if id(word.term) in ours else word for word in words]
    edits = tuple(f"“{word.text}” becomes “{word.text[1:]}”." for word in soft)
    return _candidate(base, changed, (*said, *edits), "requalified")


def _publish(case: Case, needed: Sequence[str], name: str) -> Remedy:
    """E5: a record for a domain that has none."""
    skeleton, why = skeleton_of(case.domain, case.sure)
    record = parse(skeleton)
    refused: Refusal | None = None
    for place in ("end", "front"):
        text = write(skeleton, insert(pieces(record), needed, place))
        made = prove(case, Proposal(name, text, ()))
        if isinstance(made, Proof):
            return _new_remedy(
                kind=RemedyKind.PUBLISH,
                name=name,
                value=text,
                strings=split_strings(text),
                edits=(f"A record is published where there is none. {why}",),
                proof=made.facts(),
            )
        refused = made
    assert refused is not None
    if refused.invariant == "unknown":
        raise Blocked(refused.why)
    return _manual(name, certificates.no_room(case, record, needed))


def skeleton_of(domain: str, sure: Callable[[Question], Answer]) -> tuple[str, str]:
    """What a first record for *domain* says beside our includes, and why; *sure* answers what that hangs on."""
    records = sure(Question(domain, Rtype.MX)).records
    exchanges = [exchange for _, exchange in records if exchange]
    provider = mailbox_of(exchanges)
    if provider is not None and len(spf_texts(sure(Question(provider.include, Rtype.TXT)))) == 1:
        why = f"The mail hosts belong to a provider that is recognised; its include is {provider.include}."
        return f"v=spf1 include:{provider.include} ~all", why
    if 0 < len(exchanges) <= MX_HOSTS:
        return "v=spf1 mx ?all", "The mail hosts are listed by mx; who else sends is not known."
    return "v=spf1 ?all", "The domain has no mail host, so only our servers are listed."


def _remedy(case: Case, base: Base, name: str, candidate: Candidate, made: Proof) -> Remedy:
    fresh = not case.texts and not case.near
    elsewhere = list(_gone_elsewhere(case, candidate.text))
    return _new_remedy(
        kind=RemedyKind.PUBLISH if fresh else RemedyKind.REPLACE,
        name=name,
        value=candidate.text,
        strings=split_strings(candidate.text),
        delete=(*(_gone(name, value) for value in _delete(case)), *elsewhere),
        edits=(*_moved(case, elsewhere), *candidate.edits, *_shared_target(case, base)),
        newly_authorised=() if base.origin is Origin.PUBLISHED else newly_authorised(case, base),
        proof=made.facts(),
    )


def _shared_target(case: Case, base: Base) -> tuple[str, ...]:
    """A redirect inside the organisation: its target could be edited as well, for all who share it."""
    if "redirect=" not in base.text.lower():
        return ()
    redirect = base.record.redirect
    if redirect is None or base.record.all_term is not None or redirect.target is None:
        return ()
    if registrable(redirect.target) != registrable(case.domain):
        return ()
    return (f"Editing {redirect.target} instead would serve every domain that redirects to it.",)


def _delete(case: Case) -> tuple[str, ...]:
    """What has to go: every SPF record, and what was meant as one where there is none."""
    base = base_of(case)
    beside = base.beside if isinstance(base, Base) else ()
    return (*(raw.decode("latin-1") for raw in case.texts or case.near), *beside)


def _gone(name: str, value: str) -> DeleteRecord:
    return DeleteRecord(name=name, type="TXT", value=value)


def _gone_elsewhere(case: Case, text: str) -> Iterator[DeleteRecord]:
    """What stands in a wrong place and is published in the right one now, unless *text* leads to that place."""
    read = {use.target for use in case.survey(parse(text)).uses} if case.places else set()
    for place in case.places:
        if place.name not in read:
            yield from (_gone(place.name, one.decode("latin-1")) for one in place.texts)


def _moved(case: Case, gone: Sequence[DeleteRecord]) -> list[str]:
    return [f"The record at {name} moves to {case.domain}." for name in dict.fromkeys(one.name for one in gone)]


def _manual(name: str, certificate: dict[str, Any]) -> Remedy:
    return Remedy(kind=RemedyKind.MANUAL, name=name, certificate=certificate)
