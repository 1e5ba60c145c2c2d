"""Coverage-guided fuzzing of macros: `python -m tests.rfc7208.fuzz_macro [-max_total_time=SECONDS]`."""

from __future__ import annotations

import atheris

from .fuzzing import fuzz

with atheris.instrument_imports(include=["spfcheck.rfc7208"]):
    from spfcheck.rfc7208.macro import MacroError, compile_explanation, compile_macros, dns_name, expand
    from spfcheck.rfc7208.message import Message, ascii_domain, identity

SEEDS = [b"%{l1r-}.%{ir}.%{v}.%{D2}%_%%%-\0user.name+x@example.com", b"%{S9-.+,/_=}.%{h}.%{o}.%{p}\0\xc3\xbc@d.example"]


def target(data: bytes) -> None:
    """Compiling raises nothing but MacroError; expansion of any value never raises; a name is one the DNS can carry."""
    spec_bytes, _, sender_bytes = data.partition(b"\0")
    text = spec_bytes.decode("latin-1")
    sender = sender_bytes.decode("utf-8", "surrogateescape")
    who = identity(sender, "helo.example")
    assert who.local_part
    assert max(who.local_part) <= "\xff"
    domain = ascii_domain(who.domain)
    assert domain is None or (domain == ascii_domain(domain) and 0 < len(domain) <= 253)
    message = Message(domain or "d.example", sender, sender)
    values = message.values(4, 0xC0000201, "d.example") | {"p": "unknown"}
    for compile_text in (compile_macros, compile_explanation):
        try:
            spec = compile_text(text)
        except MacroError as error:
            offset = error.offset
        else:
            offset = None
        if offset is not None:
            assert 0 <= offset <= len(text)
            continue
        expanded = expand(spec, values)
        if not spec.letters:
            assert expanded == spec.literal
        name = dns_name(expanded)
        if name is not None:
            assert 0 < len(name) <= 253
            assert all(0 < len(label) <= 63 for label in name.split("."))
            assert dns_name(name) == name


if __name__ == "__main__":
    fuzz(target, SEEDS)
