"""A stored report evaluates again offline to the same bytes."""

from __future__ import annotations

import json

import pytest

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.replay import Unrecorded, replay
from spfcheck.audit.report.model import Report, as_json
from spfcheck.resolver.types import Answer, Outcome, Question
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS
from tests.audit.golden_file import GOLDEN, OURS, Golden


def stored(report: Report) -> dict:  # type: ignore[type-arg]
    return json.loads(json.dumps(as_json(report)))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
@pytest.mark.parametrize("opinion", [False, True], ids=["alone", "with-opinion"])
async def test_the_same_bytes(path, opinion: bool) -> None:  # type: ignore[no-untyped-def]
    golden = Golden.read(path)
    first = stored(await golden.report(opinion=opinion))
    assert json.dumps(stored(await replay(first, golden.profiles()))) == json.dumps(first)


class Timed(ZoneLookup):
    """Answers as the network gives them: with times, in no particular order."""

    async def ask(self, question: Question) -> Answer:
        answer = super().cached(question)
        return Answer(
            question=question,
            outcome=answer.outcome,
            records=answer.records,
            ttl=answer.ttl,
            resolver="192.0.2.53:53",
            took_ms=12.5 + len(question.name),
            received_at=1_790_000_000.25,
            soa_seen=answer.soa_seen,
            authenticated=True,
        )

    def cached(self, question: Question) -> None:  # type: ignore[override]
        return None


async def test_answers_from_the_network() -> None:
    zone = """
    _spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"
    customer.example TXT "v=spf1 a mx include:other.example ~all"
    customer.example A 192.0.2.1
    customer.example MX 10 mx.customer.example
    mx.customer.example A 192.0.2.2
    other.example TXT "v=spf1 include:inner.example -all"
    inner.example TXT "v=spf1 ip4:192.0.2.128/25 -all"
    """
    lookup = Timed(Zone.parse(zone))
    ours = await prepare(OURS, lookup)
    first = stored(await examine("customer.example", lookup, ours, opinion=True))
    assert first["remedy"]["value"] == "v=spf1 a mx include:other.example include:_spf.mail.example ~all"
    assert json.dumps(stored(await replay(first, OURS))) == json.dumps(first)


async def test_a_check_that_our_own_ceiling_ended() -> None:
    chain = [f'customer.example TXT "v=spf1 {" ".join(f"include:i{n}.example" for n in range(20))} -all"']
    for number in range(20):
        inner = " ".join(f"a:h{number}-{host}.example" for host in range(10))
        chain.append(f'i{number}.example TXT "v=spf1 {inner} -all"')
    lookup = Timed(Zone.parse("\n".join(['_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"', *chain])))
    report = await examine("customer.example", lookup, await prepare(OURS, lookup))
    assert report.lookups == 220
    assert (report.remedy.certificate or {})["code"] == "no-room"
    # One question was refused: it is evidence of that, and was not asked.
    assert (report.questions, len(report.evidence)) == (AUDIT_QUESTIONS, AUDIT_QUESTIONS + 1)
    assert [item.outcome for item in report.evidence].count(Outcome.LIMITED) == 1
    first = stored(report)
    assert json.dumps(stored(await replay(first, OURS))) == json.dumps(first)


async def test_evidence_that_is_not_complete() -> None:
    golden = Golden.read(GOLDEN / "law-01-insert-at-the-end.txt")
    first = stored(await golden.report())
    first["evidence"] = [item for item in first["evidence"] if item["name"] != "spf.protection.outlook.com"]
    with pytest.raises(Unrecorded, match=r"spf\.protection\.outlook\.com TXT"):
        await replay(first, OURS)


async def test_a_report_of_another_schema() -> None:
    golden = Golden.read(GOLDEN / "law-01-insert-at-the-end.txt")
    first = stored(await golden.report())
    first["schema"] = 99
    with pytest.raises(ValueError, match="schema 99"):
        await replay(first, OURS)
