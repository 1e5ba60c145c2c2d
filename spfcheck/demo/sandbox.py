"""A sandbox of the messaging API: a real HTTP server with state, to try the notifier on before giving it a token.

``python -m spfcheck.demo.sandbox --port 8090`` starts one with a few contacts. It answers the calls that the notifier
makes as the API does: paging with the cursor in the body, rate-limit headers, the error envelope, consent, both
conversation modes. Faults can be asked of it: see `Faults`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import email.utils
import json
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from spfcheck.demo.sandbox_contract import Contract, shape
from spfcheck.demo.sandbox_state import RefusedByApi, SandboxContact, SandboxWorkspace

WINDOW = 10.0
"""Seconds of one rate-limit window."""

DEFAULT_LIMIT = 1667
"""Requests a window: ten thousand a minute, as the API allows a private app."""


class Fault(StrEnum):
    """What may go wrong with one message."""

    THROTTLE = "throttle"
    """429 before anything else."""
    ERROR_BEFORE = "error-before"
    """500, and the message was not accepted."""
    ERROR_AFTER = "error-after"
    """500, and the message was accepted."""
    LOST_ANSWER = "lost-answer"
    """Accepted, and no answer ever comes."""
    RESET = "reset"
    """The connection breaks; accepted or not, by chance."""


@dataclass(slots=True)
class Faults:
    """Which faults happen to messages: by share, by chance of *rng*; and how slowly they are accepted."""

    shares: Mapping[Fault, float] = field(default_factory=dict)
    rng: random.Random = field(default_factory=random.Random)
    retry_after: int | None = None
    """What a throttled message is told in ``Retry-After``; nothing by default, as the API does."""
    slowest_accept: float = 0.0
    """Seconds that accepting may take: a sender killed meanwhile cannot know how it ended."""

    def next(self) -> Fault | None:
        """The fault of the next message, or None."""
        roll = self.rng.random()
        for fault, share in self.shares.items():
            roll -= share
            if roll < 0:
                return fault
        return None


class Sandbox:
    """The server. *workspace* is its state; *limit* requests a window are allowed before it answers 429.

    *contract* checks every request and answer (`violations` keeps what it found); *intercept* may answer a request in
    the place of everything else, for tests of an API gone wrong.
    """

    def __init__(
        self,
        workspace: SandboxWorkspace,
        *,
        token: str = "sandbox-token",  # noqa: S107 - opens nothing but this sandbox
        limit: int = DEFAULT_LIMIT,
        faults: Faults | None = None,
        contract: Contract | None = None,
    ) -> None:
        self.workspace = workspace
        self.token = token
        self.limit = limit
        self.faults = faults or Faults()
        self.contract = contract
        self.violations: list[str] = []
        self.throttled = 0
        self.requests: dict[str, int] = {}
        self.intercept: Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]] | None = None
        self.url = ""
        self._window, self._used = 0, 0
        self._runner: web.AppRunner | None = None

    def app(self) -> web.Application:
        """The routes that the notifier uses."""
        app = web.Application(middlewares=[self._around], client_max_size=2**20)
        app.add_routes(
            [
                web.get("/me", self._me),
                web.get("/admins", self._admins),
                web.get("/data_attributes", self._attributes),
                web.get("/tags", self._tags),
                web.post("/tags", self._make_tag),
                web.post("/contacts/search", self._search),
                web.get("/contacts/{id}", self._contact),
                web.get("/contacts/{id}/tags", self._contact_tags),
                web.post("/contacts/{id}/tags", self._tag_contact),
                web.get("/contacts/{id}/subscriptions", self._subscriptions),
                web.get("/contacts/{id}/companies", self._contact_companies),
                web.get("/companies/scroll", self._scroll),
                web.post("/messages", self._message),
                web.post("/events", self._event),
                web.post("/conversations/search", self._conversations),
            ]
        )
        return app

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, and say where."""
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0]
        self.url = f"http://{bound[0]}:{bound[1]}"
        return self.url

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @contextlib.asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        """Listen for the length of a block."""
        try:
            yield await self.start(port=port)
        finally:
            await self.stop()

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            body = await request.read()
        except ConnectionResetError:
            # Whoever asked was killed in the middle of the request; nobody gets this answer.
            return web.Response(status=400)
        key = f"{request.method} {_route(request)}"
        self.requests[key] = self.requests.get(key, 0) + 1
        headers, allowed = self._spend()
        response = await self.intercept(request, body) if self.intercept else None
        if response is None:
            try:
                if not allowed:
                    self.throttled += 1
                    message = f"Exceeded rate limit of {self.limit} in 10_seconds"
                    raise RefusedByApi(429, "rate_limit_exceeded", message)
                self._admit(request)
                self._check_request(request, body)
                response = await handler(request)
            except RefusedByApi as refusal:
                response = _envelope(refusal.status, refusal.code, refusal.message)
                if refusal.link:
                    response.headers["Link"] = refusal.link
            except web.HTTPException as missing:
                response = _envelope(missing.status, "not_found", missing.reason)
            self._check_response(request, response)
        if not response.prepared:
            response.headers.update(headers)
            response.headers.setdefault("X-Request-Id", secrets.token_hex(10))
            response.headers["Date"] = email.utils.formatdate(self.workspace.clock(), usegmt=True)
        return response

    def _spend(self) -> tuple[dict[str, str], bool]:
        now = self.workspace.clock()
        window = int(now // WINDOW)
        if window != self._window:
            self._window, self._used = window, 0
        self._used += 1
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self._used)),
            "X-RateLimit-Reset": str(int((window + 1) * WINDOW)),
        }
        return headers, self._used <= self.limit

    def _admit(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise RefusedByApi(401, "unauthorized", "Access Token Invalid")
        if "application/json" not in request.headers.get("Accept", ""):
            raise RefusedByApi(406, "not_acceptable", "The Accept header should send a media type of application/json")
        if request.headers.get("Intercom-Version") not in ("2.14", "2.15", "2.16"):
            raise RefusedByApi(400, "intercom_version_invalid", "The requested version could not be found")

    def _check_request(self, request: web.Request, body: bytes) -> None:
        if self.contract is None:
            return
        known = f"{request.method} {_route(request)} {shape(_document(body))} {sorted(request.query)}"
        if known in self.contract.fine:
            return
        fault = self.contract.request_fault(request.method, _route_path(request), request.query, body)
        if fault:
            self.violations.append(f"{request.method} {request.path}: {fault}")
            raise RefusedByApi(400, "bad_request", f"The published description does not allow this: {fault}")
        self.contract.fine.add(known)

    def _check_response(self, request: web.Request, response: web.StreamResponse) -> None:
        if self.contract is None or not isinstance(response, web.Response) or request.match_info.http_exception:
            return
        if request.transport is None or request.transport.is_closing():
            return  # nobody gets this answer
        body = bytes(response.body) if isinstance(response.body, bytes | bytearray) else b""
        known = f"answer {request.method} {_route(request)} {response.status} {shape(_document(body))}"
        if known in self.contract.fine:
            return
        path = _route_path(request)
        fault = self.contract.response_fault(request.method, path, request.query, response.status, body)
        if fault:
            self.violations.append(f"answer to {request.method} {request.path}: {fault}")
            return
        self.contract.fine.add(known)

    async def _me(self, request: web.Request) -> web.Response:
        del request
        space = self.workspace
        app = {
            "type": "app",
            "id_code": space.workspace,
            "name": "Sandbox",
            "created_at": 1_734_537_243,
            "secure": False,
            "identity_verification": False,
            "timezone": space.timezone,
            "region": "US",
        }
        return web.json_response({**self._admin(), "email_verified": True, "app": app})

    def _admin(self) -> dict[str, Any]:
        return {
            "type": "admin",
            "id": str(self.workspace.admin_id),
            "name": "Support",
            "email": "support@sandbox.example",
            "away_mode_enabled": False,
            "away_mode_reassign": False,
            "has_inbox_seat": True,
            "team_ids": [],
        }

    async def _admins(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"type": "admin.list", "admins": [self._admin()]})

    async def _attributes(self, request: web.Request) -> web.Response:
        model = request.query.get("model", "contact")
        known = self.workspace.attributes if model == "contact" else self.workspace.company_attributes
        data = [
            {
                "type": "data_attribute",
                "id": 1000 + number,
                "model": model,
                "name": name.removeprefix("custom_attributes."),
                "full_name": name,
                "label": name,
                "data_type": kind,
                "custom": True,
                "archived": False,
            }
            for number, (name, kind) in enumerate(known.items())
        ]
        return web.json_response({"type": "list", "data": data})

    async def _tags(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"type": "list", "data": [self._tag(tag_id) for tag_id in self.workspace.tags]})

    def _tag(self, tag_id: str) -> dict[str, Any]:
        return {"type": "tag", "id": tag_id, "name": self.workspace.tags[tag_id]}

    async def _make_tag(self, request: web.Request) -> web.Response:
        name = _text(await request.json(), "name")
        return web.json_response(self._tag(self.workspace.tag_id(name)))

    async def _search(self, request: web.Request) -> web.Response:
        document = await request.json()
        pagination = document.get("pagination") or {}
        per_page = pagination.get("per_page", 50)
        if not isinstance(per_page, int) or not 1 <= per_page <= 150:
            raise RefusedByApi(400, "parameter_invalid", "per_page must be between 1 and 150")
        # The cursor counts in the body only; as a query parameter the API ignores it.
        after = _decode_cursor(pagination.get("starting_after"))
        data, total, following = self.workspace.search(document.get("query"), after, per_page)
        pages: dict[str, Any] = {
            "type": "pages",
            "page": 1,
            "per_page": per_page,
            "total_pages": -(-total // per_page),
        }
        if following:
            pages["next"] = {"per_page": per_page, "starting_after": _encode_cursor(following)}
        return web.json_response({"type": "list", "data": data, "total_count": total, "pages": pages})

    def _named(self, request: web.Request) -> SandboxContact:
        return self.workspace.contact(request.match_info["id"])

    async def _contact(self, request: web.Request) -> web.Response:
        return web.json_response(self._named(request).as_json(self.workspace.workspace))

    async def _contact_tags(self, request: web.Request) -> web.Response:
        data = [self._tag(tag_id) for tag_id in self._named(request).tags]
        return web.json_response({"type": "list", "data": data})

    async def _tag_contact(self, request: web.Request) -> web.Response:
        contact, tag_id = self._named(request), _text(await request.json(), "id")
        if tag_id not in self.workspace.tags:
            raise RefusedByApi(404, "not_found", "Tag Not Found")
        if tag_id not in contact.tags:
            contact.tags.append(tag_id)
        return web.json_response({**self._tag(tag_id), "applied_at": int(self.workspace.clock())})

    async def _subscriptions(self, request: web.Request) -> web.Response:
        data = [
            {
                "type": "subscription",
                "id": str(91 + number),
                "state": "live",
                "consent_type": "opt_out",
                "default_translation": {"name": name, "description": "", "locale": "en"},
                "translations": [],
                "content_types": ["email"],
            }
            for number, name in enumerate(self._named(request).opted_out_of)
        ]
        return web.json_response({"type": "list", "data": data})

    async def _contact_companies(self, request: web.Request) -> web.Response:
        every = [self.workspace.companies[one] for one in self._named(request).companies]
        page, per_page = int(request.query.get("page", "1")), int(request.query.get("per_page", "10"))
        found = every[(page - 1) * per_page : page * per_page]
        last = -(-len(every) // per_page)
        following = f"{request.url.origin()}{request.path}?per_page={per_page}&page={page + 1}"
        pages = {"type": "pages", "page": page, "per_page": per_page, "total_pages": last}
        if page < last:
            pages["next"] = following
        return web.json_response({"type": "list", "companies": found, "total_count": len(every), "pages": pages})

    async def _scroll(self, request: web.Request) -> web.Response:
        page, following = self.workspace.scroll(request.query.get("scroll_param", ""))
        total = len(self.workspace.companies)
        return web.json_response({"type": "list", "data": page, "scroll_param": following, "total_count": total})

    async def _message(self, request: web.Request) -> web.StreamResponse:
        document = await request.json()
        fault = self.faults.next()
        if fault is Fault.THROTTLE:
            response = _envelope(429, "rate_limit_exceeded", f"Exceeded rate limit of {self.limit} in 10_seconds")
            if self.faults.retry_after is not None:
                response.headers["Retry-After"] = str(self.faults.retry_after)
            return response
        if fault is Fault.ERROR_BEFORE:
            raise RefusedByApi(500, "server_error", "Something went wrong")
        contact, subject, body = self._valid_message(document)
        # A server finishes what it was asked, whether or not the one who asked is still there.
        accepting = asyncio.ensure_future(self._accept(document, contact, subject, body, fault))
        answer = await asyncio.shield(accepting)
        if fault is Fault.ERROR_AFTER:
            raise RefusedByApi(500, "server_error", "Something went wrong")
        if fault is Fault.LOST_ANSWER:
            await asyncio.sleep(3600)
        if fault is Fault.RESET and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer)

    async def _accept(
        self, document: dict[str, Any], contact: SandboxContact, subject: str, body: str, fault: Fault | None
    ) -> dict[str, Any]:
        if self.faults.slowest_accept:
            await asyncio.sleep(self.faults.rng.random() * self.faults.slowest_accept)
        if fault is Fault.RESET and self.faults.rng.random() < 0.5:
            return {}
        message = self.workspace.accept(
            contact=contact,
            subject=subject,
            body=body,
            keep_open=document.get("create_conversation_without_contact_reply") is True,
            admin_id=str(self.workspace.admin_id),
        )
        answer = {
            "type": "admin_message",
            "id": message.id,
            "created_at": int(message.at),
            "subject": subject,
            "body": body,
            "message_type": "email",
            "owner": self._admin(),
        }
        return {**answer, "conversation_id": message.conversation_id} if message.conversation_id else answer

    def _valid_message(self, document: dict[str, Any]) -> tuple[SandboxContact, str, str]:
        if not document.get("body"):
            raise RefusedByApi(400, "parameter_invalid", "Body is required")
        if document.get("message_type") == "email" and not document.get("subject"):
            raise RefusedByApi(422, "parameter_not_found", "No subject supplied for email message")
        sender, to = document.get("from"), document.get("to")
        if not isinstance(sender, dict) or str(sender.get("id")) != str(self.workspace.admin_id):
            raise RefusedByApi(403, "action_forbidden", "This admin may not send messages")
        if not isinstance(to, dict) or "cc" in document or "bcc" in document:
            raise RefusedByApi(400, "parameter_invalid", "This sandbox takes one recipient a message, as it should be")
        contact = self.workspace.contact(_text(to, "id"))
        if to.get("type") != contact.role:
            raise RefusedByApi(404, "not_found", "User Not Found")
        if contact.unsubscribed_from_emails:
            raise RefusedByApi(403, "action_forbidden", "This user is unsubscribed from emails")
        return contact, document["subject"], document["body"]

    async def _event(self, request: web.Request) -> web.Response:
        document = await request.json()
        contact = self.workspace.contact(_text(document, "id"))
        metadata = document.get("metadata", {})
        if len(metadata) > 10 or not all(isinstance(value, str) for value in metadata.values()):
            raise RefusedByApi(422, "parameter_invalid", "Metadata is flat and has ten keys at most")
        key = (contact.id, _text(document, "event_name"), int(document["created_at"]))
        self.workspace.events.setdefault(key, metadata)
        return web.Response(status=202)

    async def _conversations(self, request: web.Request) -> web.Response:
        document = await request.json()
        found = self.workspace.search_conversations(document.get("query"))
        pages = {"type": "pages", "page": 1, "per_page": 20, "total_pages": 1}
        data = [one.as_json() for one in found[:20]]
        return web.json_response(
            {"type": "conversation.list", "conversations": data, "total_count": len(found), "pages": pages}
        )


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else request.path


def _route_path(request: web.Request) -> str:
    return request.path


def _document(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


def _text(document: Any, name: str) -> str:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str) or not value:
        raise RefusedByApi(400, "parameter_not_found", f"{name} is required")
    return value


def _envelope(status: int, code: str, message: str) -> web.Response:
    request_id = "-".join(secrets.token_hex(size) for size in (4, 2, 2, 2, 6))
    document = {"type": "error.list", "request_id": request_id, "errors": [{"code": code, "message": message}]}
    return web.json_response(document, status=status)


def _encode_cursor(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode()


def _decode_cursor(cursor: Any) -> str:
    if not cursor:
        return ""
    try:
        return base64.urlsafe_b64decode(str(cursor).encode()).decode()
    except ValueError as error:
        raise RefusedByApi(400, "parameter_invalid", "starting_after is no cursor") from error


async def _serve(port: int) -> None:
    workspace = SandboxWorkspace(clock=time.time)
    for name in ("ada", "ben", "cleo"):
        workspace.add_contact(email=f"{name}@{name}.example", name=name.title(), sending_domain=f"{name}.example")
    sandbox = Sandbox(workspace, contract=Contract.at_hand())
    async with sandbox.running(port) as url:
        print(f"The sandbox of the messaging API listens at {url}.", flush=True)  # noqa: T201 - a command's output
        print(f"token {sandbox.token}, workspace {workspace.workspace}, admin {workspace.admin_id}", flush=True)  # noqa: T201
        await asyncio.Event().wait()


def main() -> None:
    """Serve a sandbox until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m spfcheck.demo.sandbox", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8090)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
