"""What the comparison rests on: its servers, its engines, what it holds to be right, and how it tells it."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import dns.message
import dns.query
import dns.rcode
import pytest

from bench import __main__ as command
from bench import results
from bench.engines import ENGINES, Engine, missing, run
from bench.latency import depth
from bench.registry import HEADLINES, TABLES, Table
from bench.servers import program, slow_line, stack
from bench.svg import Bar, Line, bars, lines
from bench.verdicts import against, against_each_other, same
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.made.customers import CLIENT, customers

MADE = customers(200)


def ask(server: tuple[str, int], name: str) -> dns.message.Message:
    return dns.query.udp(dns.message.make_query(name, "TXT"), server[0], port=server[1], timeout=2)


def test_the_stack_serves_the_zone_and_ends_with_its_block() -> None:
    with stack(MADE.zone) as servers:
        assert "v=spf1" in ask(servers.address, "_spf.mail.example").to_text()
        assert ask(servers.address, "nobody.example").rcode() is dns.rcode.NXDOMAIN
        servers.forget()
        assert "v=spf1" in ask(servers.address, "_spf.mail.example").to_text()
        with slow_line(servers.address, 0.05) as address:
            began = time.perf_counter()
            assert "v=spf1" in ask(address, "_spf.mail.example").to_text()
            assert 0.05 <= time.perf_counter() - began < 0.5
        ports = {servers.address[1], servers.authority[1], address[1]}
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))  # nobody listens any more


def test_without_name_servers_the_project_serves_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.servers.program", lambda _: None)
    with stack(MADE.zone) as servers:
        assert not servers.caches
        assert "v=spf1" in ask(servers.address, "_spf.mail.example").to_text()


@pytest.mark.skipif(program("unbound") is None, reason="Unbound is not installed")
def test_unbound_asks_the_projects_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.servers.program", lambda name: program(name) if name == "unbound" else None)
    with stack(MADE.zone) as servers:
        assert servers.caches
        assert "v=spf1" in ask(servers.address, "_spf.mail.example").to_text()
        assert ask(servers.address, "nobody.example").rcode() is dns.rcode.NXDOMAIN


@pytest.mark.parametrize("engine", [one for one in ENGINES if one.variant != "opinion"], ids=lambda one: one.key)
def test_every_engine_judges_the_customers(engine: Engine) -> None:
    why = missing(engine)
    if why:
        pytest.skip(f"{engine.title}: {why}")
    with stack(MADE.zone) as servers:
        measured = run(engine, "rate", servers.address, CLIENT, MADE.domains[:60])
        latency = run(engine, "latency", servers.address, CLIENT, MADE.domains[:10])
    assert len(measured.results) == 60
    assert measured.seconds > 0
    assert len(latency.times) == 10
    if engine.variant != "audit":
        # The worst of them is known to be wrong about one in twelve; one that is asked wrongly is wrong about all.
        assert against(MADE, measured.results).wrong <= (0 if engine.ours else 10)


def test_the_limit_is_the_depth_of_the_tree() -> None:
    zone = ZoneLookup(
        Zone.parse(
            """
            flat.example TXT "v=spf1 ip4:192.0.2.1 -all"
            one.example TXT "v=spf1 include:flat.example a:host.example -all"
            two.example TXT "v=spf1 include:one.example include:flat.example -all"
            mail.example TXT "v=spf1 mx -all"
            mail.example MX 10 host.example
            host.example A 192.0.2.1
            loop.example TXT "v=spf1 include:loop.example -all"
            dead.example TXT "v=spf1 -all include:one.example"
            """
        )
    )
    names = (
        "none.example",
        "flat.example",
        "one.example",
        "two.example",
        "mail.example",
        "loop.example",
        "dead.example",
    )
    assert [depth(name, zone) for name in names] == [(1, 1), (1, 1), (2, 3), (3, 4), (3, 3), (1, 1), (1, 1)]


def test_verdicts_are_held_against_what_was_made() -> None:
    right = against(MADE, MADE.expected)
    assert (right.compared, right.wrong) == (200, 0)
    turned = ["pass", *MADE.expected[1:]]
    wrong = against(MADE, turned)
    assert wrong.wrong == 1
    assert wrong.examples[0].startswith("c0.example")
    assert same("fail", "valid")
    assert not same("none", "valid")
    (line,) = against_each_other(MADE, {"ours": MADE.expected, "theirs": turned})
    assert line.startswith("c0.example")
    assert "theirs pass" in line


def test_every_headline_is_named_and_null_where_it_was_not_measured() -> None:
    ratios = command.ratios_of({"audits": Table("t", ("a",), (), {"vs_pyspf": 2.0})})
    assert list(ratios)[: len(HEADLINES)] == list(HEADLINES)
    assert ratios["audits_per_s_vs_pyspf"] == ratios["audits.vs_pyspf"] == 2.0
    assert ratios["audits_per_s_vs_go"] is None
    assert set(results.MEANINGS) == set(HEADLINES)


def test_every_headline_has_its_part() -> None:
    command.load_parts()
    assert {source.partition(".")[0] for source in HEADLINES.values()} <= set(TABLES)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    engine = {"title": "ours & <theirs>", "rate": 5.0, "ours": True, "p50_ms": 1.0}
    plot = {"title": "t", "subtitle": "s", "across": "x", "lines": [{"name": "n", "points": [(1, 2.0), (10, 3.0)]}]}
    tables = {
        "audits": Table(
            "A", ("a|b",), (("<c>",),), data={"engines": {"e": engine}, "versions": {"e": "v"}, "servers": "k"}
        ),
        "latency": Table("B", ("a",), (), data={"engines": {"e": engine}, "limit_p50_ms": 0.5}),
        "growth": Table("C", ("a",), (), data={"memory": plot}),
    }
    results.write(tables, dict.fromkeys(HEADLINES), 1.0, tmp_path)
    assert json.loads((tmp_path / "latest.json").read_text())["tables"]["audits"]["rows"] == [["<c>"]]
    assert {file.name for file in tmp_path.glob("*.svg")} == {"audits.svg", "latency.svg", "growth-memory.svg"}
    readme = (tmp_path / "README.md").read_text()
    assert "(audits.svg)" in readme
    assert "not measured" in readme


@pytest.mark.parametrize(
    "picture",
    [
        bars("a & b", "c", [Bar("<x>", 3, "3", "ours"), Bar("y", 0, "0", "peer")]),
        lines("a", "b", "c", [Line("<n>", [(1, 0.1), (100, 7)], "ours")]),
    ],
)
def test_pictures_are_whole(picture: str) -> None:
    assert ET.fromstring(picture).tag.endswith("svg")
