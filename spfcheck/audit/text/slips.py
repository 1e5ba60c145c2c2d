"""The usual slips in an SPF record, by name, and what to tell the person who made one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["HINTS", "Slip"]


class Slip(StrEnum):
    """One way to get a record wrong. Closed; the strings are stable."""

    IPV4_WORD = "ipv4-word"
    FAMILY_SWAPPED = "family-swapped"
    BARE_ADDRESS = "bare-address"
    BARE_NAME = "bare-name"
    ADDRESS_AS_NAME = "address-as-name"
    SPACE_AFTER_COLON = "space-after-colon"
    SPACE_AFTER_SIGN = "space-after-sign"
    PUNCTUATION = "punctuation"
    TYPOGRAPHY = "typography"
    QUOTES = "quotes"
    CONTROL = "control"
    GLUED = "glued"
    GLUED_TOKEN = "glued-token"  # noqa: S105 - a kind of slip
    ALL_MISSPELT = "all-misspelt"
    EMPTY_ARGUMENT = "empty-argument"
    DOUBLED = "doubled"
    PREFIX_ON_NAME = "prefix-on-name"
    REDIRECT_COLON = "redirect-colon"
    EQUALS_SIGN = "equals-sign"
    LEADING_SPACE = "leading-space"
    VERSION = "version"
    URL = "url"
    MAIL_ADDRESS = "mail-address"
    BAD_ADDRESS = "bad-address"
    BAD_PREFIX = "bad-prefix"
    LONE_SIGN = "lone-sign"
    JOINT = "joint"
    REPEATED_MODIFIER = "repeated-modifier"
    UNKNOWN_WORD = "unknown-word"


HINTS: Mapping[str, str] = {
    Slip.IPV4_WORD: "The words are ip4 and ip6; write ip4:192.0.2.1 or ip6:2001:db8::1.",
    Slip.FAMILY_SWAPPED: "IPv4 addresses belong after ip4:, IPv6 addresses after ip6:.",
    Slip.BARE_ADDRESS: "Write ip4: in front of an IPv4 address and ip6: in front of an IPv6 address.",
    Slip.BARE_NAME: "A name needs a word in front of it: include: for a provider's record, a: for a single host.",
    Slip.ADDRESS_AS_NAME: "A name belongs here; write an address as ip4: or ip6: instead.",
    Slip.SPACE_AFTER_COLON: "Remove the space after the colon.",
    Slip.SPACE_AFTER_SIGN: "Remove the space after the sign.",
    Slip.PUNCTUATION: "Part terms by spaces, without commas or semicolons.",
    Slip.TYPOGRAPHY: "Type the record again as plain text, without typographic dashes, quotes or special spaces.",
    Slip.QUOTES: "Quotation marks are not part of the record; leave them out, or let the panel add them.",
    Slip.CONTROL: "Remove tabs and line breaks; terms are parted by spaces.",
    Slip.GLUED: "Put a space between the two terms.",
    Slip.GLUED_TOKEN: "Put what follows all into a TXT record of its own; it is not part of SPF.",
    Slip.ALL_MISSPELT: "Write all, as in ~all.",
    Slip.EMPTY_ARGUMENT: "Name what belongs after the colon, or remove the term.",
    Slip.DOUBLED: "Write the word and the colon once.",
    Slip.PREFIX_ON_NAME: "A length such as /24 belongs to addresses; remove it here.",
    Slip.REDIRECT_COLON: "redirect takes an equals sign: redirect=example.com.",
    Slip.EQUALS_SIGN: "Mechanisms take a colon: include:example.com, ip4:192.0.2.1.",
    Slip.LEADING_SPACE: "The record must begin with v=spf1, without anything in front of it.",
    Slip.VERSION: "The record must begin with v=spf1 and a space.",
    Slip.URL: "Write the plain name of the host or domain, without http:// and slashes.",
    Slip.MAIL_ADDRESS: "Write the domain alone, without the part up to the @ sign.",
    Slip.BAD_ADDRESS: "Check the address: four numbers from 0 to 255 without leading zeros, or a full IPv6 address.",
    Slip.BAD_PREFIX: "Check the length after the slash: at most 32 for IPv4 and 128 for IPv6, once.",
    Slip.LONE_SIGN: "A sign stands directly in front of a term; remove it, or add the term.",
    Slip.JOINT: "Two strings of the record were joined without a space; add one at the end of the first.",
    Slip.REPEATED_MODIFIER: "redirect and exp may each stand once; keep the one that is meant.",
    Slip.UNKNOWN_WORD: "The words are ip4, ip6, a, mx, include, exists, ptr, all, redirect, exp; check the spelling.",
    "": "Check the spelling of this term.",
}
"""The advice for each slip; the empty key is for a fault of no known kind."""
