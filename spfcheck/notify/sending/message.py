"""Subject and body of a message, from templates that an operator can replace.

The only variables are the step, the domains, a fixed sentence for each finding, the proven record, links, and the word
by which the message is found again. Nothing that a stranger published reaches a message but the record that we propose,
and that only in the characters of the grammar, and the names of includes that fail, only where they are names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.model import RemedyKind, Report
from spfcheck.audit.report.others import remaining_sentences
from spfcheck.names import unicode_name
from spfcheck.notify.model import MessageStep, NotifyError
from spfcheck.notify.planning.evidence import fault_of, mailable

MOST_DOMAINS = 5
"""Named in one message; the rest is a link."""

TRIAL_WORD = "spfref0000000000000000"

SENTENCES: Mapping[str, str] = {
    Code.NO_RECORD: "there is no SPF record, so nobody is authorised to send as this domain.",
    Code.RECORD_MISPLACED: "the SPF record stands at another name, where no mail server looks for it.",
    Code.NEAR_MISS_RECORD: "a TXT record is meant as SPF, but does not begin as one.",
    Code.MULTIPLE_RECORDS: "there are several SPF records; receivers then use none of them.",
    Code.TYPE_SPF_ONLY: "the policy stands in an obsolete record type that receivers do not read.",
    Code.SYNTAX_ERROR: "the SPF record cannot be read, so receivers treat it as broken.",
    Code.NON_ASCII: "the SPF record holds a character that is not allowed.",
    Code.LOOKUP_LIMIT: "the SPF record needs more than ten DNS lookups, which receivers refuse.",
    Code.VOID_LIMIT: "the SPF record names too many hosts that do not exist.",
    Code.MX_LIMIT: "the SPF record leads to more than ten mail hosts.",
    Code.INCLUDE_LOOP: "the SPF record leads back to itself.",
    Code.INCLUDE_MISSPELT: "our name in the SPF record is misspelt, so it authorises nobody.",
    Code.INCLUDE_NO_RECORD: "the SPF record includes a name that has no SPF record.",
    Code.INCLUDE_BROKEN: "the SPF record includes another record that is broken.",
    Code.REDIRECT_NO_RECORD: "the SPF record redirects to a name that has no SPF record.",
    Code.SENDER_NOT_INCLUDED: "the SPF record does not authorise our servers.",
    Code.SENDER_PARTLY_INCLUDED: "the SPF record authorises only some of our servers.",
}
OTHER_SENTENCE = "the SPF record does not let our servers pass."
FINE_SENTENCE = "passes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One domain in a message."""

    domain: str
    shown: str
    """As its owner writes it."""
    finding: str
    name: str
    """Where the record belongs."""
    record: str
    replaces: int
    """How many present records it takes the place of."""
    link: str
    remaining: tuple[str, ...] = ()
    """What has to be known beside the proposed record, a sentence each: what else has to go, whose record is not meant,
    and what the proposal still does to the mail of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedMessage:
    """A message as it would go out."""

    subject: str
    html: str
    text: str

    @property
    def hash(self) -> str:
        """Of subject and bodies, for the ledger: a body itself is never kept."""
        content = "\0".join((self.subject, self.html, self.text))
        return hashlib.sha256(content.encode()).hexdigest()


class Writer:
    """Renders messages. *subject_path* and *body_path* replace the shipped templates (the body's is HTML).

    Raises `NotifyError` for a template that cannot be read or does not render.
    """

    def __init__(self, public_url: str = "", subject_path: str = "", body_path: str = "") -> None:
        self._base = public_url.rstrip("/")
        shipped = files(__package__) / "templates"
        subject = _read(subject_path) or (shipped / "subject.txt").read_text(encoding="utf-8")
        body = _read(body_path) or (shipped / "body.html").read_text(encoding="utf-8")
        text = (shipped / "body.txt").read_text(encoding="utf-8")
        self.digest = hashlib.sha256("\0".join((subject, body, text, self._base)).encode()).hexdigest()[:32]
        """Of everything that every message has in common: other templates make other messages."""
        try:
            self._subject = _template(subject, escape=False)
            self._html = _template(body, escape=True)
            self._text = _template(text, escape=False)
        except TemplateError as error:
            raise NotifyError(f"The message template cannot be read: {error}.") from error
        self._carries_the_word()

    def _carries_the_word(self) -> None:
        """Raise `NotifyError` for a template whose messages could never be found again."""
        for step in MessageStep:
            html = self.write(step, [self.fine("customer.example")], TRIAL_WORD).html
            if re.search(rf"(?<!\w){TRIAL_WORD}(?!\w)", re.sub(r"<[^>]*>", " ", html)) is None:
                raise NotifyError(
                    "The message template does not show {{ ref }}, the word by which a message is found again "
                    f"({step} messages)."
                )

    def named(self, report: Report) -> Named:
        """What a message says of one domain; raises `NotifyError` for a record that no message may carry."""
        remedy = report.remedy
        if remedy.value and not mailable(remedy.value):
            raise NotifyError(f"The proposed record of {report.domain} cannot be mailed.")
        return Named(
            domain=report.domain,
            shown=unicode_name(remedy.name if remedy.name.endswith(f".{report.domain}") else report.domain),
            finding=SENTENCES.get(fault_of(report), OTHER_SENTENCE),
            name=remedy.name or report.domain,
            record=remedy.value,
            replaces=max(len(remedy.delete), 1) if remedy.kind is RemedyKind.REPLACE else 0,
            link=self._link(f"/help/{quote(fault_of(report))}") if fault_of(report) else self._link("/help"),
            remaining=(
                *_removals(report),
                *(f"{one.message} {one.advice}" for one in report.findings if one.code == Code.JUDGED_BELOW),
                *remaining_sentences((left.code, left.params) for left in remedy.remaining),
            ),
        )

    def fine(self, domain: str) -> Named:
        """What a message of thanks says of one domain."""
        return Named(
            domain=domain,
            shown=unicode_name(domain),
            finding=FINE_SENTENCE,
            name=domain,
            record="",
            replaces=0,
            link="",
        )

    def write(self, step: MessageStep, domains: Sequence[Named], ref: str) -> RenderedMessage:
        """The message of *step* about *domains*, found again by *ref*."""
        variables = {
            "step": step.value,
            "domains": list(domains[:MOST_DOMAINS]),
            "more": max(0, len(domains) - MOST_DOMAINS),
            "link": self._link("/help"),
            "ref": ref,
        }
        try:
            subject = self._subject.render(variables)
            html = self._html.render(variables)
            text = self._text.render(variables)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise NotifyError(f"The message template does not render: {error}.") from error
        # A word on one line: a subject with a line break would be two headers.
        return RenderedMessage(subject=" ".join(subject.split())[:200], html=html.strip(), text=text.strip() + "\n")

    def _link(self, path: str) -> str:
        return f"{self._base}{path}" if self._base else ""


def _removals(report: Report) -> list[str]:
    """What has to go at other names; these are made by us, of the domain's own, and never a stranger's words."""
    names = dict.fromkeys(gone.name for gone in report.remedy.delete if gone.name != report.remedy.name)
    return [f"Then remove the SPF record at {name}, unless another record includes it." for name in names]


@cache
def _template(source: str, *, escape: bool) -> Template:
    return ImmutableSandboxedEnvironment(autoescape=escape, undefined=StrictUndefined).from_string(source)


def _read(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotifyError(f"The template {path} cannot be read: {error}.") from error
