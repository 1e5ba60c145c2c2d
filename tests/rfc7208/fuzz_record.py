"""Coverage-guided fuzzing of the record parser: `python -m tests.rfc7208.fuzz_record [-max_total_time=SECONDS]`."""

from __future__ import annotations

import atheris

from .fuzzing import fuzz

with atheris.instrument_imports(include=["spfcheck.rfc7208"]):
    from spfcheck.rfc7208.record import canonical, parse, select
    from spfcheck.rfc7208.steps import program

SEEDS = [
    b"v=spf1 a:foo.example/24//64 mx//128 ip4:192.0.2.0/24 ip6:2001:db8::/32 include:%{d2r-}.example -all",
    b"v=spf1 redirect=_spf.example exp=%{ir}.%{v}.example unknown=%{l}%% ?exists:%{i}.x.example ptr:example.com ~all",
]


def target(data: bytes) -> None:
    """Parsing never raises, accounts for every term, and is stable; a valid record can be compiled."""
    for text in (data, b"v=spf1 " + data):
        record = parse(text)
        assert record.text.encode("latin-1") == text
        assert all(record.source(term.span) == term.text for term in record.terms)
        assert all(0 <= p.span.start <= p.span.stop <= len(text) for p in record.problems)
        assert bool(select([(text,)])) is not any(p.code == "not-spf" for p in record.problems)
        plain = canonical(record)
        assert canonical(parse(plain)) == plain
        if record.valid:
            assert parse(plain).valid
            assert program(record, 4)[:0] == program(record, 6)[:0] == ()


if __name__ == "__main__":
    fuzz(target, SEEDS)
