"""The words of the pages, from one file for each language."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from spfcheck.audit.text.slips import HINTS
from spfcheck.names import shown

LOOKUPS = 10
"""RFC 7208 4.6.4."""
LONGEST = 8_000
"""Characters of a stranger's text on a page."""


_UTF8 = re.compile("[\xc2-\xf4][\x80-\xbf]{1,3}")


def readable(text: str) -> str:
    """*text*, in which each character stands for a byte, with UTF-8 among it as whoever typed it saw it.

    A record is bytes (RFC 7208 3.1), and a dash that a word processor made is three of them.
    """
    return _UTF8.sub(_character, text)


def safe(text: Any) -> str:
    """A stranger's text as it was typed, with everything invisible written out, and cut."""
    return shown(readable(str(text)), LONGEST)


def _character(found: re.Match[str]) -> str:
    try:
        return found[0].encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return found[0]


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that a customer may do, in words; *source* is where a vendor documents that it is safe."""

    sentence: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Manual:
    """Why no record is proposed, in words; *table* has the terms that cost most, where that is the reason."""

    sentence: str
    ask: str = ""
    """The same as a question to the customer."""
    table: tuple[dict[str, Any], ...] = ()
    choices: tuple[Choice, ...] = ()
    """What the customer may do about it, the first ones first."""


def manual_words(certificate: Mapping[str, Any] | None) -> Manual:
    """What a certificate of kind manual says to a person; empty for one without words."""
    if not certificate:
        return Manual("")
    values = defaultdict(str, {name: shown(_said(value), 300) for name, value in certificate.items()})
    if "cost" in certificate:
        values["over"] = str(certificate["lookups"] + certificate["cost"] - LOOKUPS)
    values["meant"] = _meant(certificate)
    sentence, ask = (_words_for(certificate, words()[part]).format_map(values) for part in ("manual", "ask"))
    table = tuple({**row, "term": shown(row["term"], 300)} for row in certificate.get("table", ()))
    choices = tuple(_choice(one) for one in certificate.get("choices", ()))
    return Manual(sentence.replace("  ", " "), ask.replace("  ", " "), table, choices)


def _choice(one: Mapping[str, Any]) -> Choice:
    saves = f"{one['saves']} lookup{'s' if one['saves'] != 1 else ''}"
    values = {"term": shown(one["term"], 300), "vendor": one.get("vendor", ""), "saves": saves}
    return Choice(words()["choice"][one["why"]].format_map(values), one.get("source", ""))


def _said(value: Any) -> str:
    """*value* as a sentence has it: a figure with its thousands."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def _meant(certificate: Mapping[str, Any]) -> str:
    """What the words that cannot be read may mean, or what is wrong with them."""
    readings = [f"“{shown(str(one), 300)}”" for one in certificate.get("readings", ())]
    if len(readings) > 1:
        return f"It may mean {', '.join(readings[:-1])} or {readings[-1]}."
    hint = HINTS.get(certificate.get("reason", ""), "")
    return f"{hint} It may mean {readings[0]}." if readings else hint


def _words_for(certificate: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    return texts.get(certificate.get("reason", ""), texts.get(certificate.get("code", ""), ""))


@cache
def words(language: str = "en") -> dict[str, Any]:
    """All texts of the pages in *language*."""
    text = (files("spfcheck.web") / "templates" / f"words.{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
