"""Certificates: the checker accepts what is true, and nothing that is made up."""

from __future__ import annotations

import pytest

from spfcheck.audit.judgement.status import needed_includes
from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair import certificates
from tests.audit.cases import case_of
from tests.audit.golden_file import GOLDEN, Golden

MANUAL = [path for path in sorted(GOLDEN.glob("*.txt")) if Golden.read(path).expect.get("certificate")]
REPAIRED = [path for path in sorted(GOLDEN.glob("law-*.txt")) if Golden.read(path).expect.get("value")]
FORGED = [
    {"code": "no-room", "lookups": 10, "cost": 1, "table": [], "choices": []},
    {"code": "loop", "term": "include:x.example", "domain": "customer.example"},
    {"code": "denied-by-name", "term": "-include:_spf.mail.example"},
    {"code": "no-single-reading", "span": [0, 5], "reason": "unknown-word", "words": "x"},
    {"code": "pass-all-in-broken-record", "term": "+all"},
    {"code": "not-editable-here", "reason": "wildcard", "at": "*.example"},
    {"code": "because"},
    {},
]


@pytest.mark.parametrize("path", MANUAL, ids=lambda path: path.stem)
async def test_true_certificates(path) -> None:  # type: ignore[no-untyped-def]
    golden = Golden.read(path)
    lookup = golden.lookup()
    ours = await prepare(golden.profiles(), lookup)
    report = await golden.report()
    case = case_of(report.identity.mail_from.rpartition("@")[2], lookup, ours, record=golden.ask.get("record"))
    certificate = dict(report.remedy.certificate or {})
    needed = needed_includes(report.senders, ours)
    assert certificates.accepts(case, certificate, needed, report.remedy.name)
    for forged in FORGED:
        if forged.get("code") != certificate["code"]:
            assert not certificates.accepts(case, forged, needed, report.remedy.name), forged


@pytest.mark.parametrize("path", REPAIRED, ids=lambda path: path.stem)
async def test_what_can_be_repaired_has_no_certificate(path) -> None:  # type: ignore[no-untyped-def]
    golden = Golden.read(path)
    lookup = golden.lookup()
    report = await golden.report()
    ours = await prepare(golden.profiles(), lookup)
    case = case_of(report.identity.mail_from.rpartition("@")[2], lookup, ours)
    for forged in FORGED:
        assert not certificates.accepts(case, forged, needed_includes(report.senders, ours), report.remedy.name), forged
