"""What a server answered when it refused a message, and what mail programs make of that for the sender (RFC 3464)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote

from spfcheck.pasted.headers import result_in
from spfcheck.pasted.meaning import Meant, ReadFrom, name_in, told

_NAME: Final = r"[\[<(\"']{0,2}(?P<name>[^\s\[\]<>()\"',;]{1,320})[\]>)\"']{0,2}"
_IP: Final = r"[\[(]?(?P<ip>(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]{1,43})[\])]?"

_PHRASES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Gmail, 5.7.26 and 5.7.27 (421-4.7.x where it only slows down).
        rf"\bSPF (?:check |authentication )?(?:for )?\[{_NAME}(?: \w{{1,12}}){{0,4}} (?:with|from) ip:? ?{_IP}",
        rf"\bMAIL FROM domain {_NAME} has an SPF record[^\[]{{0,160}}\bip:? ?{_IP}",
        # Exim and the hosters that ship it; GoDaddy's spelling too.
        rf"{_IP} is not (?:allowed|permitted|authori[sz]ed) to send (?:e?-?mail |messages? )?(?:from|for|as) {_NAME}",
        # What libspf2, pyspf, Perl's Mail::SPF and Microsoft explain; Received-SPF's comment, pasted alone.
        rf"\bdomain of (?:transitioning )?{_NAME} (?:designates|does not designate|discourages use of) {_IP}",
        rf"\bdomain of (?:transitioning )?{_NAME} (?:designates|does not designate|discourages|used an invalid)",
        rf"{_IP} is neither permitted nor denied by (?:best guess record for )?(?:the )?domain of {_NAME}",
        rf"{_NAME} does not designate (?:{_IP} as )?permitted sender",
        rf"\bserver {_IP} (?:is )?(?:not )?(?:authori[sz]ed|permitted|allowed)[^.]{{0,60}}?(?:from|for|by) {_NAME}",
        # Checks that name the domain behind the verdict.
        (
            rf"\bSPF (?:check |validation |record )?(?:soft|hard|perm|temp)?(?:fail(?:ed|ure|s)?|error)"
            rf"(?: -)?(?: check)? (?:for|from|of|on) (?:the )?(?:domain |sender |host )?{_NAME}"
            rf"(?: (?:from |with |and )?(?:ip:? )?{_IP})?"
        ),
        rf"\b(?:envelope[- ]from|mail[- ]?from|return-path)(?: domain| address)? ?[:=]? ?{_NAME}[^.]{{0,80}}?\bSPF\b",
    )
)  # fmt: skip

_FROM_PHRASES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # These refuse by DMARC (RFC 7489): what they name is the From, which need not be what SPF judges.
        rf"\bsending domain {_NAME} (?:doesn['’]?t|does not) (?:meet|pass)",
        rf"\bUnauthenticated e?-?mail from {_NAME} is not accepted",
        rf"\b(?:rejected|refused) (?:per|due to|because of) DMARC policy (?:for|of) {_NAME}",
        rf"\bDMARC (?:verification|policy|check)[^.]{{0,40}}? (?:for|of) (?:the )?(?:domain )?{_NAME}",
    )
)  # fmt: skip

_RESULT: Final = re.compile(
    r"(?i)\bspf[\s=:\[(]{1,3}(?:check )?(softfail|hardfail|fail|permerror|temperror|neutral|none)\b"
)

_WHY: Final = re.compile(r"(?i)\bwhy(?:\.html)?\?([^\s<>\"]{1,2000})")
"""The page of openspf.org, which is gone, but whose links servers still hand out; other sites took over its query."""

_LOG_FROM: Final = re.compile(r"\bfrom=<(?P<name>[^<>\s]{1,320})>")
_LOG_HELO: Final = re.compile(r"\bhelo=<?([^<>\s,;]{1,255})>?")
_LOG_CLIENT: Final = re.compile(r"\bfrom (?P<host>[\w.-]{1,255})\[(?P<ip>[0-9a-fA-F:.]{2,45})\]")

_REPLY: Final = re.compile(r"(?<![\w.:])[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}\b|(?m:^\W{0,4}[45]\d\d[ -])|#[45]\.\d\.\d")

_RECEIVERS: Final = re.compile(
    r"(?i)(?:\bto=<|<(?=[^<>\s]{1,320}>:)|receiver=|\br=|\bhost |\bby |"
    r"remote-mta: ?dns; ?|reporting-mta: ?dns; ?|recipient: ?rfc822; ?"
    r"|\b(?:delivered-to|to|cc|x-failed-recipients|delivery-to): ?[^<\n]{0,80}<?)([^\s<>\[\]()\";,]{3,320})"
)


def is_reply(text: str) -> bool:
    """True where *text* holds a server's refusal: a reply of RFC 5321 with a code of RFC 3463."""
    return bool(_REPLY.search(text))


def receivers(text: str) -> frozenset[str]:
    """The domains in *text* that received or were to receive: never what SPF judged."""
    return frozenset(name for match in _RECEIVERS.finditer(text) if (name := name_in(match[1])))


def said_in_refusals(line: str) -> Iterator[Meant]:
    """What the refusals in *line*, a text on one line, say that SPF judged."""
    yield from why_links(line)
    result = result_in(match[1]) if (match := _RESULT.search(line)) else ""
    for pattern in _PHRASES:
        for match in pattern.finditer(line):
            groups = match.groupdict()
            if one := told(ReadFrom.BOUNCE, _whole(groups["name"]), ip=groups.get("ip") or "", result=result):
                yield one
    for pattern in _FROM_PHRASES:
        for match in pattern.finditer(line):
            if one := told(ReadFrom.FROM, _whole(match["name"]), result=result):
                yield one
    yield from _log(line)


def _whole(name: str) -> str:
    return name.rstrip(".:=")


def why_links(line: str) -> Iterator[Meant]:
    """What the links in *line* to a page that explains a refusal say in their query."""
    for match in _WHY.finditer(line):
        query = match[1].replace("&amp;", "&").replace(";", "&")
        values = (
            {name.lower(): value for name, value in parse_qsl(query, max_num_fields=20)}
            if query.count("&") < 20
            else {}
        )
        who = unquote(values.get("id") or values.get("sender") or "")
        if one := told(ReadFrom.WHY_LINK, who, ip=values.get("ip", ""), helo=who if values.get("s") == "helo" else ""):
            yield one


def _log(line: str) -> Iterator[Meant]:
    """A line of a mail server's log: Postfix's reject, a policy service's answer."""
    for match in _LOG_FROM.finditer(line):
        around = line[max(match.start() - 600, 0) : match.end() + 300]
        client = _LOG_CLIENT.search(around)
        helo = _LOG_HELO.search(around)
        ip = re.search(r"\b(?:client-)?ip=([0-9a-fA-F:.]{2,45})", around)
        address = client["ip"] if client else ip[1] if ip else ""
        if one := told(ReadFrom.LOG, match["name"], ip=address, helo=helo[1] if helo else ""):
            yield one
