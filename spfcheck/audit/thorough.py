"""The long way to a report, for every domain: the whole tree is fetched, and our addresses are judged by the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from spfcheck.audit.assemble import Check, Conclusion, Picture, assemble, basis_of, published_record
from spfcheck.audit.conclude import conclude, repair
from spfcheck.audit.elsewhere import Ask, look_elsewhere
from spfcheck.audit.fetch import MOST_TERMS, Sleep, Witness, fetch, fetch_all, terms_of
from spfcheck.audit.judgement.everybody import everybody_findings
from spfcheck.audit.judgement.networks import judge
from spfcheck.audit.judgement.places import NOWHERE, Elsewhere, below_findings, elsewhere_findings
from spfcheck.audit.judgement.review import answer_findings, apex_findings, record_findings, tree_findings
from spfcheck.audit.judgement.samples import MessageIdentity
from spfcheck.audit.judgement.status import Standing, standing_of
from spfcheck.audit.judgement.tree import Survey, survey
from spfcheck.audit.repair.case import Case, published_as
from spfcheck.audit.repair.propose import given_up
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, Remedy, Report, Severity, Status, TreeNode
from spfcheck.audit.senders import Ours
from spfcheck.audit.text.near_miss import near_misses
from spfcheck.names import registrable
from spfcheck.resolver.types import Answer, Outcome
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.effort import MOST, Effort, Measure, TooLargeError
from spfcheck.rfc7208.evaluate import partition
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS, UNLIMITED
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.ranges import everything, size
from spfcheck.rfc7208.record import Record, Result, live_terms, parse, spf_texts

__all__ = ["examine_thoroughly"]


@dataclass(slots=True)
class _Look:
    """What is published at the name that is judged."""

    check: Check
    answer: Answer
    texts: tuple[bytes, ...]
    near: tuple[bytes, ...] = ()
    typed: tuple[bytes, ...] = ()
    record: Record | None = None
    found: Survey = field(default_factory=Survey)
    everybody: Sequence[Finding] = ()
    """What the record does to everybody, whoever sends."""
    missing: str = ""
    """The name that would have to exist and does not."""
    elsewhere: Elsewhere = NOWHERE
    """What stands at other names, where nothing stands at this one."""

    @property
    def empty(self) -> bool:
        """Nothing that is, or is meant as, a policy is published at the name, as far as the DNS says."""
        return not (self.answer.failed or self.texts or self.near or self.typed)

    @property
    def name(self) -> str:
        """Where the record stands: the domain, or what it is an alias of."""
        return self.answer.chain[-1] if self.answer.chain else self.check.judged_domain

    @property
    def silent(self) -> bool:
        """Whether the record says nothing but that nobody sends."""
        end = self.record.all_term if self.record is not None and len(self.record.terms) == 1 else None
        return end is not None and end.result is Result.FAIL

    @property
    def strings(self) -> tuple[bytes, ...]:
        """The character-strings of the one record."""
        return next((item for item in self.answer.records if b"".join(item) == self.texts[0]), ())


async def examine_thoroughly(
    witness: Witness,
    check: Check,
    ours: Ours,
    *,
    record: str | None,
    clock: Callable[[], float],
    new_id: Callable[[], str],
    sleep: Sleep = asyncio.sleep,
    aside: Ask | None = None,
    most: Mapping[Measure, int] = MOST,
) -> Report:
    """The Report of *check* by the answers that *witness* has and gets; *record* is the text of a hypothetical one.

    Where nothing is published, *aside* is asked what stands elsewhere; None: that is not looked for. *most* is what a
    repair may take of the machine.
    """
    witness.answers.update(ours.answers)
    if record is not None:
        proposed = published_as(check.judged_domain, record)
        witness.answers[proposed.question] = proposed
    look = await _look(check, witness, ours, sleep)
    if aside is not None and look.empty and ours.ready and not check.hypothetical:
        exists = not look.answer.nxdomain
        found = await look_elsewhere(check.domain, check.judged_domain, ours.names, exists=exists, ask=aside)
        look.elsewhere = found.elsewhere
        for question, answer in found.answers.items():
            witness.answers.setdefault(question, answer)
    said = list(_said(look))
    if not ours.ready:
        standing = Standing((), Result.TEMPERROR, Result.TEMPERROR, {})
        said += [finding(Code.SENDER_NOT_READY, check.judged_domain, reason=reason) for reason in ours.reasons]
        concluded = Conclusion(Status.UNKNOWN, said)
    else:
        judged = await judge(check.judged_domain, witness, ours, check.mail_from, check.helo)
        standing = standing_of(judged, ours)
        concluded = await _conclude(look, standing, said, witness, ours, Effort(most))
    return assemble(check, standing, concluded, _picture(look, witness), basis_of(witness.answers), clock, new_id)


async def _look(check: Check, witness: Witness, ours: Ours, sleep: Sleep) -> _Look:
    question = Question(check.judged_domain, Rtype.TXT)
    answer = witness.cached(question) or await witness.ask(question)
    look = _Look(check, answer, spf_texts(answer))
    if not answer.failed and answer.records:
        look.near = near_misses(answer.records, ours.names, check.judged_domain)
    # RFC 8020: where the name does not exist there is nothing of another type either.
    if not look.texts and not answer.failed and not answer.nxdomain and not check.hypothetical:
        typed = Question(check.judged_domain, Rtype.SPF)
        # Beside the mail hosts, which a first record hangs on.
        await witness.ask_all([typed, Question(check.judged_domain, Rtype.MX)] if ours.ready else [typed], sleep)
        look.typed = spf_texts(witness.answers[typed])
    if answer.nxdomain:
        look.missing = await _missing(check, witness)
    if len(look.texts) == 1:
        look.record = parse(look.texts[0])
        if look.record.valid:
            await fetch(check.judged_domain, witness)
            look.found = survey(look.record, check.judged_domain, witness.answers)
            who = MessageIdentity(check.judged_domain, check.mail_from, check.helo)
            look.everybody = await everybody_findings(look.record, look.found, witness, ours, who)
    return look


async def _missing(check: Check, witness: Witness) -> str:
    """Which name would have to exist, where the judged one does not; empty where a record would make it exist.

    A return-path below the domain needs nothing but its record, as long as the domain itself is there.
    """
    if not check.judged_domain.endswith(f".{check.domain}") or registrable(check.judged_domain) == check.judged_domain:
        return check.judged_domain
    question = Question(check.domain, Rtype.TXT)
    answer = witness.cached(question) or await witness.ask(question)
    return check.domain if answer.nxdomain else ""


def _said(look: _Look) -> Iterator[Finding]:
    """Everything that holds of the record, whoever sends."""
    domain = look.check.judged_domain
    yield from elsewhere_findings(domain, look.elsewhere)
    yield from apex_findings(domain, look.answer, look.texts, look.near, look.typed, look.missing)
    if look.record is not None:
        yield from record_findings(look.record, domain, look.strings)
        yield from tree_findings(look.found, domain)
        yield from look.everybody


async def _conclude(
    look: _Look, standing: Standing, said: Sequence[Finding], witness: Witness, ours: Ours, work: Effort
) -> Conclusion:
    """What follows, with the answers that it wants and everything below those for records."""
    published = bool(look.texts)
    case = Case(
        domain=look.check.judged_domain,
        texts=look.texts,
        near=() if published else look.near,
        typed=() if published else look.typed,
        ours=ours,
        answers=witness.answers,
        places=look.elsewhere.attempts,
        work=work,
    )
    terms = tuple(live_terms(look.record)) if look.record is not None and look.record.valid else None
    concluded = conclude(case.domain, standing, said, terms, ours, list(answer_findings(witness.answers)))
    known = {one: answer for one, answer in witness.answers.items() if one in witness.seen or one in ours.answers}
    status, judged = concluded.status, concluded
    concluded = await _repaired(case, look, standing, judged, witness)
    while (text := concluded.remedy.value) and not await _lets_ours_pass(text, look.check, witness, ours):
        if text in case.refused:
            break
        case.refused.add(text)
        concluded = await _repaired(case, look, standing, judged, witness)
    if concluded.status is not status and _only_limited(witness.answers):
        # Our own ceiling ended the search for a repair; what is published is what it was found to be.
        concluded = Conclusion(status, concluded.findings, given_up(look.name, _ceiling(witness.answers)))
    elif concluded.status is not status and _failed(witness.answers) and not _failed(known):
        # Only what the repair asked for was not answered: what is published is what it was found to be.
        concluded = Conclusion(status, concluded.findings)
    answers = witness.answers
    if concluded.status is not Status.UNKNOWN:
        answers = {one: answer for one, answer in answers.items() if one in known or not answer.failed}
    remedy = await _with_everybody(concluded.remedy, look.check, witness, ours)
    findings = [*concluded.findings, *answer_findings(answers)]
    if standing.result is not Result.PASS and not look.missing:
        findings += below_findings(case.domain, look.check.domain, look.elsewhere, look.answer.chain)
    return Conclusion(concluded.status, findings, remedy, look.elsewhere.likely)


async def _repaired(case: Case, look: _Look, standing: Standing, concluded: Conclusion, witness: Witness) -> Conclusion:
    course = repair(case, look.name, standing, concluded, silent=look.silent)
    try:
        while True:
            questions = next(course)
            await witness.ask_all(questions)
            await fetch_all([question.name for question in questions if question.rtype is Rtype.TXT], witness)
    except StopIteration as done:
        repaired: Conclusion = done.value
        return repaired


async def _lets_ours_pass(text: str, check: Check, witness: Witness, ours: Ours) -> bool:
    """Whether our servers pass by *text*, were it published: looked at where terms hang on the message.

    A proof takes such a term for one void lookup; ``ptr`` may meet ten.
    """
    overlay = _published(text, check, witness)
    if not survey(parse(text), check.judged_domain, overlay.answers, drawn=False).depends:
        return True
    judged = await judge(check.judged_domain, overlay, ours, check.mail_from, check.helo)
    return judged.result() is Result.PASS


def _published(text: str, check: Check, witness: Witness) -> Witness:
    """What *witness* knows, with *text* as the record that is judged."""
    overlay = Witness(witness)
    overlay.answers.update(witness.answers)
    proposed = published_as(check.judged_domain, text)
    overlay.answers[proposed.question] = proposed
    return overlay


async def _with_everybody(remedy: Remedy, check: Check, witness: Witness, ours: Ours) -> Remedy:
    """*remedy* with what everybody would run into, once it is published, at terms that hang on the message."""
    if not remedy.value:
        return remedy
    record, overlay = parse(remedy.value), _published(remedy.value, check, witness)
    found = survey(record, check.judged_domain, overlay.answers, drawn=False)
    if not found.depends:
        return remedy
    who = MessageIdentity(check.judged_domain, check.mail_from, check.helo)
    said = await everybody_findings(record, found, overlay, ours, who)
    errors = [one for one in said if one.severity is Severity.ERROR]
    return replace(remedy, remaining=(*remedy.remaining, *errors)) if errors else remedy


def _failed(answers: Mapping[Question, Answer]) -> bool:
    """Whether one of *answers* is none, type 99 aside."""
    return any(answer.failed and question.rtype is not Rtype.SPF for question, answer in answers.items())


def _only_limited(answers: Mapping[Question, Answer]) -> bool:
    """Whether some of *answers* were refused over our own ceiling, and all others are there, type 99 aside."""
    failed = [one for question, one in answers.items() if one.failed and question.rtype is not Rtype.SPF]
    return bool(failed) and all(one.outcome is Outcome.LIMITED for one in failed)


def _ceiling(answers: Mapping[Question, Answer]) -> TooLargeError:
    """Our own ceiling that *answers* met."""
    terms = sum([terms_of(answer) for answer in answers.values()])
    if terms > MOST_TERMS:
        return TooLargeError(Measure.TREE_TERMS, MOST_TERMS, terms)
    return TooLargeError(Measure.QUESTIONS, AUDIT_QUESTIONS)


def _picture(look: _Look, witness: Witness) -> Picture:
    record, found, domain = look.record, look.found, look.check.judged_domain
    if record is None:
        return Picture(authorised_v4=-1 if look.answer.failed else 0)
    tree = found.root or TreeNode(term=domain, domain=domain, cost=0, total=0, record=record.text)
    return Picture(
        published_record(look.name, record.text, look.strings, look.answer.ttl),
        tree,
        found.lookups,
        found.at_least,
        max(found.voids.values()),
        _authorised(look, record, witness),
    )


def _authorised(look: _Look, record: Record, witness: Witness) -> int:
    """How many IPv4 addresses the record authorises, the limits aside; -1 where that hangs on the message."""
    if not record.valid or look.found.at_least:
        return -1
    domain = look.check.judged_domain
    try:
        evaluation = partition(everything(4), 4, domain, policy=UNLIMITED, work=Effort())
        parts = run(evaluation, witness.answers.__getitem__)
    except (KeyError, TooLargeError):  # a name that only other messages lead to, or more than is worth a number
        return -1
    if any(cell.depends or cell.result is Result.TEMPERROR for cell in parts.cells):
        return -1
    return size(parts.passing())
