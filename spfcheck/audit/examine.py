"""The one way to a Report: fetch the tree, judge our addresses, say what is wrong, and prove a repair."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from spfcheck.audit import prepare as _ours
from spfcheck.audit.assemble import Look, Outcome, assemble
from spfcheck.audit.fetch import Witness, ask_all, fetch, fetch_all, spf_texts
from spfcheck.audit.judgement.networks import Judged, judge, sender_networks
from spfcheck.audit.judgement.review import answers_of, apex, record_findings, tree_findings
from spfcheck.audit.judgement.status import needed_includes, sender_findings, status_of
from spfcheck.audit.judgement.tree import survey
from spfcheck.audit.quick import Attempt
from spfcheck.audit.repair.case import Case, Missing, Unanswered, published_as
from spfcheck.audit.repair.propose import Blocked, propose
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, Report, Status
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.audit.text.near_miss import near_misses
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.message import identity as split_identity
from spfcheck.rfc7208.record import Result, parse

__all__ = ["Ours", "examine", "examine_by", "prepare"]

ROUNDS: Final = 12
"""How often the repair may ask for more DNS answers: a mend, a merge and a provider take one or two each."""


async def prepare(profiles: Sequence[SenderProfile], lookup: Lookup, *, clock: Callable[[], float] = time.time) -> Ours:
    """What our profiles authorise today; `Ours.ready` says whether reports can rest on it (repair I0)."""
    return await _ours.prepare(profiles, lookup, now=clock())


def _new_id() -> str:
    return secrets.token_urlsafe(16)


async def examine(
    domain: str,
    lookup: Lookup,
    ours: Ours,
    *,
    mail_from: str = "postmaster@{domain}",
    helo: str = "mail.invalid",
    record: str | None = None,
    opinion: bool = False,
    clock: Callable[[], float] = time.time,
    new_id: Callable[[], str] = _new_id,
) -> Report:
    """The Report of *domain*: whether our senders pass, what is wrong, and a repair that is proven.

    *domain* is in A-labels, lower case. What is judged is the domain of *mail_from*, a template. *record* asks what
    would be if it were published. *opinion* asks the second engine about the same answers. Never raises for what the
    DNS or a record does.
    """
    sender = mail_from.replace("{domain}", domain)
    asked: dict[Question, Answer] = {}
    if record is None and not opinion and ours.ready:
        attempt = Attempt(lookup, domain, sender.rpartition("@")[2], ours, (sender, helo))
        report = attempt.report(clock, new_id)
        while report is None and attempt.missing:
            await ask_all(lookup, attempt.missing, attempt.answers)
            report = attempt.report(clock, new_id)
        if report is not None:
            return report
        asked = attempt.answers
    witness = Witness(lookup)
    witness.answers.update(asked)
    return await examine_by(
        witness,
        domain,
        ours,
        sender=sender,
        helo=helo,
        record=record,
        opinion=opinion,
        clock=clock,
        new_id=new_id,
    )


async def examine_by(
    witness: Witness,
    domain: str,
    ours: Ours,
    *,
    sender: str,
    helo: str,
    record: str | None,
    opinion: bool,
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> Report:
    """The same, the long way, by the answers that *witness* has and gets; *sender* is the MAIL FROM address."""
    judged_domain = split_identity(sender, helo).domain
    witness.answers.update(ours.answers)
    look = await _look(domain, judged_domain, sender, helo, witness, ours, record)
    if not ours.ready:
        return assemble(look, _not_ready(look), clock, new_id)
    judged = await judge(judged_domain, witness, ours, sender, helo)
    outcome = await _decide(look, judged)
    if opinion:
        from spfcheck.audit.second_opinion import ask  # noqa: PLC0415 - pyspf is loaded only where it is asked

        outcome.opinion = await ask(judged_domain, sender, helo, witness, ours, judged, outcome.remedy, outcome.status)
    return assemble(look, outcome, clock, new_id)


async def _look(
    domain: str, judged: str, sender: str, helo: str, witness: Witness, ours: Ours, record: str | None
) -> Look:
    question = Question(judged, Rtype.TXT)
    if record is not None:
        proposed = parse(record).text
        witness.answers[question] = published_as(judged, proposed)
    answer = witness.cached(question) or await witness.ask(question)
    look = Look(domain, judged, sender, helo, witness, ours, record is not None, answer)
    look.texts = spf_texts(answer)
    if not answer.failed and answer.records:
        look.near = near_misses(answer.records)
    # RFC 8020: where the name does not exist there is nothing of another type either.
    if not look.texts and not answer.failed and not answer.nxdomain and record is None:
        typed = Question(judged, Rtype.SPF)
        old = witness.cached(typed) or await witness.ask(typed)
        look.typed = spf_texts(old)
    if len(look.texts) == 1:
        look.record = parse(look.texts[0])
        if look.record.valid:
            await fetch(judged, witness)
            look.found = survey(look.record, judged, witness.answers)
    return look


def _not_ready(look: Look) -> Outcome:
    findings = list(_said(look))
    findings += [finding(Code.SENDER_NOT_READY, look.judged_domain, reason=reason) for reason in look.ours.reasons]
    return Outcome(Status.UNKNOWN, Result.TEMPERROR.value, Result.TEMPERROR.value, (), findings)


def _said(look: Look) -> Iterable[Finding]:
    """Everything that holds of the record, whoever sends."""
    yield from apex(look.judged_domain, look.answer, look.texts, look.near, look.typed)
    record = look.record
    if record is not None:
        strings = next((item for item in look.answer.records if b"".join(item) == look.texts[0]), ())
        yield from record_findings(record, look.judged_domain, strings)
        yield from tree_findings(look.found, look.judged_domain)


async def _decide(look: Look, judged: Judged) -> Outcome:
    networks = sender_networks(judged, look.ours)
    result, lenient = judged.result(), judged.lenient_result()
    findings = [
        *_said(look),
        *sender_findings(look.judged_domain, look.record, judged, networks, look.ours),
    ]
    dns = list(answers_of(look.witness.answers))
    status = status_of(result, lenient, networks, [*findings, *dns])
    outcome = Outcome(status, result.value, lenient.value, networks, findings)
    if status is not Status.UNKNOWN and result is not Result.PASS:
        findings += await _mail_hosts(look)
        await _repair(look, outcome)
        _say_denied(look, outcome)
        dns = list(answers_of(look.witness.answers))
    findings += dns
    return outcome


async def _mail_hosts(look: Look) -> list[Finding]:
    """Whether the domain receives mail, where it publishes nothing or declares that it sends none."""
    record = look.record
    bare = record is not None and len(record.terms) == 1 and record.all_term is not None
    silent = bare and record is not None and record.all_term is not None and record.all_term.result is Result.FAIL
    if look.answer.nxdomain or (look.texts and not silent):
        return []
    question = Question(look.judged_domain, Rtype.MX)
    answer = look.witness.cached(question) or await look.witness.ask(question)
    if answer.failed:
        return []
    hosts = [name for _, name in answer.records if name]
    null_mx = bool(answer.records) and not hosts
    found: list[Finding] = []
    if silent:
        words = " It also declares that it receives none (null MX)." if null_mx else ""
        found.append(finding(Code.DECLARED_NO_MAIL, look.judged_domain, null_mx=words))
    if not hosts:
        found.append(finding(Code.NO_MX, look.judged_domain))
    return found


async def _repair(look: Look, outcome: Outcome) -> None:
    """Propose a remedy, fetching what it asks for; without DNS answers the status becomes unknown."""
    needed = needed_includes(outcome.networks, look.ours)
    case = Case(
        domain=look.judged_domain,
        texts=look.texts,
        near=() if look.texts else look.near,
        typed=() if look.texts else look.typed,
        ours=look.ours,
        answers=look.witness.answers,
    )
    for _ in range(ROUNDS):
        try:
            outcome.remedy = propose(case, needed, look.name)
        except Missing as missing:
            await _with_trees(missing.questions, look.witness)
        except (Blocked, Unanswered):
            break
        else:
            return
    outcome.status = Status.UNKNOWN


def _say_denied(look: Look, outcome: Outcome) -> None:
    """Where the repair finds that a term is meant to turn us away, say that in place of "not included"."""
    certificate = outcome.remedy.certificate or {}
    if certificate.get("code") != "denied-by-name" or any(one.code == Code.SENDER_DENIED for one in outcome.findings):
        return
    words = certificate["term"]
    term = next((one for one in look.record.terms if one.text == words), None) if look.record else None
    span = (term.span.start, term.span.stop) if term is not None else None
    milder = (Code.SENDER_NOT_INCLUDED, Code.SENDER_PARTLY_INCLUDED)
    affected = [one for one in outcome.findings if one.code in milder]
    outcome.findings[:] = [one for one in outcome.findings if one.code not in milder]
    for sender in dict.fromkeys(str(one.params["sender"]) for one in affected):
        outcome.findings.append(finding(Code.SENDER_DENIED, look.judged_domain, span, sender=sender, term=words))


async def _with_trees(questions: Sequence[Question], witness: Witness) -> None:
    """Ask *questions* and, of those for records, everything below them."""
    await witness.ask_all(questions)
    await fetch_all([question.name for question in questions if question.rtype is Rtype.TXT], witness)
