"""Sabotaged records, each for one wall of the prover, and sound ones beside them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from spfcheck.audit.prepare import prepare
from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.meant import Base, Origin
from spfcheck.audit.repair.proof import Proposal
from spfcheck.audit.senders import SenderProfile
from spfcheck.audit.text.slips import Correction, Slip
from spfcheck.resolver.zone import Zone, ZoneLookup
from spfcheck.rfc7208.record import Span
from tests.audit.cases import case_of

O = "include:_spf.mail.example"  # noqa: E741 - ours, as the law writes it
OURS_TEXT = "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all"
COMMON = """
other.example TXT "v=spf1 ip4:192.0.2.128/26 ip6:2001:db8:365::/48 -all"
costly.example TXT "v=spf1 a:h1.example a:h1.example a:h1.example -all"
spf.protection.outlook.com TXT "v=spf1 ip4:192.0.2.128/26 ip6:2001:db8:365::/48 -all"
broken.example TXT "v=spf1 ip4:1.2.3 -all"
back.example TXT "v=spf1 include:customer.example -all"
silent.example TXT TIMEOUT
silent.example A TIMEOUT
silent.example AAAA TIMEOUT
h1.example A 198.51.100.7
h1.example AAAA 2001:db8:1::7
customer.example MX 10 mx.customer.example
customer.example A 198.51.100.1
customer.example AAAA 2001:db8:1::1
mx.customer.example A 198.51.100.2
mx.customer.example AAAA 2001:db8:1::2
"""
BIG = f'big.example TXT "v=spf1 {"a:h1.example " * 2_100}-all"'
TEN = " ".join(["a:h1.example"] * 10)
PROVIDER = "include:spf.protection.outlook.com"
WHOLE = "ip4:203.0.113.0/24 ip6:2001:db8:5::/48"
NINE = " ".join(["a:h1.example"] * 9)


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """What is *published*, the *value* that one wall has to refuse and why, and one that is *sound* in its place."""

    wall: str = ""
    value: str = ""
    refusal: tuple[str, str] = ("", "")
    """The invariant, and its sentence."""
    published: str | tuple[str, ...] = "v=spf1 mx -all"
    sound: str = ""
    domain: str = "customer.example"
    at: str = ""
    """The name where it would be published, if not the domain."""
    delete: int | None = None
    """How many of the published texts would be deleted, if not all."""
    zone: str = ""
    ours: str = OURS_TEXT
    senders: tuple[str, ...] = ("_spf.mail.example",)
    sending: tuple[str, ...] = ()
    """The networks that the last of our senders sends from, if not all that its include authorises."""
    base: Base | None = None
    """What is taken to be meant, where the sabotage is that of a mend or a merge."""

    def case(self) -> Case:
        texts = (self.published,) if isinstance(self.published, str) else self.published
        lines = [f'{self.domain} TXT "{text}"' for text in texts if text]
        zone = "\n".join([COMMON, f'_spf.mail.example TXT "{self.ours}"', self.zone, *lines])
        lookup = ZoneLookup(Zone.parse(zone))
        profiles = [SenderProfile(name=name, include=name) for name in self.senders]
        profiles[-1] = replace(profiles[-1], networks=self.sending)
        case = case_of(self.domain, lookup, asyncio.run(prepare(profiles, lookup)))
        if self.base is not None:
            case.found["base"] = self.base
        return case

    def proposal(self, case: Case, value: str, delete: int | None = None) -> Proposal:
        gone = tuple(text.decode("latin-1") for text in case.texts)
        return Proposal(self.at or self.domain, value, gone[:delete])


def mended(text: str, *becomes: str, origin: Origin = Origin.MENDED) -> Base:
    """A base as a mend leaves it, which put in the terms *becomes*."""
    return Base(text, origin, (), tuple(Correction(Slip.UNKNOWN_WORD, Span(0, 0), "x", one) for one in becomes))


def wide(term: str, sound: str) -> Sabotage:
    return Sabotage(
        wall="width",
        base=mended(f"v=spf1 mx {term} -all", f"mx {term}"),
        value=f"v=spf1 mx {term} {O} -all",
        refusal=("I3", f"{term} was mended and is too wide."),
        sound=sound,
    )


SABOTAGES = [
    # I0: our own include
    *(
        Sabotage(
            wall="ready",
            ours=ours,
            value=f"v=spf1 mx {O} -all",
            refusal=("I0", "Our own includes are not known to be plain networks."),
        )
        for ours in ("v=spf1 exists:%{i}.x.example -all", "v=spf1 +all", "")
    ),
    # I8: nobody can publish there, or nobody can say what was meant
    Sabotage(
        wall="editable",
        domain="co.uk",
        published="",
        value=f"v=spf1 {O} ?all",
        refusal=("I8", "Nothing can be published there (public-suffix)."),
    ),
    Sabotage(
        wall="editable",
        at="customer.host.example.com",
        value=f"v=spf1 mx {O} -all",
        refusal=("I8", "Nothing can be published there (cname-out-of-zone)."),
    ),
    Sabotage(
        wall="editable",
        domain="nowhere.example",
        published="",
        value=f"v=spf1 {O} ?all",
        refusal=("I8", "Nothing can be published there (nxdomain-organisation)."),
    ),
    Sabotage(
        wall="editable",
        domain="news.customer.example",
        published="",
        zone='*.customer.example TXT "v=spf1 mx -all"',
        value=f"v=spf1 mx {O} -all",
        refusal=("I8", "Nothing can be published there (wildcard)."),
    ),
    *(
        Sabotage(
            wall="one-reading",
            published=published,
            value=f"v=spf1 mx {O} -all",
            refusal=("base", "What is published has no single reading."),
        )
        for published in ("v=spf1 mx ip4:192.168.001.010 -all", ("v=spf1 mx -all", "v=spf1 -ip4:192.0.2.1 ?all"))
    ),
    # I5: form
    *(
        Sabotage(
            wall="text",
            value=value,
            refusal=("I5", "The record is not plain text, or begins or ends with a space."),
            sound=f"v=spf1 mx {O} -all",
        )
        for value in (f" v=spf1 mx {O} -all", f"v=spf1 mx {O} -all ", f"v=spf1 mx {O} exp=é.example -all")
    ),
    *(
        Sabotage(
            wall="text",
            value=f"v=spf1 mx{' ' * spaces}{O} -all",
            refusal=("I5", "The record cannot be split into character-strings."),
            sound=f"v=spf1 mx{' ' * 200}{O} -all",
        )
        for spaces in (260, 600)
    ),
    *(
        Sabotage(
            wall="alone",
            published=published,
            delete=delete,
            value=f"v=spf1 mx {O} -all",
            refusal=("I5", "An SPF record would stay beside the proposed one."),
            sound=f"v=spf1 mx {O} -all",
        )
        for published, delete in (("v=spf1 mx -all", 0), (("v=spf1 mx -all", f"v=spf1 {O} ~all"), 1))
    ),
    *(
        Sabotage(
            wall="form",
            value=value,
            refusal=("I5", f"The record does not parse: {why}."),
            sound=f"v=spf1 mx {O} -all",
        )
        for value, why in (
            (f"v=spf1 mx {O} -al", "there is no mechanism 'al'"),
            (f"v=spf1 mx {O} ip4:1.2.3 -all", "'1.2.3' is no IPv4 address"),
        )
    ),
    # I3: what was not published is not wide
    wide("ip4:11.0.0.0/15", ""),
    wide("ip4:0.0.0.0/0", ""),
    wide("ip6:2002::/31", ""),
    wide("ip6:::/0", ""),
    *(
        Sabotage(
            wall="not-everybody",
            base=mended("v=spf1 mx +all", origin=origin),
            value=f"v=spf1 mx {O} +all",
            refusal=("I3", "The record authorises everybody, and is not what is published."),
        )
        for origin in (Origin.MENDED, Origin.MERGED, Origin.TYPE_SPF)
    ),
    *(
        Sabotage(
            wall="not-the-world",
            published=f"v=spf1 ipv4:192.0.2.9 {terms} -all",
            base=mended(f"v=spf1 {terms} -all", origin=origin),
            value=f"v=spf1 {terms} {O} -all",
            refusal=("I3", "The record lets everybody in, and is not what is published."),
        )
        for terms, origin in (
            ("ip4:0.0.0.0/0", Origin.MENDED),
            ("ip4:0.0.0.0/1 ip4:128.0.0.0/1", Origin.MERGED),
            ("mx//0", Origin.MISPLACED),
            ("exists:customer.example", Origin.TYPE_SPF),
        )
    ),
    Sabotage(  # a family of which we hold nothing
        wall="not-the-world",
        published="v=spf1 ipv4:192.0.2.9 ip6:::/0 -all",
        base=mended("v=spf1 ip6:::/0 -all", origin=Origin.MENDED),
        value=f"v=spf1 ip6:::/0 {O} -all",
        refusal=("I3", "The record lets everybody in, and is not what is published."),
        ours="v=spf1 ip4:203.0.113.0/24 -all",
    ),
    # P: the first record
    *(
        Sabotage(
            wall="publishable",
            published="",
            value=f"v=spf1 {value}",
            refusal=("P", why),
            sound=f"v=spf1 mx {O} ?all",
        )
        for value, why in (
            (f"mx {O}", "The record must end in all."),
            (O, "The record must end in all."),
            (f"mx {O} redirect=other.example", "The record must end in all."),
            (f"mx {O} ?all exp=other.example", "The record must end in all."),
            (f"{O} ?all", "Beside us the record must list mx."),
            (f"mx ip4:192.0.2.250 {O} ?all", "Beside us the record must list mx."),
            (f"?mx {O} ?all", "Beside us the record must list mx."),
            (f"mx ?{O} ?all", "Beside us the record must list mx."),
            (f"mx {O} ~all", "The record must say neutral of everyone else."),
            (f"mx {O} +all", "The record must say neutral of everyone else."),
        )
    ),
    *(
        Sabotage(
            wall="publishable",
            domain="provided.example",
            published="",
            zone="provided.example MX 10 x.mail.protection.outlook.com",
            value=f"v=spf1 {value}",
            refusal=("P", why),
            sound=f"v=spf1 {PROVIDER} {O} ~all",
        )
        for value, why in (
            (f"?{PROVIDER} {O} ~all", f"Beside us the record must list {PROVIDER}."),
            (f"mx {O} ~all", f"Beside us the record must list {PROVIDER}."),
            (f"{PROVIDER} {O} ?all", "The record must say softfail of everyone else."),
        )
    ),
    Sabotage(
        wall="publishable",
        domain="other.customer.example",
        published="",
        zone="other.customer.example A 192.0.2.1",
        value=f"v=spf1 mx {O} ?all",
        refusal=("P", "Beside us the record must list nobody."),
        sound=f"v=spf1 {O} ?all",
    ),
    # I7: the least edit
    Sabotage(
        wall="version",
        published="V=spf1 mx -all",
        value=f"v=spf1 mx {O} -all",
        refusal=("I7", "The version was changed."),
        sound=f"V=spf1 mx {O} -all",
    ),
    Sabotage(
        wall="version",
        value=f"v=SPF1 mx {O} -all",
        refusal=("I7", "The version was changed."),
        sound=f"v=spf1 mx {O} -all",
    ),
    *(
        Sabotage(
            wall="own-authorise",
            value=f"v=spf1 mx {qualifier}{O} -all",
            refusal=("I7", f"{qualifier}{O} is new and does not authorise."),
            sound=f"v=spf1 mx +{O} -all",
        )
        for qualifier in "-~?"
    ),
    *(
        Sabotage(
            wall="nothing-added",
            published=published,
            value=value,
            refusal=("I7", f"{stranger} is not in the record that is meant, or not at that place."),
            sound=sound,
        )
        for published, value, stranger, sound in (
            ("v=spf1 mx -all", f"v=spf1 mx ip4:192.0.2.250 {O} -all", "ip4:192.0.2.250", f"v=spf1 mx {O} -all"),
            ("v=spf1 MX -ALL", f"v=spf1 mx {O} -ALL", "mx", f"v=spf1 MX {O} -ALL"),
            ("v=spf1 a -mx -all", f"v=spf1 {O} -mx a -all", "a", f"v=spf1 {O} a -mx -all"),
            ("v=spf1 ip4:192.0.2.0/24 -all", f"v=spf1 ip4:192.0.2.0/23 {O} -all", "ip4:192.0.2.0/23", ""),
            ("v=spf1 mx -all", f"v=spf1 mx {O} ~all", "~all", ""),
        )
    ),
    # I2 by the lemmas
    *(
        Sabotage(
            wall="not-denied",
            published=f"v=spf1 mx {denied} -all",
            value=f"v=spf1 mx {O} -all",
            refusal=("I2", f"{denied} turns our servers away by name."),
        )
        for denied in (f"-{O}", "-include:_SPF.Mail.Example.")
    ),
    *(
        Sabotage(
            wall="nothing-lost",
            published=published,
            value=value,
            refusal=("I2", f"{lost} was dropped, and may decide."),
            sound=sound,
        )
        for published, value, lost, sound in (
            ("v=spf1 mx -all", f"v=spf1 {O} -all", "mx", ""),
            ("v=spf1 mx a -all", f"v=spf1 mx {O} -all", "a", ""),
            ("v=spf1 mx -all", f"v=spf1 mx {O}", "-all", ""),
            ("v=spf1 ?include:other.example -all", f"v=spf1 {O} -all", "?include:other.example", ""),
            ("v=spf1 mx redirect=other.example", f"v=spf1 mx {O}", "redirect=other.example", ""),
            ("v=spf1 mx -all exp=e.example", f"v=spf1 mx {O} -all", "exp=e.example", ""),
            ("v=spf1 a a:H1.example a:h1.example -all", f"v=spf1 a {O} -all", "a:H1.example", ""),
        )
    ),
    # I4: limits
    *(
        Sabotage(
            wall="no-loop",
            published=f"v=spf1 {term} -all",
            value=f"v=spf1 {O} {term} -all",
            refusal=("loop", "The record leads back to itself."),
        )
        for term in ("include:customer.example", "include:back.example")
    ),
    *(
        Sabotage(
            wall="lookups",
            published=f"v=spf1 {terms} -all",
            value=f"v=spf1 {terms} {O} -all",
            refusal=("I4", f"The record would need {count} of 10 lookups."),
        )
        for terms, count in (
            (TEN, 11),
            (f"{NINE} {TEN}", 20),
            ("include:costly.example include:costly.example a mx", 11),
        )
    ),
    *(
        Sabotage(
            wall="answered",
            published=f"v=spf1 {term} -all",
            value=f"v=spf1 {O} {term} -all",
            refusal=("unknown", "The DNS did not answer for silent.example."),
        )
        for term in ("include:silent.example", "a:silent.example")
    ),
    Sabotage(
        wall="counted",
        zone=BIG,
        published="v=spf1 include:big.example -all",
        value=f"v=spf1 include:big.example {O} -all",
        refusal=("unknown", "The include tree is too large to be counted."),
    ),
    Sabotage(
        wall="counted",
        published=f"v=spf1 {'a:h1.example ' * 2_100}-all",
        value=f"v=spf1 {'a:h1.example ' * 2_100}{O} -all",
        refusal=("unknown", "The include tree is too large to be counted."),
    ),
    # I1: ours pass
    *(
        Sabotage(
            wall="ours-pass",
            published=published,
            value=value,
            refusal=("I1", why),
            sound=sound,
        )
        for published, value, why, sound in (
            (
                "v=spf1 mx -all",
                "v=spf1 mx -all",
                "Some of our addresses get fail (matched).",
                f"v=spf1 mx {O} -all",
            ),
            (
                f"v=spf1 mx -all {O}",
                f"v=spf1 mx -all {O}",
                "None of our includes is read in the record.",
                f"v=spf1 mx {O} -all",
            ),
            (
                "v=spf1 mx include=_spf.mail.example -all",
                "v=spf1 mx ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all",
                "None of our includes is read in the record.",
                "",
            ),
            (
                "",
                "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 ?all",
                "None of our includes is read in the record.",
                "",
            ),
            (
                f"v=spf1 ?{O} -all",
                f"v=spf1 ?{O} -all",
                "None of our includes is read in the record.",
                f"v=spf1 {O} -all",
            ),
            (
                "v=spf1 -ip4:203.0.113.128/25 -all",
                f"v=spf1 -ip4:203.0.113.128/25 {O} -all",
                "Some of our addresses get fail (matched).",
                f"v=spf1 {O} -ip4:203.0.113.128/25 -all",
            ),
            (
                "v=spf1 ~ip6:2001:db8:5:1::/64 -all",
                f"v=spf1 ~ip6:2001:db8:5:1::/64 {O} -all",
                "Some of our addresses get softfail (matched).",
                f"v=spf1 {O} ~ip6:2001:db8:5:1::/64 -all",
            ),
            (
                "v=spf1 a:n1.example a:n2.example a:n3.example -all",
                f"v=spf1 a:n1.example a:n2.example a:n3.example {O} -all",
                "Some of our addresses get permerror (void-limit).",
                f"v=spf1 {O} a:n1.example a:n2.example a:n3.example -all",
            ),
            (
                "v=spf1 include:nowhere.example -all",
                f"v=spf1 include:nowhere.example {O} -all",
                "Some of our addresses get permerror (include-no-record).",
                f"v=spf1 {O} include:nowhere.example -all",
            ),
            (
                "v=spf1 include:%{l}.x.example -all",
                f"v=spf1 include:%{{l}}.x.example {O} -all",
                "A term in front of our include depends on the message.",
                f"v=spf1 {O} include:%{{l}}.x.example -all",
            ),
            (
                "v=spf1 -exists:%{i}.x.example -all",
                f"v=spf1 -exists:%{{i}}.x.example {O} -all",
                "A term in front of our include depends on the message.",
                f"v=spf1 {O} -exists:%{{i}}.x.example -all",
            ),
            (
                "v=spf1 exists:%{l}.x.example -a:h1.example -all",
                f"v=spf1 exists:%{{l}}.x.example -a:h1.example {O} -all",
                "-a:h1.example in front of our include may turn it away.",
                f"v=spf1 {O} exists:%{{l}}.x.example -a:h1.example -all",
            ),
        )
    ),
    # Nothing of ours in it, and a term that may match any message: whatever is not theirs has to pass.
    Sabotage(
        wall="ours-pass",
        published=f"v=spf1 exists:%{{l}}.x.example {WHOLE} -all",
        value=f"v=spf1 exists:%{{l}}.x.example {WHOLE} -all",
        refusal=("I1", "-all in front of our include may turn it away."),
    ),
    Sabotage(
        wall="ours-pass",
        published="v=spf1 include:silent.example -all",
        value=f"v=spf1 include:silent.example {O} -all",
        refusal=("unknown", "The DNS did not answer on the way to our include."),
    ),
    *(
        Sabotage(
            wall="sending-pass",
            senders=("_spf.mail.example", "_spf.second.example"),
            zone='_spf.second.example TXT "v=spf1 ip4:192.0.2.64/27 ip6:2001:db8:6::/48 -all"',
            published=published,
            value=value,
            refusal=("I1", why),
            sound=f"v=spf1 mx {O} include:_spf.second.example -all",
        )
        for published, value, why in (
            ("v=spf1 mx -all", f"v=spf1 mx {O} -all", "192.0.2.64/27 does not pass."),
            ("v=spf1 mx -all", "v=spf1 mx include:_spf.second.example -all", "203.0.113.0/24 does not pass."),
            (
                "v=spf1 mx -all",
                f"v=spf1 mx {O} ip4:192.0.2.64/28 ip6:2001:db8:6::/48 -all",
                "192.0.2.64/27 does not pass.",
            ),
            ("v=spf1 mx -all", f"v=spf1 mx {O} ip4:192.0.2.64/27 -all", "2001:db8:6::/48 does not pass."),
        )
    ),
    # I2 by sets
    *(
        Sabotage(
            wall="nobody-else",
            published=published,
            value=value,
            refusal=("I2", f"Other addresses get {why}."),
            sound=sound,
        )
        for published, value, why, sound in (
            ("v=spf1 mx -all", f"v=spf1 mx ip4:192.0.2.250 {O} -all", "pass instead of fail", ""),
            ("v=spf1 mx -all", f"v=spf1 mx ip6:2001:db8:9::9 {O} -all", "pass instead of fail", ""),
            ("v=spf1 mx -all", f"v=spf1 {O} -all", "fail instead of pass", ""),
            ("v=spf1 mx -all", f"v=spf1 mx {O} ~all", "softfail instead of fail", ""),
            ("v=spf1 ip4:192.0.2.0/24 -all", f"v=spf1 ip4:192.0.2.0/23 {O} -all", "pass instead of fail", ""),
            # Only a limit may have decided otherwise before, not another error.
            (
                "v=spf1 include:nowhere.example -all",
                f"v=spf1 {O} -all",
                "fail instead of permerror",
                f"v=spf1 {O} include:nowhere.example -all",
            ),
            # With the limit lifted it would have said something else.
            (f"v=spf1 {TEN} mx -all", f"v=spf1 a:h1.example {O} -all", "fail, which the record does not say", ""),
            (
                f"v=spf1 {TEN} a mx -all",
                f"v=spf1 a:h1.example a mx {O} ~all",
                "softfail, which the record does not say",
                f"v=spf1 a:h1.example a mx {O} -all",
            ),
            # A void limit, in one family.
            (
                "v=spf1 a:n1.example a:n2.example a:n3.example mx -all",
                f"v=spf1 a:n1.example a:n2.example {O} mx ~all",
                "softfail, which the record does not say",
                "",
            ),
        )
    ),
    # I6: nothing new is broken
    *(
        Sabotage(
            wall="no-new-error",
            published=published,
            value=value,
            refusal=("I6", f"{term} is broken and was not in the record before."),
            sound=sound,
        )
        for published, value, term, sound in (
            ("v=spf1 mx -all", f"v=spf1 mx include:nowhere.example {O} -all", "include:nowhere.example", ""),
            ("v=spf1 mx -all", f"v=spf1 mx {O} include:broken.example -all", "include:broken.example", ""),
            ("v=spf1 mx", f"v=spf1 mx {O} redirect=h1.example", "redirect=h1.example", ""),
            (
                "v=spf1 include:nowhere.example -all",
                f"v=spf1 {O} include:broken.example -all",
                "include:broken.example",
                f"v=spf1 {O} include:nowhere.example -all",
            ),
            (
                "v=spf1 include:%{l}.x.example -all",
                f"v=spf1 {O} include:%{{l}}.x.example include:silent.example -all",
                "include:silent.example",
                f"v=spf1 {O} include:%{{l}}.x.example -all",
            ),
        )
    ),
]
SOUND = [
    Sabotage(sound=f"v=spf1 mx {O} -all"),
    Sabotage(published="", sound=f"v=spf1 mx {O} ?all"),
    # At the last width that a mend may leave.
    Sabotage(
        base=mended("v=spf1 ip4:11.0.0.0/16 ip6:2002::/32 -all", "ip4:11.0.0.0/16 ip6:2002::/32"),
        sound=f"v=spf1 ip4:11.0.0.0/16 ip6:2002::/32 {O} -all",
    ),
    # A host and its neighbours are no network that a mend could have made too wide.
    Sabotage(base=mended("v=spf1 a:h1.example/15 -all", "a:h1.example/15"), sound=f"v=spf1 {O} a:h1.example/15 -all"),
    # Ours held without our include.
    Sabotage(
        published="v=spf1 ipv4:203.0.113.0/24 ip6:2001:db8:5::/48 -all",
        sound="v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all",
    ),
    # A term of ours that does not authorise may stay where it was.
    Sabotage(published=f"v=spf1 mx ?{O} -all", sound=f"v=spf1 {O} mx ?{O} -all"),
    # Ten lookups.
    Sabotage(published=f"v=spf1 {NINE} -all", sound=f"v=spf1 {NINE} {O} -all"),
    # All that can never decide, left out.
    Sabotage(
        published="v=spf1 mx mx a A:Customer.Example include:customer.example -all mx redirect=other.example",
        sound=f"v=spf1 mx a {O} -all",
    ),
    # Of two senders one passes by its include, the other by its networks, which are not all that its include holds.
    Sabotage(
        senders=("_spf.mail.example", "_spf.second.example"),
        sending=("192.0.2.64/28",),
        zone='_spf.second.example TXT "v=spf1 ip4:192.0.2.64/27 -all"',
        published="v=spf1 ip4:192.0.2.64/28 -all",
        sound=f"v=spf1 ip4:192.0.2.64/28 {O} -all",
    ),
    # What may match any message does no harm, nor does what is behind our include or was looked at by address.
    Sabotage(
        published="v=spf1 exists:%{l}.x.example -ip4:192.0.2.9 -a:h1.example -all",
        sound=f"v=spf1 exists:%{{l}}.x.example -ip4:192.0.2.9 {O} -a:h1.example -all",
    ),
    # Nobody is worse off where a record authorises everybody already.
    Sabotage(published="v=spf1 ip4:0.0.0.0/0 +all", sound=f"v=spf1 {O} ip4:0.0.0.0/0 +all"),
]
