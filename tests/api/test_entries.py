"""Reports made into bytes: the fast way must say what the plain way says."""

from __future__ import annotations

import json

from spfcheck.api.checks import OurSenders
from spfcheck.api.entries import entry_of, entry_of_document, wall_clock
from spfcheck.audit.examine import examine
from spfcheck.audit.report import as_json
from spfcheck.audit.senders import SenderProfile
from spfcheck.demo import customers
from tests.api.running import zone_lookup


async def test_an_entry_is_the_reports_own_json_and_the_same_again_from_storage() -> None:
    cast = customers.load()
    lookup = zone_lookup(cast.zone)
    ours = await OurSenders([SenderProfile(name="", include="_spf.mail.example")], lookup, wall_clock).current()
    for customer in cast.customers:
        report = await examine(
            customer.domain, lookup, ours, mail_from="postmaster@{domain}", helo="mail.example", opinion=True,
            clock=wall_clock, new_id=lambda: "r1",
        )  # fmt: skip
        entry = entry_of(report)
        assert json.loads(entry.full) == json.loads(json.dumps(as_json(report)))
        assert entry_of_document(entry.full) == entry
