"""A report on a terminal: the verdict in a sentence, what to do, and then all that it rests on.

Colour repeats what the words say and is left out when nobody watches or `NO_COLOR` is set. Everything that a
stranger's DNS said goes through `shown`: it can neither move the cursor nor forge a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from spfcheck.audit.report.model import Finding, RemedyKind, Report, Severity, Status, TreeNode
from spfcheck.audit.report.others import remaining_sentences
from spfcheck.names import shown, unicode_name
from spfcheck.web.words import manual_words, readable

WORDS = {
    Status.OK: ("fine", "green"),
    Status.AT_RISK: ("at risk", "yellow"),
    Status.ACTION_NEEDED: ("action needed", "red"),
    Status.UNKNOWN: ("unknown", "magenta"),
}
MARKS = {Severity.ERROR: ("error", "red"), Severity.WARNING: ("warning", "yellow"), Severity.INFO: ("note", "cyan")}
_PARTS = re.compile("[\xc2-\xf4][\x80-\xbf]{1,3}|.", re.DOTALL)
"""A character of UTF-8 among bytes, or one byte."""

LONGEST = 4_000
"""Characters of a stranger's text on a terminal."""


def _safe(text: str) -> str:
    return shown(readable(text), LONGEST)


def draw(report: Report, *, console: Console | None = None, gap: bool = False) -> None:
    """Print *report* for a person, after an empty line where another stands above it."""
    out = console or Console(highlight=False, soft_wrap=True)
    if gap:
        out.print()
    _heading(report, out)
    _remedy(report, out)
    _record(report, out)
    _findings(report.findings, out)
    if report.tree is not None and report.tree.children:
        _title("Tree", out, note="what each term costs, and the total so far")
        for line in tree_lines(report.tree):
            out.print(line)
    _senders(report, out)
    _facts(report, out)


def _heading(report: Report, out: Console) -> None:
    word, colour = WORDS[report.status]
    line = Text(report.domain, style="bold")
    written = unicode_name(report.domain)
    if written != report.domain:
        line.append(f" ({written})", style="bold")
    line.append(": ").append(word, style=f"bold {colour}")
    if report.hypothetical:
        line.append(" (with the record that you gave)")
    out.print(line)
    out.print(Text(_safe(report.headline)))
    if report.likely:
        out.print(Text(f"Did you mean {report.likely}?", style="bold"))


def _title(text: str, out: Console, note: str = "") -> None:
    out.print()
    line = Text(text, style="bold")
    if note:
        line.append(f"  {note}", style="dim")
    out.print(line)


def _remedy(report: Report, out: Console) -> None:
    remedy = report.remedy
    if remedy.kind is RemedyKind.NONE:
        return
    _title("What to do", out)
    if remedy.kind is RemedyKind.MANUAL:
        out.print("  No edit could be proven to repair this record; a person has to look at it.")
        manual = manual_words(remedy.certificate)
        if manual.sentence:
            out.print(Text(f"  {manual.sentence}"))
        for row in manual.table:
            vendor = f"  {row['vendor']}" if row["vendor"] else ""
            out.print(Text(f"    +{row['cost']}  {row['term']}{vendor}"))
        if manual.choices:
            out.print("  What would make room. Each is for the customer to decide:")
        for choice in manual.choices:
            source = f" ({choice.source})" if choice.source else ""
            out.print(Text(f"  - {choice.sentence}{source}"))
        return
    verb = "Publish" if remedy.kind is RemedyKind.PUBLISH else "Replace"
    old = "all SPF records" if len(remedy.delete) > 1 else "the SPF record"
    tail = "this TXT record" if remedy.kind is RemedyKind.PUBLISH else old
    by = " at " if remedy.kind is RemedyKind.PUBLISH else " of "
    end = ":" if remedy.kind is RemedyKind.PUBLISH else " by:"
    out.print(f"  {verb} {tail}{by}{remedy.name}{end}")
    out.print()
    out.print(Text(f"    {remedy.value}", style="bold green"))
    out.print()
    if len(remedy.strings) > 1:
        out.print("  It is longer than 255 characters; a zone file wants it as several strings:")
        for string in remedy.strings:
            out.print(Text(f'    "{string}"'))
    for deleted in remedy.delete:
        if report.record is not None and (deleted.name, deleted.value) == (remedy.name, report.record.text):
            continue  # it is what is replaced
        out.print(Text(f"  Delete the {deleted.type} record at {deleted.name}: {_safe(deleted.value)}"))
    for edit in remedy.edits:
        out.print(Text(f"  - {_safe(edit)}"))
    if remedy.newly_authorised:
        out.print(Text(f"  This also authorises {', '.join(remedy.newly_authorised)}."))
    for sentence in remaining_sentences((left.code, left.params) for left in remedy.remaining):
        out.print(Text(f"  {sentence}", style="red"))


