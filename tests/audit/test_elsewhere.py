"""The search for the wrong place: when it is made, what it asks, and that no verdict waits for it or hangs on it."""

from __future__ import annotations

import asyncio

import pytest

from spfcheck.audit.elsewhere import ASIDE_S, ask_aside
from spfcheck.audit.examine import examine, unsearched
from spfcheck.audit.fetch import Witness
from spfcheck.audit.judgement.places import candidates, likely_questions
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.resolver.zone import Zone, ZoneLookup

OURS = [SenderProfile(name="mail", include="_spf.mail.example")]
ZONE = """
_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"
customer.example MX 10 mx.customer.example
customer.example A 198.51.100.1
mx.customer.example A 198.51.100.2
mx.customer.example AAAA 2001:db8:1::2
"""
ATTEMPT = 'www.customer.example TXT "v=spf1 mx include:_spf.mail.example -all"\n'
LABELS = ("_spf", "spf", "www", "mail", "@")
NAMES = {"customer.example.customer.example", *(f"{label}.customer.example" for label in LABELS)}
LONG = ".".join(letter * 60 for letter in "abc") + ".customer.example"
"""With 30 letters more, no name that would tell a wildcard below it fits into a DNS message."""


class Line:
    """A zone behind a line that never answers for some names, and writes down what it is asked, and when."""

    def __init__(self, zone: str, silent: frozenset[str] = frozenset()) -> None:
        self._zone = ZoneLookup(Zone.parse(zone))
        self._silent = silent
        self.asked: list[Question] = []
        self.under_way = self.most = 0

    def cached(self, question: Question) -> Answer | None:
        return None

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0)
            if question.name in self._silent:
                await asyncio.Event().wait()
        finally:
            self.under_way -= 1
        answer = self._zone.cached(question)
        assert answer is not None
        return answer


async def checked(
    zone: str, *, silent: frozenset[str] = frozenset(), domain: str = "customer.example", **wish: object
) -> tuple[Report, Line, list[float]]:
    line = Line(ZONE + zone, silent)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds != ASIDE_S or not silent:
            await asyncio.Event().wait()
        for _ in range(20):  # whoever answers has answered by then
            await asyncio.sleep(0)

    report = await examine(
        domain,
        line,
        await prepare(OURS, line),
        sleep=sleep,
        clock=lambda: 5.0,
        new_id=lambda: "id",
        **wish,  # type: ignore[arg-type]
    )
    return report, line, slept


def placed(report: Report) -> list[object]:
    return [one.params["found_at"] for one in report.findings if one.code == "record-misplaced"]


async def test_all_places_are_asked_at_once() -> None:
    report, line, _ = await checked(ATTEMPT, search=True)
    asked = [question.name for question in line.asked]
    assert set(asked) >= NAMES
    assert len(asked) == len(set(line.asked)), "each once"
    assert line.most >= len(NAMES) + 1, "the names and the one that tells a wildcard"
    assert placed(report) == ["www.customer.example"]


@pytest.mark.parametrize(
    ("zone", "wish"),
    [
        ("", {}),
        ('customer.example TXT "v=spf1 mx -all"', {"search": True}),
        ('customer.example TXT "v=spf1; mx -all"', {"search": True}),
        ('customer.example SPF "v=spf1 mx -all"', {"search": True}),
        ('customer.example TXT "v=spf1 -all"\ncustomer.example TXT "v=spf1 mx -all"', {"search": True}),
        ("customer.example TXT SERVFAIL", {"search": True}),
        ("", {"search": True, "record": "v=spf1 mx -all"}),
        ("", {"search": True, "record": "nothing"}),
    ],
    ids=["not wished", "record", "near miss", "type 99", "two records", "no answer", "what if", "what if it were none"],
)
async def test_it_is_made_only_where_nothing_is_published(zone: str, wish: dict[str, object]) -> None:
    report, line, _ = await checked(ATTEMPT + zone, **wish)
    assert NAMES.isdisjoint(question.name for question in line.asked)
    assert placed(report) == []


@pytest.mark.parametrize("name", sorted(NAMES))
async def test_a_place_that_never_answers_changes_nothing(name: str) -> None:
    report, _, slept = await checked("", silent=frozenset({name}), search=True)
    usual, _, _ = await checked("", search=True)
    assert slept.count(ASIDE_S) == 1
    assert (report.status, report.findings, report.remedy) == (usual.status, usual.findings, usual.remedy)
    assert [one.code for one in report.findings] == ["no-record"]
    assert name not in {one.name for one in report.evidence}


