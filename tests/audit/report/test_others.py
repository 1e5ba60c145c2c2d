"""What remains for the mail of others is said in one fixed sentence a finding, the same on every face."""

from __future__ import annotations

import json

import pytest

from spfcheck.api.reports.entries import summary_bytes, summary_of
from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.catalogue import CATALOGUE, Code
from spfcheck.audit.report.model import Report, Severity, as_json
from spfcheck.audit.report.others import OTHER, REMAINING, remaining_sentences
from spfcheck.audit.senders import SenderProfile
from spfcheck.notify.model import MessageStep
from spfcheck.notify.sending.message import Writer
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.web.view import report_view

SENTENCE = (
    "Your record also includes old.vendor.example, which has no SPF record: mail that depends on what stands behind it "
    "fails. Correct or remove it."
)


async def report() -> Report:
    zone = """
    _spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"
    customer.example TXT "v=spf1 include:old.vendor.example include:old.vendor.example a -all"
    customer.example A 192.0.2.1
    """
    lookup = ZoneLookup(Zone.parse(zone))
    ours = await prepare([SenderProfile(name="mail", include="_spf.mail.example")], lookup)
    return await examine("customer.example", lookup, ours)


async def test_every_face_says_it_once() -> None:
    made = await report()
    document = as_json(made)
    assert [one["code"] for one in document["remedy"]["remaining"]] == ["include-no-record"]
    assert report_view(document, now=0.0)["remaining"] == [SENTENCE]
    assert summary_of(document)["remedy"]["remaining"] == document["remedy"]["remaining"]
    assert json.loads(summary_bytes(made))["remedy"]["remaining"] == document["remedy"]["remaining"]
    writer = Writer("https://spf.example")
    message = writer.write(MessageStep.FIRST, [writer.named(made)], "ref")
    assert f"<p>{SENTENCE}</p>" in message.html
    assert f"\n{SENTENCE}\n" in message.text


def test_a_report_that_was_stored_before_says_nothing() -> None:
    assert remaining_sentences([]) == []


@pytest.mark.parametrize(
    "target", ["", "x" * 300, "a b.example", "a.example\n", "<b>.example", "{{ref}}", "%{i}.example", "é.example"]
)
def test_what_is_no_name_is_not_repeated(target: str) -> None:
    (said,) = remaining_sentences([(Code.INCLUDE_NO_RECORD, {"target": target})])
    assert said == SENTENCE.replace("old.vendor.example", "another name")


def test_every_error_that_may_remain_has_its_sentence() -> None:
    tree = {
        code for code in CATALOGUE if code.startswith(("include-", "redirect-no", "mx-limit", "void-limit", "lookup"))
    }
    unread = {Code.TERMS_AFTER_ALL, Code.IGNORED_TERM, Code.REDIRECT_IGNORED, Code.VOID_LOOKUP, Code.STRAY_RECORD}
    assert set(REMAINING) == {code for code in tree if CATALOGUE[code].severity is Severity.ERROR} | unread
    assert remaining_sentences([("sender-denied", {}), ("sender-denied", {})]) == [OTHER]
