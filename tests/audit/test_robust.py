"""Whatever a record says and the DNS does, there is a report, and it is one that can be stored and replayed."""

from __future__ import annotations

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.replay import replay
from spfcheck.audit.report.model import RemedyKind, Status, as_json
from spfcheck.resolver.types import FAILURES, Answer, Outcome, Question, Rtype
from tests.audit.golden_file import OURS
from tests.profile import scale

ATOMS = st.sampled_from(
    [
        "v=spf1", "include:", "a:", "mx", "ptr", "exists:", "redirect=", "exp=", "ip4:", "ip6:", "-all", "~", "+", "?",
        "%{i}", "%{v}", "%{d}", "%{o2}", "%{l-}", "%{p}", "%{S}", "%%", "%{", "a.example", "b.example", "c.d.example",
        "customer.example", "_spf.mail.example", "192.0.2.1", "/24", "//64", "::1", " ", " ", " ", " ", ".", ",", ";",
        "\t", "\xa0", "é", "–", "“", "x" * 64, "\x00", "all", "203.0.113.0/24", "example", ".example",
    ]
)  # fmt: skip
TEXTS = st.builds(
    lambda head, atoms: head + "".join(atoms),
    st.sampled_from(["v=spf1 ", "v=spf1 ", "V=SPF1 ", ""]),
    st.lists(ATOMS, max_size=12),
)
OUTCOMES = st.sampled_from([Outcome.NODATA, Outcome.NXDOMAIN, Outcome.OK, Outcome.OK, Outcome.OK, *sorted(FAILURES)])


class Wild:
    """Every question is answered, by something that was drawn for it."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._answers: dict[Question, Answer] = {}

    def cached(self, question: Question) -> Answer:
        if question not in self._answers:
            self._answers[question] = self._draw(question)
        return self._answers[question]

    async def ask(self, question: Question) -> Answer:
        return self.cached(question)

    def _draw(self, question: Question) -> Answer:
        name, rtype = question
        if name == "_spf.mail.example" and rtype is Rtype.TXT:
            return Answer(
                question=question, outcome=Outcome.OK, records=((b"v=spf1 ip4:203.0.113.0/28 -all",),), ttl=60
            )
        outcome = self._data.draw(OUTCOMES)
        records: tuple[object, ...] = ()
        if outcome is Outcome.OK:
            number = self._data.draw(st.integers(1, 3))
            records = tuple(self._record(rtype) for _ in range(number))
        chain = ("target.example",) if self._data.draw(st.integers(0, 9)) == 0 else ()
        return Answer(question=question, outcome=outcome, records=records, ttl=60, chain=chain)

    def _record(self, rtype: Rtype) -> object:
        if rtype in (Rtype.TXT, Rtype.SPF):
            raw = self._data.draw(TEXTS).encode()
            cut = self._data.draw(st.integers(0, len(raw)))
            return (raw[:cut], raw[cut:]) if self._data.draw(st.booleans()) else (raw,)
        if rtype is Rtype.A:
            return self._data.draw(st.sampled_from([0xC0000201, 0xCB007101, 0]))
        if rtype is Rtype.AAAA:
            return self._data.draw(st.sampled_from([1, 0x20010DB8 << 96]))
        if rtype is Rtype.MX:
            return (
                10,
                self._data.draw(st.sampled_from(["", "a.example", "mx.customer.example", "aspmx.l.google.com"])),
            )
        return "a.example"


@given(st.data(), st.booleans())
@settings(
    max_examples=scale(150, 3_000),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_there_is_always_a_report(data: st.DataObject, opinion: bool) -> None:
    asyncio.run(_examine(data, opinion))


async def _examine(data: st.DataObject, opinion: bool) -> None:
    lookup = Wild(data)
    ours = await prepare(OURS, lookup, clock=lambda: 9.0)
    what_if = data.draw(st.one_of(st.none(), st.none(), TEXTS))
    report = await examine(
        "customer.example", lookup, ours, record=what_if, opinion=opinion, clock=lambda: 9.0, new_id=lambda: "id"
    )
    assert report.headline.endswith(".")
    if report.status is Status.UNKNOWN:
        assert report.remedy.kind is RemedyKind.NONE
    if report.opinion.may_message:
        assert report.status is Status.ACTION_NEEDED
    stored = json.dumps(as_json(report))
    assert json.dumps(as_json(await replay(json.loads(stored), OURS))) == stored
