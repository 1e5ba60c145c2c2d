"""The Report, made of what one check asked, read, judged and concluded; the quick way and the long way end here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from spfcheck.audit.flat.memory import lifetimes
from spfcheck.audit.judgement.status import Standing, headline
from spfcheck.audit.repair.propose import NONE
from spfcheck.audit.report.catalogue import settled
from spfcheck.audit.report.evidence import evidence_of
from spfcheck.audit.report.model import (
    NOT_ASKED,
    Evidence,
    Finding,
    Identity,
    PublishedRecord,
    Remedy,
    Report,
    Status,
    TreeNode,
)
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.making import maker

__all__ = ["Basis", "Check", "Conclusion", "Picture", "assemble", "basis_of", "published_record"]

_new_report: Final = maker(Report)
_new_identity: Final = maker(Identity)
_new_record: Final = maker(PublishedRecord)


class Check(NamedTuple):
    """What is checked: a domain, the name that SPF judges for it, and the identity that we give (RFC 7208 2.3, 2.4)."""

    domain: str
    judged_domain: str
    mail_from: str
    helo: str
    hypothetical: bool = False


@dataclass(slots=True)
class Conclusion:
    """What follows from what was read and judged."""

    status: Status
    findings: list[Finding]
    remedy: Remedy = NONE
    likely: str = ""


@dataclass(slots=True)
class Picture:
    """The record and its include tree, as a report shows them."""

    record: PublishedRecord | None = None
    tree: TreeNode | None = None
    lookups: int = 0
    at_least: bool = False
    void_lookups: int = 0
    authorised_v4: int = 0


@dataclass(slots=True)
class Basis:
    """The DNS answers that a report rests on."""

    evidence: Sequence[Evidence]
    """In the order of their questions, so that the order in which they happened to come changes nothing."""
    questions: int
    lifetime: float
    until: float
    """How long they live (`lifetimes`)."""
    stale: bool = False


def basis_of(answers: Mapping[Question, Answer]) -> Basis:
    """The basis that *answers* are."""
    good = [answers[question] for question in sorted(answers)]
    return Basis(
        [evidence_of(answer) for answer in good],
        # One that was refused over a ceiling stands in the evidence, and nobody asked it.
        sum([answer.outcome is not Outcome.LIMITED for answer in good]),
        *lifetimes(good),
        any(answer.stale for answer in good),
    )


def published_record(name: str, text: str, strings: Sequence[bytes], ttl: int) -> PublishedRecord:
    """The record *text* that stands at *name*, in these character-strings."""
    return _new_record(name, text, tuple([string.decode("latin-1") for string in strings]), ttl)


def assemble(
    check: Check,
    standing: Standing,
    conclusion: Conclusion,
    picture: Picture,
    basis: Basis,
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> Report:
    """The Report of *check*."""
    now = clock()
    status, remedy = conclusion.status, conclusion.remedy
    findings = settled(conclusion.findings, check.judged_domain, proposed=bool(remedy.value))
    # By position, in the order of the fields: first those that have no default. Their names took longer than the rest.
    return _new_report(
        new_id(),
        check.domain,
        _new_identity(check.mail_from, check.helo),
        status,
        headline(check.judged_domain, status, findings, remedy),
        standing.result._value_,
        standing.lenient._value_,
        picture.record,
        picture.lookups,
        picture.void_lookups,
        standing.networks,
        tuple(findings),
        remedy,
        NOT_ASKED,
        picture.tree,
        tuple(basis.evidence),
        basis.questions,
        picture.authorised_v4,
        now,
        min(now + basis.lifetime, basis.until),
        lookups_at_least=picture.at_least,
        hypothetical=check.hypothetical,
        stale=basis.stale,
        likely=conclusion.likely,
    )
