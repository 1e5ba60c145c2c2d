"""Slips as people make them when they type, paste or split a record: what comes to be published instead of it.

Each was seen in public reports. None changes an address or a name into another one, which nobody could tell.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Final

__all__ = ["KINDS", "Records", "slipped"]

Records = Sequence[tuple[str, ...]]
"""TXT records, each as its character-strings."""
Words = list[str]
OURS: Final = "include:_spf.mail.example"


def _on(pattern: str, change: Callable[[str, random.Random], str]) -> Callable[[Words, random.Random], Words | None]:
    """A slip in one word that *pattern* matches; the version, the first word, is left out."""

    def slip(words: Words, rng: random.Random) -> Words | None:
        places = [place for place, word in enumerate(words) if place and re.fullmatch(pattern, word, re.IGNORECASE)]
        if not places:
            return None
        place = rng.choice(places)
        return [*words[:place], change(words[place], rng), *words[place + 1 :]]

    return slip


def _becomes(old: str, *new: str) -> Callable[[str, random.Random], str]:
    """The first *old* of a word becomes one of *new*."""
    return lambda word, rng: word.replace(old, rng.choice(new), 1)


def _end_becomes(*new: str) -> Callable[[str, random.Random], str]:
    """The word ``all`` becomes one of *new*; its sign stays."""
    return lambda word, rng: word[0] + rng.choice(new)


def _swapped(word: str, _: random.Random) -> str:
    return word.replace("ip4", "ip6", 1) if "ip4" in word else word.replace("ip6", "ip4", 1)


def _masked(word: str, _: random.Random) -> str:
    head, _, network = word.partition(":")
    made = IPv4Network(network, strict=False)
    return f"{head}:{network.partition('/')[0]}/{made.netmask}"


def _joined(mark: str, first: str, second: str) -> Callable[[Words, random.Random], Words | None]:
    """Two neighbours of these forms with *mark*, and no space, between them."""

    left, right = (re.compile(f"(?:{form})\\Z", re.IGNORECASE) for form in (first, second))

    def slip(words: Words, rng: random.Random) -> Words | None:
        places = [at for at in range(1, len(words) - 1) if left.match(words[at]) and right.match(words[at + 1])]
        if not places:
            return None
        place = rng.choice(places)
        return [*words[:place], words[place] + mark + words[place + 1], *words[place + 2 :]]

    return slip


def _end_too_early(words: Words, rng: random.Random) -> Words | None:
    if len(words) < 4 or not re.fullmatch(END, words[-1], re.IGNORECASE):
        return None
    place = rng.randint(2, len(words) - 2)
    return [*words[:place], words[-1], *words[place:-1]]


def _version(*new: str) -> Callable[[Words, random.Random], Words | None]:
    return lambda words, rng: [rng.choice(new), *words[1:]] if _begins(words) else None


def _begins(words: Words) -> bool:
    """The version stands there as it should."""
    return words[0].lower() == "v=spf1"


def _between(mark: str) -> Callable[[Words, random.Random], Words | None]:
    """*mark* for one of the spaces behind the version's."""

    def slip(words: Words, rng: random.Random) -> Words | None:
        if len(words) < 3:
            return None
        place = rng.randint(1, len(words) - 2)
        return [*words[:place], words[place] + mark + words[place + 1], *words[place + 2 :]]

    return slip


def _around(*pairs: tuple[str, str]) -> Callable[[Words, random.Random], Words | None]:
    """Something in front of the record, and something behind it."""

    def slip(words: Words, rng: random.Random) -> Words | None:
        before, behind = rng.choice(pairs)
        return (before + " ".join(words) + behind).split(" ")

    return slip


def _without_space(words: Words, _: random.Random) -> Words | None:
    return [words[0] + words[1], *words[2:]] if len(words) > 1 and words[1][0].isalpha() else None


def _inside(word: str, rng: random.Random) -> str:
    place = rng.randint(1, len(word) - 1)
    return word[:place] + rng.choice("\u200b\u00ad\ufeff") + word[place:]


NAMED: Final = r"\+?include:[a-z0-9._\-]+"
HOSTED: Final = r"\+?(?:a|mx):[a-z0-9._\-]+"
FOUR: Final = r"\+?ip4:[0-9./]+"
SIX: Final = r"\+?ip6:[0-9a-f:./]+"
END: Final = r"[\-~?]all"
LISTED: Final = f"{NAMED}|{FOUR}|{HOSTED}"

