"""Generated zones: a customer's record out of everything that records are made of, and what it leads to."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

OURS = '_spf.mail.example TXT "v=spf1 ip4:203.0.113.0/28 ip6:2001:db8:5::/124 -all"'
HOSTS = ("h1.example", "h2.example", "h3.example", "gone.example", "v4only.example")
FIXED = """
h1.example A 192.0.2.1
h1.example AAAA 2001:db8:1::1
h2.example A 203.0.113.3
h2.example AAAA 2001:db8:1::2
h3.example A 192.0.2.3
h3.example A 198.51.100.7
h3.example AAAA 2001:db8:5::3
v4only.example A 192.0.2.4
h1.example MX 10 h1.example
h2.example MX 10 h1.example
h2.example MX 20 v4only.example
broken.example TXT "v=spf1 ipv4:192.0.2.1 -all"
double.example TXT "v=spf1 -all"
double.example TXT "v=spf1 a -all"
silent.example ANY SERVFAIL
customer.example MX 10 h1.example
customer.example A 192.0.2.9
"""

signs = st.sampled_from(["", "", "", "", "+", "?", "~", "-"])
networks = st.sampled_from(
    [
        "ip4:192.0.2.0/24",
        "ip4:192.0.2.128/25",
        "ip4:198.51.100.1",
        "ip4:203.0.113.0/24",
        "ip4:203.0.113.4/30",
        "ip4:203.0.112.0/23",
        "ip4:0.0.0.0/1",
        "ip6:2001:db8:1::/48",
        "ip6:2001:db8:5::/48",
        "ip6:2001:db8:5::8/125",
        "ip6:2001:db8::/32",
    ]
)
hosts = st.sampled_from(HOSTS)
addresses = st.builds(
    lambda word, host, cidr: f"{word}:{host}{cidr}",
    st.sampled_from(["a", "mx"]),
    hosts,
    st.sampled_from(["", "", "/28", "//124"]),
)
messages = st.sampled_from(
    [
        "exists:%{i}.l.example",
        "exists:%{l}.u.example",
        "ptr",
        "include:%{i}.o.example",
        "a:%{d}",
        "include:%{h}.o.example",
    ]
)
targets = st.sampled_from(
    [
        "i0.example",
        "i1.example",
        "i2.example",
        "I1.Example.",
        "gone.example",
        "broken.example",
        "double.example",
        "customer.example",
    ]
)
includes = st.builds(lambda target: f"include:{target}", targets)
own = st.sampled_from(["include:_spf.mail.example", "INCLUDE:_spf.mail.example."])
mechanisms = st.one_of(
    networks, networks, addresses, addresses, includes, includes, own, messages, st.sampled_from(["a", "mx"])
)
directives = st.builds(lambda sign, mechanism: sign + mechanism, signs, mechanisms)
modifiers = st.sampled_from(["include=_spf.mail.example", "exp=why.example", "ra=x", "v=spf1", "include=i0.example"])
ends = st.sampled_from(
    ["-all", "~all", "?all", "-all", "~all", "", "", "+all", "redirect=i0.example", "redirect=gone.example", "-ALL"]
)
slips = st.sampled_from(
    [
        "ipv4:192.0.2.77",
        "192.0.2.66/28",
        "ip4: 192.0.2.55",
        "a,mx",
        "include:192.0.2.44",
        "h1.example",
        "i1.example",
        "ip4:1.2.3",
        "+",
        "mx;",
    ]
)


@st.composite
def records(draw: st.DrawFn, most: int = 7) -> str:
    """One record, mostly valid."""
    terms = draw(st.lists(directives, max_size=most))
    if draw(st.integers(0, 7)) == 0:
        terms.insert(draw(st.integers(0, len(terms))), draw(modifiers))
    if draw(st.integers(0, 9)) == 0:
        terms.insert(draw(st.integers(0, len(terms))), draw(slips))
    end = draw(ends)
    after = draw(st.lists(directives, max_size=2)) if draw(st.integers(0, 9)) == 0 else []
    version = draw(st.sampled_from(["v=spf1", "v=spf1", "v=spf1", "V=SPF1", "v=spf1;"]))
    return " ".join([version, *terms, *([end] if end else []), *after])


@dataclass(frozen=True)
class Generated:
    """A zone text, and the customer's records in it."""

    text: str
    published: tuple[str, ...]


