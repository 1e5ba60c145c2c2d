"""Query parameters and bodies, read strictly: what a route does not know is refused, not ignored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from spfcheck.api.problems import ProblemError, ProblemKind
from spfcheck.names import shown

MAX_BODY = 64 * 1024
"""Bytes of a body, except where it is streamed: the longest record to try, with each character escaped."""

BODY_SECONDS = 15.0
"""How long a body may take: 64 KB at the speed of the slowest phone."""

Body = TypeVar("Body", bound="StrictBody")


class StrictBody(BaseModel):
    """A JSON object without unknown fields and without conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def query(request: web.Request, known: frozenset[str]) -> Mapping[str, str]:
    """The query's parameters, each given at most once and all of them *known*."""
    found: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise ProblemError(
                ProblemKind.UNKNOWN_PARAMETER, f"There is no parameter {shown(name, 40)} here; known: {listed}."
            )
        if name in found:
            raise ProblemError(ProblemKind.INVALID_PARAMETER, f"The parameter {name} was given more than once.")
        found[name] = value
    return found


def flag(values: Mapping[str, str], name: str) -> bool:
    """A parameter that is ``true`` or ``false``; false where it is not given."""
    value = values.get(name, "false")
    if value not in ("true", "false"):
        raise ProblemError(ProblemKind.INVALID_PARAMETER, f"The parameter {name} is either true or false.")
    return value == "true"


def choice(values: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """A parameter that is one of *choices*, the first by default."""
    value = values.get(name, choices[0])
    if value not in choices:
        raise ProblemError(ProblemKind.INVALID_PARAMETER, f"The parameter {name} is one of {', '.join(choices)}.")
    return value


def whole(values: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """A parameter that is a whole number from *low* to *high*."""
    value = values.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and low <= int(value) <= high):
        raise ProblemError(
            ProblemKind.INVALID_PARAMETER, f"The parameter {name} is a whole number from {low} to {high}."
        )
    return int(value)


async def body(request: web.Request, shape: type[Body]) -> Body:
    """The request's body as *shape*."""
    if request.content_type != "application/json":
        raise ProblemError(ProblemKind.UNSUPPORTED_MEDIA_TYPE, "The body has to be sent as application/json.")
    async with _in_time():
        raw = await request.read()
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise ProblemError(
            ProblemKind.INVALID_BODY, " ".join(sentence(fault) for fault in error.errors()[:5])
        ) from None


async def form(request: web.Request) -> Mapping[str, str]:
    """The fields of a form, each once."""
    async with _in_time():
        return {name: str(value) for name, value in (await request.post()).items()}


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """Read a body within `BODY_SECONDS`. Raises `ProblemError`."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            yield
    except TimeoutError:
        raise ProblemError(ProblemKind.REQUEST_TIMEOUT, f"The body did not come within {BODY_SECONDS:g} s.") from None


def sentence(fault: Mapping[str, object]) -> str:
    """One fault that pydantic found, for the caller; the value itself is not repeated."""
    location = fault.get("loc")
    where = ".".join(shown(str(part), 40) for part in location) if isinstance(location, tuple) else ""
    kind = fault.get("type")
    if kind == "extra_forbidden":
        return f"There is no field {where} here."
    if kind == "missing":
        return f"The field {where} is missing."
    message = shown(str(fault.get("msg", "not valid")), 200)
    return f"The field {where}: {message}." if where else f"The body is not valid: {message}."
