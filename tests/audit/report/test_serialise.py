"""The quick writer writes what the plain one writes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spfcheck.api.reports.entries import summary_bytes
from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Evidence, Finding, Report, Severity, TreeNode, as_json
from spfcheck.audit.report.serialise import json_bytes
from spfcheck.audit.report.shared_parts import SharedEvidence
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.audit.golden_file import GOLDEN, OURS, Golden
from tests.audit.test_quick import Cached
from tests.audit.zones import Generated, zones
from tests.made.customers import INCLUDE, customers
from tests.profile import scale


def plainly(report: Report) -> bytes:
    return json.dumps(as_json(report), separators=(",", ":")).encode("ascii")


async def test_goldens() -> None:
    seen = 0
    for path in sorted(GOLDEN.glob("*.txt")):
        golden = Golden.read(path)
        lookup = golden.lookup()
        ours = await prepare(golden.profiles(), lookup)
        domain = golden.ask.get("domain", "customer.example")
        for opinion in (False, True):
            report = await examine(domain, lookup, ours, opinion=opinion)
            assert json_bytes(report) == plainly(report)
            summary = json.loads(summary_bytes(report))
            whole = as_json(report)
            assert all(summary[name] == whole[name] for name in summary if name not in ("findings", "remedy"))
            assert all(summary["remedy"][name] == whole["remedy"][name] for name in summary["remedy"])
            assert [one["code"] for one in summary["findings"]] == [one["code"] for one in whole["findings"]]
            seen += 1
    assert seen > 300


async def test_what_reports_share_is_written_once() -> None:
    made = customers(scale(300, 5_000), seed=6)
    lookup = Cached(ZoneLookup(Zone.parse(made.zone)))
    ours = await prepare([SenderProfile(name="mail", include=INCLUDE)], lookup)
    pieces: Counter[int] = Counter()
    for domain in made.domains:
        report = await examine(domain, lookup, ours)
        assert json_bytes(report) == plainly(report)
        pieces.update(id(one.written) for one in report.evidence if isinstance(one, SharedEvidence))
    assert max(pieces.values()) > len(made.domains) / 2, "our own record stands in nearly all"


@given(zones())
@settings(max_examples=scale(60, 2_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_generated(generated: Generated) -> None:
    async def go() -> Report:
        lookup = ZoneLookup(Zone.parse(generated.text))
        return await examine("customer.example", lookup, await prepare(OURS, lookup))

    report = asyncio.run(go())
    assert json_bytes(report) == plainly(report)


texts = st.text(st.characters(), max_size=12) | st.text("\ud800\udfff\u2028\x1b\x7f<é💩", max_size=4)
answers = st.builds(
    Evidence,
    name=texts,
    type=st.sampled_from(["TXT", "A", "MX", "SPF", "PTR"]),
    outcome=st.sampled_from(["ok", "nodata", "timeout"]),
    data=st.lists(texts, max_size=2).map(tuple),
    ttl=st.integers(0, 9),
    resolver=texts,
    authenticated=st.booleans(),
    soa_seen=st.booleans(),
    # Thousandths: a number that takes an exponent is written in two ways, 1e-05 and 0.00001.
    ms=st.integers(0, 10**9).map(lambda thousandths: thousandths / 1_000),
    chain=st.lists(texts, max_size=2).map(tuple),
    rcode=st.none() | st.integers(0, 99),
    detail=texts,
    received_at=st.floats(1, 1e10) | st.integers(0, 9),
)
nodes = st.recursive(
    st.builds(TreeNode, term=texts, domain=texts, cost=st.integers(0, 1), total=st.integers(0, 20), record=texts),
    lambda inner: st.builds(
        TreeNode,
        term=texts,
        domain=texts,
        cost=st.integers(0, 1),
        total=st.integers(0, 20),
        answer=texts,
        children=st.lists(inner, max_size=3).map(tuple),
    ),
    max_leaves=5,
)
findings = st.builds(
    Finding,
    code=st.just("void-lookup"),
    severity=st.sampled_from(Severity),
    domain=texts,
    message=texts,
    advice=texts,
    span=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
    params=st.dictionaries(texts, texts | st.integers() | st.booleans() | st.none() | st.lists(texts), max_size=3),
)
ZONE = 'customer.example TXT "v=spf1 -all"\n_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"'


@given(st.lists(answers, max_size=3).map(tuple), nodes, st.lists(findings, max_size=3).map(tuple), texts)
def test_strangers_words(
    evidence: tuple[Evidence, ...], tree: TreeNode, found: tuple[Finding, ...], domain: str
) -> None:
    """Whatever a stranger's DNS said is escaped."""

    async def go() -> Report:
        lookup = ZoneLookup(Zone.parse(ZONE))
        return await examine("customer.example", lookup, await prepare(OURS, lookup))

    report = replace(asyncio.run(go()), evidence=evidence, tree=tree, findings=found, domain=domain)
    assert json_bytes(report) == plainly(report)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_the_same_when_it_is_read_again(number: float) -> None:
    answer = Evidence(
        name="n.example",
        type="A",
        outcome="ok",
        data=(),
        ttl=0,
        resolver="",
        authenticated=False,
        soa_seen=False,
        ms=number,
    )
    assert json.loads(json_bytes(answer))["ms"] == json.loads(json.dumps(as_json(answer)))["ms"] == number
