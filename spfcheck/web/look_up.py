"""The box: whatever is typed or pasted leads to a domain's page, or to a question which one is meant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from spfcheck.api.context import service_of
from spfcheck.api.params import form, query
from spfcheck.api.routes import reasons_not_ready
from spfcheck.names import NotADomainName, domain_name, shown
from spfcheck.pasted import LONGEST, Meant, Nothing, ReadFrom, read
from spfcheck.pasted.headers import result_in
from spfcheck.web import render
from spfcheck.web.words import words

LONGEST_ADDRESS = 1_900
"""Characters of an address that holds what was typed. Longer ones would not lead back after signing in, and servers
and proxies refuse them from some 8,000 on."""

READ_HERE = 4_096
"""Characters that are read at once; a longer text takes up to half a second, and is read beside the other requests."""

OTHERS = 5
"""Other domains of a text that the page of the one offers."""

PASTED_PARAMETERS = frozenset({"read", "also", "said"})
"""What the page of a domain is told of the text that led there."""


async def home(request: web.Request) -> web.StreamResponse:
    """The box; what was typed is understood as far as it can be."""
    asked = query(request, frozenset({"q"})).get("q", "")
    if "q" in request.query:
        return await _understood(request, asked)
    return home_page(request, reasons=await reasons_not_ready(service_of(request)))


async def looked_up(request: web.Request) -> web.StreamResponse:
    """The box of `home`, sent as a body: what is pasted may be longer than an address can be."""
    text = (await form(request)).get("q", "")
    if len(quote(text)) <= LONGEST_ADDRESS:
        return go("/?" + urlencode({"q": text}))
    return await _understood(request, text)


async def _understood(request: web.Request, asked: str) -> web.StreamResponse:
    understood = read(asked) if len(asked) <= READ_HERE else await asyncio.to_thread(read, asked)
    if understood.sure:
        return go(address_of(understood.meanings[0], understood.meanings[1:]))
    typed = (
        shown(asked, LONGEST) if "\n" not in asked else "\n".join(shown(line, LONGEST) for line in asked.splitlines())
    )
    if understood.meanings:
        return home_page(request, asked=typed, choices=_choices(understood.meanings))
    fault, likely = _why_nothing(asked.strip(), understood.nothing)
    return home_page(request, asked=typed, fault=fault, likely=likely)


def _why_nothing(text: str, nothing: Nothing | None) -> tuple[str, str | None]:
    """A sentence on what was typed, and the domain that was perhaps meant."""
    said = words()["home"]
    if nothing is Nothing.RECORD:
        return said["record"], None
    if len(text.split()) > 1 and "\n" in text:
        return said["no_name"], None
    try:
        domain_name(text)
    except NotADomainName as error:
        return error.sentence + (f" {said['address']}" if nothing is Nothing.ADDRESS else ""), error.likely
    return said["no_name"], None


def address_of(meant: Meant, others: Sequence[Meant] = ()) -> str:
    """The address of the page of what is *meant*; its connection is tested there, where the text tells it."""
    values: dict[str, str] = {}
    if meant.source is not ReadFrom.TYPED:
        values["read"] = meant.source
    if meant.result:
        values["said"] = meant.result
    if others:
        values["also"] = ",".join(f"{one.domain}:{one.source}" for one in others[:OTHERS])
    if meant.ip:
        values |= {"ip": meant.ip, "sender": meant.sender or meant.domain, "helo": meant.helo}
    address = f"/domains/{quote(meant.domain)}"
    return address + ("?" + urlencode(values) if values else "") + ("#test" if meant.ip else "")


def _choices(meanings: Sequence[Meant]) -> list[dict[str, str]]:
    return [
        {"domain": one.domain, "address": address_of(one), "where": words()["pasted"][one.source], "ip": one.ip}
        for one in meanings
    ]


def pasted_from(values: Mapping[str, str]) -> dict[str, Any] | None:
    """What the page of a domain says of the text that led there: where it was read, and what else it said; or None.

    Both come from an address, so that what is no name and no source of ours is left out.
    """
    places = words()["pasted"]
    if values.get("read", "") not in set(ReadFrom):
        return None
    others = []
    for part in values.get("also", "").split(",")[:OTHERS]:
        name, _, source = part.partition(":")
        try:
            domain = domain_name(name)
        except NotADomainName:
            continue
        others.append({"domain": domain, "where": places[source] if source in set(ReadFrom) else ""})
    return {"where": places[values["read"]], "others": others, "said": result_in(values.get("said", ""))}


def go(address: str) -> web.Response:
    """Lead on to *address*, to be fetched."""
    return web.Response(status=303, headers={"Location": address})


def home_page(request: web.Request, **values: Any) -> web.Response:
    """The page with the box."""
    blank = {"asked": "", "fault": "", "likely": None, "reasons": (), "choices": ()}
    return render.page(request, "home.html", **{**blank, **values})
