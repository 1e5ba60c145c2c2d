"""The catalogue of findings is closed, complete and in plain words."""

from __future__ import annotations

import string

import pytest

from spfcheck.audit.judgement.review import answer_findings, failure_code, record_findings
from spfcheck.audit.report.catalogue import CATALOGUE, Code, finding, printable, settled
from spfcheck.audit.report.model import Severity
from spfcheck.audit.text.slips import HINTS, Slip
from spfcheck.resolver.types import FAILURES, Answer, Outcome, Question, Rtype
from spfcheck.rfc7208.record import parse
from tests.audit.golden_file import GOLDEN, Golden

NOT_IN_A_ZONE = {
    # What only a network can do.
    Code.DNS_RCODE,
    Code.DNS_REFERRAL,
    Code.DNS_FILTERED,
    Code.DNS_UNREACHABLE,
    Code.DNS_LIMITED,
    Code.SLOW_DNS,
    Code.STALE_ANSWER,
    Code.ABSENCE_UNCONFIRMED,
    # What only a bound of the process can do (tests/checking/test_costly.py).
    Code.TOO_COSTLY,
}


def test_every_code_has_words() -> None:
    assert set(CATALOGUE) == set(Code)
    for code, kind in CATALOGUE.items():
        wanted = {
            name for text in (kind.message, kind.advice) for _, name, _, _ in string.Formatter().parse(text) if name
        }
        assert wanted - {"domain"} <= set(kind.params), code
        assert kind.message.endswith((".", "}")), code
        assert kind.advice.endswith((".", "}")), code


def test_every_slip_has_a_hint() -> None:
    assert {*Slip, ""} == set(HINTS)


def test_every_code_is_shown_by_a_golden() -> None:
    shown = {line.split()[0] for path in GOLDEN.glob("*.txt") for line in Golden.read(path).expect.get("finding", [])}
    assert {code.value for code in Code} - {code.value for code in NOT_IN_A_ZONE} == shown


@pytest.mark.parametrize("outcome", sorted(FAILURES))
def test_every_dns_failure_has_a_code_of_its_own(outcome: Outcome) -> None:
    answer = Answer(question=Question("a.example", Rtype.A), outcome=outcome, detail="Because.")
    (found,) = answer_findings({answer.question: answer})
    assert found.code == failure_code(outcome)
    assert found.severity is Severity.WARNING
    assert found.message.endswith(". Because.")


def test_each_failure_code_stands_for_one_outcome() -> None:
    assert len({failure_code(outcome) for outcome in FAILURES}) == len(FAILURES)


def test_what_the_network_does_is_said() -> None:
    question = Question("a.example", Rtype.TXT)
    slow = Answer(question=question, outcome=Outcome.OK, took_ms=2_500.4, stale=True)
    assert [one.code for one in answer_findings({question: slow})] == ["stale-answer", "slow-dns"]
    bare = Answer(question=question, outcome=Outcome.NXDOMAIN)
    assert [one.code for one in answer_findings({question: bare})] == ["absence-unconfirmed"]
    good = Answer(question=question, outcome=Outcome.NXDOMAIN, soa_seen=True)
    assert list(answer_findings({question: good})) == []


def test_softfail_is_no_finding() -> None:
    assert not any("~all" in code or "softfail" in code for code in Code)


def test_parameters_are_checked() -> None:
    with pytest.raises(ValueError, match="takes"):
        finding(Code.NO_RECORD, "a.example", text="x")


def test_what_strangers_write_is_made_visible_in_sentences() -> None:
    found = finding(Code.UNKNOWN_MODIFIER, "a.example", term="x=\x1b[31m\xa0")
    assert "\\u001b[31m\\u00a0" in found.message
    assert found.params["term"] == "x=\x1b[31m\xa0"
    assert printable("y" * 500).endswith("…")
    assert len(printable("y" * 500)) == 121


def test_braces_of_macros_are_no_templates() -> None:
    found = finding(Code.DEPENDS_ON_MESSAGE, "a.example", term="exists:%{i}.{domain}")
    assert "exists:%{i}.{domain}" in found.message


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("v=spf1 \u2013all", "U+2013 (en dash)"),
        ("v=spf1 ip4:192.0.2.1\u200b -all", "U+200B (zero width space)"),
        ("v=spf1 \ue000 -all", "U+E000"),
    ],
)
def test_a_character_is_named(text: str, character: str) -> None:
    (found,) = (one for one in record_findings(parse(text.encode()), "a.example", ()) if one.code == Code.NON_ASCII)
    assert found.message.endswith(f"not allowed: {character}.")


def test_findings_are_sorted_by_severity_and_then_by_place() -> None:
    at = "a.example"
    found = [
        finding(Code.UNKNOWN_MODIFIER, at, (30, 33), term="x=y"),
        finding(Code.SENDER_NOT_INCLUDED, at, sender="s", include="i", result="fail", networks=""),
        finding(Code.NEUTRAL_ALL, at, (20, 24)),
        finding(Code.INCLUDE_NO_RECORD, at, (7, 20), term="include:x", target="x"),
        finding(Code.NO_MX, at),
    ]
    codes = [one.code for one in settled(found, at, proposed=True)]
    assert codes == ["include-no-record", "sender-not-included", "no-mx", "neutral-all", "unknown-modifier"]


def test_nothing_is_as_proposed_where_nothing_is_proposed() -> None:
    for code, kind in CATALOGUE.items():
        params = dict.fromkeys(kind.params, "x")
        (plain,) = settled([finding(code, "a.example", **params)], "a.example", proposed=False)
        assert "proposed" not in plain.advice, code
        (shown,) = settled([finding(code, "a.example", **params)], "a.example", proposed=True)
        assert shown.advice == finding(code, "a.example", **params).advice


def test_a_finding_may_matter_less_than_its_code() -> None:
    found = finding(Code.INCLUDE_MISSPELT, "a.example", severity=Severity.WARNING, written="a", meant="b")
    assert (found.severity, found.params) == (Severity.WARNING, {"written": "a", "meant": "b"})
