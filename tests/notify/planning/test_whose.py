"""Nobody is asked to repair what is not theirs: our own domains, and the names of web sites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spfcheck.notify.model import Decision, Reason
from spfcheck.notify.planning.checks import our_domains
from spfcheck.settings import load
from tests.notify.world import World, broken, mended, world


async def nights(w: World, *names: str, **changes: Any) -> dict[str, str]:
    """What became of each of *names* after two nights; the reason, or nothing where somebody was written to."""
    for name in names:
        w.workspace.add_contact(email=f"owner-of-{name}@people.example", sending_domain=name)
    await w.baseline(**changes)
    async with w.notifier(**changes) as notifier:
        plan = (await notifier.run()).plan
    return {row.domain: "" if row.decision is Decision.MESSAGE else row.reason for row in plan.rows}


async def test_a_domain_of_ours_goes_to_a_person(tmp_path: Path) -> None:
    names = ("mail.example", "shop.mail.example", "spf.example", "x.spf.example", "notmail.example", "d0.example")
    async with world(tmp_path, broken(*names)) as w:
        assert await nights(w, *names) == {
            "d0.example": "",
            "mail.example": Reason.OURS,
            "notmail.example": "",
            "shop.mail.example": Reason.OURS,
            "spf.example": Reason.OURS,
            "x.spf.example": Reason.OURS,
        }
        assert sorted(email for email, _ in w.sent) == [
            "owner-of-d0.example@people.example",
            "owner-of-notmail.example@people.example",
        ]


def test_ours_are_the_domains_of_includes_helo_mail_from_and_the_service() -> None:
    settings = load(
        senders=[{"include": "_spf.one.test"}, {"include": "spf.mail.two.co.uk"}],
        helo="out.three.test",
        mail_from="{domain}@bounces.four.test",
        public_url="https://spf.five.test:8443/x",
    )
    assert our_domains(settings) == {"one.test", "two.co.uk", "three.test", "four.test", "five.test"}
    plain = load(sender_include="_spf.one.test", public_url="http://127.0.0.1:8080", mail_from="bounce@mail.{domain}")
    assert our_domains(plain) == {"one.test", "mail.invalid"}


WWW = broken("www.sound.example", "www.broken.example", "broken.example", "www.example")
SITES = mended("sound.example") + '\nwww.silent.example TXT "v=spf1 -all"\nsilent.example TXT TIMEOUT\n'


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("www.sound.example", Reason.WWW),
        ("www.silent.example", Reason.DNS_FAILED),
        ("www.broken.example", ""),
        ("www.example", ""),
    ],
)
async def test_the_web_sites_name_of_a_sound_domain_goes_to_a_person(tmp_path: Path, name: str, reason: str) -> None:
    async with world(tmp_path, WWW + "\n" + SITES.replace("v=spf1 -all", "v=spf1 mx -all")) as w:
        w.zone_text += "www.silent.example MX 10 mx.sound.example\n"
        assert await nights(w, name) == {name: reason}
        assert len(w.sent) == (not reason)
