"""checkdmarc's audit of a record. It judges no address: its result is `none`, `permerror` or `valid`."""

from __future__ import annotations

import importlib.metadata

import checkdmarc.spf
import checkdmarc.utils
import dns.resolver
from timing import by_threads, job


def main() -> None:
    work = job()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [work.host], work.port
    resolver.cache = None

    def judge(domain: str) -> str:
        try:
            found = checkdmarc.spf.check_spf(domain, resolver=resolver)
        except Exception as error:  # noqa: BLE001 - what escapes from a peer is its result
            return type(error).__name__
        if found["valid"]:
            return "valid"
        return "none" if found["record"] is None else "permerror"

    told = f"checkdmarc {importlib.metadata.version('checkdmarc')}"
    by_threads(work, told, judge, checkdmarc.utils.DNS_CACHE.clear).print()


main()