def _record(report: Report, out: Console) -> None:
    if report.record is None:
        return
    where = "" if report.record.name == report.domain else f"at {report.record.name}, "
    _title("Record", out, note=f"{where}{len(report.record.text)} characters, TTL {report.record.ttl} s")
    spans = [f.span for f in report.findings if f.span is not None and f.domain == report.record.name]
    for line in underlined(report.record.text, spans):
        out.print(Text("  ").append_text(line))


def underlined(text: str, spans: Iterable[tuple[int, int]]) -> list[Text]:
    """*text* made visible, and below it a line of carets under each of *spans*."""
    marked = {index for start, stop in spans for index in range(start, max(stop, start + 1))}
    pieces, carets, at = [], "", 0
    for part in _PARTS.findall(text[:LONGEST]):
        # A character of several bytes stands as one, and is marked when any of them is.
        units = [part] if len(readable(part)) == 1 else list(part)
        for unit in units:
            piece = shown(readable(unit), 10)
            pieces.append(piece)
            carets += ("^" if not marked.isdisjoint(range(at, at + len(unit))) else " ") * len(piece)
            at += len(unit)
    carets = carets.rstrip()
    beyond = any(index >= at for index in marked)
    lines = [Text("".join(pieces))]
    if carets or beyond:
        lines.append(Text(carets + ("^" if beyond else ""), style="red"))
    return lines


def _findings(findings: Sequence[Finding], out: Console) -> None:
    if not findings:
        return
    _title("Findings", out)
    for finding in findings:
        word, colour = MARKS[finding.severity]
        line = Text("  ").append(f"{word:<8}", style=colour).append(_safe(finding.message))
        out.print(line)
        if finding.advice:
            out.print(Text(f"          {_safe(finding.advice)}", style="dim"))


def tree_lines(root: TreeNode) -> list[Text]:
    """The include tree, a line a term, with cost and running total in front where reading begins."""
    lines = [_node(root, "", root=True)]
    _branches(root, "", lines)
    return lines


def _branches(node: TreeNode, indent: str, lines: list[Text]) -> None:
    for number, child in enumerate(node.children):
        last = number == len(node.children) - 1
        lines.append(_node(child, indent + ("└─ " if last else "├─ ")))
        _branches(child, indent + ("   " if last else "│  "), lines)


def _node(node: TreeNode, branch: str, *, root: bool = False) -> Text:
    counts = "    total" if root else f"{'+' + str(node.cost) if node.cost else '':>4}{node.total:>5}"
    line = Text(f"  {counts}  ", style="dim").append(branch, style="dim").append(_safe(node.term))
    if node.vendor:
        line.append(f"  {node.vendor}", style="cyan")
    if node.answer:
        line.append(f"  {shown(node.answer, 200)}", style="yellow")
    return line


def _senders(report: Report, out: Console) -> None:
    if not report.senders:
        return
    _title("Our servers", out)
    for sender in report.senders[:40]:
        colour = "green" if sender.result == "pass" else "red"
        line = Text(f"  {sender.network:<20} ").append(f"{sender.result:<10}", style=colour)
        if sender.via:
            line.append(f" {_safe(sender.via)}", style="dim")
        out.print(line)
    if len(report.senders) > 40:
        out.print(f"  ... and {len(report.senders) - 40} more")


def _facts(report: Report, out: Console) -> None:
    _title("Facts", out)
    at_least = "at least " if report.lookups_at_least else ""
    asked = sorted({item.resolver for item in report.evidence if item.resolver})
    facts = [
        ("lookups", f"{at_least}{report.lookups} of 10 (include, a, mx, ptr, exists and redirect count)"),
        ("void lookups", f"{report.void_lookups} of 2"),
        ("identity", f"MAIL FROM {report.identity.mail_from}, HELO {report.identity.helo}"),
        ("DNS", f"{report.questions} questions, answered by {', '.join(asked) or 'nobody'}"),
    ]
    if report.opinion.asked:
        said = {True: "agrees", False: "does not agree", None: "has no opinion"}[report.opinion.agrees]
        detail = f": {shown(report.opinion.detail, 300)}" if report.opinion.detail else ""
        facts.append(("2nd engine", f"{report.opinion.engine} {said}{detail}"))
    for name, value in facts:
        out.print(Text(f"  {name:<13}", style="dim").append(value))
