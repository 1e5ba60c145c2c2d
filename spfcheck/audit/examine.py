"""The one way to a Report: what is published, whether our senders pass, what is wrong, and a repair that is proven."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial

from spfcheck.audit.assemble import Check
from spfcheck.audit.elsewhere import ask_aside
from spfcheck.audit.fetch import Sleep, Witness, ask_all
from spfcheck.audit.quick import Attempt
from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import Ours
from spfcheck.audit.thorough import examine_thoroughly
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.effort import MOST, Measure
from spfcheck.rfc7208.lookup import Question
from spfcheck.rfc7208.message import identity
from spfcheck.rfc7208.record import parse

__all__ = ["examine", "unsearched"]


def _new_id() -> str:
    return secrets.token_urlsafe(16)


def unsearched(report: Report) -> bool:
    """Whether a search might find more than *report* says, which no search went into."""
    codes = {Code.NO_RECORD, Code.DOMAIN_NOT_FOUND}
    return not report.hypothetical and any(found.code in codes for found in report.findings)


async def examine(
    domain: str,
    lookup: Lookup,
    ours: Ours,
    *,
    mail_from: str = "postmaster@{domain}",
    helo: str = "mail.invalid",
    record: str | None = None,
    opinion: bool = False,
    search: bool = False,
    most: Mapping[Measure, int] = MOST,
    clock: Callable[[], float] = time.time,
    sleep: Sleep = asyncio.sleep,
    new_id: Callable[[], str] = _new_id,
) -> Report:
    """The Report of *domain*: whether our senders pass, what is wrong, and a repair that is proven.

    *domain* is in A-labels, lower case. What is judged is the domain of *mail_from*, a template. *record* asks what
    would be if it were published. *opinion* asks the second engine beside the finished report. *search* looks for a
    record in the wrong place where there is none in the right one, and for the domain that was meant. *most* is what a
    repair may take of the machine; the verdict does not hang on it. Never raises for what the DNS or a record does.
    """
    sender = mail_from.replace("{domain}", domain)
    check = Check(domain, identity(sender, helo).domain, sender, helo, hypothetical=record is not None)
    text = parse(record).text if record is not None else None
    asked: dict[Question, Answer] = {}
    report: Report | None = None
    if ours.ready:
        attempt = Attempt(lookup, check, ours, text, most)
        report = attempt.report(clock, new_id)
        while report is None and attempt.missing:
            await ask_all(lookup, attempt.missing, attempt.answers, sleep)
            report = attempt.report(clock, new_id)
        asked = attempt.answers
    if report is not None and search and unsearched(report):
        report = None
    if report is not None and not opinion:
        return report
    witness = Witness(lookup)
    witness.answers.update(asked)
    if report is None:
        report = await examine_thoroughly(
            witness,
            check,
            ours,
            record=text,
            clock=clock,
            new_id=new_id,
            sleep=sleep,
            aside=partial(ask_aside, lookup, witness, sleep) if search else None,
            most=most,
        )
    if opinion:
        from spfcheck.audit.second_opinion import completed  # noqa: PLC0415 - pyspf is loaded only where it is asked

        report = await completed(report, witness, ours)
    return report
