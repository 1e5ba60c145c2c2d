"""What one check has found and concluded, and the Report that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from spfcheck.audit.fetch import Witness
from spfcheck.audit.judgement.status import headline
from spfcheck.audit.judgement.tree import Survey
from spfcheck.audit.repair.propose import NONE
from spfcheck.audit.report.evidence import evidence_of
from spfcheck.audit.report.model import (
    NOT_ASKED,
    Finding,
    Identity,
    Opinion,
    PublishedRecord,
    Remedy,
    Report,
    SenderNetwork,
    Status,
    TreeNode,
)
from spfcheck.audit.senders import Ours
from spfcheck.resolver.types import Answer
from spfcheck.resolver.types import Outcome as Answered
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.limits import UNLIMITED
from spfcheck.rfc7208.making import maker
from spfcheck.rfc7208.ranges import everything, size
from spfcheck.rfc7208.record import Record, Result

__all__ = ["Look", "Outcome", "assemble"]

_new_report: Final = maker(Report)


@dataclass(slots=True)
class Look:
    """What one check has found so far."""

    domain: str
    judged_domain: str
    mail_from: str
    helo: str
    witness: Witness
    ours: Ours
    hypothetical: bool
    answer: Answer
    texts: tuple[bytes, ...] = ()
    near: tuple[bytes, ...] = ()
    typed: tuple[bytes, ...] = ()
    record: Record | None = None
    found: Survey = field(default_factory=Survey)

    @property
    def name(self) -> str:
        """Where the record stands: the domain, or what it is an alias of."""
        return self.answer.chain[-1] if self.answer.chain else self.judged_domain


@dataclass(slots=True)
class Outcome:
    """What a check ends in."""

    status: Status
    result: str
    lenient: str
    networks: tuple[SenderNetwork, ...]
    findings: list[Finding]
    remedy: Remedy = NONE
    opinion: Opinion = NOT_ASKED


def assemble(look: Look, outcome: Outcome, clock: Callable[[], float], new_id: Callable[[], str]) -> Report:
    """The Report of what was found and concluded."""
    now = clock()
    answers = look.witness.answers
    # By name, so that the order in which answers happened to come changes nothing.
    good = [answers[question] for question in sorted(answers)]
    record = look.record
    return _new_report(
        report_id=new_id(),
        domain=look.domain,
        identity=Identity(mail_from=look.mail_from, helo=look.helo),
        status=outcome.status,
        headline=headline(look.judged_domain, outcome.status, outcome.findings, outcome.remedy),
        result=outcome.result,
        lenient_result=outcome.lenient,
        record=_published(look),
        lookups=look.found.lookups,
        lookups_at_least=look.found.at_least,
        void_lookups=max(look.found.voids.values()),
        senders=outcome.networks,
        findings=tuple(outcome.findings),
        remedy=outcome.remedy,
        opinion=outcome.opinion,
        tree=_tree(look, record),
        evidence=tuple(evidence_of(answer) for answer in good),
        # One that was refused over a ceiling stands in the evidence, and nobody asked it.
        questions=sum(answer.outcome is not Answered.LIMITED for answer in good),
        authorised_v4=_authorised(look),
        hypothetical=look.hypothetical,
        stale=any(answer.stale for answer in good),
        checked_at=now,
        expires_at=min((_runs_out(answer, now) for answer in good), default=now),
    )


def _runs_out(answer: Answer, now: float) -> float:
    return (answer.received_at or now) + answer.ttl


def _published(look: Look) -> PublishedRecord | None:
    record = look.record
    if record is None:
        return None
    strings = next((item for item in look.answer.records if b"".join(item) == look.texts[0]), ())
    return PublishedRecord(
        name=look.name,
        text=record.text,
        strings=tuple(part.decode("latin-1") for part in strings),
        ttl=look.answer.ttl,
    )


def _tree(look: Look, record: Record | None) -> TreeNode | None:
    if look.found.root is not None:
        return look.found.root
    if record is None:
        return None
    return TreeNode(term=look.judged_domain, domain=look.judged_domain, cost=0, total=0, record=record.text)


def _authorised(look: Look) -> int:
    """How many IPv4 addresses the record authorises, the limits aside; -1 where that hangs on the message."""
    record = look.record
    if record is None or not record.valid or look.found.at_least:
        return 0 if look.answer.failed is False and record is None else -1
    answers = look.witness.answers
    try:
        parts = run(partition(everything(4), 4, look.judged_domain, policy=UNLIMITED), answers.__getitem__)
    except KeyError:  # a name that only other messages lead to
        return -1
    if any(cell.depends or cell.result is Result.TEMPERROR for cell in parts.cells):
        return -1
    return size(parts.passing())
