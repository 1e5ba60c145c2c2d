"""Domains in what tools print: dig, nslookup and host, lines of a zone file, JSON, and forms with a label."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from spfcheck.pasted.meaning import Meant, ReadFrom, told

_OWNER: Final = re.compile(
    r"(?im)^[;>\s]{0,8}([a-z0-9_@*.-]{1,255})\s+(?:\d{1,10}\s+)?IN\s+"
    r"(TXT|SPF|MX|A|AAAA|NS|SOA|CNAME)\b(.{0,4000})"
)
_ORIGIN: Final = re.compile(r"(?im)^\$ORIGIN\s+([a-z0-9_.-]{1,255})")
_SAYS_TEXT: Final = re.compile(r"(?im)^\s*([a-z0-9_.-]{1,255})\s+(?:descriptive text|text =|TXT\s+\d{1,10}\s+Answer)")
_LABEL: Final = re.compile(
    r"(?im)^[\s>*-]{0,8}(?:(?:sending |sender |customer |your |affected )?domain(?: name)?|website|web ?site|site|"
    r"url|host(?:name)?|"
    r"e-?mail(?: address)?|address|mail from|envelope[- ]from|sender|from)\s{0,3}[:=]\s{0,3}(\S{3,320})"
)

NODES: Final = 2_000
"""Values of a JSON text that are looked at."""

_KEYS: Final = (
    "mail_from", "mailfrom", "envelope_from", "smtp.mailfrom", "envelopefrom", "return_path", "domain", "domain_name",
    "domainname", "sender", "from", "email", "header_from", "host", "hostname", "name", "website", "url",
)  # fmt: skip
"""Names of values that hold a domain, the nearest to what SPF judges first."""

_IP_KEYS: Final = ("client_ip", "source_ip", "sending_ip", "remote_ip", "ip", "ip_address")


def said_by_tools(text: str) -> Iterator[Meant]:
    """The owners of the records in *text*, those of SPF records first; names are relative to ``$ORIGIN``."""
    origin = match[1] if (match := _ORIGIN.search(text)) else ""
    lines = [(match[1], match[2].upper(), match[3]) for match in _OWNER.finditer(text)]
    spf = [one for one in lines if "v=spf1" in one[2].lower()]
    asked = [one for one in lines if one[1] in ("TXT", "SPF")]
    for owner, _, _ in spf or asked or lines:
        if one := told(ReadFrom.DNS_ANSWER, _absolute(owner, origin)):
            yield one
    for match in _SAYS_TEXT.finditer(text):
        if one := told(ReadFrom.DNS_ANSWER, match[1]):
            yield one


def _absolute(owner: str, origin: str) -> str:
    if owner == "@":
        return origin
    return f"{owner}.{origin}" if origin and not owner.endswith(".") else owner


def said_by_labels(text: str) -> Iterator[Meant]:
    """What stands behind a label such as ``Domain:``."""
    for match in _LABEL.finditer(text):
        if one := told(ReadFrom.LABEL, match[1]):
            yield one


def said_in_json(text: str) -> Iterator[Meant]:
    """What a JSON text holds under a name that tells of a domain."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return
    for value in _objects(whole):
        lower = {str(key).lower(): str(item) for key, item in value.items() if isinstance(item, str)}
        ip = next((lower[key] for key in _IP_KEYS if key in lower), "")
        for key in _KEYS:
            if key in lower and (one := told(ReadFrom.JSON, lower[key], ip=ip, helo=lower.get("helo", ""))):
                yield one
                break


def _objects(whole: Any) -> Iterator[dict[str, Any]]:
    waiting, seen = deque([whole]), 0
    while waiting and seen < NODES:
        value, seen = waiting.popleft(), seen + 1
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
