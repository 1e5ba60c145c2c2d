"""The usual slips in an SPF record, by name, and what to tell the person who made one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from spfcheck.rfc7208.record import Span

__all__ = ["HINTS", "Correction", "Slip"]


class Slip(StrEnum):
    """One way to get a record wrong. Closed; the strings are stable."""

    IPV4_WORD = "ipv4-word"
    FAMILY_SWAPPED = "family-swapped"
    BARE_ADDRESS = "bare-address"
    BARE_NAME = "bare-name"
    ADDRESS_AS_NAME = "address-as-name"
    NAME_AS_ADDRESS = "name-as-address"
    SCOPE_ID = "scope-id"
    NETMASK = "netmask"
    WORD_MISSPELT = "word-misspelt"
    SEPARATOR = "separator"
    MISSING_COLON = "missing-colon"
    MISSING_ARGUMENT = "missing-argument"
    SPACE_AFTER_COLON = "space-after-colon"
    SPACE_AFTER_SIGN = "space-after-sign"
    REPEATED_SIGN = "repeated-sign"
    SIGN_ON_MODIFIER = "sign-on-modifier"
    SIGN_BEHIND = "sign-behind"
    PUNCTUATION = "punctuation"
    STRAY_PUNCTUATION = "stray-punctuation"
    MARKUP = "markup"
    TYPOGRAPHY = "typography"
    FOREIGN_LETTER = "foreign-letter"
    UNICODE_NAME = "unicode-name"
    QUOTES = "quotes"
    CONTROL = "control"
    GLUED = "glued"
    GLUED_TOKEN = "glued-token"  # noqa: S105 - a kind of slip
    TOKEN = "token"  # noqa: S105 - a kind of slip
    KEY = "key"
    POLICY = "policy"
    ALL_MISSPELT = "all-misspelt"
    EMPTY_ARGUMENT = "empty-argument"
    DOUBLED = "doubled"
    PREFIX_ON_NAME = "prefix-on-name"
    REDIRECT_COLON = "redirect-colon"
    EQUALS_SIGN = "equals-sign"
    OWN_NAME = "own-name"
    LEADING_SPACE = "leading-space"
    VERSION = "version"
    VERSION_TWICE = "version-twice"
    WRAPPED = "wrapped"
    PASTED = "pasted"
    SPLIT = "split"
    URL = "url"
    MAIL_ADDRESS = "mail-address"
    BAD_ADDRESS = "bad-address"
    BAD_PREFIX = "bad-prefix"
    TOO_WIDE = "too-wide"
    LONE_SIGN = "lone-sign"
    JOINT = "joint"
    REPEATED_MODIFIER = "repeated-modifier"
    UNKNOWN_WORD = "unknown-word"


@dataclass(frozen=True, slots=True)
class Correction:
    """One slip that was mended: the words as published, where they stand, and what they became (empty: dropped)."""

    slip: Slip
    span: Span
    words: str
    becomes: str


HINTS: Mapping[str, str] = {
    Slip.IPV4_WORD: "The words are ip4 and ip6: write ip4:192.0.2.1 or ip6:2001:db8::1.",
    Slip.FAMILY_SWAPPED: "IPv4 addresses belong after ip4:, IPv6 addresses after ip6:.",
    Slip.BARE_ADDRESS: "Write ip4: in front of an IPv4 address and ip6: in front of an IPv6 address.",
    Slip.BARE_NAME: "A name needs a word in front of it: include: for a provider's record, a: for a single host.",
    Slip.ADDRESS_AS_NAME: "A name belongs here. Write an address with ip4: or ip6: instead.",
    Slip.NAME_AS_ADDRESS: "An address belongs after ip4: and ip6:. A name takes a: (a host) or include: (a provider).",
    Slip.SCOPE_ID: "Remove the % sign and what follows it: an address in SPF has no interface.",
    Slip.NETMASK: "Write the size of the network as a number, such as /24, not as a mask.",
    Slip.WORD_MISSPELT: "This word is misspelt. The words are ip4, ip6, a, mx, include, exists, ptr and all.",
    Slip.SEPARATOR: "Put a colon between the word and what belongs to it: include:example.com, ip4:192.0.2.1.",
    Slip.MISSING_COLON: "Put a colon, and no space, between the word and what belongs to it: include:example.com.",
    Slip.MISSING_ARGUMENT: "This word needs a colon and an address or a name after it, such as include:example.com.",
    Slip.SPACE_AFTER_COLON: "Remove the space after the colon.",
    Slip.SPACE_AFTER_SIGN: "Remove the space after the sign.",
    Slip.REPEATED_SIGN: "Write one sign in front of a term, not two.",
    Slip.SIGN_ON_MODIFIER: "Remove the sign: redirect= and exp= take none in front of them.",
    Slip.SIGN_BEHIND: "The sign belongs in front of the word, as in -all.",
    Slip.PUNCTUATION: "Separate terms with spaces, without commas or semicolons.",
    Slip.STRAY_PUNCTUATION: "Remove the punctuation around this term.",
    Slip.MARKUP: "Remove the brackets or the markup: only the plain text belongs in the record.",
    Slip.TYPOGRAPHY: "Type the record again as plain text, without typographic dashes, quotes or special spaces.",
    Slip.FOREIGN_LETTER: "Type this word again: it holds a letter that is not one of a to z.",
    Slip.UNICODE_NAME: "Write the name in its ASCII form, which begins with xn--.",
    Slip.QUOTES: "Quotation marks are not part of the record. Leave them out, or let the panel add them.",
    Slip.CONTROL: "Remove tabs and line breaks, and separate terms with spaces.",
    Slip.GLUED: "Put a space between the two terms.",
    Slip.GLUED_TOKEN: "Put what follows all into a TXT record of its own. It is not part of SPF.",
    Slip.TOKEN: "Put this token into a TXT record of its own. It is not part of SPF.",
    Slip.KEY: "Put this key into a TXT record at its selector's name. It is not part of SPF.",
    Slip.POLICY: "Put this policy into a TXT record at its own name. It is not part of SPF.",
    Slip.ALL_MISSPELT: "Write all, as in ~all.",
    Slip.EMPTY_ARGUMENT: "Name what belongs after the colon, or remove the term.",
    Slip.DOUBLED: "Write the word and the colon once.",
    Slip.PREFIX_ON_NAME: "A length such as /24 belongs to addresses. Remove it here.",
    Slip.REDIRECT_COLON: "redirect takes an equals sign: redirect=example.com.",
    Slip.EQUALS_SIGN: "Mechanisms take a colon: include:example.com, ip4:192.0.2.1.",
    Slip.OWN_NAME: "This is our name misspelt. Copy the include from our instructions.",
    Slip.LEADING_SPACE: "The record must begin with v=spf1, without anything in front of it.",
    Slip.VERSION: "The record must begin with v=spf1 and a space.",
    Slip.VERSION_TWICE: "Write v=spf1 once, at the beginning.",
    Slip.WRAPPED: "Remove what stands around the record: its value begins with v=spf1.",
    Slip.PASTED: "Keep one v=spf1 at the beginning and one all at the end.",
    Slip.SPLIT: "Put all parts of the record into one TXT record.",
    Slip.URL: "Write the plain name of the host or domain, without http:// and slashes.",
    Slip.MAIL_ADDRESS: "Write the domain alone, without the part up to the @ sign.",
    Slip.BAD_ADDRESS: "Check the address: four numbers from 0 to 255 without leading zeros, or a full IPv6 address.",
    Slip.BAD_PREFIX: "Check the length after the slash: at most 32 for IPv4 and 128 for IPv6, once.",
    Slip.TOO_WIDE: "This would authorise a very large network. Check the length after the slash.",
    Slip.LONE_SIGN: "A sign stands directly in front of a term. Remove it, or add the term.",
    Slip.JOINT: "Two strings of the record were joined without a space. Add one at the end of the first.",
    Slip.REPEATED_MODIFIER: "redirect and exp may each stand once. Keep the one that is meant.",
    Slip.UNKNOWN_WORD: "This is no word of SPF. The words are ip4, ip6, a, mx, include, exists, ptr, all, redirect.",
    "": "Check this term.",
}
"""The advice for each slip; the empty key is for a fault of no known kind."""
