"""Domain names as people type them: one way in, and one way to show them.

Every face takes a domain through `domain_name`, so that nothing costly is ever done for what is no domain name. The
order of the checks is the defence: length first, since mapping and encoding take time that grows with it
(CVE-2026-45409), then the class of each character, then UTS 46, then the rules for labels (RFC 1035 2.3.4, RFC 5890).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import cache, lru_cache
from typing import Any, Final

import idna

MAX_NAME: Final = 253
"""Characters of a name in text form: 255 octets on the wire less the root label and one length (RFC 1035 2.3.4)."""

MAX_LABEL: Final = 63
"""Octets of a label (RFC 1035 2.3.4)."""

_LONGEST_GUESS: Final = 2_048
"""Longer pastes are not searched for a likely domain: nobody pastes an address of that length by hand."""

_ASCII_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")

_TOP_LABEL: Final = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
"""A top-level domain begins with a letter (RFC 3696 2), which tells a name from an address."""

_PLAIN: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A name that stays as it is."""

_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
"""Controls, format characters (bidi, zero width), surrogates, private and unassigned ones, and every kind of space."""


class NotADomainName(Exception):  # noqa: N818 - it is what the text is, not what went wrong in the program
    """The text is no domain name; the message is one sentence for a person.

    *likely* is the domain that the text probably means (a pasted URL, an e-mail address, a slip), or None.
    """

    def __init__(self, sentence: str, likely: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.likely = likely


def domain_name(text: str) -> str:
    """The domain that *text* names: A-labels in lower case, without a trailing dot.

    Underscores are accepted, since records stand at names such as ``_spf.mail.example``; exactly one trailing dot is
    taken off. Raises `NotADomainName` for everything else that is no name with at least two labels.
    """
    # Most names that programs send are in this form already; the rules below would say the same, fifty times slower.
    if len(text) <= MAX_NAME and _PLAIN.fullmatch(text) and "xn--" not in text:
        return text
    try:
        return _strict(text)
    except NotADomainName as refusal:
        likely = _likely(text)
        if likely is None:
            raise
        raise NotADomainName(refusal.sentence, likely) from None


def _strict(text: str) -> str:
    if not text:
        raise NotADomainName("No domain was given.")
    name = text.removesuffix(".")
    if len(name) > MAX_NAME:
        raise NotADomainName(
            f"{shown(text, 40)} is too long for a domain name: {len(name)} characters, where at most {MAX_NAME} fit."
        )
    _refuse_characters(name)
    _refuse_other_things(name)
    try:
        mapped = name.lower() if name.isascii() else idna.uts46_remap(name, std3_rules=False, transitional=False)
    except idna.IDNAError:
        raise NotADomainName(f"{shown(name)} has a character that no domain name can have.") from None
    labels = mapped.split(".")
    if "" in labels:
        raise NotADomainName(f"{shown(name)} is no domain name: a part between two dots is empty.")
    if len(labels) < 2:
        raise NotADomainName(f"{shown(name)} is no domain name: it has no dot, as in example.com.")
    result = ".".join(_label(label, name) for label in labels)
    if len(result) > MAX_NAME:
        raise NotADomainName(f"{shown(name, 40)} is too long for a domain name once it is encoded.")
    last = result.rpartition(".")[2]
    if last.isdigit():
        raise NotADomainName(f"{shown(name)} is no domain name: its last part is a number.")
    if not _TOP_LABEL.fullmatch(last):
        raise NotADomainName(f"{shown(name)} is no domain name: its last part is no top-level domain.")
    return result


def _refuse_characters(name: str) -> None:
    for char in name:
        if char.isascii():
            if not char.isprintable() or char == " ":
                raise NotADomainName(f"{shown(name)} is no domain name: it has a space or a control character in it.")
        elif unicodedata.category(char) in _REFUSED_CATEGORIES:
            raise NotADomainName(
                f"{shown(name)} is no domain name: it has an invisible or unassigned character (U+{ord(char):04X})."
            )
        elif _maps_to_nothing(char):
            # UTS 46 drops these silently; a name that looks like another is refused instead.
            raise NotADomainName(f"{shown(name)} is no domain name: it has an invisible character (U+{ord(char):04X}).")


def _maps_to_nothing(char: str) -> bool:
    try:
        return idna.uts46_remap(char, std3_rules=False, transitional=False) == ""
    except idna.IDNAError:
        return False


def _refuse_other_things(name: str) -> None:
    """Say by name what was given instead of a domain, where it can be told."""
    try:
        ipaddress.ip_address(name.strip("[]").removeprefix("IPv6:"))
    except ValueError:
        pass
    else:
        raise NotADomainName(f"{shown(name)} is an IP address, not a domain name.")
    if "://" in name or "/" in name:
        raise NotADomainName(f"{shown(name)} is a web address, not a domain name.")
    if "@" in name:
        raise NotADomainName(f"{shown(name)} is an e-mail address, not a domain name.")
    if name.lower().startswith("v=spf1"):
        raise NotADomainName(f"{shown(name)} is an SPF record, not a domain name.")


def _label(label: str, name: str) -> str:
    if label.isascii():
        encoded = label
        if not _ASCII_LABEL.fullmatch(label):
            raise NotADomainName(_why_not_a_label(label, name))
        if label.startswith("xn--") and not _round_trips(label):
            raise NotADomainName(f"{shown(name)} is no domain name: {shown(label)} is not a valid encoded label.")
    elif len(encoded := "xn--" + label.encode("punycode").decode("ascii")) <= MAX_LABEL:
        try:
            encoded = idna.alabel(label).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise NotADomainName(f"{shown(name)} has a character that no domain name can have.") from None
    if len(encoded) > MAX_LABEL:
        raise NotADomainName(
            f"{shown(name, 40)} is no domain name: a part of it is longer than {MAX_LABEL} characters."
        )
    return encoded


def _why_not_a_label(label: str, name: str) -> str:
    if label.startswith("-") or label.endswith("-"):
        return f"{shown(name)} is no domain name: {shown(label)} begins or ends with a hyphen."
    wrong = next(char for char in label if not (char.isalnum() or char in "-_"))
    return f"{shown(name)} is no domain name: it has the character {shown(wrong)} in it."


def _round_trips(label: str) -> bool:
    """True when an A-label is what its own U-label encodes to (RFC 5890 2.3.2.1)."""
    try:
        return idna.alabel(idna.ulabel(label)).decode("ascii") == label
    except (idna.IDNAError, UnicodeError):
        return False


_INSIDE: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,15}:)?(?://)?(?:[^\s/@]{1,320}@)?(?P<name>[^\s/:?#@<>\"'()\[\]{}|\\=,;]+\.[^\s/:?#@<>\"'()\[\]{}|\\=,;]+)",
    re.IGNORECASE,
)


