"""The words of the pages, from one file for each language."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from spfcheck.audit.names import shown


@dataclass(frozen=True, slots=True)
class Manual:
    """Why no record is proposed, in words; *table* has the terms that cost most, where that is the reason."""

    sentence: str
    table: tuple[dict[str, Any], ...] = ()


def manual_words(certificate: Mapping[str, Any] | None) -> Manual:
    """What a certificate of kind manual says to a person; empty for one without words."""
    if not certificate:
        return Manual("")
    texts = words()["manual"]
    text = texts.get(certificate.get("reason"), texts.get(certificate.get("code"), ""))
    values = {name: shown(str(value), 300) for name, value in certificate.items()}
    table = tuple({**row, "term": shown(row["term"], 300)} for row in certificate.get("table", ()))
    return Manual(text.format_map(defaultdict(str, values)), table)


@cache
def words(language: str = "en") -> dict[str, Any]:
    """All texts of the pages in *language*."""
    text = (files("spfcheck.web") / "templates" / f"words.{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
