"""The second opinion: the same answers, judged by pyspf; its defects have names, its failures are no opinion."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from spfcheck import COMPILED
from spfcheck.audit.examine import examine
from spfcheck.audit.fetch import Witness
from spfcheck.audit.judgement import networks
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.second_opinion import BOUNDS, Defect, Heard, _theirs, defects_of, engines, hear
from spfcheck.processes import CutBy
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.record import parse
from tests.audit.golden_file import GOLDEN, OURS, Golden

FILES = sorted(GOLDEN.glob("*.txt"))
COMMON = '_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"\n'


async def asked(zone: str) -> Report:
    lookup = ZoneLookup(Zone.parse(COMMON + zone))
    return await examine("customer.example", lookup, await prepare(OURS, lookup), opinion=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_both_engines_agree_on_every_golden(path) -> None:  # type: ignore[no-untyped-def]
    report = await Golden.read(path).report(opinion=True)
    if not report.senders:
        assert not report.opinion.may_message
        return
    assert report.opinion.asked
    assert report.opinion.result in ("agrees", "no-opinion", "known-defect"), report.opinion
    assert report.opinion.may_message <= (report.status == "action_needed" and bool(report.remedy.value))
    if report.opinion.result != "agrees":
        assert not report.opinion.may_message
        assert path.stem in DIFFERENT, report.opinion


DIFFERENT = {
    "slip-line-break": "line-break",
    "loop-behind-ours": "self-include",
}
"""Situations in which pyspf is known to differ or to say nothing, and why."""


async def test_a_message_may_be_sent_when_both_agree() -> None:
    report = await asked('customer.example TXT "v=spf1 ip4:192.0.2.1 -all"')
    assert report.opinion.agrees is True
    assert report.opinion.may_message


async def test_a_known_defect_has_a_name_and_stops_the_message() -> None:
    report = await asked(
        'customer.example TXT "v=spf1 ip4:192.0.2.1 REDIRECT=other.example"\nother.example TXT "v=spf1 -all"'
    )
    assert report.remedy.value
    assert report.opinion.result == "known-defect"
    assert report.opinion.agrees is False
    assert "redirect-case" in report.opinion.detail
    assert not report.opinion.may_message


async def test_nothing_is_to_be_sent_where_ours_pass() -> None:
    report = await asked('customer.example TXT "v=spf1 include:_spf.mail.example -all"')
    assert report.opinion.agrees is True
    assert not report.opinion.may_message


@pytest.mark.skipif(COMPILED, reason="a compiled engine cannot be made wrong for a test")
async def test_a_report_that_pyspf_contradicts_is_not_agreed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both engines say fail of an address of which the report says pass: the report is wrong, and not agreed with."""
    zone = """
    customer.example TXT "v=spf1 -exists:%{i}.blocked.example include:_spf.mail.example -all"
    *.blocked.example A 127.0.0.2
    """
    right = await asked(zone)
    assert (right.result, right.opinion.result) == ("fail", "agrees")

    async def nothing(parts: object, *_: object) -> object:
        return parts

    monkeypatch.setattr(networks, "refined", nothing)  # the fault that this is there to find
    wrong = await asked(zone)
    assert wrong.result == "pass"
    assert (wrong.opinion.result, wrong.opinion.agrees, wrong.opinion.may_message) == ("disagrees", False, False)
    assert wrong.opinion.detail == "203.0.113.0: pass here, fail by pyspf"


async def test_an_exception_of_pyspf_is_no_opinion() -> None:
    lookup = ZoneLookup(Zone.parse('customer.example TXT "v=spf1 exists:%{l}.x.example -all"\nx.example A 192.0.2.1'))
    witness = Witness(lookup)
    (heard,) = await hear(
        "customer.example", witness, witness.answers, ["192.0.2.1"], "é" * 80 + "@customer.example", "h.example"
    )
    assert heard.theirs in ("", heard.ours)


async def test_a_name_that_was_not_recorded_is_no_opinion() -> None:
    lookup = ZoneLookup(Zone.parse('customer.example TXT "v=spf1 a:a.example mx -all"\na.example A 192.0.2.1'))
    witness = Witness(lookup)
    answers: dict = {}
    (heard,) = await hear("customer.example", witness, answers, ["192.0.2.1"], "a@customer.example", "h.example")
    assert heard.ours == "pass"
    assert heard.theirs == ""
    assert "no answer is recorded" in heard.why


async def test_explanations_are_absent() -> None:
    lookup = ZoneLookup(Zone.parse('customer.example TXT "v=spf1 -all exp=gone.example"'))
    witness = Witness(lookup)
    (heard,) = await hear(
        "customer.example", witness, witness.answers, ["192.0.2.1"], "a@customer.example", "h.example"
    )
    assert heard == Heard("192.0.2.1", "fail", "fail")


async def test_pyspf_runs_in_a_process_of_its_own() -> None:
    await asked('customer.example TXT "v=spf1 -all"')
    assert len(engines().pids()) == 1
    assert os.getpid() not in engines().pids()


MACROS = "%{i}." * 12_000
"""One term of 60 kB, on which pyspf works for minutes."""


async def test_a_record_that_takes_pyspf_minutes_has_no_opinion_and_the_next_one_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines(), "bounds", replace(BOUNDS, cpu=0.3))
    answer = Answer(
        question=Question("costly.example", Rtype.TXT),
        outcome=Outcome.OK,
        records=((b"v=spf1 exists:" + MACROS.encode() + b"example -all",),),
        ttl=300,
    )
    before = engines().cut[CutBy.CPU]
    said = await _theirs("costly.example", {answer.question: answer}, ["192.0.2.1"], "a@costly.example", "h.example")
    assert said == [("", "pyspf has not come to an end within 0.3 s of processor time")]
    assert engines().cut[CutBy.CPU] == before + 1
    monkeypatch.undo()
    assert (await asked('customer.example TXT "v=spf1 ip4:192.0.2.1 -all"')).opinion.agrees is True


def test_defects_are_named_for_what_explains_them() -> None:
    def named(text: str, ours: str, theirs: str) -> list[Defect]:
        return defects_of([("c.example", parse(text))], Heard("192.0.2.1", ours, theirs))

    assert named("v=spf1 REDIRECT=a.example", "pass", "neutral") == [Defect.REDIRECT_CASE]
    assert named("v=spf1 -all redirect=a.example", "pass", "permerror") == [Defect.REDIRECT_COUNTED]
    assert named("v=spf1 ra=a ra=b -all", "pass", "permerror") == [Defect.MODIFIER_REPEATED]
    assert named("v=spf1 mx -all", "pass", "permerror") == [Defect.MX_AT_ONCE]
    assert named("v=spf1 ip4:192.0.2.1\n -all", "permerror", "pass") == [Defect.LINE_BREAK]
    assert named("v=spf1 a include:c.example -all", "pass", "permerror") == [Defect.SELF_INCLUDE]
    assert named("v=spf1 ip4:192.0.2.1 -all", "pass", "fail") == []


def test_pyspf_is_loaded_only_where_it_is_asked() -> None:
    program = "import sys, spfcheck.audit.examine, spfcheck.audit.replay; sys.exit('spf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