IN_WORDS: Final[Mapping[str, Callable[[Words, random.Random], Words | None]]] = {
    "ipv4 for ip4": _on(FOUR, _becomes("ip4", "ipv4", "IPv4", "ip")),
    "ipv6 for ip6": _on(SIX, _becomes("ip6", "ipv6", "IPv6")),
    "the other family's word": _on(f"{FOUR}|{SIX}", _swapped),
    "an address without a word": _on(FOUR, _becomes("ip4:", "")),
    "an address behind a": _on(FOUR, _becomes("ip4:", "a:", "include:", "mx:")),
    "a mask for a length": _on(r"ip4:[0-9.]+/(?:1[6-9]|2[0-9])", _masked),
    "a word misspelt": _on(NAMED, _becomes("include", "inlcude", "incude", "includes", "inclde", "inculde", "nclude")),
    "all misspelt": _on(END, _end_becomes("al", "alll", "a11", "aII", "lal", "sll")),
    "a space behind the colon": _on(f"{LISTED}|{SIX}", _becomes(":", ": ")),
    "a space for the colon": _on(f"{NAMED}|{FOUR}", _becomes(":", " ")),
    "a space in front of the colon": _on(f"{NAMED}|{FOUR}", _becomes(":", " :")),
    "another mark for the colon": _on(f"{NAMED}|{FOUR}", _becomes(":", ".", ";")),
    "an equals sign for the colon": _on(LISTED, _becomes(":", "=")),
    "two colons": _on(LISTED, _becomes(":", "::")),
    "no colon": _on(NAMED, _becomes("include:", "include")),
    "a word twice": _on(f"{NAMED}|{FOUR}", lambda word, _: f"{word.partition(':')[0]}:{word}"),
    "a name alone": _on(NAMED, _becomes("include:", "")),
    "a web address": _on(f"{NAMED}|{HOSTED}", _becomes(":", ":http://", ":https://")),
    "a web address with a slash": _on(NAMED, lambda word, _: word.replace(":", ":http://", 1) + "/"),
    "a mail address": _on(NAMED, _becomes(":", ":@")),
    "brackets": _on(NAMED, lambda word, _: word.replace(":", ":<", 1) + ">"),
    "a length behind a name": _on(NAMED, lambda word, rng: word + rng.choice(("/32", "/24"))),
    "a comma behind a term": _on(f"{LISTED}|{SIX}", lambda word, rng: word + rng.choice(",;")),
    "a full stop at the end": _on(END, lambda word, rng: word + rng.choice(".,;\"'")),
    "markup at the end": _on(END, lambda word, rng: word + rng.choice(("<br>", "</p>", "&quot;", "\\"))),
    "two signs": _on(END, lambda word, _: word[0] + word),
    "the sign behind": _on(END, lambda word, _: word[1:] + word[0]),
    "a space behind the sign": _on(END, lambda word, _: f"{word[0]} {word[1:]}"),
    "a dash that is none": _on(r"-all", _becomes("-", "\u2013", "\u2014", "\u2011", "\u2212", "\u0096")),
    "a tilde that is none": _on(r"~all", _becomes("~", "\u02dc", "\u223c", "\uff5e")),
    "a colon that is none": _on(LISTED, _becomes(":", "\uff1a")),
    "an invisible character": _on(LISTED, _inside),
    "quotes around a term": _on(LISTED, lambda word, rng: f'"{word}"' if rng.random() < 0.5 else f"\u201c{word}\u201d"),
    "no space between names": _joined("", NAMED, NAMED),
    "no space behind a name": _joined("", NAMED, FOUR),
    "no space behind an address": _joined("", FOUR, f"{NAMED}|{FOUR}"),
    "no space in front of the end": _joined("", f"{NAMED}|{FOUR}", END),
    "no space behind a host": _joined("", HOSTED, f"{NAMED}|{FOUR}"),
    "a comma for the space": _joined(",", ".*", ".*"),
    "a semicolon for the space": _joined(";", ".*", ".*"),
    "a tab or a line break": _between("\t"),
    "a space that is none": _between("\u00a0"),
    "the end too early": _end_too_early,
    "the version misspelt": _version("v=sfp1", "v:spf1", "v-spf1", "=spf1", "spf1", "v=spf", "v=spfl", "v = spf1"),
    "the version twice": _version("v=spf1 v=spf1"),
    "punctuation behind the version": _version("v=spf1,", "v=spf1;", "v=spf1:"),
    "no space behind the version": _without_space,
}  # fmt: skip
AROUND: Final[Mapping[str, Callable[[Words, random.Random], Words | None]]] = {
    "a space in front": _around((" ", ""), ("  ", " ")),
    "quotes around the record": _around(('"', '"'), ("\u201c", "\u201d"), ("'", "'"), ('\\"', '\\"')),
    "entities around the record": _around(("&quot;", "&quot;")),
    "a line of a zone file": _around(("TXT @ ", ""), ("@ IN TXT ", ""), ("c.example. 300 IN TXT ", "")),
    "a label in front": _around(("SPF: ", ""), ("TXT record: ", ""), ("Value: ", ""), ("> ", ""), ("(", ")")),
    "a token in front": _around(("MS=ms12345678 ", ""), ("google-site-verification=abcdef ", "")),
    "a token behind": _around(("", " MS=ms12345678"), ("", " google-site-verification=abcdef")),
    "a token glued behind": _around(("", "google-site-verification=abcdef"), ("", "MS=ms12345678")),
    "a policy behind": _around(("", "; v=DMARC1; p=none"), ("", " v=DMARC1; p=none; rua=mailto:a@b.example")),
    "ours pasted behind": _around(("", f" {OURS} ~all"), ("", f" v=spf1 {OURS} ~all"), ("", f" {OURS}")),
    "ours misspelt": _around(("", " include:spf.mail.example"), ("", " include:_spf.mail.example.customer.example")),
}  # fmt: skip


