"""What is known of names, for tests that read texts without any DNS."""

from __future__ import annotations

from dataclasses import dataclass, field

from spfcheck.rfc7208.effort import Effort


@dataclass
class Facts:
    """Names with an SPF record, with addresses and with mail hosts; nothing else exists."""

    records: frozenset[str] = field(default=frozenset({"spf.example.com", "spf.other.example", "both.example.com"}))
    addresses: frozenset[str] = field(default=frozenset({"host.example.com", "both.example.com", "customer.example"}))
    mail: frozenset[str] = field(default=frozenset({"customer.example"}))
    own: frozenset[str] = frozenset({"_spf.mail.example"})
    domain: str = "customer.example"
    work: Effort = field(default_factory=Effort)

    def has_record(self, name: str) -> bool:
        return name.lower().rstrip(".") in self.records | self.own

    publishes = has_record

    def has_address(self, name: str) -> bool:
        return name.lower().rstrip(".") in self.addresses

    def has_mail(self, name: str) -> bool:
        return name.lower().rstrip(".") in self.mail
