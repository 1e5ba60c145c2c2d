"""The command line as a person and as a program use it; each run is a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spfcheck.demo import customers
from tests.api.running import free_port

SPFCHECK = str(Path(sys.executable).with_name("spfcheck"))


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zone") / "demo.zone"
    path.write_text(customers.load().zone)
    return path


def environment(tmp_path: Path, **variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPFCHECK_")}
    return {
        **kept,
        "SPFCHECK_SENDER_INCLUDE": "_spf.mail.example",
        "SPFCHECK_DATABASE_URL": f"sqlite:///{tmp_path}/spfcheck.sqlite3",
        **variables,
    }


def run(tmp_path: Path, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SPFCHECK, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        env=environment(tmp_path, **variables),
    )  # fmt: skip


def test_check_tells_a_person_what_is_wrong_and_what_to_do(tmp_path: Path, zone: Path) -> None:
    done = run(tmp_path, "check", "--zone", str(zone), "travel.example")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "travel.example: action needed"
    assert lines[1].startswith("The record of travel.example cannot be read")
    assert "    v=spf1 ip4:203.0.113.162 include:_spf.mail.example -all" in lines
    record = lines.index("  v=spf1 ip4: 203.0.113.162 include:_spf.mail.example -all")
    assert lines[record + 1] == "            ^ ^^^^^^^^^^^^^"
    assert "\x1b" not in done.stdout


def test_check_finds_what_stands_elsewhere_for_one_domain_and_not_for_many(tmp_path: Path) -> None:
    zone = tmp_path / "places.zone"
    zone.write_text(
        '_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 -all"\n'
        "shop.example MX 10 mx.shop.example\nmx.shop.example A 198.51.100.2\nwww.shop.example A 198.51.100.1\n"
        'shop.example.shop.example TXT "v=spf1 mx include:_spf.mail.example ~all"\n'
    )
    one = run(tmp_path, "check", "--zone", str(zone), "shop.example").stdout
    assert "    v=spf1 mx include:_spf.mail.example ~all\n" in one
    gone = "  Delete the TXT record at shop.example.shop.example: v=spf1 mx include:_spf.mail.example ~all\n"
    assert gone in one
    assert "Did you mean" not in one
    host = run(tmp_path, "check", "--zone", str(zone), "www.shop.example").stdout
    assert host.splitlines()[2] == "Did you mean shop.example?"
    many = run(tmp_path, "check", "--zone", str(zone), "--ndjson", "shop.example", "www.shop.example").stdout
    assert "record-misplaced" not in many
    assert many.count('"likely":""') == 2


@pytest.mark.parametrize(
    ("domain", "code"),
    [("bakery.example", 0), ("courier.example", 0), ("plumber.example", 1), ("lighthouse.example", 3)],
)
def test_exit_codes(tmp_path: Path, zone: Path, domain: str, code: int) -> None:
    assert run(tmp_path, "check", "--zone", str(zone), domain).returncode == code


def test_fail_on(tmp_path: Path, zone: Path) -> None:
    for level, code in (("warning", 1), ("error", 0), ("never", 0)):
        done = run(tmp_path, "check", "--zone", str(zone), "--fail-on", level, "courier.example")
        assert done.returncode == code


def test_json_is_the_whole_report(tmp_path: Path, zone: Path) -> None:
    done = run(tmp_path, "check", "--zone", str(zone), "--json", "zoo.example")
    report = json.loads(done.stdout)
    assert (report["domain"], report["schema"], report["status"]) == ("zoo.example", 1, "action_needed")


def test_ndjson_from_standard_input(tmp_path: Path, zone: Path) -> None:
    names = "zoo.example\n# a comment\n\nhttps://x.example/\nbakery.example\n"
    done = run(tmp_path, "check", "--zone", str(zone), "--ndjson", "-", stdin=names)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert {line["domain"] for line in told if "domain" in line} == {"zoo.example", "bakery.example"}
    assert [line["problem"]["likely"] for line in told if "problem" in line] == ["x.example"]


def test_what_if(tmp_path: Path, zone: Path) -> None:
    record = "v=spf1 include:_spf.mail.example ~all"
    done = run(tmp_path, "check", "--zone", str(zone), "--record", record, "plumber.example")
    assert done.returncode == 0
    assert "with the record that you gave" in done.stdout


def test_check_host(tmp_path: Path, zone: Path) -> None:
    base = ("check-host", "--zone", str(zone), "--sender", "jane@bakery.example", "--ip")
    assert run(tmp_path, *base, "192.0.2.7").stdout.startswith("pass: 192.0.2.7 as jane@bakery.example")
    done = run(tmp_path, *base, "198.51.100.200", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["mechanism"] == "-all"


BAD = [
    (("check",), "Name a domain"),
    (("check", "localhost"), "it has no dot"),
    (("check", "https://example.com/"), "Did you mean example.com?"),
    (("check", "--bogus", "x.example"), "There is no option --bogus"),
    (("check", "--zone", "missing.zone", "x.example"), "cannot be read"),
    (("check", "--zone", "bad.zone", "x.example"), "line 2"),
    (("check", "--nameserver", "dns.example", "x.example"), "no resolver"),
    (("check", "--fail-on", "fatal", "x.example"), "Choose from"),
    (("check", "--record", "v=spf1 -all", "a.example", "b.example"), "--record is about one domain"),
    (("check-host", "--ip", "1.2.3", "--sender", "a@b.example"), "1.2.3 is not an IP address"),
    (("check-host", "--ip", "192.0.2.0/24", "--sender", "a@b.example"), "It is a network"),
    (("check-host", "--ip", "192.0.2.1"), "Give a sender"),
    (("chekc", "x.example"), 'Did you mean "check"?'),
    (("serve", "--host", "0.0.0.0", "--port", "0"), "no access keys are set"),
    (("serve", "--host", "nowhere.invalid"), "no address to listen on"),
    (("serve", "--port", "99999"), "(SPFCHECK_PORT) cannot be used"),
    (("keys", "new", "--scope", "root"), "Choose from"),
    (("keys", "revoke", "00000000"), "no valid key of that id"),
    (("notify", "plan"), "No token"),
    (("health", "--url", "ftp://x"), "http://host:port"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_gets_one_clear_sentence(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    (tmp_path / "bad.zone").write_text("a.example TXT hello\nnonsense\n")
    done = run(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SPFCHECK_CACHE_MB": "many"}, "(SPFCHECK_CACHE_MB) cannot be used"),
        ({"SPFCHECK_PROT": "1"}, "No setting is called SPFCHECK_PROT"),
        ({"SPFCHECK_CONFIG": "missing.toml"}, "missing.toml"),
        ({"SPFCHECK_CONFIG": "bad.toml"}, "not valid TOML"),
        ({"SPFCHECK_DATABASE_URL": "sqlite:////nowhere/x.sqlite3"}, "cannot be opened"),
        ({"SPFCHECK_DATABASE_URL": "nonsense"}, "cannot be opened"),
        ({"SPFCHECK_API_KEYS": "nonsense"}, "id:scopes:hash"),
        ({"SPFCHECK_SESSION_KEY": "short"}, "at least 32 characters"),
        ({"SPFCHECK_NAMESERVERS": "x"}, "no resolver"),
    ],
)
def test_settings_that_cannot_be_used_get_one_clear_sentence(
    tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    (tmp_path / "bad.toml").write_text("port = [")
    done = run(tmp_path, "serve", "--port", "0", **variables)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_a_port_in_use_gets_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(tmp_path, "serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "is in use" in done.stderr
    assert not list(tmp_path.iterdir())


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    made = run(tmp_path, "keys", "new", "--scope", "support", "--store", "--note", "the desk")
    text = re.search(r"spfk_([0-9a-f]{8})_[0-9a-f]{72}", made.stdout)
    assert text is not None
    listed = run(tmp_path, "keys", "list").stdout
    assert text[1] in listed
    assert "the desk" in listed
    assert text[0] not in listed
    assert text[0].encode() not in (tmp_path / "spfcheck.sqlite3").read_bytes()
    assert run(tmp_path, "keys", "revoke", text[1]).returncode == 0
    assert "revoked" in run(tmp_path, "keys", "list").stdout


def test_the_database_is_upgraded_and_pruned(tmp_path: Path) -> None:
    for _ in range(2):
        assert run(tmp_path, "db", "upgrade").stdout == "The database is up to date.\n"
    assert "0 reports, 0 plans and 0 messages deleted" in run(tmp_path, "db", "prune").stdout


def test_help_site(tmp_path: Path) -> None:
    assert run(tmp_path, "help-site", "site").returncode == 0
    assert "include:_spf.mail.example" in (tmp_path / "site/help.html").read_text()


def test_serve_answers_says_it_stops_and_ends_in_order(tmp_path: Path, zone: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [SPFCHECK, "serve", "--zone", str(zone), "--port", str(port)], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env=environment(tmp_path, SPFCHECK_STOP_GRACE_SECONDS="1.5"),
    )  # fmt: skip
    try:
        for _ in range(200):
            if run(tmp_path, "health", SPFCHECK_PORT=str(port)).returncode == 0:
                break
        from urllib.error import HTTPError
        from urllib.request import urlopen

        with urlopen(f"http://127.0.0.1:{port}/v1/check/zoo.example?view=summary", timeout=10) as answer:
            summary = json.load(answer)
            assert summary["status"] == "action_needed"
        process.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        with urlopen(f"http://127.0.0.1:{port}/v1/check/zoo.example", timeout=10) as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError) as caught:
            urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10)
        assert caught.value.code == 503
        caught.value.close()
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events[0] == "serving"
    assert "stopping" in events
    # The report outlives the process.
    stored = run(tmp_path, "serve", "--help")
    assert stored.returncode == 0
    import sqlite3

    with sqlite3.connect(tmp_path / "spfcheck.sqlite3") as connection:
        assert connection.execute("SELECT domain FROM reports").fetchall() == [("zoo.example",)]
    connection.close()


def test_check_imports_no_server_no_client_and_no_second_engine(tmp_path: Path, zone: Path) -> None:
    code = (
        "import sys; from spfcheck.cli import run\n"
        f"code = run(['check', '--zone', {str(zone)!r}, 'bakery.example'])\n"
        "print([m for m in ('aiohttp', 'httpx', 'spf', 'sqlalchemy', 'structlog', 'jinja2') if m in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=environment(tmp_path)
    )
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_help_has_examples(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    assert "spfcheck check example.com" in done.stdout
    for command in ("check", "check-host", "serve", "health", "doctor", "demo", "notify", "keys", "db", "help-site"):
        assert run(tmp_path, command, "--help").returncode == 0, command


def test_notify_speaks_to_the_sandbox_and_sends_nothing_while_dns_is_down(tmp_path: Path) -> None:
    port = free_port()
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "spfcheck.demo.sandbox", "--port", str(port)], stdout=subprocess.PIPE, text=True
    )
    assert sandbox.stdout is not None
    told = sandbox.stdout.readline() + sandbox.stdout.readline()
    token, workspace, admin = re.findall(r"token (\S+), workspace (\w+), admin (\d+)", told)[0]
    variables = {
        "SPFCHECK_INTERCOM_URL": f"http://127.0.0.1:{port}",
        "SPFCHECK_INTERCOM_TOKEN": token,
        "SPFCHECK_INTERCOM_WORKSPACE": workspace,
        "SPFCHECK_INTERCOM_ADMIN_ID": admin,
        "SPFCHECK_NOTIFY_HASH_KEY": "0123456789abcdef" * 2,
        "SPFCHECK_NAMESERVERS": "127.0.0.1:9",
    }
    try:
        doctor = run(tmp_path, "doctor", **variables)
        assert doctor.returncode == 3
        assert re.search(r"^bad +resolver", doctor.stdout, re.MULTILINE)
        assert re.search(r"^ok +intercom", doctor.stdout, re.MULTILINE)
        plan = run(tmp_path, "notify", "plan", **variables)
        assert plan.returncode == 3, plan.stderr
        assert "nothing was sent" in plan.stdout
        assert "BRAKE resolver" in plan.stdout
        # The plan is found by each way of naming it, and held by the brake.
        made = re.findall(r"Plan (\S+),", plan.stdout)[0]
        for named in ((made,), ("--plan", made), ("latest",), ("--plan", "latest")):
            sent = run(tmp_path, "notify", "send", *named, **variables, SPFCHECK_NOTIFY_ENABLED="true")
            assert sent.returncode == 3
            assert sent.stderr.count("\n") == 1
            assert "A brake holds" in sent.stderr, sent.stderr
        assert "no plan nonsense" in run(tmp_path, "notify", "send", "--plan", "nonsense", **variables).stderr
        assert run(tmp_path, "notify", "pause", "--reason", "a test", **variables).returncode == 0
        seen = run(tmp_path, "notify", "status", **variables).stdout
        assert "a test" in seen
        refused = run(tmp_path, "notify", "resume", "--reason", "over", **variables)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        stops = re.findall(r"notify resume (.+) --reason", seen)[0].split()
        assert run(tmp_path, "notify", "resume", *stops, "--reason", "over", **variables).returncode == 0
        assert "not paused" in run(tmp_path, "notify", "status", **variables).stdout
        refused = run(tmp_path, "notify", "plan", **{**variables, "SPFCHECK_INTERCOM_TOKEN": "wrong"})
        assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
        assert "refuses the token" in refused.stderr
    finally:
        sandbox.kill()
        sandbox.communicate()


def test_the_kill_switch_needs_neither_token_nor_key(tmp_path: Path) -> None:
    assert run(tmp_path, "notify", "status").returncode == 0
    paused = run(tmp_path, "notify", "pause", "--reason", "a look at it", "--who", "mira")
    assert paused.returncode == 0, paused.stderr
    seen = run(tmp_path, "notify", "status")
    assert seen.returncode == 3
    assert "Paused: a look at it (pause#1)" in seen.stdout
    assert f"pause file {tmp_path}/spfcheck.pause" in seen.stdout
    assert "sender: nobody is sending" in seen.stdout
    for listing in ("unclear", "rejected"):
        assert run(tmp_path, "notify", listing).returncode == 0
    refused = run(tmp_path, "notify", "resume", "--reason", "looked", "--who", "mira", "pause")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "now: pause#1" in refused.stderr
    assert run(tmp_path, "notify", "resume", "pause#1", "--reason", "looked", "--who", "mira").returncode == 0
    assert run(tmp_path, "notify", "status").returncode == 0
    assert run(tmp_path, "notify", "revoke", "plan-1", "--who", "mira").returncode == 2
    shown = run(tmp_path, "notify", "show")
    assert (shown.returncode, shown.stderr) == (2, "spfcheck: There is no plan yet.\n")


def test_suppress_and_forget_need_the_key_and_no_token_and_say_when_nobody_is_known(tmp_path: Path) -> None:
    unkeyed = run(tmp_path, "notify", "suppress", "ann@example.com", "--reason", "asked", "--who", "mira")
    assert unkeyed.returncode == 2
    assert "SPFCHECK_NOTIFY_HASH_KEY" in unkeyed.stderr
    key = {"SPFCHECK_NOTIFY_HASH_KEY": "a key of the tests"}
    for command in (("suppress", "ann@example.com", "--reason", "asked"), ("forget", "bob@example.com")):
        done = run(tmp_path, "notify", *command, "--who", "mira", **key)
        assert done.returncode == 0, done.stderr
        assert "Nobody of that address is known" in done.stdout


def test_pause_works_where_the_ledger_does_not(tmp_path: Path) -> None:
    (tmp_path / "spfcheck.sqlite3").write_text("This is no database." * 100)
    done = run(tmp_path, "notify", "pause", "--reason", "a look at it", "--who", "mira")
    assert done.returncode == 0, done.stderr
    assert f"Paused by the file {tmp_path}/spfcheck.pause" in done.stdout
    assert (tmp_path / "spfcheck.pause").read_text() == "a look at it\n"


def test_a_token_is_asked_for_only_where_it_is_needed(tmp_path: Path) -> None:
    for command in (("plan",), ("send", "--plan", "latest"), ("run",), ("reconcile",)):
        done = run(tmp_path, "notify", *command, SPFCHECK_NOTIFY_HASH_KEY="a key of the tests")
        assert done.returncode == 2
        assert "No token" in done.stderr
