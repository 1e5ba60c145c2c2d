"""The main app's client: an answer within a second, and never an exception for a fault of the service.

The service is a hint beside the product. So a call is given 200 ms to connect and 1 s in all; after five calls in a
row without an answer nobody is kept waiting for ten seconds (a circuit breaker); at most eight calls wait at a time (a
bulkhead). Whenever there is no answer, the answer is `unknown`, which a product shows as no hint.

    client = Client("http://127.0.0.1:8080", key="spfk_...")
    hint = client.check("customer.example")
    if hint.status == "action_needed":
        show(hint.headline, hint.record)

`Client` is for threads, `AsyncClient` for asyncio; both keep their connections, so make one for the whole process.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

__all__ = ["AsyncClient", "Breaker", "Client", "Hint"]

CONNECT_SECONDS = 0.2
TOTAL_SECONDS = 1.0
WAIT_MS = 700
"""What the service may wait for the DNS, so that its answer still comes within the second."""

GRACE_SECONDS = 0.03
"""For handing a call to the thread that waits, and back."""

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 10.0
WAITING_AT_MOST = 8
LARGEST_ANSWER = 256 * 1024
"""Bytes; a summary has one or two thousand. A longer answer is none of ours."""

STATUSES = frozenset({"ok", "at_risk", "action_needed", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What the main app may show of a domain."""

    domain: str
    status: str
    """``ok``, ``at_risk``, ``action_needed`` or ``unknown``."""
    headline: str = ""
    """One sentence for a person; empty when the service did not answer."""
    record: str = ""
    """What the owner should publish; empty where no change is proven."""
    record_name: str = ""
    """Where it belongs."""
    remaining: tuple[str, ...] = ()
    """What it would still do to the mail of others, a sentence each for a person."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """The summary as the service sent it; empty when it did not answer."""
    reason: str = ""
    """Why there is no answer: ``open``, ``full``, ``timeout``, ``unreachable``, ``refused``, ``invalid``."""
    likely: str = ""
    """The domain that was probably meant: with ``invalid``, or where this one is a host without any mail."""


class Breaker:
    """Open after several failures in a row; then one call is let through now and then to see whether it is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._retry_at = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        """True while calls are answered without asking."""
        return self._failures >= FAILURES_TO_OPEN

    def allows(self) -> bool:
        """Whether a call may go out now; whoever is told so has to say how it ended."""
        if not self.open:
            return True
        with self._lock:
            if self._probing or self._clock() < self._retry_at:
                return False
            self._probing = True
            return True

    def due(self) -> bool:
        """Whether an open breaker would let a call through now."""
        return not self._probing and self._clock() >= self._retry_at

    def succeeded(self) -> None:
        """A call was answered, whatever the answer says."""
        with self._lock:
            self._failures = 0
            self._probing = False

    def failed(self, wait: float = OPEN_SECONDS) -> None:
        """A call was not answered, or by a fault; *wait* seconds may pass before the next one."""
        with self._lock:
            self._failures += 1
            self._probing = False
            if self._failures >= FAILURES_TO_OPEN:
                self._retry_at = self._clock() + wait


