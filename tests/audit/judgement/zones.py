"""Generated customers whose records hang on the message, on vendors that are gone, and on every limit."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from spfcheck.audit.senders import SenderProfile

FIRST, OTHER = "_spf.mail.example", "_spf.bulk.example"

FIXED = """
_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:5::/48 -all"
_spf.bulk.example TXT "v=spf1 ip4:198.51.100.64/29 ip4:198.51.100.200 -all"
h1.example A 192.0.2.1
h1.example AAAA 2001:db8:1::1
h2.example A 203.0.113.3
v4only.example A 192.0.2.4
h1.example MX 10 h1.example
h2.example MX 10 h2.example
h2.example MX 20 v4only.example
plain.example TXT "v=spf1 ip4:192.0.2.128/26 ~all"
nested.example TXT "v=spf1 include:plain.example a:h1.example ?all"
five.example TXT "v=spf1 a:h1.example a:h1.example a:h1.example include:plain.example -all"
broken.example TXT "v=spf1 ipv4:192.0.2.1 -all"
double.example TXT "v=spf1 -all"
double.example TXT "v=spf1 a -all"
silent.example ANY SERVFAIL
texts.example TXT "nothing to see"
world.example TXT "v=spf1 +all"
turns.example TXT "v=spf1 -ip4:203.0.113.0/25 redirect=plain.example"
opaque.example TXT "v=spf1 include:%{ir}.%{v}.nobody.example -all"
lost.example TXT "v=spf1 include:%{ir}.%{d}.gone.example -all"
customer.example MX 10 h1.example
customer.example A 192.0.2.9
*.nobody.example TXT "v=spf1 -all"
*.world.example TXT "v=spf1 +all"
*.wrong.example TXT "v=spf1 ip4:192.0.2.300 -all"
*.wrong.example A 127.0.0.2
*.several.example TXT "v=spf1 -all"
*.several.example TXT "v=spf1 ~all"
*.loop.example TXT "v=spf1 include:%{ir}.%{d} -all"
*.deep.example TXT "v=spf1 include:five.example include:five.example -all"
*.void.example TXT "v=spf1 a:gone1.example a:gone2.example a:%{i}.gone.example -all"
*.silent.example ANY SERVFAIL
*.listed.example A 127.0.0.2
*.texts.example TXT "nothing to see"
203.0.113.0.part.example A 127.0.0.2
203.0.113.0.part.example TXT "v=spf1 +all"
203.0.113.127.part.example TXT "v=spf1 -all"
203.0.113.255.half.example A 127.0.0.2
203.0.113.255.half.example TXT "v=spf1 ip4:203.0.113.255 -all"
198.51.100.200.half.example TXT "v=spf1 -all"
198.51.100.64.lone.example ANY SERVFAIL
postmaster.user.example A 127.0.0.2
postmaster.user.example TXT "v=spf1 ip4:192.0.2.70 -all"
mail.invalid.helo.example TXT "v=spf1 -all"
0.113.0.203.in-addr.arpa PTR first.customer.example
0.113.0.203.in-addr.arpa PTR gone1.example
first.customer.example A 203.0.113.0
127.113.0.203.in-addr.arpa PTR gone1.example
127.113.0.203.in-addr.arpa PTR gone2.example
127.113.0.203.in-addr.arpa PTR gone3.example
255.113.0.203.in-addr.arpa PTR last.elsewhere.example
last.elsewhere.example A 203.0.113.255
64.100.51.198.in-addr.arpa ANY SERVFAIL
"""
MANY = "\n".join(f"many.example MX {number} h{number}.many.example" for number in range(11))

signs = st.sampled_from(["", "", "", "", "", "-", "~", "?"])
opaque_domains = st.sampled_from(
    [
        "nobody.example",
        "world.example",
        "wrong.example",
        "several.example",
        "loop.example",
        "deep.example",
        "void.example",
        "silent.example",
        "listed.example",
        "texts.example",
        "part.example",
        "half.example",
        "lone.example",
        "gone.example",
    ]
)
macros = st.sampled_from(["%{i}", "%{i}", "%{ir}.%{v}", "%{i}._ip.%{h}._ehlo.%{d}", "%{p}", "%{l}.%{i}"])
opaque = st.builds(
    lambda word, macro, domain: f"{word}:{macro}.{domain}",
    st.sampled_from(["include", "include", "exists", "exists", "a", "mx"]),
    macros,
    opaque_domains,
)
by_identity = st.sampled_from(
    [
        "exists:%{l}.user.example",
        "include:%{l}.user.example",
        "include:%{h}.helo.example",
        "include:%{l}._at.%{o}.gone.example",
        "a:%{d}",
        "include:%{d2}.gone.example",
    ]
)
fixed = st.sampled_from(
    [
        "a",
        "mx",
        "ptr",
        "ptr:elsewhere.example",
        "a:h2.example/28",
        "mx:h2.example",
        "mx:many.example",
        "a:v4only.example",
        "a:gone1.example",
        "a:gone2.example",
        "a:gone3.example",
        "a:silent.example",
        "exists:gone1.example",
        "exists:h1.example",
        "include:plain.example",
        "include:nested.example",
        "include:five.example",
        "include:five.example",
        "include:gone.example",
        "include:texts.example",
        "include:broken.example",
        "include:double.example",
        "include:silent.example",
        "include:world.example",
        "include:turns.example",
        "include:opaque.example",
        "include:lost.example",
        "include:customer.example",
        "ip4:203.0.113.0/25",
        "ip4:203.0.113.64/26",
        "ip4:203.0.112.0/23",
        "ip4:198.51.100.66",
        "ip4:0.0.0.0/0",
        "ip6:::/0",
        "ip6:2001:db8:5:8000::/49",
        "ip4:192.0.2.7",
    ]
)
terms = st.builds(lambda sign, term: sign + term, signs, st.one_of(opaque, opaque, by_identity, fixed, fixed))
ends = st.sampled_from(
    [
        "-all",
        "-all",
        "~all",
        "?all",
        "",
        "+all",
        "redirect=plain.example",
        "redirect=gone.example",
        "redirect=%{i}.nobody.example",
        "redirect=%{i}.wrong.example",
        "redirect=_spf.mail.example",
    ]
)
BOTH = (SenderProfile(name="mail", include=FIRST), SenderProfile(name="bulk", include=OTHER))
SENDERS = (
    BOTH[:1],
    BOTH[:1],
    BOTH,
    (SenderProfile(name="mail", include=FIRST, networks=("203.0.113.0/30", "203.0.113.255/32")),),
)
TEMPLATES = ("postmaster@{domain}", "postmaster@{domain}", "news@{domain}", "bounce@bounce.{domain}")


@dataclass(frozen=True)
class Customer:
    """A zone text, the senders that are asked about, and the template of MAIL FROM."""

    zone: str
    senders: tuple[SenderProfile, ...]
    mail_from: str
    record: str


@st.composite
def verdicts(draw: st.DrawFn) -> Customer:
    """A customer who includes us or not, with terms in front of it, behind it and around it that may do anything."""
    senders = draw(st.sampled_from(SENDERS))
    mail_from = draw(st.sampled_from(TEMPLATES))
    own = [f"include:{one.include}" for one in senders]
    if draw(st.integers(0, 5)) == 0:
        own = own[1:]
    elif draw(st.integers(0, 9)) == 0:
        own = [f"include:{FIRST}", "include:around.example"]
    words = draw(st.lists(terms, max_size=3))
    for one in own:
        words.insert(draw(st.integers(0, len(words))), one)
    words += draw(st.lists(terms, max_size=2))
    around = draw(st.lists(terms, max_size=2))
    end = draw(ends)
    record = " ".join(["v=spf1", *words, *([end] if end else [])])
    name = mail_from.rpartition("@")[2].replace("{domain}", "customer.example")
    lines = [
        FIXED,
        MANY,
        " ".join(['around.example TXT "v=spf1', *around, f'include:{OTHER} -all"']),
        f'{name} TXT "{record}"',
    ]
    return Customer("\n".join(lines), senders, mail_from, record)
