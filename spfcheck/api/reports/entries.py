"""Reports as the service keeps them at hand: made into bytes once, sent many times."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from spfcheck.audit.examine import unsearched
from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.model import Report
from spfcheck.audit.report.serialise import json_bytes

FRESH_AT_LEAST = 30.0
"""Seconds for which a report is fresh whatever its TTLs: a zone of TTL 0 must not make each request a check."""

FRESH_AT_MOST = 3_600.0
"""Seconds after which even long-lived answers are asked for again."""

UNKNOWN_FOR = 10.0
"""Seconds for which an `unknown` is repeated; RFC 9520 3.2 asks for at least one, and forbids more than 300."""

STALE_AT_MOST = 86_400.0
"""Seconds after which a report is too old to be shown while a new one is on its way (RFC 8767 5: one to three days)."""

wall_clock = time.time
"""Unix time; the one place of the service that names where it comes from."""

SLOT_BYTES = 400
"""What a kept summary takes beside its text: its domain, its place and its time."""

SUMMARY_FIELDS = ("domain", "identity", "status", "headline", "result", "lookups", "void_lookups")
"""What `view=summary` takes over from the report as it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One report, serialised, with what decides how long it is served."""

    report_id: str
    domain: str
    status: str
    full: bytes
    summary: bytes
    checked_at: float
    fresh_until: float
    whole: bool
    """True when nothing more comes to it: the second engine was asked, or there is nothing to ask it about."""
    hypothetical: bool
    """True when the record was given and is not what is published."""
    gist: str
    """A hash of what a person would call a change: status, record, counts and findings."""

    def fresh(self, now: float) -> bool:
        """True while the answers that it rests on are still good."""
        return now < self.fresh_until

    def showable(self, now: float) -> bool:
        """True while it may still be shown, marked as stale."""
        return self.status != "unknown" and now < self.checked_at + STALE_AT_MOST

    def document(self) -> dict[str, Any]:
        """The report as plain values."""
        loaded: dict[str, Any] = json.loads(self.full)
        return loaded


def entry_of(report: Report) -> Entry:
    """*report* made ready to be served."""
    record = report.record
    return Entry(
        report_id=report.report_id,
        domain=report.domain,
        status=str(report.status),
        full=json_bytes(report),
        summary=summary_bytes(report),
        checked_at=report.checked_at,
        fresh_until=fresh_until(report),
        whole=report.opinion.asked or not report.senders,
        hypothetical=report.hypothetical,
        gist=_gist(
            (report.status, report.result, report.lookups, report.void_lookups),
            record.text if record else None,
            [(found.code, found.domain, found.span) for found in report.findings],
        ),
    )


class Made(NamedTuple):
    """What a check came to, as bytes that are ready: the whole report, or where *entry* is None its summary alone."""

    status: str
    result: str
    questions: int
    entry: Entry | None
    summary: bytes
    fresh_until: float
    unsearched: bool
    """True where a record may stand elsewhere, and was not looked for there."""


def made_whole(report: Report) -> Made:
    """*report* as an entry."""
    entry = entry_of(report)
    return Made(
        entry.status, str(report.result), report.questions, entry, entry.summary, entry.fresh_until, unsearched(report)
    )


def made_short(report: Report) -> Made:
    """*report* as its summary."""
    return Made(
        str(report.status),
        str(report.result),
        report.questions,
        None,
        summary_bytes(report),
        fresh_until(report),
        unsearched(report),
    )


def entry_of_document(text: bytes) -> Entry:
    """A report that was stored as JSON, made ready again."""
    return _entry(json.loads(text))


def fresh_until(report: Report) -> float:
    """Unix time until which *report* is served without another check."""
    given_up = any(found.code == Code.TOO_COSTLY for found in report.findings)
    return _fresh_until(report.status, given_up, report.checked_at, report.expires_at)


def _fresh_until(status: str, given_up: bool, checked_at: float, expires_at: float) -> float:
    if given_up:
        return expires_at
    if status == "unknown":
        return checked_at + UNKNOWN_FOR
    return checked_at + min(max(expires_at - checked_at, FRESH_AT_LEAST), FRESH_AT_MOST)


def _entry(document: dict[str, Any]) -> Entry:
    given_up = any(found["code"] == Code.TOO_COSTLY for found in document["findings"])
    return Entry(
        report_id=document["report_id"],
        domain=document["domain"],
        status=str(document["status"]),
        full=json_bytes(document),
        summary=json_bytes(summary_of(document)),
        checked_at=document["checked_at"],
        fresh_until=_fresh_until(document["status"], given_up, document["checked_at"], document["expires_at"]),
        whole=document["opinion"]["asked"] or not document["senders"],
        hypothetical=document["hypothetical"],
        gist=_gist(
            tuple(document[name] for name in ("status", "result", "lookups", "void_lookups")),
            document["record"]["text"] if document["record"] else None,
            [(f["code"], f["domain"], f["span"]) for f in document["findings"]],
        ),
    )


def _gist(facts: tuple[Any, ...], record: str | None, findings: list[Any]) -> str:
    return hashlib.sha256(json_bytes([*facts, record, findings])).hexdigest()[:16]


def summary_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the main app needs of a report: the verdict, the worst findings' codes, and what to publish."""
    remedy = document["remedy"]
    return {
        **{name: document[name] for name in SUMMARY_FIELDS},
        "findings": [
            {"code": f["code"], "severity": f["severity"], "domain": f["domain"]} for f in document["findings"]
        ],
        "remedy": {
            **{name: remedy[name] for name in ("kind", "name", "value")},
            # A report that was stored before there was such a field has none.
            "remaining": remedy.get("remaining", []),
        },
        "stale": document["stale"],
        "likely": document.get("likely", ""),
        "checked_at": document["checked_at"],
        "expires_at": document["expires_at"],
        "report_id": document["report_id"],
    }