async def test_a_wildcard_that_cannot_be_told_leaves_the_attempt_alone() -> None:
    (wild,) = {one.wild for one in candidates("customer.example", exists=True)}
    report, _, _ = await checked(ATTEMPT, silent=frozenset({wild}), search=True)
    assert placed(report) == []
    report, _, _ = await checked(f"{ATTEMPT}{wild} TXT SERVFAIL", search=True)
    assert placed(report) == []


@pytest.mark.parametrize("change", [{"stale": True}, {"illegal_cname": True}])
async def test_an_answer_that_is_no_evidence_is_no_attempt(change: dict[str, bool]) -> None:
    class Odd(Line):
        async def ask(self, question: Question) -> Answer:
            answer = await super().ask(question)
            if question.name != "www.customer.example":
                return answer
            return Answer(question=question, outcome=Outcome.OK, records=answer.records, ttl=5, **change)  # type: ignore[arg-type]

    line = Odd(ZONE + ATTEMPT)
    assert placed(await examine("customer.example", line, await prepare(OURS, line), search=True)) == []


async def test_whether_an_attempt_has_mail_is_asked_of_it_alone_and_is_evidence() -> None:
    report, line, _ = await checked(ATTEMPT + 'spf.customer.example TXT "v=spf1 a -all"', search=True)
    hosts = [one.name for one in line.asked if one.rtype is Rtype.MX and one.name in NAMES]
    assert hosts == ["www.customer.example"]
    assert [one.outcome for one in report.evidence if (one.name, one.type) == (hosts[0], "MX")] == ["nodata"]
    assert placed(report) == hosts


async def test_an_attempt_whose_mail_hosts_never_come_is_left_alone() -> None:
    class Silent(Line):
        async def ask(self, question: Question) -> Answer:
            if question == Question("www.customer.example", Rtype.MX):
                await asyncio.Event().wait()
            return await super().ask(question)

    line, slept = Silent(ZONE + ATTEMPT), 0

    async def sleep(seconds: float) -> None:
        nonlocal slept
        slept += seconds == ASIDE_S
        if seconds != ASIDE_S or slept != 2:
            await asyncio.Event().wait()

    report = await examine("customer.example", line, await prepare(OURS, line), sleep=sleep, search=True)
    assert [one.code for one in report.findings] == ["no-record"]
    assert report.remedy.delete == ()
    assert slept == 2, "the places, and then the hosts of the one"


async def test_it_stays_within_the_ceiling_of_the_audit() -> None:
    line = Line(ZONE)
    witness = Witness(line, ceiling=5)
    wanted = [Question(f"n{number}.example", Rtype.TXT) for number in range(4)]
    never = asyncio.Event()
    found = await ask_aside(line, witness, lambda _: never.wait(), wanted)  # type: ignore[arg-type, return-value]
    assert list(found) == wanted
    assert (await ask_aside(line, witness, lambda _: never.wait(), [*wanted, Question("m.example", Rtype.A)])) != {}  # type: ignore[arg-type, return-value]
    assert len(line.asked) == 5
    assert await ask_aside(line, witness, lambda _: never.wait(), [Question("l.example", Rtype.A)]) == {}  # type: ignore[arg-type, return-value]
    answer = await witness.ask(Question("k.example", Rtype.A))
    assert answer.outcome is Outcome.LIMITED


@pytest.mark.parametrize(
    ("judged", "exists", "names"),
    [
        ("customer.example", True, NAMES),
        ("customer.example", False, set()),
        ("co.uk", True, set()),
        ("b.customer.example", False, {"b.customer.example.customer.example"}),
        (
            "b.customer.example",
            True,
            {"b.customer.example.customer.example", *(f"{x}.b.customer.example" for x in LABELS)},
        ),
        (LONG, True, {f"{x}.{LONG}" for x in LABELS} | {f"{LONG}.customer.example"}),
        (f"{'d' * 30}.{LONG}", True, {f"{'d' * 30}.{LONG}.customer.example"}),
    ],
)
def test_the_places(judged: str, exists: bool, names: set[str]) -> None:
    assert {one.name for one in candidates(judged, exists=exists)} == names


def test_which_domain_may_have_been_meant() -> None:
    assert [one.name for one in likely_questions("a.b.customer.example")][2::2] == [
        "b.customer.example",
        "customer.example",
    ]
    assert [one.name for one in likely_questions("www.customer.example")][2::2] == ["customer.example"]


