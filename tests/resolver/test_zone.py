"""Zone texts, the lookups over them, and the name server that serves them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spfcheck.resolver.authoritative import respond, serve
from spfcheck.resolver.drive import drive
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.transport import Timing
from spfcheck.resolver.types import Answer, Outcome, Question, Rtype
from spfcheck.resolver.wire_names import encode
from spfcheck.resolver.zone import Zone, ZoneError, ZoneLookup
from spfcheck.rfc7208.evaluate import check_host
from spfcheck.rfc7208.verdict import Result

TEXT = r"""
; a comment, and an empty line

customer.example       TXT    "v=spf1 include:_spf.mail.example -all"  ; behind a record
Customer.Example.      MX     10 MX.customer.example.
customer.example 60 IN MX     20 mx2.customer.example    # another
plain.example          TXT    v=spf1  ip4:192.0.2.1 -all
split.example          TXT    "v=spf1 ip4:192." "0.2.1 -all"
escaped.example        TXT    "a\"b\\c\255;d#e"
v6.example             AAAA   2001:db8::1
host.deep.example      A      192.0.2.1
1.2.0.192.in-addr.arpa PTR    Host.deep.example
www.example            CNAME  customer.example
hop.example            CNAME  www.example
lost.example           CNAME  nowhere.example
round.example          CNAME  about.example
about.example          CNAME  round.example
slow.example           TXT    TIMEOUT
slow.example           A      192.0.2.2
gone.example           TXT    NXDOMAIN
down.example           ANY    SERVFAIL
quoted.example         TXT    "TIMEOUT"
both.example           CNAME  customer.example
both.example           TXT    own
*.wild.example         A      192.0.2.3
here.wild.example      TXT    here
below.ent.wild.example TXT    x
*.alias.example        CNAME  customer.example
.                      TXT    root
"""
ZONE = Zone.parse(TEXT)


@pytest.mark.parametrize(
    ("name", "rtype", "outcome", "records"),
    [
        ("customer.example", "TXT", Outcome.OK, ((b"v=spf1 include:_spf.mail.example -all",),)),
        ("customer.example", "MX", Outcome.OK, ((10, "mx.customer.example"), (20, "mx2.customer.example"))),
        ("customer.example", "A", Outcome.NODATA, ()),
        ("plain.example", "TXT", Outcome.OK, ((b"v=spf1 ip4:192.0.2.1 -all",),)),
        ("split.example", "TXT", Outcome.OK, ((b"v=spf1 ip4:192.", b"0.2.1 -all"),)),
        ("escaped.example", "TXT", Outcome.OK, ((b'a"b\\c\xff;d#e',),)),
        ("v6.example", "AAAA", Outcome.OK, (0x20010DB8000000000000000000000001,)),
        ("host.deep.example", "A", Outcome.OK, (0xC0000201,)),
        ("deep.example", "A", Outcome.NODATA, ()),  # exists because something is below it (RFC 8020)
        ("1.2.0.192.in-addr.arpa", "PTR", Outcome.OK, ("host.deep.example",)),
        ("nx.example", "A", Outcome.NXDOMAIN, ()),
        ("www.example", "TXT", Outcome.OK, ((b"v=spf1 include:_spf.mail.example -all",),)),
        ("hop.example", "MX", Outcome.OK, ((10, "mx.customer.example"), (20, "mx2.customer.example"))),
        ("lost.example", "TXT", Outcome.NXDOMAIN, ()),
        ("round.example", "TXT", Outcome.CHAIN, ()),
        ("slow.example", "TXT", Outcome.TIMEOUT, ()),
        ("slow.example", "A", Outcome.OK, (0xC0000202,)),
        ("gone.example", "TXT", Outcome.NXDOMAIN, ()),
        ("down.example", "TXT", Outcome.SERVFAIL, ()),
        ("down.example", "MX", Outcome.SERVFAIL, ()),
        ("quoted.example", "TXT", Outcome.OK, ((b"TIMEOUT",),)),
        ("both.example", "TXT", Outcome.OK, ((b"own",),)),
        # RFC 4592 2.2.1 and 3.3: a wildcard covers what does not exist, at any depth, and nothing below what exists.
        ("any.wild.example", "A", Outcome.OK, (0xC0000203,)),
        ("a.b.wild.example", "A", Outcome.OK, (0xC0000203,)),
        ("any.wild.example", "TXT", Outcome.NODATA, ()),
        ("here.wild.example", "A", Outcome.NODATA, ()),
        ("a.here.wild.example", "A", Outcome.NXDOMAIN, ()),
        ("ent.wild.example", "A", Outcome.NODATA, ()),
        ("a.ent.wild.example", "A", Outcome.NXDOMAIN, ()),
        ("wild.example", "A", Outcome.NODATA, ()),
        ("*.wild.example", "A", Outcome.OK, (0xC0000203,)),
        ("x.alias.example", "TXT", Outcome.OK, ((b"v=spf1 include:_spf.mail.example -all",),)),
        ("", "TXT", Outcome.OK, ((b"root",),)),
        ("a..b", "A", Outcome.NXDOMAIN, ()),
        ("x" * 64 + ".wild.example", "A", Outcome.NXDOMAIN, ()),
    ],
)
async def test_what_the_zone_says(name: str, rtype: str, outcome: Outcome, records: tuple[object, ...]) -> None:
    question = Question(name, Rtype[rtype])
    lookup = ZoneLookup(ZONE)
    answer = lookup.cached(question)
    assert (answer.outcome, answer.records, answer.question) == (outcome, records, question)
    assert answer.proven is (not answer.failed and name != "both.example")
    assert await lookup.ask(question) == answer


def test_ttl_chain_and_cname_beside_data() -> None:
    lookup = ZoneLookup(ZONE)
    assert lookup.cached(Question("customer.example", Rtype.MX)).ttl == 60  # the lowest of the set
    assert lookup.cached(Question("customer.example", Rtype.TXT)).ttl == 300
    assert lookup.cached(Question("hop.example", Rtype.TXT)).chain == ("www.example", "customer.example")
    assert lookup.cached(Question("both.example", Rtype.TXT)).illegal_cname


def test_a_long_string_is_cut_and_a_repeated_record_counts_once() -> None:
    zone = Zone.parse(f'a.example TXT "{"x" * 600}"\nb.example TXT same\nb.example TXT same')
    assert [len(string) for string in zone.find(Question("a.example", Rtype.TXT)).records[0]] == [255, 255, 90]
    assert zone.find(Question("b.example", Rtype.TXT)).records == ((b"same",),)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.example", "expected a name, a type and a value"),
        ("a.example TXT", "expected a name, a type and a value"),
        ("a.example FOO bar", "the type FOO is not one of TXT, A, AAAA, MX, PTR, CNAME, SPF"),
        ("a.example SOA x", "the type SOA is not one of"),
        ('a.example TXT "open', "a quoted string does not end"),
        ('a.example TXT "a"b', "a quoted string does not end, or runs into the next word"),
        ('a.example TXT "\\999"', "\\999 is no byte"),
        ("a.example A 192.0.2.256", "192.0.2.256 is no IPv4 address"),
        ("a.example A 192.0.2.1 192.0.2.2", "expected one IPv4 address"),
        ("a.example AAAA 192.0.2.1", "192.0.2.1 is no IPv6 address"),
        ("a.example MX mx.example", "expected a preference and a name"),
        ("a.example MX 65536 mx.example", "65536 is not a preference from 0 to 65535"),
        ("a.example 99999999999 A 192.0.2.1", "is not a TTL from 0 to"),
        ("a..example A 192.0.2.1", "a..example is no name"),
        (f"{'x' * 64}.example A 192.0.2.1", "is no name"),
        ("münchen.example A 192.0.2.1", "write it in its xn-- form"),
        ("$ORIGIN example.", "$ORIGIN is not understood"),
        ("a.example CNAME b.example\na.example CNAME c.example", "a.example has a CNAME already"),
        ("a.example ANY 192.0.2.1", "the type ANY is not one of"),
    ],
)
def test_a_bad_line_gives_one_clear_error(line: str, reason: str) -> None:
    with pytest.raises(ZoneError) as caught:
        Zone.parse(f"good.example A 192.0.2.1\n{line}")
    assert reason in str(caught.value)
    assert str(caught.value).startswith(f"line {2 + line.count(chr(10))}: ")
    assert caught.value.line == 2 + line.count("\n")


@given(st.text(max_size=200))
def test_any_text_is_a_zone_or_an_error(text: str) -> None:
    try:
        zone = Zone.parse(text)
    except ZoneError as error:
        message = str(error)
    else:
        message = ""
        zone.find(Question("a.example", Rtype.TXT))
    assert "\n" not in message


# -- served ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_another_client_reads_what_we_serve(tcp: bool) -> None:
    async with serve(ZONE) as server:
        host, port = server
        ask = dns.asyncquery.tcp if tcp else dns.asyncquery.udp

        async def response(name: str, rtype: str, edns: int | bool = 0) -> dns.message.Message:
            query = dns.message.make_query(name, rtype, use_edns=edns)
            return await ask(query, host, port=port, timeout=2)

        assert str((await response("customer.example", "TXT")).answer[0]).endswith(
            '300 IN TXT "v=spf1 include:_spf.mail.example -all"'
        )
        assert len((await response("customer.example", "MX", False)).answer[0]) == 2
        assert str((await response("1.2.0.192.in-addr.arpa", "PTR")).answer[0][0]) == "host.deep.example."
        hop = await response("hop.example", "TXT")
        assert [dns.rdatatype.to_text(rrset.rdtype) for rrset in hop.answer] == ["CNAME", "CNAME", "TXT"]
        missing = await response("nx.example", "TXT")
        assert missing.rcode() == dns.rcode.NXDOMAIN
        assert missing.authority[0].rdtype == dns.rdatatype.SOA
        assert missing.flags & dns.flags.AA
        assert (await response("customer.example", "NS")).rcode() == dns.rcode.NOERROR
        assert (await response("down.example", "TXT")).rcode() == dns.rcode.SERVFAIL
        with pytest.raises(dns.exception.Timeout):
            await ask(dns.message.make_query("slow.example", "TXT"), host, port=port, timeout=0.2)
    assert Question("slow.example", Rtype.TXT) in server.questions
    assert server.questions.count(Question("customer.example", Rtype.MX)) == 1


async def test_the_lookup_over_a_zone_and_over_its_server_agree() -> None:
    local = ZoneLookup(ZONE)
    names = [line.split()[0].lower().removesuffix(".") for line in TEXT.splitlines() if line and line[0] != ";"]
    names += ["nx.example", "any.wild.example", "a.here.wild.example", "deep.example", "x.alias.example"]
    async with serve(ZONE) as (host, port), Resolver([(host, port)], timing=Timing(0.2, 2)) as resolver:
        for name in dict.fromkeys(names):
            for rtype in (Rtype.TXT, Rtype.A, Rtype.MX, Rtype.PTR):
                there, here = await resolver.ask(Question(name, rtype)), local.cached(Question(name, rtype))
                # A name server can only say SERVFAIL about a circle of CNAMEs.
                expected = Outcome.SERVFAIL if here.outcome is Outcome.CHAIN else here.outcome
                assert (there.outcome, there.records) == (expected, here.records), name
                if not here.failed:
                    assert (there.chain, there.soa_seen) == (here.chain, here.soa_seen), name


async def test_what_does_not_fit_goes_over_tcp() -> None:
    zone = Zone.parse("\n".join(f'big.example TXT "{number:03}{"x" * 200}"' for number in range(100)))
    async with serve(zone) as (host, port), Resolver([(host, port)]) as resolver:
        answer = await resolver.ask(Question("big.example", Rtype.TXT))
        assert len(answer.records) == 100
        assert resolver.counts.streams == 1


def test_the_server_answers_no_answers_and_survives_anything() -> None:
    wire = encode("customer.example")
    assert wire is not None
    question = wire + b"\0\x10\0\1"
    assert respond(ZONE, b"\0\1\x81\0\0\1\0\0\0\0\0\0" + question, 512) == (None, None)
    notimp, asked = respond(ZONE, b"\0\1\x21\0\0\1\0\0\0\0\0\0" + question, 512)
    assert notimp is not None
    assert (notimp[3] & 15, asked) == (4, None)
    formerr, _ = respond(ZONE, b"\0\1" + b"\xff" * 20, 512)
    assert formerr is not None
    assert formerr[3] & 15 == 1
    assert respond(ZONE, b"short", 512) == (None, None)


async def test_a_port_in_use_is_an_error_and_frees_what_it_took() -> None:
    async with serve(ZONE) as (host, port):
        with pytest.raises(OSError, match=r"in use"):
            async with serve(ZONE, host, port):
                pass
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


# -- driven ------------------------------------------------------------------------------------------------------------


SPF = Zone.parse(
    "customer.example TXT v=spf1 include:_spf.mail.example -all\n_spf.mail.example TXT v=spf1 ip4:192.0.2.1 -all"
)


def test_a_check_with_all_answers_at_hand_never_awaits() -> None:
    class Impatient(ZoneLookup):
        async def ask(self, question: Question) -> Answer:
            raise AssertionError("nothing needs to be waited for")

    coroutine = drive(check_host("192.0.2.1", "customer.example"), Impatient(SPF))
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value.result is Result.PASS


def test_an_evaluation_that_is_given_up_is_closed() -> None:
    closed = []

    def evaluation() -> Generator[Question, Answer, None]:
        try:
            yield Question("a.example", Rtype.A)
        finally:
            closed.append(True)

    class Broken(ZoneLookup):
        def cached(self, question: Question) -> Answer:
            raise LookupError(question.name)

    with pytest.raises(LookupError, match=r"a\.example"):
        asyncio.run(drive(evaluation(), Broken(SPF)))
    assert closed == [True]
