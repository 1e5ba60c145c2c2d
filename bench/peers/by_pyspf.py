"""pyspf over dnspython, as its users have it; the variant `cached` gives dnspython its LRU cache."""

from __future__ import annotations

import importlib.metadata
import warnings

import dns.resolver
import spf
from timing import by_threads, job


def main() -> None:
    work = job()
    warnings.simplefilter("ignore")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [work.host], work.port
    cache = dns.resolver.LRUCache(1_000_000) if work.variant == "cached" else None
    resolver.cache = cache
    dns.resolver.default_resolver = resolver

    def judge(domain: str) -> str:
        try:
            result: str = spf.check2(work.client, f"postmaster@{domain}", "mail.invalid")[0]
        except Exception as error:  # noqa: BLE001 - what escapes from a peer is its result
            return type(error).__name__
        return result

    version = importlib.metadata.version
    told = f"pyspf {version('pyspf')}, dnspython {version('dnspython')}"
    by_threads(work, told, judge, cache.flush if cache else lambda: None).print()


main()
