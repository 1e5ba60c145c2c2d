"""What a check takes of the machine: it grows with the record and no faster, and has an end that is said."""

from __future__ import annotations

import asyncio
import json
from math import log2
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spfcheck import COMPILED
from spfcheck.audit.assemble import Conclusion
from spfcheck.audit.conclude import repair
from spfcheck.audit.judgement.status import Standing
from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.certificates import accepts
from spfcheck.audit.replay import replay
from spfcheck.audit.report.model import RemedyKind, Report, Status, as_json
from spfcheck.audit.senders import SenderProfile
from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.effort import MOST, Effort, Measure, TooLargeError
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS, STRICT
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import Result, spf_texts
from spfcheck.web.words import manual_words
from tests.audit.cases import Everything
from tests.audit.work import Counted, forget, ours_of, report_on
from tests.made.hostile import DOMAIN, HOSTILE, HostileLookup, Published, domain, record, single, text
from tests.profile import scale

ROWS = sorted(HOSTILE)
FIRST = 1_500_000
"""Calls that a check may make whatever its size: 64 proposals of a small record."""
EACH = 16
"""Calls for each byte of what it reads and each doubling of that."""


def bytes_of(published: Published) -> int:
    """The size of what is published, an address counted as 16 bytes."""
    found = 0
    for (_, rtype), records in published.items():
        found += sum(map(len, (string for strings in records for string in strings))) if rtype is Rtype.TXT else 0
        found += 16 * len(records) if rtype is not Rtype.TXT else 0
    return found


