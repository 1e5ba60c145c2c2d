"""The image's Dockerfile gets all that it copies, and what is built of that is whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def context() -> list[str]:
    """The files that ``docker build`` is given: those under version control that `.dockerignore` leaves in."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no checkout, so that nothing tells its files from what lies beside them")
    rules = [line.strip() for line in (ROOT / ".dockerignore").read_text().splitlines() if line.strip()]
    return [path for path in done.stdout.splitlines() if (ROOT / path).is_file() and _kept(path, rules)]


def _kept(path: str, rules: list[str]) -> bool:
    """Whether the last of *rules* that matches *path*, or a folder that it is in, lets it through."""
    kept = True
    parts = path.split("/")
    paths = ["/".join(parts[: place + 1]) for place in range(len(parts))]
    for rule in rules:
        pattern = rule.removeprefix("!").removesuffix("/**").removeprefix("**/")
        if any(fnmatch(one, pattern) and one.count("/") == pattern.count("/") for one in paths):
            kept = rule.startswith("!")
    return kept


def copied() -> list[str]:
    """What the Dockerfile copies out of the context."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_every_file_that_is_copied_is_in_the_context() -> None:
    there = context()
    sources = copied()
    assert "setup.py" in sources
    missing = [
        source for source in sources if not any(path == source or path.startswith(f"{source}/") for path in there)
    ]
    assert missing == [], f"the Dockerfile copies {missing}, which .dockerignore leaves out"


def test_nothing_else_is_in_the_context() -> None:
    """A secret or a test that lies beside the product does not get into a layer."""
    sources = copied()
    beside = [path for path in context() if not any(path == one or path.startswith(f"{one}/") for one in sources)]
    assert all(re.fullmatch(r"requirements/[a-z]+\.txt", path) for path in beside)


def test_what_is_copied_builds_and_holds_every_file_of_the_product(tmp_path: Path) -> None:
    there = context()
    for path in there:
        (tmp_path / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / "src" / path)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, "."],
        cwd=tmp_path / "src",
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert [path for path in there if path.startswith("spfcheck/") and path not in held] == []
