"""Who stands behind a well-known include, and which mailbox provider a domain's MX records belong to."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["Mailbox", "mailbox_of", "vendor_of"]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox provider that is recognised by its mail hosts.

    *share* of the domains with such an MX publish *include*, counted over real domains; below 0.85 a provider is not
    listed, since its include could not be inferred.
    """

    mx: str
    include: str
    share: float


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("spfcheck.audit.judgement").joinpath("vendors.toml").read_text(encoding="utf-8"))


@cache
def _names() -> dict[str, str]:
    return {str(name): str(vendor) for name, vendor in _data()["includes"].items()}


@cache
def _mailboxes() -> dict[str, Mailbox]:
    return {item["mx"]: Mailbox(item["mx"], item["include"], item["share"]) for item in _data()["mailbox"]}


def vendor_of(target: str) -> str:
    """The well-known name behind the include target *target* (lower case), or an empty text.

    A name below a listed one belongs to the same vendor (``spf-00a9a302.pphosted.com``).
    """
    names = _names()
    name = target
    while name:
        if vendor := names.get(name):
            return vendor
        _, _, name = name.partition(".")
    return ""


def mailbox_of(exchanges: Iterable[str]) -> Mailbox | None:
    """The provider to which every one of the mail hosts *exchanges* belongs, or None.

    Several names of one provider count as one where they lead to the same include (``google.com`` and
    ``googlemail.com``); a foreign host among them means that the provider is not recognised.
    """
    found: Mailbox | None = None
    for exchange in exchanges:
        one = _mailbox(exchange)
        if one is None or (found is not None and one.include != found.include):
            return None
        found = found or one
    return found


def _mailbox(exchange: str) -> Mailbox | None:
    mailboxes = _mailboxes()
    name = exchange.rstrip(".").lower()
    while name:
        if mailbox := mailboxes.get(name):
            return mailbox
        _, _, name = name.partition(".")
    return None
