"""The OpenSPF test suites: fetched from the package index inside pyspf's source, checked by hash, never committed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from spfcheck.rfc7208.drive import run
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.message import identity

from .zones import from_suite

FOLDER = Path(__file__).parents[2] / ".suites"
PACKAGE = "pyspf==2.0.14"
ARCHIVE_SHA256 = "57a7ef01bda090173aafb6af0106251686ed73f03db4e911fcd34c57fc347186"
SUITES = {
    "rfc7208": ("test/rfc7208-tests.yml", "901f561a6e2b1c1590a40a61b1ac7601226fd7045a7aae591a4d25421358d6f9"),
    "rfc4408": ("test/rfc4408-tests.yml", "82b7d1840745d1249f1fe7055be7e1b536ed38eeaeac40c481d7f1825da4415c"),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One document of a suite: a zone, and the cases that are judged in it."""

    description: str
    zonedata: dict[str, list[Any]]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Case:
    suite: str
    name: str
    host: str
    helo: str
    mailfrom: str
    results: tuple[str, ...]
    explanation: str | None

    @property
    def command(self) -> str:
        """What a person types to see this case evaluated, step by step."""
        return f"to see it: python -m tests.rfc7208.suite {self.suite} {self.name}"


def _fetch() -> Path:
    archive = FOLDER / "pyspf-2.0.14.tar.gz"
    if not archive.exists():
        FOLDER.mkdir(exist_ok=True)
        # Beside its place first, since several test processes may fetch at a time; the hash is checked before pip
        # looks into the archive.
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            wanted = Path(folder) / "requirements.txt"
            wanted.write_text(f"{PACKAGE} --hash=sha256:{ARCHIVE_SHA256}\n")
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
            pip += ["--no-build-isolation", "--no-binary", "pyspf", "--require-hashes", "-r", str(wanted), "-d", folder]
            done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=120)
            if done.returncode == 0:
                (Path(folder) / archive.name).replace(archive)
        if not archive.exists():
            reason = f"the OpenSPF suites could not be fetched from the package index: {done.stderr.strip()[-300:]}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason, allow_module_level=True)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == ARCHIVE_SHA256, f"{archive} is not what it should be"
    return archive


@cache
def load(suite: str) -> tuple[Scenario, ...]:
    """The scenarios of *suite*; skips the module where it cannot be fetched, and fails under CI."""
    member, digest = SUITES[suite]
    with tarfile.open(_fetch()) as archive:
        file = archive.extractfile(f"pyspf-2.0.14/{member}")
        assert file is not None
        data = file.read()
    assert hashlib.sha256(data).hexdigest() == digest, f"{member} is not what it should be"
    return tuple(_scenario(suite, document) for document in yaml.safe_load_all(data.decode("utf-8")) if document)


def _scenario(suite: str, document: dict[str, Any]) -> Scenario:
    cases = []
    for name, case in document["tests"].items():
        result = case["result"]
        cases.append(
            Case(
                suite=suite,
                name=name,
                host=case["host"],
                helo=case["helo"],
                mailfrom=case.get("mailfrom") or "",
                results=tuple(result) if isinstance(result, list) else (result,),
                explanation=case.get("explanation"),
            )
        )
    return Scenario(document["description"], document["zonedata"], tuple(cases))


def cases(suite: str) -> Iterator[tuple[Scenario, Case]]:
    for scenario in load(suite):
        for case in scenario.cases:
            yield scenario, case


def _show(scenario: Scenario, case: Case) -> None:
    """Print one case: its zone, its message, and every step of its evaluation."""
    zone = from_suite(scenario.zonedata)
    for name, entries in scenario.zonedata.items():
        for entry in entries:
            print(f"{name}  {entry}")
    who = identity(case.mailfrom, case.helo)
    print(f"\n{case.name}: ip {case.host}, sender {case.mailfrom!r}, helo {case.helo!r}; wanted {case.results}\n")
    sender = case.mailfrom or f"postmaster@{case.helo}"
    verdict = run(check_host(case.host, who.domain, sender, case.helo, explain=True, trace=True), zone)
    for event in verdict.trace:
        asked = ", ".join(f"{question.name} {question.rtype.name}" for question, _ in event.asked)
        outcome = f"{event.why} {event.result or ''}"
        counters = f"[{event.lookups}, {event.void_lookups} void]"
        print(f"{'  ' * event.depth}{event.domain}: {event.term or 'record'} -> {outcome} {counters} {asked}")
    print(f"\n{verdict.result} ({verdict.cause}) {verdict.explanation or ''}")


if __name__ == "__main__":
    _, wanted_suite, wanted = sys.argv
    for found_scenario, found in cases(wanted_suite):
        if found.name == wanted:
            _show(found_scenario, found)
