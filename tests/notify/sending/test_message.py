"""Subject and body, word for word, and what never gets into them."""

from __future__ import annotations

import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spfcheck.audit.report.catalogue import CATALOGUE, Code
from spfcheck.audit.report.model import Severity
from spfcheck.audit.senders import SenderProfile
from spfcheck.notify.model import MessageStep, NotifyError
from spfcheck.notify.planning.checks import DnsChecks
from spfcheck.notify.planning.evidence import mailable
from spfcheck.notify.sending.message import OTHER_SENTENCE, SENTENCES, Named, Writer
from spfcheck.resolver.zone import Zone, ZoneLookup

GOLDEN = Path(__file__).parent / "golden"

ONE = Named(
    domain="xn--mnchen-3ya.example",
    shown="münchen.example",
    finding=SENTENCES[Code.SENDER_NOT_INCLUDED],
    name="xn--mnchen-3ya.example",
    record="v=spf1 mx include:_spf.mail.example -all",
    replaces=1,
    link="https://spf.example/help/sender-not-included",
)
TWO = replace(ONE, domain="b.example", shown="b.example", name="b.example", replaces=0)


def many(count: int) -> list[Named]:
    return [replace(ONE, domain=f"d{n}.example", shown=f"d{n}.example", name=f"d{n}.example") for n in range(count)]


