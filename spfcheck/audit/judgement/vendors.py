"""Who stands behind a well-known include, what its mail's return-path is, and whose mailboxes a domain's MX are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

__all__ = ["Mailbox", "ReturnPath", "mailbox_of", "return_path_of", "vendor_of"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox provider that is recognised by its mail hosts.

    *share* of the domains with such an MX publish *include*, counted over real domains; below 0.85 a provider is not
    listed, since its include could not be inferred.
    """

    mx: str
    include: str
    share: float


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Which name SPF judges for a vendor's mail, as the vendor documents it.

    *own*: one of the vendor's, or one that it is handed over; then its include in a customer's record does nothing.
    """

    own: bool
    source: str
    """The page of the vendor's documentation."""
    read_on: date


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("spfcheck.audit.judgement").joinpath("vendors.toml").read_text(encoding="utf-8"))


@cache
def _names() -> dict[str, str]:
    return {str(name): str(vendor) for name, vendor in _data()["includes"].items()}


@cache
def _mailboxes() -> dict[str, Mailbox]:
    return {item["mx"]: Mailbox(item["mx"], item["include"], item["share"]) for item in _data()["mailbox"]}


@cache
def _return_paths() -> dict[str, ReturnPath]:
    return {
        name: ReturnPath(item["own"], item["source"], item["date"])
        for item in _data()["return-path"]
        for name in item["includes"]
    }


def vendor_of(target: str) -> str:
    """The well-known name behind the include target *target* (lower case), or an empty text.

    A name below a listed one belongs to the same vendor (``spf-00a9a302.pphosted.com``).
    """
    return _at_or_above(target, _names()) or ""


def return_path_of(target: str) -> ReturnPath | None:
    """What is documented of the mail that the include target *target* (lower case) is for; None where nothing is."""
    return _at_or_above(target, _return_paths())


def _at_or_above(target: str, listed: dict[str, T]) -> T | None:
    name = target
    while name:
        found = listed.get(name)
        if found is not None:
            return found
        _, _, name = name.partition(".")
    return None


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
    return _at_or_above(exchange.rstrip(".").lower(), _mailboxes())
