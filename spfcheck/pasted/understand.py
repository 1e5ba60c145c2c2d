"""The one way in: a text, and what it may mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from spfcheck.names import NotADomainName, domain_name
from spfcheck.pasted.blocks import fields, one_line, opened
from spfcheck.pasted.bounces import is_reply, receivers, said_in_refusals, why_links
from spfcheck.pasted.headers import said_by_receivers
from spfcheck.pasted.meaning import RANK, Meant, Nothing, ReadFrom, Understood, address_in, nearest_first, told
from spfcheck.pasted.printed import said_by_labels, said_by_tools, said_in_json

LONGEST: Final = 64 * 1024
"""Characters of a text that are read. A head or a refusal stands at the beginning; what follows is attachments."""

CHOICES: Final = 8
"""Meanings that a person is shown."""

_WORD: Final = re.compile(r"[^\s<>()\[\]{}\"',;|`*]{3,400}")
WORDS: Final = 2_000
"""Words of a text that are looked at when nothing else named a domain."""


def read(text: str) -> Understood:
    """What *text* may mean. Whatever it is, the answer comes in time that grows with its length and not faster."""
    text = text[:LONGEST].replace("\x00", " ")
    bare = text.strip()
    if not bare:
        return Understood((), nothing=Nothing.EMPTY)
    if address_in(bare):
        return Understood((), nothing=Nothing.ADDRESS)
    if one := _typed(bare):
        return Understood((one,), sure=True)
    found = nearest_first(_said(text)) or nearest_first(_in_words(text))
    if (not found or found[0].source is ReadFrom.TEXT) and "v=spf1" in bare.lower()[:40]:
        return Understood((), nothing=Nothing.RECORD)
    if not found:
        return Understood((), nothing=Nothing.NO_NAME)
    nearest = RANK[found[0].source]
    alone = len(found) == 1 or RANK[found[1].source] > nearest
    # A name somewhere in a refusal may well be the receiver's.
    guessed = found[0].source is ReadFrom.TEXT and is_reply(text)
    return Understood(found[:CHOICES], sure=alone and not guessed)


def _typed(bare: str) -> Meant | None:
    """What one word, typed or copied, names: a domain, a web address, an e-mail address."""
    try:
        return Meant(domain_name(bare), ReadFrom.TYPED)
    except NotADomainName:
        pass
    if len(bare.split()) != 1 or "=" in bare.partition("?")[0]:
        return None
    return next(why_links(bare), None) or told(ReadFrom.TYPED, bare)


def _said(text: str) -> Iterator[Meant]:
    if text.lstrip()[:1] in ("{", "["):
        yield from said_in_json(text)
    whole = opened(text)
    line = one_line(whole)
    head = fields(whole)
    to_whom = receivers(whole)
    judged = list(said_by_receivers(head))
    yield from judged
    # A verdict's comment is the sentence of a refusal; a receiver's own name in one is not what it judged.
    done = to_whom.union(one.domain for one in judged if one.source not in (ReadFrom.FROM, ReadFrom.RETURN_PATH))
    yield from (one for one in said_in_refusals(line) if one.source is not ReadFrom.BOUNCE or one.domain not in done)
    yield from said_by_tools(text)
    yield from said_by_labels(text)


def _in_words(text: str) -> Iterator[Meant]:
    """Any name in *text*; in a refusal neither a receiver's nor that of a page which explains the refusal."""
    line = one_line(opened(text))
    refused = is_reply(text)
    to_whom = receivers(line) if refused else frozenset()
    for match, _ in zip(_WORD.finditer(line), range(WORDS), strict=False):
        word = match[0]
        if "." not in word or (refused and "://" in word):
            continue
        if (one := told(ReadFrom.TEXT, word)) and one.domain not in to_whom:
            yield one