CASES = {
    "first": (MessageStep.FIRST, [ONE]),
    "first-two": (MessageStep.FIRST, [ONE, TWO]),
    "first-many": (MessageStep.FIRST, many(7)),
    "first-merge": (MessageStep.FIRST, [replace(ONE, replaces=2)]),
    "first-remaining": (
        MessageStep.FIRST,
        [replace(ONE, remaining=("Your record also has a fault.", "And another.")), TWO],
    ),
    "day7": (MessageStep.DAY7, [ONE]),
    "thanks": (MessageStep.THANKS, [replace(ONE, record="", link="")]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_message_is_word_for_word_as_it_was_reviewed(name: str) -> None:
    """To accept a change, run with GOLDEN=write and review the difference."""
    step, domains = CASES[name]
    message = Writer("https://spf.example").write(step, domains, "spfref00112233445566")
    for suffix, text in (("html", message.html + "\n"), ("txt", f"Subject: {message.subject}\n\n{message.text}")):
        path = GOLDEN / f"{name}.{suffix}"
        if os.environ.get("GOLDEN") == "write":
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), path.name


class Reader(HTMLParser):
    """The tags of a document, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "{% raw %}",
    "</pre><b>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "\u202ereversed",
    "a\r\nBcc: victim@example.com",
]


@pytest.mark.parametrize("payload", HOSTILE)
def test_no_markup_of_a_stranger_survives(payload: str) -> None:
    named = replace(ONE, shown=payload, name=payload, record=payload, finding=payload)
    message = Writer("https://spf.example").write(MessageStep.FIRST, [named], "spfref00")
    reader = Reader()
    reader.feed(message.html)
    assert reader.tags <= {"p", "b", "pre", "a"}
    assert reader.attributes <= {"href"}
    assert "49" not in message.html
    assert "\n" not in message.subject
    assert "\r" not in message.subject


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 <b> -all\n",
        "v=spf1 exists:{{secret}} -all",
        "v=spf1 a:%}{ -all",
        "v=spf1 ä -all",
        "mx -all",
        "v=spf1 a:\x00 -all",
        "",
    ],
)
def test_a_record_that_the_grammar_does_not_know_is_never_mailed(record: str) -> None:
    assert not mailable(record)


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1",
        "v=spf1 -all",
        "v=spf1  mx   -all ",
        "V=SPF1 -all",
        "v=spf1 exists:%{i}._spf.%{d2}.example include:_spf.mail.example ~all",
    ],
)
def test_an_ordinary_record_is_mailable(record: str) -> None:
    assert mailable(record)


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=60))
def test_what_is_mailable_is_plain(text: str) -> None:
    record = f"v=spf1 {text}"
    if mailable(record):
        assert record.isascii()
        assert record.isprintable()
        assert "{{" not in record


async def test_a_strangers_text_stays_out_of_the_message() -> None:
    """The record in the DNS holds a payload; the message says what is wrong in our words only."""
    zone = Zone.parse(
        '_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"\n'
        'evil.example TXT "v=spf1 <script>alert(1)</script> mx -all"\n'
        "evil.example MX 10 mx.evil.example\nmx.evil.example A 198.51.100.1\n"
    )
    checks = DnsChecks(
        [SenderProfile(name="default", include="_spf.mail.example")],
        mail_from="postmaster@{domain}",
        helo="mail.invalid",
        night=lambda: ZoneLookup(zone),
    )
    report = await checks.again("evil.example")
    assert report.status == "action_needed"
    if report.remedy.value and mailable(report.remedy.value):
        message = Writer().write(MessageStep.FIRST, [Writer().named(report)], "spfref00")
        assert "<script" not in message.html
        assert "alert" not in message.html


MX = "d.example MX 10 mx.d.example\nmx.d.example A 198.51.100.1\n"


@pytest.mark.parametrize(
    ("mail_from", "zone", "said", "unsaid"),
    [
        (
            "postmaster@{domain}",
            MX + '_spf.d.example TXT "v=spf1 mx include:_spf.mail.example ~all"',
            [
                "d.example: the SPF record stands at another name, where no mail server looks for it.",
                "Publish one TXT record at d.example with this text: v=spf1 mx include:_spf.mail.example ~all",
                "Then remove the SPF record at _spf.d.example, unless another record includes it.",
            ],
            ["judged at"],
        ),
        (
            "bounce@bounce.{domain}",
            MX + 'd.example TXT "v=spf1 mx -all"',
            [
                "the SPF record of bounce.d.example",
                "bounce.d.example: there is no SPF record",
                "Publish one TXT record at bounce.d.example with this text: v=spf1 include:_spf.mail.example ?all",
                "Mail that we send is judged at bounce.d.example (the return-path), and at no other name.",
                "The record of d.example itself is another matter and stays as it is.",
            ],
            ["remove"],
        ),
    ],
    ids=["wrong place", "return-path"],
)
async def test_a_message_names_what_is_judged_and_what_goes(
    mail_from: str, zone: str, said: list[str], unsaid: list[str]
) -> None:
    lookup = ZoneLookup(Zone.parse(f'_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"\n{zone}'))
    profiles = [SenderProfile(name="default", include="_spf.mail.example")]
    checks = DnsChecks(profiles, mail_from=mail_from, helo="mail.invalid", night=lambda: lookup)
    message = Writer().write(MessageStep.FIRST, [Writer().named(await checks.again("d.example"))], "spfref00")
    reader = Reader()
    reader.feed(message.html)
    for text in (f"{message.subject} {message.text}", f"{message.subject} {' '.join(reader.words)}"):
        flat = " ".join(text.split())
        for words in said:
            assert words in flat.replace(" :", ":"), words
        assert not any(words in flat for words in unsaid)


def test_every_sentence_belongs_to_a_code_and_every_fault_has_one() -> None:
    assert set(SENTENCES) <= {code.value for code in Code}
    ours = {
        code
        for code, kind in CATALOGUE.items()
        if kind.severity is Severity.ERROR and code.value not in SENTENCES and not code.value.startswith("dns-")
    }
    # What is left is never mailed by itself: the domain does not exist, or turns us away by name.
    assert ours <= {Code.DOMAIN_NOT_FOUND, Code.SENDER_DENIED}, ours
    assert OTHER_SENTENCE.endswith(".")


def test_an_operator_can_replace_the_templates(tmp_path: Path) -> None:
    subject, body = tmp_path / "s.txt", tmp_path / "b.html"
    subject.write_text("SPF of {{ domains[0].shown }}")
    body.write_text("<p>{{ domains[0].record }}</p>{{ ref }}")
    message = Writer("", str(subject), str(body)).write(MessageStep.FIRST, [ONE], "spfref00")
    assert (message.subject, message.html) == ("SPF of münchen.example", f"<p>{ONE.record}</p>spfref00")


@pytest.mark.parametrize("text", ["{% if %}", "{{ domains[0].nothing }}", "{{ ''.__class__.__mro__ }}{{ 1/0 }}"])
def test_a_template_that_does_not_render_is_one_sentence(tmp_path: Path, text: str) -> None:
    body = tmp_path / "b.html"
    body.write_text(text)
    with pytest.raises(NotifyError, match="The message template"):
        Writer("", "", str(body)).write(MessageStep.FIRST, [ONE], "spfref00")


def test_a_template_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotifyError, match="cannot be read"):
        Writer("", str(tmp_path / "missing.txt"))
