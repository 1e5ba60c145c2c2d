"""What can go wrong with a request, and the one mapper from there to `application/problem+json` (RFC 9457).

Handlers raise a `ProblemError` with a sentence for the caller. Whatever else is raised becomes a bare 500: an unknown
exception may carry what no caller should read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiohttp import web

from spfcheck.checking.connection import AddressError
from spfcheck.names import NotADomainName

PROTECTION = {
    "Server": "spfcheck",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
"""What every answer carries unless it is a page: a browser that shows one all the same loads and runs nothing."""


def protection(public_url: str) -> Mapping[str, str]:
    """The same for a service at *public_url*; where that is HTTPS, browsers are told to keep to it."""
    secure = {"Strict-Transport-Security": "max-age=63072000"} if public_url.startswith("https://") else {}
    return PROTECTION | secure


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a problem type stands for, wherever it occurs."""

    status: int
    title: str
    explanation: str
    """For the page that the problem's `type` links to."""


class ProblemKind(Enum):
    """Every problem that the service answers with; the name in lower case with hyphens ends its `type`."""

    NOT_A_DOMAIN_NAME = Meaning(
        400,
        "Not a domain name",
        "The text is no domain name with at least two labels. Where a web or e-mail address was given, `likely` holds "
        "the domain in it; ask again with that if it is what you meant.",
    )
    NOT_AN_IP_ADDRESS = Meaning(
        400, "Not an IP address", "`ip` has to be one IPv4 or IPv6 address, without a prefix length."
    )
    UNKNOWN_PARAMETER = Meaning(
        400, "Unknown parameter", "A query parameter that the route does not have: most often a slip of the pen."
    )
    INVALID_PARAMETER = Meaning(400, "Invalid parameter", "A query parameter has a value that it cannot have.")
    INVALID_BODY = Meaning(400, "Invalid body", "The body is not the JSON object that the route takes.")
    BAD_REQUEST = Meaning(400, "Bad request", "The request is not well-formed HTTP.")
    UNAUTHORIZED = Meaning(
        401, "No valid key", "Send an access key as `Authorization: Bearer spfk_...`; `spfcheck keys new` makes one."
    )
    FORBIDDEN = Meaning(403, "Not allowed", "The key is valid, and its scopes do not cover this route.")
    NOT_LOCAL = Meaning(
        403,
        "Local requests only",
        "The service runs without access keys, so it answers only requests that were made on its own machine, to a "
        "loopback name, and that no proxy forwarded.",
    )
    NOT_FOUND = Meaning(404, "Not found", "There is no such route.")
    REPORT_NOT_FOUND = Meaning(404, "No such report", "The report never existed, or its time to be kept is over.")
    METHOD_NOT_ALLOWED = Meaning(405, "Method not allowed", "The route exists, for other methods; `Allow` names them.")
    REQUEST_TIMEOUT = Meaning(
        408, "Request timeout", "The body did not come in time: 15 s for all of it, 30 s for the next line of a batch."
    )
    BODY_TOO_LARGE = Meaning(
        413, "Body too large", "A body is at most 64 KB; the batch route takes any length, 2 KB a line."
    )
    URI_TOO_LONG = Meaning(414, "Address too long", "The address of a request is at most 8 KB.")
    UNSUPPORTED_MEDIA_TYPE = Meaning(
        415, "Unsupported media type", "The body's `Content-Type` is not the route's, or it has a `Content-Encoding`."
    )
    QUOTA_EXHAUSTED = Meaning(
        429, "Quota exhausted", "The key has asked for more new checks than its quota; cached answers are not counted."
    )
    TOO_MANY_BATCHES = Meaning(
        429, "Too many batches", "The key has as many batches under way as it may have; ask again when one has ended."
    )
    INTERNAL = Meaning(500, "Internal error", "A fault of ours; the request id finds it in the log.")
    BUSY = Meaning(
        503,
        "Busy",
        "As many checks are under way as the service runs at once, or the database of reports does not answer; ask "
        "again after `Retry-After`.",
    )

    @property
    def slug(self) -> str:
        """The stable last part of the problem's `type`."""
        return self.name.lower().replace("_", "-")


class ProblemError(Exception):
    """A request that cannot be answered, with one sentence for whoever sent it.

    *extra* members stand beside the standard ones in the body, *headers* are added to the response.
    """

    def __init__(
        self, kind: ProblemKind, detail: str, *, headers: Mapping[str, str] | None = None, **extra: str | int | None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = {name: value for name, value in extra.items() if value is not None}


_BY_STATUS = {
    400: ProblemKind.BAD_REQUEST,
    404: ProblemKind.NOT_FOUND,
    405: ProblemKind.METHOD_NOT_ALLOWED,
    413: ProblemKind.BODY_TOO_LARGE,
    414: ProblemKind.URI_TOO_LONG,
    415: ProblemKind.UNSUPPORTED_MEDIA_TYPE,
}


def to_problem(error: BaseException) -> ProblemError:
    """The problem that *error* is to the caller; the only place where exceptions become answers."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, NotADomainName):
        return ProblemError(ProblemKind.NOT_A_DOMAIN_NAME, error.sentence, likely=error.likely)
    if isinstance(error, AddressError):
        return ProblemError(ProblemKind.NOT_AN_IP_ADDRESS, str(error))
    if isinstance(error, web.HTTPException) and error.status in _BY_STATUS:
        kind = _BY_STATUS[error.status]
        headers = (
            {"Allow": ", ".join(sorted(error.allowed_methods))} if isinstance(error, web.HTTPMethodNotAllowed) else {}
        )
        return ProblemError(kind, kind.value.explanation.replace("`", ""), headers=headers)
    return ProblemError(ProblemKind.INTERNAL, "Something went wrong on our side; it has been logged.")


def content(problem: ProblemError, request_id: str) -> bytes:
    """*problem* as RFC 9457 has it."""
    meaning = problem.kind.value
    body: dict[str, Any] = {
        "type": f"/problems/{problem.kind.slug}",
        "title": meaning.title,
        "status": meaning.status,
        "detail": problem.detail,
        **problem.extra,
        "request_id": request_id,
    }
    return json.dumps(body).encode("ascii")


def headers(problem: ProblemError) -> dict[str, str]:
    """The headers of *problem*; none of them holds what a caller wrote."""
    return {"Content-Type": "application/problem+json", "Cache-Control": "no-store", **problem.headers}
