"""Every setting stands in docs/settings.md, with its variable, its default and its meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from spfcheck.settings import DomainSource, SenderSettings, Settings, known_variables

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text()


def fields() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    groups: list[tuple[str, type[BaseModel]]] = [
        ("", Settings), ("senders.", SenderSettings), ("audience.domain_sources.", DomainSource),
    ]  # fmt: skip
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            groups.append((f"{name}.", info.annotation))
    for prefix, model in groups:
        for name, info in model.model_fields.items():
            nested = isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
            if not nested and name not in ("senders", "domain_sources"):
                found.append((prefix + name, info.description or ""))
    return found


@pytest.mark.parametrize(("name", "meaning"), fields())
def test_every_setting_is_on_the_page(name: str, meaning: str) -> None:
    row = next((line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")), None)
    assert row is not None, f"{name} is missing"
    assert meaning in row


def test_every_variable_is_on_the_page() -> None:
    for variable in known_variables():
        assert f"`{variable}`" in PAGE, variable
