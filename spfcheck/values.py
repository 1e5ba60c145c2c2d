"""What the text of a setting may be: each reader takes a text and returns what it means, or says what is wrong with it.

A reader raises ValueError with the end of a sentence that begins with the setting's name ("... must be ...").
"""

from __future__ import annotations

import ipaddress
import re
from datetime import time
from typing import Final
from urllib.parse import urlsplit

from spfcheck.names import NotADomainName, domain_name, shown

DNS_PORT: Final = 53
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A field name of HTTP (RFC 9110 5.6.2)."""
_CRON_FIELDS: Final = (5, 6)
"""Minute, hour, day, month, day of the week; seconds may follow."""
_CRON_FIELD: Final = re.compile(r"[0-9*,/\-a-zA-Z]+")


def domain(text: str) -> str:
    """The domain name *text* in its A-labels."""
    try:
        return domain_name(text.strip())
    except NotADomainName as error:
        raise ValueError(f"must be a domain name: {error.sentence.rstrip('.')}") from None


def host(text: str) -> str:
    """The host name *text*, as HELO says it: a domain name, or an address in brackets (RFC 5321 4.1.3)."""
    literal = text.removeprefix("[").removesuffix("]").removeprefix("IPv6:")
    if text.startswith("[") and text.endswith("]") and _is_address(literal):
        return text
    return domain(text)


def network(text: str) -> str:
    """The network *text* in CIDR notation, written as it was."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"must be a network such as 192.0.2.0/24: {error}") from None
    return text


def resolver(text: str) -> tuple[str, int]:
    """The address and the port that ``ip[:port]`` or ``[ip]:port`` names."""
    address, port = text, ""
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError(f"{text!r} is no resolver: write [address]:port")
        port = port[1:] if port else ""
        if text.endswith(":"):
            raise ValueError(f"{text!r} is no resolver: the port is missing")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
        if not port:
            raise ValueError(f"{text!r} is no resolver: the port is missing")
    if not _is_address(address):
        raise ValueError(f"{text!r} is no resolver: {address!r} is no IP address (a name cannot be used here)")
    if port and not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is no resolver: a port is a number from 1 to 65535")
    return address, int(port) if port else DNS_PORT


def web_address(text: str) -> str:
    """The address *text* of a web service, without a slash at its end."""
    parts = urlsplit(text)
    try:
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        port_fits = False
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or not port_fits or not _visible(text):
        raise ValueError(f"must be a web address such as https://spf.example.com: {shown(text)} is none")
    return text.rstrip("/")


def field_name(text: str) -> str:
    """The name *text* of a header field."""
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"must be the name of a header such as X-Forwarded-User: {shown(text)} is none")
    return text


def day(text: str) -> str:
    """The day of the week *text*, in English and in lower case."""
    if text.strip().lower() not in DAYS:
        raise ValueError(f"must be days of the week such as saturday: {shown(text)} is none")
    return text.strip().lower()


def role(text: str) -> str:
    """The role *text* of a contact in the messaging API."""
    if text not in ("user", "lead"):
        raise ValueError(f"must be user or lead: {shown(text)} is neither")
    return text


def hours(text: str) -> tuple[time, time]:
    """``17:00-09:00`` as two times of the day."""
    try:
        begin, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError:
        raise ValueError(f"must be two times of the day such as 17:00-09:00: {shown(text)} cannot be read") from None
    return begin, end


def cron(text: str) -> str:
    """The times *text* in the manner of cron: five fields, and seconds. What they mean is for the scheduler to say."""
    fields = text.split()
    if len(fields) not in _CRON_FIELDS or not all(map(_CRON_FIELD.fullmatch, fields)):
        raise ValueError(f"must be five fields of cron such as 0 2 * * *: {shown(text)} cannot be read")
    return text


def mail_from(text: str) -> str:
    """The address *text* with {domain} in it: in its local part as well, or in its domain, which then is one."""
    local, at, name = text.rpartition("@")
    if not at or not local or "{domain}" not in text or not _visible(text):
        raise ValueError("must be an address with {domain} in it, such as postmaster@{domain}")
    domain(name.replace("{domain}", "example.com"))
    return text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _visible(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