# -- growth ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(COMPILED, reason="calls inside compiled modules are not seen")
@pytest.mark.parametrize("name", ROWS)
def test_the_work_of_a_check_grows_with_its_record_and_no_faster(name: str) -> None:
    size, make = HOSTILE[name]
    before = 0
    for factor in (1, 2, 4):
        published = make(size * factor // scale(4, 1))
        length = bytes_of(published)
        forget()
        counted = Counted()
        report = counted.of(lambda published=published: report_on(published))  # type: ignore[misc]
        assert report.headline
        assert counted.calls < FIRST + EACH * length * log2(length), report.remedy
        # Twice the size may take twice the work, and a quarter more for what stands between; small it varies.
        assert counted.calls < max(2.5 * before, FIRST / 4) or not before, (before, counted.calls)
        before = counted.calls


@pytest.mark.parametrize("name", ROWS)
def test_whatever_is_published_is_judged(name: str) -> None:
    """What check_host() says of an address of ours is what the report says of its network, whatever the size."""
    size, make = HOSTILE[name]
    published = make(size)
    forget()
    lookup = HostileLookup(published)
    sender, helo = f"postmaster@{DOMAIN}", "mail.invalid"
    said = {run(check_host("203.0.113.1", DOMAIN, sender, helo), lookup.cached).result for _ in range(20)}
    report = report_on(make(size))
    assert {report.senders[0].result} == {one.value for one in said}
    assert report.status is not Status.UNKNOWN
    if report.remedy.certificate is not None:
        found = report.remedy.certificate
        assert found["code"] in ("too-large", "no-single-reading") or found["lookups"] + found["cost"] > STRICT.lookups


@pytest.mark.parametrize("name", ["one address with commas", "many includes", "nine large providers", "glued names"])
def test_a_large_report_comes_out_the_same_when_it_is_told_again(name: str) -> None:
    size, make = HOSTILE[name]
    report = report_on(make(size * 4))
    stored = json.dumps(as_json(report))
    profiles = [SenderProfile(name="m0", include="_s0.example")]
    assert json.dumps(as_json(asyncio.run(replay(json.loads(stored), profiles)))) == stored


# -- limits ------------------------------------------------------------------------------------------------------------

BROKEN = "v=spf1 ipv4:1.2.3.4 -ip4:9.9.9.9 ip4:8.8.8.8 -all"
LIMITED: dict[Measure, Published] = {
    Measure.BYTES: domain(BROKEN),
    Measure.TERMS: domain(BROKEN),
    Measure.READINGS: domain(record("inlcude:p.example", "p.example"), p=record()),
    Measure.COMPARISONS: domain(BROKEN),
    Measure.TREE_TERMS: domain(record("x=y", "include:p.example"), p=record(*single(3))),
    Measure.CELLS: domain(record(*["a"] * 11, *single(20))),
    Measure.PROPOSALS: domain(record(*["a"] * 11)),
}
"""What is published, whose repair takes some of each."""
EXACT = {Measure.BYTES: len(BROKEN), Measure.TERMS: 5, Measure.TREE_TERMS: 11}
"""How much, where it can be told by hand: 4 terms of the proposed record, 4 of its include and 3 of ours."""


def limited(published: Published, measure: Measure, most: int, **more: Any) -> Report:
    return report_on(dict(published), most={**MOST, measure: most}, **more)


def is_given_up(report: Report, measure: Measure, most: int) -> bool:
    found = report.remedy.certificate or {}
    assert found.get("code") in (None, "too-large")
    if found:
        assert report.remedy.kind is RemedyKind.MANUAL
        assert (found["reason"], found["most"]) == (measure.value, most)
        assert not report.remedy.value
    return bool(found)


@pytest.mark.parametrize("measure", LIMITED)
@pytest.mark.parametrize("tried", [False, True])
def test_a_repair_that_would_take_more_is_given_up_and_the_verdict_stands(measure: Measure, tried: bool) -> None:
    published = LIMITED[measure]
    alone = report_on(dict(published), tried=tried)
    assert alone.remedy.kind is RemedyKind.REPLACE
    last = report_on(dict(published), tried=tried)
    for most in range(1, 3_000):
        last, cut = limited(published, measure, most, tried=tried), last
        if not is_given_up(last, measure, most):
            break
    assert last.remedy == alone.remedy
    assert EXACT.get(measure, most) == most
    assert measure is not Measure.CELLS or most > 20 * 10, "twenty networks, in ten evaluations at least"
    assert is_given_up(cut, measure, most - 1)
    assert (cut.status, cut.result, cut.senders) == (alone.status, alone.result, alone.senders)
    assert {one.code for one in cut.findings} == {one.code for one in alone.findings}


@pytest.mark.parametrize("name", ["many includes", "glued names"])
def test_our_own_ceiling_on_questions_is_not_called_a_silent_dns(name: str) -> None:
    size, make = HOSTILE[name]
    report = report_on(make(size))
    assert is_given_up(report, Measure.QUESTIONS, AUDIT_QUESTIONS)
    assert report.status is Status.ACTION_NEEDED
    assert "DNS did not answer" not in report.headline


@pytest.mark.parametrize(("hosts", "networks"), [(990, 0), (11, 400)])
def test_of_many_deletions_the_fewest_are_found_with_few_proposals(hosts: int, networks: int) -> None:
    """What can be taken back is tried in blocks, and what would cost too much is not tried at all."""
    terms = [*["a"] * hosts, *["ip4:11.0.0.1"] * networks]
    report = report_on(domain(record(*terms)))
    assert report.remedy.kind is RemedyKind.REPLACE
    assert report.remedy.value.split() == ["v=spf1", "include:_s0.example", *["a"] * 9, *terms[hosts:], "-all"]


def test_what_is_refused_once_is_not_asked_for_again() -> None:
    published = domain(record(*(f"include:p{number}.example" for number in range(20)), "include:a.exampel.ip4:1.2.3.4"))
    lookup = HostileLookup(published)
    known = {Question(DOMAIN, rtype): lookup.cached(Question(DOMAIN, rtype)) for rtype in (Rtype.TXT, Rtype.MX)}
    texts = spf_texts(known[Question(DOMAIN, Rtype.TXT)])
    case = Case(domain=DOMAIN, texts=texts, near=(), typed=(), ours=ours_of(lookup), answers=known)
    standing = Standing((), Result.PERMERROR, Result.PERMERROR, {})
    course = repair(case, DOMAIN, standing, Conclusion(Status.ACTION_NEEDED, []), silent=False)
    assert len(list(course)) == 1


def test_faults_beyond_a_thousand_are_not_told_one_by_one() -> None:
    report = report_on(domain(record(*["z"] * 1_200)))
    assert [one.code for one in report.findings].count("syntax-error") == 1_000
    report = report_on(domain(record(*["ip4:1.2.3.4"] * 1_200)))
    assert [one.code for one in report.findings].count("duplicate-term") == 1_000


def test_the_records_that_a_check_reads_have_an_end() -> None:
    names = [f"p{number}" for number in range(40)]
    others = {name: record(*single(3_600, of)) for of, name in enumerate(names)}
    report = report_on(domain(record(*(f"include:{name}.example" for name in names)), **others))
    assert report.questions < 20
    assert (report.status, report.result) == (Status.ACTION_NEEDED, Result.PERMERROR)
    assert (report.remedy.certificate or {})["reason"] == Measure.TREE_TERMS
    assert (report.remedy.certificate or {})["count"] > (report.remedy.certificate or {})["most"]
    assert any(one.code == "dns-limited" and "50,000 terms" in one.message for one in report.findings)


def test_a_budget_is_spent_to_its_figure_and_begins_anew() -> None:
    work = Effort({Measure.CELLS: 3, Measure.BYTES: 2})
    work.spend(Measure.CELLS, 2)
    work.spend(Measure.CELLS)
    with pytest.raises(TooLargeError, match="more than 3 cells"):
        work.spend(Measure.CELLS)
    work.renew()
    work.spend(Measure.CELLS, 3)
    work.hold(Measure.BYTES, 2)
    with pytest.raises(TooLargeError) as error:
        work.hold(Measure.BYTES, 3)
    assert (error.value.measure, error.value.most, error.value.count) == (Measure.BYTES, 2, 3)


@pytest.mark.parametrize("measure", Measure)
def test_every_figure_has_a_sentence_for_staff_and_one_for_the_customer(measure: Measure) -> None:
    words = manual_words({"code": "too-large", "reason": measure.value, "most": 12_345, "count": 67_890})
    assert "12,345" in words.sentence
    assert words.ask.endswith("?")
    assert "{" not in words.sentence + words.ask
    assert "DNS" not in words.ask


# -- certificates ------------------------------------------------------------------------------------------------------


def case_of(published: Published, most: dict[Measure, int]) -> Case:
    lookup = HostileLookup(published)
    texts = spf_texts(lookup.cached(Question(DOMAIN, Rtype.TXT)))
    ours = ours_of(lookup)
    return Case(
        domain=DOMAIN,
        texts=texts,
        near=(),
        typed=(),
        ours=ours,
        answers=Everything(lookup),
        work=Effort({**MOST, **most}),
    )


def test_a_certificate_is_accepted_where_it_is_true_and_nowhere_else() -> None:
    large = domain(record("a", *single(200)))
    most = {Measure.TERMS: 100}
    found = report_on(dict(large), most={**MOST, **most}).remedy.certificate
    assert found == {"code": "too-large", "reason": "terms", "most": 100, "count": 203}
    assert accepts(case_of(large, most), dict(found), ["_s0.example"], DOMAIN)
    assert not accepts(case_of(large, most), {**found, "count": 204}, ["_s0.example"], DOMAIN)
    for reason in ("cells", "proposals", "tree-terms"):
        said = {"code": "too-large", "reason": reason, "most": 100, "count": 0}
        assert accepts(case_of(large, {}), said, ["_s0.example"], DOMAIN), reason
        assert not accepts(case_of(domain(record("a")), {}), said, ["_s0.example"], DOMAIN), reason
    assert not accepts(case_of(large, {}), {**found, "reason": "patience"}, ["_s0.example"], DOMAIN)


# -- whatever is published ---------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        b"v=spf1 ", b"v=spf1", b" ", b"  ", b"a ", b"mx ", b"ptr ", b"a", b"mx", b"all", b"-all ", b"~", b"?", b"-",
        b"+", b"ip4:1.2.3.4 ", b"-ip4:1.2.3.4 ", b"ip4:1.2.3.4,", b"ip4:203.0.113.1 ", b"ip4:11.0.0.0/8 ",
        b"ipv4:1.2.3.4 ",
        b"ip6:2001:db8::/32 ", b"1.2.3.4 ", b"include:", b"include:p.example ", b"-include:p.example ",
        b"include:_s0.example ", b"include:_s0.exampel ", b"?include:_s0.example ", b"include=_s0.example ",
        b"redirect=p.example ", b"exists:%{i}.x.example ", b"a:%{d} ", b"%{i}", b"%", b"x=y ", b"exp=x.example ",
        b"MS=ms123456 ", b'" "', b'"', b"\\", b"&quot;", b"<br>", b",", b";", b".", b":", b"/", b"=", b"(", b">",
        b"\xc2\xa0", b"\xe2\x80\x93", b"\xef\xbb\xbf", b"\xff", b"\x00", b"\t", b"\n", b"v=DMARC1; p=none;",
        b"k=rsa; p=", b"spf", b"spf1", b"x" * 63, b"p.example", b"http://", b"@", b"m\xc3\xbcller.example ",
    ]
)  # fmt: skip
REPEATED = st.builds(lambda one, times: one * times, PIECES, st.sampled_from([1, 1, 1, 2, 3, 30, scale(300, 3_000)]))
TEXTS = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda head, parts: head + b"".join(parts), st.sampled_from([b"v=spf1 ", b""]), st.lists(REPEATED, max_size=6)
    ),
)


