"""The README's commands are real: each exists with the options shown, and those that need no network run as written."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (?:[A-Z_]+=\S+ )*\.venv/bin/spfcheck (.+?)(?:\s+#.*)?$", README, re.MULTILINE)
BIN = Path(sys.executable).with_name("spfcheck")


def spfcheck(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN, *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_exists_with_its_options(command: str) -> None:
    words = shlex.split(command.split(" < ")[0])
    options = [word for word in words if word.startswith("--")]
    path = words[:2] if words[0] in ("notify", "keys", "db") else words[:1]
    shown = spfcheck(*path, "--help")
    assert shown.returncode == 0, shown.stderr
    for option in options:
        assert option in shown.stdout


def test_the_commands_were_found() -> None:
    assert len(COMMANDS) >= 12


def test_the_zone_example_runs_as_written() -> None:
    command = next(command for command in COMMANDS if "--zone" in command)
    done = spfcheck(*shlex.split(command))
    assert done.returncode == 1
    assert done.stdout.startswith("customer.example: action needed\n")
    assert "v=spf1 include:_spf.google.com include:_spf.mail.example ~all" in done.stdout
    assert not done.stderr


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^):]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", README))))
def test_every_make_target_that_the_readme_names_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
