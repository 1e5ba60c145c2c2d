"""The whole path: contacts, domains, plan, approval, message, ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from spfcheck.notify.model import Decision, NotifyError, RefusedError
from tests.notify.world import world

ZONE = """
broken.example   TXT "v=spf1 mx -all"
broken.example   MX  10 mx.broken.example
mx.broken.example A 198.51.100.7
silent.example   TXT TIMEOUT
"""


async def test_a_broken_domain_is_messaged_after_two_nights_and_only_once(tmp_path: Path) -> None:
    async with world(tmp_path, ZONE) as w:
        w.workspace.add_contact(email="Ann@broken.example", sending_domain="broken.example")
        w.workspace.add_contact(email="gus@good.example", sending_domain="good.example")
        w.workspace.add_contact(email="sil@silent.example", sending_domain="silent.example")
        async with w.notifier() as notifier:
            first = await notifier.plan()
            assert first.totals["action_needed"] == 1
            assert first.totals["ok"] == 1
            assert first.totals["unknown"] == 1
            assert {row.domain: row.reason for row in first.rows} == {
                "broken.example": "not-yet-confirmed",
                "silent.example": "dns-failed",
            }
            with pytest.raises(RefusedError, match="Nobody approved"):
                await notifier.send(first.id)
            await notifier.approve(first.id, who="mira")
            with pytest.raises(RefusedError, match="No approval is in force"):
                await notifier.send(first.id)
            w.clock.later(21)
            second = await notifier.plan()
            with pytest.raises(RefusedError, match="No approval is in force"):
                await notifier.send(second.id)
            await notifier.approve(second.id, who="mira")
            row = next(row for row in second.rows if row.domain == "broken.example")
            assert (row.decision, row.persons, row.step) == (Decision.MESSAGE, 1, "first")
            summary = await notifier.send(second.id)
            assert (summary.sent, summary.stopped) == (1, "")
            again = await notifier.send(second.id)
            assert again.sent == 0
            w.clock.later(24)
            third = await notifier.run()
            assert third.sending is not None
            assert third.sending.sent == 0
        assert [email for email, _ in w.sent] == ["Ann@broken.example"]
        message = w.workspace.messages[0]
        assert "v=spf1 mx include:_spf.mail.example -all" in message.body
        assert w.workspace.tags[w.workspace.contacts[message.contact_id].tags[0]] == "spf-notified"


async def test_nothing_is_sent_while_sending_is_switched_off(tmp_path: Path) -> None:
    async with world(tmp_path, ZONE) as w:
        w.workspace.add_contact(email="ann@broken.example", sending_domain="broken.example")
        await w.baseline()
        async with w.notifier(enabled=False) as notifier:
            plan = await notifier.plan()
            with pytest.raises(RefusedError, match="switched off"):
                await notifier.send(plan.id)
    assert w.sent == []


async def test_a_token_of_another_workspace_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path, ZONE) as w:
        w.settings_values["intercom"] = {"workspace": "production"}
        async with w.notifier() as notifier:
            with pytest.raises(NotifyError, match="belongs to the workspace sandbox1, not to production"):
                await notifier.plan()
