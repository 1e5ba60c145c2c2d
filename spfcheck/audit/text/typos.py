"""Words that are nearly one of SPF's."""

from __future__ import annotations

from typing import Final

__all__ = ["MECHANISMS", "almost_all", "distance", "near_words"]

MECHANISMS: Final = ("ip4", "ip6", "include", "exists", "a", "mx", "ptr")
"""The mechanisms that may take an argument (RFC 7208 5)."""
_SHORTEST: Final = 3
"""Letters of a word below which one letter more or less may be any other word: only a swap or a repetition counts."""
_OLD_NAMES: Final = {"ip": ("ip4", "ip6"), "ipv4": ("ip4", "ip6"), "ipv6": ("ip4", "ip6")}
_LIKE_L: Final = str.maketrans("1I|!", "llll")


def distance(left: str, right: str, most: int = 2) -> int:
    """How many slips of a finger lie between *left* and *right*; more than *most* comes back as *most* + 1.

    A slip is a letter missing, added or changed, or two neighbours swapped (Damerau's distance, restricted).
    """
    if abs(len(left) - len(right)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, char in enumerate(left, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(right, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and char == right[j - 2] and left[i - 2] == other:
                best = min(best, last[j - 2] + 1)
            row.append(best)
    return min(row[-1], most + 1)


def near_words(word: str, sign: str = "") -> tuple[str, ...]:
    """The mechanisms, and ``redirect``, that *word* may be a misspelling of; none for a word that is right.

    Behind a *sign* a first letter that is missing is no slip: the sign may stand in its place, and would turn away.
    """
    word = word.lower()
    if word in MECHANISMS or word in ("redirect", "exp", "all"):
        return ()
    if word[:1] == "a" and word[1:] in MECHANISMS:
        return ()  # the mechanism a and another one, or a letter too many
    if word in _OLD_NAMES:
        return _OLD_NAMES[word]
    near = tuple(one for one in (*MECHANISMS, "redirect") if _is_near(word, one))
    return tuple(one for one in near if word != one[1:]) if sign else near


def _is_near(word: str, meant: str) -> bool:
    if len(meant) >= _SHORTEST:
        return distance(word, meant, 1) == 1
    doubled = {meant[:index] + meant[index] + meant[index:] for index in range(len(meant))}
    return word in doubled or (len(meant) == 2 and word == meant[::-1])


def almost_all(word: str) -> bool:
    """True for a word that is ``all`` with one slip, or with a digit or a capital that looks like an l."""
    plain = word.translate(_LIKE_L).lower()
    if plain == "all":
        return word.lower() != "all"
    return plain.isalpha() and len(plain) > 1 and plain not in ("mx", "ptr") and distance(plain, "all", 1) == 1
