"""An API that lies while the audience is read: each lie is a script for the sandbox's `intercept`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.notify.world import World

Lie = Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]]


Refusal = tuple[int, str, str]
"""HTTP status, code and message of an error envelope."""


def refusal(status: int, code: str, message: str) -> web.Response:
    """An error envelope."""
    document = {"type": "error.list", "request_id": "lie", "errors": [{"code": code, "message": message}]}
    return web.json_response(document, status=status)


def overlapping(w: World, by: int, *, readings: int) -> Lie:
    """Each page of the audience begins *by* contacts before the last one's end, so that others are left out.

    It counts right, and says that it is at its end where a search of so many contacts would be; so often as *readings*
    says, then it is honest.
    """
    begun = 0

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        nonlocal begun
        document: dict[str, Any] = json.loads(body) if body else {}
        if request.path != "/contacts/search" or document["query"]["operator"] != "AND":
            return None
        per_page = document["pagination"]["per_page"]
        cursor = document["pagination"].get("starting_after", "")
        if per_page == 1:  # it only counts
            return None
        begun += not cursor
        if begun > readings:
            return None
        everybody, total, _ = w.workspace.search(document["query"], "", 10_000)
        number = int(cursor or 0)
        start = number * (per_page - by)
        pages: dict[str, Any] = {"type": "pages", "page": number + 1, "per_page": per_page}
        if (number + 1) * per_page < total:
            pages["next"] = {"per_page": per_page, "starting_after": str(number + 1)}
        data = everybody[start : start + per_page]
        return web.json_response({"type": "list", "data": data, "total_count": total, "pages": pages})

    return answer


class Scroll:
    """A scroll of companies that breaks: *faults* says by the number of the request what is answered in its place."""

    def __init__(self, faults: dict[int, Refusal]) -> None:
        self.asked: list[str] = []
        """The parameter of each request; empty where a scroll was begun."""
        self._faults = faults

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse | None:
        del body
        if request.path != "/companies/scroll":
            return None
        self.asked.append(request.query.get("scroll_param", ""))
        fault = self._faults.get(len(self.asked))
        return refusal(*fault) if fault else None


def endless_companies(company: dict[str, Any], *, pages: int) -> Lie:
    """A scroll that never ends: so many different pages, again and again, and no count."""
    asked = 0

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        nonlocal asked
        del body
        if request.path != "/companies/scroll":
            return None
        asked += 1
        data = [{**company, "id": f"6762f0971bb69f9f2193b{asked % pages:03x}"}]
        return web.json_response({"type": "list", "data": data, "total_count": None, "scroll_param": f"p{asked}"})

    return answer
