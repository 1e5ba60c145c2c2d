"""A Report as JSON text: what `json.dumps(as_json(report))` gives, without spaces, in a tenth of its time.

A bulk run writes thousands of reports a second, and most of each is what many share: the trees and the answers of
well-known includes. Those are the same objects from one report to the next, so they are written once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from spfcheck.audit.remedy import NONE
from spfcheck.audit.report import (
    NOT_ASKED,
    Evidence,
    Finding,
    Opinion,
    PublishedRecord,
    Remedy,
    Report,
    SenderNetwork,
    TreeNode,
    as_json,
)

__all__ = ["report_text", "summary_text"]

MOST_KEPT = 4_096
"""Pieces that are kept as text; one is a kilobyte or so."""

_kept: dict[int, tuple[object, str]] = {}
"""Texts of shared pieces by their identity, with the piece itself, so that no other can come to have its identity."""
_encode = json.JSONEncoder(separators=(",", ":"), default=as_json).encode
_FLAGS = {True: "true", False: "false"}


def report_text(report: Report) -> str:
    """*report* as JSON in ASCII, its fields in their order."""
    senders, tree = report.senders, report.tree
    return (
        f'{{"schema":{report.schema},"report_id":{_quoted(report.report_id)},"domain":{_quoted(report.domain)},'
        f'"identity":{{"mail_from":{_quoted(report.identity.mail_from)},"helo":{_quoted(report.identity.helo)}}},'
        f'"status":"{report.status}","headline":{_quoted(report.headline)},"result":"{report.result}",'
        f'"lenient_result":"{report.lenient_result}","record":{_record(report.record)},"lookups":{report.lookups},'
        f'"lookups_at_least":{_FLAGS[report.lookups_at_least]},"void_lookups":{report.void_lookups},'
        f'"senders":[{",".join(map(_sender, senders))}],"findings":[{",".join(map(_finding, report.findings))}],'
        f'"remedy":{_remedy(report.remedy)},"opinion":{_opinion(report.opinion)},'
        f'"tree":{"null" if tree is None else _node(tree)},"evidence":[{",".join(_evidence(report))}],'
        f'"questions":{report.questions},"authorised_v4":{report.authorised_v4},'
        f'"hypothetical":{_FLAGS[report.hypothetical]},"stale":{_FLAGS[report.stale]},'
        f'"checked_at":{report.checked_at!r},"expires_at":{report.expires_at!r}}}'
    )


def summary_text(report: Report) -> str:
    """What the main app needs of *report*: the verdict, the codes of the findings, and what to publish."""
    remedy = report.remedy
    findings = ",".join(
        [
            f'{{"code":"{one.code}","severity":"{one.severity}","domain":{_quoted(one.domain)}}}'
            for one in report.findings
        ]
    )
    return (
        f'{{"domain":{_quoted(report.domain)},'
        f'"identity":{{"mail_from":{_quoted(report.identity.mail_from)},"helo":{_quoted(report.identity.helo)}}},'
        f'"status":"{report.status}","headline":{_quoted(report.headline)},"result":"{report.result}",'
        f'"lookups":{report.lookups},"void_lookups":{report.void_lookups},"findings":[{findings}],'
        f'"remedy":{{"kind":"{remedy.kind}","name":{_quoted(remedy.name)},"value":{_quoted(remedy.value)}}},'
        f'"stale":{_FLAGS[report.stale]},"checked_at":{report.checked_at!r},"expires_at":{report.expires_at!r},'
        f'"report_id":{_quoted(report.report_id)}}}'
    )


def _keep(piece: object, text: str) -> str:
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[id(piece)] = (piece, text)
    return text


def _strings(texts: Sequence[str]) -> str:
    return f"[{','.join(map(_quoted, texts))}]" if texts else "[]"


def _record(record: PublishedRecord | None) -> str:
    if record is None:
        return "null"
    return (
        f'{{"name":{_quoted(record.name)},"text":{_quoted(record.text)},"strings":{_strings(record.strings)},'
        f'"ttl":{record.ttl}}}'
    )


def _sender(one: SenderNetwork) -> str:
    found = _kept.get(id(one))
    if found is not None:
        return found[1]
    text = (
        f'{{"sender":{_quoted(one.sender)},"network":{_quoted(one.network)},"result":"{one.result}",'
        f'"via":{_quoted(one.via)}}}'
    )
    return _keep(one, text)


def _finding(one: Finding) -> str:
    span = "null" if one.span is None else f"[{one.span[0]},{one.span[1]}]"
    return (
        f'{{"code":"{one.code}","severity":"{one.severity}","domain":{_quoted(one.domain)},'
        f'"message":{_quoted(one.message)},"advice":{_quoted(one.advice)},"span":{span},"params":{_facts(one.params)}}}'
    )


def _facts(facts: Mapping[str, Any] | None) -> str:
    return "null" if facts is None else f"{{{','.join([f'{_quoted(name)}:{_value(facts[name])}' for name in facts])}}}"


def _value(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is int:
        return repr(value)
    if kind is list:
        return f"[{','.join(map(_value, value))}]"
    return _facts(value) if kind is dict else _encode(value)


def _remedy(remedy: Remedy) -> str:
    if remedy is NONE:
        return _NONE
    delete = ",".join(
        f'{{"name":{_quoted(one.name)},"type":"{one.type}","value":{_quoted(one.value)}}}' for one in remedy.delete
    )
    return (
        f'{{"kind":"{remedy.kind}","name":{_quoted(remedy.name)},"value":{_quoted(remedy.value)},'
        f'"strings":{_strings(remedy.strings)},"delete":[{delete}],"edits":{_strings(remedy.edits)},'
        f'"newly_authorised":{_strings(remedy.newly_authorised)},"proof":{_facts(remedy.proof)},'
        f'"certificate":{_facts(remedy.certificate)}}}'
    )


def _opinion(opinion: Opinion) -> str:
    return _NOT_ASKED if opinion is NOT_ASKED else _encode(as_json(opinion))


_NONE = _encode(as_json(NONE))
_NOT_ASKED = _encode(as_json(NOT_ASKED))


def _node(node: TreeNode) -> str:
    found = _kept.get(id(node))
    if found is not None:
        return found[1]
    if not (node.cost or node.children or node.domain or node.record or node.vendor):
        return (
            f'{{"term":{_quoted(node.term)},"domain":"","cost":0,"total":{node.total},"record":"","vendor":"",'
            f'"answer":{_quoted(node.answer)},"children":[]}}'
        )
    text = (
        f'{{"term":{_quoted(node.term)},"domain":{_quoted(node.domain)},"cost":{node.cost},"total":{node.total},'
        f'"record":{_quoted(node.record)},"vendor":{_quoted(node.vendor)},"answer":{_quoted(node.answer)},'
        f'"children":[{",".join(map(_node, node.children))}]}}'
    )
    # The root is a domain's own; what has a record below it is mostly shared.
    return _keep(node, text) if node.record and node.cost else text


def _evidence(report: Report) -> Iterator[str]:
    own = report.domain
    for one in report.evidence:
        found = _kept.get(id(one))
        if found is not None:
            yield found[1]
            continue
        text = _answer(one)
        # Only the answers for includes are the same objects in other reports.
        yield _keep(one, text) if one.type == "TXT" and not one.name.endswith(own) else text


def _answer(one: Evidence) -> str:
    data = _strings(one.data) if one.type in _TEXTS else f"[{','.join(map(_value, one.data))}]"
    rcode = "null" if one.rcode is None else one.rcode
    return (
        f'{{"name":{_quoted(one.name)},"type":"{one.type}","outcome":"{one.outcome}","data":{data},"ttl":{one.ttl},'
        f'"resolver":{_quoted(one.resolver)},"authenticated":{_FLAGS[one.authenticated]},'
        f'"soa_seen":{_FLAGS[one.soa_seen]},"ms":{one.ms!r},"chain":{_strings(one.chain)},"rcode":{rcode},'
        f'"stale":{_FLAGS[one.stale]},"illegal_cname":{_FLAGS[one.illegal_cname]},"detail":{_quoted(one.detail)},'
        f'"received_at":{one.received_at!r}}}'
    )


_TEXTS = frozenset({"A", "AAAA", "PTR"})
"""Types whose data are texts."""