@st.composite
def zones(draw: st.DrawFn) -> Generated:
    """A customer with no, one or several records, and the includes that these may lead to."""
    count = draw(st.sampled_from([1, 1, 1, 1, 1, 1, 1, 2, 0]))
    published = tuple(draw(records()) for _ in range(count))
    inner = [f'i{number}.example TXT "{draw(records(3))}"' for number in range(3)]
    ipv6 = [] if draw(st.booleans()) else ["customer.example AAAA 2001:db8:9::9"]
    lines = [FIXED, OURS, *ipv6, *inner, *(f'customer.example TXT "{text}"' for text in published)]
    return Generated("\n".join(lines), published)


PROVIDERS = """
p0.example TXT "v=spf1 ip4:192.0.2.128/26 ip6:2001:db8:365::/48 ~all"
p1.example TXT "v=spf1 include:p0.example include:p2.example ?all"
p2.example TXT "v=spf1 ip4:198.51.100.0/25 ip4:192.0.2.160/27 -all"
p3.example TXT "v=spf1 include:p1.example include:p2.example ip4:203.0.113.64/26 ~all"
p4.example TXT "v=spf1 include:p3.example ~all"
p5.example TXT "v=spf1 ip4:203.0.113.0/29 ip4:198.51.100.64/26 ~all"
p6.example TXT "v=spf1 ip4:192.0.2.1 -ip4:192.0.2.2 ~all"
"""
_addresses = {
    "A": st.lists(
        st.sampled_from(["192.0.2.1", "192.0.2.130", "203.0.113.5", "198.51.100.3"]), max_size=2, unique=True
    ),
    "AAAA": st.lists(st.sampled_from(["2001:db8:1::1", "2001:db8:5::1", "2001:db8:365::9"]), max_size=1),
}


@st.composite
def customers(draw: st.DrawFn) -> Generated:
    """A customer whose record is plain or nearly so, and hosts of which some have no address of a family or at all."""
    lines = [PROVIDERS, OURS]
    for host in ("customer.example", "m1.example", "m2.example", "w.example"):
        for rtype, addresses in _addresses.items():
            lines += [f"{host} {rtype} {address}" for address in draw(addresses)]
    mail = draw(
        st.lists(st.sampled_from(["m1.example", "m2.example", "nowhere.example", "."]), max_size=2, unique=True)
    )
    lines += [f"customer.example MX {10 + place} {host}" for place, host in enumerate(mail)]
    words = ["a", "mx", "a:w.example", "a:gone.example", "a:gone2.example", "mx:w.example", "a:m1.example/28", "mx//64"]
    words += [
        "ip4:81.2.3.4",
        "ip4:81.2.0.0/16",
        "ip4:192.0.2.128/27",
        "ip4:203.0.113.2",
        "ip6:2a00:1::/48",
        "ip4:10.0.0.1",
    ]
    words += [f"include:p{number}.example" for number in range(7)]
    terms = draw(st.lists(st.sampled_from(words), max_size=7, unique=True))
    if draw(st.booleans()):
        terms.insert(draw(st.integers(0, len(terms))), draw(own))
    terms.append(draw(st.sampled_from(["-all", "~all", "~all", "?all", "+all", ""])))
    text = draw(st.sampled_from(["v=spf1 ", "V=SPF1  "])) + " ".join(terms)
    others = draw(
        st.lists(st.sampled_from(["MS=ms1", "spf tells", "v=DMARC1; p=none", "all the best -all"]), max_size=2)
    )
    published = (text,) if draw(st.integers(0, 4)) else ()
    lines += [f'customer.example TXT "{one}"' for one in (*others, *published)]
    return Generated("\n".join(lines), published)
