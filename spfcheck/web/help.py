"""The customers' help: what a message links to. Nothing about any domain stands in it, so it is open to everybody."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from spfcheck.audit.report.catalogue import CATALOGUE, Code
from spfcheck.settings import Settings
from spfcheck.web.render import COMMON, asset, environment
from spfcheck.web.words import words

STAND_INS = {
    "domain": "your domain",
    "name": "a name in it",
    "target": "the other name",
    "term": "the term",
    "sender": "our servers",
    "include": "our include",
    "networks": "some of our networks",
    "text": "...",
    "count": "too many",
    "shown": "more than 10",
    "hint": "Correct the text at that place.",
    "detail": "",
    "null_mx": "",
    "length": "more than 255",
    "strict": "permerror",
    "lenient": "pass",
    "result": "that they are not on the list",
    "family": "IPv4 or IPv6",
    "type": "that kind",
    "ms": "several thousand",
    "network": "the network",
    "meant": "the right term",
    "written": "a term",
    "character": "a typographic character",
    "slip": "a slip at its beginning",
    "reason": "it cannot be read",
    "found_at": "another name",
    "above": "your domain",
    "listed": "",
}
"""What stands for a finding's parameters where no domain is meant."""


def catalogue(settings: Settings) -> list[dict[str, Any]]:
    """Every finding in general words, with our own include filled in."""
    includes = [sender.include for sender in settings.sender_profiles()]
    values: defaultdict[str, str] = defaultdict(lambda: "...", STAND_INS)
    if includes:
        values["include"] = includes[0]
    return [
        {
            "code": code.value,
            "severity": kind.severity.value,
            "message": _sentence(kind.message.format_map(values)),
            "advice": _sentence(kind.advice.format_map(values)),
        }
        for code, kind in CATALOGUE.items()
    ]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]


def known(code: str) -> bool:
    """True for the code of a finding."""
    return code in frozenset(Code)


def help_values(settings: Settings) -> dict[str, Any]:
    """What the help shows."""
    return {"catalogue": catalogue(settings), "includes": [sender.include for sender in settings.sender_profiles()]}


def write_site(directory: Path, settings: Settings) -> list[Path]:
    """Write the help as static pages into *directory*, which is made where it is missing; the files come back.

    The pages link to each other with `/help/...` paths made relative, so any place on any web server will do.
    """
    values = help_values(settings)
    common = {**COMMON, **values, "w": words(), "caller": None, "token": "", "site": True}
    written = []
    (directory / "help").mkdir(parents=True, exist_ok=True)
    (directory / "static").mkdir(exist_ok=True)
    pages = {Path("help.html"): ("help.html", {"base": ".", "suffix": ".html"})}
    for item in values["catalogue"]:
        pages[Path("help") / f"{item['code']}.html"] = (
            "help_finding.html", {"base": "..", "suffix": ".html", "item": item},
        )  # fmt: skip
    for path, (template, own) in pages.items():
        text = environment().get_template(template).render({**common, **own})
        (directory / path).write_text(text, encoding="utf-8")
        written.append(directory / path)
    for name in ("style.css", "icon.svg"):
        found = asset(name)
        assert found is not None
        (directory / "static" / name).write_bytes(found[0])
        written.append(directory / "static" / name)
    return written
