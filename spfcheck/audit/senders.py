"""Our senders: what a customer adds to authorise us, and the networks that we send from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderProfile:
    """One set of servers that sends for customers.

    *include* is the name that a customer includes (``_spf.mail.example``); *networks* are CIDR texts. Where *networks*
    is empty they are read from the include's own record.
    """

    name: str
    include: str
    networks: tuple[str, ...] = ()