class _Common:
    """What both clients share: the request, and how an answer is read."""

    def __init__(self, url: str, key: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._base = url.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "spfcheck-client"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._timeout = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        self._limits = httpx.Limits(max_connections=WAITING_AT_MOST, max_keepalive_connections=WAITING_AT_MOST)
        self.breaker = Breaker(clock)

    def _address(self, domain: str) -> str:
        return f"{self._base}/v1/check/{quote(domain, safe='')}?view=summary&wait_ms={WAIT_MS}"

    def _read(self, domain: str, status: int, body: bytes) -> Hint:
        """The hint that an answer is. 4xx is an answer: the caller's fault opens no breaker."""
        if status >= 500:
            self.breaker.failed()
            return _unknown(domain, "refused")
        document = _document(body)
        if status != 200:
            self.breaker.succeeded()
            if status == 400 and document.get("type") == "/problems/not-a-domain-name":
                return Hint(
                    domain=domain, status="unknown", reason="invalid", likely=_text(document.get("likely")),
                    headline=_text(document.get("detail")),
                )  # fmt: skip
            return _unknown(domain, "refused")
        if document.get("status") not in STATUSES:
            self.breaker.failed()
            return _unknown(domain, "refused")
        self.breaker.succeeded()
        remedy = document.get("remedy")
        remedy = remedy if isinstance(remedy, dict) else {}
        return Hint(
            domain=domain,
            status=str(document["status"]),
            headline=_text(document.get("headline")),
            record=_text(remedy.get("value")),
            record_name=_text(remedy.get("name")),
            remaining=_messages(remedy.get("remaining")),
            report=document,
            likely=_text(document.get("likely")),
        )


def _unknown(domain: str, reason: str) -> Hint:
    return Hint(domain=domain, status="unknown", reason=reason)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _messages(findings: object) -> tuple[str, ...]:
    found = findings if isinstance(findings, list) else []
    return tuple(_text(one.get("message")) for one in found if isinstance(one, dict))


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


class AsyncClient(_Common):
    """The client for asyncio. `check` never raises for what the service or the network does."""

    def __init__(self, url: str, key: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(url, key, clock=clock)
        self._waiting = 0
        self._http = httpx.AsyncClient(
            headers=self._headers,
            timeout=self._timeout,
            limits=self._limits,
            # Reading the certificates takes 0.1 s, which a plain address does not need; redirects are not followed.
            verify=url.startswith("https://"),
            trust_env=False,
        )

    async def check(self, domain: str) -> Hint:
        """What to tell the owner of *domain*, within a second."""
        if self._waiting >= WAITING_AT_MOST:
            return _unknown(domain, "full")
        if not self.breaker.allows():
            return _unknown(domain, "open")
        self._waiting += 1
        try:
            # The time-outs of httpx are between two bytes; a server that drips them never meets one.
            async with asyncio.timeout(TOTAL_SECONDS):
                status, body = await self._ask(domain)
        except (TimeoutError, httpx.TimeoutException):
            self.breaker.failed()
            return _unknown(domain, "timeout")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError, RuntimeError):
            self.breaker.failed()
            return _unknown(domain, "unreachable")
        except asyncio.CancelledError:
            self.breaker.failed()
            raise
        finally:
            self._waiting -= 1
        return self._read(domain, status, body)

    async def _ask(self, domain: str) -> tuple[int, bytes]:
        async with self._http.stream("GET", self._address(domain)) as answer:
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise ValueError("The answer is too long to be one of ours.")
            return answer.status_code, body

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Client:
    """The client for programs with threads. `check` never raises for what the service or the network does.

    One thread of its own does the waiting, since only there can a whole call be ended in time. It is made anew
    in a forked process.
    """

    def __init__(self, url: str, key: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._make = lambda: AsyncClient(url, key, clock=clock)
        self._lock = threading.Lock()
        self._worker: _Worker | None = _Worker(self._make)

    @property
    def breaker(self) -> Breaker:
        """The circuit breaker."""
        return self._at_work().client.breaker

    def check(self, domain: str) -> Hint:
        """What to tell the owner of *domain*, within a second."""
        worker = self._at_work()
        if worker.client.breaker.open and not worker.client.breaker.due():
            return _unknown(domain, "open")  # without a turn of the other thread
        call = asyncio.run_coroutine_threadsafe(worker.client.check(domain), worker.loop)
        try:
            return call.result(TOTAL_SECONDS + GRACE_SECONDS)
        except (TimeoutError, concurrent.futures.CancelledError):
            call.cancel()
            return _unknown(domain, "timeout")

    def _at_work(self) -> _Worker:
        with self._lock:
            if self._worker is None or self._worker.pid != os.getpid():
                self._worker = _Worker(self._make)
            return self._worker

    def close(self) -> None:
        """Close the connections and end the thread."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None and worker.pid == os.getpid():
            worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Worker:
    """A thread with a loop, and the client that lives in it."""

    def __init__(self, make: Callable[[], AsyncClient]) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.client = make()
        self._thread = threading.Thread(target=self._run, name="spfcheck-client", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.client.close(), self.loop).result(TOTAL_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(TOTAL_SECONDS)
        self.loop.close()