_SLIP: Final = re.compile(r"\s*[.,]\s*(?=\w)")
_TIGHT_SLIP: Final = re.compile(r"[.,](?=\w)")
"""A dot typed as a comma, or with spaces beside it; and one without."""


def _likely(text: str) -> str | None:
    """The domain that a refused text probably means; never the text itself, always a valid name."""
    if len(text) > _LONGEST_GUESS or text.lower().lstrip("\"' ").startswith("v=spf1"):
        return None
    clean = "".join(char for char in text if char.isspace() or unicodedata.category(char) not in {"Cc", "Cf"})
    # A slip ("example, com") is told from a sentence ("example.com, please") by whether a top-level domain follows.
    tight = _first_name(_TIGHT_SLIP.sub(".", clean.strip()))
    joined = _first_name(_SLIP.sub(".", clean.strip()))
    if joined is None or joined == tight:
        return tight
    return joined if tight is None or _suffixes().publicsuffix(joined, accept_unknown=False) else tight


def _first_name(text: str) -> str | None:
    match = _INSIDE.search(re.sub(r"\.{2,}", ".", text))
    if match is None:
        return None
    try:
        return _strict(match["name"].strip(".!"))
    except NotADomainName:
        return None


def shown(text: str, limit: int = 80) -> str:
    """*text* fit to be shown to a person: at most *limit* characters, with everything invisible written out.

    Controls, bidi and zero-width characters become ``\\xNN`` or ``\\uNNNN``, so that a stranger's text can neither
    move a terminal's cursor, nor forge a line in a log, nor turn the reading direction.
    """
    cut = text[:limit]
    safe = "".join(char if char.isprintable() else _escape(char) for char in cut)
    return safe + ("..." if len(text) > limit else "")


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


@cache
def _suffixes() -> Any:
    # Loaded on first use: reading the list takes some 40 ms, and most commands never need it.
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415

    return PublicSuffixList()


def registrable(domain: str) -> str:
    """The part of *domain* that its owner registered, such as ``example.co.uk``; the domain itself at a suffix."""
    # Most names that are asked for stand right below a public suffix, and of suffixes there are few.
    return domain if _is_shared(domain.partition(".")[2]) else _registrable(domain)


@lru_cache(maxsize=8192)
def _is_shared(domain: str) -> bool:
    return _suffixes().privatesuffix(domain) is None


@lru_cache(maxsize=8192)
def _registrable(domain: str) -> str:
    return str(_suffixes().privatesuffix(domain) or domain)


def is_public_suffix(domain: str) -> bool:
    """True when anybody may register a name directly below *domain* (``co.uk``, ``github.io``)."""
    return bool(_suffixes().publicsuffix(domain) == domain)


_JOINED_SCRIPTS: Final = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"}),
    frozenset({"CJK", "HANGUL"}),
    frozenset({"CJK", "BOPOMOFO"}),
)
"""Scripts that are written together and count as one (UTS 39 5.1)."""

_COMMON: Final = frozenset({"DIGIT", "HYPHEN-MINUS", "LOW", "COMBINING", "MIDDLE"})

_LATIN_LOOK_ALIKES: Final = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡкмтвн" + "αικνορτυχω")
"""Cyrillic and Greek letters that can spell a name which reads as Latin."""


def unicode_name(domain: str) -> str:
    """*domain* (A-labels) as its readers write it, where that cannot deceive; else *domain* itself.

    A label is shown as a U-label only when all its letters are of one script (UTS 39 5.1), and not when Cyrillic or
    Greek letters merely spell something that reads as Latin.
    """
    if "xn--" not in domain:
        return domain
    labels = []
    for label in domain.split("."):
        if not label.startswith("xn--"):
            labels.append(label)
            continue
        try:
            unicode_label = idna.ulabel(label)
        except (idna.IDNAError, UnicodeError):
            return domain
        if not _single_script(unicode_label) or _LATIN_LOOK_ALIKES.issuperset(unicode_label.strip("-0123456789")):
            return domain
        labels.append(unicode_label)
    return ".".join(labels)


def _single_script(label: str) -> bool:
    scripts = {unicodedata.name(char, "?").split(" ", 1)[0] for char in label} - _COMMON
    return len(scripts) <= 1 or any(scripts <= joined for joined in _JOINED_SCRIPTS)
