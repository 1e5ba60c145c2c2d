"""Each wall of the prover for plain records by itself, as test_walls.py has it of the prover for every record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from spfcheck.audit.flat.memory import memory_of
from spfcheck.audit.flat.record import NotPlain, Plain
from spfcheck.audit.flat.record_text import read_plain
from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair.claims import Proof, Refusal
from spfcheck.audit.repair.proof_flat import PLAIN_WALLS, PlainTrial, prove_plain
from spfcheck.audit.repair.trial import Wall
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.resolver.zone import Zone, ZoneLookup
from tests.audit.cases import Everything
from tests.audit.repair.sabotages import COMMON, OURS_TEXT, O

BY_NAME = {wall.name: wall for wall in PLAIN_WALLS}
SECOND = "include:_spf.second.example"
# A plain record names nothing twice: as many lookups, each of another name.
LINES = "\n".join(f"h{number}.example A 198.51.100.7\nh{number}.example AAAA 2001:db8:1::7" for number in range(2, 12))
SIX, NINE, TEN = (" ".join(f"a:h{number}.example" for number in range(1, most + 1)) for most in (6, 9, 10))
ZONE = f"""{COMMON}
{LINES}
_spf.second.example TXT "v=spf1 ip4:192.0.2.64/27 -all"
like-ours.example TXT "v=spf1 ip4:203.0.113.64/26 -all"
like-ours.example A 203.0.113.65
four1.example A 198.51.100.8
four2.example A 198.51.100.9
four3.example A 198.51.100.10
"""
NOT_PLAIN = "it goes to the prover for every record"


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """What is published (*base*), the *value* that one wall has to refuse and why, and one that is *sound*."""

    wall: str
    value: str
    refusal: tuple[str, str] | str = NOT_PLAIN
    base: str = "v=spf1 mx -all"
    """Empty where nothing is published."""
    sound: str = f"v=spf1 mx {O} -all"
    senders: tuple[str, ...] = ("_spf.mail.example",)
    against: str = OURS_TEXT
    """What our include authorises for the prover; it is known as it is published."""

    def ours(self, text: str) -> Ours:
        zone = Zone.parse(f'{ZONE}\n_spf.mail.example TXT "{text}"')
        profiles = [SenderProfile(name=name, include=name) for name in self.senders]
        return asyncio.run(prepare(profiles, ZoneLookup(zone)))

    def verdict(self, value: str, walls: tuple[Wall[PlainTrial], ...] = PLAIN_WALLS) -> Proof | tuple[str, str] | str:
        known = self.ours(OURS_TEXT)
        ours = known if self.against == OURS_TEXT else self.ours(self.against)
        everything = Everything(ZoneLookup(Zone.parse(f'{ZONE}\n_spf.mail.example TXT "{OURS_TEXT}"')))

        def read(text: str) -> Plain:
            plain = read_plain(text, "customer.example", memory_of(known))
            assert plain.resolve(everything.get) == []
            return plain

        base, proposed = read(self.base) if self.base else None, read(value)
        try:
            verdict = prove_plain(base, proposed, ours, everything.__getitem__, walls)
        except NotPlain:
            return NOT_PLAIN
        return (verdict.invariant, verdict.why) if isinstance(verdict, Refusal) else verdict


CHANGED = ("I7", "Something beside our includes was changed.")
BESIDE = ("P", "Beside us the record must list those who are known to send, and nobody else.")
ELSE = ("I2", "Other addresses get another result.")
VOIDS = ("I1", "Some of our addresses get permerror (void-limit).")
SABOTAGES = [
    *(
        Sabotage(wall="text", value=value, sound=f"v=spf1 mx{' ' * 200}{O} -all")
        for value in (f" v=spf1 mx {O} -all", f"v=spf1 mx {O} -all ", f"v=spf1 mx{' ' * 260}{O} -all")
    ),
    *(
        Sabotage(wall="publishable", base="", value=f"v=spf1 {value}", refusal=BESIDE, sound=f"v=spf1 mx {O} ?all")
        for value in (
            f"{O} ?all",
            f"mx ip4:192.0.2.250 {O} ?all",
            f"mx {O} include:other.example ?all",
            f"MX {O} ?all",
            f"mx {O} ~all",
            f"mx {O} -all",
        )
    ),
    *(
        Sabotage(wall="same-terms", base=base, value=value, refusal=CHANGED, sound=sound)
        for base, value, sound in (
            ("v=spf1 mx -all", f"v=spf1 mx ip4:192.0.2.250 {O} -all", f"v=spf1 mx {O} -all"),
            ("v=spf1 mx a -all", f"v=spf1 a {O} -all", f"v=spf1 mx {O} a -all"),
            ("v=spf1 mx a -all", f"v=spf1 a mx {O} -all", f"v=spf1 {O} mx a -all"),
            ("v=spf1 MX -all", f"v=spf1 mx {O} -all", f"v=spf1 MX {O} -all"),
            ("v=spf1 mx -all", f"v=spf1 mx {O} ~all", f"v=spf1 mx {O} -all"),
            ("V=spf1 mx -all", f"v=spf1 mx {O} -all", f"V=spf1 mx {O} -all"),
        )
    ),
    Sabotage(
        wall="lookups",
        base=f"v=spf1 {TEN} -all",
        value=f"v=spf1 {TEN} {O} -all",
        refusal=("I4", "The record would need 11 of 10 lookups."),
        sound="",
    ),
    Sabotage(
        wall="lookups",
        base=f"v=spf1 include:other.example {NINE} mx -all",
        value=f"v=spf1 {O} include:other.example {NINE} mx -all",
        refusal=("I4", "The record would need 12 of 10 lookups."),
        sound="",
    ),
    *(
        Sabotage(wall="ours-by-name", base=f"v=spf1 {term} -all", value=f"v=spf1 {term} {O} -all", sound="")
        for term in ("ip4:203.0.113.7", "ip6:2001:db8:5:1::/64", "include:like-ours.example", "a:like-ours.example")
    ),
    Sabotage(
        wall="ours-by-name",
        value="v=spf1 mx -all",
        refusal=("I1", "None of our includes is read in the record."),
    ),
    *(
        Sabotage(wall="as-allowed", value=f"v=spf1 mx {O} -all", against=against, sound="")
        for against in (
            "v=spf1 ip4:203.0.113.0/24 ip4:192.0.2.250 ip6:2001:db8:5::/48 -all",
            "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:4::/47 -all",
            "v=spf1 ip4:203.0.113.0/24 -all",
        )
    ),
    Sabotage(
        wall="reached",
        base=f"v=spf1 {TEN} -all",
        value=f"v=spf1 {TEN} {O} -all",
        refusal=("I1", "Some of our addresses get permerror (lookup-limit)."),
        sound="",
    ),
    *(
        Sabotage(
            wall="reached",
            base=f"v=spf1 {terms} -all",
            value=f"v=spf1 {terms} {O} -all",
            refusal=VOIDS,
            sound=f"v=spf1 {O} {terms} -all",
        )
        for terms in (
            "a:n1.example a:n2.example a:n3.example",
            "a:four1.example a:four2.example a:four3.example",
            "a:n1.example a:four1.example a:n2.example a:four2.example ip4:192.0.2.1",
        )
    ),
    Sabotage(
        wall="covered",
        senders=("_spf.mail.example", "_spf.second.example"),
        value=f"v=spf1 mx {O} -all",
        sound="",
    ),
    Sabotage(
        wall="covered",
        senders=("_spf.mail.example", "_spf.second.example"),
        value=f"v=spf1 mx {O} {SECOND} -all",
        sound="",
    ),
    *(
        Sabotage(wall="nobody-else", base=base, value=value, refusal=ELSE, sound=sound)
        for base, value, sound in (
            ("v=spf1 mx -all", f"v=spf1 mx ip4:192.0.2.250 {O} -all", f"v=spf1 mx {O} -all"),
            ("v=spf1 mx -all", f"v=spf1 mx {O} ip6:2001:db8:9::9 -all", f"v=spf1 {O} mx -all"),
            ("v=spf1 mx ip4:192.0.2.1 -all", f"v=spf1 {O} mx -all", f"v=spf1 {O} mx ip4:192.0.2.1 -all"),
            (f"v=spf1 {TEN} -all", f"v=spf1 {TEN} {O} -all", ""),
            (f"v=spf1 {TEN} -all", f"v=spf1 {O} {TEN} -all", ""),
        )
    ),
]


def named(sabotage: Sabotage) -> str:
    return f"{sabotage.wall}: {sabotage.value[:60]}"


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=named)
def test_a_wall_refuses_with_all_others_off(sabotage: Sabotage) -> None:
    assert sabotage.verdict(sabotage.value, (BY_NAME[sabotage.wall],)) == sabotage.refusal
    assert not isinstance(sabotage.verdict(sabotage.value), Proof)


@pytest.mark.parametrize("sabotage", [one for one in SABOTAGES if one.sound], ids=named)
def test_what_is_sound_passes_every_wall(sabotage: Sabotage) -> None:
    assert isinstance(sabotage.verdict(sabotage.sound), Proof)
    for wall in PLAIN_WALLS:
        assert isinstance(sabotage.verdict(sabotage.sound, (wall,)), Proof), wall.name


def test_ten_lookups_and_two_voids_are_allowed() -> None:
    terms = f"a:n1.example a:four1.example a:n2.example {SIX}"
    edge = Sabotage(wall="", value="", base=f"v=spf1 {terms} -all")
    proof = edge.verdict(f"v=spf1 {O} {terms} -all")
    assert isinstance(proof, Proof)
    assert (proof.lookups, proof.void_lookups) == (10, 0)
    fewer = terms.replace("a:four1.example ", "")
    edge = Sabotage(wall="", value="", base=f"v=spf1 {fewer} -all")
    proof = edge.verdict(f"v=spf1 {fewer} {O} -all")
    assert isinstance(proof, Proof)
    assert (proof.lookups, proof.void_lookups) == (9, 2)


def test_every_wall_has_sabotages() -> None:
    for name in BY_NAME:
        assert sum(one.wall == name for one in SABOTAGES) >= 2, name
