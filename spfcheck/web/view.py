"""A report as the page shows it: pieces of text, never HTML; made of the JSON form, so stored reports look the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.others import remaining_sentences
from spfcheck.names import unicode_name
from spfcheck.rfc7208.message import identity as split_identity
from spfcheck.web.difference import changes
from spfcheck.web.words import LOOKUPS, manual_words, safe

VOIDS = 2

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordPart:
    """A part of the record, underlined when a finding is about it."""

    text: str
    finding: int | None = None
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """One term of the tree, ready to be drawn."""

    term: str
    vendor: str
    answer: str
    cost: int
    """Lookups of the term and of all that it opens."""
    total: int
    record: str
    open: bool
    children: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A count against its limit, as boxes: full, over, or empty."""

    count: int
    limit: int

    @property
    def boxes(self) -> tuple[str, ...]:
        """The class of each box; those over the limit stand behind a gap."""
        most = min(max(self.count, self.limit), self.limit * 2)
        return tuple("over" if n > self.limit else "full" if n <= self.count else "empty" for n in range(1, most + 1))

    @property
    def level(self) -> str:
        """How near the limit is: ``fine``, ``close`` or ``over``."""
        if self.count > self.limit:
            return "over"
        return "close" if self.count >= self.limit - (1 if self.limit > VOIDS else 0) else "fine"


def pieces(text: str, findings: Sequence[Document], name: str) -> list[RecordPart]:
    """The record's *text*, cut where findings about it begin and end; where they overlap the worse one counts."""
    ranks = {"error": 3, "warning": 2, "info": 1}
    owner: list[int | None] = [None] * (len(text) + 1)
    for number, finding in enumerate(findings):
        span = finding["span"]
        if span is None or finding["domain"] != name:
            continue
        start, stop = max(0, span[0]), min(max(span[1], span[0] + 1), len(owner))
        for index in range(start, stop):
            held = owner[index]
            if held is None or ranks[findings[held]["severity"]] < ranks[finding["severity"]]:
                owner[index] = number
    cut: list[RecordPart] = []
    begin = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or owner[index] != owner[begin]:
            cut.append(_piece(text[begin:index], owner[begin], findings))
            begin = index
    if owner[len(text)] is not None:
        cut.append(_piece(" ", owner[len(text)], findings))  # something is missing at the end
    return cut


def _piece(text: str, number: int | None, findings: Sequence[Document]) -> RecordPart:
    return RecordPart(safe(text), number, findings[number]["severity"] if number is not None else "")


def branch(node: Document, *, everything: bool, depth: int = 0) -> Branch:
    """*node* with what is below it; the first level is open, and whatever leads to something remarkable."""
    children = tuple(branch(child, everything=everything, depth=depth + 1) for child in node["children"])
    remarkable = any(child.answer or child.open for child in children)
    return Branch(
        term=safe(node["term"]),
        vendor=node["vendor"],
        answer=safe(node["answer"]),
        cost=0 if depth == 0 else node["cost"] + sum(child.cost for child in children),
        total=node["total"],
        record=safe(node["record"]),
        open=bool(children) and (everything or depth == 0 or remarkable),
        children=children,
    )


def judged_name(document: Document) -> str:
    """The name whose record is judged: that of the return-path, or of HELO without one (RFC 7208 2.4)."""
    identity = document["identity"]
    return split_identity(identity["mail_from"], identity["helo"]).domain


def spf_texts(document: Document) -> list[str]:
    """The SPF records that the domain publishes, where there are several and so none counts (RFC 7208 4.5)."""
    texts = []
    for item in document["evidence"]:
        if item["type"] == "TXT" and item["name"] == judged_name(document):
            joined = ("".join(str(part) for part in strings) for strings in item["data"])
            texts += [safe(text) for text in joined if text.lower().startswith("v=spf1")]
    return texts if len(texts) > 1 else []


def evidence_rows(evidence: Iterable[Document]) -> list[dict[str, Any]]:
    """The DNS answers, each value in a line of its own."""
    return [
        {
            **{name: safe(item[name]) for name in ("name", "type", "outcome", "resolver", "detail")},
            "data": [_value(value) for value in item["data"]] or ([safe(item["detail"])] if item["detail"] else []),
            "ttl": item["ttl"],
            "ms": item["ms"],
            "authenticated": item["authenticated"],
            "chain": [safe(name) for name in item["chain"]],
        }
        for item in evidence
    ]


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        texts = [safe(part) for part in value]
        return " ".join(texts) if value and isinstance(value[0], int) else " ".join(f'"{text}"' for text in texts)
    return safe(value)


def when(unix: float) -> str:
    """A time for people: UTC, to the minute."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC")


def age(seconds: float) -> str:
    """How long ago, roughly; empty for just now."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {name}{'s' if number != 1 else ''}"
    return f"{int(seconds)} seconds" if seconds >= 10 else ""


def report_view(document: Document, *, now: float, everything: bool = False) -> dict[str, Any]:
    """All that the page of one report shows."""
    record = document["record"]
    findings = document["findings"]
    tree = document["tree"]
    written = unicode_name(document["domain"])
    return {
        "report": document,
        "written": written if written != document["domain"] else "",
        "headline": safe(document["headline"]),
        "findings": [
            {**finding, "message": safe(finding["message"]), "advice": safe(finding["advice"]), "number": number}
            for number, finding in enumerate(findings)
        ],
        "record_pieces": pieces(record["text"], findings, record["name"]) if record else [],
        "several": [] if record else spf_texts(document),
        "record_text": record["text"] if record else "",
        "tree": branch(tree, everything=everything) if tree else None,
        "everything": everything,
        "lookups": Bar(document["lookups"], LOOKUPS),
        "voids": Bar(document["void_lookups"], VOIDS),
        "senders": [{**sender, "via": safe(sender["via"])} for sender in document["senders"]],
        "evidence": evidence_rows(document["evidence"]),
        "resolvers": sorted({safe(item["resolver"]) for item in document["evidence"] if item["resolver"]}),
        # A report that was stored before there was such a field has none.
        "remaining": remaining_sentences(
            (left["code"], left["params"]) for left in document["remedy"].get("remaining", ())
        ),
        # What is said to the customer too: that another record is not the one that is judged.
        "beside": [
            f"{finding['message']} {finding['advice']}" for finding in findings if finding["code"] == Code.JUDGED_BELOW
        ],
        "likely": document.get("likely", ""),
        "manual": manual_words(document["remedy"]["certificate"]),
        "deleted": [
            gone
            for gone in document["remedy"]["delete"]
            if not record or (gone["name"], gone["value"]) != (document["remedy"]["name"], record["text"])
        ],
        "diff": changes(record["text"], document["remedy"]["value"]) if record and document["remedy"]["value"] else [],
        "checked": when(document["checked_at"]),
        "age": age(now - document["checked_at"]),
    }