def _zone(texts: list[bytes], inner: bytes, length: int) -> Published:
    made = domain(*texts, length=length)
    made[Question("p.example", Rtype.TXT)] = (text(inner),)
    return made


ZONES = st.builds(
    _zone,
    st.lists(TEXTS, min_size=1, max_size=3),
    TEXTS,
    st.sampled_from([255, 255, 255, 100, 1]),
)


@settings(max_examples=scale(100, 3_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(ZONES, st.sampled_from([1, 1, 2, 4]), st.booleans())
def test_whatever_bytes_are_published_there_is_a_report_within_the_budget(
    published: Published, senders: int, tried: bool
) -> None:
    length = bytes_of(published)
    forget()
    counted = Counted()
    lookup = HostileLookup(dict(published))
    verdicts = counted.of(
        lambda: [run(check_host(ip, DOMAIN), lookup.cached) for ip in ("203.0.113.1", "2001:db8:50::1", "9.9.9.9") * 8]
    )
    assert all(one.result is not Result.TEMPERROR for one in verdicts)
    report = counted.of(lambda: report_on(published, senders=senders, tried=tried))
    assert report.headline.endswith((".", "…"))
    assert all(manual_words(report.remedy.certificate).sentence for _ in "1" if report.remedy.kind == RemedyKind.MANUAL)
    assert COMPILED or counted.calls < FIRST + EACH * length * log2(length + 2)


def test_ours_are_prepared_from_the_same_zone() -> None:
    """The zones of these tests have senders of ours, so that nothing is unknown for want of them."""
    lookup = HostileLookup({})
    assert ours_of(lookup, 4).ready
    assert asyncio.run(prepare([], lookup)).ready is False
