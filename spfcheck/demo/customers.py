"""The demo's customers: their zone, and the people who look after them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

INCLUDE = "_spf.mail.example"
"""What a customer of the made-up company includes."""

_PERSON = re.compile(r"(?P<name>.+) <(?P<address>[^<>]+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact in the made-up workspace."""

    name: str
    address: str
    sending_domain: str
    """As typed by the customer, so not always a domain."""
    flags: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A domain of the zone and what is the matter with it."""

    domain: str
    story: str
    wants: str
    """The remedy's kind, or the status, that the demo must find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """All that the demo plays with."""

    zone: str
    customers: tuple[Customer, ...]
    people: tuple[Person, ...]


def load() -> Cast:
    """The cast as `customers.toml` has it."""
    document = tomllib.loads((files(__package__) / "customers.toml").read_text(encoding="utf-8"))
    customers = document["customer"]
    people = [person for entry in customers for person in _people(entry, entry["domain"])]
    people += [person for entry in document["typed"] for person in _people(entry, entry["text"])]
    return Cast(
        zone="\n".join([document["shared"], *(entry["zone"] for entry in customers)]),
        customers=tuple(Customer(domain=c["domain"], story=c["story"], wants=c["wants"]) for c in customers),
        people=tuple(people),
    )


def _people(entry: dict[str, Any], sending_domain: str) -> list[Person]:
    found = []
    for text in entry["people"]:
        match = _PERSON.fullmatch(text)
        assert match, text
        found.append(
            Person(
                name=match["name"],
                address=match["address"],
                sending_domain=sending_domain,
                flags=entry.get("flags", {}),
                tags=tuple(entry.get("tags", ())),
            )
        )
    return found
