"""What hostile and broken name servers do, one row each, and the verdict that it must lead to.

The check is always the same: may 192.0.2.1 send as postmaster at the row's name? Where two verdicts could be
defended, ours stands here, so that it is always the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from spfcheck.resolver.types import Outcome
from spfcheck.rfc7208.verdict import Cause, Result

__all__ = ["CLIENT", "ROWS", "SUFFIX", "ZONE", "Row", "domain_of"]

CLIENT = "192.0.2.1"
SUFFIX = "h.test"

PASS, FAIL, NONE, NEUTRAL = Result.PASS, Result.FAIL, Result.NONE, Result.NEUTRAL
TEMP, PERM = Result.TEMPERROR, Result.PERMERROR
DNS, SYNTAX, LOOKUPS, VOIDS = Cause.DNS_FAILURE, Cause.SYNTAX_ERROR, Cause.LOOKUP_LIMIT, Cause.VOID_LIMIT
MATCHED = Cause.MATCHED


@dataclass(frozen=True, slots=True)
class Row:
    """One behaviour: its verdict with the cause, the outcome of the first question, and the seconds allowed."""

    row: str
    what: str
    result: Result
    cause: Cause
    outcome: Outcome
    seconds: float = 5
    proven: bool | None = None
    """Whether the first answer may be evidence for a message; None where it is plainly an answer or a failure."""
    most_questions: int | None = None
    """Questions that may reach the server, packets sent again included."""


def domain_of(row: str) -> str:
    return f"{row.lower()}.{SUFFIX}"


def _temp(row: str, what: str, outcome: Outcome, seconds: float = 20, most: int | None = None) -> Row:
    return Row(row, what, TEMP, DNS, outcome, seconds, False, most)


def _pass(row: str, what: str, seconds: float = 5, most: int | None = None) -> Row:
    return Row(row, what, PASS, MATCHED, Outcome.OK, seconds, True, most)


def _perm(row: str, what: str, cause: Cause = SYNTAX, most: int | None = None) -> Row:
    return Row(row, what, PERM, cause, Outcome.OK, 5, True, most)


def _none(row: str, what: str) -> Row:
    return Row(row, what, NONE, Cause.NO_RECORD, Outcome.OK, 5, True)


ROWS: tuple[Row, ...] = (
    # Forged and damaged packets: RFC 5452 9.1, RFC 9267.
    _temp("H001", "no answer over UDP, ever", Outcome.TIMEOUT),
    _pass("H002", "the first packet of each name gets lost"),
    _pass("H003", "answers after 1.2 s", 8),
    _temp("H004", "answers after 25 s", Outcome.TIMEOUT),
    _temp("H005", "the id is one too high", Outcome.TIMEOUT),
    _pass("H006", "a wrong id first, the real answer 50 ms later", 2),
    _temp("H007", "another name in the question", Outcome.TIMEOUT),
    _pass("H008", "another name first, the real answer 50 ms later"),
    _temp("H009", "another type in the question", Outcome.TIMEOUT),
    _temp("H010", "no question comes back, but an answer", Outcome.TIMEOUT),
    _temp("H011", "the answer comes from another port", Outcome.TIMEOUT),
    _temp("H012", "the answer says that it is a query", Outcome.TIMEOUT),
    _temp("H013", "a hundred random bytes", Outcome.TIMEOUT),
    _pass("H014", "garbage with the right id first, the real answer 50 ms later"),
    _temp("H015", "five bytes of our query", Outcome.TIMEOUT),
    _temp("H016", "a sound header and question, then 0xff", Outcome.MALFORMED),
    _temp("H017", "a character-string longer than its record", Outcome.MALFORMED),
    _temp("H018", "an owner name that points at itself", Outcome.MALFORMED),
    _temp("H019", "five answers are announced, one is there", Outcome.MALFORMED),
    _temp("H020", "eight bytes after the end of a good answer", Outcome.MALFORMED),
    _pass("H021", "the question comes back in other case"),
    # Truncation, TCP, EDNS.
    _pass("H022", "truncated over UDP, whole over TCP"),
    _temp("H023", "truncated, and TCP closes at once", Outcome.TRUNCATED),
    _temp("H024", "truncated, and TCP says nothing", Outcome.TRUNCATED),
    _temp("H025", "truncated, and TCP drips a byte a second", Outcome.TRUNCATED),
    _temp("H026", "truncated with a record that passes everyone, TCP closed", Outcome.TRUNCATED),
    _pass("H027", "truncated NXDOMAIN over UDP, the record over TCP"),
    _temp("H028", "TCP announces 4,000 bytes and sends 80", Outcome.TRUNCATED),
    _temp("H029", "TCP answers with another id", Outcome.TRUNCATED),
    _pass("H030", "FORMERR to EDNS, an answer without"),
    _temp("H031", "EDNS queries are dropped", Outcome.TIMEOUT),
    _temp("H032", "BADVERS to every EDNS query", Outcome.RCODE),
    # Response codes and negatives: RFC 7208 4.3 to 4.5, RFC 2308.
    _temp("H033", "SERVFAIL", Outcome.SERVFAIL, 5),
    _pass("H034", "SERVFAIL once, then an answer"),
    _temp("H035", "REFUSED", Outcome.REFUSED, 5),
    _temp("H036", "NOTIMP", Outcome.RCODE, 5),
    _temp("H037", "FORMERR with EDNS and without", Outcome.RCODE, 5),
    _temp("H038", "YXDOMAIN", Outcome.RCODE, 5),
    _temp("H039", "NOTAUTH", Outcome.RCODE, 5),
    Row("H040", "NXDOMAIN with its SOA", NONE, Cause.NO_DOMAIN, Outcome.NXDOMAIN, proven=True),
    _temp("H041", "NXDOMAIN, and a record of the name beside it", Outcome.MALFORMED, 5),
    Row("H042", "NODATA with its SOA", NONE, Cause.NO_RECORD, Outcome.NODATA, proven=True),
    Row("H043", "NODATA, all sections empty", NONE, Cause.NO_RECORD, Outcome.NODATA, proven=False),
    Row("H044", "an answer about another name", NONE, Cause.NO_RECORD, Outcome.NODATA, proven=False),
    _pass("H045", "a good answer, and another name's record beside it"),
    _temp("H046", "a referral up to the root", Outcome.REFERRAL, 5),
    _temp("H047", "SERVFAIL because DNSSEC does not validate", Outcome.BOGUS, 10),
    # CNAME.
    _pass("H048", "a CNAME with its target"),
    _pass("H049", "a CNAME alone"),
    _temp("H050", "a CNAME to itself", Outcome.CHAIN, 5, 2),
    _temp("H051", "two CNAMEs in a circle, one an answer", Outcome.CHAIN, 5, 3),
    _pass("H052", "nine CNAMEs, then the record"),
    _temp("H053", "twelve CNAMEs, then the record", Outcome.CHAIN, 5, 2),
    Row("H054", "a CNAME to a name that does not exist", NONE, Cause.NO_DOMAIN, Outcome.NXDOMAIN, proven=True),
    Row("H055", "a CNAME beside the record", PASS, MATCHED, Outcome.OK, proven=False),
    # TTL, size, consistency.
    _pass("H056", "TTL 0"),
    _pass("H057", "a TTL of 68 years"),
    _pass("H058", "a TTL with its top bit set"),
    Row("H059", "NXDOMAIN for a week", NONE, Cause.NO_DOMAIN, Outcome.NXDOMAIN, proven=True),
    _pass("H060", "281 TXT records, 57 KB"),
    _pass("H061", "one record of 50 KB"),
    _pass("H062", "good and broken in turn"),
    _pass("H063", "strings split in the middle of an address"),
    _pass("H064", "empty strings between"),
    # Hostile content: RFC 7208 3, 4.5, 4.6, 7.
    _perm("H065", "two records", Cause.MULTIPLE_RECORDS),
    _none("H066", "v=spf10"),
    _none("H067", "a space before the version"),
    _pass("H068", "upper and lower case mixed"),
    _perm("H069", "bytes over 127"),
    _perm("H070", "a NUL byte"),
    _none("H071", "a tab after the version"),
    _perm("H072", "CR LF and a header"),
    _perm("H073", "a terminal escape"),
    _pass("H074", "script and template in an unknown modifier"),
    Row("H075", "the version alone", NEUTRAL, Cause.DEFAULT, Outcome.OK, proven=True),
    _none("H076", "TXT without SPF"),
    Row("H077", "type SPF only", NONE, Cause.NO_RECORD, Outcome.NODATA, proven=True),
    _perm("H078", "an error after the match"),
    _perm("H079", "a prefix of 33"),
    _perm("H080", "a leading zero in an address"),
    _perm("H081", "redirect twice"),
    _perm("H082", "a macro in round brackets"),
    _perm("H083", "a macro that only an explanation may hold"),
    _perm("H084", "a macro that keeps 0 labels"),
    _pass("H085", "a macro that keeps 99999999999999999999 labels"),
    _pass("H086", "a name of 1,080 characters by macros"),
    _perm("H087", "a label of 64 characters"),
    _perm("H088", "an empty label"),
    Row("H089", "an explanation with script and link", FAIL, MATCHED, Outcome.OK, proven=True),
    Row("H090", "two explanations", FAIL, MATCHED, Outcome.OK, proven=True),
    # Limits and amplification: RFC 7208 4.6.4, 11.1.
    _pass("H091", "10 includes, then the match"),
    _perm("H092", "11 includes", LOOKUPS, 11),
    _pass("H093", "10 includes, one inside the other"),
    _perm("H094", "an include of itself", LOOKUPS, 11),
    _perm("H095", "two that include each other", LOOKUPS, 11),
    _perm("H096", "a redirect to itself", LOOKUPS, 11),
    _perm("H097", "every name includes ten more", LOOKUPS, 11),
    _pass("H098", "mx with 10 names"),
    _perm("H099", "mx with 11 names", Cause.MX_LIMIT),
    Row("H100", "10 mx of 10 names", FAIL, MATCHED, Outcome.OK, 10, True, 111),
    _pass("H101", "2 void lookups, then the match"),
    _perm("H102", "3 void lookups by NXDOMAIN", VOIDS),
    _perm("H103", "3 void lookups by NODATA", VOIDS),
    _perm("H104", "an include without a record", Cause.INCLUDE_NO_RECORD),
    _perm("H105", "an include of a name that does not exist", Cause.INCLUDE_NO_RECORD),
    Row("H106", "an include that answers SERVFAIL", TEMP, DNS, Outcome.OK, proven=True),
    Row("H107", "SERVFAIL before the match", TEMP, DNS, Outcome.OK, proven=True),
    _pass("H108", "SERVFAIL after the match"),
    _perm("H109", "a redirect to a name that does not exist", Cause.REDIRECT_NO_RECORD),
    _pass("H110", "addresses of our own machines"),
    Row("H111", "nine terms, each answered after 3 s", TEMP, DNS, Outcome.OK, 20, True),
)

GOOD = '"v=spf1 ip4:192.0.2.1 -all"'


def _zone() -> str:
    lines = []

    def txt(row: str, *strings: str, below: str = "", ttl: int = 300) -> None:
        words = " ".join(f'"{string}"' for string in strings)
        lines.append(f"{below}{domain_of(row)} {ttl} TXT {words}")

    def record(row: str, text: str, below: str = "") -> None:
        txt(row, f"v=spf1 {text}", below=below)

    # What is hostile about these is the way in which a sound record is sent.
    lines += [f"h{number:03}.{SUFFIX} TXT {GOOD}" for number in range(1, 40)]
    lines.append(f"end.h049.{SUFFIX} TXT {GOOD}")
    lines.append(f"h042.{SUFFIX} A 192.0.2.1")
    lines += [f"h048.{SUFFIX} CNAME end.h048.{SUFFIX}", f"end.h048.{SUFFIX} TXT {GOOD}"]
    names = [f"h052.{SUFFIX}", *(f"c{link}.h052.{SUFFIX}" for link in range(9))]
    lines += [f"{owner} CNAME {target}" for owner, target in pairwise(names)]
    lines.append(f"{names[-1]} TXT {GOOD}")
    lines.append(f"h054.{SUFFIX} CNAME nx.h054.{SUFFIX}")
    lines += [f"h055.{SUFFIX} CNAME end.h055.{SUFFIX}", f"h055.{SUFFIX} TXT {GOOD}", f"end.h055.{SUFFIX} TXT other"]

    for number in range(280):
        txt("H060", f"filler {number:04} " + "x" * 187)
    txt("H060", "v=spf1 ip4:192.0.2.1 -all")
    networks = " ".join(f"ip4:10.{number // 250}.{number % 250}.1" for number in range(3000))
    record("H061", f"{networks} ip4:192.0.2.1 -all")
    txt("H063", "v=spf1 ip4:192.", "0.2.1 -a", "ll")
    txt("H064", "", "v=spf1 ip4:192.0.2.1", "", " -all", "")
    txt("H065", "v=spf1 ip4:192.0.2.1 -all")
    txt("H065", "v=spf1 -all")
    txt("H066", "v=spf10 ip4:192.0.2.1 -all")
    txt("H067", " v=spf1 ip4:192.0.2.1 -all")
    txt("H068", "V=sPf1 IP4:192.0.2.1 -ALL")
    record("H069", "ip4:192.0.2.1 \\255\\254 -all")
    record("H070", "ip4:192.0.2.1 \\000 -all")
    txt("H071", "v=spf1\\009ip4:192.0.2.1 -all")
    record("H072", "ip4:192.0.2.1 -all\\013\\010X-Injected: 1")
    record("H073", "ip4:192.0.2.1 \\027[31m -all")
    record("H074", "x=<script>alert(1)</script>{{user.email}} ip4:192.0.2.1 -all")
    txt("H075", "v=spf1")
    txt("H076", "some-verification=123")
    lines.append(f"h077.{SUFFIX} SPF {GOOD}")
    record("H078", "ip4:192.0.2.1 -all garbage:")
    record("H079", "ip4:192.0.2.1/33 -all")
    record("H080", "ip4:192.0.02.1 -all")
    record("H081", "redirect=a.h.test redirect=b.h.test")
    record("H082", "exists:%(ir).h.test ip4:192.0.2.1 -all")
    record("H083", "exists:%{c}.h.test ip4:192.0.2.1 -all")
    record("H084", "exists:%{d0}.h.test ip4:192.0.2.1 -all")
    record("H085", "exists:%{l99999999999999999999r}.h085.h.test ip4:192.0.2.1 -all")
    record("H086", f"exists:{'%{d}.' * 60}h086.h.test ip4:192.0.2.1 -all")
    record("H087", f"a:{'x' * 64}.h.test ip4:192.0.2.1 -all")
    record("H088", "a:foo..h.test ip4:192.0.2.1 -all")
    record("H089", "-all exp=why.h089.h.test")
    txt("H089", "<script>alert(1)</script> see https://evil.example/", below="why.")
    record("H090", "-all exp=why.h090.h.test")
    txt("H090", "one", below="why.")
    txt("H090", "two", below="why.")

    record("H091", " ".join(f"include:i{number}.h091.h.test" for number in range(10)) + " ip4:192.0.2.1 -all")
    record("H092", " ".join(f"include:i{number}.h092.h.test" for number in range(11)) + " ip4:192.0.2.1 -all")
    for row in ("H091", "H092"):
        for number in range(11):
            record(row, "ip4:198.51.100.1 -all", below=f"i{number}.")
    for number in range(10):
        record("H093", f"include:i{number + 1}.h093.h.test -all", below=f"i{number}." if number else "")
    record("H093", "ip4:192.0.2.1 -all", below="i10.")
    record("H094", "include:h094.h.test -all")
    record("H095", "include:b.h095.h.test -all")
    record("H095", "include:h095.h.test -all", below="b.")
    record("H096", "redirect=h096.h.test")
    lines.append(
        f'h097.{SUFFIX} TXT "v=spf1 {" ".join(f"include:i{number}.h097.h.test" for number in range(10))} -all"'
    )
    lines.append(f'*.h097.{SUFFIX} TXT "v=spf1 {" ".join(f"include:i{number}.%{{d}}" for number in range(10))} -all"')
    for row, hosts in (("h098", 10), ("h099", 11)):
        lines.append(f'{row}.{SUFFIX} TXT "v=spf1 mx -all"')
        lines += [f"{row}.{SUFFIX} MX 10 m{number}.{row}.{SUFFIX}" for number in range(hosts)]
        lines += [f"m{number}.{row}.{SUFFIX} A 198.51.100.{number}" for number in range(hosts)]
        lines.append(f"m9.{row}.{SUFFIX} A 192.0.2.1")
    record("H100", " ".join(f"mx:x{number}.h100.h.test" for number in range(10)) + " -all")
    for number in range(10):
        lines += [f"x{number}.h100.{SUFFIX} MX 10 m{host}.x{number}.h100.{SUFFIX}" for host in range(10)]
        lines += [f"m{host}.x{number}.h100.{SUFFIX} A 198.51.{number}.{host}" for host in range(10)]
    record("H101", "a:nx1.h101.h.test a:nx2.h101.h.test ip4:192.0.2.1 -all")
    record("H102", "a:nx1.h102.h.test a:nx2.h102.h.test a:nx3.h102.h.test ip4:192.0.2.1 -all")
    record("H103", "a:e1.h103.h.test a:e2.h103.h.test a:e3.h103.h.test ip4:192.0.2.1 -all")
    lines += [f"e{number}.h103.{SUFFIX} TXT empty" for number in (1, 2, 3)]
    record("H104", "include:other.h104.h.test -all")
    txt("H104", "no record here", below="other.")
    record("H105", "include:nx.h105.h.test -all")
    record("H106", "include:broken.h106.h.test ip4:192.0.2.1 -all")
    record("H107", "a:broken.h107.h.test ip4:192.0.2.1 -all")
    record("H108", "ip4:192.0.2.1 a:broken.h108.h.test -all")
    lines += [f"broken.h{number}.{SUFFIX} ANY SERVFAIL" for number in (106, 107, 108)]
    record("H109", "redirect=nx.h109.h.test")
    record("H110", "a:inside.h110.h.test ip4:192.0.2.1 -all")
    lines += [f"inside.h110.{SUFFIX} A {address}" for address in ("169.254.169.254", "127.0.0.1", "10.0.0.1")]
    record("H111", " ".join(f"a:t{number}.h111.h.test" for number in range(9)) + " ip4:192.0.2.1 -all")
    lines += [f"t{number}.h111.{SUFFIX} A 198.51.100.{number}" for number in range(9)]
    return "\n".join(lines)


ZONE = _zone()