def summary_bytes(report: Report) -> bytes:
    """The summary of *report* as JSON, made without the rest of it: that is most of what a report costs to write."""
    remedy = report.remedy
    return json_bytes(
        {
            **{name: getattr(report, name) for name in SUMMARY_FIELDS},
            "findings": [{"code": f.code, "severity": f.severity, "domain": f.domain} for f in report.findings],
            "remedy": {
                "kind": remedy.kind,
                "name": remedy.name,
                "value": remedy.value,
                "remaining": remedy.remaining,
            },
            "stale": report.stale,
            "likely": report.likely,
            "checked_at": report.checked_at,
            "expires_at": report.expires_at,
            "report_id": report.report_id,
        }
    )


class Summaries:
    """Summaries of bulk checks by domain, within a bound of memory; the oldest go first."""

    def __init__(self, max_bytes: int) -> None:
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._max_bytes = max_bytes
        self._held = 0

    def get(self, domain: str, now: float) -> bytes | None:
        """The summary of *domain*, while it is fresh."""
        kept = self._kept.get(domain)
        return kept[1] if kept is not None and now < kept[0] else None

    def put(self, domain: str, summary: bytes, until: float) -> None:
        """Keep *summary*, which is fresh *until* then."""
        old = self._kept.pop(domain, None)
        if old is not None:
            self._held -= len(old[1]) + SLOT_BYTES
        self._kept[domain] = (until, summary)
        self._held += len(summary) + SLOT_BYTES
        while self._held > self._max_bytes:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._held -= len(oldest) + SLOT_BYTES


class Shelf:
    """The latest report of each domain, and of each id, within a bound of memory; the least used go first."""

    def __init__(self, max_bytes: int) -> None:
        self._by_domain: OrderedDict[str, Entry] = OrderedDict()
        self._by_id: OrderedDict[str, Entry] = OrderedDict()
        self._max_bytes = max_bytes
        self._held = 0

    def get(self, domain: str) -> Entry | None:
        """The latest report of *domain*."""
        entry = self._by_domain.get(domain)
        if entry is not None:
            self._by_domain.move_to_end(domain)
        return entry

    def by_id(self, report_id: str) -> Entry | None:
        """The report of that id, if it is still here."""
        return self._by_id.get(report_id)

    def put(self, entry: Entry, *, latest: bool = True) -> None:
        """Keep *entry*; where *latest* is false it is found by its id only (a record that is not published)."""
        self._by_id[entry.report_id] = entry
        self._held += _size(entry)
        if latest:
            self._by_domain[entry.domain] = entry
            self._by_domain.move_to_end(entry.domain)
        self._trim()

    def complete(self, entry: Entry) -> None:
        """Put *entry* into the place of the one of the same id, where that is still here."""
        old = self._by_id.get(entry.report_id)
        if old is None:
            return
        self._by_id[entry.report_id] = entry
        self._held += _size(entry) - _size(old)
        if self._by_domain.get(entry.domain) is old:
            self._by_domain[entry.domain] = entry
        self._trim()

    def _trim(self) -> None:
        while self._held > self._max_bytes and len(self._by_id) > 1:
            _, old = self._by_id.popitem(last=False)
            self._held -= _size(old)
            if self._by_domain.get(old.domain) is old:
                del self._by_domain[old.domain]

    def __len__(self) -> int:
        return len(self._by_domain)


def _size(entry: Entry) -> int:
    # The two texts, and about as much as CPython needs for the rest of an entry.
    return len(entry.full) + len(entry.summary) + 1_000
