"""Real-world situations, one file each: what is published, and what the report says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.golden_file import GOLDEN, Golden, outcome

FILES = sorted(GOLDEN.glob("*.txt"))


def test_there_are_at_least_120_situations() -> None:
    assert len(FILES) >= 120


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_situation(path: Path) -> None:
    golden = Golden.read(path)
    report = await golden.report()
    assert outcome(report) == golden.expect