@pytest.mark.parametrize(
    ("host", "parent", "likely"),
    [
        ("A 198.51.100.1", 'TXT "v=spf1 mx -all"', "customer.example"),
        ("A 198.51.100.1", "", "customer.example"),
        ("MX 10 mx.customer.example", 'TXT "v=spf1 mx -all"', ""),
        ("MX 0 .", 'TXT "v=spf1 mx -all"', ""),
        ("MX SERVFAIL", 'TXT "v=spf1 mx -all"', ""),
        ('TXT "v=spf1 a -all"', 'TXT "v=spf1 mx -all"', ""),
    ],
)
async def test_a_host_without_any_mail_is_asked_about(host: str, parent: str, likely: str) -> None:
    zone = f"www.customer.example {host}\n" + (f"customer.example {parent}" if parent else "")
    report, _, _ = await checked(zone, domain="www.customer.example", search=True)
    assert report.likely == likely
    batch, _, _ = await checked(zone, domain="www.customer.example")
    assert batch.likely == ""


@pytest.mark.parametrize(
    ("alias", "said"),
    [
        ("bounce.customer.example CNAME customer.example\n", False),
        ("bounce.customer.example CNAME b.vendor.example\nb.vendor.example CNAME customer.example\n", False),
        ('bounce.customer.example CNAME b.vendor.example\nb.vendor.example TXT "v=spf1 a -all"\n', True),
        ('bounce.customer.example TXT "v=spf1 a -all"\n', True),
    ],
)
@pytest.mark.parametrize("search", [False, True])
async def test_of_an_alias_of_the_domain_the_record_is_no_other_matter(alias: str, said: bool, search: bool) -> None:
    zone = f'{alias}customer.example TXT "v=spf1 mx -all"'
    report, _, _ = await checked(zone, mail_from="bounce@bounce.{domain}", search=search)
    assert (report.status, report.result) == ("action_needed", "fail")
    assert [one.params["above"] for one in report.findings if one.code == "judged-below"] == (
        ["customer.example"] if said else []
    )
    assert said or report.remedy.name == "customer.example"


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("v=spf1 include:_spf.mail.example ~all", True),
        ("v=spf1 redirect=_spf.mail.example", True),
        ("v=spf1 include:list.customer.example ~all", True),
        ("v=spf1 include:_spf.mail.exmaple ~all", False),
        ("v=spf1 inlcude:_spf.mail.example ~all", False),
        ("v=spf1 a:_spf.mail.example ~all", False),
        ("v=spf1 ~all include:_spf.mail.example", False),
        ("v=spf1 -include:_spf.mail.example ~all", False),
        ("v=spf1; include:_spf.mail.example ~all", False),
        ("include:_spf.mail.example ~all", False),
        ("v=spf1 mx -all", False),
    ],
)
async def test_the_domain_above_lists_us_only_where_it_includes_us(text: str, listed: bool) -> None:
    zone = f'customer.example TXT "{text}"\nlist.customer.example TXT "v=spf1 include:_spf.mail.example -all"\n'
    report, _, _ = await checked(zone, mail_from="bounce@bounce.{domain}", search=True)
    (below,) = [one for one in report.findings if one.code == "judged-below"]
    assert below.params["above"] == "customer.example"
    assert ("lists our servers" in below.message) is listed
    assert below.severity == ("warning" if listed else "info")


async def test_a_host_with_a_record_of_its_own_is_meant() -> None:
    zone = 'customer.example TXT "v=spf1 mx -all"\nwww.customer.example '
    for own, likely in (('TXT "v=spf1 a -all"', ""), ("A 198.51.100.1", "customer.example")):
        wish = {"domain": "www.customer.example", "mail_from": "bounce@bounce.{domain}", "search": True}
        report, _, _ = await checked(zone + own, **wish)  # type: ignore[arg-type]
        assert report.likely == likely


async def test_a_record_that_is_only_tried_stands_nowhere_else() -> None:
    """Also on the long way, which a name below the registered domain takes."""
    report, line, _ = await checked("", domain="b.customer.example", search=True, record="nothing")
    assert {one.name for one in candidates("b.customer.example", exists=True)}.isdisjoint(
        one.name for one in line.asked
    )
    assert report.likely == ""


async def test_nobody_is_asked_about_a_domain_above_that_has_no_mail() -> None:
    line = Line(
        '_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"\nquiet.example MX 0 .\nwww.quiet.example A 192.0.2.1'
    )
    report = await examine("www.quiet.example", line, await prepare(OURS, line), search=True)
    assert report.likely == ""


async def test_a_report_says_whether_a_search_might_find_more() -> None:
    assert unsearched((await checked(""))[0])
    assert not unsearched((await checked('customer.example TXT "v=spf1 mx -all"'))[0])
    assert not unsearched((await checked("", record="nothing"))[0])
