"""From what was read and judged to what follows: the findings, the status, and the repair where one is needed."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from spfcheck.audit.assemble import Conclusion
from spfcheck.audit.judgement.status import Standing, needed_includes, sender_findings, status_of
from spfcheck.audit.repair.case import Case, Missing, Unanswered
from spfcheck.audit.repair.misspelt import misspelt_beside, with_misspelt
from spfcheck.audit.repair.propose import Blocked, given_up, propose
from spfcheck.audit.repair.remaining import remaining
from spfcheck.audit.report.catalogue import Code, finding
from spfcheck.audit.report.model import Finding, Remedy, Status
from spfcheck.audit.senders import Ours
from spfcheck.rfc7208.effort import TooLargeError
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Result, Term, parse

T = TypeVar("T")
Asking = Generator[list[Question], None, T]
"""What yields the questions that it has to have answered before it goes on, and gives a T at its end."""

ROUNDS: Final = 12
"""How often the repair may ask for more DNS answers: a mend, a merge and a provider take one or two each."""


def conclude(
    domain: str,
    standing: Standing,
    said: Iterable[Finding],
    terms: Sequence[Term] | None,
    ours: Ours,
    dns: Sequence[Finding] = (),
) -> Conclusion:
    """The findings about the record of *domain* and the status, without a repair.

    *said* is what holds of the record, whoever sends; *terms* are those that receivers read, None where they read none;
    *dns* is what is to be said of the answers so far.
    """
    findings = list(said)
    if standing.voids or standing.result is not Result.PASS:
        findings += sender_findings(domain, terms, standing, ours)
    status = status_of(standing.result, standing.lenient, standing.networks, [*findings, *dns])
    return Conclusion(status, findings)


def repair(case: Case, name: str, standing: Standing, concluded: Conclusion, *, silent: bool) -> Asking[Conclusion]:
    """The conclusion with what a repair of the record at *name* takes and finds, where one is needed.

    A *silent* record declares that nobody sends, and says nothing else. Yields the questions whose answers are missing
    in *case*. Without answers the status becomes unknown.
    """
    status, findings = concluded.status, concluded.findings
    if status is Status.UNKNOWN:
        return concluded
    if standing.result is Result.PASS:
        return Conclusion(status, [*findings, *misspelt_beside(case)], concluded.remedy)
    findings = [*findings, *(yield from _mail_hosts(case, silent=silent))]
    remedy = yield from _remedy(case, needed_includes(standing.networks, case.ours), name)
    if remedy is None:
        return Conclusion(Status.UNKNOWN, findings)
    return Conclusion(status, with_misspelt(case, _with_denial(case, findings, remedy)), remedy)


def _mail_hosts(case: Case, *, silent: bool) -> Asking[list[Finding]]:
    """Whether the domain receives mail, where it publishes nothing or declares that it sends none."""
    if case.answer(Question(case.domain, Rtype.TXT)).nxdomain or (case.texts and not silent):
        return []
    question = Question(case.domain, Rtype.MX)
    while question not in case.answers:
        yield [question]
    answer = case.answer(question)
    if answer.failed:
        return []
    hosts = [name for _, name in answer.records if name]
    null_mx = bool(answer.records) and not hosts
    found: list[Finding] = []
    if silent:
        words = " It also declares that it receives none (null MX)." if null_mx else ""
        found.append(finding(Code.DECLARED_NO_MAIL, case.domain, null_mx=words))
    if not hosts:
        found.append(finding(Code.NO_MX, case.domain))
    return found


def _remedy(case: Case, needed: Sequence[str], name: str) -> Asking[Remedy | None]:
    """The remedy; None where the DNS does not say what it takes."""
    asked: set[Question] = set()
    for _ in range(ROUNDS):
        try:
            remedy = propose(case, needed, name)
            left = remaining(case, remedy.value) if remedy.value else ()
            return replace(remedy, remaining=left) if left else remedy
        except Missing as missing:
            questions = list(missing.questions)
            if asked.issuperset(questions):
                return None  # they are refused, by our own ceiling
            asked.update(questions)
        except (Blocked, Unanswered):
            return None
        except TooLargeError as error:
            return given_up(name, error)
        yield questions
    return None


def _with_denial(case: Case, findings: list[Finding], remedy: Remedy) -> list[Finding]:
    """Where the repair finds that a term is meant to turn us away, that in place of "not included"."""
    certificate = remedy.certificate or {}
    if certificate.get("code") != "denied-by-name" or any(one.code == Code.SENDER_DENIED for one in findings):
        return findings
    words = certificate["term"]
    record = parse(case.texts[0]) if len(case.texts) == 1 else None
    term = next((one for one in record.terms if one.text == words), None) if record else None
    span = (term.span.start, term.span.stop) if term is not None else None
    milder = (Code.SENDER_NOT_INCLUDED, Code.SENDER_PARTLY_INCLUDED)
    senders = dict.fromkeys(str(one.params["sender"]) for one in findings if one.code in milder)
    return [
        *(one for one in findings if one.code not in milder),
        *(finding(Code.SENDER_DENIED, case.domain, span, sender=sender, term=words) for sender in senders),
    ]
