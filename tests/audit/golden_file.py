"""Golden situations: a zone text whose comments say what the report must be."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.resolver.zone import Zone, ZoneLookup

GOLDEN = Path(__file__).parent / "golden"
OURS = (SenderProfile(name="mail", include="_spf.mail.example"),)


@dataclass
class Golden:
    """One file: ``;=`` lines are what must come out, ``;?`` lines what is asked, the rest is the zone."""

    path: Path
    zone: str = ""
    ask: dict[str, str] = field(default_factory=dict)
    expect: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Golden:
        found = cls(path)
        own: list[str] = []
        gone: set[tuple[str, str]] = set()
        for line in path.read_text().splitlines():
            if line.startswith(";="):
                name, _, value = line[2:].strip().partition(": ")
                found.expect.setdefault(name, []).append(value)
            elif line.startswith(";?"):
                name, _, value = line[2:].strip().partition(": ")
                found.ask[name] = value
            elif line.startswith("-"):
                name, rtype = line[1:].split()
                gone.add((name, rtype))
            else:
                own.append(line)
        common = [
            line
            for line in (GOLDEN / "common.zone").read_text().splitlines()
            if line and not line.startswith(";") and (line.split()[0], line.split()[1]) not in gone
        ]
        found.zone = "\n".join([*common, *own])
        return found

    def lookup(self) -> ZoneLookup:
        return ZoneLookup(Zone.parse(self.zone))

    async def report(self, *, opinion: bool = False) -> Report:
        lookup = self.lookup()
        profiles = self.profiles()
        ours = await prepare(profiles, lookup, clock=lambda: 1_000.0)
        return await examine(
            self.ask.get("domain", "customer.example"),
            lookup,
            ours,
            mail_from=self.ask.get("mail_from", "postmaster@{domain}"),
            record=self.ask.get("record"),
            opinion=opinion,
            search="search" in self.ask,
            clock=lambda: 1_000.0,
            new_id=lambda: "golden",
        )

    def profiles(self) -> tuple[SenderProfile, ...]:
        if "networks" in self.ask:
            networks = tuple(self.ask["networks"].split())
            return (SenderProfile(name="mail", include="_spf.mail.example", networks=networks),)
        if "senders" in self.ask:
            return tuple(SenderProfile(name=name, include=name) for name in self.ask["senders"].split())
        return OURS


def outcome(report: Report) -> dict[str, list[str]]:
    """The report in the words of a golden file."""
    said: dict[str, list[str]] = {"status": [report.status.value], "result": [report.result]}
    said["lookups"] = [f"{report.lookups}{'+' if report.lookups_at_least else ''}"]
    texts = {report.record.name: report.record.text} if report.record else {}
    texts |= _texts(report.tree)
    for found in report.findings:
        line = found.code
        if found.span is not None:
            text = texts.get(found.domain) or str(found.params.get("text", ""))
            line += f" {found.domain} {shlex.quote(_shown(text[slice(*found.span)]))}"
        said.setdefault("finding", []).append(line)
    if report.likely:
        said["likely"] = [report.likely]
    remedy = report.remedy
    said["remedy"] = [remedy.kind.value + (f" at {remedy.name}" if remedy.name else "")]
    if remedy.value:
        said["value"] = [remedy.value]
    if len(remedy.strings) > 1:
        said["string"] = [f'"{one}"' for one in remedy.strings]
    if remedy.delete:
        said["delete"] = [
            _shown(one.value) + (f" at {one.name}" if one.name != remedy.name else "") for one in remedy.delete
        ]
    if remedy.newly_authorised:
        said["newly authorised"] = list(remedy.newly_authorised)
    if remedy.proof and remedy.proof["assumes"]:
        said["assumes"] = list(remedy.proof["assumes"])
    if remedy.remaining:
        said["remains"] = [one.code for one in remedy.remaining]
    if remedy.certificate:
        said["certificate"] = [_certificate(dict(remedy.certificate))]
    return said


def _texts(node: object) -> dict[str, str]:
    found: dict[str, str] = {}
    if getattr(node, "record", ""):
        found[node.domain] = node.record  # type: ignore[attr-defined]
    for child in getattr(node, "children", ()):
        found |= _texts(child)
    return found


def _certificate(facts: dict[str, object]) -> str:
    rest = {name: value for name, value in facts.items() if name not in ("code", "table", "choices")}
    words = [f"{name}={shlex.quote(_shown(_plain(value)))}" for name, value in rest.items()]
    table = [f"{row['term']}={row['cost']}" for row in facts.get("table", [])]  # type: ignore[attr-defined]
    choices = [_choice(row) for row in facts.get("choices", [])]  # type: ignore[attr-defined]
    return " ".join([str(facts["code"]), *words]) + (f" | {', '.join([*table, *choices])}" if table else "")


def _choice(row: dict[str, object]) -> str:
    return {"return-path": f"never needs {row['term']}", "subdomain": "a subdomain"}.get(
        str(row["why"]), f"without {row['term']}"
    )


def _plain(value: object) -> str:
    """A list of texts with bars between them, anything else as it is."""
    texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return " | ".join(value) if texts else str(value)  # type: ignore[arg-type]


def _shown(text: str) -> str:
    return "".join(char if " " <= char <= "~" else f"\\x{ord(char):02x}" for char in text)


def written(golden: Golden, said: dict[str, list[str]]) -> str:
    """The lines that say *said*, as they stand at the end of a golden file."""
    return "\n".join(f";= {name}: {value}" for name, values in said.items() for value in values) + "\n"
