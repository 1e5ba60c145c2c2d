"""The words of the pages, from one file for each language."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def words(language: str = "en") -> dict[str, Any]:
    """All texts of the pages in *language*."""
    text = (files("spfcheck.web") / "templates" / f"words.{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
