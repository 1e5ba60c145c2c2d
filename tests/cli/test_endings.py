"""However a command ends, there is one exit code and one sentence at most: in a pipe, a file and a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path

import pytest

from spfcheck.cli.typed import LONGEST, lines
from tests.cli.test_commands import SPFCHECK, environment

ZONE = """
_spf.mail.example TXT "v=spf1 ip4:192.0.2.0/25 -all"
customer.example TXT "v=spf1 include:_spf.mail.example -all"
*.customer.example TXT "v=spf1 include:_spf.mail.example -all"
"""
MANY = 3_000


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    path = tmp_path / "a.zone"
    path.write_text(ZONE)
    return path


def buffered(tmp_path: Path, **variables: str) -> dict[str, str]:
    """The environment in which output is written late, as it is for whoever does not ask for anything else."""
    return {name: value for name, value in environment(tmp_path, **variables).items() if name != "PYTHONUNBUFFERED"}


def started(tmp_path: Path, *arguments: str, **streams: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([SPFCHECK, *arguments], cwd=tmp_path, env=buffered(tmp_path), **streams)  # type: ignore[call-overload,no-any-return]


def in_shell(tmp_path: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run *command* by a shell in which $S is the program; the exit code is that of the program in a pipe."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60, check=False,
        cwd=tmp_path, env=buffered(tmp_path, S=SPFCHECK),
    )  # fmt: skip


def names(tmp_path: Path, number: int = MANY) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("".join(f"d{place}.customer.example\n" for place in range(number)))
    return path


def read_all(terminal: int) -> bytes:
    """All that was written to a terminal; reading on ends with an error once nobody holds it open."""
    said = b""
    while True:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:
            return said
        if not chunk:
            return said
        said += chunk


def test_the_bar_is_for_the_terminal_and_the_answers_are_for_the_file(tmp_path: Path, zone: Path) -> None:
    listed = names(tmp_path, 40)
    ours, theirs = pty.openpty()
    out = tmp_path / "out.ndjson"
    with listed.open("rb") as typed, out.open("wb") as written:
        arguments = ["check", "--zone", str(zone), "--ndjson", "-"]
        process = started(tmp_path, *arguments, stdin=typed, stdout=written, stderr=theirs)
        os.close(theirs)
        said = read_all(ours)
        assert process.wait(30) == 0
    reports = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(report["domain"] for report in reports) == sorted(listed.read_text().split())
    assert b"Checking" in said
    assert b"customer.example" not in said


def test_a_reader_that_has_enough(tmp_path: Path, zone: Path) -> None:
    names(tmp_path)
    done = in_shell(tmp_path, f"$S check --zone {zone} --ndjson - < names.txt | head -1 | wc -l")
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("1", "", 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    "arguments", ["check --zone a.zone --json customer.example", "--help", "check-host --help", "--version"]
)
def test_a_disk_that_is_full(tmp_path: Path, zone: Path, arguments: str) -> None:
    done = in_shell(tmp_path, f"$S {arguments} > /dev/full")
    assert done.stderr == "spfcheck: Input or output failed: No space left on device.\n"
    assert done.returncode == 74


def test_streams_that_are_closed(tmp_path: Path, zone: Path) -> None:
    done = in_shell(tmp_path, f"$S check --zone {zone} - <&-")
    assert done.stderr == "spfcheck: Standard input is closed, so there is nothing to read from -.\n"
    assert (done.stdout, done.returncode) == ("", 2)
    done = in_shell(tmp_path, f"$S check --zone {zone} customer.example >&-")
    assert done.stderr == "spfcheck: Input or output failed: Bad file descriptor.\n"
    assert done.returncode == 74
    assert in_shell(tmp_path, f"$S check --zone {zone} customer.example 2>&-").returncode == 0


def test_ctrl_c_while_a_person_types(tmp_path: Path, zone: Path) -> None:
    ours, theirs = pty.openpty()
    process = started(tmp_path, "check", "--zone", str(zone), "-", stdin=theirs, stdout=subprocess.PIPE, stderr=theirs)
    os.write(ours, b"customer.example\n")
    os.close(theirs)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"customer.example")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert b"Traceback" not in read_all(ours)


@pytest.mark.parametrize(
    "written",
    [
        "customer.example\r\nd.customer.example".encode("utf-8-sig"),
        "customer.example\r\nd.customer.example\r\n".encode("utf-16"),
        b"\xfe\xff" + "customer.example\nd.customer.example\n".encode("utf-16-be"),
        b"# a comment\n\n  customer.example  \nd.customer.example\n",
    ],
    ids=["utf-8 with a mark", "utf-16 little", "utf-16 big", "comments"],
)
def test_files_as_programs_write_them(tmp_path: Path, zone: Path, written: bytes) -> None:
    (tmp_path / "names.txt").write_bytes(written)
    done = in_shell(tmp_path, f"$S check --zone {zone} --ndjson - < names.txt")
    assert sorted(json.loads(line)["domain"] for line in done.stdout.splitlines()) == [
        "customer.example",
        "d.customer.example",
    ]
    assert done.returncode == 0


def test_a_line_without_end_is_refused_once(tmp_path: Path, zone: Path) -> None:
    (tmp_path / "names.txt").write_bytes(b"x" * 1_000_000 + b"\ncustomer.example\n")
    done = in_shell(tmp_path, f"$S check --zone {zone} - < names.txt")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("spfcheck: line 1: ")
    assert done.stdout.startswith("customer.example: fine")
    assert done.returncode == 2


async def test_a_line_without_end_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes(b"x" * 8_000_000)
    with (tmp_path / "names.txt").open() as stream:
        tracemalloc.start()
        try:
            said = [line async for line in lines(stream)]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert said == ["x" * LONGEST]
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("raised", "code", "sentence"),
    [
        ("KeyboardInterrupt()", 130, ""),
        ("BaseExceptionGroup('g', [KeyboardInterrupt(), ValueError('x')])", 130, ""),
        ("ExceptionGroup('g', [ExceptionGroup('h', [BrokenPipeError()])])", 141, ""),
        ("ExceptionGroup('g', [UsageError('One sentence.')])", 2, "spfcheck: One sentence.\n"),
        ("PermissionError(13, 'Permission denied', 'b.zone')", 74,
         "spfcheck: b.zone cannot be read or written: Permission denied.\n"),
        ("SystemExit(5)", 5, ""),
    ],
)  # fmt: skip
def test_whatever_is_raised(raised: str, code: int, sentence: str) -> None:
    done = ending(raised)
    assert (done.stderr, done.returncode) == (sentence, code)


def test_a_fault_of_ours_keeps_its_details(tmp_path: Path) -> None:
    done = ending("ZeroDivisionError('digits')", TMPDIR=str(tmp_path))
    assert done.returncode == 70
    (details,) = tmp_path.iterdir()
    assert done.stderr == (
        f"spfcheck: spfcheck has a fault of its own (ZeroDivisionError); please report it with {details}, where the"
        " details are.\n"
    )
    assert "ZeroDivisionError: digits" in details.read_text()


def ending(raised: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a command that raises *raised* ends in."""
    program = f"""
        import sys
        from spfcheck.cli.ending import UsageError, ended
        def work():
            raise {raised}
        sys.exit(ended(work))
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=30, check=False, env={**os.environ, **variables},
    )  # fmt: skip
