"""Modifiers that nobody knows, which receivers ignore (RFC 7208 6), and that are a known term with a slip in it."""

from __future__ import annotations

from spfcheck.audit.text.addresses import network_in
from spfcheck.audit.text.own_names import NAME
from spfcheck.audit.text.typos import MECHANISMS, near_words
from spfcheck.rfc7208.record import Term

__all__ = ["meant_by"]


def meant_by(term: Term) -> str | None:
    """The term that *term*, an ignored modifier, looks like, or the words for it; None where it looks like none.

    A name that is a mechanism's says enough. One that is misspelt as well needs an address or a name behind it: another
    modifier may be called nearly so.
    """
    if not term.is_modifier or term.name in ("redirect", "exp", "v"):
        return None
    word, _, value = term.text.partition("=")
    if word.lower() == "all":
        return "~all or -all"
    made = network_in(f"{word}:{value}")
    if word.lower() in MECHANISMS:
        return made[1] if made is not None else f"{word}:{value}"
    near = near_words(word)
    if made is not None and near:
        return made[1]
    names = [one for one in near if one not in ("ip4", "ip6")]
    if len(names) != 1 or not NAME.match(value):
        return None
    return f"{names[0]}{'=' if names[0] == 'redirect' else ':'}{value}"
