"""Addresses with the wrong word, mask or family: an address is read before a mechanism of one letter."""

from __future__ import annotations

import pytest

from tests.wild.wild import HOST, MX, Wild, holds

FOUR = "v=spf1 ip4:198.51.100.9 include:_spf.mail.example -all"
SIX = "v=spf1 ip6:2001:db8:9::9 include:_spf.mail.example -all"
NET = "v=spf1 ip6:2001:db8:9::/64 mx include:_spf.mail.example -all"
SIXTH = "2001:db8:9::9"
ROWS = [
    # virtualmin #208
    Wild("v=spf1 a:2001:db8:9::9 -all", SIX, (SIXTH,)),
    Wild("v=spf1 a:2001:db8:9::/64 mx -all", NET, (SIXTH, MX)),
    Wild("v=spf1 a:ip6:2001:db8:9::/64 mx -all", NET, (SIXTH, MX)),
    Wild("v=spf1 mx:2001:db8:9::9 -all", SIX, (SIXTH,)),
    # mlocati/spf-lib #33 and #31
    Wild("v=spf1 ipv6:2001:db8:9::9 -all", SIX, (SIXTH,)),
    Wild("v=spf1 ip6: 2001:db8:9::9 -all", SIX, (SIXTH,)),
    # libspf2 #30
    Wild("v=spf1 2001:db8:9::/64 mx -all", NET, (SIXTH, MX)),
    Wild("v=spf1 ip4:::ffff:198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ::ffff:198.51.100.9 -all", FOUR, (HOST,)),
    # rspamd #626, MicrosoftDocs #13481
    Wild("v=spf1 ipv4:198.51.100.9 -all", FOUR, (HOST,)),
    # checkdmarc #87
    Wild("v=spf1 ip6:198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ip4.198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ip4 198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ip4;198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ip44:198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ip5:198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ip4::198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ip4:ip4:198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 a:198.51.100.9 -all", FOUR, (HOST,)),
    Wild("v=spf1 ip4:198.51.100.9. -all", FOUR, (HOST,)),
    Wild(
        "v=spf1 ip4:198.51.100.0/255.255.255.192 -all",
        "v=spf1 ip4:198.51.100.0/26 include:_spf.mail.example -all",
        (HOST,),
        says="becomes “ip4:198.51.100.0/26”",
    ),
    Wild(
        "v=spf1 ip4:198.51.100.8,198.51.100.9 -all",
        FOUR.replace("ip4:198.51.100.9", "ip4:198.51.100.8 ip4:198.51.100.9"),
        (HOST,),
    ),
    # which way round a mask is meant, an interface, a range, octal numbers, three octets, half the Internet
    Wild("v=spf1 ip4:198.51.100.0/0.0.0.255 -all", reason="netmask"),
    Wild("v=spf1 ip4:198.51.100.0/255.0.255.0 -all", reason="netmask"),
    Wild("v=spf1 ip6:fe80::1%eth0 mx -all", reason="scope-id"),
    Wild("v=spf1 ip4:198.51.100.1-198.51.100.9 -all", reason="bad-address"),
    Wild("v=spf1 ip4:198.051.100.009 -all", reason="bad-address"),
    Wild("v=spf1 ip4:198.51.100 -all", reason="bad-address"),
    Wild("v=spf1 ip4:198.51.100.* -all", reason="bad-address"),
    Wild("v=spf1 ip4:198.51.100.9:25 -all", reason="bad-address"),
    Wild("v=spf1 ip4:198.51.100.0/33 -all", reason="bad-prefix"),
    Wild("v=spf1 ipv4:198.0.0.0/8 -all", reason="too-wide"),
    Wild("v=spf1 a:1:2:3:4:5:6:7 -all", reason="unknown-word"),
]


@pytest.mark.parametrize("wild", ROWS, ids=str)
async def test_addresses(wild: Wild) -> None:
    await holds(wild)