def _cut(words: Words, rng: random.Random) -> Records | None:
    """The strings of one record, cut where a space was."""
    if len(words) < 4:
        return None
    places = sorted(rng.sample(range(2, len(words)), rng.randint(1, min(3, len(words) - 2))))
    parts = [words[start:stop] for start, stop in zip([0, *places], [*places, len(words)], strict=True)]
    return [tuple(" ".join(part) for part in parts)]


def _two(words: Words, rng: random.Random) -> Records | None:
    """Two records, each with a part of the servers, and with the same end."""
    if len(words) < 4 or not _begins(words) or not re.fullmatch(END, words[-1], re.IGNORECASE):
        return None
    place = rng.randint(2, len(words) - 2)
    return [(" ".join([*words[:place], words[-1]]),), (" ".join([words[0], *words[place:]]),)]


def _ours_apart(words: Words, rng: random.Random) -> Records:
    return [(" ".join(words),), (f"v=spf1 {OURS} {rng.choice(('~all', '-all'))}",)]


def _parked(words: Words, rng: random.Random) -> Records:
    return [(" ".join(words),), (f"v=spf1 {rng.choice(('-all', '~all', '?all'))}",)]


def _parts(words: Words, _: random.Random) -> Records | None:
    return [(words[0],), (" ".join(words[1:]),)] if len(words) > 2 and _begins(words) else None


def _beside(words: Words, _: random.Random) -> Records | None:
    """The last sender in a TXT record of its own."""
    if len(words) < 4 or not re.fullmatch(f"{NAMED}|{FOUR}", words[-2], re.IGNORECASE):
        return None
    return [(" ".join([*words[:-2], words[-1]]),), (words[-2],)]


IN_RECORDS: Final[Mapping[str, Callable[[Words, random.Random], Records | None]]] = {
    "strings without spaces": _cut,
    "two records": _two,
    "ours in a second record": _ours_apart,
    "a parking record beside it": _parked,
    "the version in a TXT of its own": _parts,
    "a sender in a TXT of its own": _beside,
}
KINDS: Final = (*IN_WORDS, *AROUND, *IN_RECORDS)
"""The kinds of slips, by name."""


def slipped(text: str, kinds: Sequence[str], rng: random.Random) -> Records | None:
    """What is published in place of the record *text* after slips of these *kinds*; None where one finds no place.

    Those in words come first, those around the record next, and one in the records that are published may be the last.
    """
    words = text.split(" ")
    for kind in sorted(kinds, key=lambda kind: kind in AROUND):
        if kind not in IN_RECORDS:
            changed = (AROUND if kind in AROUND else IN_WORDS)[kind](words, rng)
            if changed is None or changed == words:
                return None
            words = changed
    last = [kind for kind in kinds if kind in IN_RECORDS]
    return IN_RECORDS[last[0]](words, rng) if last else [(" ".join(words),)]
